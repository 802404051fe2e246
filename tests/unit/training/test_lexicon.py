"""How words are said: each as on its own, however many are asked for together, and kept once known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sviqa_app.model.narration import LONGEST_WORD, SOUNDS
from sviqa_app.training import lexicon
from sviqa_app.training.lexicon import AT_ONCE, load_lexicon, looked_up
from sviqa_app.training.scripts import COUNTING, dictionary_words

from .needs import needs_dictionary, needs_flite

pytestmark = needs_flite


def test_words_are_looked_up_together() -> None:
    assert looked_up(["red", "dog", "don't"]) == {
        "red": ("r", "eh", "d"),
        "dog": ("d", "ao", "g"),
        "don't": ("d", "ow", "n", "t"),
    }


def test_together_as_alone() -> None:
    words = list(COUNTING[::6])
    alone: lexicon.Lexicon = {}
    for word in words:
        alone |= looked_up([word])
    assert looked_up(words) == alone and set(alone) == set(words)


@pytest.mark.parametrize("odd", ["two; three", "", "..."])
def test_what_is_no_single_word_is_left_out_and_the_others_stay(odd: str) -> None:
    assert set(looked_up(["red", odd, "dog", "cat"])) == {"red", "dog", "cat"}
    assert looked_up([odd]) == {}
    assert looked_up([]) == {}


@needs_dictionary
def test_every_sound_is_one_that_the_narrator_has() -> None:
    found = looked_up(dictionary_words()[::2500])
    assert len(found) > 40
    assert {sound for sounds in found.values() for sound in sounds} <= set(SOUNDS)
    assert all(1 <= len(sounds) <= LONGEST_WORD for sounds in found.values())


def test_a_lexicon_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    words = [str(word) for word in COUNTING[: AT_ONCE + 2]]
    made = load_lexicon(tmp_path / "lexicon.json", words, told.append)
    assert set(made) == set(words) and told[0] == f"lexicon {AT_ONCE} words"
    monkeypatch.setattr(lexicon, "looked_up", lambda _: pytest.fail("looked up again"))
    assert load_lexicon(tmp_path / "lexicon.json", (), told.append) == made


def test_one_that_was_broken_off_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: list[str]) -> lexicon.Lexicon:
        raise KeyboardInterrupt

    monkeypatch.setattr(lexicon, "looked_up", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_lexicon(tmp_path / "lexicon.json", ["red"], print)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_plain(tmp_path: Path) -> None:
    load_lexicon(tmp_path / "lexicon.json", ["red"], print)
    assert json.loads((tmp_path / "lexicon.json").read_text()) == {"red": "r eh d"}
