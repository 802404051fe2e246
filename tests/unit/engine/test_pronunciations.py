"""How words are said: written and read alike, and refused in one line where the file is not that."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.engine.pronunciations import PRONUNCIATIONS, load_pronunciations, save_pronunciations
from sviqa_app.errors import ModelError
from sviqa_app.model.narration import SOUNDS, word_sounds


@given(st.dictionaries(st.text("abcxyz'", min_size=1), st.lists(st.sampled_from(SOUNDS), min_size=1, max_size=9)))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, words: dict[str, list[str]]) -> None:
    folder = tmp_path_factory.mktemp("voice")
    known = {word: word_sounds(sounds) for word, sounds in words.items()}
    save_pronunciations(folder, known)
    assert load_pronunciations(folder) == known


@pytest.mark.parametrize("text", ["", "[]", "7", '{"a": 1}', '{"a": ["ax"]}', '{"a": "qq"}', '{"a": null, ', "\xff"])
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / PRONUNCIATIONS).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"pronunciations\.json"):
        load_pronunciations(tmp_path)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no pronunciations\.json"):
        load_pronunciations(tmp_path)
