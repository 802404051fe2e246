"""Vision towers of open_clip, by the names that transformers' CLIP has for the same parts.

Names: mlfoundations/open_clip, `src/open_clip/transformer.py`. open_clip itself is not needed, and is never imported.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from torch import Tensor

from ..errors import ModelError
from ..model.config import VisionConfig
from .outside import Values, read_json
from .published import CLIP_MEAN, CLIP_STD
from .stored import Stored, Tensors, open_weights

CONFIG = "open_clip_config.json"

_WEIGHTS = ("open_clip_model", "open_clip_pytorch_model", "model", "pytorch_model")
_NAMES = (
    (r"class_embedding$", "embeddings.class_embedding"),
    (r"positional_embedding$", "embeddings.position_embedding.weight"),
    (r"conv1\.", "embeddings.patch_embedding."),
    (r"ln_pre\.", "pre_layrnorm."),
    (r"ln_post\.", "post_layernorm."),
)
_INSIDE_BLOCK = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
_BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)\.(weight|bias)")
_JOINT = re.compile(r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)")


def read_openclip(folder: Path) -> tuple[VisionConfig, Tensors]:
    """The vision tower of the open_clip model in `folder`: its sizes, and its tensors by transformers' names.

    Raises ModelError where it is missing, broken, or none of the plain vision transformers.
    """
    path = folder / CONFIG
    whole = Values(path, read_json(path))
    model, pictures = whole.section("model_cfg"), whole.section("preprocess_cfg")
    config = _config(model, pictures)
    weights = open_weights(folder, *_WEIGHTS)
    if weights is None:
        raise ModelError(f"{folder} holds no weights.", "Give the whole folder of the tower, as it was published.")
    if any(name.startswith("visual.") for name in weights):
        weights = {n.removeprefix("visual."): t for n, t in weights.items() if n.startswith("visual.")}
    tensors: Tensors = {}
    for name, tensor in weights.items():
        tensors |= _renamed(name, tensor)
    return config, tensors


def _config(model: Values, pictures: Values) -> VisionConfig:
    given = model.section("vision_cfg")
    for key in ("timm_model_name", "attentional_pool", "no_ln_pre", "ls_init_value", "patch_dropout", "qk_norm"):
        if given.all.get(key):
            given.refuse(key)
    width = given.size("width", 768)
    return VisionConfig(
        "clip_vision_model",
        image_size=given.size("image_size", 224),
        patch_size=given.size("patch_size", 16),
        hidden_size=width,
        intermediate_size=int(width * given.number("mlp_ratio", 4.0)),
        layers=given.size("layers", 12),
        heads=max(1, width // given.size("head_width", 64)),
        mean=pictures.numbers("mean", CLIP_MEAN),
        std=pictures.numbers("std", CLIP_STD),
        hidden_act="quick_gelu" if model.flag("quick_gelu") else "gelu",
        layer_norm_eps=1e-5,
        feature_select="default",
    )


def _renamed(name: str, tensor: Stored) -> Tensors:
    """What becomes of one tensor: query, key and value lie one above the other in open_clip."""
    if name == "proj":
        return {}  # into the space shared with words, which a LLaVA does not enter
    for pattern, new in _NAMES:
        if re.match(pattern, name):
            return {re.sub(pattern, new, name, count=1): tensor}
    if match := _JOINT.fullmatch(name):
        rows = tensor.shape[0] // 3
        layer = f"encoder.layers.{match[1]}.self_attn"
        parts = {part: partial(_rows, begin=i * rows, rows=rows) for i, part in enumerate("qkv")}
        shape = (rows, *tensor.shape[1:])
        return {f"{layer}.{part}_proj.{match[2]}": tensor.then(cut, shape) for part, cut in parts.items()}
    if match := _BLOCK.fullmatch(name):
        part = _INSIDE_BLOCK.get(match[2], "self_attn.out_proj" if match[2] == "attn.out_proj" else "")
        if part:
            return {f"encoder.layers.{match[1]}.{part}.{match[3]}": tensor}
    raise ModelError(f"The open_clip tower has a tensor this version does not know: {name}.")


def _rows(joint: Tensor, begin: int, rows: int) -> Tensor:
    return joint[begin : begin + rows]
