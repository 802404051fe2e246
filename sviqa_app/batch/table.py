"""The table of a batch: its columns, and files of them in CSV, JSON lines, Excel and Parquet."""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..evaluation.vqa_accuracy import accepted, accuracy, people
from ..files import replacing
from .journal import Line, Result

OFFICIAL = 10
"""So many answers are those of people, to be compared by the official rule; fewer are all the right ones."""

NOT_ASKED = "Not asked yet."
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_ROWS_OF_A_SHEET = 1_048_575
_AT_ONCE = 5000

Cell = str | int | float | None
Writer = Callable[[Path, Iterable[Line]], None]

COLUMNS: Mapping[str, type] = {
    "number": int,
    "id": str,
    "picture": str,
    "speech": str,
    "question": str,
    "heard": str,
    "answer": str,
    "confidence": float,
    "seconds": float,
    "sound": str,
    "error": str,
    "truth": str,
    "accuracy": float,
    "question_type": str,
    "answer_type": str,
}


def cells(line: Line) -> dict[str, Cell]:
    """A line of the table, by column. `question` holds typed words, or what a spoken one is known to say."""
    row, result = line.row, line.result or Result(b"", error=NOT_ASKED)
    return {
        "number": line.number,
        "id": row.id,
        "picture": row.picture,
        "speech": row.speech,
        "question": row.words or result.asked or row.caption,
        "heard": result.heard,
        "answer": result.answer,
        "confidence": _rounded(result.confidence),
        "seconds": result.seconds,
        "sound": f"sounds/{result.sound}" if result.sound else None,
        "error": result.error,
        "truth": " | ".join(row.answers) or None,
        "accuracy": _rounded(score(line)),
        "question_type": row.question_type or None,
        "answer_type": row.answer_type or None,
    }


def score(line: Line) -> float | None:
    """The VQA accuracy of an answer, 0 to 1, where its truth is known; 0 where there is none for an error.

    Ours is a sentence, the annotators' are not: its capital and full stop are taken off before the official rule.
    """
    truths, result = line.row.answers, line.result
    if not truths or result is None:
        return None
    if result.answer is None:
        return 0.0
    if len(truths) < OFFICIAL:
        return accepted(result.answer, truths)
    return accuracy(result.answer.rstrip().removesuffix(".").lower(), people(truths))


def write_csv(path: Path, lines: Iterable[Line]) -> None:
    """UTF-8 as Excel knows it too. What a spreadsheet would take for a formula gets an apostrophe in front."""
    with replacing(path) as temp, temp.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([_defused(cell) for cell in cells(line).values()] for line in lines)


def write_jsonl(path: Path, lines: Iterable[Line]) -> None:
    """An object a line, as it is."""
    with replacing(path) as temp, temp.open("w", encoding="utf-8") as file:
        for line in lines:
            answers = {"truth": list(line.row.answers)} if line.row.answers else {}
            file.write(json.dumps(cells(line) | answers, ensure_ascii=False) + "\n")


def write_xlsx(path: Path, lines: Iterable[Line]) -> None:
    """Texts as texts, never as formulas or links; a new sheet where one is full. Raises OutputError."""
    xlsxwriter = library("xlsxwriter")
    plain = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    rows = iter(lines)
    with replacing(path) as temp, temp.open("wb") as file, xlsxwriter.Workbook(file, plain) as book:
        bold = book.add_format({"bold": True})
        sheet = 0
        while some := islice(rows, _ROWS_OF_A_SHEET):
            first = next(some, None)
            if first is None and sheet:
                return
            sheet += 1
            page = book.add_worksheet()
            page.freeze_panes(1, 0)
            page.write_row(0, 0, COLUMNS, bold)
            if first is not None:
                page.write_row(1, 0, map(_fitting, cells(first).values()))
            for number, line in enumerate(some, 2):
                page.write_row(number, 0, map(_fitting, cells(line).values()))


def write_parquet(path: Path, lines: Iterable[Line]) -> None:
    """Columns with their types, texts as they are. Raises OutputError."""
    arrow, parquet = library("pyarrow"), library("pyarrow.parquet")
    types = {int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
    schema = arrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    rows = (cells(line) for line in lines)
    with replacing(path) as temp, parquet.ParquetWriter(temp, schema) as writer:
        while some := list(islice(rows, _AT_ONCE)):
            writer.write_table(arrow.Table.from_pylist(some, schema=schema))


def library(name: str) -> Any:
    """A module that not everybody has. Raises OutputError that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        what = f"This table needs {name.partition('.')[0]}, which is not installed here."
        raise OutputError(what, "Get it with: pip install 'sviqa[tables]'") from error


def accuracies(lines: Iterable[Line]) -> dict[str, tuple[float, int]]:
    """The mean accuracy in percent and of how many rows: of "all", then of each type of answer and of question."""
    sums: dict[str, tuple[float, int]] = {}
    for line in lines:
        share = score(line)
        if share is not None:
            for group in filter(None, ("all", line.row.answer_type, line.row.question_type)):
                total, count = sums.get(group, (0.0, 0))
                sums[group] = total + share, count + 1
    return {group: (round(100 * total / count, 2), count) for group, (total, count) in sums.items()}


def _defused(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULAS) else cell


def _fitting(cell: Cell) -> Cell:
    """No longer than Excel's cells."""
    return cell[:32_767] if isinstance(cell, str) else cell


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
