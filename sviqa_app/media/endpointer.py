"""Where a spoken question begins and ends, by how likely each frame of sound is speech."""

from __future__ import annotations

from enum import Enum, auto

from .vad import FRAME_SECONDS

# Seconds of speech after which a question has begun, and without which it was a click or a cough.
BEGINS_AFTER = 0.1
MIN_SPEECH = 0.25
# Seconds without speech after which a question has ended. People stop for half a second in the middle of one.
SILENCE = 0.7
# How likely speech must be to be taken for it; it goes on for as long as it is not much less likely.
_STARTS, _GOES_ON = 0.5, 0.35


class Turning(Enum):
    """What a frame of sound brought about."""

    BEGAN = auto()
    ENDED = auto()
    DROPPED = auto()
    """It ended, and was too short to be a question."""


class Endpointer:
    """Tells where questions begin and end. Each BEGAN is followed by one ENDED or DROPPED, but for a `reset`."""

    def __init__(self, silence: float = SILENCE) -> None:
        """`silence`: seconds without speech after which a question has ended."""
        self._patience = _frames(silence)
        self.reset()

    def reset(self) -> None:
        """Forgets what it has heard, and the question that had begun."""
        self._speech = self._begun = False
        self._spoken = self._quiet = 0

    def hear(self, probability: float) -> Turning | None:
        """What the next frame brings about, which is speech with this probability (NaN is none)."""
        self._speech = probability >= (_GOES_ON if self._speech else _STARTS)
        if not self._begun:
            return self._wait()
        self._spoken += self._speech
        self._quiet = 0 if self._speech else self._quiet + 1
        if self._quiet < self._patience:
            return None
        enough = self._spoken >= _frames(MIN_SPEECH)
        self.reset()
        return Turning.ENDED if enough else Turning.DROPPED

    def _wait(self) -> Turning | None:
        """Before a question: counts the speech without a gap."""
        self._spoken = self._spoken + 1 if self._speech else 0
        if self._spoken < _frames(BEGINS_AFTER):
            return None
        self._begun, self._quiet = True, 0
        return Turning.BEGAN


def _frames(seconds: float) -> int:
    """The nearest number of frames, one at least."""
    return max(1, round(seconds / FRAME_SECONDS))
