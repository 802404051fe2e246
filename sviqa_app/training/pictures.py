"""A pool of drawn pictures, each drawn once and kept on disk, that the stages read again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .scenes import Scene, draw, sample_scene


class Pictures:
    """Picture `i` is drawn from seed `first + i` when first asked for, and kept in `folder`."""

    def __init__(self, folder: Path, count: int, first: int = 0, side: int = 128) -> None:
        self.count, self.first, self.side = count, first, side
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"pictures-{first}-{count}-{side}.u8"
        drawn = folder / f"pictures-{first}-{count}-{side}.drawn"
        mode: Literal["r+", "w+"] = "r+" if path.exists() and drawn.exists() else "w+"
        self.pixels = np.memmap(str(path), np.uint8, mode, shape=(count, side, side, 3))
        self.drawn = np.memmap(str(drawn), np.uint8, mode, shape=(count,))

    def scene(self, i: int) -> Scene:
        """What picture `i` shows."""
        return sample_scene(np.random.default_rng(self.first + i))

    def picture(self, i: int) -> NDArray[np.uint8]:
        """Picture `i`: [side, side, 3]."""
        if not self.drawn[i]:
            rng = np.random.default_rng(self.first + i)
            self.pixels[i] = np.asarray(draw(sample_scene(rng), rng, self.side))
            self.drawn[i] = 1
        return np.asarray(self.pixels[i])
