"""The model that ships answers about the sample picture: written, spoken and both, in words that a person would use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sviqa_app.checkpoints.native import find_model
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.many import answer_many
from sviqa_app.media.audio import load_recording
from sviqa_app.media.image import load_picture
from sviqa_app.resources import assets_folder
from sviqa_app.turn import AudioChunk, Heard, Question, TextDelta

SAMPLES = assets_folder() / "samples"
MEGABYTES_THAT_SHIP = 40


@pytest.fixture(scope="module")
def engine() -> EndToEnd:
    return EndToEnd.load(find_model("sviqa-tiny"))


def said(engine: EndToEnd, question: Question) -> str:
    events = engine.load_picture(load_picture(SAMPLES / "scene.png")).answer(question, speak=False)
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def spoken(name: str) -> Question:
    return Question(load_recording(SAMPLES / name))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("how many stars are there", "Two."),
        ("where is the dog", "Top left."),
        ("what color is the circle", "Red."),
        ("which number is shown", "Seven."),
        ("what color is the background", "Blue."),
        ("what is at the bottom right", "A tree."),
        ("who is the president", "I cannot tell."),
    ],
)
def test_written_questions(engine: EndToEnd, asked: str, answer: str) -> None:
    assert said(engine, Question(text=asked)) == answer


def test_the_tenth_question_is_answered_as_well_as_the_first(engine: EndToEnd) -> None:
    talk = engine.load_picture(load_picture(SAMPLES / "scene.png"))
    questions = ["how many stars are there", "which number is shown", "where is the dog"] * 3
    answers = []
    for asked in questions:
        events = talk.answer(Question(text=asked), speak=False)
        answers.append("".join(event.text for event in events if isinstance(event, TextDelta)))
    assert answers == ["Two.", "Seven.", "Top left."] * 3


def test_spoken_questions(engine: EndToEnd) -> None:
    assert said(engine, spoken("question.wav")) == "Top left."
    assert said(engine, spoken("number.wav")) == "Seven."


def test_both_together(engine: EndToEnd) -> None:
    speech = load_recording(SAMPLES / "question.wav")
    assert said(engine, Question(speech, "in one word")) == "Top left."


def test_the_caption_is_what_was_asked(engine: EndToEnd) -> None:
    events = engine.load_picture(load_picture(SAMPLES / "scene.png")).answer(spoken("question.wav"), speak=False)
    assert [event.text for event in events if isinstance(event, Heard)] == ["where is the dog"]


def test_the_answer_is_voiced(engine: EndToEnd) -> None:
    events = list(engine.load_picture(load_picture(SAMPLES / "scene.png")).answer(Question(text="where is the dog")))
    sound = np.concatenate([event.samples for event in events if isinstance(event, AudioChunk)])
    assert 0.3 < len(sound) / engine.sample_rate < 3 and 0.01 < float(np.abs(sound).max()) <= 1


def test_batch_answers_as_alone(engine: EndToEnd) -> None:
    picture = load_picture(SAMPLES / "scene.png")
    questions = [spoken("question.wav"), spoken("number.wav"), Question(text="what is at the bottom right")]
    together = answer_many(engine, [picture] * 3, questions)
    assert [answered.text for answered in together] == [said(engine, question) for question in questions]


def test_all_that_ships_is_small() -> None:
    weights = Path(find_model("sviqa-tiny")).glob("*.safetensors")
    assert sum(path.stat().st_size for path in weights) < MEGABYTES_THAT_SHIP * 1e6
