"""The rules by which an answer counts as right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.evaluation.scoring import is_right, things, wilson, word_errors


@pytest.mark.parametrize(
    ("skill", "truth", "answer", "right"),
    [
        ("exists", "yes , top left", "Yes.", True),
        ("exists", "yes , top left", "Yes, bottom right.", True),
        ("exists", "no", "Yes, top left.", False),
        ("exists", "no", "", False),
        ("count", "two", "Two.", True),
        ("count", "zero", "None.", True),
        ("count", "zero", "I cannot tell.", False),
        ("count", "two", "2 dogs", True),
        ("count", "two", "Three.", False),
        ("color", "gray", "Grey.", True),
        ("at", "a red circle", "Red circle", True),
        ("at", "a red circle", "a red square", False),
        ("at", "nothing", "Nothing.", True),
        ("where", "top left and center", "Center, top left.", True),
        ("where", "center", "Top center.", False),
        ("where", "i cannot tell", "I cannot tell.", True),
        ("where", "i cannot tell", "Top left.", False),
        ("beside", "i cannot tell", "I can't tell.", True),
        ("compare", "dogs", "Dogs.", True),
        ("compare", "the same", "Same", True),
        ("read", "two and seven", "Seven and two.", True),
        ("read", "two and seven", "Two.", False),
        ("light", "dark", "Dark.", True),
        ("describe", "two red circles and a dog", "A dog and two red circles.", True),
        ("describe", "two red circles and a dog", "A dog and a red circle.", True),
        ("describe", "two red circles and a dog", "A cat and a red circle.", False),
        ("describe", "nothing", "Nothing.", True),
    ],
)
def test_rules(skill: str, truth: str, answer: str, right: bool) -> None:
    assert is_right(skill, truth, answer) is right


def test_things_are_counted_in_the_singular() -> None:
    assert things("two light bulbs , scissors and a number seven") == {
        "light bulb": 2,
        "scissors": 1,
        "number seven": 1,
    }


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(1, 3000))
def test_the_interval_holds_the_share(right: int, of: int) -> None:
    right = min(right, of)
    low, high = wilson(right, of)
    assert 0 <= low <= right / of + 1e-9 and right / of - 1e-9 <= high <= 1


def test_a_known_interval() -> None:
    assert wilson(1840, 2000) == pytest.approx((0.9073, 0.9311), abs=1e-3)


def test_word_errors() -> None:
    assert word_errors("how many cats are there", "how any cats there") == (2, 5)
    assert word_errors("a b", "") == (2, 2)
