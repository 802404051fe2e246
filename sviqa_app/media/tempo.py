"""Faster or slower speech at the same pitch.

The method is WSOLA: W. Verhelst and M. Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for
high quality time-scale modification of speech", ICASSP 1993. Short pieces are taken from where the speed wants them,
each moved a little to where it looks most like what would have followed the piece before, and faded into that.
"""

from __future__ import annotations

import numpy as np

from ..turn import Samples

MIN_SPEED, MAX_SPEED = 0.5, 3.0

# Seconds of one fade. Two make up a piece: longer than two periods of a deep voice, shorter than a syllable.
_FADE = 0.012
# Seconds a piece may be moved either way: together more than the period of a deep voice (70 Hz).
_SEARCH = 0.008
_NOTHING = np.zeros(0, np.float32)


class Tempo:
    """Changes the speed of one stream of sound, [n] float32 at `rate`. At speed 1 it passes through untouched."""

    def __init__(self, rate: int) -> None:
        self._fade = round(_FADE * rate)
        self._search = round(_SEARCH * rate)
        self._rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(self._fade) + 0.5) / self._fade)).astype(np.float32)
        self._kept = _NOTHING
        # Both count in `_kept`: what would follow what was given out, and where the speed wants the next piece.
        self._follows = 0
        self._wanted = 0.0

    def stretch(self, samples: Samples, speed: float) -> Samples:
        """What can be given out now that [n] `samples` have come; about 20 ms of sound are held back."""
        if speed == 1.0 and not len(self._kept):
            return samples
        self._kept = np.concatenate((self._kept, samples))
        if speed == 1.0:
            return self.rest()
        given: list[Samples] = []
        while max(self._follows, round(self._wanted) + self._search) + self._fade <= len(self._kept):
            given.append(self._piece(speed))
        self._forget()
        return np.concatenate(given) if given else _NOTHING

    def rest(self) -> Samples:
        """What was held back. A new stream may begin after it."""
        rest = self._kept[self._follows :]
        self._kept, self._follows, self._wanted = _NOTHING, 0, 0.0
        return rest

    def _piece(self, speed: float) -> Samples:
        """[fade] what follows, fading into the piece near `wanted` that is most like it."""
        follows = self._kept[self._follows : self._follows + self._fade]
        first = max(0, round(self._wanted) - self._search)
        field = self._kept[first : round(self._wanted) + self._search + self._fade]
        start = first + _most_alike(field, follows)
        piece = self._kept[start : start + self._fade]
        self._follows = start + self._fade
        self._wanted += speed * self._fade
        return np.asarray(follows + self._rise * (piece - follows), np.float32)

    def _forget(self) -> None:
        """Drops what no piece can be taken from any more."""
        done = min(self._follows, max(0, round(self._wanted) - self._search), len(self._kept))
        self._kept = self._kept[done:]
        self._follows -= done
        self._wanted -= done


def _most_alike(field: Samples, follows: Samples) -> int:
    """Where in `field` the stretch begins that correlates most with `follows`, however loud either is."""
    likeness = np.correlate(field, follows, "valid")
    energy = np.cumsum(np.concatenate(([0.0], field.astype(np.float64) ** 2)))
    energy = energy[len(follows) :] - energy[: -len(follows)]
    return int(np.argmax(likeness / np.sqrt(np.maximum(energy, 1e-9))))
