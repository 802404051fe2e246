"""Questions for an engine that answers one at a time, under the same names as many.py has them for ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL.Image import Image

from ..turn import AudioChunk, Done, Heard, Question
from .base import Conversation, Engine
from .many import Answered


def look(_engine: Engine, picture: Image) -> Image:
    """Nothing of a picture can be done ahead."""
    return picture


def make_ready(_engine: Engine, question: Question) -> Question:
    """Nothing of a question can be done ahead."""
    return question


def at_once(_engine: Engine) -> int:
    """One question."""
    return 1


def answer_ready(
    engine: Engine, pictures: Sequence[Image], about: Sequence[int], questions: Sequence[Question], speak: bool = False
) -> Iterator[Answered]:
    """Answer question `i` about picture number `about[i]`, each as the first of its conversation."""
    shown, talk = -1, None
    for picture, question in zip(about, questions, strict=True):
        if talk is None or picture != shown:
            shown, talk = picture, engine.load_picture(pictures[picture])
        talk.restart()
        yield _answer(talk, question, speak)


def _answer(talk: Conversation, question: Question, speak: bool) -> Answered:
    text, heard, sound = "", None, []
    for event in talk.answer(question, speak=speak):
        match event:
            case Heard():
                heard = event.text
            case AudioChunk():
                sound.append(event.samples)
            case Done():
                text = event.text
    return Answered(text, heard, None, np.concatenate(sound) if sound else None)
