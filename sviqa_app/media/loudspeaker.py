"""The loudspeaker: plays an answer while it is still being written."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Event, Lock
from types import TracebackType
from typing import Any, Self

import numpy as np
import soxr
from numpy.typing import NDArray

from ..errors import DeviceError
from ..turn import Samples
from .devices import device_name, find_device, sound_library
from .tempo import Tempo

_REFUSES = "Check the sound settings, or have the answer written to a file."
# Seconds a device may ask for nothing before we call it stuck.
_PATIENCE = 5.0
# Samples whose speed is changed at a time: how soon a new speed is heard.
_PIECE = 512
_NOTHING = np.zeros(0, np.float32)


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

    `device` is one of `devices("output")`, or None for the one in the sound settings. `volume` (0 to 1) and
    `speed` (1 as it is) may be set while it plays. `on_first` is called by the device's own thread when the
    first sample after an opening is handed over; it must return at once.
    """

    def __init__(self, device: str | None = None, on_first: Callable[[], None] | None = None) -> None:
        self.device, self.volume, self.speed = device, 1.0, 1.0
        self._on_first = on_first
        self._lock = Lock()
        self._played = Event()
        self._stream: Any = None
        self._resampler: Any = None
        self._hushed = False
        self._clear()

    def __enter__(self) -> Self:
        find_device("output", self.device)
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
        self._append(_NOTHING, last=True)
        broken = DeviceError("The loudspeaker stopped in the middle of the answer.", _REFUSES)
        while not self._played.wait(0.05):
            if not self._stream.active or time.monotonic() > self._asked + _PATIENCE:
                raise broken
        try:
            if not self._hushed:
                self._stream.stop()
        except sound_library().PortAudioError as error:
            raise broken from error
        self.stop()

    def hush(self) -> None:
        """Drops all that has not sounded, and what is still given until `stop`. For any thread; returns at once."""
        with self._lock:
            self._hushed = True
            self._clear()
            self._played.set()

    def stop(self) -> None:
        """Falls silent at once and lets go of the device."""
        self.hush()
        stream, self._stream, self._resampler = self._stream, None, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)
        self._hushed = False

    def _open(self, rate: int) -> None:
        """Opens the device at `rate`, or at its own rate where it knows no other."""
        library = sound_library()
        number = find_device("output", self.device)
        chosen = {} if number is None else {"device": number}
        try:
            device = library.query_devices(kind="output", **chosen)
            form = {"channels": min(2, int(device["max_output_channels"])), "dtype": "float32", **chosen}
            try:
                library.check_output_settings(samplerate=rate, **form)
            except library.PortAudioError:
                own = int(device["default_samplerate"])
                self._resampler = soxr.ResampleStream(rate, own, 1, dtype="float32")
                rate = own
            self._tempo, self._begun = Tempo(rate), False
            self._gain, self._asked = self.volume, time.monotonic()
            self._stream = library.OutputStream(samplerate=rate, callback=self._fill, **form)
            self._stream.start()
        except (library.PortAudioError, ValueError) as error:
            raise DeviceError("The loudspeaker cannot be used.", _REFUSES) from error

    def _append(self, samples: Samples, last: bool = False) -> None:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        pieces = np.split(samples, range(_PIECE, len(samples), _PIECE))
        with self._lock:
            if not self._hushed:
                self._waiting.extend(pieces)
                self._last = last
                self._played.clear()

    def _clear(self) -> None:
        """Nothing waits, and nothing is known to be the last."""
        self._waiting: deque[Samples] = deque()
        self._left = _NOTHING
        self._last = False

    def _fill(self, out: NDArray[np.float32], frames: int, _time: Any, _status: Any) -> None:
        """Called by the device, in a thread of its own, for the next `frames`: out [frames, channels]."""
        with self._lock:
            sound = self._next(frames)
        self._asked = time.monotonic()
        # A volume that changes in one step would click.
        gain = np.linspace(self._gain, self.volume, len(sound), dtype=np.float32)
        self._gain = self.volume
        out[: len(sound)] = (sound * gain)[:, None]
        out[len(sound) :] = 0
        if len(sound) and not self._begun:
            self._begun = True
            if self._on_first is not None:
                self._on_first()

    def _next(self, frames: int) -> Samples:
        """The next samples at the speed that is wanted, `frames` of them where there are as many."""
        ready, count = [self._left], len(self._left)
        while count < frames and self._waiting:
            ready.append(self._tempo.stretch(self._waiting.popleft(), self.speed))
            count += len(ready[-1])
        if count < frames and self._last:
            ready.append(self._tempo.rest())
        sound = np.concatenate(ready)
        self._left = sound[frames:]
        if len(sound) < frames:
            self._played.set()
        return sound[:frames]
