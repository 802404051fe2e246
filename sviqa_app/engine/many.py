"""Many questions at once, each answered as it would be alone and first in its conversation.

Every picture is read once for all its questions, as far into the language model as the questions share it. Questions
of like length go together, and an answer that is written makes room for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import exp
from statistics import fmean
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from transformers.cache_utils import DynamicCache, DynamicLayer

from ..errors import EngineError
from ..manner import USUAL, Manner
from ..media.audio import heard_nothing
from ..model.decode import Cache, Limits, TextEnd, TextToken, Writer, decode_one_token, pad_left, prefill
from ..model.prompt import BEGIN, encode
from ..model.prompt import END as _END
from ..turn import Question, Samples
from .end_to_end import LEAST_ROOM, MOST_TEXT, NOTHING_HEARD, EndToEnd
from .eye import pixels
from .manners import asked_for
from .wording import sentence

HEARD_AT_ONCE = SEEN_AT_ONCE = 8  # more in one batch are slower: the padding grows, and the caches overflow
MOST_AT_ONCE = 32
ROOM = 256_000_000
"""Bytes that the keys and values of the questions in one batch may take."""

SPARE = 32  # places for tokens to come that keys and values are given each time they run out of room
_KEPT = 0.75  # once fewer of a batch's answers than this are unfinished, the others are dropped from it


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


Seen = list[tuple[Tensor, Tensor]]
"""Of each layer the keys and the values, each [pictures, heads, L, D]."""


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
    answers = [_begin(engine, q, ear, seen[0][0].shape[-2], speak) for q, ear in zip(questions, heard, strict=True)]
    rows = iter(sorted(range(len(questions)), key=lambda row: questions[row].length))
    while group := list(islice(rows, at_once(engine))):
        prompts = [engine.prompt(questions[r].words, e.embeddings if (e := heard[r]) else None)[0] for r in group]
        cache = _chosen(seen, [about[r] for r in group], max(map(len, prompts)) + SPARE)
        _write(engine, cache, prompts, [answers[r] for r in group])
    return [answer.told(engine, q.manner if speak else None) for answer, q in zip(answers, questions, strict=True)]


def _see(engine: EndToEnd, pictures: Sequence[Tensor]) -> Seen:
    """What the language model keeps of each picture."""
    parts = []
    begin = engine.model.embed(torch.tensor([[BEGIN]]))
    waiting = iter(pictures)
    while some := list(islice(waiting, SEEN_AT_ONCE)):
        seen = engine.model.picture_embeddings(torch.cat(some))
        parts.append(prefill(engine.model, torch.cat([begin.expand(len(seen), 1, -1), seen], dim=1))[1])
    layers = zip(*(part.layers for part in parts), strict=True)
    return [(torch.cat([part.keys for part in same]), torch.cat([part.values for part in same])) for same in layers]


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


class _Roomy(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values that grow in place, where transformers copies all of them for every token."""

    def __init__(self, keys: Tensor, values: Tensor, room: int) -> None:
        """`keys` and `values`: [B, heads, L, D]; so many more places fit before anything is copied."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self._length = keys.shape[-2]
        self._stored = _roomier(keys, room), _roomier(values, room)
        self._show()

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """See transformers' CacheLayerMixin."""
        begin, self._length = self._length, self._length + key_states.shape[-2]
        missing = self._length - self._stored[0].shape[-2]
        if missing > 0:
            self._stored = _roomier(self._stored[0], missing + SPARE), _roomier(self._stored[1], missing + SPARE)
        keys, values = self._show()
        keys[:, :, begin:], values[:, :, begin:] = key_states, value_states
        return keys, values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Only these rows."""
        self._stored = self._stored[0][indices], self._stored[1][indices]
        self._show()

    def _show(self) -> tuple[Tensor, Tensor]:
        """What is there, as transformers looks at it."""
        keys, values = (part[:, :, : self._length] for part in self._stored)
        self.keys, self.values = keys, values
        return keys, values


def _roomier(part: Tensor, more: int) -> Tensor:
    """A copy of keys or values with so many more places, which hold nothing in particular."""
    stored = part.new_empty(*part.shape[:2], part.shape[2] + more, part.shape[3])
    stored[:, :, : part.shape[2]] = part
    return stored


def _chosen(seen: Seen, pictures: list[int], room: int) -> Cache:
    """A cache that has seen these pictures, a row each, and has room for so many tokens more."""
    chosen = DynamicCache()
    chosen.layers = [_Roomy(keys[pictures], values[pictures], room) for keys, values in seen]
    return chosen


class _Answer:
    """One answer being written."""

    def __init__(self, writer: Writer, caption: str | None, scripted: bool) -> None:
        self.writer = writer
        self._caption = caption
        self._scripted = scripted
        self._logs: list[float] = []

    def take(self, logits: Tensor, total: float) -> int:
        """From logits [V] and the logarithm of the sum of their exponentials: the id that comes next."""
        id, token = self.writer.take(logits)
        if isinstance(token, TextToken | TextEnd) and not self._scripted:
            self._logs.append(float(logits[id]) - total)
        return id

    def told(self, engine: EndToEnd, manner: Manner | None) -> Answered:
        """The answer as a person gets it, spoken where there is a manner to speak it in."""
        sound = None if manner is None else engine.speech.speaking(manner).speak(self.writer.voiced)
        confidence = exp(fmean(self._logs)) if self._logs else None
        return Answered(sentence(engine.words(self.writer.text)), self._caption, confidence, sound)


def _begin(engine: EndToEnd, question: Ready, ear: _Ear | None, picture: int, speak: bool) -> _Answer:
    """An answer of which nothing is written yet, after a picture of so many places."""
    room = engine.model.config.text.max_positions - picture - question.length
    script = [] if question.asked else encode(engine.tokenizer, NOTHING_HEARD)
    writer = Writer(engine.grammar, speak, script, Limits(text=MOST_TEXT, audio=room - MOST_TEXT))
    return _Answer(writer, None if ear is None else ear.caption, bool(script))


def _write(engine: EndToEnd, cache: Cache, prompts: Sequence[Tensor], answers: Sequence[_Answer]) -> None:
    """Write answer `i` after what row `i` of the cache holds and prompt `i`, [L, H]."""
    model, seen = engine.model, cache.get_seq_length()
    embeddings, mask = pad_left(prompts)
    start = seen + mask.sum(1)
    positions = seen + (mask.cumsum(1) - 1).clamp_min(0)
    mask = F.pad(mask, (seen, 0), value=1)
    logits, cache = prefill(model, embeddings, cache, positions, mask)
    writing = list(answers)
    while True:
        position = start + torch.tensor([a.writer.place for a in writing])
        totals = logits.logsumexp(-1).tolist()
        ids = [_END if a.writer.done else a.take(*row) for a, *row in zip(writing, logits, totals, strict=True)]
        going = [row for row, a in enumerate(writing) if not a.writer.done]
        if not going:
            return
        if len(going) < _KEPT * len(writing):
            kept = torch.tensor(going)
            cache.batch_select_indices(kept)
            writing, ids = [writing[row] for row in going], [ids[row] for row in going]
            position, start, mask = position[kept], start[kept], mask[kept]
        mask = F.pad(mask, (0, 1), value=1)
        logits, cache = decode_one_token(model, torch.tensor(ids), cache, position, mask)
