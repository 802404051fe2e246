"""Answers read as sentences, and what was shown while it came is what the whole sentence begins with."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.engine.wording import Wording, sentence


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a red circle , top left", "A red circle, top left."),
        ("two", "Two."),
        ("i cannot tell .", "I cannot tell."),
        ("yes . it is in the center .", "Yes. It is in the center."),
        ("  ", ""),
        ("is it ?", "Is it?"),
    ],
)
def test_words_become_a_sentence(words: str, shown: str) -> None:
    assert sentence(words) == shown


@settings(deadline=None)
@given(st.lists(st.sampled_from(["i", "in", "a", "dog", ",", ".", "red", "?"]), max_size=12))
def test_growing_gives_the_sentence_in_the_end(words: list[str]) -> None:
    wording = Wording()
    shown = [wording.grow(" ".join(words[:n])) for n in range(len(words) + 1)]
    shown.append(wording.finish(" ".join(words)))
    assert "".join(shown) == sentence(" ".join(words)) == wording.text
