"""What the window does when things are pressed, answered, and go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from sviqa_app.engine.worker import Answering, Died, Failed, Loading, Ready
from sviqa_app.errors import DeviceError, OutputError
from sviqa_app.gui.exchange import Fate, State
from sviqa_app.gui.presenter import Presenter
from sviqa_app.gui.situation import Situation
from sviqa_app.history import History
from sviqa_app.settings import Settings
from sviqa_app.turn import AudioChunk, Done, Heard, Recording, TextDelta

from .standins import Asked, Bells, Mouth, Promptly, Seen, Sounding

SOUND = AudioChunk(np.full(10, 0.5, np.float32), 22050)


class Desk:
    """A presenter and all it talks to."""

    def __init__(self, history: History, recording: Recording) -> None:
        self.seen, self.worker, self.player, self.mouth = Seen(), Asked(), Sounding(), Mouth(recording)
        self.history = history
        self.bells = Bells()
        situation = Situation(self.seen, self.bells)
        self.operations = Promptly(situation.complain)
        parts = cast(Any, self.worker), cast(Any, self.mouth), self.player
        self.presenter = Presenter(self.seen, *parts, history, Settings(), self.operations, situation)

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
    assert desk.seen.states == [State.RECORDING, State.THINKING]
    assert desk.bells.played == ["listening", "thinking"]
    assert desk.states() == ["pending"]  # before any answer
    desk.answer(1)
    assert desk.seen.states[-1] is State.SPEAKING and desk.player.ended
    desk.presenter.answers.silent()
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
    desk.presenter.answers.silent()
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


def test_a_model_that_cannot_be_loaded_is_no_longer_being_loaded(desk: Desk) -> None:
    desk.presenter.on_worker(Loading("weights", 0.8))
    desk.presenter.on_worker(Failed(None, "The model is broken.", "Install it again."))
    assert desk.seen.status == "" and desk.seen.complaints == ["The model is broken. Install it again."]
    desk.presenter.on_worker(Loading("weights", 0.8))
    desk.presenter.on_worker(Failed(1, "It is too long.", "Ask less."))
    assert desk.seen.status == "weights"


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
    desk.presenter.answers.replay()
    desk.presenter.answers.save(tmp_path / "answer.wav")
    assert not (tmp_path / "answer.wav").exists()
    talk(desk)
    desk.answer(1)
    desk.presenter.answers.silent()
    desk.player.stop()
    desk.presenter.answers.replay()
    assert len(desk.player.playing) == 1 and desk.seen.states[-1] is State.SPEAKING
    desk.presenter.answers.save(tmp_path / "answer.wav")
    assert (tmp_path / "answer.wav").stat().st_size > 44


def test_a_question_stopped_on_its_way_to_the_disk_is_not_asked(desk: Desk) -> None:
    desk.operations.waiting = True
    talk(desk)
    desk.presenter.stop()
    desk.operations.go_on()
    assert desk.worker.questions == [] and desk.states() == ["cancelled"]
    assert desk.seen.states[-1] is State.READY and desk.seen.exchanges[0].told == "(stopped)"


def test_talking_begins_while_the_picture_is_read(tmp_path: Path, recording: Recording, picture_file: Path) -> None:
    with History.open(tmp_path / "history") as history:
        desk = Desk(history, recording)
        desk.operations.waiting = True
        desk.presenter.open(picture_file)
        talk(desk)
        assert desk.seen.states == [State.RECORDING, State.THINKING] and not desk.worker.pictures
        desk.operations.go_on()
        assert desk.worker.pictures == [(48, 32)] and len(desk.worker.questions) == 1
        assert desk.seen.paths == [picture_file] and desk.states() == ["pending"]


def test_of_two_pictures_the_later_counts(desk: Desk, picture_file: Path, picture: Image.Image) -> None:
    desk.operations.waiting = True
    desk.presenter.open(picture_file)
    desk.presenter.take(picture.resize((64, 64)), "pasted meanwhile")
    desk.operations.go_on()
    assert desk.worker.pictures[-1] == (64, 64)


def test_what_was_said_about_a_broken_picture_is_kept(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    desk.operations.waiting = True
    desk.presenter.open(broken)
    talk(desk)
    desk.operations.go_on()
    assert desk.worker.questions == [] and desk.seen.states[-1] is State.READY
    assert len(desk.seen.complaints) == 2 and desk.presenter.picture is not None
    assert desk.mouth.path is None and len(list((tmp_path / "sounds").glob("question-*"))) == 1


def test_a_full_disk_does_not_keep_a_question_from_being_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OutputError("The disk is full.", "Make room.")

    monkeypatch.setattr(desk.history, "begin_turn", full)
    talk(desk)
    assert desk.seen.complaints == ["The disk is full. Make room."] and desk.bells.played[-1] == "trouble"
    desk.answer(1)
    assert desk.seen.exchanges[0].told == "Two."


def test_only_the_last_sound_stays_in_memory(desk: Desk) -> None:
    for turn in range(1, 4):
        talk(desk)
        desk.answer(turn)
    kept = [(len(e.chunks), e.question.speech) for e in desk.presenter.exchanges]
    assert kept == [(0, None), (0, None), (1, None)]


def test_what_is_declined_is_not_offered_again(desk: Desk, tmp_path: Path, recording: Recording) -> None:
    talk(desk)
    talk(desk)
    desk.history.close()
    with History.open(tmp_path) as history:
        again = Desk(history, recording)
        again.presenter.recover()
        for _ in range(2):
            (offered,) = again.seen.offers  # one at a time
            again.seen.offers.clear()
            again.presenter.decline(offered)
            again.presenter.offer_next()
        assert again.states() == ["cancelled", "cancelled"]
        again.presenter.recover()
        assert again.seen.offers == []


def test_quitting_gives_up_the_answer_but_not_what_is_being_said(desk: Desk) -> None:
    talk(desk)
    desk.presenter.close()
    assert desk.states() == ["cancelled"]
    desk.presenter.begin_talking()
    desk.operations.waiting = True
    desk.presenter.close()
    desk.operations.begun.pop(0)  # only the writing: no window is left to ask
    assert desk.mouth.path is None and len(desk.worker.questions) == 1


def test_an_answer_that_ends_late_does_not_show_in_another_conversation(desk: Desk, picture: Image.Image) -> None:
    talk(desk)
    desk.presenter.take(picture, "another")
    desk.answer(1, cancelled=True)
    assert desk.seen.exchanges == [] and desk.states() == ["cancelled"]


def test_a_turned_picture_is_another(desk: Desk) -> None:
    desk.presenter.turn_picture()
    assert desk.worker.pictures == [(48, 32), (32, 48)]
    assert desk.presenter.picture is not None and desk.presenter.picture.getpixel((30, 2)) == (0, 255, 0)


def test_a_search_lands_on_the_turn(desk: Desk) -> None:
    for turn in (1, 2):
        desk.presenter.ask(f"question {turn}")
        desk.answer(turn)
    (found,) = desk.history.search("question 2")[:1]
    desk.presenter.reopen(found.turn.conversation, found.turn.id)
    assert desk.seen.turn == found.turn.id and len(desk.presenter.exchanges) == 2


def test_a_question_that_is_too_long_is_asked_as_far_as_it_goes(desk: Desk) -> None:
    desk.presenter.begin_talking()
    desk.presenter.check_recording()
    assert desk.seen.states[-1] is State.RECORDING
    desk.mouth.full = True
    desk.presenter.check_recording()
    assert len(desk.worker.questions) == 1


def test_when_the_microphone_dies_what_was_said_is_asked(desk: Desk) -> None:
    desk.presenter.begin_talking()
    desk.mouth.failed = True
    desk.presenter.check_recording()
    assert len(desk.worker.questions) == 1 and not desk.presenter.talking


def test_the_loudspeaker_opens_while_the_model_thinks(desk: Desk) -> None:
    desk.presenter.on_worker(Ready("sviqa-tiny", "cpu", 22050, 1.0))
    talk(desk)
    (nothing,) = desk.player.playing
    assert len(nothing.samples) == 0 and nothing.rate == 22050 and desk.seen.states[-1] is State.THINKING
    desk.presenter.on_worker(Failed(1, "It is too long.", "Ask less."))
    assert desk.player.playing == []  # and is let go where nothing comes


def test_a_loudspeaker_that_fails_while_the_model_thinks(desk: Desk) -> None:
    talk(desk)
    desk.player.failed = DeviceError("There is no loudspeaker.", "Connect one.")
    desk.presenter.answers.silent()
    desk.answer(1)
    assert desk.seen.states[-1] is State.READY and desk.seen.complaints == ["There is no loudspeaker. Connect one."]
    assert State.SPEAKING not in desk.seen.states and desk.states() == ["done"]
