"""Arrays of any length, read bit by bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sviqa_app.batch import streams
from sviqa_app.batch.streams import ManifestError, json_array

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def read(path: Path, text: str) -> list[Any]:
    path.write_text(text, encoding="utf-8", newline="")
    return [value for _, value in json_array(path, "questions")]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(values, max_size=6), before=values, indent=st.sampled_from([None, 1]), chunk=st.integers(1, 9))
def test_as_if_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: list[Any], before: Any, indent: int | None, chunk: int
) -> None:
    monkeypatch.setattr(streams, "CHUNK", chunk)
    path = tmp_path / "list.json"
    assert read(path, json.dumps({"info": before, "questions": wanted, "more": before}, indent=indent)) == wanted
    assert read(path, json.dumps(wanted, indent=indent)) == wanted


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "{", "{}", '{"questions"', '{"questions": 3}', '{"a": 1}', "[1", "[1,", "[1 2]", "[" * 100_000],
)
def test_what_is_no_array(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError):
        read(tmp_path / "list.json", text)


def test_a_value_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_VALUE", 1000)
    monkeypatch.setattr(streams, "CHUNK", 100)
    with pytest.raises(ManifestError):
        read(tmp_path / "list.json", json.dumps(["x" * 5000]))


def test_what_comes_before_a_break_is_given(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text('[{"a": 1}, {"b": 2}, {"c"', encoding="utf-8")
    found = json_array(path, "questions")
    assert [next(found), next(found)] == [(1, {"a": 1}), (2, {"b": 2})]
    with pytest.raises(ManifestError):
        next(found)
