"""LLaMA-Omni's speech projector, by the names of ours: the same two layers (ictnlp/LLaMA-Omni, `speech_projector`).

Where frames are left after the last group of five, LLaMA-Omni drops them and ours fills the group up with zeros.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import ModelError
from .stored import Tensors, open_file, open_weights

_INSIDE = re.compile(r"(model\.)?speech_projector\.(linear[12]\.(weight|bias))")
_DUE = ("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias")


def read_speech_projector(place: Path) -> Tensors:
    """The projector in a LLaMA-Omni folder, or in a file of its own; the rest of the model is left alone.

    Headers alone are read. Raises ModelError where there is none.
    """
    weights = open_weights(place, "model", "pytorch_model", "speech_projector") if place.is_dir() else open_file(place)
    found = {match[2]: tensor for name, tensor in (weights or {}).items() if (match := _INSIDE.fullmatch(name))}
    for name in _DUE:
        if name not in found:
            raise ModelError(f"{place} has no speech projector: {name} is missing.", "Give LLaMA-Omni's folder.")
    return found
