"""The sentences that voices are measured by are many, different, of ordinary length, and can all be said."""

from __future__ import annotations

import re

from sviqa_app.engine.speakable import speakable
from sviqa_app.evaluation.sentences import TEST_SENTENCES


def test_there_are_two_hundred_different_ones() -> None:
    assert len(TEST_SENTENCES) == len({sentence.lower() for sentence in TEST_SENTENCES}) == 200


def test_they_are_of_ordinary_length() -> None:
    assert all(4 <= len(sentence.split()) <= 16 for sentence in TEST_SENTENCES)


def test_they_are_varied() -> None:
    words = {word for sentence in TEST_SENTENCES for word in re.findall(r"[a-z]+", sentence.lower())}
    assert len(words) > 900


def test_every_one_can_be_said() -> None:
    assert not any(speakable(sentence).left_out for sentence in TEST_SENTENCES)
