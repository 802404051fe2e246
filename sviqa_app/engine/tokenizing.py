"""The speech tokenizer in a voice's folder: what turned the speech it was taught into tokens."""

from __future__ import annotations

from pathlib import Path

import torch

from ..checkpoints.native import fill, save_weights
from ..model.config import AudioTokenConfig
from ..model.speech_tokenizer import SpeechTokenizer

CODEBOOKS = "codebooks.safetensors"


def load_tokenizer(folder: Path, config: AudioTokenConfig) -> SpeechTokenizer:
    """The speech tokenizer of a voice's folder. Raises ModelError where it is missing or of another shape."""
    tokenizer = SpeechTokenizer(config)
    fill(tokenizer, folder / CODEBOOKS)
    return tokenizer.eval().requires_grad_(False)


def save_tokenizer(folder: Path, tokenizer: SpeechTokenizer) -> None:
    """Write it into a voice's folder. Raises OutputError."""
    save_weights(folder / CODEBOOKS, tokenizer.state_dict(), torch.float16)
