"""Pickles of tensors, made safetensors once by a process of their own, which takes numbers out and runs nothing.

The process is this module: `python -m sviqa_app.checkpoints.pickles PICKLE SAFETENSORS MARK`.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from safetensors import safe_open
from torch import Tensor

from ..errors import ModelError, OutputError, SviqaError
from .stored import Stored, write_file

SUFFIX = ".safetensors"
"""What the name of a converted pickle ends with, after the pickle's own suffix."""

_INSTEAD = "Get the model as safetensors."
_MARK = "converted_from"
_MODULE = "sviqa_app.checkpoints.pickles"
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows alone has it


def converted(path: Path) -> Path:
    """The safetensors file with the tensors of the pickle `path`; names of tables within tables are joined by dots.

    It lies beside the pickle, or in the user's cache where that folder cannot be written, and is made again when the
    pickle changes. Raises ModelError where there is more than tensors in it, OutputError where the disk is full.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ModelError(f"{path} cannot be read.", "Check that it is there and that you may read it.") from error
    target, mark = _place(path), f"{status.st_size} {status.st_mtime_ns}"
    if not _is_of(target, mark):
        _run(path, target, mark)
    return target


def convert(path: Path, target: Path, mark: str) -> None:
    """Writes the tensors of `path` to `target`. Only in a process of its own. Raises SviqaError."""
    tensors = {name: Stored.of(tensor) for name, tensor in _tensors(_load(path))}
    if not tensors:
        raise ModelError(f"{path.name} holds no tensors.", _INSTEAD)
    if sum(tensor.bytes for tensor in tensors.values()) > 2 * path.stat().st_size:  # tied ones are there once
        raise ModelError(f"{path.name} claims to hold more numbers than it has bytes.", _INSTEAD)
    write_file(target, tensors, {_MARK: mark})


def _place(path: Path) -> Path:
    if os.access(path.parent, os.W_OK):
        return path.with_name(path.name + SUFFIX)
    folder = user_cache_path("sviqa", appauthor=False) / "converted"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (hashlib.sha256(str(path.resolve()).encode()).hexdigest() + SUFFIX)


def _is_of(target: Path, mark: str) -> bool:
    """Whether `target` was made of the pickle that has this size and time."""
    try:
        with safe_open(target, framework="pt") as file:
            return (file.metadata() or {}).get(_MARK) == mark
    except Exception:  # missing, or broken in any way: then it is made anew
        return False


def _run(path: Path, target: Path, mark: str) -> None:
    ours = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(dict.fromkeys([*filter(None, sys.path), ours]))
    done = subprocess.run(
        [sys.executable, "-m", _MODULE, str(path.absolute()), str(target.absolute()), mark],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=_NO_WINDOW,
    )
    if done.returncode:
        kind, _, words = done.stdout.decode(errors="replace").strip().rpartition("\n")[2].partition("\t")
        what, _, next = words.partition("\t")
        if not what:
            raise ModelError(f"{path.name} is a pickle that could not be converted: the process ended.", _INSTEAD)
        raise (OutputError if kind == OutputError.__name__ else ModelError)(what, next)


def _load(path: Path) -> Any:
    """What is in a file of torch.save, of any age. Raises ModelError where it is broken or asks for more."""
    try:
        zipped = zipfile.is_zipfile(path)
        if zipped and _unpacked_size(path) > path.stat().st_size:
            raise ModelError(f"{path.name} is packed, as torch never does.", _INSTEAD)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        wish = re.search(r"GLOBAL (\S+)", str(error))
        asks = f"It asks for {wish[1][:80]}, which was not run." if wish else "It was not opened."
        raise ModelError(f"{path.name} is a Python pickle of more than tensors. {asks}", _INSTEAD) from error
    except Exception as error:  # a broken archive fails in many ways
        reason = str(error).partition("\n")[0][:200]
        raise ModelError(f"{path.name} is broken: {reason}.", "Install the model again.") from error


def _unpacked_size(path: Path) -> int:
    with zipfile.ZipFile(path) as file:
        return sum(part.file_size for part in file.infolist())


def _tensors(top: Any) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in tables within tables, by name. A table that stands in several, or in itself, is read once."""
    waiting, seen = [("", top)], set()
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Tensor) and value.layout is torch.strided and not value.is_quantized:
            yield name, value.detach()
        elif isinstance(value, dict) and id(value) not in seen:
            seen.add(id(value))
            waiting += [(f"{name}.{key}" if name else str(key), inner) for key, inner in value.items()]


def main() -> int:
    """Convert as told by the command line; what goes wrong is said in one line: kind, what, next."""
    path, target, mark = sys.argv[1:]
    warnings.simplefilter("ignore")
    try:
        convert(Path(path), Path(target), mark)
    except SviqaError as error:
        print(type(error).__name__, error.what, error.next, sep="\t")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
