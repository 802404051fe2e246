"""Hands-free: asks when somebody speaks, and listens neither to itself nor to who holds the key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sviqa_app.errors import DeviceError
from sviqa_app.gui import hands_free as module
from sviqa_app.gui.exchange import State
from sviqa_app.gui.hands_free import HandsFree
from sviqa_app.history import History
from sviqa_app.settings import Settings
from sviqa_app.turn import Recording

from .test_presenter import Desk

ON = Settings(hands_free=True)


class Ears:
    """In place of Listening, whose own tests hear real sound: the test says what is heard."""

    def __init__(self, began: Any, ended: Any, dropped: Any, failed: Any, pause: float) -> None:
        self.began, self.ended, self.dropped, self.failed = began, ended, dropped, failed
        self.pause_seconds, self.paused, self.closed = pause, False, False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def hear(self, block: Any) -> None:
        self.heard = block

    def close(self) -> None:
        self.closed = True


class Place:
    """A desk where nobody holds a key."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.complaints: list[DeviceError] = []
        self.hands_free = HandsFree(desk.presenter, lambda call: call(), self.complaints.append)
        desk.presenter.answers._situation.follow = self.hands_free.follow

    @property
    def ears(self) -> Any:
        return self.hands_free._listening


@pytest.fixture
def place(
    tmp_path: Path, recording: Recording, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.setattr(module, "Listening", Ears)
    with History.open(tmp_path) as history:
        made = Place(Desk(history, recording))
        made.desk.presenter.take(picture, "picture.png")
        made.hands_free.apply(ON)
        yield made


def test_a_question_begins_and_ends_by_itself(place: Place) -> None:
    place.ears.began()
    assert place.desk.seen.states == [State.RECORDING] and not place.ears.paused
    place.ears.ended()
    assert len(place.desk.worker.questions) == 1 and not place.ears.paused


def test_a_cough_is_no_question(place: Place) -> None:
    place.ears.began()
    place.ears.dropped()
    assert place.desk.seen.states[-1] is State.READY and not place.desk.worker.questions
    assert place.desk.seen.said == ["picture.png", place.desk.seen.said[-1]] and place.desk.states() == []


def test_its_own_voice_is_not_listened_to_without_headphones(place: Place) -> None:
    place.ears.began()
    place.ears.ended()
    place.desk.answer(1)
    assert place.ears.paused
    place.ears.began()  # was on its way
    assert place.desk.seen.states[-1] is State.SPEAKING
    place.desk.presenter.answers.silent()
    assert not place.ears.paused
    place.hands_free.apply(replace(ON, headphones=True))
    place.ears.began()
    place.ears.ended()
    place.desk.answer(2)
    assert not place.ears.paused
    place.ears.began()
    assert place.desk.seen.states[-1] is State.RECORDING and place.desk.player.playing == []


def test_who_holds_the_key_says_when_it_ends(place: Place) -> None:
    place.desk.presenter.begin_talking()
    assert place.ears.paused
    place.ears.ended()
    assert place.desk.seen.states[-1] is State.RECORDING
    place.desk.presenter.end_talking()
    assert not place.ears.paused


def test_a_question_thrown_away_does_not_end_the_next(place: Place) -> None:
    place.ears.began()
    place.desk.presenter.cancel_talking()
    place.desk.presenter.begin_talking()
    place.ears.ended()
    assert place.desk.presenter.talking


def test_without_a_picture_nobody_is_troubled(place: Place) -> None:
    place.desk.presenter._subject = None
    place.ears.began()
    assert place.desk.seen.complaints == [] and place.desk.seen.states == []


def test_settings(place: Place) -> None:
    ears = place.ears
    place.hands_free.apply(replace(ON, volume=0.5))
    assert place.ears is ears
    ears.began()
    place.hands_free.apply(replace(ON, pause=1.5))
    assert ears.closed and place.ears.pause_seconds == 1.5
    assert len(place.desk.worker.questions) == 1  # what was being said is asked
    place.hands_free.apply(Settings())
    assert place.ears is None
    place.hands_free.hear(np.zeros(320, np.float32))
    place.hands_free.close()


def test_a_detector_that_fails_is_said(place: Place) -> None:
    place.ears.failed(DeviceError("The speech detector failed."))
    assert len(place.complaints) == 1
