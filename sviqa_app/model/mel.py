"""Log-mel pictures of sound: Whisper's for the question, HiFT's for the voice.

Numbers follow openai/whisper `whisper/audio.py` and the 22.05 kHz front end of CosyVoice 1 / Step-Audio; the
filter bank is Slaney's (Auditory Toolbox), computed here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad as padded

WHISPER_RATE, WHISPER_FFT, WHISPER_HOP = 16000, 400, 160
SPEECH_RATE, SPEECH_FFT, SPEECH_HOP, SPEECH_MELS, SPEECH_TOP = 22050, 1024, 256, 80, 8000.0

_LINEAR_STEP = 200 / 3  # Hz a mel below 1 kHz
_LOG_START = 1000.0  # Hz, mel 15
_LOG_STEP = np.log(6.4) / 27  # nepers a mel above


def _to_mel(hertz: float) -> float:
    if hertz < _LOG_START:
        return hertz / _LINEAR_STEP
    return _LOG_START / _LINEAR_STEP + float(np.log(hertz / _LOG_START) / _LOG_STEP)


def _to_hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _LOG_START / _LINEAR_STEP
    curved = _LOG_START * np.exp(_LOG_STEP * (mels - knee))
    return np.where(mels < knee, mels * _LINEAR_STEP, curved)


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # what is kept may be needed to learn later
def mel_filters(rate: int, n_fft: int, mels: int, top: float) -> Tensor:
    """Slaney's triangles of unit area from 0 to `top` Hz: [mels, n_fft // 2 + 1] float32."""
    bins = np.arange(n_fft // 2 + 1) * (rate / n_fft)
    edges = _to_hertz(np.linspace(0.0, _to_mel(top), mels + 2))
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rise, fall))
    area = 2.0 / (edges[2:] - edges[:-2])
    return torch.from_numpy((triangles * area[:, None]).astype(np.float32))


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _window(size: int) -> Tensor:
    return torch.hann_window(size)


def _power(samples: Tensor, n_fft: int, hop: int, pad: int) -> Tensor:
    """Power spectrum [B, bins, frames] of [B, n], mirrored by `pad` samples at both ends."""
    short = pad + 1 - samples.shape[-1]
    if short > 0:
        samples = padded(samples, (0, short))
    mirrored = padded(samples.unsqueeze(1), (pad, pad), mode="reflect").squeeze(1)
    window = _window(n_fft).to(samples.device)
    spectrum = torch.stft(mirrored, n_fft, hop, window=window, center=False, return_complex=True)
    return spectrum.real**2 + spectrum.imag**2


def whisper_log_mel(samples: Tensor, mels: int = 80) -> Tensor:
    """Whisper's log-mel of 16 kHz sound: [n] → [mels, n // 160], or [B, n] → [B, mels, n // 160].

    Each row is clipped to 8 below its own maximum (log10), then scaled by (x + 4) / 4.
    """
    rows = samples.float() if samples.dim() == 2 else samples.float().unsqueeze(0)
    frames = rows.shape[-1] // WHISPER_HOP
    power = _power(rows, WHISPER_FFT, WHISPER_HOP, WHISPER_FFT // 2)[..., :frames]
    filters = mel_filters(WHISPER_RATE, WHISPER_FFT, mels, WHISPER_RATE / 2).to(rows.device)
    log = (filters @ power).clamp_min(1e-10).log10()
    if frames:
        log = torch.maximum(log, log.amax((-2, -1), keepdim=True) - 8.0)
    return ((log + 4.0) / 4.0).reshape(*samples.shape[:-1], mels, frames)


def speech_mel(samples: Tensor) -> Tensor:
    """The voice's mel of 22.05 kHz sound: [n] → [80, n // 256], or [B, n] → [B, 80, n // 256].

    Natural log of the magnitude in 80 bands up to 8 kHz, with a floor of 1e-5.
    """
    rows = samples.float() if samples.dim() == 2 else samples.float().unsqueeze(0)
    frames = rows.shape[-1] // SPEECH_HOP
    power = _power(rows, SPEECH_FFT, SPEECH_HOP, (SPEECH_FFT - SPEECH_HOP) // 2)[..., :frames]
    filters = mel_filters(SPEECH_RATE, SPEECH_FFT, SPEECH_MELS, SPEECH_TOP).to(rows.device)
    log = (filters @ (power + 1e-9).sqrt()).clamp_min(1e-5).log()
    return log.reshape(*samples.shape[:-1], SPEECH_MELS, frames)
