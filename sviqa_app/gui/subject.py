"""What is talked about: a picture and its conversation; and a question about it, written down before it is asked."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from ..errors import PictureError, RecordingError, SviqaError
from ..history import History
from ..media.audio import heard_nothing
from ..turn import Question
from .talking import Take

NOTHING_SAID = "Nothing was recorded.", "Hold the key while you speak, and let go when you are done."
NEVER_CAME = "The picture could not be opened, so the question was not asked.", "Open another picture."


@dataclass
class Subject:
    """A picture, None while it is being read, under its `name`; `number` is that of its conversation, once begun."""

    picture: Image | None
    name: str
    number: int | None = None

    def begin(self, history: History) -> int:
        """The number of its conversation, which begins now if it has not. Raises OutputError."""
        if self.number is None:
            self.number = history.begin_conversation(self.picture, self.name)
        return self.number


@dataclass(frozen=True)
class Written:
    """A question, its number in the history (None where it could not be kept) and what went wrong on the way."""

    question: Question
    row: int | None
    trouble: SviqaError | None


def write_down(subject: Subject, history: History, take: Future[Take] | None, text: str) -> Written:
    """Put a question on the disk: what was said, once it is complete, what was typed, or both.

    Raises RecordingError where nothing was said or typed, PictureError where the picture turned out to be none.
    """
    said = None if take is None else take.result()
    path, recording, trouble = (said.path, said.recording, said.trouble) if said else (None, None, None)
    if recording is not None and not text and heard_nothing(recording):
        _remove(path)
        raise trouble or RecordingError(*NOTHING_SAID)
    if subject.picture is None:
        raise PictureError(*NEVER_CAME)
    row = None
    try:
        row = history.begin_turn(subject.begin(history), path, text or None)
    except SviqaError as error:
        trouble = trouble or error
    return Written(Question(recording, text or None), row, trouble)


def throw_away(take: Future[Take]) -> None:
    """Keep nothing of what was said."""
    _remove(take.result().path)


def _remove(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)
