"""The tables: nothing lost, nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sviqa_app.batch import table
from sviqa_app.batch.journal import Line, Result
from sviqa_app.batch.report import formats_in
from sviqa_app.batch.rows import Row
from sviqa_app.batch.table import (
    COLUMNS,
    accuracies,
    cells,
    score,
    write_csv,
    write_jsonl,
    write_parquet,
    write_xlsx,
)
from sviqa_app.errors import OutputError

FORMULA = '=HYPERLINK("http://x","y")'
LINES = [
    Line(1, Row("a", "a.jpg", "a.wav"), Result(b"1", None, "Two.", "how many", 0.98765, 0.5, "f00.wav"), None),
    Line(2, Row(FORMULA, "@b.jpg", words="+1"), Result(b"2", "+1", "-1 dog", None, 0.5, 0.25), b"x"),
    Line(3, Row("c", "c.jpg", words="ä\n\x01"), Result(b"3", error="It is damaged."), None),
    Line(4, Row("d", "d.jpg", caption="what", answers=("two", "a pair")), None, None),
]


def test_a_line_in_cells() -> None:
    first = cells(LINES[0])
    assert list(first) == list(COLUMNS)
    assert (first["heard"], first["answer"], first["confidence"], first["sound"]) == (
        "how many",
        "Two.",
        0.9877,
        "sounds/f00.wav",
    )
    assert cells(LINES[2])["error"] == "It is damaged." and cells(LINES[2])["answer"] is None
    assert cells(LINES[3])["error"] == "Not asked yet." and cells(LINES[3])["question"] == "what"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " ="])
def test_formulas_are_defused_in_csv(tmp_path: Path, start: str) -> None:
    line = Line(1, Row(f"{start}1+1", "a.jpg"), Result(b"1", answer=f"{start}cmd"), None)
    write_csv(tmp_path / "t.csv", [line])
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["id"] == f"'{start}1+1" and row["answer"] == f"'{start}cmd"


def test_csv_holds_every_row(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", LINES)
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[2]["question"] == "ä\n\x01" and rows[0]["confidence"] == "0.9877"


def test_json_lines_hold_everything_as_it_is(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "t.jsonl", LINES)
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text(encoding="utf-8").split("\n") if line]
    assert rows[1]["id"] == FORMULA and rows[3]["truth"] == ["two", "a pair"] and rows[3]["answer"] is None


def test_excel_holds_texts_and_never_formulas_or_links(tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "t.xlsx"
    write_xlsx(path, LINES)
    with zipfile.ZipFile(path) as book:
        names = book.namelist()
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    kinds = {element.tag.rpartition("}")[2] for element in sheet.iter()}
    assert "f" not in kinds and "hyperlink" not in kinds and not [n for n in names if "_rels/sheet" in n]
    texts = ["".join(cell.itertext()) for cell in sheet.iter() if cell.tag.endswith("}c")]
    assert FORMULA in texts and "-1 dog" in texts


def test_excel_begins_another_sheet_where_one_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xlsxwriter")
    monkeypatch.setattr(table, "_ROWS_OF_A_SHEET", 2)
    for count, sheets in ((0, 1), (2, 1), (3, 2), (4, 2)):
        write_xlsx(tmp_path / "t.xlsx", LINES[:count])
        with zipfile.ZipFile(tmp_path / "t.xlsx") as book:
            found = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
        assert len(found) == sheets


def test_parquet_holds_columns_with_their_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(table, "_AT_ONCE", 2)
    write_parquet(tmp_path / "t.parquet", LINES)
    rows = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert rows == [cells(line) for line in LINES]


def test_what_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(OutputError, match=r"sviqa\[tables\]"):
        formats_in("csv,xlsx")


def test_formats() -> None:
    assert formats_in(" CSV,html,csv ") == ("csv", "html")
    for wrong in ("", ",", "csv,doc"):
        with pytest.raises(OutputError):
            formats_in(wrong)


@pytest.mark.parametrize(
    ("truths", "answer", "accuracy"),
    [
        (("yes",) * 10, "Yes.", 1.0),
        (("yes",) * 3 + ("no",) * 7, "Yes.", 0.9),
        (("red", "crimson"), "Crimson.", 1.0),
        (("red",), "Blue.", 0.0),
        ((), "Blue.", None),
    ],
)
def test_accuracy(truths: tuple[str, ...], answer: str, accuracy: float | None) -> None:
    line = Line(1, Row("a", "a.jpg", answers=truths), Result(b"1", answer=answer), None)
    assert score(line) == (accuracy if accuracy is None else pytest.approx(accuracy))


def test_an_error_is_no_right_answer_and_what_was_not_asked_is_none() -> None:
    row = Row("a", "a.jpg", answers=("yes",), question_type="is it", answer_type="yes/no")
    lines = [Line(1, row, Result(b"1", error="x"), None), Line(2, row, Result(b"2", answer="Yes."), None)]
    assert accuracies([*lines, Line(3, row, None, None)]) == {"all": (50.0, 2), "yes/no": (50.0, 2), "is it": (50.0, 2)}
