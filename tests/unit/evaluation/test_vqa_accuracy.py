"""The official VQA accuracy, against the numbers of the original tool."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.errors import SviqaError
from sviqa_app.evaluation.vqa_accuracy import (
    Reference,
    accepted,
    accuracy,
    evaluate,
    level_words,
    normalise,
    people,
    strip_punctuation,
)

from ...golden import golden_cases

GOLDEN: Any = golden_cases("vqa_accuracy")


def test_as_the_original_reports() -> None:
    found = evaluate(GOLDEN["annotations"]["annotations"], GOLDEN["results"])
    expected = GOLDEN["expected"]
    assert found.overall == expected["overall"]
    assert found.by_question_type == expected["perQuestionType"]
    assert found.by_answer_type == expected["perAnswerType"]
    assert {str(question): percent for question, percent in found.by_question.items()} == expected["evalQA"]


def test_as_the_original_normalises() -> None:
    for text, stripped, both, levelled in GOLDEN["normalisation"]:
        assert (strip_punctuation(text), normalise(text), level_words(text)) == (stripped, both, levelled)


@pytest.mark.parametrize(("agreeing", "score"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (9, 1.0)])
def test_how_many_agree(agreeing: int, score: float) -> None:
    assert accuracy("red", people(["red"] * agreeing + ["blue"] * (10 - agreeing))) == pytest.approx(score)


def test_where_all_agree_the_answer_must_be_theirs_to_the_letter() -> None:
    assert accuracy("Yes", people(["yes"] * 10)) == 0
    assert accuracy(" yes\n", people(["yes"] * 10)) == 1
    assert accuracy("Yes.", people([*["yes"] * 9, "no"])) == 1


def test_people_who_cannot_be_told_apart_count_as_one() -> None:
    assert accuracy("a b", [Reference("a b")] * 9 + [Reference("c")]) == pytest.approx(0.1)


def test_any_of_the_accepted_answers_is_right() -> None:
    assert accepted("Two.", ["2", "a pair"]) == 1
    assert accepted("A T-shirt.", ["t shirt"]) == 1
    assert accepted("Three.", ["2", "a pair"]) == 0
    assert accepted("Three.", []) == 0
    assert accuracy("red", []) == 0


def test_an_answer_to_nothing_is_refused() -> None:
    with pytest.raises(SviqaError, match="question 3"):
        evaluate([], [{"question_id": 3, "answer": "yes"}])
    with pytest.raises(SviqaError, match="no answers"):
        evaluate(GOLDEN["annotations"]["annotations"], [])


@given(st.text())
def test_any_text_can_be_normalised(text: str) -> None:
    assert 0 <= accuracy(text, people([text, "x"])) <= 1
    assert level_words(normalise(text)) is not None
