"""A question and its answer as the window shows them, and what it calls its states."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from ..turn import Question, Samples


class State(Enum):
    """What the window is doing, in the words it is shown and said with."""

    READY = "Ready"
    RECORDING = "Recording"
    THINKING = "Thinking"
    SPEAKING = "Speaking"


class Fate(Enum):
    """What became of a question."""

    WAITING = "waiting"
    ANSWERED = "answered"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(eq=False)
class Exchange:
    """One question about the picture and all that is known of its answer so far.

    `row` and `conversation` are its numbers in the history, None where it is not kept; `about` the region it is about
    ("" for the whole picture), `why` what went wrong, `rate` the samples a second of `sound`; `read_out` is whether the
    screen reader reads the answer.
    """

    row: int | None
    conversation: int | None
    question: Question
    about: str = ""
    heard: str = ""
    answer: str = ""
    fate: Fate = Fate.WAITING
    why: str = ""
    rate: int = 0
    read_out: bool = False
    seconds: dict[str, float | None] = field(default_factory=dict)
    chunks: list[Samples] = field(default_factory=list)

    @property
    def asked(self) -> str:
        """The question in words, as far as they are known."""
        return " — ".join(filter(None, (self.heard, self.question.text))) or "a spoken question"

    @property
    def sound(self) -> Samples:
        """The voiced answer, [n] at `rate`."""
        return np.concatenate(self.chunks) if self.chunks else np.zeros(0, np.float32)

    @property
    def told(self) -> str:
        """The answer, or why there is none, as one line."""
        if self.fate is Fate.FAILED:
            return self.why
        if self.fate is Fate.STOPPED:
            return f"{self.answer} (stopped)".strip()
        return self.answer

    def lines(self, waiting: str) -> tuple[str, str]:
        """The question and the answer, or `waiting` where there is none yet, as a list shows them."""
        about = f" (about {self.about})" if self.about else ""
        return f"You: {self.asked}{about}", f"Answer: {self.told or waiting}"
