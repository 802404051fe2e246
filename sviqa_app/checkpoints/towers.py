"""A vision tower in a folder of its own: CLIP or SigLIP by transformers, or by open_clip."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ..errors import ModelError
from ..model.config import VisionConfig
from . import openclip
from .native import CONFIG
from .outside import Values, read_json
from .published import vision_config
from .stored import Tensors, open_weights

_INSIDE = re.compile(r"(vision_model\.)?((embeddings|pre_layrnorm|encoder|post_layernorm)\..+)")
_KINDS = {
    "clip": "clip_vision_model",
    "clip_vision_model": "clip_vision_model",
    "siglip": "siglip_vision_model",
    "siglip_vision_model": "siglip_vision_model",
}


def read_tower(folder: Path, seen: VisionConfig) -> tuple[VisionConfig, Tensors]:
    """The tower in `folder`, its sizes and its tensors by transformers' names, looked through as `seen` says.

    Headers alone are read. Raises ModelError where it is missing, broken or of another kind.
    """
    if (folder / openclip.CONFIG).is_file():
        config, tensors = openclip.read_openclip(folder)
    else:
        config, tensors = _transformers(folder)
    if not -config.layers - 1 <= seen.feature_layer <= config.layers:
        raise ModelError(f"{folder} has {config.layers} layers, and layer {seen.feature_layer} is looked at.")
    how = replace(config, feature_layer=seen.feature_layer, feature_select=seen.feature_select, fit=seen.fit)
    return how, tensors


def _transformers(folder: Path) -> tuple[VisionConfig, Tensors]:
    given = Values(folder / CONFIG, read_json(folder / CONFIG))
    kind = _KINDS[given.one_of("model_type", tuple(_KINDS), "clip")]
    sizes = given.section("vision_config") if given.has("vision_config") else given
    config = vision_config(Values(given.path, sizes.all | {"model_type": kind}))
    weights = open_weights(folder, "model", "pytorch_model")
    if weights is None:
        raise ModelError(f"{folder} holds no weights.", "Give the whole folder of the tower, as it was published.")
    found = {name: match for name in weights if (match := _INSIDE.fullmatch(name))}
    path = folder / "preprocessor_config.json"
    if path.is_file():
        colours = Values(path, read_json(path))
        mean, std = colours.numbers("image_mean", config.mean), colours.numbers("image_std", config.std)
        config = replace(config, mean=mean, std=std)
    due = {match[2]: weights[name] for name, match in found.items()}
    return config, {name: tensor for name, tensor in due.items() if not name.endswith("position_ids")}
