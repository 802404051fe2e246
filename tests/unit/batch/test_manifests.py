"""Lists in CSV, JSON lines and JSON, and whatever else is in such files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sviqa_app.batch.manifests import Places, answers_in, columns, read_manifest
from sviqa_app.batch.rows import Given, Note, Row
from sviqa_app.batch.streams import ManifestError

NOTHING = Given()


def read(path: Path, content: str | bytes, given: Given = NOTHING) -> list[Row | Note]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_manifest(path, Places(path.parent, path.parent), given))


def rows(items: list[Row | Note]) -> list[Row]:
    return [item for item in items if isinstance(item, Row)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_with_any_separator(tmp_path: Path, separator: str) -> None:
    lines = [["Image", "Question ", "ID"], ["a.jpg", "what is it", "7"], [], ["b.jpg", "how many", "8"]]
    found = rows(read(tmp_path / "list.csv", "\n".join(separator.join(line) for line in lines)))
    assert [(r.id, Path(r.picture).name, r.words) for r in found] == [
        ("7", "a.jpg", "what is it"),
        ("8", "b.jpg", "how many"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_in_what_spreadsheets_write(tmp_path: Path, encoding: str) -> None:
    content = 'image,question\r\nä.jpg,"what is\r\nit, then"\r\n'.encode(encoding)
    (row,) = rows(read(tmp_path / "list.csv", content))
    assert Path(row.picture).name == "ä.jpg" and row.words == "what is\r\nit, then" and row.id == "line 3"


def test_json_lines_and_arrays_say_the_same(tmp_path: Path) -> None:
    lines = [{"picture": "a.jpg", "audio_path": "a.wav", "qid": 3, "answers": ["1", {"answer": "2"}]}]
    as_lines = rows(read(tmp_path / "list.jsonl", "\n".join(map(json.dumps, lines))))
    as_array = rows(read(tmp_path / "list.json", json.dumps(lines)))
    assert as_lines == as_array
    assert as_lines[0].id == "3" and as_lines[0].answers == ("1", "2")
    assert Path(as_lines[0].speech or "").name == "a.wav"


def test_the_question_for_all_is_for_those_without(tmp_path: Path) -> None:
    content = "image,question\na.jpg,\nb.jpg,own\n"
    found = rows(read(tmp_path / "list.csv", content, Given("given", "q.wav")))
    assert [(r.words, r.speech) for r in found] == [("given", "q.wav"), ("own", None)]


def test_every_line_is_a_row_and_its_faults_are_told(tmp_path: Path) -> None:
    good, surrogate, zero = ({"image": name, "text": "x"} for name in ("a.jpg", "\ud800", "\0"))
    lines = [good, "{broken", [], {"image": "a.jpg"}, {"text": "x"}, surrogate, zero]
    content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    items = read(tmp_path / "list.jsonl", content)
    assert [r.fault is None for r in rows(items)] == [True, *[False] * 6]
    assert [n.why for n in items if isinstance(n, Note)] == ["missing", *["unreadable"] * 6]


def test_files_that_are_there_are_not_missed(tmp_path: Path) -> None:
    (tmp_path / "here.jpg").touch()
    assert [i for i in read(tmp_path / "list.csv", "image,text\nhere.jpg,x\n") if isinstance(i, Note)] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", b""),
        ("list.csv", b"a,b\n1,2\n"),
        ("list.csv", b"image,text\n\xff\xfe.jpg,x\n"),
        ("list.jsonl", b'{"image": "\xff"}'),
        ("list.json", b"{}"),
        ("list.json", b"[{"),
        ("list.json", b"3"),
        ("list.doc", b"image"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(ManifestError):
        read(tmp_path / name, content)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        list(read_manifest(tmp_path / "none.csv", Places(tmp_path, tmp_path), NOTHING))


def test_which_column_is_which() -> None:
    named = {"image": "File Name", "question": "Prompt", "answers": "ground-truth"}
    assert columns(["File Name", "Prompt", "ground-truth"]) == named
    assert columns(["file", "image_path", "text"]) == {"image": "image_path", "question": "text"}
    assert columns(["image", "Image"])["image"] == "image"


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ("yes", ("yes",)),
        ("yes | no", ("yes", "no")),
        ('["a", "b"]', ("a", "b")),
        ("[broken", ("[broken",)),
        (["a", 2, None], ("a", "2")),
        (3, ("3",)),
        (None, ()),
        ("", ()),
        ({"answer": "a"}, ("a",)),
    ],
)
def test_answers(cell: object, answers: tuple[str, ...]) -> None:
    assert answers_in(cell) == answers


VALID = {
    "list.csv": b'image,question,speech,answers,id\na.jpg,"what, then",,yes|no,1\nb.jpg,,b.wav,,2\n',
    "list.jsonl": b'{"image": "a.jpg", "question": "what", "answers": ["a", "b"]}\n{"image": "b.jpg", "speech": "b"}\n',
    "list.json": b'[{"image": "a.jpg", "question": "what"}, {"image": "b.jpg", "speech": "b.wav", "id": 4}]',
}


@pytest.mark.parametrize("name", VALID)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_broken_lists_are_rows_or_one_plain_error(tmp_path: Path, name: str, data: st.DataObject) -> None:
    content = bytearray(VALID[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        content = content or bytearray(b" ")
    try:
        for row in rows(read(tmp_path / name, bytes(content))):
            assert row.fault or (row.picture and (row.words or row.speech))
    except ManifestError as error:
        assert "\n" not in str(error)
