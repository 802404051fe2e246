"""Lists that say what is asked of what: CSV, JSON lines and JSON arrays, with columns of many names.

| column | other names |
|---|---|
| image | picture, img, photo, file, filename, path, and each with _path, _file or _name |
| question | text, prompt, words, query |
| speech | audio, recording, sound, voice, wav, and each with _path or _file; question_audio, question_speech |
| answers | answer, label, truth, ground_truth, target, expected, reference |
| id | question_id, qid, key, name, number |

Capitals, spaces and hyphens do not matter. A line with words and a recording asks both. Several answers are a list in
JSON, or parted by | in CSV. Files are named from --images and --speech on, or from the list's own folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .rows import Given, Item, Note, Row, below, is_text, is_there
from .streams import ManifestError, csv_rows, json_array, json_lines

NAMES: Mapping[str, tuple[str, ...]] = {
    "image": ("image", "picture", "img", "photo", "filename", "file", "path"),
    "question": ("question", "text", "prompt", "words", "query"),
    "speech": ("speech", "audio", "recording", "sound", "voice", "wav", "question_audio", "question_speech"),
    "answers": ("answers", "answer", "label", "truth", "ground_truth", "target", "expected", "reference"),
    "id": ("id", "question_id", "qid", "key", "name", "number"),
    "question_type": ("question_type",),
    "answer_type": ("answer_type",),
}
_ENDINGS = ("", "_path", "_file", "_name")
MOST_ANSWERS = 100


@dataclass(frozen=True)
class Places:
    """From where the names in a list count: the folders of the pictures and of the recordings."""

    images: Path
    speech: Path


def read_manifest(path: Path, places: Places, given: Given) -> Iterator[Item]:
    """A row for each line of a list, also where the line is broken, which is then the row's fault.

    Raises ManifestError where the list cannot be read or has no column of pictures.
    """
    match path.suffix.lower():
        case ".csv" | ".tsv" | ".txt":
            lines = _table(path)
        case ".jsonl" | ".ndjson":
            lines = json_lines(path)
        case ".json":
            lines = json_array(path, "rows")
        case _:
            raise ManifestError(f"{path.name} is no list of a known kind.", "Give CSV, JSONL or a VQA questions file.")
    for number, line in lines:
        yield from _items(f"line {number}", line, places, given)


def columns(names: Iterable[str]) -> dict[str, str]:
    """Which of a list's names stands for what: what → name. The name that comes first in `NAMES` wins."""
    plain = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in reversed(list(names))}
    found: dict[str, str] = {}
    for what, known in NAMES.items():
        endings = _ENDINGS if what in ("image", "speech") else ("",)
        for name in (stem + ending for stem in known for ending in endings):
            if name in plain:
                found.setdefault(what, plain[name])
    return found


def _table(path: Path) -> Iterator[tuple[int, Any]]:
    """Each line of a CSV as an object."""
    lines = csv_rows(path)
    _, head = next(lines, (0, []))
    if not isinstance(head, list) or "image" not in columns(head):
        named = ", ".join(NAMES["image"])
        raise ManifestError(f"The list {path} has no column of pictures.", f"Name one of its columns: {named}.")
    for number, cells in lines:
        yield number, dict(zip(head, cells, strict=False)) if isinstance(cells, list) else cells


def _items(where: str, line: Any, places: Places, given: Given) -> Iterator[Item]:
    row = _row(where, line, places, given)
    if row.fault is not None:
        yield Note("unreadable", where, row.fault)
    else:
        yield from (Note("missing", where, path) for path in (row.picture, row.speech) if path and not is_there(path))
    yield row


def _row(where: str, line: Any, places: Places, given: Given) -> Row:
    if not isinstance(line, dict):
        reason = f"it is broken ({line})" if isinstance(line, ValueError) else "it is no object"
        return Row(where, "", fault=f"This line cannot be read: {reason}.")
    named = columns(name for name in line if isinstance(name, str))
    cells = {what: line[name] for what, name in named.items()}
    id, image, speech, words = (_text(cells.get(what)) for what in ("id", "image", "speech", "question"))
    row = Row(
        id=id or where,
        picture=below(places.images, image) if image else "",
        speech=below(places.speech, speech) if speech else None,
        words=words or None,
        answers=answers_in(cells.get("answers")),
        question_type=_text(cells.get("question_type")),
        answer_type=_text(cells.get("answer_type")),
    )
    return checked(row, given)


def checked(row: Row, given: Given) -> Row:
    """The row with the question that is given for those that have none, or with its fault."""
    if row.speech is None and row.words is None:
        row = row._replace(speech=given.speech, words=given.words)
    if not row.picture:
        return row._replace(fault="This line names no picture.")
    if row.speech is None and row.words is None:
        return row._replace(fault="This line asks nothing.")
    if not all(map(is_text, (row.id, row.picture, row.speech or "", row.words or "", *row.answers))):
        return Row("?", "", fault="This line holds letters that are no text.")
    if "\0" in row.picture + (row.speech or ""):
        return Row(row.id, "", fault="This line names a file that cannot be.")
    return row


def answers_in(cell: Any) -> tuple[str, ...]:
    """The answers in a cell: a list of texts or of {"answer": text}, such a list as JSON, or texts parted by |."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            cell = json.loads(cell)
    if isinstance(cell, str):
        cell = cell.split("|")
    if not isinstance(cell, Sequence):
        cell = [cell]
    texts = (_text(one.get("answer") if isinstance(one, dict) else one) for one in cell[:MOST_ANSWERS])
    return tuple(text for text in texts if text)


def _text(cell: Any) -> str:
    """A cell as text, "" where there is none."""
    if isinstance(cell, str):
        return cell.strip()
    return str(cell) if isinstance(cell, int | float) else ""
