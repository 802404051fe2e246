"""What is left of a batch: tables, and a page to look at."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from ..errors import OutputError
from ..files import replacing
from .journal import Journal
from .page import ROWS, write_page
from .rows import counted
from .table import Writer, accuracies, library, write_csv, write_jsonl, write_parquet, write_xlsx

TABLES: Mapping[str, Writer] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "xlsx": write_xlsx,
    "parquet": write_parquet,
}
PAGE = "html"
FORMATS = (*TABLES, PAGE)
NOTES = "notes.csv"
_NEEDED = {"xlsx": "xlsxwriter", "parquet": "pyarrow"}


def formats_in(written: str) -> tuple[str, ...]:
    """ "csv,html" → (csv, html), each once. Raises OutputError on others, and where a library they need is missing."""
    formats = tuple(dict.fromkeys(name.strip().lower() for name in written.split(",") if name.strip()))
    for name in formats:
        if name not in FORMATS:
            raise OutputError(f"There is no table format {name}.", f"Give some of {', '.join(FORMATS)}.")
        if name in _NEEDED:
            library(_NEEDED[name])
    if not formats:
        raise OutputError("No table format was given.", f"Give some of {', '.join(FORMATS)}.")
    return formats


def write_report(journal: Journal, out: Path, formats: tuple[str, ...], model: str, sounds: Path) -> list[Path]:
    """Write the tables and the page of a batch, each whole or not at all, and give their paths. Raises OutputError."""
    written = []
    for name in formats:
        path = out / ("report.html" if name == PAGE else f"table.{name}")
        if name == PAGE:
            write_page(path, journal.lines(), "Questions and answers", summary(journal, model), sounds)
        else:
            TABLES[name](path, journal.lines())
        written.append(path)
    return written


def write_notes(journal: Journal, out: Path) -> Path:
    """The list of all that did not pair, is doubled or cannot be read. Raises OutputError."""
    path = out / NOTES
    with replacing(path) as temp, temp.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("why", "what", "detail"))
        writer.writerows((note.why, note.what, note.detail) for note in journal.notes())
    return path


def summary(journal: Journal, model: str) -> list[str]:
    """What the whole came to, in a few lines."""
    rows, counts = journal.count(), journal.tally()
    parts = [f"{counts[state]:,} {state}" for state in ("answered", "failed", "new") if counts[state]]
    told = [f"{counted(rows, 'row')}: {', '.join(parts)}. Model: {model}.".replace(" new", " not asked yet")]
    if rows > ROWS:
        told.append(f"This page shows the first {ROWS:,} rows; the tables beside it have all.")
    told += [
        f"VQA accuracy: {percent:.2f} % of {counted(count, 'row')}"
        + ("." if group == "all" else f" of type “{group}”.")
        for group, (percent, count) in accuracies(journal.lines()).items()
    ]
    return told
