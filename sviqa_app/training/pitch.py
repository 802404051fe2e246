"""The pitch of speech by YIN (de Cheveigné and Kawahara, 2002): what the vocoder's pitch predictor learns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..model.mel import SPEECH_HOP, SPEECH_RATE
from ..turn import Samples

LOWEST, HIGHEST = 70.0, 420.0  # Hz
WINDOW = 512  # samples compared at each lag
DIP = 0.15  # YIN's absolute threshold
APERIODIC = 0.3  # above: no voice
SILENT = 0.003  # root mean square below which there is no voice
SMOOTHED = 5  # frames of the median


def pitch_of(samples: Samples) -> NDArray[np.float32]:
    """Pitch of 22.05 kHz speech at each mel frame: [n] → [n // 256] in Hz, 0 where there is no voice."""
    frames = len(samples) // SPEECH_HOP
    if frames == 0:
        return np.zeros(0, np.float32)
    longest, shortest = int(SPEECH_RATE / LOWEST), int(SPEECH_RATE / HIGHEST)
    pieces = _pieces(samples, frames, WINDOW + longest + 1)
    difference = _difference(pieces, longest + 1)
    lags = np.arange(1, longest + 2)
    mean = difference[:, 1:].cumsum(1) / lags
    normal = np.concatenate([np.ones((frames, 1)), difference[:, 1:] / np.maximum(mean, 1e-9)], 1)
    lag = _first_dip(normal, shortest, longest)
    depth = normal[np.arange(frames), lag]
    loud = np.sqrt((pieces[:, :WINDOW] ** 2).mean(1)) > SILENT
    hertz = np.where((depth < APERIODIC) & loud, SPEECH_RATE / _refined(normal, lag), 0.0)
    return _median(hertz).astype(np.float32)


def _pieces(samples: Samples, frames: int, size: int) -> NDArray[np.float64]:
    """The stretch around the middle of each frame: [frames, size]."""
    half = size // 2
    padded = np.pad(samples.astype(np.float64), (half, size))
    starts = np.arange(frames) * SPEECH_HOP + SPEECH_HOP // 2
    return np.lib.stride_tricks.sliding_window_view(padded, size)[starts]


def _difference(pieces: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Sum over the window of (x[t] - x[t + lag])²: [frames, lags + 1]."""
    size = 1 << (pieces.shape[1] + WINDOW - 1).bit_length()
    spectrum = np.fft.rfft(pieces, size)
    window = np.fft.rfft(pieces[:, :WINDOW], size)
    product = np.fft.irfft(spectrum * window.conj(), size)[:, : lags + 1]
    energy = np.concatenate([np.zeros((len(pieces), 1)), (pieces**2).cumsum(1)], 1)
    shifted = energy[:, WINDOW : WINDOW + lags + 1] - energy[:, : lags + 1]
    difference: NDArray[np.float64] = np.maximum(shifted[:, :1] + shifted - 2 * product, 0.0)
    return difference


def _first_dip(normal: NDArray[np.float64], shortest: int, longest: int) -> NDArray[np.intp]:
    """The first lag whose dip goes under the threshold, else the deepest."""
    inner = normal[:, shortest : longest + 1]
    bottom = (inner <= normal[:, shortest - 1 : longest]) & (inner < normal[:, shortest + 1 : longest + 2])
    found = bottom & (inner < DIP)
    lag: NDArray[np.intp] = shortest + np.where(found.any(1), found.argmax(1), inner.argmin(1))
    return lag


def _refined(normal: NDArray[np.float64], lag: NDArray[np.intp]) -> NDArray[np.float64]:
    """The lag of the parabola through the dip and its neighbours."""
    rows = np.arange(len(normal))
    before, at, after = normal[rows, lag - 1], normal[rows, lag], normal[rows, lag + 1]
    curve = before + after - 2 * at
    shift = np.where(curve > 1e-9, (before - after) / np.maximum(2 * curve, 1e-9), 0.0)
    return np.asarray(lag + shift.clip(-0.5, 0.5), np.float64)


def _median(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    edge = SMOOTHED // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(hertz, edge, mode="edge"), SMOOTHED)
    return np.median(windows, axis=1)
