"""The loudspeaker, on a pretended device: what arrives, when it stops, and what is said without one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sviqa_app.errors import DeviceError
from sviqa_app.media import loudspeaker
from sviqa_app.media.devices import device_name, sound_library
from sviqa_app.media.loudspeaker import Loudspeaker, loudspeaker_works

BLOCK = 512


class PretendedError(Exception):
    """Stands for sounddevice.PortAudioError."""


class PretendedSound:
    """Stands for the sounddevice module: a device that takes blocks far faster than real time."""

    PortAudioError = PretendedError

    def __init__(self, rates: tuple[int, ...] = (22050,), devices: int = 1) -> None:
        self.rates, self.devices = rates, devices
        self.heard: list[np.ndarray] = []
        self.frozen = self.broken = False
        self.streams: list[PretendedStream] = []

    def query_devices(self, kind: str) -> dict[str, Any]:
        if not self.devices:
            raise PretendedError("no device")
        return {"name": f"pretended {kind}", "max_output_channels": 2, "default_samplerate": 48000.0}

    def check_output_settings(self, samplerate: int, **_form: Any) -> None:
        if samplerate not in self.rates:
            raise PretendedError("invalid rate")

    def OutputStream(self, **form: Any) -> PretendedStream:  # noqa: N802 - sounddevice's name
        if self.broken:
            raise PretendedError("busy")
        self.streams.append(PretendedStream(self, **form))
        return self.streams[-1]


class PretendedStream:
    """Asks for the next block until it is stopped."""

    def __init__(self, sound: PretendedSound, samplerate: int, channels: int, dtype: str, callback: Callable) -> None:
        self.sound, self.samplerate, self.callback, self.channels = sound, samplerate, callback, channels
        self.active = False
        self.ended: str | None = None
        self.thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self.active = True
        self.thread.start()

    def _run(self) -> None:
        while self.active:
            if not self.sound.frozen:
                block = np.full((BLOCK, self.channels), np.nan, np.float32)
                self.callback(block, BLOCK, None, None)
                self.sound.heard.append(block)
            time.sleep(0.001)

    def stop(self) -> None:
        self._end("stopped")

    def abort(self, ignore_errors: bool) -> None:
        self._end("aborted")

    def close(self, ignore_errors: bool) -> None:
        pass

    def _end(self, how: str) -> None:
        self.ended = self.ended or how
        self.active = False
        self.thread.join()


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> PretendedSound:
    pretended = PretendedSound()
    monkeypatch.setitem(sys.modules, "sounddevice", pretended)
    return pretended


def heard(sound: PretendedSound) -> np.ndarray:
    both = np.concatenate(sound.heard)
    np.testing.assert_array_equal(both[:, 0], both[:, 1])
    return both[:, 0]


def test_all_is_heard_in_order_and_to_the_end(sound: PretendedSound) -> None:
    ramp = np.linspace(0.1, 1, 3000, dtype=np.float32)
    with Loudspeaker() as speaker:
        for part in np.split(ramp, [100, 101, 900, 2048]):
            speaker.play(part, 22050)
            time.sleep(0.003)
    played = heard(sound)
    np.testing.assert_array_equal(played[played != 0], ramp)
    assert sound.streams[0].ended == "stopped"


def test_a_device_of_another_rate_gets_its_own(sound: PretendedSound) -> None:
    sound.rates = (48000,)
    tone = np.sin(np.arange(22050) * 2 * np.pi * 440 / 22050).astype(np.float32)
    with Loudspeaker() as speaker:
        for part in np.split(tone, 10):
            speaker.play(part, 22050)
    played = heard(sound)
    assert sound.streams[0].samplerate == 48000
    assert abs(np.count_nonzero(np.abs(played) > 1e-6) - 48000) < 1000


def test_an_exception_falls_silent_at_once(sound: PretendedSound) -> None:
    with pytest.raises(KeyboardInterrupt), Loudspeaker() as speaker:
        speaker.play(np.ones(22050 * 600, np.float32), 22050)
        raise KeyboardInterrupt
    assert sum(map(len, sound.heard)) < 22050 * 600
    assert sound.streams[0].ended == "aborted" and not sound.streams[0].active


def test_stop_drops_what_waits(sound: PretendedSound) -> None:
    with Loudspeaker() as speaker:
        speaker.play(np.ones(22050 * 600, np.float32), 22050)
        speaker.stop()
    assert len(heard(sound)) < 22050 * 600


def test_turn_after_turn(sound: PretendedSound) -> None:
    with Loudspeaker() as speaker:
        for turn in (1, 2, 3):
            speaker.play(np.full(1000, turn, np.float32), 22050)
            speaker.finish()
            assert np.count_nonzero(heard(sound) == turn) == 1000


def test_nothing_played_opens_nothing(sound: PretendedSound) -> None:
    with Loudspeaker():
        pass
    assert not sound.streams


def test_a_device_that_fails(sound: PretendedSound, monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = np.ones(100, np.float32)
    with pytest.raises(DeviceError, match="went away"), Loudspeaker() as speaker:
        speaker.play(chunk, 22050)
        sound.streams[0].active = False
        speaker.play(chunk, 22050)
    monkeypatch.setattr(loudspeaker, "_PATIENCE", 0.1)
    sound.frozen = True
    with pytest.raises(DeviceError, match="stopped in the middle"), Loudspeaker() as speaker:
        speaker.play(chunk, 22050)
    sound.broken = True
    with pytest.raises(DeviceError, match="cannot be used"), Loudspeaker() as speaker:
        speaker.play(chunk, 22050)


def test_without_a_device(sound: PretendedSound) -> None:
    assert loudspeaker_works() == "pretended output"
    sound.devices = 0
    assert loudspeaker_works() is None
    with pytest.raises(DeviceError, match="no loudspeaker"), Loudspeaker():
        pass
    with pytest.raises(DeviceError, match="no microphone"):
        device_name("input")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DeviceError, match=r"PortAudio is missing.*libportaudio2"):
        sound_library()
    assert loudspeaker_works() is None
