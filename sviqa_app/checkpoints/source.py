"""Where the files of a model come from: what every source promises, and what is believed of it only when it fits."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import ModelError, SviqaError
from .catalog import Entry

MANIFEST = "sviqa-install.json"
"""The file that says what was installed; written by us alone."""
PIECE = 1 << 20
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}


@dataclass(frozen=True)
class File:
    """A file due: its name relative to the model, with / between folders; its size; its digest in hexadecimal.

    The digest is a SHA-256 of 64 digits, or of 40 digits the SHA-1 that git gives a small file.
    """

    name: str
    size: int
    digest: str

    def is_in(self, path: Path, each: Callable[[int], None] = lambda _: None) -> bool:
        """Whether exactly this content lies at `path`. Tells `each` the size of every piece read; it may raise."""
        if path.is_symlink() or not path.is_file() or path.stat().st_size != self.size:
            return False
        if len(self.digest) == 64:
            return file_digest(path, each) == self.digest
        return file_digest(path, each, hashlib.sha1(b"blob %d\0" % self.size)) == self.digest


@dataclass(frozen=True)
class Listing:
    """The files of a model at one commit; "" where the commit is not known."""

    commit: str
    files: tuple[File, ...]


class Source(Protocol):
    """Gives the files of models, between `open` and `close`."""

    def open(self) -> None:
        """Called where the event loop runs, before all else."""

    async def close(self) -> None:
        """Called when no more is wanted."""

    async def listing(self, entry: Entry) -> Listing:
        """What the model consists of. Raises PassingError or SviqaError."""

    def read(self, entry: Entry, commit: str, file: File, start: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from `start` on. Raises PassingError or SviqaError."""


class PassingError(Exception):
    """Something that may pass. `error` is said when it does not; `wait`: seconds to wait first, where it asked so."""

    def __init__(self, error: SviqaError, wait: float = 0) -> None:
        super().__init__(str(error))
        self.error, self.wait = error, wait


def file_digest(path: Path, each: Callable[[int], None] = lambda _: None, hasher: hashlib._Hash | None = None) -> str:
    """The digest of a file in hexadecimal, SHA-256 unless told. Raises OSError, and what `each` raises."""
    hasher = hasher or hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            hasher.update(piece)
            each(len(piece))
    return hasher.hexdigest()


def wanted(entry: Entry, names: Iterable[str], where: str) -> list[str]:
    """Those of the names that belong to the model. Raises ModelError where there are none, or one is not safe."""
    chosen = [name for name in names if entry.wants(name) and name != MANIFEST]
    check_names(chosen, where)
    if not chosen:
        raise ModelError(f"{where} holds none of the files of {entry.name}.", "Check the entry in the catalog.")
    return chosen


def check_names(names: list[str], where: str) -> None:
    """Refuses names that would leave the model's folder, or that not every system can hold. Raises ModelError."""
    for name in names:
        if not is_safe(name):
            raise ModelError(f"{where} names a file {name[:80]!r}, which is not safe to write.", "Do not use it.")
    if len({name.casefold() for name in names}) < len(names):
        raise ModelError(f"{where} names two files that differ only in capitals.", "Do not use it.")


def is_safe(name: str) -> bool:
    """Whether a relative name with / between folders stays in its folder, on every system."""
    parts = name.split("/")
    return name.isprintable() and len(name) <= 200 and len(parts) <= 8 and all(map(_is_safe_part, parts))


def _is_safe_part(part: str) -> bool:
    if not part.strip(". ") or part.endswith((".", " ")) or part.startswith(" ") or set(part) & set('\\:*?"<>|'):
        return False
    return part.split(".")[0].casefold() not in _DEVICES
