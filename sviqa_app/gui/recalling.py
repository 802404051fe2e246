"""Turns of the history as the window shows them."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PictureError, SviqaError
from ..history import History, Turn
from ..media.audio import load_recording
from ..media.image import load_picture
from ..turn import Question
from .exchange import Exchange, Fate
from .subject import Subject

_FATES = {"done": Fate.ANSWERED, "cancelled": Fate.STOPPED, "failed": Fate.FAILED}
_GONE = "The picture of that conversation is gone.", "Open it again and ask anew."


@dataclass(frozen=True)
class Recalled:
    """A conversation of the history: its picture, read again, and its turns."""

    subject: Subject
    exchanges: list[Exchange]


def recall(history: History, number: int) -> Recalled:
    """A conversation by its number. Raises SviqaError."""
    found = next(iter(history.conversations(1, before=number + 1)), None)
    if found is None or found.id != number or found.picture is None:
        raise PictureError(*_GONE)
    subject = Subject(load_picture(found.picture), found.source, number)
    return Recalled(subject, [remembered(turn) for turn in history.turns(number)])


def unanswered(history: History) -> list[Exchange]:
    """What was asked and never answered, with its recordings, also those that a crash cut off. Raises OutputError."""
    for path in history.orphans():
        history.adopt(path)
    found = []
    for turn in history.pending():
        exchange = remembered(turn)
        exchange.question = question_of(turn)
        if exchange.question.speech is not None or exchange.question.text:
            found.append(exchange)
    return found


def remembered(turn: Turn) -> Exchange:
    """A turn of the history, to be shown. Its recording stays on the disk."""
    return Exchange(
        turn.id,
        turn.conversation,
        Question(text=turn.typed or None),
        heard=turn.heard or "",
        answer=turn.answer or "",
        fate=_FATES.get(turn.state, Fate.WAITING),
        why=turn.why or "",
    )


def question_of(turn: Turn) -> Question:
    """What a turn asked, to be asked again. Where its recording is gone, only words are left."""
    try:
        speech = None if turn.speech is None else load_recording(turn.speech)
    except SviqaError:
        speech = None
    return Question(speech, turn.typed or None)
