"""The record of a batch: what is planned and what came of it, in one SQLite file that survives being killed.

The plan is made anew at each start. The results are only ever added to; each belongs to a key, made of what the
picture, the question, the model and the settings hold, so that it is found again wherever the row stands then.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from ..errors import OutputError
from .rows import Item, Note, Preview, Row

FILE = "batch.sqlite"
VERSION = 1
_AT_ONCE = 1000
_TABLES = """
    CREATE TABLE IF NOT EXISTS row (
        number INTEGER PRIMARY KEY, id TEXT, picture TEXT, speech TEXT, words TEXT, words_file TEXT, caption TEXT,
        answers TEXT, question_type TEXT, answer_type TEXT, fault TEXT,
        key BLOB  -- once the row's files were read
    );
    CREATE TABLE IF NOT EXISTS note (number INTEGER PRIMARY KEY, why TEXT, what TEXT, detail TEXT);
    CREATE TABLE IF NOT EXISTS result (
        number INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL, asked TEXT, answer TEXT, heard TEXT,
        confidence REAL, seconds REAL, sound TEXT, error TEXT
    );
    CREATE UNIQUE INDEX IF NOT EXISTS answered ON result (key) WHERE error IS NULL;
    CREATE INDEX IF NOT EXISTS result_of ON result (key);
    CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, hash BLOB) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS settings (
        hash BLOB  -- under these the rows' keys were made
    );
    CREATE TABLE IF NOT EXISTS thumbnail (key BLOB PRIMARY KEY, picture BLOB) WITHOUT ROWID;
"""

State = Literal["new", "answered", "failed"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of the plan, and its number, from 1 on."""

    number: int
    row: Row


@dataclass(frozen=True, slots=True)
class FileHash:
    """What a file holds, as long as its size and the time of its last change (ns) stay."""

    path: str
    size: int
    changed: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """What came of asking: an answer, or the error in its place. `asked` holds the words, where they were typed."""

    key: bytes
    asked: str | None = None
    answer: str | None = None
    heard: str | None = None
    confidence: float | None = None
    seconds: float | None = None
    sound: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A row with its result, if it has one by now, and the small picture that was kept of it."""

    number: int
    row: Row
    result: Result | None
    thumbnail: bytes | None


class Journal:
    """The record in a folder. Threads may share it; a second process may not."""

    def __init__(self, path: Path | None) -> None:
        """Open or begin; without a path, for this process alone, on disk and gone with it. Raises OutputError."""
        self._path = path or Path("the list of rows")
        self._lock = Lock()
        self._forgiven = 0
        with self._plainly():
            self._database = sqlite3.connect(path or "", timeout=0.5, isolation_level=None, check_same_thread=False)
            try:
                self._begin()
            except BaseException:
                self._database.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self._plainly():
            self._database.close()

    def plan(self, items: Iterable[Item]) -> Preview:
        """Put these rows and notes in the place of those before. Nothing is changed when it fails midway.

        A row that was there before keeps its key until its files are read again.
        """
        preview = Preview()
        with self._writing() as database:
            database.execute("CREATE TEMP TABLE before AS SELECT * FROM row WHERE key IS NOT NULL")
            database.execute("CREATE INDEX temp.before_of ON before (id, picture)")
            database.execute("DELETE FROM row")
            database.execute("DELETE FROM note")
            counted = iter(items)
            while some := list(islice(counted, _AT_ONCE)):
                for item in some:
                    preview.count(item)
                rows = (_columns(item) for item in some if isinstance(item, Row))
                notes = ((n.why, n.what, n.detail) for n in some if isinstance(n, Note))
                database.executemany(f"INSERT INTO row VALUES (NULL, {'?, ' * 10}NULL)", rows)
                database.executemany("INSERT INTO note VALUES (NULL, ?, ?, ?)", notes)
            database.execute(_KNOWN)
            database.execute("DROP TABLE before")
            (preview.pictures,) = database.execute("SELECT count(DISTINCT picture) FROM row").fetchone()
        return preview

    def rows(self) -> Iterator[Planned]:
        """The rows planned, in order; whoever reads slowly holds nothing up."""
        last = 0
        while True:
            some = self._all("SELECT * FROM row WHERE number > ? ORDER BY number LIMIT ?", last, _AT_ONCE)
            if not some:
                return
            yield from (Planned(row[0], _row(row[1:11])) for row in some)
            last = some[-1][0]

    def notes(self) -> Iterator[Note]:
        """All that was noted beside the rows."""
        last = 0
        while some := self._all("SELECT * FROM note WHERE number > ? ORDER BY number LIMIT ?", last, _AT_ONCE):
            yield from (Note(*note[1:]) for note in some)
            last = some[-1][0]

    def count(self) -> int:
        """How many rows are planned."""
        return int(self._all("SELECT count(*) FROM row")[0][0])

    def results(self) -> int:
        """How many results there are, of this plan or another."""
        return int(self._all("SELECT count(*) FROM result")[0][0])

    def asked(self) -> int:
        """How many different things have a result, of this plan or another."""
        return int(self._all("SELECT count(DISTINCT key) FROM result")[0][0])

    def under(self, settings: bytes) -> None:
        """From now on, keys are made under these settings; those made under others are no rows' keys any more."""
        with self._writing() as database:
            if database.execute("SELECT hash FROM settings").fetchall() != [(settings,)]:
                database.execute("UPDATE row SET key = NULL")
                database.execute("DELETE FROM settings")
                database.execute("INSERT INTO settings VALUES (?)", (settings,))

    def remembered(self, path: str, size: int, changed: int) -> bytes | None:
        """The hash of a file that was not changed since it was taken."""
        found = self._all("SELECT hash FROM file WHERE path = ? AND size = ? AND changed = ?", path, size, changed)
        return found[0][0] if found else None

    def forgive(self) -> None:
        """From now on, keys that failed so far count as new."""
        self._forgiven = int(self._all("SELECT ifnull(max(number), 0) FROM result")[0][0])

    def state(self, key: bytes) -> State:
        """What became of a key so far."""
        found = self._all("SELECT error, number FROM result WHERE key = ? ORDER BY number DESC LIMIT 1", key)
        if not found:
            return "new"
        error, number = found[0]
        if error is None:
            return "answered"
        return "new" if number <= self._forgiven else "failed"

    def write(
        self,
        keys: Iterable[tuple[int, bytes]],
        results: Iterable[Result],
        files: Iterable[FileHash],
        thumbnails: Iterable[tuple[bytes, bytes]],
    ) -> None:
        """Which rows have which keys, what came of some, and what else was learned: all of it or nothing, for good."""
        with self._writing() as database:
            database.executemany("UPDATE row SET key = ? WHERE number = ?", ((key, number) for number, key in keys))
            columns = "key, asked, answer, heard, confidence, seconds, sound, error"
            new = (astuple(result) for result in results)
            database.executemany(f"INSERT INTO result ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", new)
            database.executemany("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)", map(astuple, files))
            database.executemany("INSERT OR IGNORE INTO thumbnail VALUES (?, ?)", thumbnails)

    def tally(self) -> dict[State, int]:
        """How many of the rows planned stand how."""
        (rows, answered, failed) = self._all(_TALLY)[0]
        return {"answered": answered, "failed": failed, "new": rows - answered - failed}

    def lines(self) -> Iterator[Line]:
        """Every row planned, in order, with the latest result of its key."""
        last = 0
        while some := self._all(_LINES, last, _AT_ONCE):
            for line in some:
                result = Result(*line[11:19]) if line[11] is not None and line[19] is not None else None
                yield Line(line[0], _row(line[1:11]), result, line[20])
            last = some[-1][0]

    def _begin(self) -> None:
        execute = self._database.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")  # held from the first write until the process ends
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")  # a row that was told of survives even a power cut
        execute("BEGIN IMMEDIATE")
        (version,) = execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise OutputError(f"{self._path} was written by a newer version of the app.", "Update the app.")
        for statement in _TABLES.split(";\n"):
            execute(statement)
        execute(f"PRAGMA user_version = {VERSION}")
        execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock, self._plainly():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._plainly():
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Says what SQLite complains of in plain words: raises OutputError."""
        try:
            yield
        except sqlite3.Error as error:
            raise _plain(self._path, error) from error


_KNOWN = """
    UPDATE row SET key = before.key FROM before
    WHERE before.id = row.id AND before.picture = row.picture AND before.speech IS row.speech
        AND before.words IS row.words AND before.words_file IS row.words_file AND before.fault IS row.fault
"""

_LINES = """
    SELECT row.number, row.id, row.picture, row.speech, row.words, row.words_file, row.caption, row.answers,
        row.question_type, row.answer_type, row.fault,
        row.key, result.asked, result.answer, result.heard, result.confidence, result.seconds, result.sound,
        result.error, result.number, thumbnail.picture
    FROM row
    LEFT JOIN result ON result.number = (SELECT max(number) FROM result WHERE key = row.key)
    LEFT JOIN thumbnail ON thumbnail.key = row.key
    WHERE row.number > ? ORDER BY row.number LIMIT ?
"""


_TALLY = """
    SELECT count(*), count(result.number) - count(result.error), count(result.error) FROM row
    LEFT JOIN result ON result.number = (SELECT max(number) FROM result WHERE key = row.key)
"""


def _columns(row: Row) -> tuple[object, ...]:
    answers = json.dumps(row.answers, ensure_ascii=False) if row.answers else None
    texts = row.id, row.picture, row.speech, row.words, row.words_file, row.caption
    return *texts, answers, row.question_type, row.answer_type, row.fault


def _row(columns: Sequence[Any]) -> Row:
    fields = list(columns)
    fields[6] = tuple(json.loads(columns[6])) if columns[6] else ()
    return Row(*fields)


def _plain(path: Path, error: sqlite3.Error) -> OutputError:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return OutputError(f"The disk is full: {path} was not written.", "Free some space and resume.")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return OutputError(f"{path.parent} is in use by another batch.", "Wait for it, or choose another folder.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return OutputError(f"{path} is damaged.", "Move it away, or choose another folder.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return OutputError(f"{path} cannot be opened.", "Check that you may write there.")
    return OutputError(f"{path} cannot be used ({error}).", "Choose another folder.")
