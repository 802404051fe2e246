"""What every engine offers: look at a picture once, then answer questions about it as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from PIL.Image import Image

from ..model.decode import Stop, never
from ..turn import AnswerEvent, Question


class Conversation(Protocol):
    """Questions about one picture. Each answer may lean on the turns before it."""

    def answer(self, question: Question, *, speak: bool = True, stop: Stop = never) -> Iterator[AnswerEvent]:
        """Text and sound as they come, then what was heard, then Done, always last.

        `stop` is asked before every token: once it says so, Done(cancelled=True) follows and the turn is
        forgotten, as it is when the iterator is closed early. `speak=False` answers in words alone.
        Raises EngineError where the conversation or the question is longer than the model can hold.
        """

    def restart(self) -> None:
        """Forget every turn, but not the picture."""


class Engine(Protocol):
    """A model that is loaded and ready."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def sample_rate(self) -> int:
        """Samples a second of the answers' sound."""

    def load_picture(self, picture: Image) -> Conversation:
        """Read an upright RGB picture, so that what remains at question time is the question."""
