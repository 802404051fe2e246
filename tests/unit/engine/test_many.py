"""Many at once: each answered as it would be alone."""

from __future__ import annotations

from PIL import Image

from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.many import answer_many
from sviqa_app.turn import Done, Heard, Question

from ..toy import silence, speech


def test_as_each_would_be_answered_alone(engine: EndToEnd) -> None:
    pictures = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue", "white", "black", "green")]
    questions = [
        Question(text="how many dogs are there"),
        Question(speech(0.7)),
        Question(speech(1.3, seed=1), "red"),
        Question(silence()),
        Question(silence(), "two"),
    ]
    together = answer_many(engine, pictures, questions)
    for picture, question, answered in zip(pictures, questions, together, strict=True):
        events = list(engine.load_picture(picture).answer(question, speak=False))
        heard = [e.text for e in events if isinstance(e, Heard)]
        assert isinstance(events[-1], Done)
        assert answered.text == events[-1].text
        assert answered.heard == (heard[0] if heard else None)


def test_nothing_but_silence(engine: EndToEnd) -> None:
    assert answer_many(engine, [Image.new("RGB", (9, 9))], [Question(silence())])[0].text == "I heard nothing."
