"""What the Batch page has done elsewhere: a look at the pairs in a thread, and the batch itself in a process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol

from ..batch.choosing import leaving
from ..batch.command import BatchOptions, items
from ..batch.journal import FILE, Journal
from ..batch.progress import Order
from ..batch.rows import Item, Preview, Row
from ..engine.child import Child, Outbox
from ..errors import EngineError
from .batch_form import Form, FormError, check, is_so

REPORT, NOTES = "report.html", "notes.csv"
FIRST = 100
"""So many rows of the plan are shown."""


@dataclass(frozen=True)
class Found:
    """What would be asked: the whole in numbers, the `first` rows, and whether its folder holds a batch `already`.

    `leaving`: what is sent to the server that is to answer, "" where nothing is.
    """

    preview: Preview
    first: tuple[Row, ...] = ()
    already: bool = False
    report: bool = False
    leaving: str = ""

    def lines(self) -> list[str]:
        """For a person to read before the start."""
        told = self.preview.lines()
        if any(count > Preview.SHOWN for count in self.preview.notes.values()):
            told.append(f"The start writes all of this to {NOTES} in the folder of the results.")
        if self.first:
            count = len(self.first)
            whole = "The row:" if count == 1 else "The rows:"
            told.append(whole if count == self.preview.rows else f"The first {count} rows:")
        return told + [f"    {_told(row)}" for row in self.first]


def _told(row: Row) -> str:
    questions = [Path(row.speech).name if row.speech else "", Path(row.words_file).name if row.words_file else ""]
    asked = " and ".join(filter(None, [*questions, f"“{row.words}”" if row.words else ""]))
    return f"{Path(row.picture).name or row.id}: {row.fault or asked}"


class _GivenUpError(Exception):
    """Nobody waits for it any more."""


def look(form: Form, given_up: Event) -> Found | None:
    """What would be asked, None where it was given up meanwhile. Raises FormError, and SviqaError for the source."""
    check(form)
    options = form.options()
    try:
        sent = leaving(options.model)
    except EngineError as error:
        raise FormError("model", error.what, error.next) from error
    with closing(Journal(None)) as journal:
        try:
            preview = journal.plan(_unless(given_up, items(options)))
        except _GivenUpError:
            return None
        first = tuple(planned.row for planned in islice(journal.rows(), FIRST))
    out = options.out
    return Found(preview, first, is_so((out / FILE).is_file), is_so((out / REPORT).is_file), sent)


def _unless(given_up: Event, found: Iterable[Item]) -> Iterator[Item]:
    for item in found:
        if given_up.is_set():
            raise _GivenUpError
        yield item


@dataclass(frozen=True)
class Ended:
    """The process of the batch is gone; its `last_words` say why, where it did not."""

    last_words: str


class Running(Protocol):
    """A batch in its process."""

    def order(self, order: Order) -> None:
        """Have it pause, go on or stop."""

    def end(self) -> None:
        """Have it gone within seconds, whatever it is at."""


Begin = Callable[[BatchOptions, Callable[[Any], None]], Running]
"""Starts a batch; what it says comes to the function, last of all Ended. Raises OSError where it cannot be started."""


class Process:
    """See Running and Begin."""

    def __init__(self, options: BatchOptions, tell: Callable[[Any], None]) -> None:
        self._outbox = Outbox()
        self._outbox.put(options)
        self._child = Child(self._outbox, "sviqa_app.batch.process")
        Thread(target=self._listen, args=(tell,), name="batch", daemon=True).start()

    def order(self, order: Order) -> None:
        """See Running."""
        self._outbox.put(order)

    def end(self) -> None:
        """See Running."""
        Thread(target=self._child.end, name="end of the batch", daemon=True).start()

    def _listen(self, tell: Callable[[Any], None]) -> None:
        for message in self._child.messages():
            tell(message)
        tell(Ended(self._child.last_words()))
