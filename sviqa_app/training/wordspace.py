"""The space in which picture and speech are taught to write: the language model's own word embeddings.

Each word has a fixed random direction drawn from its spelling, so every stage can aim at the same directions
before the language model exists, and all stages can be trained side by side.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from .scenes import Scene
from .words import COLOUR_NAMES, KINDS, PLACES, plural

# Where the tower writes what is in each of the nine places: patches (row * grid + column) of an 8 x 8 grid.
GRID = 8
SLOTS = tuple(row * GRID + column for row in (1, 4, 6) for column in (1, 4, 6))
SETTINGS = ("scene", "photo", "noise", "text", "blank")
SIZE_MIDDLE, SIZE_SPREAD = 0.24, 0.04
_LAST = {kind.split()[-1] for kind in (*KINDS, "thing")}
_NEAR = {plural(word): word for word in _LAST if plural(word) != word} | {"colour": "color"}


@cache
def direction(word: str, width: int = 256) -> Tensor:
    """The unit vector [width] of a word. The plural of a drawn thing lies near its singular, "colour" near "color"."""
    if word in _NEAR:
        return 0.8 * direction(_NEAR[word], width) + 0.6 * _random(
            f"more of {word}" if word == "colour" else "plural", width
        )
    return _random(word, width)


@cache
def _random(word: str, width: int) -> Tensor:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
    vector = np.random.default_rng(seed).normal(size=width)
    return torch.tensor(vector / np.linalg.norm(vector), dtype=torch.float32)


@cache
def mark(of: str, width: int = 256) -> Tensor:
    """What is added to each "word" or "patch" to tell them apart: [width], half as long as a word."""
    return 0.5 * _random(f"<{of}>", width)


@cache
def phrase(words: str, width: int = 256) -> Tensor:
    """The vector of several words: the sum of theirs, at unit length."""
    total = torch.stack([direction(w, width) for w in words.split()]).sum(0)
    return nn.functional.normalize(total, dim=0)


@cache
def kind_table(width: int = 256) -> Tensor:
    """[kinds + 1, width]: every kind of thing, then "nothing"."""
    return torch.stack([phrase(k, width) for k in (*KINDS, "nothing")])


@cache
def colour_table(width: int = 256) -> Tensor:
    """[colours, width]."""
    return torch.stack([direction(c, width) for c in COLOUR_NAMES])


@cache
def setting_table(width: int = 256) -> Tensor:
    """[settings, width]."""
    return torch.stack([phrase(f"picture {s}", width) for s in SETTINGS])


@cache
def place_table(width: int = 256) -> Tensor:
    """[9, width]."""
    return torch.stack([phrase(f"{p} place" if " " not in p else p, width) for p in PLACES])


def picture_words(scene: Scene, width: int = 256) -> Tensor:
    """What the projector should write for a scene: [64, width].

    A place's patch holds kind, colour, size and place; every other patch holds background and setting.
    """
    background = direction("background", width) + direction(scene.background, width)
    setting = setting_table(width)[SETTINGS.index(scene.setting)]
    written = (0.5 * background + setting).repeat(GRID * GRID, 1)
    kinds, places = kind_table(width), place_table(width)
    for place, slot in enumerate(SLOTS):
        written[slot] = kinds[-1] + places[place]
    for thing in scene.things:
        vector = kinds[KINDS.index(thing.kind)] + places[thing.place]
        if thing.colour:
            vector = vector + direction(thing.colour, width)
        written[SLOTS[thing.place]] = vector + (thing.size - SIZE_MIDDLE) / SIZE_SPREAD * 0.5 * direction("size", width)
    return written
