"""Published models in a row: words stream, the voice follows sentence by sentence, and a stop is heeded at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sviqa_app.checkpoints.fit import Machine, Need
from sviqa_app.engine import cascade as cascading
from sviqa_app.engine import eyes
from sviqa_app.engine.base import Engine
from sviqa_app.engine.cascade import Cascade
from sviqa_app.engine.ears import Ear
from sviqa_app.engine.eyes import Eye, Message
from sviqa_app.engine.placing import Placement
from sviqa_app.engine.writing import Put
from sviqa_app.errors import EngineError
from sviqa_app.model.decode import Stop
from sviqa_app.turn import AnswerEvent, AudioChunk, Done, Heard, Question, Remark, Samples, TextDelta

from ..small_voice import small_voices
from ..toy import silence, speech
from . import published

MACHINE = Machine(10**11, 0, 10**11, 0)
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 70, 3), np.uint8))
WHAT, WHERE = Question(text="what is this"), Question(text="where is the ball on the table")


@dataclass
class FakeVoice:
    """Stands for Aloud: a sound for each sentence."""

    said: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    rest: str = ""

    def write(self, text: str) -> None:
        *whole, self.rest = (self.rest + text).split(". ")
        self.waiting += whole

    def finish(self) -> None:
        self.waiting.append(self.rest)

    def sound(self) -> Samples | None:
        if not self.waiting:
            return None
        self.said.append(self.waiting.pop(0))
        return np.full(100, 0.5, np.float32)


@dataclass
class FakeVoices:
    """Stands for Voices."""

    sample_rate: int = 1000


class FakeEye:
    """Writes a sentence, waits, writes another."""

    hears = False
    speech_rate = None
    placement = Placement("cpu", 32, Need(0, 0))

    def __init__(self) -> None:
        self.go_on = Event()
        self.asked: list[list[Message]] = []

    def write(self, talk: object, messages: list[Message], speak: bool, put: Put, stop: Stop) -> None:
        self.asked.append(messages)
        put(" It is a ball. ")
        self.go_on.wait()
        put("It is red.")

    def read(self, talk: object, messages: list[Message]) -> None:
        pass


@pytest.fixture(autouse=True)
def voice(monkeypatch: pytest.MonkeyPatch) -> FakeVoice:
    voice = FakeVoice()
    monkeypatch.setattr(cascading, "Aloud", lambda *_: voice)
    monkeypatch.setattr(eyes, "MOST_TEXT", 12)
    return voice


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Eye:
    return Eye.load(published.llava(tmp_path_factory.mktemp("models") / "llava"), MACHINE)


def engine_of(eye: Any, ear: Ear | None = None) -> Cascade:
    return Cascade("toy", eye, FakeVoices(), ear)  # type: ignore[arg-type]


def said(events: list[AnswerEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("family", published.EYES)
def test_every_family_answers_turn_after_turn(family: str, tmp_path: Path) -> None:
    eye = Eye.load(published.EYES[family](tmp_path / family), MACHINE)
    as_engine: Engine = engine_of(eye)
    talk = as_engine.load_picture(PICTURE)
    kept = eye._kept
    assert kept is not None and len(kept.ids) > 4
    first = list(talk.answer(WHAT, speak=False))
    assert isinstance(first[-1], Done) and first[-1].text == said(first) != ""
    second = said(list(talk.answer(WHERE, speak=False)))
    assert eye._kept is kept  # the picture was read once
    talk.restart()
    eye._kept = None  # and what is read anew is answered alike
    assert said(list(talk.answer(WHAT, speak=False))) == said(first)
    eye._kept = None
    assert said(list(talk.answer(WHERE, speak=False))) == second


def test_conversations_about_two_pictures_do_not_mix(llava: Eye) -> None:
    engine = engine_of(llava)
    one = said(list(engine.load_picture(PICTURE).answer(WHAT, speak=False)))
    first, _ = engine.load_picture(PICTURE), engine.load_picture(Image.new("RGB", (40, 70), "red"))
    assert said(list(first.answer(WHAT, speak=False))) == one


def test_speech_begins_with_the_first_sentence(voice: FakeVoice) -> None:
    eye, events = FakeEye(), []
    for event in engine_of(eye).load_picture(PICTURE).answer(WHAT):
        events.append(event)
        if isinstance(event, AudioChunk):
            eye.go_on.set()  # before this, nothing more is written
    assert [type(event) for event in events] == [TextDelta, AudioChunk, TextDelta, AudioChunk, Done]
    assert said(events) == "It is a ball. It is red." and voice.said == ["It is a ball", "It is red."]
    assert isinstance(events[-1], Done) and events[-1].seconds["first_audio"] is not None


def test_a_real_voice_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    eye = FakeEye()
    eye.go_on.set()
    engine = replace(engine_of(eye), voices=small_voices(tmp_path / "voice"))
    events: list[AnswerEvent] = []
    for event in engine.load_picture(PICTURE).answer(WHAT, stop=lambda: len(events) > 3):
        events.append(event)
    assert any(isinstance(event, AudioChunk) for event in events) and isinstance(events[-1], Done)


def test_a_stop_does_not_wait_for_the_model() -> None:
    eye = FakeEye()
    events: list[AnswerEvent] = []
    for event in engine_of(eye).load_picture(PICTURE).answer(WHAT, stop=lambda: bool(events)):
        events.append(event)
    assert [type(event) for event in events] == [TextDelta, Done] and events[-1].cancelled
    assert not eye.go_on.is_set()
    eye.go_on.set()


@pytest.mark.parametrize("polls", [0, 1, 3, 8, 20])
def test_a_stopped_answer_is_forgotten_and_the_next_is_right(polls: int, llava: Eye) -> None:
    talk = engine_of(llava).load_picture(PICTURE)
    due = said(list(talk.answer(WHAT, speak=False)))
    talk.restart()
    asked = iter(range(polls))
    *_, done = talk.answer(WHERE, speak=False, stop=lambda: next(asked, None) is None)
    assert isinstance(done, Done) and done.cancelled
    closed = talk.answer(WHERE, speak=False)
    next(closed)
    closed.close()  # type: ignore[attr-defined]
    assert said(list(talk.answer(WHAT, speak=False))) == due


def test_speech_is_heard_first(llava: Eye, tmp_path: Path) -> None:
    ear = Ear.load(published.whisper(tmp_path / "whisper"), MACHINE)
    talk = engine_of(llava, ear).load_picture(PICTURE)
    first, *events = talk.answer(Question(speech(), "what is this"), speak=False)
    assert isinstance(first, Heard) and first.text and said(events)
    polls = iter(range(3))
    stopped = list(talk.answer(Question(speech()), speak=False, stop=lambda: next(polls, None) is None))
    assert [type(event) for event in stopped] == [Done] and stopped[-1].cancelled


def test_without_an_ear_only_words_are_understood(llava: Eye) -> None:
    talk = engine_of(llava).load_picture(PICTURE)
    with pytest.raises(EngineError, match=r"No model that hears is installed\. Run: sviqa models install whisper-base"):
        list(talk.answer(Question(speech())))
    assert said(list(talk.answer(WHAT, speak=False)))


def test_silence_is_not_answered_with_an_invention(llava: Eye, voice: FakeVoice) -> None:
    talk = engine_of(llava).load_picture(PICTURE)
    events = list(talk.answer(Question(silence())))
    assert said(events) == "I heard nothing." and voice.said == ["I heard nothing."]
    assert said(list(talk.answer(Question(silence(), WHAT.text), speak=False)))


def test_how_to_speak_is_not_asked_of_the_model(voice: FakeVoice) -> None:
    eye = FakeEye()
    eye.go_on.set()
    first, *_ = engine_of(eye).load_picture(PICTURE).answer(Question(text="(rap) What is this?"))
    assert isinstance(first, Remark) and "no rap" in first.text
    assert eye.asked[-1][0]["content"][1] == {"type": "text", "text": "What is this?"}


def test_what_the_voice_cannot_say_is_remarked() -> None:
    eye = FakeEye()
    eye.write = lambda *args: args[3]("Это мяч. A ball.")  # type: ignore[method-assign, assignment]
    events = list(engine_of(eye).load_picture(PICTURE).answer(WHAT))
    assert isinstance(events[-2], Remark) and "left out 2 words in Cyrillic" in events[-2].text


def test_words_of_a_person_are_no_marks(llava: Eye) -> None:
    talk = engine_of(llava).load_picture(PICTURE)
    assert said(list(talk.answer(Question(text="what <image> is this</s>"), speak=False)))


def test_a_long_talk_goes_on_without_its_beginning(llava: Eye) -> None:
    talk = engine_of(llava).load_picture(PICTURE)
    for _ in range(3):
        assert list(talk.answer(Question(text="the ball " * 200), speak=False))
    assert 0 < len(talk._turns) < 3
    with pytest.raises(EngineError, match="longer than the model can hold"):
        list(talk.answer(Question(text="the ball " * 900), speak=False))
    assert said(list(talk.answer(WHAT, speak=False)))


@pytest.mark.parametrize(
    ("error", "plain"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate"), "There is not enough memory for this answer."),
        (torch.OutOfMemoryError("no"), "There is not enough memory for this answer."),
        (ValueError("bad\nvery bad"), r"The model failed \(ValueError: bad\). Choose another model."),
    ],
)
def test_what_goes_wrong_is_one_line(error: Exception, plain: str) -> None:
    def fail(*_: object) -> Iterator[str]:
        raise error

    eye = FakeEye()
    eye.write = fail  # type: ignore[method-assign, assignment]
    talk = engine_of(eye).load_picture(PICTURE)
    with pytest.raises(EngineError, match=plain) as caught:
        list(talk.answer(WHAT))
    assert "\n" not in str(caught.value)
