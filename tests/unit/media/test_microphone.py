"""The microphone, on a pretended device: what a take holds, how loud it is, and what is said without one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.errors import DeviceError
from sviqa_app.media import microphone as module
from sviqa_app.media.devices import devices
from sviqa_app.media.microphone import LEAD, PREROLL, Microphone
from sviqa_app.turn import Samples

RATE = 16_000


class PretendedError(Exception):
    """Stands for sounddevice.PortAudioError."""


class PretendedSound:
    """Stands for the sounddevice module: what the test says into it is heard at once."""

    PortAudioError = PretendedError

    def __init__(self) -> None:
        self.rates, self.channels, self.count, self.broken = [16_000, 48_000], [1, 2], 1, False
        self.streams: list[PretendedStream] = []

    def query_devices(self, device: int | None = None, kind: str | None = None) -> Any:
        if not self.count:
            raise PretendedError("no device")
        all_devices = [
            {"name": "screen", "hostapi": 0, "max_input_channels": 0, "default_samplerate": 48000.0},
            {"name": "headset", "hostapi": 0, "max_input_channels": 2, "default_samplerate": 48000.0},
            {"name": "headset", "hostapi": 1, "max_input_channels": 2, "default_samplerate": 48000.0},
        ]
        if device is None and kind is None:
            return all_devices
        return all_devices[1 if device is None else device]

    def check_input_settings(self, device: int | None, samplerate: int, channels: int, dtype: str) -> None:
        if samplerate not in self.rates or channels not in self.channels:
            raise PretendedError("invalid")

    def InputStream(self, **form: Any) -> PretendedStream:  # noqa: N802 - sounddevice's name
        if self.broken:
            raise PretendedError("busy")
        self.streams.append(PretendedStream(**form))
        return self.streams[-1]

    def say(self, samples: Samples) -> None:
        """Hands the samples to the open stream in its blocks."""
        stream = self.streams[-1]
        for at in range(0, len(samples), stream.blocksize):
            block = np.repeat(samples[at : at + stream.blocksize, None], stream.channels, axis=1)
            stream.callback(block, len(block), None, None)
            block[:] = np.nan  # the device uses its memory again


class PretendedStream:
    """A stream that is open, and does nothing by itself."""

    def __init__(self, samplerate: int, channels: int, blocksize: int, callback: Callable, device: Any, dtype: str):
        self.samplerate, self.channels, self.blocksize, self.callback = samplerate, channels, blocksize, callback
        self.device, self.active, self.closed = device, False, False

    def start(self) -> None:
        self.active = True

    def abort(self, ignore_errors: bool) -> None:
        self.active = False

    def close(self, ignore_errors: bool) -> None:
        self.closed = True


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> PretendedSound:
    pretended = PretendedSound()
    monkeypatch.setitem(sys.modules, "sounddevice", pretended)
    monkeypatch.setattr(module, "TAIL", 0.0)
    return pretended


@pytest.fixture
def microphone(sound: PretendedSound) -> Iterator[Microphone]:
    microphone = Microphone()
    microphone.open()
    yield microphone
    microphone.close()


def ramp(seconds: float, start: float = 0.0) -> Samples:
    """Sound in which every sample says when it was spoken."""
    return (start + np.arange(round(seconds * RATE)) / RATE / 40).astype(np.float32)


def test_a_take_begins_a_little_before_the_key(sound: PretendedSound, microphone: Microphone) -> None:
    spoken = ramp(2)
    sound.say(spoken[:RATE])
    microphone.begin()
    assert microphone.recording
    sound.say(spoken[RATE:])
    take = microphone.end()
    assert take.rate == RATE and take.samples.dtype == np.float32 and not microphone.recording
    np.testing.assert_array_equal(take.samples, spoken[RATE - round(LEAD * RATE) :])


@pytest.mark.parametrize(("lead", "expected"), [(0.0, 0.0), (0.3, 0.3), (PREROLL, PREROLL), (2.0, PREROLL)])
def test_a_take_reaches_as_far_back_as_asked(
    sound: PretendedSound, microphone: Microphone, lead: float, expected: float
) -> None:
    spoken = ramp(1.5)
    sound.say(spoken[:RATE])
    microphone.begin(lead=lead)
    sound.say(spoken[RATE:])
    np.testing.assert_array_equal(microphone.end().samples, spoken[RATE - round(expected * RATE) :])


def test_takes_do_not_mix(sound: PretendedSound, microphone: Microphone) -> None:
    microphone.begin()
    sound.say(ramp(1))
    microphone.cancel()
    assert microphone.end().seconds == 0
    sound.say(np.zeros(RATE, np.float32))
    microphone.begin()
    sound.say(ramp(0.5, 0.5))
    take = microphone.end().samples
    np.testing.assert_array_equal(take, np.concatenate([np.zeros(round(LEAD * RATE), np.float32), ramp(0.5, 0.5)]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9000), st.integers(0, 9000), st.integers(1, 2000))
def test_any_block_size(before: int, during: int, block: int) -> None:
    """However the sound is cut into blocks, the take has the lead and all that followed."""
    microphone = Microphone()
    spoken = ramp((before + during) / RATE)
    microphone._stream = PretendedStream(RATE, 1, block, microphone._hear, None, "float32")
    microphone._stream.active, microphone._heard_at = True, time.monotonic()
    said = PretendedSound()
    said.streams.append(microphone._stream)
    said.say(spoken[:before])
    assert len(microphone._recent) == min(before, round(PREROLL * RATE))
    microphone.begin()
    said.say(spoken[before:])
    microphone._stream.active = False  # no tail to wait for
    np.testing.assert_array_equal(microphone.end().samples, spoken[max(0, before - round(LEAD * RATE)) :])


def test_begin_opens(sound: PretendedSound) -> None:
    microphone = Microphone()
    microphone.begin()
    sound.say(ramp(0.3))
    assert microphone.end().seconds == pytest.approx(0.3)
    microphone.open()
    assert len(sound.streams) == 1
    microphone.close()
    assert sound.streams[0].closed


def test_the_tail_is_waited_for_and_no_longer(
    sound: PretendedSound, microphone: Microphone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TAIL", 0.2)
    microphone.begin()
    sound.say(ramp(0.5))
    speaker = threading.Timer(0.05, sound.say, [ramp(0.2, 0.5)])
    speaker.start()
    assert microphone.end().seconds >= 0.68
    speaker.join()
    microphone.begin()
    started = time.monotonic()
    microphone.end()
    assert 0.19 < time.monotonic() - started < 2


def test_thirty_seconds_and_no_more(sound: PretendedSound, microphone: Microphone) -> None:
    heard: list[Samples] = []
    microphone.begin(on_take=heard.append)
    sound.say(ramp(29.9))
    assert not microphone.full
    sound.say(ramp(5))
    assert microphone.full
    take = microphone.end()
    assert take.seconds == 30 and not microphone.full
    np.testing.assert_array_equal(np.concatenate(heard), take.samples)


def test_the_level(sound: PretendedSound, microphone: Microphone) -> None:
    assert microphone.level() == -120
    wave = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE).astype(np.float32)
    for amplitude, expected in ((1.0, -3.01), (0.1, -23.01), (0.001, -63.01)):
        sound.say(wave * amplitude)
        assert microphone.level() == pytest.approx(expected, abs=0.1)
    sound.say(np.zeros(RATE // 4, np.float32))
    assert microphone.level() == pytest.approx(-120)


def test_every_block_is_told(sound: PretendedSound) -> None:
    heard: list[Samples] = []
    microphone = Microphone(on_block=heard.append)
    microphone.open()
    sound.say(ramp(0.5))
    np.testing.assert_array_equal(np.concatenate(heard), ramp(0.5))


@pytest.mark.parametrize(("rates", "channels"), [([48_000], [1]), ([48_000], [2]), ([16_000], [2])])
def test_a_device_of_another_kind(sound: PretendedSound, rates: list[int], channels: list[int]) -> None:
    sound.rates, sound.channels = rates, channels
    microphone = Microphone()
    microphone.begin()
    stream = sound.streams[0]
    assert [stream.samplerate] == rates and [stream.channels] == channels
    at = np.arange(2 * rates[0]) / rates[0]
    sound.say((0.5 * np.sin(2 * np.pi * 220 * at)).astype(np.float32))
    take = microphone.end().samples
    assert 1.95 < len(take) / RATE <= 2
    power = np.abs(np.fft.rfft(take[RATE // 2 : RATE // 2 + RATE]))
    assert np.argmax(power) == 220 and power[220] / RATE * 2 == pytest.approx(0.5, abs=0.01)


def test_what_was_said_before_the_plug_was_pulled(sound: PretendedSound, microphone: Microphone) -> None:
    microphone.begin()
    sound.say(ramp(1))
    assert microphone.failed is None
    sound.streams[0].active = False
    assert microphone.level() == -120
    take = microphone.end()
    assert isinstance(microphone.failed, DeviceError) and "stopped working" in str(microphone.failed)
    np.testing.assert_array_equal(take.samples, ramp(1))
    microphone.begin()
    assert microphone.failed is None and sound.streams[0].closed and len(sound.streams) == 2


def test_a_device_that_falls_silent(
    sound: PretendedSound, microphone: Microphone, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound.say(ramp(0.1))
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    time.sleep(0.02)
    assert "stopped working" in str(microphone.failed)


def test_closing_keeps_the_take(sound: PretendedSound, microphone: Microphone) -> None:
    microphone.begin()
    sound.say(ramp(0.5))
    microphone.close()
    assert microphone.end().seconds == 0.5


def test_without_a_device(sound: PretendedSound) -> None:
    sound.broken = True
    with pytest.raises(DeviceError, match="microphone cannot be used"):
        Microphone().open()
    sound.rates, sound.broken = [], True
    with pytest.raises(DeviceError, match="microphone cannot be used"):
        Microphone().begin()
    sound.count = 0
    with pytest.raises(DeviceError, match="no microphone"):
        Microphone().begin()


def test_a_device_by_its_name(sound: PretendedSound) -> None:
    assert devices("input") == ["headset"]
    microphone = Microphone("headset")
    microphone.open()
    assert sound.streams[0].device == 1
    with pytest.raises(DeviceError, match="no microphone called old one"):
        Microphone("old one").open()
    sound.count = 0
    assert devices("input") == []


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DeviceError, match="PortAudio is missing"):
        Microphone().begin()
    with pytest.raises(DeviceError, match="PortAudio is missing"):
        devices("input")
