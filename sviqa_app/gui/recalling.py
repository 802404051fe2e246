"""Turns of the history as the window shows them."""

from __future__ import annotations

from ..errors import SviqaError
from ..history import Turn
from ..media.audio import load_recording
from ..turn import Question
from .exchange import Exchange, Fate

_FATES = {"done": Fate.ANSWERED, "cancelled": Fate.STOPPED, "failed": Fate.FAILED}


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
