"""What a person keeps on this machine: for nobody else to read, and set aside, not thrown away, when it is broken.

All functions raise OSError; who calls them says what it means.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from .files import replacing

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def private_folder(path: Path) -> None:
    """Makes the folder and those above it; nobody else may look into it."""
    path.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    path.chmod(FOLDER_MODE)


def private_file(path: Path) -> None:
    """Makes an empty file that nobody else may read; takes others' rights to one that is there.

    That one is not opened: closing it again would drop the locks that SQLite holds on it in this process.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE))
    except FileExistsError:
        path.chmod(FILE_MODE)


def write_private(path: Path, data: bytes) -> None:
    """Writes a file that nobody else may read, the whole file or none. Raises OutputError."""
    with replacing(path) as temp:
        private_file(temp)
        temp.write_bytes(data)


def settle(path: Path) -> None:
    """Takes others' rights to a file and waits until it is on the disk."""
    path.chmod(FILE_MODE)
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_aside(path: Path) -> Path:
    """Renames a broken file to NAME.broken, NAME.broken-2 …, whichever is free, and gives the new path."""
    for n in count(1):
        aside = path.with_name(f"{path.name}.broken" if n == 1 else f"{path.name}.broken-{n}")
        if not aside.exists():
            return path.rename(aside)
    raise AssertionError("unreachable: count() has no end")
