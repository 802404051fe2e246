"""Scripts are plain words, the same each time, and nearly all different."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from sviqa_app.errors import TrainingError
from sviqa_app.training.scripts import (
    COUNTING,
    LONGEST,
    SHARES,
    TALK,
    WORD,
    chain,
    chain_words,
    dictionary_words,
    script,
)

from .needs import needs_chain, needs_dictionary

PLAIN = re.compile(r"[a-z]+('[a-z]+)?(,? [a-z]+('[a-z]+)?)*[.?]")


@pytest.fixture
def forgotten() -> Iterator[None]:
    """The chain is not in memory."""
    chain.cache_clear()
    yield
    chain.cache_clear()


@needs_chain
def test_the_same_each_time_and_another_for_another_number_or_seed() -> None:
    texts = [script(i) for i in range(200)]
    assert texts == [script(i) for i in range(200)]
    assert len(set(texts)) > 150
    assert [script(i, seed=1) for i in range(200)] != texts


@needs_chain
def test_words_in_small_letters_with_a_mark_at_the_end() -> None:
    texts = [script(i) for i in range(600)]
    assert all(PLAIN.fullmatch(text) for text in texts)
    assert 0.05 < sum(text.endswith("?") for text in texts) / len(texts) < 0.2
    assert sum("," in text for text in texts) > 20
    assert max(len(text.split()) for text in texts) <= 2 * LONGEST


@needs_chain
def test_every_kind_is_among_them() -> None:
    texts = [script(i) for i in range(400)]
    frames = [frame.split("{")[0] for frame in TALK if not frame.startswith("{")]
    assert sum(any(text.startswith(frame) for frame in frames) for text in texts) > 0.1 * len(texts)
    assert sum(set(WORD.findall(text)) <= set(COUNTING) for text in texts) > 0.03 * len(texts)
    assert sum(SHARES.values()) == pytest.approx(1)


def test_frames_are_plain_words_too() -> None:
    assert all(PLAIN.fullmatch(frame.format("one", "two") + ".") for frame in TALK)
    assert len(set(COUNTING)) == len(COUNTING)


@needs_chain
def test_words_of_the_chain_are_plain_and_each_comes_once() -> None:
    words = chain_words()
    assert len(words) > 1000 and words == sorted(set(words))
    assert all(WORD.fullmatch(word) and word == word.lower() for word in words)


@needs_dictionary
def test_words_of_the_dictionary_are_plain_and_each_comes_once() -> None:
    words = dictionary_words()
    assert len(words) > 50_000 and words == sorted(set(words))
    assert all(WORD.fullmatch(word) for word in words)


def test_what_is_missing_is_said(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "essential_generators", None)
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    for missing in (chain, dictionary_words):
        with pytest.raises(TrainingError, match=r"Run: pip install 'sviqa\[train-voice\]'"):
            missing()
