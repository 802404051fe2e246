"""A batch from the first look to its end, without a page and without a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sviqa_app.batch.command import BatchOptions
from sviqa_app.batch.journal import FILE
from sviqa_app.batch.progress import Progress, Refused
from sviqa_app.errors import SviqaError
from sviqa_app.gui.batch_form import Form, Kept
from sviqa_app.gui.batch_presenter import EVERY, HINT, NOTHING, STOPPING, BatchPresenter
from sviqa_app.gui.batch_view import Stage
from sviqa_app.gui.batch_work import Ended, Found

from .standins import Promptly


@dataclass
class Page:
    """What it was told to show and say."""

    stages: list[Stage] = field(default_factory=list)
    found: Found | None = None
    progress: Progress | None = None
    results: tuple[Path | None, Path | None] = (None, None)
    line: str = ""
    said: list[str] = field(default_factory=list)
    complaints: list[tuple[str, str]] = field(default_factory=list)

    def show_stage(self, stage: Stage) -> None:
        self.stages.append(stage)

    def show_found(self, found: Found | None) -> None:
        self.found = found

    def show_progress(self, progress: Progress) -> None:
        self.progress = progress

    def show_results(self, folder: Path | None, report: Path | None) -> None:
        self.results = folder, report

    def say(self, text: str) -> None:
        self.line = text

    def announce(self, text: str, urgent: bool = False) -> None:
        self.said.append(text)

    def complain(self, field: str, what: str, next: str) -> None:
        self.complaints.append((field, f"{what} {next}".strip()))


@dataclass
class Batch:
    """The process: what it was asked to do."""

    options: BatchOptions
    tell: Callable[[Any], None]
    orders: list[str] = field(default_factory=list)

    def order(self, order: str) -> None:
        self.orders.append(order)

    def end(self) -> None:
        self.orders.append("end")


class Room:
    """A presenter whose page, thread, process and clock are stand-ins, and a folder of three rows."""

    def __init__(self, folder: Path) -> None:
        (folder / "in").mkdir()
        for name in ("cat.jpg", "cat.q1.wav", "cat.q2.wav", "cat.q3.wav"):
            (folder / "in" / name).touch()
        self.form = Form(folder=str(folder / "in"), out=str(folder / "out"))
        self.out = folder / "out"
        self.page, self.batches, self.now = Page(), list[Batch](), 100.0
        self.kept = Kept(True, folder / "batch.json")
        self.operations = Promptly(lambda error: pytest.fail(str(error)))
        self.refuse: OSError | None = None
        self.presenter = BatchPresenter(self.page, self.operations, self._begin, self.kept, lambda: self.now)

    def _begin(self, options: BatchOptions, tell: Callable[[Any], None]) -> Batch:
        if self.refuse is not None:
            raise self.refuse
        self.batches.append(Batch(options, tell))
        return self.batches[-1]

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.batches[-1].tell(message)

    def finish(self, *messages: Any) -> None:
        self.tell(*messages, Ended("exit status 0"))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_preview_starts_nothing_and_is_remembered(room: Room) -> None:
    room.presenter.preview(room.form)
    assert room.page.found is not None and room.page.found.preview.rows == 3
    assert room.page.line == "3 rows: 1 picture; 3 spoken." == room.page.said[-1]
    assert room.page.stages == [Stage.LOOKING, Stage.IDLE] and not room.batches
    assert room.kept.read(Form()) == room.form


def test_where_all_is_well_it_starts_at_once(room: Room) -> None:
    room.presenter.start(room.form, again=True)
    assert room.batches[0].options == room.form.options()
    assert room.presenter.running and room.page.stages[-1] is Stage.RUNNING


def test_what_does_not_fit_is_shown_before_the_start(room: Room) -> None:
    (Path(room.form.folder) / "lonely.wav").touch()
    room.presenter.start(room.form)
    assert not room.batches
    assert room.page.line == "3 rows: 1 picture; 3 spoken. 1 thing does not fit; see the list. Press Start to begin."
    (Path(room.form.folder) / "another.wav").touch()
    room.presenter.start(room.form)
    assert not room.batches and "2 things do not fit" in room.page.line
    room.presenter.start(room.form)
    assert len(room.batches) == 1


def test_a_batch_that_is_there_is_gone_on_with_when_the_person_knows(room: Room) -> None:
    room.out.mkdir()
    (room.out / FILE).touch()
    room.presenter.start(room.form)
    assert not room.batches and room.page.results == (room.out, None)
    assert "holds a batch already" in room.page.line and "Press Resume" in room.page.line
    room.presenter.start(room.form, again=True)
    assert room.batches[0].options == room.form.options(resume=True, retry_failed=True)


def test_nothing_to_ask(room: Room) -> None:
    empty = room.out.parent / "empty"
    empty.mkdir()
    (empty / "cat.jpg").touch()
    room.presenter.start(replace(room.form, folder=str(empty)))
    assert room.page.complaints == [("folder", f"{NOTHING} {HINT}")] and not room.batches
    assert room.page.found is not None and "Picture without a question: 1" in room.page.found.lines()


def test_a_fault_belongs_to_its_field(room: Room) -> None:
    room.presenter.start(replace(room.form, out=""))
    assert room.page.complaints[0][0] == "out" and room.page.stages[-1] is Stage.IDLE and room.page.line == ""
    room.presenter.preview(replace(room.form, source="list", manifest=__file__))
    assert room.page.complaints[1] == (
        "manifest",
        "test_batch_presenter.py is no list of a known kind. Give CSV, JSONL or a VQA questions file.",
    )


def test_a_changed_form_is_unknown_again(room: Room) -> None:
    room.presenter.preview(room.form)
    room.presenter.changed()
    assert room.page.found is None and room.page.line == ""


def test_a_look_that_nobody_waits_for_shows_nothing(room: Room) -> None:
    room.operations.waiting = True
    room.presenter.start(room.form)
    room.presenter.stop()
    assert room.page.stages[-1] is Stage.IDLE
    room.presenter.preview(replace(room.form, out=""))
    room.presenter.changed()
    room.operations.go_on()
    assert room.page.found is None and not room.batches and not room.page.complaints


def test_from_start_to_end(room: Room) -> None:
    room.presenter.start(room.form)
    room.tell(Progress("loading", 3))
    assert room.page.line == "Loading the model, to ask 3 rows."
    room.tell(Progress("asking", 3), Progress("asking", 3, 2, 0, 1, 1.0), Progress("writing", 3, 3))
    assert room.page.line == "Writing the tables." and room.page.progress == Progress("writing", 3, 3)
    room.finish(Progress("done", 3, 3, 0, 1, 2.0))
    assert room.page.line.startswith(f"Done: 3 of 3 rows, 1.5 a second, 1 failed. The tables are in {room.out}.")
    assert "tick “Ask again what failed” and press Resume" in room.page.line
    assert room.page.results == (room.out, room.out / "report.html")
    assert not room.presenter.running and room.page.stages[-1] is Stage.IDLE
    assert room.page.found is not None and room.page.found.already


def test_progress_is_said_now_and_then(room: Room) -> None:
    room.presenter.start(room.form)
    before = len(room.page.said)
    for done in range(100):
        room.now += EVERY / 10
        room.tell(Progress("asking", 100, done))
    assert 10 <= len(room.page.said) - before <= 12
    assert room.page.line.startswith("Asking: 99 of 100 rows")


def test_paused_and_gone_on_with(room: Room) -> None:
    room.presenter.pause_or_go_on()
    room.presenter.start(room.form)
    room.presenter.pause_or_go_on()
    room.tell(Progress("paused", 3))
    assert room.page.line == "Paused: 0 of 3 rows. Press Continue to go on."
    room.presenter.pause_or_go_on()
    assert room.batches[0].orders == ["pause", "go on"]
    assert room.page.stages[-2:] == [Stage.PAUSED, Stage.RUNNING]


def test_stopped_and_resumed(room: Room) -> None:
    room.presenter.start(room.form)
    room.presenter.stop()
    room.presenter.stop()
    room.presenter.pause_or_go_on()
    assert room.batches[0].orders == ["stop"]
    room.tell(Progress("asking", 3, 1))
    assert room.page.line == STOPPING
    room.finish(Progress("writing", 3), Progress("stopped", 3))
    assert (
        room.page.line == f"Stopped: 0 of 3 rows. All of it is kept in {room.out}. Press Resume to go on, at any time."
    )
    room.out.mkdir()
    for name in (FILE, "report.html"):
        (room.out / name).touch()
    room.presenter.start(room.form)
    assert room.batches[1].options.resume and not room.batches[1].options.retry_failed


def test_refused(room: Room) -> None:
    room.presenter.start(room.form)
    room.finish(Refused("There is no model.", "Install it."))
    assert room.page.complaints == [("", "There is no model. Install it.")]
    assert not room.page.found.already and room.page.results == (None, None)  # type: ignore[union-attr]


def test_refused_in_the_middle_leaves_something_to_resume(room: Room) -> None:
    room.presenter.start(room.form)
    room.finish(Progress("asking", 3, 1), Refused("The disk is full.", "Free some space and resume."))
    assert room.page.found.already and room.page.results == (room.out, None)  # type: ignore[union-attr]


def test_a_process_that_dies_is_told_of(room: Room) -> None:
    room.presenter.start(room.form)
    room.tell(Progress("asking", 3, 1), Ended("Killed"))
    assert room.page.complaints[0][1].startswith(
        "The batch ended by itself (Killed). What was done until then is kept."
    )
    assert room.page.found.already and not room.presenter.running  # type: ignore[union-attr]


def test_a_process_that_dies_at_once(room: Room) -> None:
    room.presenter.start(room.form)
    room.tell(Ended("exit status 1"))
    assert room.page.complaints == [("", "The batch ended by itself (exit status 1). Start it again.")]


def test_a_process_that_cannot_be_started(room: Room) -> None:
    room.refuse = OSError(12, "Cannot allocate memory")
    room.presenter.start(room.form)
    assert "cannot be started (Cannot allocate memory)" in room.page.complaints[0][1]
    assert not room.presenter.running and room.page.stages[-1] is Stage.IDLE


def test_stopped_and_then(room: Room) -> None:
    done: list[str] = []
    room.presenter.stop_then(lambda: done.append("at once"))
    room.presenter.start(room.form)
    room.presenter.stop_then(lambda: done.append("first"))
    room.presenter.stop_then(lambda: done.append("then"))
    assert room.batches[0].orders == ["stop", "end"] and done == ["at once"]
    room.finish(Progress("stopped", 3))
    assert done == ["at once", "then"]


def test_what_nobody_foresaw_in_a_list_is_said_of_the_list(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise SviqaError("It cannot be read.")

    monkeypatch.setattr("sviqa_app.gui.batch_presenter.look", broken)
    room.presenter.preview(replace(room.form, source="list"))
    assert room.page.complaints == [("manifest", "It cannot be read.")]
