"""Many questions at once, each answered as it would be alone and first in its conversation.

Every picture is seen once for all its questions, and read once by the language model for several of them. What is
of like length goes together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import exp
from statistics import fmean

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..errors import EngineError
from ..manner import USUAL, Manner
from ..media.audio import heard_nothing
from ..model.decode import Limits, TextEnd, TextToken, Writer
from ..model.prompt import encode
from ..turn import Question, Samples
from .end_to_end import LEAST_ROOM, MOST_TEXT, NOTHING_HEARD, EndToEnd
from .eye import pixels
from .manners import asked_for
from .together import Family, batches, write
from .wording import sentence

HEARD_AT_ONCE, SEEN_AT_ONCE = 4, 8  # more in one batch are slower: the padding grows, and the caches overflow
MOST_AT_ONCE = 32
MOST_OF_A_PICTURE = 8  # questions; each takes room that the others do not use
ROOM = 256_000_000
"""Bytes that the keys and values of the questions in one batch may take."""


@dataclass(frozen=True)
class Answered:
    """The words of an answer, and the caption of the question where it was spoken.

    `confidence` is the geometric mean of the probabilities of its tokens, None where nothing was asked; `sound`
    is [n] at the engine's sample rate, where it was to be spoken.
    """

    text: str
    heard: str | None
    confidence: float | None = None
    sound: Samples | None = None


@dataclass(frozen=True)
class Ready:
    """A question as the model takes it: `mel` [mels, frames] of its speech, its words, and its length in tokens.

    `manner` is how the answer is to be spoken; nothing is `asked` by a recording in which nobody speaks.
    """

    mel: Tensor | None
    words: str | None
    length: int
    manner: Manner = USUAL
    asked: bool = True


@dataclass(frozen=True)
class _Ear:
    embeddings: Tensor
    caption: str


def answer_many(engine: EndToEnd, pictures: Sequence[Image], questions: Sequence[Question]) -> list[Answered]:
    """Answer question `i` about picture `i` in words. Raises EngineError where one is too long for the model."""
    once = {id(picture): picture for picture in pictures}
    place = {key: n for n, key in enumerate(once)}
    seen = [look(engine, picture) for picture in once.values()]
    ready = [make_ready(engine, question) for question in questions]
    return answer_ready(engine, seen, [place[id(picture)] for picture in pictures], ready)


def look(engine: EndToEnd, picture: Image) -> Tensor:
    """All of a picture that can be done beside the model's work, in any thread: pixels [1, 3, S, S]."""
    return pixels(picture, engine.model.config.vision)


def make_ready(engine: EndToEnd, question: Question) -> Ready:
    """All of a question that can be done beside the model's work, in any thread.

    Raises EngineError where it is longer than the model can hold.
    """
    manner, words, _ = asked_for(question.text or "", question.manner)
    silent = question.speech is not None and heard_nothing(question.speech)
    mel = None if question.speech is None or silent else engine.mel(question.speech)
    config = engine.model.config
    frames = 0 if mel is None else config.speech.embeddings(mel.shape[-1])
    length = 2 + frames + (len(encode(engine.tokenizer, words)) if words else 0)
    picture = 1 + config.vision.patches
    if config.text.max_positions - picture - length < LEAST_ROOM:
        raise EngineError("This question is longer than the model can hold.", "Ask in fewer words.")
    return Ready(mel, words or None, length, manner, asked=bool(words) or mel is not None)


def at_once(engine: EndToEnd) -> int:
    """How many questions one batch holds: as many as `ROOM` has room for."""
    config = engine.model.config
    text, patches = config.text, config.vision.patches
    a_place = 2 * 4 * text.layers * text.kv_heads * (text.hidden_size // text.heads)
    return min(MOST_AT_ONCE, max(1, ROOM // (a_place * (patches + 2 * MOST_TEXT))))


@torch.inference_mode()
def answer_ready(
    engine: EndToEnd, pictures: Sequence[Tensor], about: Sequence[int], questions: Sequence[Ready], speak: bool = False
) -> list[Answered]:
    """Answer question `i` about picture number `about[i]`; `pictures` are pixels [1, 3, S, S], each given once."""
    if not questions:
        return []
    heard, seen = _hear(engine, questions), _see(engine, pictures)
    answers = [_begin(engine, q, ear, 1 + seen.shape[1], speak) for q, ear in zip(questions, heard, strict=True)]
    families = []
    for rows in _same_picture(about, min(MOST_OF_A_PICTURE, at_once(engine))):
        prompts = [engine.prompt(questions[r].words, e.embeddings if (e := heard[r]) else None)[0] for r in rows]
        families.append(Family(seen[about[rows[0]]], prompts, [answers[row] for row in rows]))
    for some in batches(families, at_once(engine)):
        write(engine.model, some)
    return [answer.told(engine, q.manner if speak else None) for answer, q in zip(answers, questions, strict=True)]


def _same_picture(about: Sequence[int], most: int) -> Iterator[list[int]]:
    """The rows that ask about the same picture, so many at most."""
    rows: dict[int, list[int]] = {}
    for row, picture in enumerate(about):
        rows.setdefault(picture, []).append(row)
    return (some[first : first + most] for some in rows.values() for first in range(0, len(some), most))


def _see(engine: EndToEnd, pictures: Sequence[Tensor]) -> Tensor:
    """Every picture as the language model takes it: [pictures, patches, H]."""
    waiting = iter(pictures)
    groups = iter(lambda: list(islice(waiting, SEEN_AT_ONCE)), [])
    return torch.cat([engine.model.picture_embeddings(torch.cat(some)) for some in groups])


def _hear(engine: EndToEnd, questions: Sequence[Ready]) -> list[_Ear | None]:
    """Every spoken question once, those of like length together; None where nobody speaks."""
    ears: dict[int, _Ear] = {}
    mels = {id(q.mel): q.mel for q in questions if q.mel is not None}
    by_length = iter(sorted(mels.values(), key=lambda mel: mel.shape[-1]))
    while group := list(islice(by_length, HEARD_AT_ONCE)):
        longest = group[-1].shape[-1]
        batch = torch.stack([F.pad(mel, (0, longest - mel.shape[-1])) for mel in group])
        features = engine.model.speech_embeddings(batch, torch.tensor([mel.shape[-1] for mel in group]))
        captions = engine.model.ear.captions(features)
        for place, mel in enumerate(group):
            length = int(features.lengths[place])
            ears[id(mel)] = _Ear(features.embeddings[place : place + 1, :length], engine.words(captions[place]))
    return [None if q.mel is None else ears[id(q.mel)] for q in questions]


class _Answer:
    """One answer being written."""

    def __init__(self, writer: Writer, caption: str | None, scripted: bool) -> None:
        self._writer = writer
        self._caption = caption
        self._scripted = scripted
        self._logs: list[float] = []

    @property
    def done(self) -> bool:
        """See Answer."""
        return self._writer.done

    @property
    def place(self) -> int:
        """See Answer."""
        return self._writer.place

    def take(self, logits: Tensor, total: float) -> int:
        """See Answer."""
        id, token = self._writer.take(logits)
        if isinstance(token, TextToken | TextEnd) and not self._scripted:
            self._logs.append(float(logits[id]) - total)
        return id

    def told(self, engine: EndToEnd, manner: Manner | None) -> Answered:
        """The answer as a person gets it, spoken where there is a manner to speak it in."""
        sound = None if manner is None else engine.speech.speaking(manner).speak(self._writer.voiced)
        confidence = exp(fmean(self._logs)) if self._logs else None
        return Answered(sentence(engine.words(self._writer.text)), self._caption, confidence, sound)


def _begin(engine: EndToEnd, question: Ready, ear: _Ear | None, picture: int, speak: bool) -> _Answer:
    """An answer of which nothing is written yet, after a picture of so many places."""
    room = engine.model.config.text.max_positions - picture - question.length
    script = [] if question.asked else encode(engine.tokenizer, NOTHING_HEARD)
    writer = Writer(engine.grammar, speak, script, Limits(text=MOST_TEXT, audio=room - MOST_TEXT))
    return _Answer(writer, None if ear is None else ear.caption, bool(script))
