"""The plain runner: files are read, rows answered and results written at the same time, on one machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from queue import Queue
from threading import Thread
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..engine.many import Answered, answer_ready, at_once
from ..media.audio import write_wav
from .journal import FileHash, Journal, Result
from .progress import Control, Meter, Progress, Tell
from .reading import Prepared, Reader, plain

if TYPE_CHECKING:
    from ..engine.end_to_end import EndToEnd
    from ..turn import Samples

_WAITING = 2  # groups whose results may wait to be written

Spoken = tuple[Result, "Samples | None"]


def run(reader: Reader, journal: Journal, sounds: Path, control: Control, tell: Tell, threads: int = 2) -> Progress:
    """Ask what is planned and has no result yet. Spoken answers become files in the folder `sounds`.

    `threads` read the files. Raises OutputError where results cannot be written; what was told of before is kept.
    """
    meter = Meter(journal.count(), tell)
    meter.step("asking")
    recent: deque[dict[bytes, bool]] = deque(maxlen=_WAITING + 2)  # keys just asked, and whether they failed
    size = 2 * at_once(reader.engine)
    with closing(reader.read(threads)) as rows, Writing(journal, sounds, reader.engine.sample_rate) as writing:
        while _may_go_on(control, meter) and (group := list(islice(rows, size))):
            known = {key: failed for keys in recent for key, failed in keys.items()}
            fresh = _fresh(group, known, journal)
            results = answer(reader.engine, fresh, reader.settings.speak)
            recent.append({result.key: result.error is not None for result, _ in results})
            writing.put(group, results)
            failed = known | recent[-1]
            meter.add(
                done=len(group),
                kept=sum(p.state != "new" for p in group),
                failed=sum(failed.get(p.key, p.state == "failed") for p in group),
            )
    return meter.progress


def _may_go_on(control: Control, meter: Meter) -> bool:
    """Waits as long as the run is paused."""
    if control.paused:
        meter.step("paused")
        control.wait()
        meter.step("asking")
    return not control.stopped


def _fresh(group: Iterable[Prepared], known: dict[bytes, bool], journal: Journal) -> list[Prepared]:
    """What is to be asked: of rows that are the same in everything, the first."""
    fresh = {p.key: p for p in reversed(list(group)) if p.state == "new" and p.key not in known}
    return [p for p in reversed(fresh.values()) if journal.state(p.key) == "new"]


def answer(engine: EndToEnd, rows: Sequence[Prepared], speak: bool) -> list[Spoken]:
    """The result of each row, with its sound where it is to be spoken: an error in the place of what cannot be."""
    good = [row for row in rows if row.error is None]
    began = perf_counter()
    answers = dict(zip((row.number for row in good), _answer(engine, good, speak), strict=True))
    seconds = (perf_counter() - began) / max(1, len(good))
    return [_result(row, answers.get(row.number, row.error or ""), seconds) for row in rows]


def _answer(engine: EndToEnd, rows: Sequence[Prepared], speak: bool) -> list[Answered | str]:
    """All at once; one by one where that goes wrong, so that only the row at fault has none."""
    places: dict[int, int] = {}
    about = [places.setdefault(id(row.pixels), len(places)) for row in rows]
    pictures = {id(row.pixels): row.pixels for row in rows if row.pixels is not None}
    try:
        ready = [row.ready for row in rows if row.ready is not None]
        return list(answer_ready(engine, list(pictures.values()), about, ready, speak))
    except Exception as error:
        if len(rows) == 1:
            return [plain(error)]
        return [answer for row in rows for answer in _answer(engine, [row], speak)]


def _result(row: Prepared, answer: Answered | str, seconds: float) -> Spoken:
    if isinstance(answer, str):
        return Result(row.key, row.asked, error=answer), None
    result = Result(row.key, row.asked, answer.text, answer.heard, answer.confidence, round(seconds, 4))
    return result, answer.sound


class Writing:
    """Writes results in a thread of its own, in order. What goes wrong there is raised by the next `put` or the end."""

    def __init__(self, journal: Journal, sounds: Path, rate: int) -> None:
        self._journal, self._sounds, self._rate = journal, sounds, rate
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
        self._queue.put(([replace(row, pixels=None, ready=None) for row in rows], results))

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

    def _with_sound(self, result: Result, sound: Samples | None) -> Result:
        if sound is None:
            return result
        name = f"{result.key.hex()[:16]}.wav"
        write_wav(self._sounds / name, sound, self._rate)
        return replace(result, sound=name)


def _files(rows: Iterable[Prepared]) -> Iterator[FileHash]:
    return (file for row in rows for file in row.files)
