"""A folder for a private session: in memory where the system has such a place, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from .presence import MARKS, is_present

_PREFIX = "sviqa-private-"


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A new one. Those of private sessions that were killed are removed first. Raises OSError."""
    parent = _parent()
    for folder in parent.glob(f"{_PREFIX}*"):
        if _is_ours(folder) and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True)


def _parent() -> Path:
    """This person's folder in memory (XDG Base Directory), else the temporary folder."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    usable = runtime.is_absolute() and runtime.is_dir() and os.access(runtime, os.W_OK)
    return runtime if usable else Path(tempfile.gettempdir())


def _is_ours(folder: Path) -> bool:
    """Nothing that somebody else laid out in a shared folder is looked into."""
    return os.name != "posix" or folder.lstat().st_uid == os.getuid()


def _is_abandoned(folder: Path) -> bool:
    """Whether a session was there and ended. One that is just beginning has not left its mark yet."""
    marks = list((folder / MARKS).glob("*"))
    return bool(marks) and not any([is_present(mark) for mark in marks])
