"""The streaming Paraformer whose encoder names Step-Audio's linguistic tokens: its folder, and funasr's encoder.

Only the encoder is read, by names and shapes. Nothing is downloaded and no code of the folder is run: config.yaml is
data, model.pt is converted to safetensors in a process of its own.
"""

from __future__ import annotations

import io
import re
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError
from ..model.fbank import BANDS
from ..model.linguistic import SPAN, STRIDE, WIDTH, ChunkEncoder
from .onnx import extra
from .outside import Values
from .stored import open_file

MAX_CONFIG_BYTES = 1_000_000

_AGAIN = "Install the model again."
_ENCODER = re.compile(r"(?:state_dict\.|model\.)?encoder\.(.+)")  # funasr saves with and without a table around
_KIND, _INPUT = "SANMEncoderChunkOpt", "pe_online"
# What model/linguistic.py computes; a folder that asks for something else is another model.
_FRONT_END = {"fs": 16000, "window": "hamming", "n_mels": BANDS, "frame_length": 25, "frame_shift": 10}
_FRONT_END |= {"lfr_m": SPAN, "lfr_n": STRIDE}
# The encoder's sizes, and those of paraformer-large where the folder does not give them.
_SIZES = {"output_size": 512, "attention_heads": 4, "linear_units": 2048, "num_blocks": 50, "kernel_size": 11}


def load_encoder(folder: Path, width: int, device: str = "cpu") -> ChunkEncoder:
    """funasr's SANMEncoderChunkOpt with the weights in `folder`, of output `width`, on `device`.

    Raises ModelError where funasr is not installed, and where a file is missing, broken or of another shape.
    """
    sizes = _sizes(folder / "config.yaml")
    if sizes["output_size"] != width:
        raise ModelError(f"{folder / 'config.yaml'} gives output_size {sizes['output_size']}, not {width}.", _AGAIN)
    kind = _encoder_class()
    with torch.device("meta"):
        encoder = kind(input_size=WIDTH, input_layer=_INPUT, **sizes)
    encoder.load_state_dict(_weights(folder, encoder.state_dict()), assign=True)
    ready: ChunkEncoder = encoder.eval().requires_grad_(False).to(device)
    return ready


def load_normalisation(path: Path) -> tuple[Tensor, Tensor]:
    """What is added to each of the 560 features, and what they are then multiplied by, of `am.mvn`.

    Raises ModelError where the file is missing or broken.
    """
    text = _read(path)
    shift, scale = (_vector(text, name) for name in ("AddShift", "Rescale"))
    if shift is None or scale is None:
        raise ModelError(f"{path} does not hold {WIDTH} shifts and scales.", _AGAIN)
    return shift, scale


def _encoder_class() -> Any:
    """Importing funasr imports all of it, which prints and warns of much that is not asked for."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return getattr(extra("funasr.models.scama.encoder"), _KIND)


def _sizes(path: Path) -> dict[str, int]:
    yaml = extra("yaml")
    try:
        values = yaml.safe_load(_read(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid YAML.", _AGAIN) from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} is not a table of names and values.", _AGAIN)
    given = Values(path, values)
    _check(given, encoder=_KIND)
    _check(given.section("frontend_conf"), **_FRONT_END)
    encoder = given.section("encoder_conf")
    _check(encoder, input_layer=_INPUT)
    sizes = {name: encoder.size(name, usual) for name, usual in _SIZES.items()}
    if sizes["output_size"] % sizes["attention_heads"] or max(sizes.values()) > 65_536 or sizes["num_blocks"] > 1000:
        raise ModelError(f"The sizes in {path} do not fit together.", _AGAIN)
    return sizes | {"sanm_shfit": encoder.size("sanm_shfit", 0, least=0)}


def _check(given: Values, **due: Any) -> None:
    """Refuses other values than are due. What is not given is told by the names and shapes of the weights."""
    for name, value in due.items():
        if given.all.get(name, value) != value:
            given.refuse(name)


def _weights(folder: Path, due: dict[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's tensors as float32, once every name and shape was found to be as due."""
    path = next((folder / name for name in ("model.safetensors", "model.pt") if (folder / name).is_file()), None)
    if path is None:
        raise ModelError(f"{folder} holds no model.pt.", _AGAIN)
    named = {_ENCODER.match(name): one for name, one in open_file(path).items()}
    stored = {match[1]: one for match, one in named.items() if match}
    for name in sorted(set(due) ^ set(stored)):
        raise ModelError(f"{path.name} {'lacks' if name in due else 'has also'} the tensor encoder.{name}.", _AGAIN)
    for name, tensor in due.items():
        if stored[name].shape != tuple(tensor.shape):
            raise ModelError(f"{path.name} has the tensor encoder.{name} in another shape.", _AGAIN)
    return {name: one.read().float() for name, one in stored.items()}


def _vector(text: str, name: str) -> Tensor | None:
    """The numbers of Kaldi's layer <name>, where they are 560 finite ones."""
    found = re.search(rf"<{name}> {WIDTH} {WIDTH}\s+<LearnRateCoef> \S+ \[([^\]]*)\]", text)
    try:
        vector = torch.tensor([float(number) for number in found.group(1).split()]) if found else torch.zeros(0)
    except ValueError:
        return None
    return vector if vector.shape == (WIDTH,) and bool(vector.isfinite().all()) else None


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ModelError(f"{path} is too large to be read.", _AGAIN)
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ModelError(f"{path.parent} holds no {path.name}.", _AGAIN) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read.", _AGAIN) from error
