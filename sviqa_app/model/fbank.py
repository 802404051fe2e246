"""Kaldi's filter-bank features at 16 kHz, as the published speaker encoder and Paraformer hear sound.

Numbers follow Kaldi's `compute-fbank-feats` with its defaults and no dither (torchaudio `compliance/kaldi.py`):
25 ms frames each 10 ms, none past the end, without their mean, pre-emphasis 0.97, 80 bands from 20 Hz to 8 kHz.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

RATE, FRAME, HOP, BANDS = 16000, 400, 160, 80

_FFT = 512
_LOWEST, _HIGHEST = 20.0, RATE / 2  # Hz
_PRE_EMPHASIS = 0.97
_POVEY = 0.85  # the power of a Hann window that makes it Povey's


def kaldi_fbank(samples: Tensor, window: Literal["povey", "hamming"] = "povey") -> Tensor:
    """Log energies of 16 kHz sound: [n] → [frames, 80]; no frame where there are less than 400 samples."""
    if len(samples) < FRAME:
        return samples.new_zeros(0, BANDS)
    frames = samples.float().unfold(0, FRAME, HOP)
    frames = frames - frames.mean(1, keepdim=True)
    before = pad(frames[None], (1, 0), mode="replicate")[0, :, :-1]
    shaped = (frames - _PRE_EMPHASIS * before) * _window(window).to(samples.device)
    power = torch.fft.rfft(shaped, _FFT).abs() ** 2
    energies: Tensor = power @ _bands().to(samples.device)
    return energies.clamp_min(torch.finfo(torch.float32).eps).log()


@lru_cache(maxsize=2)
def _window(name: str) -> Tensor:
    if name == "hamming":
        return torch.hamming_window(FRAME, periodic=False)
    return torch.hann_window(FRAME, periodic=False).pow(_POVEY)


@lru_cache(maxsize=1)
def _bands() -> Tensor:
    """Triangles of height one, even on the mel scale: [257, 80]. The last bin, at 8 kHz itself, counts nowhere."""
    bins = _mels(torch.arange(_FFT // 2 + 1, dtype=torch.float64) * (RATE / _FFT))[:, None]
    edges = torch.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS + 2, dtype=torch.float64)
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rise, fall).clamp_min(0)
    triangles[-1] = 0
    return triangles.float()


def _mels(hertz: Tensor) -> Tensor:
    return 1127 * (1 + hertz / 700).log()


def _mel(hertz: float) -> float:
    return 1127 * math.log(1 + hertz / 700)
