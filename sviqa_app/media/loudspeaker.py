"""The loudspeaker: plays an answer while it is still being written."""

from __future__ import annotations

import time
from collections import deque
from threading import Event, Lock
from types import TracebackType
from typing import Any, Self

import numpy as np
import soxr
from numpy.typing import NDArray

from ..errors import DeviceError
from ..turn import Samples
from .devices import device_name, sound_library

_REFUSES = "Check the sound settings, or have the answer written to a file."
# How much longer than its sound a device may take before we call it stuck.
_PATIENCE = 5.0


def loudspeaker_works() -> str | None:
    """The name of the loudspeaker, or None where there is none."""
    try:
        return device_name("output")
    except DeviceError:
        return None


class Loudspeaker:
    """Plays sound as it comes, without making the one who brings it wait.

        with Loudspeaker() as loudspeaker:
            for chunk in chunks:
                loudspeaker.play(chunk.samples, chunk.rate)

    Leaving waits until the last sample was heard; leaving through an exception falls silent at once. Entering
    raises DeviceError where there is no loudspeaker; playing and finishing raise it when the device fails.
    """

    def __init__(self) -> None:
        self._waiting: deque[Samples] = deque()
        self._lock = Lock()
        self._played = Event()
        self._library: Any = None
        self._stream: Any = None
        self._resampler: Any = None

    def __enter__(self) -> Self:
        self._library = sound_library()
        device_name("output")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.stop()

    def play(self, samples: Samples, rate: int) -> None:
        """Puts [n] samples behind what is playing, and returns at once. One rate until the next `finish`."""
        if self._stream is None:
            self._open(rate)
        elif not self._stream.active:
            raise DeviceError("The loudspeaker went away.", _REFUSES)
        self._append(samples)

    def finish(self) -> None:
        """Waits until all that was given has sounded, and lets go of the device."""
        if self._stream is None:
            return
        self._append(np.zeros(0, np.float32), last=True)
        with self._lock:
            left = sum(map(len, self._waiting)) / self._stream.samplerate
        deadline = time.monotonic() + left + _PATIENCE
        while not self._played.wait(0.05):
            if not self._stream.active or time.monotonic() > deadline:
                raise DeviceError("The loudspeaker stopped in the middle of the answer.", _REFUSES)
        self._stream.stop()
        self.stop()

    def stop(self) -> None:
        """Falls silent at once and lets go of the device."""
        with self._lock:
            self._waiting.clear()
        stream, self._stream, self._resampler = self._stream, None, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    def _open(self, rate: int) -> None:
        """Opens the device at `rate`, or at its own rate where it knows no other."""
        library = self._library
        try:
            device = library.query_devices(kind="output")
            form = {"channels": min(2, int(device["max_output_channels"])), "dtype": "float32"}
            try:
                library.check_output_settings(samplerate=rate, **form)
            except library.PortAudioError:
                own = int(device["default_samplerate"])
                self._resampler = soxr.ResampleStream(rate, own, 1, dtype="float32")
                rate = own
            self._stream = library.OutputStream(samplerate=rate, callback=self._fill, **form)
            self._stream.start()
        except (library.PortAudioError, ValueError) as error:
            raise DeviceError("The loudspeaker cannot be used.", _REFUSES) from error

    def _append(self, samples: Samples, last: bool = False) -> None:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        if len(samples):
            with self._lock:
                self._played.clear()
                self._waiting.append(samples)

    def _fill(self, out: NDArray[np.float32], frames: int, _time: Any, _status: Any) -> None:
        """Called by the device, in a thread of its own, for the next `frames`: out [frames, channels]."""
        done = 0
        with self._lock:
            while done < frames and self._waiting:
                samples = self._waiting.popleft()
                taken = samples[: frames - done]
                out[done : done + len(taken)] = taken[:, None]
                done += len(taken)
                if len(taken) < len(samples):
                    self._waiting.appendleft(samples[len(taken) :])
            if done < frames:
                self._played.set()
        out[done:] = 0
