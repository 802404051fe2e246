"""Voice activity: how likely it is that somebody speaks, 31 times a second, by the small network of silero-vad."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..errors import DeviceError
from ..turn import Samples
from .audio import RATE

FRAME = 512
FRAME_SECONDS = FRAME / RATE
# Samples before a frame that the network sees with it, and how many after it are its own mirrored.
_CONTEXT, _MIRRORED = 64, 64
_STRIDES = {"conv1": 1, "conv2": 2, "conv3": 2, "conv4": 1}
_CELLS = 128
_REPAIR = "Install it again: pip install --force-reinstall silero-vad."

Array = NDArray[np.float32]


class SpeechDetector:
    """Says of sound that comes block by block how likely each of its frames is speech.

    The network and its weights are those of github.com/snakers4/silero-vad (MIT; silero_vad_16k.safetensors): a short
    Fourier transform by convolution, four convolutions, an LSTM cell. It runs in numpy, a millisecond a frame, for the
    window's process must not load torch, and published builds of onnxruntime report to their maker. Creating it raises
    DeviceError where the package is missing or broken.
    """

    def __init__(self) -> None:
        self._weights = _load()
        self.reset()

    def reset(self) -> None:
        """Forgets what it has heard."""
        self._hidden = self._cell = np.zeros(_CELLS, np.float32)
        # The context of the next frame, and what is there of the frame itself.
        self._waiting = np.zeros(_CONTEXT, np.float32)

    def hear(self, block: Samples) -> Array:
        """[n] samples at 16 kHz → [frames] probabilities of the frames that are complete with them.

        What is no number is silence.
        """
        clean = np.nan_to_num(block, posinf=0.0, neginf=0.0).clip(-1.0, 1.0)
        sound = np.concatenate([self._waiting, clean], dtype=np.float32)
        starts = range(0, len(sound) - _CONTEXT - FRAME + 1, FRAME)
        self._waiting = sound[len(starts) * FRAME :]
        return np.array([self._judge(sound[at : at + _CONTEXT + FRAME]) for at in starts], np.float32)

    def _judge(self, frame: Samples) -> float:
        """The probability that one frame, with its context before it, is speech."""
        weights = self._weights
        spectrum = _convolve(np.pad(frame, (0, _MIRRORED), "reflect")[None], weights["stft_conv.weight"], 128)
        seen = np.hypot(*np.split(spectrum, 2))
        for name, stride in _STRIDES.items():
            padded = np.pad(seen, ((0, 0), (1, 1)))
            seen = _convolve(padded, weights[f"{name}.weight"], stride) + weights[f"{name}.bias"][:, None]
            seen = np.maximum(seen, 0)
        self._step(seen[:, 0])
        logit = weights["final_conv.weight"][0, :, 0] @ np.maximum(self._hidden, 0) + weights["final_conv.bias"][0]
        return float(_sigmoid(logit))

    def _step(self, seen: Array) -> None:
        """One step of the LSTM, its gates in the order input, forget, cell, output."""
        weights = self._weights
        gates = weights["lstm_cell.weight_ih"] @ seen + weights["lstm_cell.bias_ih"]
        gates = gates + weights["lstm_cell.weight_hh"] @ self._hidden + weights["lstm_cell.bias_hh"]
        enter, keep, new, leave = np.split(gates, 4)
        self._cell = _sigmoid(keep) * self._cell + _sigmoid(enter) * np.tanh(new)
        self._hidden = _sigmoid(leave) * np.tanh(self._cell)


def _convolve(x: Array, weight: Array, stride: int) -> Array:
    """[channels, n] by [out, channels, width] → [out, (n - width) // stride + 1]."""
    windows = sliding_window_view(x, weight.shape[-1], axis=1)[:, ::stride]
    return np.asarray(np.einsum("ock,ctk->ot", weight, windows, optimize=True), np.float32)


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x), np.float32)


def _load() -> Mapping[str, Array]:
    """The weights, found without importing silero_vad, which would import torch."""
    package = find_spec("silero_vad")
    if package is None or not package.submodule_search_locations:
        raise DeviceError("Hands-free asking needs the package silero-vad, which is missing.", _REPAIR)
    path = Path(package.submodule_search_locations[0]) / "data" / "silero_vad_16k.safetensors"
    try:
        from safetensors.numpy import load_file

        weights: Mapping[str, Array] = load_file(path)
        _check(weights)
    except Exception as error:  # safetensors' errors have no common parent
        raise DeviceError("The speech detector for hands-free asking cannot be read.", _REPAIR) from error
    return weights


def _check(weights: Mapping[str, Array]) -> None:
    """Raises KeyError or ValueError where these are the weights of another network."""
    shapes = {"stft_conv.weight": (258, 1, 256), "conv1.weight": (128, 129, 3), "lstm_cell.weight_hh": (512, _CELLS)}
    if any(weights[name].shape != shape for name, shape in shapes.items()):
        raise ValueError("another network")
