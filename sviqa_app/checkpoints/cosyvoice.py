"""The vocoders in Step-Audio-TTS-3B, `CosyVoice-300M-25Hz` and `CosyVoice-300M-25Hz-Music`, as they are published.

`cosyvoice.yaml` is read as data; `flow.pt` and `hift.pt` are converted to safetensors once, in a process of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from ..errors import ModelError
from ..model.flow import Flow
from ..model.hift import Hift, folded
from ..model.int8 import has_int8, to_int8
from .cosyvoice_sizes import read_sizes
from .native import Shape, check_shapes
from .recipes import Recipe
from .stored import Tensors, open_file

RECIPE = "cosyvoice.yaml"
FLOW = "flow.pt"
HIFT = "hift.pt"
SPEAKER_ENCODER = "campplus.onnx"
SPEECH_TOKENIZER = "speech_tokenizer_v1.onnx"

Precision = Literal["fp32", "bf16", "int8"]
"""What the flow computes in; HiFT is always in float32. "int8" is for processors that have instructions for it."""

_AGAIN = "Install the model again."
_GIVE = "Give the folder CosyVoice-300M-25Hz or CosyVoice-300M-25Hz-Music of Step-Audio-TTS-3B."
_PLACEHOLDER = b"version https://git-lfs.github.com"
_CODES = "input_embedding.weight"
# Other families, known by a file of theirs, by the names of their tensors, and by the size of their one codebook.
_FILES = {"cosyvoice2.yaml": "CosyVoice 2", "cosyvoice3.yaml": "CosyVoice 3", "flow.yaml": "Step-Audio-2"}
_TREES = {
    "decoder.estimator.transformer_blocks.": "CosyVoice 3",
    "decoder.estimator.blocks.": "Step-Audio-2 or CosyVoice 3",
    "encoder.up_encoders.": "CosyVoice 2",
}
_VOCABULARIES = {6561: "CosyVoice 2"}

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class CosyVoice:
    """A published vocoder, and where the networks lie that a clone needs besides."""

    flow: Flow
    hift: Hift
    speaker_encoder: Path
    speech_tokenizer: Path


def load_cosyvoice(folder: Path, device: str | torch.device = "cpu", precision: Precision = "fp32") -> CosyVoice:
    """The vocoder in `folder`, ready on `device`.

    Every name and shape is compared with the recipe before memory is taken. Raises ModelError where a file is
    missing, broken, of another shape or of another family, and where `device` cannot do it; OutputError where a
    converted file has no room.
    """
    if precision == "int8" and not (str(device) == "cpu" and has_int8()):
        raise ModelError(f"This machine's {device} does not compute in int8.", "Choose fp32, or bf16 on a GPU.")
    _check_files(folder)
    recipe = Recipe(folder / RECIPE)
    _check_family(folder, recipe.find("flow.vocab_size"))
    weights = open_file(folder / FLOW)
    codes = weights[_CODES].shape if _CODES in weights else ()
    vocabulary = codes[0] if codes else 0
    _check_family(folder, vocabulary, weights)
    flow_config, hift_config = read_sizes(recipe, vocabulary)
    flow = _flow(weights, lambda: Flow(flow_config), torch.bfloat16 if precision == "bf16" else torch.float32)
    hift = _hift(open_file(folder / HIFT), lambda: Hift(hift_config))
    flow, hift = _placed(flow, device), _placed(hift, device)
    if precision == "int8":
        to_int8(flow)
    return CosyVoice(flow, hift, folder / SPEAKER_ENCODER, folder / SPEECH_TOKENIZER)


def _check_files(folder: Path) -> None:
    """Refuses a folder without one of the files, or with what git puts in its place until it is fetched."""
    for other, family in _FILES.items():
        if (folder / other).is_file() and not (folder / RECIPE).is_file():
            raise _of_another_family(folder, family)
    for name in (RECIPE, FLOW, HIFT, SPEAKER_ENCODER, SPEECH_TOKENIZER):
        path = folder / name
        try:
            with path.open("rb") as file:
                head = file.read(len(_PLACEHOLDER))
        except OSError as error:
            if path.exists():
                raise ModelError(f"{path} cannot be read.", "Check that you may read it.") from error
            raise ModelError(f"{folder} holds no {name}.", _GIVE) from error
        if not head:
            raise ModelError(f"{path} is empty.", _AGAIN)
        if head == _PLACEHOLDER:
            raise ModelError(f"{path} is the placeholder of a file that was not fetched.", "Run: git lfs pull.")


def _check_family(folder: Path, vocabulary: Any, names: Iterable[str] = ()) -> None:
    for start, family in _TREES.items():
        if any(name.startswith(start) for name in names):
            raise _of_another_family(folder, family)
    if vocabulary in _VOCABULARIES:
        raise _of_another_family(folder, _VOCABULARIES[vocabulary])


def _of_another_family(folder: Path, family: str) -> ModelError:
    return ModelError(f"{folder} holds the vocoder of {family}, which this version does not speak with.", _GIVE)


def _flow(weights: Tensors, build: Callable[[], Flow], dtype: torch.dtype) -> Flow:
    flow = _skeleton(build)
    check_shapes(FLOW, {name: stored.shape for name, stored in weights.items()}, _shapes(flow), RECIPE)
    flow.load_state_dict({name: stored.read().to(dtype) for name, stored in weights.items()}, assign=True)
    return flow


def _hift(weights: Tensors, build: Callable[[], Hift]) -> Hift:
    try:
        plain = folded({name: torch.empty(stored.shape, device="meta") for name, stored in weights.items()})
    except ValueError as error:
        raise ModelError(f"{HIFT} has the tensor {error} without those that belong to it.", _AGAIN) from error
    check_shapes(HIFT, {name: tuple(tensor.shape) for name, tensor in plain.items()}, _shapes(_skeleton(build)), RECIPE)
    hift = build()  # not of the skeleton, for it has tensors that are in no file
    hift.load_state_dict(folded({name: stored.read().float() for name, stored in weights.items()}))
    return hift


def _skeleton(build: Callable[[], Network]) -> Network:
    """The network without its numbers: it takes no memory. Raises ModelError where its sizes do not fit together."""
    try:
        with torch.device("meta"):
            return build()
    except (ValueError, RuntimeError, TypeError, ArithmeticError, IndexError) as error:
        raise ModelError(f"The sizes in {RECIPE} do not fit together: {str(error)[:200]}.", _AGAIN) from error


def _shapes(network: nn.Module) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _placed(network: Network, device: str | torch.device) -> Network:
    try:
        return network.eval().requires_grad_(False).to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ModelError(f"The device {device} cannot be used: {reason}", "Choose another, such as cpu.") from error
