"""The database of the history: its tables, how older ones are brought up to date, and its failures in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError
from ..files import unwritable
from ..safekeeping import private_file, set_aside

# How long one window waits for another that is writing.
BUSY_SECONDS = 10.0

# Step n brings a database from version n to n + 1. What has been released is never changed, only added to.
_STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE conversation (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            began REAL NOT NULL,  -- seconds since 1970, UTC
            source TEXT NOT NULL,
            picture TEXT  -- files are named from the folder of the database on
        )""",
        """
        CREATE TABLE turn (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
            asked REAL NOT NULL,
            state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed', 'cancelled')),
            asker TEXT NOT NULL,  -- the token of the window that waits for the answer
            speech TEXT,
            typed TEXT,
            heard TEXT,
            answer TEXT,
            sound TEXT,
            seconds TEXT NOT NULL DEFAULT '{}',
            why TEXT
        )""",
        "CREATE INDEX turn_of_conversation ON turn (conversation)",
        "CREATE INDEX turn_pending ON turn (state) WHERE state = 'pending'",
        """
        CREATE VIRTUAL TABLE words USING fts5 (
            typed, heard, answer, content = 'turn', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
        )""",
        """
        CREATE TRIGGER turn_added AFTER INSERT ON turn BEGIN
            INSERT INTO words (rowid, typed, heard, answer) VALUES (new.id, new.typed, new.heard, new.answer);
        END""",
        """
        CREATE TRIGGER turn_removed AFTER DELETE ON turn BEGIN
            INSERT INTO words (words, rowid, typed, heard, answer)
            VALUES ('delete', old.id, old.typed, old.heard, old.answer);
        END""",
        """
        CREATE TRIGGER turn_changed AFTER UPDATE OF typed, heard, answer ON turn BEGIN
            INSERT INTO words (words, rowid, typed, heard, answer)
            VALUES ('delete', old.id, old.typed, old.heard, old.answer);
            INSERT INTO words (rowid, typed, heard, answer) VALUES (new.id, new.typed, new.heard, new.answer);
        END""",
    ),
)
VERSION = len(_STEPS)


def open_database(path: Path | None) -> tuple[sqlite3.Connection, str]:
    """The database at `path`, in memory without one, and a plain warning or "".

    One that is damaged is set aside as NAME.broken, with its journal, and a new one begun. Transactions are
    begun and ended by hand. Raises OutputError, OSError, sqlite3.Error.
    """
    if path is None:
        return _connect(":memory:"), ""
    try:
        return _connect(path), ""
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
    aside = _put_away(path)
    return _connect(path), f"The history was damaged, so a new one was begun. The damaged one is kept as {aside}."


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Says what SQLite or the disk complains of in plain words: raises OutputError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _plain(path, error) from error
    except OSError as error:
        raise unwritable(path, error) from error


def _connect(path: Path | str) -> sqlite3.Connection:
    """An open database of the newest version, found to be whole."""
    if isinstance(path, Path):
        private_file(path)
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA journal_mode = WAL")
        # A question that was asked survives even a power cut.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA secure_delete = ON")
        _check(database)
        _bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where the file is damaged."""
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    """Takes the steps that are missing, all or none; of two windows, the second finds them taken."""
    database.execute("BEGIN IMMEDIATE")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise OutputError("The history was written by a newer version of the app.", "Update the app.")
    for step in _STEPS[version:]:
        for statement in step:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def _put_away(path: Path) -> Path:
    """Sets the database aside with the journal that belongs to it."""
    aside = set_aside(path)
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    journal = path.with_name(f"{path.name}-wal")
    if journal.exists():
        journal.rename(aside.with_name(f"{aside.name}-wal"))
    return aside


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 where the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _plain(path: Path, error: sqlite3.Error) -> OutputError:
    """The plain sentence for what SQLite says."""
    if _is_damage(error):
        return OutputError(f"The history {path} is damaged.", "Start the app again: it sets it aside.")
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return OutputError(f"The disk is full: {path} was not written.", "Free some space and try again.")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return OutputError("The history is in use by another window.", "Try again in a moment.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return OutputError(f"The history {path} cannot be opened.", "Check that you may write there.")
    return OutputError(f"The history {path} cannot be used ({error}).", "Start the app again.")
