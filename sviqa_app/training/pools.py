"""Arrays kept on the disk, that several processes fill as they need them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

Kept = Mapping[str, "np.memmap[Any, Any]"]


def kept_arrays(stem: Path, parts: Mapping[str, tuple[Any, tuple[int, ...]]]) -> Kept:
    """The arrays of `parts`, name → kind and shape, each in `stem`.NAME; zeros where they are new."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = {name: stem.with_suffix(f".{name}") for name in parts}
    mode: Literal["r+", "w+"] = "r+" if all(path.exists() for path in paths.values()) else "w+"
    return {name: np.memmap(str(paths[name]), kind, mode, shape=shape) for name, (kind, shape) in parts.items()}
