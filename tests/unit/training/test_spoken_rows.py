"""Lists to learn from: their columns by many names, and what is wrong with them in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sviqa_app.errors import SviqaError, TrainingError
from sviqa_app.training.spoken_rows import SpokenRow, read_spoken_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("q.wav", "cat.jpg"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "picture,question_audio,truth\ncat.jpg,q.wav,a cat\n"),
        ("list.tsv", "Speech-Path\tIMG\tLabel\nq.wav\tcat.jpg\ta dog|a cat|a cat\n"),
        ("list.jsonl", '{"audio": "q.wav", "image": "cat.jpg", "answers": [{"answer": "a cat"}]}\n'),
        ("list.json", '{"rows": [{"recording": "q.wav", "photo": "cat.jpg", "reference": "a cat"}]}'),
    ],
)
def test_lists_of_all_kinds(name: str, text: str, folder: Path) -> None:
    (folder / name).write_text(text)
    for data in (folder, folder / name):
        rows, faults = read_spoken_rows(data)
        assert [row._replace(where="") for row in rows] == [
            SpokenRow("", str(folder / "q.wav"), str(folder / "cat.jpg"), "a cat")
        ]
        assert faults == []


def test_without_a_picture_it_is_speech_alone(folder: Path) -> None:
    (folder / "list.csv").write_text("speech,answer\nq.wav,what he said\n")
    assert read_spoken_rows(folder)[0] == [SpokenRow("line 2", str(folder / "q.wav"), "", "what he said")]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("list.csv", "image,answer\ncat.jpg,x\n", "no column of recordings. Name one of its columns: speech, audio"),
        ("list.csv", "image,speech\ncat.jpg,q.wav\n", "no column of answers. Name one of its columns: answers"),
        ("list.csv", "", "no column of recordings"),
        ("list.csv", "speech,answer\n", "has no row to learn from. Give a CSV"),
        ("list.jsonl", "", "has no row to learn from. Give a CSV"),
        ("list.jsonl", '{"image": "cat.jpg"}\n', r"no row to learn from \(line 1: it names no recording\)"),
        ("list.jsonl", '{"speech": "gone.wav", "answer": 3}\n', "line 1: there is no file"),
        ("list.json", "{", "not the JSON"),
        ("list.csv", "\x00\xff", "UTF-8|no column"),
    ],
)
def test_what_is_wrong_is_said(name: str, text: str, said: str, folder: Path) -> None:
    (folder / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(SviqaError, match=said) as caught:
        read_spoken_rows(folder)
    assert "\n" not in str(caught.value)


def test_where_there_is_no_list_or_more_than_one(folder: Path) -> None:
    with pytest.raises(TrainingError, match="holds 0 lists"):
        read_spoken_rows(folder)
    for name in ("one.csv", "two.jsonl"):
        (folder / name).touch()
    with pytest.raises(TrainingError, match=r"holds 2 lists.*Or name one of them"):
        read_spoken_rows(folder)
    with pytest.raises(TrainingError, match="There is nothing at"):
        read_spoken_rows(folder / "gone.csv")
    with pytest.raises(TrainingError, match=r"cat\.jpg is no list of a known kind"):
        read_spoken_rows(folder / "cat.jpg")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_bytes_are_rows_or_one_plain_line(folder: Path, data: st.DataObject) -> None:
    suffix, valid = data.draw(
        st.sampled_from(
            [(".csv", b"speech,image,answer\nq.wav,cat.jpg,a cat\n"), (".jsonl", b'{"audio": "q.wav", "answer": "a"}')]
        )
    )
    content = bytearray(valid)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path = folder / f"list{suffix}"
    path.write_bytes(content)
    try:
        rows, faults = read_spoken_rows(path)
        assert rows and all("\n" not in fault for fault in faults)
    except SviqaError as error:
        assert "\n" not in str(error)
