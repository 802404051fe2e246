"""The encoder of a published Whisper, of transformers or of OpenAI, by the names of our ear.

OpenAI's names: openai/whisper, `whisper/model.py`; a file {dims, model_state_dict}.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

from ..errors import ModelError
from ..model.config import SpeechConfig
from ..model.speech import SpeechEncoder
from .expecting import check, expected
from .native import CONFIG
from .outside import Values, inside, read_json
from .stored import PICKLES, Stored, Tensors, open_file, open_weights

_AGAIN = "Give a Whisper of transformers, or OpenAI's file."
_TRANSFORMERS = re.compile(r"(model\.)?encoder\.(.+)")
_OPENAI = re.compile(r"(model_state_dict\.)?encoder\.(.+)")
_INSIDE_BLOCK = {
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.out": "self_attn.out_proj",
    "attn_ln": "self_attn_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
    "mlp_ln": "final_layer_norm",
}
_BLOCK = re.compile(r"blocks\.(\d+)\.(.+)\.(weight|bias)")
# Every Whisper that OpenAI published has heads of this width.
_HEAD = 64


@dataclass(frozen=True)
class Whisper:
    """An encoder that was found and checked, and is not in memory; names as in transformers' WhisperEncoder."""

    config: SpeechConfig
    tensors: Tensors


def read_whisper(place: Path) -> Whisper:
    """The encoder of the Whisper in a folder of transformers', or in OpenAI's file or a folder that holds it.

    Headers alone are read. Raises ModelError for what is missing, broken, of another shape or of another kind.
    """
    if place.is_dir() and (place / CONFIG).is_file():
        config, tensors = _transformers(place)
    else:
        config, tensors = _openai(_file(place))
    build = partial(_build, config)
    check(tensors, expected(build, config.layers, tensors))
    return Whisper(config, tensors)


def speech_config(mels: int, width: int, layers: int, heads: int, inner: int, positions: int) -> SpeechConfig:
    """An ear of these sizes, with LLaMA-Omni's projector width of 2048, and nothing that writes captions."""
    return SpeechConfig(mels, width, layers, heads, inner, positions, projector_hidden=2048, captions=False)


def _transformers(folder: Path) -> tuple[SpeechConfig, Tensors]:
    given = Values(folder / CONFIG, read_json(folder / CONFIG))
    given.one_of("model_type", ("whisper",), "")
    if not given.has("model_type"):
        given.refuse("model_type")
    given.one_of("activation_function", ("gelu",), "gelu")
    if given.flag("scale_embedding"):
        given.refuse("scale_embedding")
    width, layers = given.size("d_model", 384), given.size("encoder_layers", 4)
    heads, inner = given.size("encoder_attention_heads", 6), given.size("encoder_ffn_dim", 1536)
    if width % heads:
        given.refuse("encoder_attention_heads")
    config = speech_config(
        given.size("num_mel_bins", 80), width, layers, heads, inner, given.size("max_source_positions", 1500)
    )
    weights = open_weights(folder, "model", "pytorch_model")
    if weights is None:
        raise ModelError(f"{folder} holds no weights.", _AGAIN)
    return config, {m[2]: tensor for name, tensor in weights.items() if (m := _TRANSFORMERS.fullmatch(name))}


def _file(place: Path) -> Path:
    """OpenAI's one file. Raises ModelError where there is none, or more than one."""
    if place.is_file():
        return place
    names = sorted(place.glob("*"))
    found = [file.name for file in names if file.suffix in PICKLES]
    found = found or [file.name for file in names if file.suffix == ".safetensors"]  # else they may be converted ones
    if len(found) != 1:
        raise ModelError(f"{place} does not hold one Whisper.", _AGAIN)
    return inside(place, found[0])


def _openai(path: Path) -> tuple[SpeechConfig, Tensors]:
    """The sizes are those of the tensors, which say all that `dims` does."""
    weights = {m[2]: tensor for name, tensor in open_file(path).items() if (m := _OPENAI.fullmatch(name))}
    tensors = {_renamed(name): tensor for name, tensor in weights.items()}
    first, inner = _shape(path, tensors, "conv1.weight", 3), _shape(path, tensors, "layers.0.fc1.weight", 2)
    positions = _shape(path, tensors, "embed_positions.weight", 2)
    layers = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("layers."))
    if first[0] % _HEAD:
        raise ModelError(f"{path.name} is {first[0]} wide, which no Whisper of OpenAI is.", _AGAIN)
    return speech_config(first[1], first[0], layers, first[0] // _HEAD, inner[0], positions[0]), tensors


def _renamed(name: str) -> str:
    if name == "positional_embedding":
        return "embed_positions.weight"
    if match := _BLOCK.fullmatch(name):
        part = _INSIDE_BLOCK.get(match[2], match[2])
        return f"layers.{match[1]}.{part}.{match[3]}"
    return re.sub(r"^ln_post\.", "layer_norm.", name)


def _shape(path: Path, tensors: dict[str, Stored], name: str, axes: int) -> tuple[int, ...]:
    if name not in tensors or len(tensors[name].shape) != axes or 0 in tensors[name].shape:
        raise ModelError(f"{path.name} holds no Whisper: {name} is missing or of another shape.", _AGAIN)
    return tensors[name].shape


def _build(config: SpeechConfig) -> nn.Module:
    return SpeechEncoder(config).encoder
