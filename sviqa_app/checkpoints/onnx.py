"""Networks published as ONNX files, run by onnxruntime from the extra sviqa[step-audio]."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import ModelError

Axes = Sequence[int | None]
"""The sizes of an input; None where any will do."""


def extra(name: str) -> ModuleType:
    """A library of the extra sviqa[step-audio], imported now. Raises ModelError where it is not there."""
    try:
        return import_module(name)
    except Exception as error:  # not installed, or one of its own libraries is missing or refuses
        raise ModelError(
            f"Step-Audio's published tokenizer needs {name.partition('.')[0]}.",
            "Install it: pip install 'sviqa[step-audio]'.",
        ) from error


class OnnxNetwork:
    """One ONNX file: arrays in, its first output as an array out."""

    def __init__(self, path: Path, inputs: Sequence[Axes], device: str = "cpu") -> None:
        """Open `path`, whose inputs must fit `inputs`; on the GPU where `device` and onnxruntime have one.

        Raises ModelError where onnxruntime or the file is missing, or the file is damaged or another network.
        """
        runtime = extra("onnxruntime")
        if not path.is_file():
            raise ModelError(f"{path.parent} holds no {path.name}.", "Install the model again.")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors, which come as exceptions as well
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=_providers(runtime, device))
        except Exception as error:  # onnxruntime has an exception of its own for each thing that can be wrong
            raise ModelError(f"{path.name} is damaged or no network.", "Install the model again.") from error
        self._path = path
        self._names = [given.name for given in self._session.get_inputs()]
        if not _fits([given.shape for given in self._session.get_inputs()], inputs):
            raise ModelError(f"{path.name} is another network than was expected.", "Install the model again.")

    def __call__(self, *arrays: NDArray[Any]) -> NDArray[Any]:
        """The first output for one array an input. Raises ModelError where the network refuses them."""
        try:
            return np.asarray(self._session.run(None, dict(zip(self._names, arrays, strict=True)))[0])
        except Exception as error:
            raise ModelError(f"{self._path.name} cannot be run.", "Install the model again.") from error


def _providers(runtime: ModuleType, device: str) -> list[Any]:
    """Where to compute, best first. onnxruntime-gpu has CUDA, plain onnxruntime has not."""
    cpu = "CPUExecutionProvider"
    wanted = torch.device(device)
    if wanted.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers():
        return [("CUDAExecutionProvider", {"device_id": wanted.index or 0}), cpu]
    return [cpu]


def _fits(shapes: Sequence[Sequence[Any]], expected: Sequence[Axes]) -> bool:
    """Whether every size that both sides fix is the same; a file may leave a size open, by a name or None."""
    return len(shapes) == len(expected) and all(
        len(shape) == len(axes)
        and all(a == b or not (isinstance(a, int) and b) for a, b in zip(shape, axes, strict=True))
        for shape, axes in zip(shapes, expected, strict=True)
    )
