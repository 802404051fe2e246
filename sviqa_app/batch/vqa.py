"""The question files of VQA v1 and v2, with spoken questions as SBVQA 1.0 and 2.0 lay them out.

Pictures are found by the number that their name ends in (COCO_val2014_000000262148.jpg), recordings by the question's
id (262148000.mp3), else by the map from cleaned questions to files that SBVQA 2.0 keeps in a pickle. Answers come from
the annotations file beside the questions, where there is one.
"""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from .manifests import Places, answers_in, checked
from .rows import PICTURES, RECORDINGS, Given, Item, Note, Row, below, names_in
from .streams import ManifestError, json_array, open_text

MAPPER = "mp3_files_by_question.pkl"
MAX_MAPPER = 500_000_000
_LAST_NUMBER = re.compile(r"(\d+)\.[^.]+$")
_LETTERS = re.compile(r"[^a-z ]+")
# What a pickle of dictionaries, lists, texts and numbers is made of. Nothing here names code.
_OPCODES = frozenset(
    re.findall(
        r"\w+",
        """PROTO FRAME STOP MARK EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST APPEND APPENDS UNICODE BINUNICODE
        SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING SHORT_BINSTRING INT BININT BININT1 BININT2 LONG1 NONE NEWTRUE
        NEWFALSE PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET""",
    )
)


def is_vqa(path: Path) -> bool:
    """Whether a JSON file has questions as VQA writes them."""
    if path.suffix.lower() != ".json":
        return False
    try:
        with open_text(path) as file:
            is_object = file.read(64).lstrip().startswith("{")
        with closing(json_array(path, "questions")) as questions:
            return is_object and next(questions, None) is not None
    except (ManifestError, UnicodeError):
        return False


def read_vqa(path: Path, places: Places, spoken: bool, given: Given) -> Iterator[Item]:
    """A row for each question, typed or, where `spoken`, with its recording. Raises ManifestError."""
    pictures, notes = _numbered_pictures(places.images)
    yield from notes
    recordings = Recordings(places.speech) if spoken else None
    with closing(Truths(annotations_beside(path))) as truths:
        for number, question in json_array(path, "questions"):
            row = _row(f"question {number}", question, places, pictures, given)
            if row.fault is None and recordings is not None:
                row = recordings.spoken(row)
            if row.fault is not None:
                yield Note("picture without a question" if row.picture else "unreadable", row.id, row.fault)
            yield truths.added(row)


def annotations_beside(path: Path) -> Path | None:
    """v2_mscoco_val2014_annotations.json beside v2_OpenEnded_mscoco_val2014_questions.json, where it is."""
    name = path.name.replace("OpenEnded_", "").replace("MultipleChoice_", "").replace("questions", "annotations")
    beside = path.with_name(name)
    return beside if name != path.name and beside.is_file() else None


def clean(question: str) -> str:
    """A question as SBVQA 2.0's map has it: lower case, letters and single spaces only."""
    return " ".join(_LETTERS.sub("", question.lower()).split())


def read_mapper(path: Path) -> dict[str, list[str]]:
    """The map of SBVQA 2.0, cleaned question → names of files, out of a pickle that can hold no code.

    Every step of the pickle is looked at before any is taken. Raises ManifestError where one is not of a dictionary
    of texts, or the file is broken.
    """
    try:
        if path.stat().st_size > MAX_MAPPER:
            raise ManifestError(f"{path} is too large to be a map of questions.")
        data = path.read_bytes()
        for step, argument, _ in pickletools.genops(data):
            if step.name not in _OPCODES or (step.name.endswith("PUT") and int(str(argument)) > len(data)):
                raise ManifestError(f"{path} holds more than texts ({step.name.lower()}), so it is not opened.")
        content = _Texts(io.BytesIO(data), encoding="utf-8").load()
    except ManifestError:
        raise
    except Exception as error:  # a broken pickle raises almost anything
        raise ManifestError(f"The map of questions {path} cannot be read.", "Get it again.") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path} is no map of questions.")
    return {clean(key): files for key, value in content.items() if isinstance(key, str) and (files := _names(value))}


class _Texts(pickle.Unpickler):
    """A reader that knows no classes."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuses."""
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuses."""
        raise pickle.UnpicklingError(str(pid))


class Recordings:
    """The recordings of a folder, by question."""

    def __init__(self, folder: Path) -> None:
        """Raises ManifestError where its map cannot be read."""
        self._folder = folder
        names = (Path(name) for name in sorted(names_in(str(folder))))
        self._by_stem = {name.stem: name.name for name in names if name.suffix.lower() in RECORDINGS}
        mapper = folder / MAPPER
        self._by_words: Mapping[str, list[str]] = read_mapper(mapper) if mapper.is_file() else {}

    def spoken(self, row: Row) -> Row:
        """The row asked by its recording in place of its words, or with its fault."""
        name = self._by_stem.get(row.id) or self._mapped(row.words or "")
        if name is None:
            fault = f"There is no recording of this question in {self._folder}."
            return row._replace(words=None, caption=row.words, fault=fault)
        return row._replace(speech=below(self._folder, name), words=None, caption=row.words)

    def _mapped(self, words: str) -> str | None:
        stems = (Path(name).stem for name in self._by_words.get(clean(words), ()))
        return next((self._by_stem[stem] for stem in stems if stem in self._by_stem), None)


class Truths:
    """The answers of an annotations file, by question, kept on disk while they are needed."""

    def __init__(self, path: Path | None) -> None:
        """Raises ManifestError where the file is broken."""
        self._database = sqlite3.connect("", isolation_level=None)  # a file that goes with the connection
        self._database.execute("CREATE TABLE truth (id TEXT PRIMARY KEY, answers TEXT, question TEXT, answer TEXT)")
        if path is not None:
            self._database.execute("BEGIN")
            truths = (_truth(annotation) for _, annotation in json_array(path, "annotations"))
            self._database.executemany("INSERT OR REPLACE INTO truth VALUES (?, ?, ?, ?)", filter(None, truths))
            self._database.execute("COMMIT")

    def added(self, row: Row) -> Row:
        """The row with its answers."""
        found = self._database.execute("SELECT answers, question, answer FROM truth WHERE id = ?", (row.id,)).fetchone()
        if found is None:
            return row
        answers, question_type, answer_type = found
        return row._replace(answers=tuple(json.loads(answers)), question_type=question_type, answer_type=answer_type)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _truth(annotation: Any) -> tuple[str, str, str, str] | None:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("question_id"), int | str):
        return None
    answers = json.dumps(answers_in(annotation.get("answers")))
    question, answer = (annotation.get(name) for name in ("question_type", "answer_type"))
    types = question if isinstance(question, str) else "", answer if isinstance(answer, str) else ""
    return str(annotation["question_id"]), answers, *types


def _row(where: str, question: Any, places: Places, pictures: Mapping[int, str], given: Given) -> Row:
    if not isinstance(question, dict):
        return Row(where, "", fault="This question is no object.")
    words, id, image = (question.get(name) for name in ("question", "question_id", "image_id"))
    id = str(id) if isinstance(id, int | str) else where
    if not isinstance(words, str) or not words.strip():
        words = None
    try:
        name = pictures.get(int(image)) if isinstance(image, int | str) else None
    except ValueError:
        name = None
    if name is None:
        return Row(id if len(id) < 1000 else where, "", fault=f"There is no picture of it in {places.images}.")
    return checked(Row(id, below(places.images, name), words=words.strip() if words else None), given)


def _numbered_pictures(folder: Path) -> tuple[dict[int, str], list[Note]]:
    """The pictures of a folder by the number at their name's end, the first of several, and which are doubled."""
    found: dict[int, str] = {}
    notes: list[Note] = []
    for name in sorted(names_in(str(folder))):
        if Path(name).suffix.lower() in PICTURES and (number := _LAST_NUMBER.search(name)):
            first = found.setdefault(int(number[1][-18:]), name)
            if first != name:
                notes.append(Note("doubled", f"{first}, {name}", "the first is asked about"))
    return found, notes


def _names(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [name for name in values if isinstance(name, str)]
