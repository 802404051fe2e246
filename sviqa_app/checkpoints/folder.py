"""Models from a folder of this machine: one of the hub's cache, one that was installed elsewhere, or any other."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from pathlib import Path

from ..errors import ModelError
from .catalog import Entry
from .installed import Manifest, read_manifest
from .source import MANIFEST, PIECE, File, Listing, file_digest, wanted

_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Folder:
    """The folder a model is copied from, without a network."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        # In the hub's cache, snapshots/COMMIT/NAME is a link to blobs/DIGEST two folders up.
        cached = self.path.parent.name == "snapshots"
        self._root = self.path.parents[1] if cached else self.path

    def open(self) -> None:
        """See Source."""

    async def close(self) -> None:
        """See Source."""

    async def listing(self, entry: Entry) -> Listing:
        """See Source. Digests are those that came with the folder, else those of the files as they lie there."""
        if not self.path.is_dir():
            raise ModelError(f"There is no folder {self.path}.", "Give the folder that holds the model.")
        manifest = read_manifest(self.path) if (self.path / MANIFEST).is_file() else None
        names = wanted(entry, self._names(), str(self.path))
        files = [await asyncio.to_thread(self._file, name, manifest) for name in names]
        commit = self.path.name if self._root != self.path else manifest.commit if manifest else ""
        return Listing(commit, tuple(files))

    async def read(self, entry: Entry, commit: str, file: File, start: int) -> AsyncGenerator[bytes, None]:
        """See Source."""
        try:
            with (self.path / file.name).open("rb") as opened:
                opened.seek(start)
                while piece := await asyncio.to_thread(opened.read, PIECE):
                    yield piece
        except OSError as error:
            raise _unreadable(self.path / file.name) from error

    def _names(self) -> list[str]:
        """All files below, with / between folders. Folders that are links are not entered."""
        found = (Path(folder) / name for folder, _, names in os.walk(self.path) for name in names)
        return sorted(path.relative_to(self.path).as_posix() for path in found)

    def _file(self, name: str, manifest: Manifest | None) -> File:
        """Raises ModelError where it is no file, or a link out of the folder."""
        path = self.path / name
        try:
            target = path.resolve(strict=True)
            if not target.is_relative_to(self._root) or not target.is_file():
                raise ModelError(f"{path} leads out of its folder or is no file.", "Put the file itself there.")
            if manifest and name in manifest.files:
                return manifest.files[name]
            known = path.is_symlink() and _BLOB.fullmatch(target.name)
            return File(name, target.stat().st_size, target.name if known else file_digest(target))
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
            raise _unreadable(path) from error


def _unreadable(path: Path) -> ModelError:
    return ModelError(f"{path} cannot be read.", "Check that it is there and that you may read it.")
