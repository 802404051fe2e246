"""Many questions at once, each about its own picture, answered in words: to measure, not to talk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..media.audio import heard_nothing
from ..model.decode import Limits, answer_batch
from ..model.prompt import BEGIN
from ..turn import Question
from .end_to_end import MOST_TEXT, NOTHING_HEARD, EndToEnd
from .eye import pixels
from .wording import sentence


@dataclass(frozen=True)
class Answered:
    """The words of an answer, and the caption of the question where it was spoken."""

    text: str
    heard: str | None


@torch.inference_mode()
def answer_many(engine: EndToEnd, pictures: Sequence[Image], questions: Sequence[Question]) -> list[Answered]:
    """Answer question `i` about picture `i`, each as it would be alone and first in its conversation."""
    heard = _hear(engine, questions)
    seen = engine.model.picture_embeddings(torch.cat([pixels(p, engine.model.config.vision) for p in pictures]))
    begin = engine.model.embed(torch.tensor([BEGIN]))
    asked: dict[int, Tensor] = {}
    for row, (question, ear) in enumerate(zip(questions, heard, strict=True)):
        if question.text or ear is not None:
            prompt = engine.prompt(question.text, None if ear is None else ear.embeddings)
            asked[row] = torch.cat([begin, seen[row], prompt[0]])
    limits = Limits(text=MOST_TEXT)
    written = answer_batch(engine.model, list(asked.values()), engine.grammar, limits=limits) if asked else []
    said = dict(zip(asked, (sentence(engine.words(ids)) for ids, _ in written), strict=True))
    return [
        Answered(said.get(row, sentence(NOTHING_HEARD)), None if ear is None else ear.caption)
        for row, ear in enumerate(heard)
    ]


@dataclass(frozen=True)
class _Ear:
    embeddings: Tensor
    caption: str


def _hear(engine: EndToEnd, questions: Sequence[Question]) -> list[_Ear | None]:
    """Every spoken question in one batch; None where nobody speaks."""
    rows = [row for row, q in enumerate(questions) if q.speech is not None and not heard_nothing(q.speech)]
    heard: list[_Ear | None] = [None] * len(questions)
    if not rows:
        return heard
    mels = [engine.mel(speech) for row in rows if (speech := questions[row].speech) is not None]
    longest = max(mel.shape[-1] for mel in mels)
    batch = torch.stack([F.pad(mel, (0, longest - mel.shape[-1])) for mel in mels])
    features = engine.model.speech_embeddings(batch, torch.tensor([mel.shape[-1] for mel in mels]))
    captions = engine.model.ear.captions(features)
    for place, row in enumerate(rows):
        length = int(features.lengths[place])
        heard[row] = _Ear(features.embeddings[place : place + 1, :length], engine.words(captions[place]))
    return heard
