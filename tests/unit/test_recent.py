"""The list of recent pictures: any file gives a list and never an error, and a private session leaves none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from sviqa_app.recent import MOST, Recent, recent_path

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANY_JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
in_one_folder = trials(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sviqa" / "recent.json"


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"{n}.png" for n in range(MOST + 3)]
    for picture in made:
        picture.touch()
    return made


def test_newest_first_none_twice_ten_at_most(path: Path, pictures: list[Path]) -> None:
    recent = Recent(path, keep=True)
    for picture in [*pictures, pictures[7]]:
        recent.add(picture)
    expected = [pictures[7], *(p for p in reversed(pictures) if p is not pictures[7])][:MOST]
    assert recent.pictures == expected == Recent(path, keep=True).pictures
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_gone_is_not_offered_until_it_is_back(path: Path, pictures: list[Path]) -> None:
    recent = Recent(path, keep=True)
    recent.add(pictures[0])
    recent.add(pictures[1])
    pictures[0].unlink()
    assert recent.pictures == [pictures[1]]
    pictures[0].touch()
    assert Recent(path, keep=True).pictures == [pictures[1], pictures[0]]


def test_a_private_session_writes_nothing(path: Path, pictures: list[Path]) -> None:
    recent = Recent(path, keep=False)
    recent.add(pictures[0])
    assert recent.pictures == [pictures[0]] and not path.parent.exists()


def test_a_relative_name_is_kept_in_full(
    path: Path, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Recent(path, keep=True).add(Path("0.png"))
    assert Recent(path, keep=True).pictures == [pictures[0]]


def test_names_of_any_bytes_are_kept(path: Path, tmp_path: Path) -> None:
    odd = tmp_path / b"caf\xe9 \xff.png".decode(errors="surrogateescape")
    odd.touch()
    Recent(path, keep=True).add(odd)
    assert Recent(path, keep=True).pictures == [odd]


def test_forgotten_is_forgotten_on_the_disk(path: Path, pictures: list[Path]) -> None:
    recent = Recent(path, keep=True)
    recent.add(pictures[0])
    recent.clear()
    recent.clear()
    assert recent.pictures == [] and not path.exists()


def test_a_list_that_cannot_be_written_troubles_nobody(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "file").touch()
    recent = Recent(tmp_path / "file" / "recent.json", keep=True)
    recent.add(pictures[0])
    assert recent.pictures == [pictures[0]]


@in_one_folder
@given(st.binary())
@example(b"[" * 50_000)
@example(b'"' + b"a" * 200_000 + b'"')
@example(json.dumps(["/" + "a" * 300, "/\0", "/\ud800", "relative", 1, None]).encode())
@example(b"[" + b"1" * 5000 + b"]")
def test_any_file_gives_a_list(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    recent = Recent(path, keep=True)
    assert all(picture.is_file() for picture in recent.pictures)
    recent.add(path)
    assert Recent(path, keep=True).pictures[0] == path


@in_one_folder
@given(ANY_JSON)
def test_any_json_gives_a_list(path: Path, content: object) -> None:
    test_any_file_gives_a_list.hypothesis.inner_test(path, json.dumps(content).encode())  # type: ignore[attr-defined]


def test_it_lies_beside_the_history() -> None:
    assert recent_path().name == "recent.json" and "sviqa" in recent_path().parts
