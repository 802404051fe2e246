"""Hands-free asking: who begins to speak is noticed in time, and nobody is while the app itself speaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import numpy as np
import pytest
from numpy.typing import NDArray

from sviqa_app.errors import DeviceError
from sviqa_app.media import listening as module
from sviqa_app.media.audio import load_recording
from sviqa_app.media.endpointer import Endpointer, Turning
from sviqa_app.media.listening import HANDS_FREE_LEAD, Listening
from sviqa_app.media.vad import FRAME_SECONDS, SpeechDetector
from sviqa_app.resources import assets_folder
from sviqa_app.turn import Samples

RATE = 16_000
SPEECH, SILENCE, BROKEN = (np.full(12, value, np.float32) for value in (0.9, 0.0, -1.0))


class PretendedDetector:
    """Takes each sample for the probability of a frame; a sample below zero breaks it."""

    resets = 0

    def reset(self) -> None:
        PretendedDetector.resets += 1

    def hear(self, block: Samples) -> NDArray[np.float32]:
        if block.min() < 0:
            raise DeviceError("It broke.")
        return block


class Told(SimpleQueue[str]):
    """What Listening said, in order."""

    def next(self) -> str:
        return self.get(timeout=60)


Start = Callable[[], Listening]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def start(told: Told) -> Iterator[Start]:
    """Starts a Listening that tells `told`, ready to hear."""
    running: list[Listening] = []

    def begin() -> Listening:
        words = [lambda word=word: told.put(word) for word in ("began", "ended", "dropped")]
        running.append(Listening(*words, lambda error: told.put(str(error))))
        while not running[-1]._loaded and running[-1]._worker.is_alive():
            time.sleep(0.001)
        return running[-1]

    yield begin
    for one in running:
        one.close()


@pytest.fixture
def listening(start: Start, monkeypatch: pytest.MonkeyPatch) -> Listening:
    monkeypatch.setattr(module, "SpeechDetector", PretendedDetector)
    monkeypatch.setattr(PretendedDetector, "resets", 0)
    return start()


def say(listening: Listening, *blocks: Samples) -> None:
    for block in blocks:
        listening.hear(block)


def test_a_question_and_a_cough(listening: Listening, told: Told) -> None:
    say(listening, SILENCE, SPEECH, SILENCE, SPEECH, SILENCE, SILENCE)
    assert [told.next(), told.next()] == ["began", "ended"]
    say(listening, SPEECH[:5], SILENCE, SILENCE, SPEECH)
    assert [told.next(), told.next(), told.next()] == ["began", "dropped", "began"]


def test_nothing_is_heard_in_a_pause(listening: Listening, told: Told) -> None:
    listening.pause()
    assert listening.paused
    say(listening, SPEECH, SILENCE, SILENCE)
    listening.resume()
    assert not listening.paused
    say(listening, SPEECH[:4])
    assert told.next() == "began"
    listening.pause()
    listening.resume()
    say(listening, SILENCE, SILENCE, SPEECH)  # the silence ends nothing, for nothing had begun
    assert told.next() == "began" and told.empty()
    assert PretendedDetector.resets == 2


def test_what_waits_when_it_is_paused_is_dropped(listening: Listening, told: Told) -> None:
    """A pause that comes from the first call: the rest of what had been handed over is not heard."""
    listening._calls[Turning.BEGAN] = lambda: (listening.pause(), told.put("began"))
    say(listening, np.concatenate([SPEECH, SILENCE, SILENCE]), SPEECH)
    assert told.next() == "began"
    listening.resume()
    say(listening, SPEECH)
    assert told.next() == "began" and told.empty()


def test_a_failure_is_told_once(listening: Listening, told: Told) -> None:
    say(listening, SPEECH, BROKEN, BROKEN, SPEECH)
    assert [told.next(), told.next()] == ["began", "It broke."]
    listening._worker.join()
    say(listening, SPEECH, BROKEN)
    listening.close()
    assert told.empty()


def test_without_a_detector(start: Start, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> SpeechDetector:
        raise DeviceError("It is missing.")

    monkeypatch.setattr(module, "SpeechDetector", missing)
    listening = start()
    assert told.next() == "It is missing."
    say(listening, SPEECH)
    listening.close()
    assert told.empty()


def test_nothing_is_told_after_the_end(listening: Listening, told: Told) -> None:
    listening.close()
    listening.resume()
    say(listening, SPEECH, SILENCE, SILENCE)
    listening.close()
    assert told.empty()


def quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def sample(name: str) -> Samples:
    return load_recording(assets_folder() / "samples" / f"{name}.wav").samples


def onset(samples: Samples) -> float:
    """Where the voice rises above all but 35 dB below its loud parts, in seconds."""
    level = 20 * np.log10(np.sqrt((samples[: len(samples) // 80 * 80].reshape(-1, 80) ** 2).mean(1)) + 1e-7)
    return float(np.flatnonzero(level > np.quantile(level, 0.9) - 35)[0] * 80 / RATE)


@pytest.mark.parametrize("name", ["question", "number"])
def test_the_take_reaches_back_to_before_the_voice(name: str) -> None:
    detector, endpointer = SpeechDetector(), Endpointer()
    sound = np.concatenate([quiet(1), sample(name)])
    heard = [endpointer.hear(float(p)) for block in np.array_split(sound, 150) for p in detector.hear(block)]
    noticed = (heard.index(Turning.BEGAN) + 1) * FRAME_SECONDS
    assert noticed - HANDS_FREE_LEAD <= 1 + onset(sample(name)) - 0.05


@pytest.mark.parametrize("name", ["question", "number"])
def test_spoken_questions(start: Start, told: Told, name: str) -> None:
    listening = start()
    say(listening, *np.array_split(np.concatenate([quiet(1), sample(name), quiet(1)]), 200))
    assert [told.next(), told.next()] == ["began", "ended"] and told.empty()
