"""A LLaVA of any layout, written as transformers or the original code reads it: not a number changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer

from ..model.config import SviqaConfig
from ..model.sviqa import llava_config
from .llava import Llava, read_llava, with_rows
from .llava_names import EMBEDDINGS, HEAD, PROJECTOR, renamed
from .native import CONFIG
from .published import TOWERS, Layout
from .stored import Tensors, Written, new_folder, write_weights
from .vocabulary import TOKENIZER, read_vocabulary, with_image, without_marks


def convert(
    source: Path,
    out: Path,
    to: Literal["transformers", "original"] = "transformers",
    *,
    base: Path | None = None,
    tower: Path | None = None,
) -> Written:
    """Writes the LLaVA in `source`, of any layout, into the folder `out` as transformers or the original code reads it.

    From a SViQA comes the LLaVA that is in it, to the bit. Raises ModelError, OutputError.
    """
    seen, layout, words = read_llava(source, base, tower), Layout(to), read_vocabulary(source)
    if seen.layout is Layout.OURS:
        words = without_marks(words)
    config, tensors = _with_due_rows(seen, layout, words)
    linear = layout is Layout.ORIGINAL and config.projector_act == "linear"
    names = [name for name in tensors if not (linear and name.startswith(f"{PROJECTOR}linear_2."))]
    due = {renamed(name, layout, linear): tensors[name] for name in names}
    kind = tensors[EMBEDDINGS].dtype
    values = _transformers(config, kind) if layout is Layout.TRANSFORMERS else _original(config, kind)
    with new_folder(out) as folder:
        _write_json(folder / CONFIG, values)
        words.save(str(folder / TOKENIZER))
        if layout is Layout.TRANSFORMERS:
            for name, table in processing(config, words).items():
                _write_json(folder / name, table)
        write_weights(folder, due)
    return Written.of(out, due, seen.notes)


def _with_due_rows(seen: Llava, layout: Layout, words: Tokenizer) -> tuple[SviqaConfig, Tensors]:
    """The original code has no row for a picture; transformers has one, and the Hub fills up to a multiple of 64."""
    image, rows = seen.config.tokens.image, seen.config.text.vocab_size
    if layout is Layout.ORIGINAL:
        rows = min(rows, image)
    elif image >= rows:
        image = with_image(words, rows)
        rows = max(rows, -(-(image + 1) // 64) * 64)
    text, tokens = replace(seen.config.text, vocab_size=rows), replace(seen.config.tokens, image=image)
    tensors = seen.tensors | {key: with_rows(seen.tensors[key], rows) for key in (EMBEDDINGS, HEAD)}
    if text.tied:
        tensors.pop(HEAD)
    return replace(seen.config, text=text, tokens=tokens), tensors


def _transformers(config: SviqaConfig, kind: torch.dtype) -> dict[str, Any]:
    """config.json as transformers 5 reads it, with the marks of the vocabulary."""
    values: dict[str, Any] = llava_config(config).to_dict()
    values["text_config"] |= _marks(config)
    values |= {"architectures": ["LlavaForConditionalGeneration"], "dtype": _name(kind)} | _marks(config)
    return values


def _original(config: SviqaConfig, kind: torch.dtype) -> dict[str, Any]:
    """config.json as the original code reads it. It has no place for the sizes of a tower, only for its name."""
    text, vision = config.text, config.vision
    sizes = {tower: (v.image_size, v.hidden_size, v.layers) for tower, v in TOWERS.items()}
    named = [tower for tower, size in sizes.items() if size == (vision.image_size, vision.hidden_size, vision.layers)]
    llama = text.model_type == "llama"
    return _marks(config) | {
        "architectures": ["LlavaLlamaForCausalLM" if llama else "LlavaQwenForCausalLM"],
        "model_type": "llava" if llama else "llava_qwen",
        "torch_dtype": _name(kind),
        "vocab_size": text.vocab_size,
        "hidden_size": text.hidden_size,
        "intermediate_size": text.intermediate_size,
        "num_hidden_layers": text.layers,
        "num_attention_heads": text.heads,
        "num_key_value_heads": text.kv_heads,
        "max_position_embeddings": text.max_positions,
        "rms_norm_eps": text.rms_norm_eps,
        "rope_theta": text.rope_theta,
        "hidden_act": "silu",
        "tie_word_embeddings": text.tied,
        "image_aspect_ratio": "pad" if vision.fit == "pad" else "square",
        "mm_hidden_size": vision.hidden_size,
        "mm_projector_type": "linear" if config.projector_act == "linear" else "mlp2x_gelu",
        "mm_vision_select_feature": "patch" if vision.feature_select == "default" else "cls_patch",
        "mm_vision_select_layer": vision.feature_layer,
        "mm_vision_tower": named[0] if named else "",
    }


def processing(config: SviqaConfig, words: Tokenizer) -> dict[str, dict[str, Any]]:
    """The small files beside it that transformers' LlavaProcessor reads."""
    vision, tokens = config.vision, config.tokens
    side = {"height": vision.image_size, "width": vision.image_size}
    clip = vision.model_type == "clip_vision_model"
    pictures: dict[str, Any] = {
        "image_processor_type": "LlavaImageProcessor" if clip else "SiglipImageProcessor",
        "image_mean": list(vision.mean),
        "image_std": list(vision.std),
        "size": {"shortest_edge": vision.image_size} if clip else side,
    }
    if clip:
        pictures |= {"do_pad": vision.fit == "pad", "crop_size": side}
    named = {"bos_token": tokens.begin, "eos_token": tokens.end, "pad_token": tokens.pad}
    marks = {name: word for name, id in named.items() if id >= 0 and (word := words.id_to_token(id))}
    return {
        "preprocessor_config.json": pictures | {"processor_class": "LlavaProcessor"},
        "processor_config.json": {
            "processor_class": "LlavaProcessor",
            "patch_size": vision.patch_size,
            "vision_feature_select_strategy": vision.feature_select,
            "num_additional_image_tokens": int(clip),
            "image_token": words.id_to_token(tokens.image),
        },
        "tokenizer_config.json": marks | {"tokenizer_class": "PreTrainedTokenizerFast"},
    }


def _marks(config: SviqaConfig) -> dict[str, Any]:
    tokens = config.tokens
    ids = {"pad_token_id": tokens.pad, "bos_token_id": tokens.begin, "eos_token_id": tokens.end}
    return {name: id if id >= 0 else None for name, id in ids.items()}


def _name(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
