"""LLaVA as it is published: by transformers of any age, by the original code, by TinyLLaVA. One set of names comes out.

The names are those of LlavaForConditionalGeneration's state in transformers 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers.models.llava.modeling_llava import LlavaForConditionalGeneration

from ..errors import ModelError
from ..model.config import SviqaConfig
from ..model.sviqa import llava_config
from . import lora
from .expecting import check, expected
from .llava_names import EMBEDDINGS, HEAD, PROJECTOR, TOWER, canonical
from .native import CONFIG, read_config
from .outside import inside, read_json, unread
from .published import Layout, Published, read_published
from .stored import Stored, Tensors, open_weights
from .towers import read_tower

WEIGHTS = ("model", "pytorch_model")
_AGAIN = "Give the whole folder of the model, as it was published."


@dataclass(frozen=True)
class Llava:
    """A LLaVA that was found and checked, and is not in memory. `notes` say what was left alone, a sentence each."""

    config: SviqaConfig
    tensors: Tensors
    layout: Layout
    notes: tuple[str, ...] = ()


def read_llava(folder: Path, base: Path | None = None, tower: Path | None = None) -> Llava:
    """The LLaVA in `folder`, of any layout, or the one inside of a SViQA that was composed.

    `base` is the folder of the language model where `folder` holds a projector or a LoRA alone, `tower` that of the
    vision tower where `folder` has none. Headers alone are read. Raises ModelError for what is missing, broken,
    of another shape than config.json says, or of a kind that is not known.
    """
    values = read_json(folder / CONFIG)
    if "model_type" not in values:
        return _inside_sviqa(folder)
    found = read_published(folder)
    tensors = _collect(folder, found, base)
    vision = found.config.vision
    if not any(name.startswith(TOWER) for name in tensors):
        if tower is None:
            raise ModelError(
                f"{folder} has no vision tower.", f"Give the folder of {found.tower or 'its tower'} as well."
            )
        vision, seeing = read_tower(tower, vision)
        tensors |= {TOWER + name: tensor for name, tensor in seeing.items()}
    elif tower is not None:
        vision, _ = read_tower(tower, vision)
    return _checked(replace(found.config, vision=vision), tensors, found.layout, unread(folder, values))


def with_rows(tensor: Stored, rows: int) -> Stored:
    """Vectors of a vocabulary [V, H] with as many `rows`: cut, or filled up with the mean of those that are there."""

    def change(values: Tensor) -> Tensor:
        more = rows - values.shape[0]
        mean = values.mean(0, keepdim=True, dtype=torch.float32).to(values.dtype)
        return torch.cat([values, mean.expand(more, -1)]) if more > 0 else values[:rows]

    return tensor if tensor.shape[0] == rows else tensor.then(change, (rows, *tensor.shape[1:]))


def _checked(config: SviqaConfig, tensors: Tensors, layout: Layout, notes: tuple[str, ...]) -> Llava:
    """With what the names of transformers 5 have beyond: a head that is tied, a second layer that changes nothing."""
    tied = config.text.tied and HEAD not in tensors
    config = replace(config, text=replace(config.text, tied=tied))
    if tied and EMBEDDINGS in tensors:
        tensors = tensors | {HEAD: tensors[EMBEDDINGS]}
    first = tensors.get(f"{PROJECTOR}linear_1.weight")
    if config.projector_act == "linear" and first is not None and f"{PROJECTOR}linear_2.weight" not in tensors:
        size, kind = config.text.hidden_size, first.dtype
        same = Stored((size, size), kind, partial(torch.eye, size, dtype=kind))
        none = Stored((size,), kind, partial(torch.zeros, size, dtype=kind))
        tensors = tensors | {f"{PROJECTOR}linear_2.weight": same, f"{PROJECTOR}linear_2.bias": none}
    build = partial(_build, config)
    check(tensors, expected(build, max(config.text.layers, config.vision.layers), tensors))
    return Llava(config, tensors, layout, notes)


def _build(config: SviqaConfig) -> nn.Module:
    return LlavaForConditionalGeneration(llava_config(config))


def _collect(folder: Path, found: Published, base: Path | None) -> Tensors:
    """The tensors that `folder` itself brings, with those of `base` beneath."""
    whole = open_weights(folder, *WEIGHTS) or _tinyllava_parts(folder, found.layout)
    adapter = (folder / lora.CONFIG).is_file()
    if whole and not adapter:
        return _canonical(whole, found.layout)
    if found.layout is not Layout.ORIGINAL:
        raise ModelError(f"{folder} holds no weights of a whole model.", _AGAIN)
    trained = open_weights(folder, "non_lora_trainables" if adapter else "mm_projector")
    if trained is None:
        raise ModelError(f"{folder} holds no weights.", _AGAIN)
    under = whole or (open_weights(base, *WEIGHTS) if base is not None else None)
    if under is None:
        kind = "a LoRA" if adapter else "a projector"
        raise ModelError(f"{folder} holds {kind} without its language model.", "Give the folder of that model as well.")
    tensors = _canonical(under, Layout.ORIGINAL)
    tensors |= _canonical({lora.plain(name): tensor for name, tensor in trained.items()}, Layout.ORIGINAL)
    if not adapter:
        return tensors
    return lora.merged(folder, tensors, partial(canonical, layout=Layout.ORIGINAL))


def _tinyllava_parts(folder: Path, layout: Layout) -> Tensors | None:
    """TinyLLaVA's training writes each part into a folder of its own."""
    if layout is not Layout.TINYLLAVA:
        return None
    parts = {part: folder / part for part in ("language_model", "vision_tower", "connector")}
    found = {part: open_weights(inside(folder, part), *WEIGHTS) for part in parts if parts[part].is_dir()}
    return {f"{part}.{name}": tensor for part in found for name, tensor in (found[part] or {}).items()}


def _canonical(tensors: Tensors, layout: Layout) -> Tensors:
    new: Tensors = {}
    for name, tensor in tensors.items():
        if name.endswith("image_newline"):
            raise ModelError(
                "The weights are of a LLaVA-NeXT, which cuts a picture into tiles.", "Ask it as a cascade."
            )
        key = canonical(name, layout)
        if key in new:
            raise ModelError(f"The weights have the tensor {key} twice, once as {name}.", _AGAIN)
        if key is not None:
            new[key] = tensor
    return new


def _inside_sviqa(folder: Path) -> Llava:
    """The LLaVA that was composed into a SViQA, with the rows that it came with."""
    config = read_config(folder)
    weights = open_weights(folder, "model")
    if weights is None or not config.tokens.rows:
        raise ModelError(f"{folder} holds a SViQA that was not composed of a LLaVA.", "Give one that was.")
    own = _canonical({name: t for name, t in weights.items() if name.startswith("llava.")}, Layout.OURS)
    rows = {name: with_rows(own[name], config.tokens.rows) for name in (EMBEDDINGS, HEAD) if name in own}
    if config.text.tied:
        rows.pop(HEAD, None)
        own.pop(HEAD, None)
    text = replace(config.text, vocab_size=config.tokens.rows)
    return _checked(replace(config, text=text), own | rows, Layout.OURS, ())
