"""One turn: a question about a picture, and the events of its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .manner import USUAL, Manner

Mode = Literal["speech", "text", "mixed"]
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """Mono sound. `samples`: [n] float32 in [-1, 1], finite; `rate`: samples a second."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Question:
    """What is asked about the picture in hand: speech (16 kHz), text, or both; and how the answer is to be spoken."""

    speech: Recording | None = None
    text: str | None = None
    manner: Manner = USUAL

    @property
    def mode(self) -> Mode:
        """Which way the question was put."""
        if self.speech is None:
            return "text"
        return "mixed" if self.text else "speech"


@dataclass(frozen=True)
class TextDelta:
    """More words of the answer."""

    text: str


@dataclass(frozen=True)
class AudioChunk:
    """More sound of the answer: [n] float32 at `rate`."""

    samples: Samples
    rate: int


@dataclass(frozen=True)
class Heard:
    """The caption of the spoken question, computed off the path of the answer."""

    text: str


@dataclass(frozen=True)
class Remark:
    """Something the person should know about the answer, which is not part of it."""

    text: str


@dataclass(frozen=True)
class Done:
    """The end of an answer. `seconds` holds first_audio (or None) and total, from the end of the question."""

    text: str
    seconds: dict[str, float | None] = field(default_factory=dict)
    tokens: int = 0
    cancelled: bool = False


AnswerEvent = TextDelta | AudioChunk | Heard | Remark | Done
