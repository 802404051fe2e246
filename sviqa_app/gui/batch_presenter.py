"""What the Batch page does, without the page: look at what would be asked, start, pause, stop, and say how it went.

Every method is called from the window's own thread, and none waits for the disk or for the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from ..batch.progress import Progress, Refused
from ..batch.rows import counted
from ..errors import SviqaError
from .batch_form import Form, FormError, Kept
from .batch_view import BatchView, Stage
from .batch_work import REPORT, Begin, Ended, Found, Running, look
from .operations import Operations

EVERY = 20.0
"""Seconds between two announcements of how far it is."""
STOPPING = "Stopping: the rows in hand are finished first."
NOTHING = "There is nothing to ask here."
HINT = "Put questions beside the pictures, cat.wav or cat.txt beside cat.jpg, or choose one question for all."


class BatchPresenter:
    """One batch after the other."""

    def __init__(
        self,
        view: BatchView,
        operations: Operations,
        begin: Begin,
        kept: Kept,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.stage = Stage.IDLE
        self._view, self._operations, self._begin_process, self._kept, self._clock = (
            view,
            operations,
            begin,
            kept,
            clock,
        )
        self._form = Form()
        self._seen: Found | None = None  # by the person
        self._given_up: Event | None = None  # set when nobody waits for the look that is being taken
        self._running: Running | None = None
        self._last: Progress | Refused | None = None
        self._begun = False  # there is something to resume
        self._said = 0.0
        self._then: Callable[[], object] | None = None

    @property
    def running(self) -> bool:
        """Whether there is a batch that would be lost sight of."""
        return self._running is not None

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self._view.show_stage(stage)

    # --- before the start --------------------------------------------------------------------------------------

    def changed(self) -> None:
        """The form says something else: what was found before does not count."""
        self.give_up()
        if self._seen is not None:
            self._seen = None
            self._view.show_found(None)
            self._view.show_results(None, None)
            self._view.say("")

    def give_up(self) -> None:
        """Nobody waits for the look that is being taken."""
        if self._given_up is not None:
            self._given_up.set()
            self._given_up = None
            self._enter(Stage.IDLE)
            self._view.say("")

    def preview(self, form: Form) -> None:
        """Show what would be asked."""
        self._look(form, self._show)

    def start(self, form: Form, again: bool = False) -> None:
        """Begin, or go on with what is there; `again`: ask also what failed before.

        What the person ought to know first and has not seen yet is shown in place of the start.
        """

        def found(found: Found) -> None:
            known = found == self._seen or not (found.preview.notes or found.already or found.leaving)
            self._show(found, "" if known else f" Press {'Resume' if found.already else 'Start'} to begin.")
            if known and found.preview.rows:
                self._begin(form, again)

        self._look(form, found)

    def _look(self, form: Form, found: Callable[[Found], None]) -> None:
        self.give_up()
        given_up = self._given_up = Event()
        self._form = form
        self._enter(Stage.LOOKING)
        self._tell("Looking at what there is.")

        def work() -> Found | None:
            self._kept.write(form)
            return look(form, given_up)

        def done(result: Found | None) -> None:
            if given_up is self._given_up and result is not None:
                self._settle()
                found(result)

        def failed(error: SviqaError) -> None:
            if given_up is self._given_up:
                self._settle()
                field = error.field if isinstance(error, FormError) else _source(form)
                self._complain(field, error)

        self._operations.run(work, done, failed)

    def _settle(self) -> None:
        self._given_up = None
        self._enter(Stage.IDLE)
        self._view.say("")

    def _show(self, found: Found, more: str = "") -> None:
        self._seen = found
        self._view.show_found(found)
        out = self._form.out_folder
        self._view.show_results(out if found.already else None, out / REPORT if found.report else None)
        if found.preview.rows:
            self._tell(_before(found) + more)
        else:
            self._complain(_source(self._form), SviqaError(NOTHING, HINT if self._form.source == "folder" else ""))

    # --- while it runs -----------------------------------------------------------------------------------------

    def _begin(self, form: Form, again: bool) -> None:
        assert self._seen is not None
        self._last, self._begun = None, False
        options = form.options(resume=self._seen.already, retry_failed=again and self._seen.already)
        try:
            self._running = self._begin_process(options, self.on_message)
        except OSError as error:
            self._complain("", SviqaError(f"The batch cannot be started ({error.strerror}).", "Close other programs."))
            return
        self._enter(Stage.RUNNING)
        self._tell("Starting.")

    def pause_or_go_on(self) -> None:
        """Wait after the rows in hand, or wait no longer."""
        if self._running is None:
            return
        if self.stage is Stage.PAUSED:
            self._running.order("go on")
            self._enter(Stage.RUNNING)
            self._tell("Going on.")
        elif self.stage is Stage.RUNNING:
            self._running.order("pause")
            self._enter(Stage.PAUSED)
            self._tell("Pausing: the rows in hand are finished first.")

    def stop(self) -> None:
        """End after the rows in hand, or give up looking."""
        self.give_up()
        if self._running is not None and self.stage is not Stage.STOPPING:
            self._running.order("stop")
            self._enter(Stage.STOPPING)
            self._tell(STOPPING)

    def stop_then(self, then: Callable[[], object]) -> None:
        """Stop, and call `then` once it has. Asked a second time, it ends within seconds, tables or no tables."""
        self._then = then
        if self._running is None:
            self._finish()
        elif self.stage is Stage.STOPPING:
            self._running.end()
        else:
            self.stop()

    def on_message(self, message: Any) -> None:
        """Something came from the batch."""
        match message:
            case Progress():
                self._progress(message)
            case Refused():
                self._last = message
            case Ended():
                self._ended(message)

    def _progress(self, now: Progress) -> None:
        before, self._last, self._begun = self._last, now, True
        self._view.show_progress(now)
        new = not isinstance(before, Progress) or before.step != now.step
        text = STOPPING if self.stage is Stage.STOPPING and now.step != "writing" else _line(now)
        self._view.say(text)
        if new or self._clock() - self._said >= EVERY:
            self._said = self._clock()
            self._view.announce(text)

    def _ended(self, ended: Ended) -> None:
        self._running, last = None, self._last
        out = self._form.out_folder
        self._show_results(out)
        self._enter(Stage.IDLE)
        match last:
            case Progress(step="done"):
                self._tell(_done(last, out))
            case Progress(step="stopped"):
                self._tell(f"Stopped: {last.line()}. All of it is kept in {out}. Press Resume to go on, at any time.")
            case Refused(what, next):
                self._complain("", SviqaError(what, next))
            case _:
                next = "What was done until then is kept. Press Resume to go on." if self._begun else "Start it again."
                self._complain("", SviqaError(f"The batch ended by itself ({ended.last_words}).", next))
        self._finish()

    def _show_results(self, out: Path) -> None:
        if self._begun and self._seen is not None:
            whole = isinstance(self._last, Progress) and self._last.step in ("done", "stopped")
            report = self._seen.report or (whole and "html" in self._form.formats)
            self._seen = replace(self._seen, already=True, report=report)
            self._view.show_found(self._seen)
            self._view.show_results(out, out / REPORT if report else None)

    def _finish(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()

    def _tell(self, text: str, urgent: bool = False) -> None:
        self._said = self._clock()
        self._view.say(text)
        self._view.announce(text, urgent)

    def _complain(self, field: str, error: SviqaError) -> None:
        self._view.complain(field, error.what, error.next)


def _source(form: Form) -> str:
    """The field that says what is asked about."""
    return "manifest" if form.source == "list" else "folder"


def _before(found: Found) -> str:
    """What a person ought to know before the start."""
    told = [found.preview.lines(brief=True)[0]]
    if notes := sum(found.preview.notes.values()):
        told.append(f"{notes:,} {'thing does' if notes == 1 else 'things do'} not fit; see the list.")
    if found.leaving:
        told.append(found.leaving)
    if found.already:
        told.append("The folder of the results holds a batch already. To begin another, choose another folder.")
    return " ".join(told)


def _line(now: Progress) -> str:
    match now.step:
        case "loading":
            return f"Loading the model, to ask {counted(now.rows, 'row')}."
        case "writing":
            return "Writing the tables."
        case "paused":
            return f"Paused: {now.line()}. Press Continue to go on."
    return f"Asking: {now.line()}."


def _done(last: Progress, out: Path) -> str:
    told = f"Done: {last.line()}. The tables are in {out}."
    if last.failed:
        told += " What went wrong is told there. To try it once more, tick “Ask again what failed” and press Resume."
    return told
