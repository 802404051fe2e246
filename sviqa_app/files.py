"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to; when the block ends well, that file takes its place.

    The bytes reach the disk before the name does, so a crash leaves the old file or the new one. When the
    block fails or is interrupted, nothing is left behind. Raises OutputError when it cannot be written.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder.", "Give the name of a file to write.")
        yield temp
        _sync(temp)
        temp.replace(path)
        if os.name == "posix":
            _sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            temp.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> OutputError:
    """The plain sentence for a failed write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"The disk is full: {path} was not written.", "Free some space and try again.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return OutputError(f"The folder {path.parent} does not exist.", "Create it, or write somewhere else.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"The folder {path.parent} is not writable.", "Write to a folder of your own.")
    return OutputError(f"{path} could not be written ({error.strerror or error}).", "Write somewhere else.")


def _sync(path: Path) -> None:
    """Waits until the file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
