"""A pool of canonical readings recast in many voices, and of what those voices sound like by themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..model.voiceprint import STYLES
from ..turn import Samples
from .pools import kept_arrays
from .readings import Readings, stretch_of
from .sayings import bounds
from .scripts import script
from .timbres import SHIPPED, in_own_words, recast, trained_identity
from .voices import RATE, Spoken, speak

MOST = 6 * RATE
REFERENCES, REFERENCE = 2, 5 * RATE
SHIPPED_SHARE, PLAIN_SHARE = 0.65, 0.7
UNHEARD = 10_000_000  # scripts from here on are said by the voices themselves


@dataclass(frozen=True)
class Cast:
    """A canonical reading's tokens [5 n], and how voice number `voice` says it in a style: [n] at 16 kHz."""

    tokens: NDArray[np.int64]
    samples: Samples
    voice: int
    style: int


class Casts:
    """Cast `i` is made when first asked for and kept in `folder`; so are the voices' own recordings."""

    def __init__(self, folder: Path, readings: Readings, count: int, voices: int) -> None:
        self.readings, self.count, self.voices = readings, count, voices
        kept = kept_arrays(
            folder / f"casts-{count}-{voices}",
            {
                "cast": (np.int16, (count, MOST)),
                "from": (np.int32, (count, 2)),
                "own": (np.int16, (voices, REFERENCES, REFERENCE)),
            },
        )
        self.sounds, self.origins, self.owns = kept["cast"], kept["from"], kept["own"]

    def own(self, voice: int) -> list[Samples]:
        """Recordings [≤ 5 s] of a voice saying things of its own."""
        if not self.owns[voice].any():
            for n in range(REFERENCES):
                text = " ".join(script(UNHEARD + (voice * REFERENCES + n) * 2 + k).rstrip(".?") + "," for k in range(2))
                said = in_own_words(text.rstrip(",") + ".", trained_identity(voice))[:REFERENCE]
                self.owns[voice, n, : len(said)] = _packed(said)
        return [_unpacked(np.trim_zeros(own, "b")) for own in self.owns[voice]]

    def __call__(self, i: int) -> Cast:
        """Cast `i`, made now if it was not yet."""
        rng = np.random.default_rng((i, 47))
        shipped = rng.random() < SHIPPED_SHARE
        voice = int(rng.integers(len(SHIPPED)) if shipped else rng.integers(len(SHIPPED), self.voices))
        style = 0 if rng.random() < PLAIN_SHARE else int(rng.integers(1, len(STYLES)))
        if not self.origins[i, 1]:
            number = self._reading(rng)
            samples = self._recast(number, voice, STYLES[style])[:MOST]
            self.sounds[i, : len(samples)] = _packed(samples)
            self.origins[i] = number, len(samples)
        number, length = (int(n) for n in self.origins[i])
        kept = self.readings(number)
        assert kept is not None
        return Cast(kept.tokens, _unpacked(self.sounds[i, :length]), voice, style)

    def _reading(self, rng: np.random.Generator) -> int:
        while True:
            number = int(rng.integers(self.readings.count))
            reading = self.readings(number)
            if reading is not None and len(reading.tokens) * RATE * 3 < MOST * 125:
                return number

    def _recast(self, number: int, voice: int, style: str) -> Samples:
        text, rate = self.readings.text(number), self.readings.rate(number)
        melody, (begin, end) = _melody(text, rate)
        return recast(melody, text, trained_identity(voice), style)[begin:end]


@lru_cache(maxsize=4)
def _melody(text: str, rate: str) -> tuple[Spoken, tuple[int, int]]:
    """The reading at its natural pitch, and where the canonical reading was cut."""
    canonical = stretch_of(rate)
    low = speak(text, canonical).samples.astype(np.float32) / 32768
    return speak(text, replace(canonical, pitch=0)), bounds(low)


def _packed(samples: Samples) -> NDArray[np.int16]:
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


def _unpacked(samples: NDArray[np.int16]) -> Samples:
    return np.asarray(samples / 32767, np.float32)
