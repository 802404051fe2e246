"""The list that an alignment learns from: recordings, the answers to them, and the pictures they are about.

A CSV, JSON lines or a JSON array, whose columns have the names that batch knows (batch/manifests.py). Files are named
from the list's own folder on. A row without a picture is speech alone; its answer may be what is said. The words of a
question may be there as well, and are not read: what the model can read it need not learn to hear.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..batch.manifests import NAMES, answers_in, columns
from ..batch.rows import below, is_text, is_there
from ..batch.streams import csv_rows, json_array, json_lines
from ..errors import TrainingError

_TABLES, _LINES, _ARRAYS = (".csv", ".tsv", ".txt"), (".jsonl", ".ndjson"), (".json",)
_IN_FOLDERS = (".csv", ".tsv", *_LINES, *_ARRAYS)
_COLUMNS = "Give a CSV or JSONL with the columns image, speech and answer."
_MISSING = {"speech": "recordings", "answers": "answers"}


class SpokenRow(NamedTuple):
    """One thing to learn: the paths of a recording and of the picture it is about, "" for none, and the answer."""

    where: str
    speech: str
    picture: str
    answer: str


def read_spoken_rows(data: Path) -> tuple[list[SpokenRow], list[str]]:
    """The rows of a list, or of the only list in a folder, and a line for each that cannot be learned from.

    Recordings and pictures are not opened yet. Raises TrainingError where there is none to learn from, ManifestError
    where the list cannot be read.
    """
    path = _find_list(data)
    rows: list[SpokenRow] = []
    faults: list[str] = []
    for number, line in _lines(path):
        row = _row(f"line {number}", line, path.parent)
        if isinstance(row, SpokenRow):
            rows.append(row)
        else:
            faults.append(f"line {number}: {row}")
    if not rows:
        first = f" ({faults[0].rstrip('.')})" if faults else ""
        raise TrainingError(f"{path} has no row to learn from{first}.", _COLUMNS)
    return rows, faults


def _find_list(data: Path) -> Path:
    if not data.exists():
        raise TrainingError(f"There is nothing at {data}.", _COLUMNS)
    if not data.is_dir():
        return data
    lists = sorted(path for path in data.iterdir() if path.suffix.lower() in _IN_FOLDERS)
    if len(lists) != 1:
        raise TrainingError(f"The folder {data} holds {len(lists)} lists.", f"{_COLUMNS} Or name one of them.")
    return lists[0]


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Number and content of each line; a ValueError where it is broken."""
    suffix = path.suffix.lower()
    if suffix in _LINES:
        return json_lines(path)
    if suffix in _ARRAYS:
        return json_array(path, "rows")
    if suffix in _TABLES:
        return _table(path)
    raise TrainingError(f"{path.name} is no list of a known kind.", _COLUMNS)


def _table(path: Path) -> Iterator[tuple[int, Any]]:
    """Each line of a CSV as an object."""
    lines = csv_rows(path)
    _, head = next(lines, (0, []))
    head = head if isinstance(head, list) else []
    for what, plural in _MISSING.items():
        if what not in columns(head):
            raise TrainingError(
                f"The list {path} has no column of {plural}.", f"Name one of its columns: {', '.join(NAMES[what])}."
            )
    for number, cells in lines:
        yield number, dict(zip(head, cells, strict=False)) if isinstance(cells, list) else cells


def _row(where: str, line: Any, folder: Path) -> SpokenRow | str:
    """A row, or why it is none. Of several answers the most frequent is learned."""
    if not isinstance(line, dict):
        return "it cannot be read."
    cells = {what: line[name] for what, name in columns(n for n in line if isinstance(n, str)).items()}
    speech, picture = (cell.strip() if isinstance(cell := cells.get(w), str) else "" for w in ("speech", "image"))
    answers = answers_in(cells.get("answers"))
    if not speech:
        return "it names no recording."
    if not answers:
        return "it has no answer."
    if not all(map(is_text, (speech, picture, *answers))):
        return "it holds letters that are no text."
    speech, picture = below(folder, speech), below(folder, picture) if picture else ""
    for path in filter(None, (speech, picture)):
        if not is_there(path):
            return f"there is no file {path}."
    return SpokenRow(where, speech, picture, max(answers, key=answers.count))
