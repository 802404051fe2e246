"""The sound that a server sends, piece by piece, as samples at the rate at which we play."""

from __future__ import annotations

import io
import wave

import numpy as np
import soxr

from ..media.audio import MAX_FILE_RATE, MIN_FILE_RATE
from ..turn import Samples

PCM_RATE = 24_000  # of the pcm16 that OpenAI's protocol sends


class ServerSound:
    """One answer: 16-bit mono, bare or as WAV files, cut anywhere → [n] float32."""

    def __init__(self, rate: int) -> None:
        """`rate`: samples a second that are wanted."""
        self._rate = rate
        self._from = 0
        self._resampler: soxr.ResampleStream | None = None
        self._half = b""

    def push(self, data: bytes) -> Samples:
        """More of it → the samples that are ready. Raises ValueError where it is no such sound."""
        data, rate = _unwrapped(data) if data.startswith(b"RIFF") else (self._half + data, self._from or PCM_RATE)
        whole = len(data) // 2 * 2
        self._half = data[whole:]
        if self._resampler is None or rate != self._from:
            self._from, self._resampler = rate, soxr.ResampleStream(rate, self._rate, 1)
        return self._resampled((np.frombuffer(data[:whole], "<i2") / 32768).astype(np.float32))

    def finish(self) -> Samples:
        """What was held back."""
        return self._resampled(np.zeros(0, np.float32), last=True)

    def _resampled(self, samples: Samples, last: bool = False) -> Samples:
        if self._resampler is None:
            return samples
        return np.asarray(self._resampler.resample_chunk(samples, last=last), np.float32)


def _unwrapped(data: bytes) -> tuple[bytes, int]:
    """The bare sound in a WAV file, and its samples a second. Raises ValueError."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise ValueError("not 16-bit mono")
            sound, rate = file.readframes(len(data)), file.getframerate()
    except (wave.Error, EOFError, RuntimeError) as error:
        raise ValueError("not a WAV file") from error
    if not MIN_FILE_RATE <= rate <= MAX_FILE_RATE:
        raise ValueError("no rate of sound")
    return sound, rate
