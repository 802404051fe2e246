"""Installing a model: fetched beside the installed ones, proven file by file, then put in place in one step.

What a kill, a broken line or a full disk leaves behind is taken up by the next install of the same model:

    models/NAME/                   installed: has a manifest
    models/.installing/NAME/whole  files that arrived and were proven
    models/.installing/NAME/part   the beginnings of files, each under its digest
    models/.installing/NAME.lock   held while an install of NAME runs
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from ..errors import ModelError, OutputError
from ..files import unwritable
from .catalog import Entry, size_words
from .hub import Hub
from .installed import Manifest, installed_folder, models_home, read_manifest, write_manifest
from .source import File, Listing, PassingError, Source, file_digest

PARALLEL = 4
PATIENCE = 5
"""How often in a row something may fail without a byte gained."""
PAUSE = 0.5
TICK = 0.2
SPARE = 100_000_000
"""Bytes that an install leaves free."""

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far an install is, in bytes; the file that last grew; bytes a second over the last seconds."""

    done: int
    total: int
    file: str
    rate: float


Report = Callable[[Progress], None]


def install(
    entry: Entry, source: Source | None = None, report: Report = lambda _: None, home: Path | None = None
) -> Path:
    """Fetches a model from its source, the hub unless told, and gives its folder. What is there already is kept.

    `report` hears of the progress a few times a second. What it raises ends the install, as Ctrl-C does; nothing that
    was fetched is lost. Raises ModelError or OutputError.
    """
    home = home or models_home()
    lock = FileLock(home / ".installing" / f"{entry.name}.lock", timeout=0)
    try:
        (home / ".installing").mkdir(parents=True, exist_ok=True)
        with lock:
            return asyncio.run(_Install(entry, source or Hub(), report, home).run())
    except Timeout as error:
        raise ModelError(f"{entry.name} is being installed already.", "Wait for that to end.") from error
    except (OSError, BaseExceptionGroup) as error:
        reason = _first(error)
        raise unwritable(home / entry.name, reason) if isinstance(reason, OSError) else reason from error


class _Install:
    """One install, from the listing to the manifest."""

    def __init__(self, entry: Entry, source: Source, report: Report, home: Path) -> None:
        self.entry, self.source, self.report = entry, source, report
        self.home, self.target = home, home / entry.name
        self.stage = home / ".installing" / entry.name
        self.whole, self.part = self.stage / "whole", self.stage / "part"
        self.listing = Listing("", ())
        self._have: dict[str, int] = {}
        self._last = ""
        self._seen: deque[tuple[float, int]] = deque(maxlen=25)
        self._stopped = self._fetched = False
        self._slots = asyncio.Semaphore(PARALLEL)

    async def run(self) -> Path:
        """Gives the folder of the installed model."""
        self.whole.mkdir(parents=True, exist_ok=True)
        self.part.mkdir(exist_ok=True)
        self.source.open()
        try:
            self.listing = await _patiently(lambda: self.source.listing(self.entry))
            self._take_stock()
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell())
                await asyncio.gather(*(group.create_task(self._get(file)) for file in self.listing.files))
                telling.cancel()
        finally:
            self._stopped = True  # a thread that still hashes sees it
            await self.source.close()
        self.report(self._progress())
        self._put_in_place(await asyncio.to_thread(self._manifest))
        return self.target

    def _take_stock(self) -> None:
        """What is there already, and whether the rest has room."""
        old = installed_folder(self.entry.name, self.home)
        for file in self.listing.files:
            path, part = self.whole / file.name, self.part / file.digest
            path.parent.mkdir(parents=True, exist_ok=True)
            if old and not path.exists():
                with suppress(OSError):  # without links on this disk it is fetched again
                    os.link(old / file.name, path)
            self._have[file.name] = next((p.stat().st_size for p in (path, part) if p.is_file()), 0)
        left = self._progress().total - self._progress().done
        free = shutil.disk_usage(self.stage).free
        if left and free < left + SPARE:
            raise OutputError(
                f"{self.entry.name} takes {size_words(left)} more, and {self.home} has {size_words(free)} free.",
                "Free some space and run it again: what was downloaded is kept.",
            )

    async def _get(self, file: File) -> None:
        """The file in its place, and proven."""
        path, part = self.whole / file.name, self.part / file.digest
        async with self._slots:
            if await self._proven(file, path):
                return
            path.unlink(missing_ok=True)
            await _patiently(lambda: self._fetch(file, part), lambda: self._have[file.name])
            part.replace(path)

    async def _fetch(self, file: File, part: Path) -> None:
        """The rest of the file, and its proof. Raises PassingError; keeps what came, unless it is proven wrong."""
        self._fetched = True
        with part.open("ab", buffering=0) as out:
            start = self._have[file.name] = out.tell()
            if start < file.size:
                await self._append(file, out.fileno(), start)
            await asyncio.to_thread(os.fsync, out.fileno())
        if part.stat().st_size < file.size:
            raise PassingError(ModelError(f"{file.name} of {self.entry.name} breaks off.", "Run it again to go on."))
        if not await self._proven(file, part):
            part.unlink()
            self._have[file.name] = 0
            raise PassingError(
                ModelError(f"{file.name} of {self.entry.name} arrives damaged again and again.", "Try another network.")
            )

    async def _append(self, file: File, out: int, done: int) -> None:
        """Writes what comes, never more than is due."""
        async with aclosing(self.source.read(self.entry, self.listing.commit, file, done)) as pieces:
            async for piece in pieces:
                due = memoryview(piece)[: file.size - done]
                while due:
                    written = os.write(out, due)
                    done, due = done + written, due[written:]
                    self._have[file.name], self._last = done, file.name

    async def _proven(self, file: File, path: Path) -> bool:
        def still_wanted(_: int) -> None:
            if self._stopped:
                raise asyncio.CancelledError

        return await asyncio.to_thread(file.is_in, path, still_wanted)

    async def _tell(self) -> None:
        while True:
            self.report(self._progress())
            await asyncio.sleep(TICK)

    def _progress(self) -> Progress:
        done = sum(self._have.values())
        self._seen.append((time.monotonic(), done))
        (began, before), (now, _) = self._seen[0], self._seen[-1]
        rate = max(0, done - before) / (now - began) if now > began else 0.0
        return Progress(done, sum(file.size for file in self.listing.files), self._last, rate)

    def _manifest(self) -> Manifest:
        entry = self.entry
        files = {
            file.name: file
            if len(file.digest) == 64
            else File(file.name, file.size, file_digest(self.whole / file.name))
            for file in self.listing.files
        }
        return Manifest(entry.name, entry.repo, entry.revision, self.listing.commit, entry.licence, files)

    def _put_in_place(self, manifest: Manifest) -> None:
        """The step that makes it installed. An older install gives way only now."""
        known = installed_folder(self.entry.name, self.home) is not None and read_manifest(self.target) == manifest
        if self._fetched or not known:
            self._only(manifest)
            write_manifest(self.whole, manifest)
            if self.target.exists():
                shutil.rmtree(self.stage / "old", ignore_errors=True)
                self.target.replace(self.stage / "old")
            self.whole.replace(self.target)
        shutil.rmtree(self.stage, ignore_errors=True)

    def _only(self, manifest: Manifest) -> None:
        """Takes away what an install of another revision left behind."""
        for path in [path for path in self.whole.rglob("*") if not path.is_dir()]:
            if path.relative_to(self.whole).as_posix() not in manifest.files:
                path.unlink()


async def _patiently(attempt: Callable[[], Awaitable[T]], gained: Callable[[], int] = lambda: 0) -> T:
    """What `attempt` gives, tried again after each PassingError while there is patience left.

    A try that made `gained` grow costs no patience.
    """
    left = PATIENCE
    while True:
        before = gained()
        try:
            return await attempt()
        except PassingError as fault:
            left -= gained() <= before
            if not left:
                raise fault.error from fault
            await asyncio.sleep(max(fault.wait, PAUSE * 2 ** (PATIENCE - left)))


def _first(error: BaseException) -> BaseException:
    """Several files may fail at once; one reason is enough."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
