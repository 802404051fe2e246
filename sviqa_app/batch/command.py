"""Everything `sviqa batch` does: what is asked of what is planned and shown, then asked, then told in tables."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from ..errors import OutputError, SviqaError
from ..files import unwritable
from .journal import FILE, Journal
from .manifests import Places, read_manifest
from .pairing import pair_folder
from .progress import Control, Progress, Tell
from .rows import Given, Item, Preview, names_in
from .vqa import is_vqa, read_vqa

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from .choosing import Chosen
    from .reading import Work

WELL, NOTHING_RAN, SOME_FAILED, STOPPED = 0, 2, 3, 130
"""The exit statuses."""

SOUNDS = "sounds"
EVERY = 10.0
"""Seconds between two lines about the progress, where the output is no terminal."""


@dataclass(frozen=True)
class BatchOptions:
    """What is asked of what, and where the results go.

    `workers` threads read the files, or so many workers of the cluster `ray` hold the model; 0 for as many as is good.
    """

    out: Path
    folder: Path | None = None
    manifest: Path | None = None
    images: Path | None = None
    speech: Path | None = None
    question: str | None = None
    question_speech: Path | None = None
    model: str = "sviqa-tiny"
    formats: tuple[str, ...] = ("csv", "html")
    speak: bool = False
    resume: bool = False
    retry_failed: bool = False
    workers: int = 0
    ray: str | None = None


def items(options: BatchOptions) -> Iterator[Item]:
    """The rows that are planned and what is noted beside them. Raises SviqaError where nothing can be."""
    if (options.folder is None) == (options.manifest is None):
        raise SviqaError("Nothing says what is asked about.", "Give a folder of pictures, or a list with --manifest.")
    given = _given(options)
    names_in.cache_clear()  # what was there at an earlier preview may be gone
    if options.folder is not None:
        if not options.folder.is_dir():
            raise SviqaError(f"There is no folder {options.folder}.", "Check the name.")
        return pair_folder(options.folder, given, options.out)
    assert options.manifest is not None
    beside = options.manifest.parent
    places = Places(options.images or beside, options.speech or beside)
    for folder in (places.images, places.speech):
        if not folder.is_dir():
            raise SviqaError(f"There is no folder {folder}.", "Check the name.")
    if is_vqa(options.manifest):
        return read_vqa(options.manifest, places, options.speech is not None, given)
    return read_manifest(options.manifest, places, given)


def _given(options: BatchOptions) -> Given:
    """The one question for all, if there is one."""
    if options.question is not None and not options.question.strip():
        raise SviqaError("A question given with --question has no words.", 'Give for instance --question "what is it".')
    if options.question_speech is None:
        return Given(options.question)
    from ..media.audio import load_recording

    load_recording(options.question_speech)  # what is wrong with it is wrong with every row
    return Given(options.question, str(options.question_speech))


def preview(options: BatchOptions) -> tuple[Journal, Preview]:
    """The plan alone, in a place that is gone once it is closed. Raises SviqaError."""
    journal = Journal(None)
    return journal, journal.plan(items(options))


def dry_run(options: BatchOptions) -> int:
    """Print what would be asked, and everything that is noted."""
    journal, planned = preview(options)
    with closing(journal):
        for line in planned.lines(brief=True):
            print(line)
        for note in journal.notes():
            print(f"    {note.why}: {note.what}{f' ({note.detail})' if note.detail else ''}")
    return WELL if planned.rows else NOTHING_RAN


def open_journal(options: BatchOptions) -> Journal:
    """The journal of a new batch, or of the one to be resumed. Raises OutputError."""
    path = options.out / FILE
    try:
        (options.out / SOUNDS if options.speak else options.out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    journal = Journal(path)
    if not (options.resume or options.retry_failed) and journal.results():
        journal.close()
        raise OutputError(f"{options.out} holds a batch already.", "Go on with it by --resume, or give another --out.")
    return journal


def run_batch(options: BatchOptions, control: Control, tell: Tell, planned: Callable[[Preview], None]) -> Progress:
    """Plan, ask and report; `planned` is told of the plan before the model is loaded. Raises SviqaError."""
    with closing(open_journal(options)) as journal:
        found = journal.plan(items(options))
        planned(found)
        from .report import write_notes

        if found.notes:
            write_notes(journal, options.out)
        if not found.rows:
            return Progress("done", 0)
        return _ask(options, journal, control, tell)


def _ask(options: BatchOptions, journal: Journal, control: Control, tell: Tell) -> Progress:
    """Ask, here or on a cluster, and write the tables, also of a run that was stopped."""
    from ..engine.loading import collector_resting

    with collector_resting():
        from .choosing import choose
    from .page import ROWS
    from .reading import Reader, Settings, Work
    from .report import write_report

    tell(Progress("loading", journal.count()))
    chosen = choose(options.model, options.speak)
    settings = Settings(chosen.hash, options.speak)
    journal.under(settings.hash)
    if options.retry_failed:
        journal.forgive()
    work = Work(Reader(journal, settings), journal, options.out / SOUNDS, ROWS if "html" in options.formats else 0)
    run = _run_here if options.ray is None else _run_on_ray
    progress = run(options, chosen, work, control, tell)
    tell(progress.at("writing"))
    known = journal.count() - journal.tally()["new"]
    if not control.stopped or known >= journal.asked():  # a fuller table is not replaced by an emptier one
        write_report(journal, options.out, options.formats, chosen.title, work.sounds)
    done = progress.at("stopped" if progress.done < progress.rows else "done")
    tell(done)
    return done


def _run_here(options: BatchOptions, chosen: Chosen, work: Work, control: Control, tell: Tell) -> Progress:
    from ..engine.loading import collector_resting

    with collector_resting():
        from ..engine.choosing import load_engine
    from .runner import run, share_cores

    engine = load_engine(chosen.name)
    lanes = share_cores() if chosen.ours else 1
    return run(work, engine, control, tell, options.workers or min(8, os.cpu_count() or 1), lanes)


def _run_on_ray(options: BatchOptions, chosen: Chosen, work: Work, control: Control, tell: Tell) -> Progress:
    from .ray_runner import run

    if not chosen.ours:
        raise SviqaError(f"{chosen.title} cannot be asked on a cluster.", "Leave out --ray, or choose another model.")
    assert options.ray is not None
    return run(work, options.ray, chosen.name, control, tell, options.workers)


def batch(options: BatchOptions) -> int:
    """Everything `sviqa batch` does on a terminal; gives the exit status."""
    control, last = Control(), Progress("loading", 0)

    def told(progress: Progress) -> None:
        nonlocal last
        last = progress
        tell(progress)

    try:
        with _interrupts(control), _shown() as tell:
            done = run_batch(options, control, told, lambda found: _say(found, options.model))
    except SviqaError as error:
        print(f"sviqa: {error}", file=sys.stderr)
        return SOME_FAILED if last.asked else NOTHING_RAN
    if not done.rows:
        print("sviqa: There is nothing to ask.", file=sys.stderr)
        return NOTHING_RAN
    print(f"{done.line()}. The tables are in {options.out}.")
    if done.step == "stopped":
        again = [a for a in sys.argv[1:] if a != "--resume"]
        print(f"Stopped. Go on with: {shlex.join(['sviqa', *again, '--resume'])}")
        return STOPPED
    return SOME_FAILED if done.failed else WELL


def _say(found: Preview, model: str) -> None:
    from .choosing import leaving

    for line in filter(None, (*found.lines(), leaving(model))):
        print(line, flush=True)


@contextmanager
def _interrupts(control: Control) -> Iterator[None]:
    """The first Ctrl-C stops after the rows in hand, the second at once."""

    def stop(*_: object) -> None:
        control.stop()
        signal.signal(signal.SIGINT, before)
        print("\nFinishing the rows in hand. Press Ctrl-C again to stop at once.", file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _shown() -> AbstractContextManager[Tell]:
    return _bar() if sys.stderr.isatty() else nullcontext(Lines())


@contextmanager
def _bar() -> Iterator[Tell]:
    """A line that moves."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = TextColumn("{task.fields[step]}"), BarColumn(), TextColumn("{task.description}")
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", step="", total=None)
        yield lambda p: bar.update(task, total=p.rows, completed=p.done, description=p.line(), step=p.step)


class Lines:
    """A line now and then, where nothing can move."""

    def __init__(self) -> None:
        self._step, self._next = "", 0.0

    def __call__(self, progress: Progress) -> None:
        """Prints what is new, at most every `EVERY` seconds."""
        if progress.step == self._step and monotonic() < self._next:
            return
        self._step, self._next = progress.step, monotonic() + EVERY
        print(f"{progress.step}: {progress.line()}", file=sys.stderr, flush=True)
