"""LoRA, added to the weights it was trained for: W + scale * B A (Hu et al. 2021; file layout of PEFT)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..errors import ModelError
from .outside import Values, read_json
from .stored import Stored, Tensors, open_weights

CONFIG = "adapter_config.json"

_AGAIN = "Give the whole folder, as it was published."
_FACTOR = re.compile(r"(.+)\.lora_([AB])(\.default)?\.weight")
# What PEFT can do beyond: each would change the weights in another way.
_BEYOND = ("use_dora", "fan_in_fan_out", "rank_pattern", "alpha_pattern", "modules_to_save", "lora_bias")


def plain(name: str) -> str:
    """A name without what PEFT wraps around the model."""
    return re.sub(r"^base_model\.(model\.(?=model\.|lm_head\.|mm_projector\.))?", "", name)


def merged(folder: Path, tensors: Tensors, named: Callable[[str], str | None]) -> Tensors:
    """`tensors` with the LoRA in `folder` added as each is read; `named` gives a tensor's name in them.

    The sum is taken in float32. Raises ModelError where a factor is missing or does not fit.
    """
    given = Values(folder / CONFIG, read_json(folder / CONFIG))
    for key in _BEYOND:
        if given.all.get(key):
            given.refuse(key)
    given.one_of("peft_type", ("LORA",), "LORA")
    given.one_of("bias", ("none",), "none")
    rank = given.size("r", 8)
    scale = given.number("lora_alpha", 8.0) / (math.sqrt(rank) if given.flag("use_rslora") else rank)
    result = dict(tensors)
    for module, pair in _pairs(folder).items():
        name = named(f"{plain(module)}.weight")
        if name is None or name not in tensors:
            raise ModelError(f"The LoRA in {folder} changes {module}, which the model does not have.", _AGAIN)
        down, up = (pair.get(half) for half in "AB")
        rows, columns = tensors[name].shape if len(tensors[name].shape) == 2 else (0, 0)
        if down is None or up is None or down.shape != (rank, columns) or up.shape != (rows, rank):
            shapes = " and ".join(str(list(half.shape)) if half else "nothing" for half in (down, up))
            due = f"[{rank}, {columns}] and [{rows}, {rank}]"
            raise ModelError(f"The LoRA in {folder} has {shapes} for {module}, expected {due}.", _AGAIN)
        result[name] = tensors[name].then(_adding(down, up, scale))
    return result


def _pairs(folder: Path) -> dict[str, dict[str, Stored]]:
    """The two factors of each module, as "A" and "B"."""
    pairs: dict[str, dict[str, Stored]] = {}
    for name, tensor in (open_weights(folder, "adapter_model") or {}).items():
        match = _FACTOR.fullmatch(name)
        if match is None:
            raise ModelError(f"The LoRA in {folder} has a tensor this version does not know: {name}.", _AGAIN)
        pairs.setdefault(match[1], {})[match[2]] = tensor
    if not pairs:
        raise ModelError(f"{folder} has {CONFIG}, and no weights of a LoRA.", _AGAIN)
    return pairs


def _adding(down: Stored, up: Stored, scale: float) -> Callable[[Tensor], Tensor]:
    def add(weight: Tensor) -> Tensor:
        factors = up.read().to(weight.device, torch.float32) @ down.read().to(weight.device, torch.float32)
        return (weight.float() + scale * factors).to(weight.dtype)

    return add
