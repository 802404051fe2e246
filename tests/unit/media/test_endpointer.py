"""Where questions begin and end: by hand, and against a rule written another way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.media.endpointer import Endpointer, Turning

# Frames of 32 ms: 0.1 s, 0.25 s and 0.7 s.
BEGIN, ENOUGH, QUIET = 3, 8, 22
BEGAN, ENDED, DROPPED = Turning.BEGAN, Turning.ENDED, Turning.DROPPED
Told = list[tuple[int, Turning]]


def told(probabilities: list[float], silence: float = 0.7) -> Told:
    """What each frame brings about, by its number."""
    endpointer = Endpointer(silence)
    return [(at, turning) for at, p in enumerate(probabilities) if (turning := endpointer.hear(p)) is not None]


def test_a_question() -> None:
    assert told([0.0] * 10 + [0.9] * 20 + [0.1] * 50) == [(10 + BEGIN - 1, BEGAN), (30 + QUIET - 1, ENDED)]


@pytest.mark.parametrize(
    ("frames", "expected"), [(2, []), (3, [BEGAN, DROPPED]), (7, [BEGAN, DROPPED]), (8, [BEGAN, ENDED])]
)
def test_a_click_is_no_question(frames: int, expected: list[Turning]) -> None:
    assert [turning for _, turning in told([0.9] * frames + [0.0] * 40)] == expected


def test_a_pause_for_thought_does_not_end_it() -> None:
    pause = [0.0] * (QUIET - 1)
    spoken = [*[0.9] * 5, *pause, 0.9, *pause, *[0.9] * 2]
    assert told(spoken + [0.0] * QUIET) == [(2, BEGAN), (len(spoken) + QUIET - 1, ENDED)]


def test_a_voice_that_grows_faint_is_heard_on() -> None:
    assert told([0.5, 0.4, 0.35] + [0.4] * 20) == [(2, BEGAN)]
    assert told([0.49] * 40) == []
    assert told([0.9, 0.9, 0.34, 0.4, 0.4, 0.4]) == []
    assert told([0.9] * 8 + [0.34] * 4 + [0.49] * 18) == [(2, BEGAN), (8 + QUIET - 1, ENDED)]


def test_what_is_no_number_is_no_speech() -> None:
    assert told([float("nan")] * 40) == []
    assert told([0.9] * 8 + [float("nan")] * QUIET)[-1] == (8 + QUIET - 1, ENDED)


def test_a_reset_forgets_the_question() -> None:
    endpointer = Endpointer()
    assert [endpointer.hear(0.9) for _ in range(5)].count(BEGAN) == 1
    endpointer.reset()
    assert [endpointer.hear(0.0) for _ in range(60)] == [None] * 60
    assert [endpointer.hear(0.9) for _ in range(3)][-1] is BEGAN


@pytest.mark.parametrize("silence", [0.3, 0.7, 2.0])
def test_the_patience_can_be_chosen(silence: float) -> None:
    (_, began), (at, ended) = told([0.9] * 10 + [0.0] * 100, silence)
    assert (began, ended) == (BEGAN, ENDED)
    assert (at - 9) * 0.032 == pytest.approx(silence, abs=0.017)


def by_the_rule(frames: str) -> Told:
    """The same in the words of regular expressions, for frames that are speech (s) or silence (.)."""
    expected: Told = []
    end = 0
    for question in re.finditer(rf"s{{{BEGIN}}}[s.]*?\.{{{QUIET}}}", frames):
        kind = ENDED if question[0].count("s") >= ENOUGH else DROPPED
        end = question.end()
        expected += [(question.start() + BEGIN - 1, BEGAN), (end - 1, kind)]
    unfinished = frames.find("s" * BEGIN, end)
    return expected if unfinished < 0 else [*expected, (unfinished + BEGIN - 1, BEGAN)]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), max_size=12))
def test_any_speech(runs: list[tuple[int, int]]) -> None:
    frames = "".join("s" * speech + "." * silence for speech, silence in runs)
    assert told([0.8 if frame == "s" else 0.2 for frame in frames]) == by_the_rule(frames)


@given(st.lists(st.floats(0, 1), max_size=300))
def test_beginnings_and_ends_take_turns(probabilities: list[float]) -> None:
    turnings = [turning for _, turning in told(probabilities, 0.1)]
    assert all(turning is BEGAN for turning in turnings[::2])
    assert all(turning is not BEGAN for turning in turnings[1::2])
