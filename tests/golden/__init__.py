"""Numbers the original upstream code gave, see README.md beside this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

FOLDER = Path(__file__).parent


def golden(name: str) -> dict[str, torch.Tensor]:
    """The tensors of one item: `weights.*`, `inputs.*` and `outputs.*`."""
    return load_file(FOLDER / f"{name}.safetensors")


def golden_cases(name: str) -> Any:
    """The cases of one plain item."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def weights(tensors: dict[str, torch.Tensor], prefix: str = "") -> dict[str, torch.Tensor]:
    """The weights under `prefix`, without it."""
    head = f"weights.{prefix}"
    return {key[len(head) :]: value for key, value in tensors.items() if key.startswith(head)}
