"""Installing and verifying in a process of its own, as the models page uses it: nothing here waits.

Imports nothing heavy. What the process does is in models_process.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Literal

from ..engine.child import Child, Outbox

_PROCESS = "sviqa_app.gui.models_process"
_AGAIN = "Try again: what was downloaded is kept."


@dataclass(frozen=True)
class Job:
    """What is to be done with a model."""

    kind: Literal["install", "verify"]
    name: str


@dataclass(frozen=True)
class Step:
    """How far the job is, in bytes; the model or part of it that is worked on; bytes a second, 0 unknown."""

    part: str
    done: int
    total: int
    rate: float = 0.0


@dataclass(frozen=True)
class Finished:
    """It is done."""


@dataclass(frozen=True)
class Stopped:
    """It was cancelled, and the process is gone."""


@dataclass(frozen=True)
class Trouble:
    """It could not be done: `what` happened and what to do `next`."""

    what: str
    next: str


News = Step | Finished | Stopped | Trouble


class Errand:
    """One job in one process. `hear` is told of every Step and at last of one of the others, in another thread."""

    def __init__(self, job: Job, hear: Callable[[News], None]) -> None:
        self._hear = hear
        self._outbox: Outbox = SimpleQueue()
        self._outbox.put(job)
        self._cancelled = False
        self._child: Child | None = None
        Thread(target=self._run, name="news of a model", daemon=True).start()

    def cancel(self) -> None:
        """End it, wherever it is. What was downloaded is kept."""
        self._cancelled = True
        self._outbox.put(None)  # its standard input ends, and with it the process
        if self._child is not None:
            Thread(target=self._child.end, name="end of a model's process", daemon=True).start()

    def _run(self) -> None:
        try:
            child = self._child = Child(self._outbox, _PROCESS)
        except OSError as error:
            self._hear(Trouble(f"The work could not be started: {error}.", "Close other programs and try again."))
            return
        last: News | None = None
        for last in child.messages():
            self._hear(last)
        if isinstance(last, Step | None):
            words = child.last_words().rstrip(".")
            self._hear(Stopped() if self._cancelled else Trouble(f"The work broke off: {words}.", _AGAIN))
