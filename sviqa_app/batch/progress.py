"""How far a batch is, for a terminal and for the window; and how to pause it and stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from time import monotonic
from typing import Literal

from .rows import counted

Step = Literal["loading", "asking", "paused", "writing", "done", "stopped"]
Order = Literal["pause", "go on", "stop"]


@dataclass(frozen=True)
class Progress:
    """`rows` planned; `done` of them, of which `kept` were done by an earlier run and `failed` went wrong.

    `seconds` counts from the first row on, without pauses.
    """

    step: Step
    rows: int
    done: int = 0
    kept: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def asked(self) -> int:
        """Rows asked by this run."""
        return self.done - self.kept

    @property
    def rate(self) -> float:
        """Rows a second; 0 as long as nothing is known."""
        return self.asked / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest will take, None as long as nothing is known."""
        return (self.rows - self.done) / self.rate if self.rate else None

    def at(self, step: Step) -> Progress:
        """The same at another step."""
        return replace(self, step=step)

    def line(self) -> str:
        """In words."""
        told = [f"{self.done:,} of {counted(self.rows, 'row')}"]
        if self.asked:
            told.append(pace(self.rate))
        if self.failed:
            told.append(f"{self.failed:,} failed")
        if self.step == "asking" and self.remaining is not None:
            told.append(f"{duration(self.remaining)} left")
        return ", ".join(told)


@dataclass(frozen=True)
class Refused:
    """The batch could not start or go on: `what` happened and what to do `next`."""

    what: str
    next: str


Tell = Callable[[Progress], None]


def pace(rate: float) -> str:
    """Rows a second in words: 12.3 a second, 20 a minute, 5 an hour."""
    if rate >= 1:
        return f"{rate:.1f} a second"
    if rate >= 1 / 60:
        return f"{60 * rate:.0f} a minute"
    return f"{3600 * rate:.0f} an hour" if rate >= 1 / 3600 else "less than one an hour"


def duration(seconds: float) -> str:
    """About how long: 8 s, 2 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Control:
    """How another thread, or a signal, has the run pause, go on, or stop after the rows in hand."""

    def __init__(self) -> None:
        self._going, self._stopped = Event(), Event()
        self._going.set()

    @property
    def stopped(self) -> bool:
        """Whether the run is to end."""
        return self._stopped.is_set()

    @property
    def paused(self) -> bool:
        """Whether the run is to wait."""
        return not self._going.is_set()

    def pause(self) -> None:
        """Wait before the next rows."""
        self._going.clear()

    def go_on(self) -> None:
        """Wait no longer."""
        self._going.set()

    def stop(self) -> None:
        """Finish the rows in hand, and end."""
        self._stopped.set()
        self._going.set()

    def wait(self) -> None:
        """Returns once the run may go on, or is to end."""
        self._going.wait()


class Meter:
    """Counts as rows are done, and tells each change."""

    def __init__(self, rows: int, tell: Tell) -> None:
        self.progress = Progress("loading", rows)
        self._tell = tell
        self._since = monotonic()
        tell(self.progress)

    def step(self, step: Step) -> None:
        """Another step has begun."""
        if self.progress.step == "asking":
            self._count_time()
        self._since = monotonic()
        self._say(step=step)

    def add(self, done: int, kept: int, failed: int) -> None:
        """So many rows more."""
        self._count_time()
        now = self.progress
        self._say(done=now.done + done, kept=now.kept + kept, failed=now.failed + failed)

    def _count_time(self) -> None:
        now = monotonic()
        self.progress = replace(self.progress, seconds=self.progress.seconds + now - self._since)
        self._since = now

    def _say(self, **changes: object) -> None:
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type]
        self._tell(self.progress)
