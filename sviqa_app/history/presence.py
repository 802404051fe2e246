"""Whether the window that began something still runs, so that what a crash left over is told from work under way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from ..safekeeping import private_file, private_folder

# The folder of the marks, in the folder of the history.
MARKS = "open"


class Presence:
    """A mark in a history's `folder` that lasts as long as this process: its `token` names what belongs to it.

    The mark is an empty database under SQLite's exclusive lock, which works on every system and ends with the
    process however it ends. Process numbers would not do: in a sandbox every run has the same one.
    """

    def __init__(self, folder: Path) -> None:
        self.token = uuid4().hex[:12]
        self._marks = folder / MARKS
        private_folder(self._marks)
        mark = self._marks / self.token
        private_file(mark)
        self._lock = sqlite3.connect(mark, isolation_level=None, check_same_thread=False)
        _take(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lock.close()
        (self._marks / self.token).unlink(missing_ok=True)

    def lasts(self, token: str) -> bool:
        """Whether the window with that token still runs, in this process or another."""
        return is_present(self._marks / token)


def is_present(mark: Path) -> bool:
    """Whether the process that made this mark still runs. A mark left over is removed."""
    if not mark.is_file():
        return False
    try:
        with closing(sqlite3.connect(mark, timeout=0, isolation_level=None)) as lock:
            _take(lock)
    except sqlite3.OperationalError:
        return True
    mark.unlink(missing_ok=True)
    return False


def _take(lock: sqlite3.Connection) -> None:
    """Locks it, without a journal beside it. Raises sqlite3.OperationalError where another process has."""
    lock.execute("PRAGMA journal_mode = MEMORY")
    lock.execute("BEGIN EXCLUSIVE")
