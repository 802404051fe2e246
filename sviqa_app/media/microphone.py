"""The microphone: records a question from the moment the key goes down, and a little before."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from threading import Condition
from types import ModuleType
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from ..errors import DeviceError
from ..turn import Recording, Samples
from .audio import MAX_SECONDS, RATE
from .devices import find_device, sound_library

# Seconds of sound that are kept while nobody records: as far as a take can reach back.
PREROLL = 0.5
# Seconds over which the level is measured, as slowly as a needle moves.
_NEEDLE = 0.25
# Seconds before the key went down that belong to a take. People begin to speak while they press, and what is
# spoken arrives up to 50 ms late; any more would bring in the noise of the hand that reaches for the key.
LEAD = 0.1
# Seconds after the key went up: what was spoken until then is still on its way, and last syllables fade.
TAIL = 0.1
# Seconds of sound the device gives at a time.
_BLOCK = 0.02
# Seconds without a block after which we call the device stuck.
_PATIENCE = 2.0
_SILENCE = -120.0
_REFUSES = "Check the sound settings, or whether this program may use the microphone."
_NOTHING = np.zeros(0, np.float32)

Listener = Callable[[Samples], None]


class Microphone:
    """Records questions, one take after the other.

        microphone = Microphone()
        microphone.open()
        microphone.begin()     # the key goes down
        question = microphone.end()

    `device` is one of `devices("input")`, or None for the one in the sound settings. `on_block` is called with
    each block of [n] samples at 16 kHz while the microphone is open, by the device's own thread: it must return
    at once, and may not call the microphone.
    """

    def __init__(self, device: str | None = None, on_block: Listener | None = None) -> None:
        self.device = device
        self._on_block = on_block
        self._on_take: Listener | None = None
        self._stream: Any = None
        self._resampler: Any = None
        self._arrived = Condition()
        self._heard_at = 0.0
        self._recent = _NOTHING
        self._taking = False
        self._take: list[Samples] = []
        self._length = 0

    def open(self) -> None:
        """Starts to listen, where it does not already. Raises DeviceError."""
        if self.failed:
            self.close()
        if self._stream is not None:
            return
        library = sound_library()
        number = find_device("input", self.device)
        try:
            rate, channels = _form(library, number)
            self._resampler = None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, dtype="float32")
            self._heard_at = time.monotonic()
            self._stream = library.InputStream(
                samplerate=rate,
                channels=channels,
                device=number,
                dtype="float32",
                blocksize=round(_BLOCK * rate),
                callback=self._hear,
            )
            self._stream.start()
        except (library.PortAudioError, ValueError) as error:
            self.close()
            raise DeviceError("The microphone cannot be used.", _REFUSES) from error

    def close(self) -> None:
        """Lets go of the device. What a take has so far is kept for `end`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)
        self._recent = _NOTHING

    @property
    def failed(self) -> DeviceError | None:
        """What became of the device since it was opened; None while all is well."""
        stream = self._stream
        if stream is None or (stream.active and time.monotonic() < self._heard_at + _PATIENCE):
            return None
        return DeviceError("The microphone stopped working.", "Connect it again, or choose another.")

    @property
    def recording(self) -> bool:
        """Whether a take has begun."""
        return self._taking

    @property
    def full(self) -> bool:
        """Whether the take is as long as a question can be (30 s); nothing is added to it any more."""
        return self._length >= MAX_SECONDS * RATE

    def level(self) -> float:
        """How loud the last quarter of a second was, in dB of full scale: 0 at most, -120 for silence."""
        recent = self._recent[-round(_NEEDLE * RATE) :]
        if not len(recent) or self.failed:
            return _SILENCE
        return 10 * float(np.log10(np.mean(recent**2, dtype=np.float64) + 10 ** (_SILENCE / 10)))

    def begin(self, on_take: Listener | None = None, lead: float = LEAD) -> None:
        """Begins a take, and drops the one before. Opens the microphone where it is not. Raises DeviceError.

        `on_take` is called with the blocks of the take, like `on_block`; together they are what `end` returns.
        `lead`: seconds of what was heard before that belong to it, PREROLL at most.
        """
        self.open()
        with self._arrived:
            self._drop()
            self._taking, self._on_take = True, on_take
            self._add(self._recent[max(0, len(self._recent) - round(lead * RATE)) :])

    def end(self) -> Recording:
        """Ends the take and returns it, at 16 kHz. Waits for its tail, 0.1 s at most.

        Where the device failed, it is what was recorded until then; without a take it is empty.
        """
        with self._arrived:
            wanted = self._length + round(TAIL * RATE)
            if self._taking and not self.failed:
                self._arrived.wait_for(lambda: self._length >= wanted or self.full, TAIL)
            samples = np.concatenate([_NOTHING, *self._take])
            self._drop()
        return Recording(samples, RATE)

    def cancel(self) -> None:
        """Drops the take."""
        with self._arrived:
            self._drop()

    def _drop(self) -> None:
        self._taking, self._on_take, self._take, self._length = False, None, [], 0

    def _hear(self, block: NDArray[np.float32], _frames: int, _time: Any, _status: Any) -> None:
        """Called by the device, in a thread of its own, with the next block: [frames, channels]."""
        sound = np.asarray(block.mean(axis=1), np.float32)
        if self._resampler is not None:
            sound = self._resampler.resample_chunk(sound)
        sound = sound.clip(-1.0, 1.0)
        with self._arrived:
            self._heard_at = time.monotonic()
            self._recent = np.concatenate((self._recent, sound))[-round(PREROLL * RATE) :]
            if self._taking:
                self._add(sound)
            self._arrived.notify_all()
        if self._on_block is not None:
            self._on_block(sound)

    def _add(self, sound: Samples) -> None:
        """More of the take, while there is room."""
        sound = sound[: round(MAX_SECONDS * RATE) - self._length]
        if not len(sound):
            return
        self._take.append(sound)
        self._length += len(sound)
        if self._on_take is not None:
            self._on_take(sound)


def _form(library: ModuleType, number: int | None) -> tuple[int, int]:
    """The rate and channels to open the device with: what we want, or the nearest it knows."""
    device = library.query_devices(number, kind="input")
    own, channels = int(device["default_samplerate"]), min(2, int(device["max_input_channels"]))
    for form in product((RATE, own), (1, channels)):
        try:
            library.check_input_settings(device=number, samplerate=form[0], channels=form[1], dtype="float32")
        except library.PortAudioError:
            continue
        return form
    return own, channels
