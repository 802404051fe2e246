"""Our own model folder: config.json and safetensors, compared with what is due before memory is taken."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..errors import ModelError
from ..files import replacing
from ..model.config import Section, SviqaConfig, VoiceConfig
from ..resources import models_folder
from .installed import installed, models_home

CONFIG = "config.json"
MAX_CONFIG_BYTES = 1_000_000
MAX_HEADER_BYTES = 10_000_000
# No size in any configuration we know comes near; a larger one is there to exhaust the memory.
MAX_SIZE = 10_000_000

_AGAIN = "Install the model again."
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
# A zip (torch.save since 1.6), and pickles of protocol 2 and later (torch.save before).
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

Shape = tuple[int, ...]


def find_model(name_or_path: str | Path) -> Path:
    """The folder of a model: one of those that ship, by name, or any folder. Raises ModelError."""
    shipped = {folder.name: folder for folder in sorted(models_folder().glob("*/")) if (folder / CONFIG).is_file()}
    shipped |= {name: models_home() / name for name in installed()}
    if found := shipped.get(str(name_or_path)):
        return found
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise ModelError(f"{folder} is a file.", "Give the folder that holds the model.")
    names = ", ".join(shipped) or "none"
    raise ModelError(f"There is no model {name_or_path}.", f"Give a folder, or one of those installed: {names}.")


def find_voice(beside: Path, name: str) -> Path:
    """The folder of a voice: beside a model's folder, else among those that ship. Raises ModelError."""
    sibling = beside.parent / name
    return sibling if (sibling / CONFIG).is_file() else find_model(name)


def read_config(folder: Path) -> SviqaConfig:
    """The configuration of the model in `folder`. Raises ModelError when missing, broken or not ours."""
    return SviqaConfig.from_dict(_read_config(folder))


def read_voice_config(folder: Path) -> VoiceConfig:
    """The configuration of the voice in `folder`. Raises ModelError when missing, broken or not ours."""
    return VoiceConfig.from_dict(_read_config(folder))


def _read_config(folder: Path) -> Any:
    path = folder / CONFIG
    if not folder.is_dir():
        raise ModelError(f"There is no model folder at {folder}.", "Check the name, or install the model.")
    values = read_json(path)
    try:
        _check_sizes(values)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON.", _AGAIN) from error
    return values


def read_json(path: Path) -> Any:
    """What a model folder's small JSON file holds. Raises ModelError when missing, broken or too large."""
    try:
        if not path.is_file():
            raise ModelError(f"The folder {path.parent} holds no {path.name}.", "Give the folder of a model.")
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ModelError(f"{path} is too large to be a configuration.", _AGAIN)
        return json.loads(path.read_bytes(), parse_constant=_no_constant)
    except OSError as error:
        raise ModelError(f"{path} cannot be read.", "Check that you may read it.") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON.", _AGAIN) from error


def write_config(folder: Path, config: Section) -> None:
    """Writes `config` as the configuration of the model in `folder`. Raises OutputError."""
    with replacing(folder / CONFIG) as temp:
        temp.write_text(json.dumps(config.to_dict(), indent=2) + "\n", encoding="utf-8")


def load_weights(path: Path, expected: Mapping[str, Shape]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU, numbers with a fraction as float32.

    `expected` holds the shape of every tensor by name. Names, shapes and kinds are compared with the file's
    header before a tensor is read. Raises ModelError naming the tensor that is missing, too many or other.
    """
    check_weights(path, expected)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in expected}
    except Exception as error:  # the header was checked, so this is a disk that fails or a file that changed
        raise ModelError(f"{path} cannot be read ({error}).", _AGAIN) from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def fill(network: nn.Module, path: Path, assign: bool = False) -> None:
    """Give a network the weights in a safetensors file, all of them and no others; see `load_weights`.

    With `assign` the file's tensors take the place of the network's. Raises ModelError.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    network.load_state_dict(load_weights(path, shapes), assign=assign)


def save_weights(path: Path, tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> None:
    """Writes tensors as safetensors, numbers with a fraction as `dtype`; the whole file or none of it.

    Raises OutputError when the file cannot be written.
    """
    plain = {name: _plain(tensor, dtype) for name, tensor in tensors.items()}
    with replacing(path) as temp:
        temp.write_bytes(save(plain, metadata={"format": "pt"}))


def check_weights(path: Path, expected: Mapping[str, Shape] | None = None) -> dict[str, Shape]:
    """The shapes in a safetensors file, from its header alone. Raises ModelError when not as `expected`."""
    shapes = _read_header(path)
    if expected is not None:
        check_shapes(path.name, shapes, expected)
    return shapes


def check_shapes(
    file: str, shapes: Mapping[str, Shape], expected: Mapping[str, Shape], described_by: str = CONFIG
) -> None:
    """Raises ModelError naming the tensor of `file` that is missing, too many or of another shape than `expected`.

    `described_by` is the file whose sizes led to what is expected.
    """
    for name, shape in expected.items():
        if name not in shapes:
            raise ModelError(f"{file} has no tensor {name}.", _AGAIN)
        if shapes[name] != tuple(shape):
            raise ModelError(
                f"{file} has the tensor {name} with shape {_by(shapes[name])}, expected {_by(shape)}.",
                f"The weights and {described_by} are of different models: install the model again.",
            )
    if extra := sorted(set(shapes) - set(expected)):
        raise ModelError(f"{file} has a tensor this version does not know: {extra[0]}.", "Update the app.")


def _plain(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy of its own on the CPU, as safetensors wants it."""
    kind = dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to("cpu", kind, copy=True, memory_format=torch.contiguous_format)


def _by(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _check_sizes(value: Any) -> None:
    """Refuses numbers that would make the network too large to build."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check_sizes(part)
    elif isinstance(value, int | float) and abs(value) > MAX_SIZE:
        raise ModelError(f"The model's configuration holds the impossible size {value:.3g}.", _AGAIN)


def _read_header(path: Path) -> dict[str, Shape]:
    """The shape of each tensor, once the header is proven to describe exactly the bytes of the file.

    Layout (safetensors' format description): 8 bytes little-endian length, that much JSON, then the data.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
            size = int.from_bytes(head, "little")
            if len(head) < 8 or size > MAX_HEADER_BYTES:
                raise _of_another_kind(path, head)
            header = json.loads(file.read(size), parse_constant=_no_constant)
        data = path.stat().st_size - 8 - size
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        spans = sorted(_span(name, entry) for name, entry in entries.items())
        shapes = {name: tuple(entry["shape"]) for name, entry in entries.items()}
    except FileNotFoundError as error:
        raise _missing(path) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read.", "Check that you may read it.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"The header of {path.name} is broken.", _AGAIN) from error
    end = 0
    for begin, stop in spans:
        if begin != end:
            raise ModelError(f"The header of {path.name} is broken.", _AGAIN)
        end = stop
    if end != data:
        raise ModelError(f"{path.name} is cut off or damaged: {data:,} bytes of data, expected {end:,}.", _AGAIN)
    return shapes


def _span(name: str, entry: dict[str, Any]) -> tuple[int, int]:
    """Where a tensor's bytes begin and end. Raises ValueError where they do not fit its shape and kind."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    if not all(type(number) is int and number >= 0 for number in (begin, end, *shape)):
        raise ValueError(name)
    if end - begin != math.prod(shape) * _BYTES[entry["dtype"]]:
        raise ValueError(name)
    return begin, end


def _of_another_kind(path: Path, head: bytes) -> ModelError:
    if head.startswith(_PICKLES):
        return ModelError(
            f"{path.name} is a Python pickle, which can run a stranger's code when it is opened.",
            "Sviqa reads safetensors only: get the model in that form.",
        )
    if len(head) < 8:
        return ModelError(f"{path.name} is empty or cut off.", _AGAIN)
    return ModelError(f"{path.name} is not a safetensors file, or it is damaged.", _AGAIN)


def _missing(path: Path) -> ModelError:
    pickles = [other.name for other in path.parent.glob("*") if other.suffix in _PICKLE_SUFFIXES]
    if pickles:
        return ModelError(
            f"{path.parent} holds {pickles[0]}, a Python pickle, and no {path.name}.",
            "Sviqa reads safetensors only: get the model in that form.",
        )
    return ModelError(f"{path.parent} holds no {path.name}.", _AGAIN)
