"""First stage: the vision tower and LLaVA's projector learn to write what is drawn, densely, in words.

The renderer knows what lies under each patch, so every patch is supervised: a linear head names the thing that
covers it, and the projector's output at the nine places is aimed at the words for what is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..model.config import SviqaConfig
from ..model.sviqa import Sviqa, normalise_pixels
from .pictures import Pictures
from .scenes import Scene
from .words import COLOUR_NAMES, KINDS
from .wordspace import (
    GRID,
    SETTINGS,
    SLOTS,
    colour_table,
    kind_table,
    picture_words,
    place_table,
    setting_table,
)

SHARPNESS = 10.0
IGNORED = -100


class TowerStudent(nn.Module):
    """The tower, the projector, and a helping head that is thrown away: [B, 64, kinds + 1] what covers each patch."""

    def __init__(self, model: Sviqa) -> None:
        super().__init__()
        self.tower = model.llava.model.vision_tower
        self.projector = model.llava.model.multi_modal_projector
        self.covers = nn.Linear(model.config.vision.hidden_size, len(KINDS) + 1)
        self.config = model.config

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 pixels [B, S, S, 3] → (written [B, 64, H], covers [B, 64, kinds + 1])."""
        x = normalise_pixels(pixels, self.config.vision)
        seen = self.tower(x, output_hidden_states=True).hidden_states[self.config.vision.feature_layer]
        return self.projector(seen), self.covers(seen)


def picture_labels(scene: Scene) -> dict[str, Any]:
    """Integer labels of a scene for every patch and place."""
    covers = np.full(GRID * GRID, len(KINDS))
    middles = (np.arange(GRID) + 0.5) / GRID
    kinds, colours = np.full(9, len(KINDS)), np.full(9, IGNORED)
    for thing in scene.things:
        kind = KINDS.index(thing.kind)
        near = np.maximum(np.abs(middles[:, None] - thing.y), np.abs(middles[None] - thing.x)) < thing.size / 2
        covers[near.reshape(-1)] = kind
        kinds[thing.place] = kind
        if thing.colour:
            colours[thing.place] = COLOUR_NAMES.index(thing.colour)
    seen = scene.setting in ("scene", "blank")
    background = COLOUR_NAMES.index(scene.background) if seen else IGNORED
    return {
        "covers": covers,
        "kinds": kinds,
        "colours": colours,
        "background": background,
        "setting": SETTINGS.index(scene.setting),
    }


def tower_batch(pictures: Pictures, size: int, step: int) -> dict[str, Tensor]:
    """Batch number `step`, going round the pool; later rounds are shifted by up to three pixels."""
    rng = np.random.default_rng((7, step))
    rows = [(step * size + j) % pictures.count for j in range(size)]
    scenes = [pictures.scene(i) for i in rows]
    pixels = np.stack([pictures.picture(i) for i in rows])
    if step * size >= pictures.count:
        pixels = np.stack([_shifted(p, rng) for p in pixels])
    labels = [picture_labels(s) for s in scenes]
    batch = {key: torch.tensor(np.stack([label[key] for label in labels])) for key in labels[0]}
    batch["pixels"] = torch.tensor(pixels)
    batch["words"] = torch.stack([picture_words(s) for s in scenes])
    return batch


def _shifted(picture: Any, rng: np.random.Generator) -> Any:
    dy, dx = rng.integers(-3, 4, 2)
    padded = np.pad(picture, ((3, 3), (3, 3), (0, 0)), mode="edge")
    gain = rng.uniform(0.93, 1.06)
    side = picture.shape[0]
    return np.clip(padded[3 + dy : 3 + dy + side, 3 + dx : 3 + dx + side] * gain, 0, 255).astype(np.uint8)


def tower_loss(student: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Naming under each patch, naming at the nine places, the places themselves, colours, background, setting, and
    distance to the words: at the nine places and elsewhere."""
    written, covers = student(batch["pixels"])
    slots = written[:, list(SLOTS)]
    others = [i for i in range(GRID * GRID) if i not in SLOTS]
    around = written[:, others].mean(1)
    apart = ((written - batch["words"]) ** 2).sum(-1)
    places = torch.arange(len(SLOTS)).expand(len(slots), -1)
    weight = torch.ones(len(KINDS) + 1)
    weight[-1] = 0.15
    return {
        "covers": 0.5 * F.cross_entropy(covers.transpose(1, 2), batch["covers"], weight),
        "kind": F.cross_entropy(SHARPNESS * (slots @ kind_table().T).transpose(1, 2), batch["kinds"]),
        "colour": 0.5 * _cross_entropy(SHARPNESS * (slots @ colour_table().T).transpose(1, 2), batch["colours"]),
        "ground": 0.2 * _cross_entropy(2 * SHARPNESS * (around @ colour_table().T), batch["background"]),
        "setting": 0.2 * F.cross_entropy(SHARPNESS * (around @ setting_table().T), batch["setting"]),
        "place": 0.5 * F.cross_entropy(SHARPNESS * (slots @ place_table().T).transpose(1, 2), places),
        "words": 0.5 * (apart[:, list(SLOTS)].mean() + apart[:, others].mean()),
    }


def _cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    if bool((labels == IGNORED).all()):
        return scores.sum() * 0
    return F.cross_entropy(scores, labels, ignore_index=IGNORED)


def tower_measure(student: nn.Module, pictures: Pictures, count: int = 512) -> dict[str, float]:
    """On pictures of other seeds, the share right: contents of places, things, places, colours, grounds, settings."""
    right: dict[str, list[float]] = {"named": [], "thing": [], "place": [], "colour": [], "ground": [], "setting": []}
    for start in range(0, count, 64):
        rows = range(start, start + 64)
        pixels = torch.tensor(np.stack([pictures.picture(i) for i in rows]))
        written, _ = student(pixels)
        kinds = (written[:, list(SLOTS)] @ kind_table().T).argmax(-1).numpy()
        places = (written[:, list(SLOTS)] @ place_table().T).argmax(-1).numpy()
        colours = (written[:, list(SLOTS)] @ colour_table().T).argmax(-1).numpy()
        others = [i for i in range(GRID * GRID) if i not in SLOTS]
        around = written[:, others].mean(1)
        ground, setting = (around @ colour_table().T).argmax(-1), (around @ setting_table().T).argmax(-1)
        for j, i in enumerate(rows):
            label = picture_labels(pictures.scene(i))
            hit = kinds[j] == label["kinds"]
            right["named"] += hit.tolist()
            right["place"] += (places[j] == np.arange(len(SLOTS))).tolist()
            right["thing"] += hit[label["kinds"] < len(KINDS)].tolist()
            coloured = label["colours"] >= 0
            right["colour"] += (colours[j] == label["colours"])[coloured].tolist()
            if label["background"] >= 0:
                right["ground"].append(float(ground[j] == label["background"]))
            right["setting"].append(float(setting[j] == label["setting"]))
    return {key: float(np.mean(values)) for key, values in right.items()}


def build(config: SviqaConfig) -> TowerStudent:
    """A fresh student on a fresh model."""
    return TowerStudent(Sviqa(config))
