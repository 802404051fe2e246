"""The plain runner: files are read, rows answered and results written at the same time, on one machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice, repeat
from pathlib import Path
from queue import Queue
from threading import Thread
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

import torch

from ..engine.many import Answered
from ..media.audio import write_wav
from ..turn import Recording
from .choosing import way_of
from .journal import FileHash, Journal, Result
from .opening import Opener
from .progress import Control, Meter, Progress, Tell
from .reading import Prepared, Work, plain

if TYPE_CHECKING:
    from ..engine.base import Engine

GROUP = 2
"""How many batches of the model are sorted by length together: more of them pad less, but end further apart."""

_WAITING = 2  # groups whose results may wait to be written

Spoken = tuple[Result, Recording | None]
Failed = dict[bytes, bool]


@dataclass
class _Group:
    """Rows on their way. `earlier` says which keys of those just before them failed, `failed` which of their own."""

    rows: list[Prepared]
    results: Future[list[Spoken]]
    earlier: list[Failed]
    failed: Failed = field(default_factory=dict)


def share_cores(most: int = 4) -> int:
    """Divides the cores among groups that are answered side by side, and says how many of these there are.

    The steps of a small model are too short to be divided well among many cores.
    """
    cores = torch.get_num_threads()
    lanes = min(most, cores)
    torch.set_num_threads(cores // lanes)
    return lanes


def run(work: Work, engine: Engine, control: Control, tell: Tell, threads: int = 2, lanes: int = 1) -> Progress:
    """Ask what is planned and has no result yet: `threads` read the files, `lanes` groups are answered side by side.

    Raises OutputError where results cannot be written; what was told of before is kept.
    """
    journal, opener = work.journal, Opener(engine, work.thumbnails)
    meter = Meter(journal.count(), tell)
    meter.step("asking")
    waiting: deque[_Group] = deque()
    recent: deque[Failed] = deque(maxlen=lanes + _WAITING + 3)  # of groups whose results may not be written yet
    sizes = (times * way_of(engine).at_once(engine) for times in chain(range(1, GROUP), repeat(GROUP)))
    with (
        closing(work.reader.read(threads, opener.open)) as rows,
        Writing(journal, work.sounds) as writing,
        ThreadPoolExecutor(lanes, "model") as models,
    ):
        while may_go_on(control, meter) and (some := list(islice(rows, next(sizes)))):
            fresh = _fresh(some, {key for keys in recent for key in keys}, journal)
            results = models.submit(answer, engine, fresh, work.reader.settings.speak)
            waiting.append(_Group(some, results, list(recent), {row.key: False for row in fresh}))
            recent.append(waiting[-1].failed)
            while len(waiting) > (0 if control.paused else lanes):
                _finish(waiting.popleft(), writing, meter)
        while waiting:
            _finish(waiting.popleft(), writing, meter)
    return meter.progress


def _finish(group: _Group, writing: Writing, meter: Meter) -> None:
    """Waits for the results, and has them written."""
    results = group.results.result()
    group.failed.update({result.key: result.error is not None for result, _ in results})
    writing.put(group.rows, results)
    failed = {key: failed for keys in (*group.earlier, group.failed) for key, failed in keys.items()}
    meter.add(
        done=len(group.rows),
        kept=sum(row.state != "new" for row in group.rows),
        failed=sum(failed.get(row.key, row.state == "failed") for row in group.rows),
    )


def may_go_on(control: Control, meter: Meter) -> bool:
    """Waits as long as the run is paused."""
    if control.paused:
        meter.step("paused")
        control.wait()
        meter.step("asking")
    return not control.stopped


def _fresh(group: Iterable[Prepared], known: set[bytes], journal: Journal) -> list[Prepared]:
    """What is to be asked: of rows that are the same in everything, the first."""
    fresh = {p.key: p for p in reversed(list(group)) if p.state == "new" and p.key not in known}
    return [p for p in reversed(fresh.values()) if journal.state(p.key) == "new"]


def answer(engine: Engine, rows: Sequence[Prepared], speak: bool) -> list[Spoken]:
    """The result of each row, with its sound where it is to be spoken: an error in the place of what cannot be."""
    good = [row for row in rows if row.error is None]
    began = perf_counter()
    answers = dict(zip((row.number for row in good), _answer(engine, good, speak), strict=True))
    seconds = (perf_counter() - began) / max(1, len(good))
    rate = engine.sample_rate
    return [_result(row, answers.get(row.number, row.error or ""), seconds, rate) for row in rows]


def _answer(engine: Engine, rows: Sequence[Prepared], speak: bool) -> list[Answered | str]:
    """All at once; one by one where that goes wrong, so that only the row at fault has none."""
    places: dict[int, int] = {}
    about = [places.setdefault(id(row.pixels), len(places)) for row in rows]
    pictures = {id(row.pixels): row.pixels for row in rows if row.pixels is not None}
    try:
        ready = [row.ready for row in rows if row.ready is not None]
        return list(way_of(engine).answer_ready(engine, list(pictures.values()), about, ready, speak))
    except Exception as error:
        if len(rows) == 1:
            return [plain(error)]
        return [answer for row in rows for answer in _answer(engine, [row], speak)]


def _result(row: Prepared, answer: Answered | str, seconds: float, rate: int) -> Spoken:
    if isinstance(answer, str):
        return Result(row.key, row.asked, error=answer), None
    result = Result(row.key, row.asked, answer.text, answer.heard, answer.confidence, round(seconds, 4))
    return result, None if answer.sound is None else Recording(answer.sound, rate)


class Writing:
    """Writes results in a thread of its own, in order. What goes wrong there is raised by the next `put` or the end."""

    def __init__(self, journal: Journal, sounds: Path) -> None:
        self._journal, self._sounds = journal, sounds
        self._queue: Queue[tuple[Sequence[Prepared], Sequence[Spoken]] | None] = Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="writer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._queue.put(None)
        self._thread.join()
        if kind is None:
            self._raise()

    def put(self, rows: Sequence[Prepared], results: Sequence[Spoken]) -> None:
        """Have a group written; waits while others are."""
        self._raise()
        # Pixels and sounds need not outlive the queue; of the rows, only what is written is kept.
        self._queue.put(([row.closed() for row in rows], results))

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        for group in iter(self._queue.get, None):
            if self._error is None:
                try:
                    self._write(*group)
                except BaseException as error:  # raised in the thread that puts
                    self._error = error

    def _write(self, rows: Sequence[Prepared], spoken: Iterable[Spoken]) -> None:
        results = [self._with_sound(*one) for one in spoken]
        thumbnails = ((row.key, row.thumbnail) for row in rows if row.thumbnail is not None)
        self._journal.write(((row.number, row.key) for row in rows), results, _files(rows), thumbnails)

    def _with_sound(self, result: Result, sound: Recording | None) -> Result:
        if sound is None:
            return result
        name = f"{result.key.hex()[:16]}.wav"
        write_wav(self._sounds / name, sound.samples, sound.rate)
        return replace(result, sound=name)


def _files(rows: Iterable[Prepared]) -> Iterator[FileHash]:
    return (file for row in rows for file in row.files)
