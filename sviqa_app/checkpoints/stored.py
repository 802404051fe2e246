"""Tensors that lie in files, and files of tensors: read and written one by one, so that no model fills the memory."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import ModelError, OutputError
from ..files import replacing, unwritable
from .native import Shape, check_weights
from .outside import inside, read_json

SHARD_BYTES = 5_000_000_000
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth")

_AGAIN = "Install the model again."
_KINDS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class Stored:
    """A tensor that is not in memory yet: `read` gives it, of this shape and kind, on the CPU."""

    shape: Shape
    dtype: torch.dtype
    read: Callable[[], Tensor]

    @classmethod
    def of(cls, tensor: Tensor) -> Stored:
        """One that is in memory."""
        return cls(tuple(tensor.shape), tensor.dtype, lambda: tensor)

    @property
    def bytes(self) -> int:
        """How many bytes it takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def then(self, change: Callable[[Tensor], Tensor], shape: Shape | None = None) -> Stored:
        """The same, changed when it is read, to `shape` where that is another."""
        return Stored(self.shape if shape is None else shape, self.dtype, lambda: change(self.read()))


Tensors = dict[str, Stored]


@dataclass(frozen=True)
class Written:
    """A model folder that was written. `notes` say what was left alone in the folders it came from."""

    folder: Path
    tensors: int
    bytes: int
    notes: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path, tensors: Mapping[str, Stored], notes: tuple[str, ...]) -> Written:
        """What was written to `folder`."""
        return cls(folder, len(tensors), sum(tensor.bytes for tensor in tensors.values()), notes)


def open_weights(folder: Path, *stems: str) -> Tensors | None:
    """The weights of `folder` under the first of the names `stems` that is there, in one file or in several.

    Only headers are read. None where there are none of these names. Raises ModelError for what is broken.
    """
    for stem in stems:
        for name in (f"{stem}.safetensors", f"{stem}.bin"):
            if (folder / f"{name}.index.json").is_file():
                return _open_several(inside(folder, f"{name}.index.json"))
            if (folder / name).is_file():
                return open_file(inside(folder, name))
    return None


def open_file(path: Path) -> Tensors:
    """The tensors of a safetensors file, or of a pickle once a process of its own has converted it.

    Raises ModelError where the header does not describe the file.
    """
    if path.suffix in PICKLES:
        from .pickles import converted

        path = converted(path)
    shapes = check_weights(path)
    try:
        with safe_open(path, framework="pt") as file:
            kinds = {name: _KINDS[file.get_slice(name).get_dtype()] for name in shapes}
    except Exception as error:  # of safetensors' own kind
        raise ModelError(f"The header of {path.name} is broken.", _AGAIN) from error
    return {name: Stored(shape, kinds[name], partial(_read, path, name)) for name, shape in shapes.items()}


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yields a folder to fill, which takes the name `folder` when the block ends well, and is gone otherwise.

    Raises OutputError where there is something of that name, or it cannot be written.
    """
    if folder.exists():
        raise OutputError(f"There is already something at {folder}.", "Give a folder that does not exist yet.")
    if not folder.parent.is_dir():
        raise OutputError(f"There is no folder {folder.parent}.", "Make it first, or choose another.")
    temp = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(temp, ignore_errors=True)
        temp.mkdir()
        yield temp
        temp.rename(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def write_weights(folder: Path, tensors: Mapping[str, Stored], shard_bytes: int = SHARD_BYTES) -> None:
    """Writes `model.safetensors`, or several files and their index, one tensor in memory at a time.

    Raises OutputError where the disk has no room for all of them, ModelError where a tensor cannot be read.
    """
    total = sum(tensor.bytes for tensor in tensors.values())
    if shutil.disk_usage(folder).free < total:
        raise OutputError(f"The disk is full: {folder} needs {total / 1e9:.1f} GB.", "Free some space and try again.")
    parts = _parts(tensors, shard_bytes)
    if len(parts) == 1:
        write_file(folder / "model.safetensors", tensors)
        return
    places: dict[str, str] = {}
    for number, names in enumerate(parts, 1):
        file = f"model-{number:05}-of-{len(parts):05}.safetensors"
        write_file(folder / file, {name: tensors[name] for name in names})
        places |= dict.fromkeys(names, file)
    _write_index(folder / INDEX, places, total)


def write_part(folder: Path, part: Mapping[str, Stored], file: str) -> None:
    """Has tensors in the file `file` take the place of those of their names in a model folder; no other file changes.

    The model is the old one or the new one, whenever it is interrupted: what counts is the index, written last. Raises
    OutputError where it cannot be written, ModelError where the folder is broken.
    """
    index, single = folder / INDEX, "model.safetensors"
    places = _places(index) if index.is_file() else dict.fromkeys(check_weights(folder / single), single)
    total = sum(tensor.bytes for tensor in ((open_weights(folder, "model") or {}) | dict(part)).values())
    write_file(folder / file, part)
    with replacing(index) as temp:
        _write_index(temp, places | dict.fromkeys(part, file), total)


def _open_several(index: Path) -> Tensors:
    places = _places(index)
    files = {file: open_file(inside(index.parent, file)) for file in sorted(set(places.values()))}
    for name, file in places.items():
        if name not in files[file]:
            raise ModelError(f"{file} has no tensor {name}, which {index.name} promises.", _AGAIN)
    return {name: files[file][name] for name, file in places.items()}


def _places(index: Path) -> dict[str, str]:
    """In which file each tensor is, as an index says."""
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(file, str) for file in places.values()):
        raise ModelError(f"{index} does not say in which files the weights are.", _AGAIN)
    return places


def _write_index(path: Path, places: Mapping[str, str], total: int) -> None:
    index = {"metadata": {"total_size": total}, "weight_map": places}
    path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _read(path: Path, name: str) -> Tensor:
    try:
        with safe_open(path, framework="pt") as file:
            tensor: Tensor = file.get_tensor(name)
            return tensor
    except Exception as error:  # the header was checked, so this is a disk that fails or a file that changed
        raise ModelError(f"{path} cannot be read ({error}).", _AGAIN) from error


def _parts(tensors: Mapping[str, Stored], most: int) -> list[list[str]]:
    """Names by file, no file above `most` bytes unless one tensor alone is."""
    parts: list[list[str]] = [[]]
    room = most
    for name, tensor in tensors.items():
        if tensor.bytes > room and parts[-1]:
            parts.append([])
            room = most
        parts[-1].append(name)
        room -= tensor.bytes
    return parts


def write_file(path: Path, tensors: Mapping[str, Stored], notes: Mapping[str, str] | None = None) -> None:
    """Writes a safetensors file, one tensor in memory at a time; the whole file or none of it.

    Its layout: the length of the header, the header, and the numbers, here the widest kinds first, so that each is
    aligned. Raises OutputError where it cannot be written, ModelError where a tensor cannot be read.
    """
    order = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)
    header: dict[str, object] = {"__metadata__": {"format": "pt", **(notes or {})}}
    end = 0
    for name in order:
        begin, end = end, end + tensors[name].bytes
        shape = list(tensors[name].shape)
        header[name] = {"dtype": _NAMES[tensors[name].dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as temp, temp.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(_bytes(name, tensors[name]))


def _bytes(name: str, stored: Stored) -> memoryview:
    tensor = stored.read()
    if tuple(tensor.shape) != stored.shape or tensor.dtype != stored.dtype:
        raise ModelError(f"The tensor {name} changed while it was read.", "Try again.")
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data
