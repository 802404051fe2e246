"""VQA's question files, spoken questions beside them, and a pickle that wants to run code."""

from __future__ import annotations

import json
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sviqa_app.batch.manifests import Places
from sviqa_app.batch.rows import Given, Note, Row
from sviqa_app.batch.streams import ManifestError
from sviqa_app.batch.vqa import MAPPER, clean, is_vqa, read_mapper, read_vqa

NAME = "v2_OpenEnded_mscoco_val2014_questions.json"
QUESTIONS = {
    "info": {"version": "2.0"},
    "data_subtype": "val2014",
    "questions": [
        {"image_id": 42, "question": "What color is it?", "question_id": 42000},
        {"image_id": 42, "question": "How many  dogs?", "question_id": 42001},
        {"image_id": 7, "question": "Why?", "question_id": 7000},
    ],
}


def lay_out(folder: Path) -> Path:
    """Questions, one of the two pictures, and one recording by id."""
    (folder / "images").mkdir()
    (folder / "speech").mkdir()
    (folder / "images" / "COCO_val2014_000000000042.jpg").touch()
    (folder / "speech" / "42000.mp3").touch()
    path = folder / NAME
    path.write_text(json.dumps(QUESTIONS))
    return path


def read(path: Path, spoken: bool = False) -> list[Row | Note]:
    places = Places(path.parent / "images", path.parent / "speech")
    return list(read_vqa(path, places, spoken, Given()))


def rows(items: list[Row | Note]) -> list[Row]:
    return [item for item in items if isinstance(item, Row)]


def test_typed_questions_about_numbered_pictures(tmp_path: Path) -> None:
    path = lay_out(tmp_path)
    assert is_vqa(path)
    items = read(path)
    first, second, third = rows(items)
    assert (first.id, first.words, Path(first.picture).name) == (
        "42000",
        "What color is it?",
        "COCO_val2014_000000000042.jpg",
    )
    assert second.picture == first.picture
    assert third.fault is not None and [n.what for n in items if isinstance(n, Note)] == ["7000"]


def test_spoken_questions_by_id_and_by_their_words(tmp_path: Path) -> None:
    path = lay_out(tmp_path)
    (tmp_path / "speech" / "complementary_0000010.mp3").touch()
    (tmp_path / "speech" / MAPPER).write_bytes(pickle.dumps({"how many dogs": ["complementary_0000010.mp3"]}))
    first, second, _ = rows(read(path, spoken=True))
    assert [Path(r.speech or "").name for r in (first, second)] == ["42000.mp3", "complementary_0000010.mp3"]
    assert (first.words, first.caption) == (None, "What color is it?")


def test_a_question_without_its_recording_is_told_and_not_asked_in_words(tmp_path: Path) -> None:
    items = read(lay_out(tmp_path), spoken=True)
    second = rows(items)[1]
    assert second.words is None and second.fault is not None and "no recording" in second.fault
    assert [n.what for n in items if isinstance(n, Note)] == ["42001", "7000"]


def test_answers_from_the_file_beside(tmp_path: Path) -> None:
    path = lay_out(tmp_path)
    annotation = {
        "question_id": 42000,
        "question_type": "what color",
        "answer_type": "other",
        "answers": [{"answer": "red", "answer_id": n} for n in range(1, 11)],
    }
    beside = tmp_path / "v2_mscoco_val2014_annotations.json"
    beside.write_text(json.dumps({"info": {}, "annotations": [annotation, 3, {"question_id": None}]}))
    first, second, _ = rows(read(path))
    assert first.answers == ("red",) * 10 and (first.question_type, first.answer_type) == ("what color", "other")
    assert second.answers == ()


def test_two_pictures_of_one_number(tmp_path: Path) -> None:
    path = lay_out(tmp_path)
    (tmp_path / "images" / "COCO_train2014_000000000042.jpg").touch()
    assert [n.why for n in read(path) if isinstance(n, Note)] == ["doubled", "unreadable"]


@pytest.mark.parametrize("question", [3, None, [], {}, {"image_id": "x"}, {"image_id": 42}, {"image_id": 1e300}])
def test_broken_questions_are_rows_with_a_fault(tmp_path: Path, question: Any) -> None:
    path = lay_out(tmp_path)
    path.write_text(json.dumps({"questions": [question, QUESTIONS["questions"][0]]}))  # type: ignore[index]
    broken, good = rows(read(path))
    assert broken.fault is not None and good.fault is None


@pytest.mark.parametrize("content", ["[]", "{}", '{"questions": []}', "x", '[{"questions": 1}]'])
def test_other_json_is_not_taken_for_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.json").write_text(content)
    assert not is_vqa(tmp_path / "list.json")
    assert not is_vqa(tmp_path / "list.csv")


def test_cleaned_questions() -> None:
    assert clean("  How many dogs,  or 2 cats?") == "how many dogs or cats"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_maps_of_texts_are_read(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / MAPPER
    content = {"what is it": "a.mp3", "how many": ["b.mp3", "c.mp3"], "x": 3, 4: "y"}
    path.write_bytes(pickle.dumps(content, protocol))
    assert read_mapper(path) == {"what is it": ["a.mp3"], "how many": ["b.mp3", "c.mp3"]}


class _Payload:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_planted_payload_does_not_run(tmp_path: Path, protocol: int) -> None:
    path, planted = tmp_path / MAPPER, tmp_path / "planted"
    path.write_bytes(pickle.dumps({"what is it": ["a.mp3", _Payload(planted)]}, protocol))
    with pytest.raises(ManifestError, match="more than texts"):
        read_mapper(path)
    assert not planted.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        b"\x80\x04]\x94.",  # a list
        b"\x80\x02X\x01\x00\x00\x00ar\xff\xff\xff\x7f.",  # a memo of two thousand million places
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",  # a text of 9 exabytes
        b"Pid\n.",  # an object of another's choice
        pickle.dumps({"a": {1, 2}}),
        pickle.dumps({"a": b"bytes"}),
        pickle.dumps({"a": Path("x")}),
    ],
)
def test_what_is_no_map_of_texts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / MAPPER
    path.write_bytes(content)
    with pytest.raises(ManifestError):
        read_mapper(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_broken_maps_are_maps_or_one_plain_error(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(pickle.dumps({"what is it": "a.mp3", "how many": ["b.mp3", "c.mp3"]}))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / MAPPER
    path.write_bytes(content)
    try:
        found = read_mapper(path)
    except ManifestError:
        return
    assert all(isinstance(name, str) for names in found.values() for name in names)
    assert "GLOBAL" not in {step.name for step, _, _ in pickletools.genops(bytes(content))}
