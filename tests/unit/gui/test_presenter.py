"""What the window does when things are pressed, answered, and go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from sviqa_app.engine.worker import Answering, Died, Failed, Ready
from sviqa_app.errors import DeviceError
from sviqa_app.gui.exchange import Fate, State
from sviqa_app.gui.presenter import Presenter
from sviqa_app.history import History
from sviqa_app.settings import Settings
from sviqa_app.turn import AudioChunk, Done, Heard, Recording, TextDelta

from .standins import Asked, Mouth, Seen, Sounding

SOUND = AudioChunk(np.full(10, 0.5, np.float32), 22050)


class Desk:
    """A presenter and all it talks to."""

    def __init__(self, history: History, recording: Recording) -> None:
        self.seen, self.worker, self.player, self.mouth = Seen(), Asked(), Sounding(), Mouth(recording)
        self.history = history
        parts = cast(Any, self.worker), cast(Any, self.mouth), self.player
        self.presenter = Presenter(self.seen, *parts, history, Settings())

    def answer(self, turn: int, text: str = "Two.", cancelled: bool = False) -> None:
        """The worker answers a turn, whole."""
        tell = self.presenter.on_worker
        tell(Answering(turn, TextDelta(text)))
        tell(Answering(turn, SOUND))
        tell(Answering(turn, Heard("how many")))
        tell(Answering(turn, Done(text, {"first_audio": 0.2, "total": 0.4}, 9, cancelled)))

    def states(self) -> list[str]:
        """What became of the questions, as the history has it."""
        return [turn.state for c in self.history.conversations() for turn in self.history.turns(c.id)]


@pytest.fixture
def desk(tmp_path: Path, recording: Recording, picture: Image.Image) -> Iterator[Desk]:
    with History.open(tmp_path) as history:
        made = Desk(history, recording)
        made.presenter.take(picture, "picture.png")
        yield made


def talk(desk: Desk, text: str = "") -> None:
    desk.presenter.begin_talking()
    desk.presenter.end_talking(text)


def test_from_key_to_kept_answer(desk: Desk) -> None:
    talk(desk)
    assert desk.seen.states == [State.RECORDING, State.READY, State.THINKING]
    assert desk.states() == ["pending"]  # before any answer
    desk.answer(1)
    assert desk.seen.states[-1] is State.SPEAKING and desk.player.ended
    desk.presenter.silent()
    assert desk.seen.states[-1] is State.READY
    (turn,) = desk.history.turns(desk.history.conversations()[0].id)
    assert (turn.state, turn.heard, turn.answer) == ("done", "how many", "Two.")
    assert turn.speech is not None and turn.sound is not None
    assert "200 ms" in desk.seen.status


def test_speech_and_text_go_together(desk: Desk) -> None:
    talk(desk, "in one word")
    assert desk.worker.questions[0].mode == "mixed"


def test_without_a_picture_nothing_is_recorded(tmp_path: Path, recording: Recording) -> None:
    with History.open(tmp_path) as history:
        desk = Desk(history, recording)
        talk(desk)
        desk.presenter.ask("what is this")
        assert desk.seen.states == [] and len(desk.seen.complaints) == 2 and not desk.worker.questions


def test_a_repeating_key_begins_once(desk: Desk) -> None:
    for _ in range(5):
        desk.presenter.begin_talking()
    assert desk.seen.states == [State.RECORDING]


def test_talking_silences_and_stops_the_answer(desk: Desk) -> None:
    talk(desk)
    desk.presenter.on_worker(Answering(1, SOUND))
    desk.presenter.begin_talking()
    assert desk.player.playing == [] and desk.worker.stopped == [1]
    desk.presenter.on_worker(Answering(1, SOUND))  # was already on its way
    assert desk.player.playing == []
    desk.presenter.on_worker(Answering(1, Done("Tw", cancelled=True)))
    desk.presenter.end_talking()
    desk.answer(2)
    assert desk.states() == ["cancelled", "done"]
    assert [e.fate for e in desk.seen.exchanges] == [Fate.STOPPED, Fate.ANSWERED]


def test_silence_is_not_asked(desk: Desk) -> None:
    desk.mouth.recording_of = Recording(np.zeros(16000, np.float32), 16000)
    talk(desk)
    assert not desk.worker.questions and desk.states() == [] and desk.history.orphans() == []
    assert desk.seen.complaints[0].startswith("Nothing was recorded.")


def test_a_missing_microphone_is_said(desk: Desk) -> None:
    desk.mouth.missing = True
    talk(desk)
    assert desk.seen.complaints == ["There is no microphone. Connect one."]
    desk.presenter.ask("typed questions still work")
    assert len(desk.worker.questions) == 1


def test_a_missing_loudspeaker_is_said_and_the_words_stay(desk: Desk) -> None:
    talk(desk)
    desk.player.failed = DeviceError("There is no loudspeaker.", "Connect one.")
    desk.answer(1)
    desk.presenter.silent()
    assert desk.seen.complaints == ["There is no loudspeaker. Connect one."]
    assert desk.states() == ["done"] and desk.seen.states[-1] is State.READY


def test_a_dead_worker_offers_the_question_again(desk: Desk) -> None:
    talk(desk)
    desk.presenter.on_worker(Answering(1, TextDelta("Tw")))
    desk.presenter.on_worker(Died(1))
    (offered,) = desk.seen.offers
    assert desk.states() == ["pending"] and desk.seen.states[-1] is State.READY
    desk.presenter.on_worker(Ready("sviqa-tiny", "cpu", 22050, 1.0))
    desk.presenter.ask_again(offered)
    desk.answer(2)
    assert desk.states() == ["done"] and offered.told == "Two." and len(desk.presenter.exchanges) == 1


def test_a_failure_is_kept_and_said(desk: Desk) -> None:
    desk.presenter.ask("what is this")
    desk.presenter.on_worker(Failed(1, "It is too long.", "Ask less."))
    assert desk.states() == ["failed"] and desk.seen.complaints == ["It is too long. Ask less."]
    assert desk.seen.exchanges[0].told == "It is too long. Ask less."


def test_what_a_crash_left_is_offered(desk: Desk, tmp_path: Path, recording: Recording) -> None:
    talk(desk)
    desk.history.close()
    with History.open(tmp_path) as history:
        again = Desk(history, recording)
        again.presenter.recover()
        (offered,) = again.seen.offers
        assert offered.question.speech is not None
        assert len(offered.question.speech.samples) == len(recording.samples)
        again.presenter.ask_again(offered)  # its picture comes back with it
        assert again.worker.pictures == [(48, 32)]
        again.answer(1)
        assert again.states() == ["done"] and [e.told for e in again.seen.exchanges] == ["Two."]


def test_a_recording_cut_off_by_a_crash_is_offered(desk: Desk, tmp_path: Path, recording: Recording) -> None:
    desk.presenter.begin_talking()
    desk.history.close()
    with History.open(tmp_path) as history:
        again = Desk(history, recording)
        again.presenter.recover()
        again.presenter.ask_again(again.seen.offers[0])
        assert again.worker.questions[0].speech is not None and again.worker.pictures == [(48, 32)]


def test_regions(desk: Desk, picture: Image.Image) -> None:
    desk.presenter.zoom_into(9)
    assert desk.worker.pictures == [(48, 32), (16, 11)] or desk.seen.said[-1].startswith("This is as close")
    big = picture.resize((480, 320))
    desk.presenter.take(big, "big")
    desk.presenter.zoom_into(9)
    desk.presenter.ask("what is this")
    assert desk.worker.pictures[-1] == (160, 107) and desk.presenter.exchanges[0].about == "top right"
    desk.presenter.zoom_out()
    desk.presenter.zoom_out()
    assert desk.presenter.region.whole and desk.worker.pictures[-1] == (480, 320)


def test_a_conversation_is_reopened(desk: Desk) -> None:
    desk.presenter.ask("what is this")
    desk.answer(1)
    number = desk.history.conversations()[0].id
    desk.presenter.new_conversation()
    assert desk.seen.exchanges == []
    desk.presenter.reopen(number)
    assert [e.told for e in desk.seen.exchanges] == ["Two."]
    desk.presenter.ask("and this")
    assert len(desk.history.turns(number)) == 2


def test_replay_and_save(desk: Desk, tmp_path: Path) -> None:
    desk.presenter.replay()
    desk.presenter.save(tmp_path / "answer.wav")
    assert not (tmp_path / "answer.wav").exists()
    talk(desk)
    desk.answer(1)
    desk.presenter.silent()
    desk.player.stop()
    desk.presenter.replay()
    assert len(desk.player.playing) == 1 and desk.seen.states[-1] is State.SPEAKING
    desk.presenter.save(tmp_path / "answer.wav")
    assert (tmp_path / "answer.wav").stat().st_size > 44
