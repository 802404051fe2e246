"""The player, on a pretended device: it never waits, falls silent at once, and tells when an answer begins and ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.errors import DeviceError
from sviqa_app.media.player import Player
from sviqa_app.turn import AudioChunk, Samples

from . import test_loudspeaker as pretended

RATE = 22_050


class PretendedSound(pretended.PretendedSound):
    """One that also knows its devices by their names."""

    def query_devices(self, kind: str | None = None, device: int | None = None) -> Any:
        if not self.devices:
            raise self.PortAudioError("no device")
        form = {"hostapi": 0, "max_output_channels": 2, "default_samplerate": 48000.0}
        both = [{"name": name, **form} for name in ("screen", "headphones")]
        return both if kind is None else both[device or 0]

    def OutputStream(self, device: int = 0, **form: Any) -> pretended.PretendedStream:  # noqa: N802
        self.chosen = device
        return super().OutputStream(**form)

    def played(self) -> Samples:
        """What was heard, without the silence."""
        both = np.concatenate([np.zeros((0, 2), np.float32), *list(self.heard)])
        return both[both[:, 0] != 0, 0]


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> PretendedSound:
    sound = PretendedSound()
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    return sound


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def player(sound: PretendedSound, told: list[str]) -> Iterator[Player]:
    player = Player(None, lambda: told.append("started"), lambda: told.append("finished"))
    yield player
    player.close()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def chunk(seconds: float, value: float = 0.5) -> AudioChunk:
    return AudioChunk(np.full(round(seconds * RATE), value, np.float32), RATE)


def test_answer_after_answer(sound: PretendedSound, player: Player, told: list[str]) -> None:
    ramp = np.linspace(0.1, 1, RATE, dtype=np.float32)
    for answer in (1, 2, 3):
        for part in np.split(ramp, [100, 101, 900, 2048]):
            player.play(AudioChunk(part, RATE))
        assert player.playing
        player.end()
        until(lambda: not player.playing)
        until(lambda count=2 * answer: len(told) == count)
    np.testing.assert_array_equal(sound.played(), np.tile(ramp, 3))
    assert told == ["started", "finished"] * 3 and player.failed is None


def test_answers_given_ahead(sound: PretendedSound, player: Player, told: list[str]) -> None:
    for value in (0.1, 0.2, 0.3):
        player.play(chunk(0.2, value))
        player.end()
    until(lambda: len(told) == 6)
    assert told == ["started", "finished"] * 3
    assert sorted(np.unique(sound.played())) == list(np.float32([0.1, 0.2, 0.3]))


def test_a_gap_is_not_the_end(sound: PretendedSound, player: Player, told: list[str]) -> None:
    player.play(chunk(0.1))
    until(lambda: len(sound.played()) == len(chunk(0.1).samples))
    time.sleep(0.05)
    assert player.playing and told == ["started"]
    player.play(chunk(0.1))
    player.end()
    until(lambda: told == ["started", "finished"])
    assert len(sound.played()) == 2 * len(chunk(0.1).samples)


def test_stop_drops_the_rest(sound: PretendedSound, player: Player, told: list[str]) -> None:
    player.play(chunk(600))
    until(lambda: "started" in told)
    player.stop()
    assert not player.playing
    heard = len(sound.played())
    until(lambda: told == ["started", "finished"])
    assert len(sound.played()) <= heard + 512 and heard < 600 * RATE
    player.stop()
    player.play(chunk(0.1, 0.25))
    player.end()
    until(lambda: len(told) == 4)
    assert np.count_nonzero(sound.played() == 0.25) == len(chunk(0.1).samples)
    assert told == ["started", "finished"] * 2


def test_stop_while_the_end_is_awaited(sound: PretendedSound, player: Player, told: list[str]) -> None:
    player.play(chunk(600))
    player.end()
    player.play(chunk(60, 0.25))
    until(lambda: "started" in told)
    player.stop()
    until(lambda: told.count("finished") == 2)
    assert not np.any(sound.played() == 0.25) and told == ["started", "finished", "finished"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["play", "play", "end", "stop", "wait"]), max_size=30))
def test_any_order_of_words(words: list[str]) -> None:
    """Whatever it is told, each answer that was begun ends once, and the next one is heard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sounddevice", sound := PretendedSound())
        finished: list[int] = []
        player = Player(on_finished=lambda: finished.append(1))
        begun, open_answer = 0, False
        for word in words:
            if word == "wait":
                time.sleep(0.003)
                continue
            {"play": lambda: player.play(chunk(0.01)), "end": player.end, "stop": player.stop}[word]()
            begun += word == "play" and not open_answer
            open_answer = word == "play"
        player.stop()
        player.play(chunk(0.01, 0.25))
        player.end()
        until(lambda: len(finished) == begun + 1)
        assert np.count_nonzero(sound.played() == 0.25) == len(chunk(0.01).samples) and not player.playing
        player.close()
        assert len(finished) == begun + 1 and not any(stream.active for stream in sound.streams)


def test_the_volume(sound: PretendedSound, player: Player) -> None:
    player.volume = 0.5
    player.play(chunk(0.2, 0.8))
    player.end()
    until(lambda: not player.playing)
    np.testing.assert_allclose(sound.played(), 0.4, atol=1e-6)
    player.volume = 7
    assert player.volume == 1
    player.volume = -1
    assert player.volume == 0


def test_a_change_of_volume_does_not_click(sound: PretendedSound, player: Player) -> None:
    player.play(chunk(60, 1))
    until(lambda: len(sound.heard) > 3)
    player.volume = 0.1
    until(lambda: abs(sound.heard[-1][-1, 0] - 0.1) < 1e-6)
    player.stop()
    assert np.abs(np.diff(sound.played()[:-512])).max() < 0.01


@pytest.mark.parametrize(("rate", "seconds"), [(2.0, 0.5), (0.5, 2.0), (9.0, 1 / 3)])
def test_twice_as_fast_and_as_high(sound: PretendedSound, player: Player, rate: float, seconds: float) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 220 * np.arange(1, RATE) / RATE)).astype(np.float32)
    player.rate = rate
    for part in np.array_split(tone, 7):
        player.play(AudioChunk(part, RATE))
    player.end()
    until(lambda: not player.playing)
    played = sound.played()
    assert abs(len(played) / RATE - seconds) < 0.05
    power = np.abs(np.fft.rfft(played * np.hanning(len(played))))
    assert abs(np.argmax(power) * RATE / len(played) - 220) < 3


def test_the_rate_of_what_waits_already(sound: PretendedSound, player: Player, told: list[str]) -> None:
    player.play(chunk(20))
    player.end()
    until(lambda: "started" in told)
    player.rate = 3
    until(lambda: not player.playing)
    assert len(sound.played()) < 15 * RATE


def test_a_loudspeaker_by_its_name(sound: PretendedSound, player: Player) -> None:
    player.device = "headphones"
    player.play(chunk(0.1))
    player.end()
    until(lambda: not player.playing)
    assert sound.chosen == 1 and player.failed is None
    player.device = "old ones"
    player.play(chunk(0.1))
    until(lambda: not player.playing)
    assert "no loudspeaker called old ones" in str(player.failed)


def test_a_device_that_fails(sound: PretendedSound, player: Player, told: list[str]) -> None:
    sound.broken = True
    for _ in range(3):
        player.play(chunk(0.1))
    until(lambda: told == ["finished"])
    assert isinstance(player.failed, DeviceError) and "cannot be used" in str(player.failed) and not player.playing
    player.end()
    sound.broken = False
    player.play(chunk(600))
    assert player.failed is None
    until(lambda: told == ["finished", "started"])
    sound.streams[-1].active = False
    player.play(chunk(0.1))
    until(lambda: told == ["finished", "started", "finished"])
    assert "went away" in str(player.failed)


def test_a_device_that_fails_with_the_last_sample(sound: PretendedSound, player: Player, told: list[str]) -> None:
    def fail() -> None:
        raise sound.PortAudioError("gone")

    player.play(chunk(1))
    until(lambda: told == ["started"])
    sound.streams[0].stop = fail  # type: ignore[method-assign]
    player.end()
    until(lambda: told == ["started", "finished"])
    assert "stopped in the middle" in str(player.failed)


def test_without_a_device(sound: PretendedSound, player: Player, told: list[str]) -> None:
    sound.devices = 0
    player.play(chunk(0.1))
    until(lambda: told == ["finished"])
    assert "no loudspeaker" in str(player.failed)
