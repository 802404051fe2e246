"""How something is spoken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Style = Literal["plain", "high", "low", "whisper", "loud"]
Rate = Literal["slower", "slow", "plain", "fast", "faster"]


@dataclass(frozen=True)
class Manner:
    """By whom (a voice's first speaker unless named), in what style, how fast."""

    speaker: str = ""
    style: Style = "plain"
    rate: Rate = "plain"


USUAL = Manner()

STRETCH: dict[str, float] = {"slower": 1.5, "slow": 1.22, "plain": 1.0, "fast": 0.82, "faster": 0.66}
"""How much longer than usual something takes at each rate."""
