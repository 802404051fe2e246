"""What a network of given sizes is due, told without taking memory, and whether that is what was found."""

from __future__ import annotations

from collections.abc import Callable, Sized

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers.initialization import no_init_weights

from ..errors import ModelError
from .native import Shape
from .stored import Tensors

_AGAIN = "Give the whole folder of the model, as it was published."


def expected(build: Callable[[], nn.Module], layers: int, found: Sized) -> dict[str, Shape]:
    """The shape of every tensor of the network that `build` makes.

    Raises ModelError where its sizes do not fit together, or it has more `layers` than there are tensors in `found`.
    """
    if layers > len(found):
        raise ModelError(f"config.json promises {layers:,} layers, and there are {len(found):,} tensors.", _AGAIN)
    try:
        with torch.device("meta"), no_init_weights():
            return {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}
    except (StrictDataclassError, ValueError, RuntimeError, TypeError, ArithmeticError) as error:
        raise ModelError(f"The sizes in config.json do not fit together: {str(error)[:200]}.", _AGAIN) from error


def check(tensors: Tensors, due: dict[str, Shape]) -> None:
    """Raises ModelError naming the tensor that is missing, too many or of another shape: found and expected."""
    for name, shape in due.items():
        if name not in tensors:
            raise ModelError(f"The weights have no tensor {name}, expected {_by(shape)}.", _AGAIN)
        if tensors[name].shape != shape:
            raise ModelError(
                f"The weights have the tensor {name} with shape {_by(tensors[name].shape)}, expected {_by(shape)}.",
                "The weights and config.json are of different models: install the model again.",
            )
    if extra := sorted(set(tensors) - set(due)):
        raise ModelError(f"The weights have a tensor that config.json does not promise: {extra[0]}.", _AGAIN)


def _by(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"
