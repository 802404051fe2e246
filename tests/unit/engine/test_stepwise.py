"""The cascade: the same answer to the same words, but each step waits for the one before."""

from __future__ import annotations

from PIL import Image

from sviqa_app.engine.base import Engine
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.stepwise import Stepwise
from sviqa_app.manner import Manner
from sviqa_app.turn import AudioChunk, Done, Heard, Question

from ..toy import HumVoice, silence, speech

RED = Image.new("RGB", (50, 40), "red")


def test_words_are_answered_the_same_and_the_sound_comes_whole(engine: EndToEnd) -> None:
    cascade: Engine = Stepwise(engine)
    question = Question(text="how many dogs are there")
    ours = list(cascade.load_picture(RED).answer(question))
    streamed = list(engine.load_picture(RED).answer(question))
    assert isinstance(ours[-1], Done) and isinstance(streamed[-1], Done)
    assert ours[-1].text == streamed[-1].text
    chunks = [e for e in ours if isinstance(e, AudioChunk)]
    assert len(chunks) == 1
    assert len(chunks[0].samples) == sum(len(e.samples) for e in streamed if isinstance(e, AudioChunk))


def test_speech_is_captioned_first(engine: EndToEnd) -> None:
    talk = Stepwise(engine).load_picture(RED)
    events = list(talk.answer(Question(speech())))
    assert isinstance(events[0], Heard)
    talk.restart()
    again = list(talk.answer(Question(text=events[0].text)))
    assert isinstance(events[-1], Done) and isinstance(again[-1], Done)
    assert events[-1].text == again[-1].text


def test_silence(engine: EndToEnd) -> None:
    events = list(Stepwise(engine).load_picture(RED).answer(Question(silence())))
    assert isinstance(events[-1], Done) and events[-1].text == "I heard nothing."


def test_how_to_speak_reaches_the_voice(engine: EndToEnd) -> None:
    list(Stepwise(engine).load_picture(RED).answer(Question(text="(loud) how many dogs", manner=Manner("bob"))))
    list(Stepwise(engine).load_picture(RED).answer(Question(speech(), manner=Manner("bob", "high"))))
    assert isinstance(engine.speech, HumVoice)
    assert engine.speech.manners[-2:] == [Manner("bob", "loud"), Manner("bob", "high")]
