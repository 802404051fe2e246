"""The pictures that were opened last, for the menu that offers them again."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

from .errors import OutputError
from .safekeeping import private_folder, write_private

MOST = 10
MAX_BYTES = 100_000


def recent_path() -> Path:
    """Where this person's list is kept."""
    return user_data_path("sviqa", appauthor=False) / "recent.json"


class Recent:
    """A list of pictures, newest first, none twice. Where it is not to be kept, it lasts as long as this object.

    A list that cannot be read is empty, and one that cannot be written is lost: it is a convenience, and nobody is
    troubled for it.
    """

    def __init__(self, path: Path, keep: bool) -> None:
        self._path, self._keep = path, keep
        self._pictures = _read(path)

    @property
    def pictures(self) -> list[Path]:
        """Those that are still there."""
        return [path for path in self._pictures if _is_there(path)]

    def add(self, picture: Path) -> None:
        """A picture was opened."""
        picture = picture.absolute()
        self._pictures = [picture, *(path for path in self._pictures if path != picture)][:MOST]
        if self._keep:
            with suppress(OutputError, OSError):
                private_folder(self._path.parent)
                write_private(self._path, json.dumps([str(path) for path in self._pictures]).encode())

    def clear(self) -> None:
        """Forget them all."""
        self._pictures = []
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _read(path: Path) -> list[Path]:
    """The list in the file; nothing where that is missing or broken."""
    try:
        with path.open("rb") as file:
            names = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(names, list):
        return []
    pictures = [Path(name) for name in names if isinstance(name, str) and Path(name).is_absolute()]
    return list(dict.fromkeys(pictures))[:MOST]


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # behind a folder that may not be entered, or too long a name
        return False
