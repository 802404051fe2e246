"""What the models page does, without the page: what there is, installing, verifying, removing, and which is used.

Every method is called from the window's own thread. Nothing here waits. A job goes on when the page is closed, and
is said in the main window when it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..checkpoints.catalog import size_words
from ..checkpoints.installed import remove
from ..engine.worker import Failed, Ready, WorkerEvent
from ..errors import SviqaError
from ..managing import installed_parts
from ..servers import Server, add_server, remove_server
from ..serving import with_model
from .models_errand import Finished, Job, News, Step, Stopped, Trouble
from .models_rows import Row
from .operations import Operations

_DOING = {"install": "Installing", "verify": "Verifying"}
_DONE = {"install": "{} is installed.", "verify": "{} is whole: every file is as it was installed."}


class Running(Protocol):
    """A job that goes on."""

    def cancel(self) -> None:
        """End it; it says Stopped when it has."""


class Models:
    """The models, and what is being done to one of them. `changed` is called after every change."""

    def __init__(
        self,
        operations: Operations,
        lines: Operations,
        read: Callable[[], list[Row]],
        begin: Callable[[Job, Callable[[News], None]], Running],
        use: Callable[[str], None],
        announce: Callable[[str, bool], None],
        model: str,
    ) -> None:
        """`lines` do what a network may hold up. `read` gives the rows, `begin` begins a job, `use` has questions put
        to a model; `model` is the one now.
        """
        self.rows: list[Row] = []
        self.model = model
        self.job: Job | None = None
        self.step: Step | None = None
        self.changed: Callable[[], None] = lambda: None
        self._operations, self._lines = operations, lines
        self._read, self._begin, self._use, self._announce = read, begin, use, announce
        self._running: Running | None = None
        self._told = 0  # quarters of the job that were announced
        self._loading, self._switched = True, False
        self._runs = ""  # what the engine says it is
        self._troubles: dict[str, str] = {}

    # --- what there is -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look at the disk again."""

        def done(rows: list[Row]) -> None:
            self.rows = rows
            self.changed()

        self._operations.run(self._read, done)

    def row(self, name: str) -> Row | None:
        """The row of that name."""
        return next((row for row in self.rows if row.name == name), None)

    @property
    def title(self) -> str:
        """What the person calls the model in use."""
        row = self.row(self.model)
        return row.title if row else self.model

    def doing(self, row: Row) -> str:
        """What is going on with a model, in a word or two; "" for nothing."""
        if self.job is not None and self.job.name == row.name:
            return _DOING[self.job.kind].lower()
        if row.name == self.model:
            return "being loaded" if self._loading else "in use"
        return "failed" if row.name in self._troubles else ""

    def trouble(self, row: Row) -> str:
        """What went wrong with a model, and what to do; "" for nothing."""
        return self._troubles.get(row.name, "")

    def in_use(self, row: Row) -> bool:
        """Whether questions need what is installed for this row."""
        running = {self.model, self._runs}  # they differ where the model was chosen by the app
        needed = running.union(*(used.parts for used in self.rows if used.name in running))
        return not needed.isdisjoint({row.name, *row.parts})

    # --- what is done ------------------------------------------------------------------------------------------

    def install(self, row: Row) -> None:
        """Fetch it, or go on with that, or fetch anew what is damaged."""
        self._start(Job("install", row.name))

    def verify(self, row: Row) -> None:
        """Hash its files again."""
        self._start(Job("verify", row.name))

    def cancel(self) -> None:
        """End the job. What was downloaded is kept."""
        if self._running is not None:
            self._running.cancel()

    def remove(self, row: Row) -> None:
        """Delete it from the disk, or take a server off the list."""

        def work() -> str:
            if row.host:
                remove_server(row.title)
                return f"Nothing is sent to {row.host} any more."
            return f"{size_words(sum(remove(part) for part in installed_parts(row.name)))} are free again."

        def done(gain: str) -> None:
            self._troubles.pop(row.name, None)
            self._announce(f"{row.title} is removed. {gain}", False)
            self.refresh()

        self._operations.run(work, done, lambda error: self._fail(row.name, error))

    def complete_server(
        self, server: Server, key: str, done: Callable[[Server], None], failed: Callable[[SviqaError], None]
    ) -> None:
        """Find out which model a server has, where none is named: `done` is given the server with it."""
        self._lines.run(lambda: with_model(server, key), done, failed)

    def add_server(
        self, server: Server, key: str, done: Callable[[Server], None], failed: Callable[[SviqaError], None]
    ) -> None:
        """Put a server on the list, which the person agreed to."""

        def added(_: None) -> None:
            self._announce(f"{server.name} is added. Nothing is sent there before you use it.", False)
            done(server)
            self.refresh()

        self._operations.run(lambda: add_server(server, key), added, failed)

    def use(self, row: Row) -> None:
        """Put the next question to it."""
        self.model, self._loading, self._switched = row.name, True, True
        self._troubles.pop(row.name, None)
        self._announce(f"{row.title} is being loaded. The next question is put to it.", False)
        self._use(row.name)
        self.changed()

    def close(self) -> None:
        """The app ends. What is not installed yet is gone on with the next time."""
        self.cancel()

    # --- what is heard -----------------------------------------------------------------------------------------

    def on_worker(self, event: WorkerEvent) -> None:
        """Something came from the engine."""
        match event:
            case Ready(model):
                if self._loading and self._switched:
                    self._announce(f"{self.title} is ready.", False)
                self._runs, self._loading = model, False
                self.changed()
            case Failed(None, what, next) if self._loading:  # the window says it as well
                self._loading = False
                self._troubles[self.model] = f"{what} {next}".strip()
                self.changed()

    def _start(self, job: Job) -> None:
        if self.job is None:
            self.job, self.step, self._told = job, None, 0
            self._troubles.pop(job.name, None)
            self._announce(f"{_DOING[job.kind]} {job.name}.", False)
            self._running = self._begin(job, self._hear)
            self.changed()

    def _hear(self, news: News) -> None:
        if isinstance(news, Step):
            self._go_on(news)
            return
        job, self.job, self.step, self._running = self.job, None, None, None
        assert job is not None
        match news:
            case Finished():
                self._announce(_DONE[job.kind].format(job.name), False)
            case Stopped():
                kept = " What was downloaded is kept." if job.kind == "install" else ""
                self._announce(f"Stopped.{kept}", False)
            case Trouble(what, next):
                self._fail(job.name, SviqaError(what, next))
        self.refresh()

    def _go_on(self, step: Step) -> None:
        self.step = step
        quarters = int(4 * share(step))
        if quarters > self._told and quarters < 4:
            self._announce(f"{25 * quarters} percent.", False)
        self._told = quarters
        self.changed()

    def _fail(self, name: str, error: SviqaError) -> None:
        self._troubles[name] = str(error)
        self._announce(str(error), True)
        self.changed()


def share(step: Step) -> float:
    """How much of a job is done, 0 to 1."""
    return min(1.0, step.done / (step.total or 1))


def progress_words(job: Job, step: Step | None) -> str:
    """How far a job is, in a line."""
    if step is None:
        return f"{_DOING[job.kind]} {job.name}…"
    part = "" if step.part == job.name else f" ({step.part})"
    speed = f", {step.rate / 1e6:.1f} MB/s, {_left((step.total - step.done) / step.rate)}" if step.rate else ""
    return f"{_DOING[job.kind]} {job.name}{part}: {share(step):.0%} of {size_words(step.total)}{speed}"


def _left(seconds: float) -> str:
    for unit, length in (("hour", 3600), ("minute", 60)):
        if (count := round(seconds / length)) >= 1:
            return f"about {count} {unit}{'s' if count > 1 else ''} left"
    return "less than a minute left"
