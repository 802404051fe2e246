"""The folder of Step-Audio-TTS-3B: its language model and its tokenizer, read as data. No code in it is run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..errors import ModelError
from ..model.config import Step1Config
from ..model.step1 import Bias, Step1
from ..model.tts_prompt import AUDIO, BEGIN, PAD, TURN_BEGIN, TURN_END
from .expecting import check, expected
from .native import CONFIG
from .outside import Values, inside, read_json
from .stored import Tensors, open_weights

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

TOKENIZER = "tokenizer.model"
MAX_TOKENIZER_BYTES = 20_000_000
MAX_HEADS = 1024

_AGAIN = "Give the whole folder of Step-Audio-TTS-3B, as it was published."
_FIELDS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "groups": "num_attention_groups",
}
_MARKS = {PAD, BEGIN, TURN_END, TURN_BEGIN}


class TextTokenizer:
    """Text → ids, by SentencePiece. Whatever is in the text, no mark and no audio token comes of it."""

    def __init__(self, pieces: SentencePieceProcessor) -> None:
        self._pieces = pieces

    def encode(self, text: str) -> list[int]:
        """The ids of plain text."""
        ids: list[int] = self._pieces.encode(text.encode(errors="replace").decode())
        return [id for id in ids if id < AUDIO.base and id not in _MARKS]


def read_config(folder: Path) -> Step1Config:
    """The sizes of the model in `folder`. Raises ModelError when missing, broken, of another kind or nonsense."""
    path = inside(folder, CONFIG)
    values = Values(path, read_json(path))
    kinds = values.all.get("architectures", [])
    if not isinstance(kinds, list) or not all(str(kind).startswith("Step1") for kind in kinds):
        raise ModelError(f"{folder} holds a model of another kind ({kinds!r:.60}).", _AGAIN)
    if lacking := [key for key in _FIELDS.values() if not values.has(key)]:
        raise ModelError(f"{path} does not say {lacking[0]}.", _AGAIN)
    sizes = {name: values.size(key, 0) for name, key in _FIELDS.items()}
    hidden, heads, groups = (sizes[name] for name in ("hidden_size", "heads", "groups"))
    if heads > MAX_HEADS or hidden % heads or heads % groups:
        raise ModelError(f"The sizes in {path} do not fit together.", _AGAIN)
    return Step1Config(**sizes, epsilon=values.number("rms_norm_eps", Step1Config.epsilon))


def load_model(folder: Path, device: str | torch.device = "cpu", dtype: torch.dtype = torch.bfloat16) -> Step1:
    """The language model in `folder`, on `device`, in `dtype`.

    Every name and shape is compared with the files' headers before memory is taken. Raises ModelError.
    """
    config = read_config(folder)
    tensors = open_weights(folder, "model")
    if tensors is None:
        raise ModelError(f"{folder} holds no model.safetensors.", _AGAIN)
    check(tensors, expected(lambda: Step1(config), config.layers, tensors))
    with torch.device("meta"):
        model = Step1(config)
    _fill(model, tensors, torch.device(device), dtype)
    return model.eval().requires_grad_(False)


def load_tokenizer(folder: Path) -> TextTokenizer:
    """The tokenizer in `folder`. Raises ModelError when missing or broken, or where SentencePiece is not installed."""
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise ModelError(
            "Step-Audio's voice needs the package sentencepiece, which is not installed.",
            "Install it: pip install 'sviqa[step-audio]'.",
        ) from error
    path = inside(folder, TOKENIZER)
    if not path.is_file():
        raise ModelError(f"{folder} holds no {TOKENIZER}.", _AGAIN)
    if path.stat().st_size > MAX_TOKENIZER_BYTES:
        raise ModelError(f"{path} is too large to be a tokenizer.", _AGAIN)
    pieces = SentencePieceProcessor()
    try:
        pieces.LoadFromSerializedProto(path.read_bytes())
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path} is not a SentencePiece model, or it is damaged.", _AGAIN) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read.", "Check that you may read it.") from error
    return TextTokenizer(pieces)


def _fill(model: Step1, tensors: Tensors, device: torch.device, dtype: torch.dtype) -> None:
    """Gives a model without numbers its own, a tensor at a time."""
    try:
        numbers = {name: stored.read().to(device, dtype) for name, stored in tensors.items()}
        model.bias = Bias(model.config.heads, model.config.groups).to(device)
    except (RuntimeError, AssertionError) as error:  # too little memory, or no such device
        reason = str(error).split("\n")[0]
        raise ModelError(f"The voice cannot be loaded on {device}: {reason}", "Choose another device.") from error
    model.load_state_dict(numbers, assign=True)
