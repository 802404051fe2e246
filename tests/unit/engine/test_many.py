"""Many at once: each answered as it would be alone."""

from __future__ import annotations

import pytest
from PIL import Image

from sviqa_app.engine import many
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.many import answer_many, answer_ready, look, make_ready
from sviqa_app.manner import Manner
from sviqa_app.turn import Done, Heard, Question

from ..toy import HumVoice, silence, speech

QUESTIONS = [
    Question(text="how many dogs are there"),
    Question(speech(0.7)),
    Question(speech(1.3, seed=1), "red"),
    Question(silence()),
    Question(silence(), "two"),
    Question(text="(fast) how many dogs are there", manner=Manner(style="loud")),
    Question(text="how many dogs are there? whisper it"),
    Question(silence(), "(slow) red"),
    Question(silence(), "speak slowly"),
    Question(text="(whisper)"),
    Question(speech(0.9), "(rap) two", Manner("kal", "low", "slow")),
]


def pictures(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (30, 30), (20 * n, 255 - 20 * n, 0)) for n in range(count)]


def test_as_each_would_be_answered_alone(engine: EndToEnd) -> None:
    shown = pictures(len(QUESTIONS))
    for picture, question, answered in zip(shown, QUESTIONS, answer_many(engine, shown, QUESTIONS), strict=True):
        events = list(engine.load_picture(picture).answer(question, speak=False))
        heard = [e.text for e in events if isinstance(e, Heard)]
        assert isinstance(events[-1], Done)
        assert answered.text == events[-1].text
        assert answered.heard == (heard[0] if heard else None)


def test_in_the_manner_in_which_each_would_be_answered_alone(engine: EndToEnd) -> None:
    shown, voice = pictures(len(QUESTIONS)), engine.speech
    assert isinstance(voice, HumVoice)
    voice.manners.clear()
    for picture, question in zip(shown, QUESTIONS, strict=True):
        list(engine.load_picture(picture).answer(question))
    alone = list(voice.manners)
    voice.manners.clear()
    ready = [make_ready(engine, question) for question in QUESTIONS]
    answer_ready(engine, [look(engine, picture) for picture in shown], range(len(shown)), ready, speak=True)
    assert voice.manners == alone and len(set(alone)) == 5


def test_in_batches_of_any_size(engine: EndToEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = pictures(len(QUESTIONS))
    whole = [answered.text for answered in answer_many(engine, shown, QUESTIONS)]
    for size in ("SEEN_AT_ONCE", "HEARD_AT_ONCE", "MOST_AT_ONCE"):
        monkeypatch.setattr(many, size, 1)
        assert [answered.text for answered in answer_many(engine, shown, QUESTIONS)] == whole


def test_nothing_but_silence(engine: EndToEnd) -> None:
    assert answer_many(engine, [Image.new("RGB", (9, 9))], [Question(silence())])[0].text == "I heard nothing."
