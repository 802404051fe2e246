"""Short sounds that say what is going on, for whoever does not look."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..turn import AudioChunk, Samples
from .player import Player

Earcon = Literal["listening", "thinking", "trouble"]
EARCONS: dict[Earcon, tuple[float, ...]] = {
    "listening": (660.0, 880.0),
    "thinking": (880.0, 660.0),
    "trouble": (330.0, 330.0),
}
"""The notes of each, in Hz: rising, falling, and low twice."""
_RATE = 22_050
_NOTE = 0.045  # seconds: over before anybody has drawn breath
_LOUDNESS = 0.08


def earcon_sound(earcon: Earcon) -> Samples:
    """[n] samples at 22,050 Hz, each note rising from nothing and falling back."""
    time = np.arange(round(_NOTE * _RATE)) / _RATE
    swell = np.sin(np.pi * time / _NOTE) ** 2
    notes = [swell * np.sin(2 * np.pi * pitch * time) for pitch in EARCONS[earcon]]
    return (_LOUDNESS * np.concatenate(notes)).astype(np.float32)


class Earcons:
    """Plays them, beside the answers. Where there is no loudspeaker nothing is heard, and nobody minds.

    `on` is whether anything is to be heard; its `player` knows the device and the volume.
    """

    def __init__(self, device: str | None = None) -> None:
        self.on = True
        self.player = Player(device)

    def play(self, earcon: Earcon) -> None:
        """Plays one in place of the one before. Returns at once."""
        if self.on:
            self.player.stop()
            self.player.play(AudioChunk(earcon_sound(earcon), _RATE))
            self.player.end()

    def close(self) -> None:
        """Lets go of the device."""
        self.player.close()
