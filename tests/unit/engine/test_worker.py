"""The engine process: the same answers as without it, cancelled, killed, refused, and never left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from time import monotonic

import numpy as np
import psutil
import pytest
from PIL import Image

from sviqa_app.checkpoints.native import find_model
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.worker import (
    RESTARTS,
    Answering,
    Ask,
    Died,
    Failed,
    Loading,
    PictureRead,
    Ready,
    Restart,
    Show,
    Worker,
    WorkerEvent,
)
from sviqa_app.engine.worker_process import Service
from sviqa_app.media.audio import load_recording
from sviqa_app.media.image import load_picture
from sviqa_app.resources import assets_folder
from sviqa_app.turn import AnswerEvent, AudioChunk, Done, Heard, Question, TextDelta

MODEL = "sviqa-tiny"
SCENE = load_picture(assets_folder() / "samples" / "scene.png")
SPOKEN = Question(load_recording(assets_folder() / "samples" / "question.wav"))
LONG = Question(text="describe the picture")
PATIENCE = 150  # seconds for one event, on a machine that is busy with other things


class Watched:
    """A worker and what it told."""

    def __init__(self, model: str = MODEL) -> None:
        self.told: Queue[WorkerEvent] = Queue()
        self.at_words: Callable[[int], object] | None = None  # done once, before more of the answer is taken
        self.worker = Worker(model, self._listen)

    def _listen(self, event: WorkerEvent) -> None:
        self.told.put(event)
        if self.at_words and isinstance(event, Answering) and isinstance(event.event, TextDelta):
            act, self.at_words = self.at_words, None
            act(event.turn)

    def until(self, *kinds: type) -> list[WorkerEvent]:
        """What is told up to the first event, or event of an answer, of one of these kinds."""
        events = []
        while True:
            events.append(self.told.get(timeout=PATIENCE))
            last = events[-1]
            if isinstance(last, kinds) or (isinstance(last, Answering) and isinstance(last.event, kinds)):
                return events

    def last(self, *kinds: type) -> WorkerEvent:
        """The first event of one of these kinds."""
        return self.until(*kinds)[-1]

    def answer(self, question: Question) -> list[AnswerEvent]:
        """Ask, and wait for the end of the answer."""
        turn = self.worker.ask(question)
        events = [event for event in self.until(Done, Failed) if isinstance(event, Answering)]
        assert {event.turn for event in events} == {turn}
        return [event.event for event in events]


def processes() -> list[psutil.Process]:
    """The engine processes of this one."""
    return [child for child in psutil.Process().children() if any("worker_process" in word for word in child.cmdline())]


def ends(process: psutil.Process) -> bool:
    """Whether it ends soon. Where nobody buries orphans, being dead is enough."""
    until = monotonic() + 30
    while monotonic() < until:
        try:
            process.wait(0.1)
        except psutil.TimeoutExpired:
            if process.status() != psutil.STATUS_ZOMBIE:
                continue
        return True
    return False


def text(events: list[AnswerEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def sound(events: list[AnswerEvent]) -> list[float]:
    chunks = [event.samples for event in events if isinstance(event, AudioChunk)]
    return np.concatenate(chunks).tolist() if chunks else []


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """A worker that was shown the scene before it was ready."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OMP_NUM_THREADS", "1")
        watched = Watched()
        number = watched.worker.show(SCENE)
        watched.worker.start()
        *steps, ready = watched.until(Ready)
        assert [step.what for step in steps if isinstance(step, Loading)] == [
            "starting",
            "libraries",
            "weights",
            "warm",
        ]
        assert isinstance(ready, Ready)
        assert (ready.model, ready.device, ready.sample_rate) == (MODEL, "cpu", 22050)
        read = watched.last(PictureRead)
        assert isinstance(read, PictureRead) and read.picture == number
        yield watched
        watched.worker.close()
    assert not processes()


def test_the_window_s_side_imports_nothing_heavy() -> None:
    code = "import sys, sviqa_app.engine.worker; print([m for m in ('torch', 'PIL', 'PySide6') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_answers_as_without_a_process(watched: Watched) -> None:
    talk = EndToEnd.load(find_model(MODEL)).load_picture(SCENE)
    for question in (SPOKEN, Question(text="where is it")):
        ours, theirs = watched.answer(question), list(talk.answer(question))
        assert text(ours) == text(theirs) != ""
        assert [e for e in ours if isinstance(e, Heard)] == [e for e in theirs if isinstance(e, Heard)]
        np.testing.assert_allclose(sound(ours), sound(theirs), atol=1e-3)


def test_stopped_in_the_middle(watched: Watched) -> None:
    watched.worker.restart_conversation()
    watched.at_words = watched.worker.stop
    first = watched.worker.ask(LONG)
    done = watched.last(Done)
    assert isinstance(done, Answering) and isinstance(done.event, Done)
    assert done.turn == first and done.event.cancelled
    whole = watched.answer(LONG)[-1]
    assert isinstance(whole, Done) and not whole.cancelled
    assert done.event.tokens < whole.tokens


def test_another_picture_stops_the_answer(watched: Watched) -> None:
    watched.at_words = lambda _: watched.worker.show(SCENE)
    turn = watched.worker.ask(LONG)
    *_, done, read = watched.until(PictureRead)
    assert isinstance(done, Answering) and isinstance(done.event, Done) and isinstance(read, PictureRead)
    assert (done.turn, done.event.cancelled) == (turn, True)


def test_in_words_alone(watched: Watched) -> None:
    watched.worker.ask(LONG, speak=False)
    assert not any(isinstance(e, Answering) and isinstance(e.event, AudioChunk) for e in watched.until(Done))


def test_killed_in_the_middle(watched: Watched) -> None:
    number = watched.worker.show(SCENE)
    watched.at_words = lambda _: processes()[0].kill()
    asked, queued, stopped = (watched.worker.ask(LONG) for _ in range(3))
    watched.worker.stop(stopped)
    *_, cancelled, failed, died = watched.until(Died)
    assert cancelled == Answering(stopped, Done("", cancelled=True))
    assert isinstance(failed, Failed) and failed.turn == queued
    assert died == Died(asked)
    watched.last(Ready)
    read = watched.last(PictureRead)
    assert isinstance(read, PictureRead) and read.picture == number
    assert text(watched.answer(SPOKEN)) == "Top left."


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    watched = Watched(str(tmp_path / "nowhere"))
    turn = watched.worker.ask(LONG)
    watched.worker.start()
    failed, refused = watched.last(Failed), watched.last(Failed)
    assert isinstance(failed, Failed)
    assert failed.turn is None
    assert failed.what == f"There is no model {tmp_path / 'nowhere'}." and "installed: " in failed.next
    assert refused == Failed(turn, failed.what, failed.next)
    watched.worker.close()


def test_another_model_answers_from_the_next_question_on(tmp_path: Path) -> None:
    others = set(processes())
    watched = Watched(str(tmp_path / "nowhere"))
    number = watched.worker.show(SCENE)
    watched.worker.start()
    watched.last(Failed)
    (before,) = set(processes()) - others
    watched.worker.use(MODEL)
    assert isinstance(watched.last(Ready, Failed, Died), Ready)
    read = watched.last(PictureRead)
    assert isinstance(read, PictureRead) and read.picture == number and ends(before)
    after: list[int] = []

    def switch(_: int) -> None:
        watched.worker.use(str(assets_folder().parent / "models" / MODEL))
        after.append(watched.worker.ask(SPOKEN))

    watched.at_words = switch
    asked, queued = watched.worker.ask(LONG), watched.worker.ask(LONG)
    told = watched.until(Ready)
    assert not [event for event in told if isinstance(event, Died | Failed)]
    ended = [event for event in told if isinstance(event, Answering) and isinstance(event.event, Done)]
    assert ended == [Answering(turn, Done("", cancelled=True)) for turn in (asked, queued)]
    answer = [event for event in watched.until(Done) if isinstance(event, Answering)]
    assert {event.turn for event in answer} == set(after)
    assert text([event.event for event in answer]) == "Top left."
    watched.worker.close()


def test_closed_while_it_loads() -> None:
    before = processes()
    watched = Watched()
    watched.worker.start()
    assert [watched.last(Loading) for _ in range(2)][1] == Loading("libraries", 0.05)
    watched.worker.close()
    watched.worker.close()
    assert processes() == before
    assert watched.told.empty() or isinstance(watched.told.get(), Loading)


def test_closed_before_it_starts() -> None:
    Watched().worker.close()


def test_gone_with_the_app() -> None:
    code = f"""
import threading
from sviqa_app.engine.worker import Worker
Worker({MODEL!r}, lambda event: print(event, flush=True)).start()
threading.Event().wait()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout is not None
        assert "libraries" in "".join(app.stdout.readline() for _ in range(2))
        [engine] = psutil.Process(app.pid).children()
        app.kill()
        assert ends(engine)


@pytest.mark.skipif(sys.platform == "win32", reason="the program that fails is a shell script")
def test_one_that_always_dies_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'Traceback' >&2\necho 'The library is broken.' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    watched = Watched()
    watched.worker.start()
    *before, failed = watched.until(Failed)
    assert [event for event in before if isinstance(event, Died)] == [Died(None)] * (RESTARTS + 1)
    assert isinstance(failed, Failed)
    assert failed.what == "The engine stopped 4 times in a row: The library is broken."
    turn = watched.worker.ask(LONG)
    assert watched.last(Failed) == Failed(turn, failed.what, failed.next)
    watched.worker.close()


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    watched = Watched()
    watched.worker.start()
    failed = watched.last(Failed)
    assert isinstance(failed, Failed) and failed.what.startswith("The engine could not be started")
    watched.worker.use("another")  # which is tried, too
    assert watched.last(Failed) == failed
    watched.worker.close()


def test_what_nobody_foresaw_is_one_plain_line(engine: EndToEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[WorkerEvent] = []
    service = Service(engine, told.append, stopped=set())
    service.serve(Restart())
    service.serve(Ask(1, LONG, True))
    monkeypatch.setattr(EndToEnd, "load_picture", lambda *_: 1 / 0)
    service.serve(Show(1, Image.new("RGB", (9, 9))))
    monkeypatch.undo()
    service.serve(Show(2, Image.new("RGB", (9, 9))))
    assert told[0] == Failed(1, "There is no picture to ask about.", "Open one first.")
    assert isinstance(told[1], Failed)
    assert told[1].what == "Something went wrong inside the engine (ZeroDivisionError: division by zero)."
    assert isinstance(told[2], PictureRead)
