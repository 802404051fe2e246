"""What is told of the progress."""

from __future__ import annotations

import pytest

from sviqa_app.batch.progress import Control, Meter, Progress, duration


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress("loading", 1200), "0 of 1,200 rows"),
        (Progress("asking", 100, 50, 0, 0, 10.0), "50 of 100 rows, 5.0 a second, 10 s left"),
        (Progress("asking", 100, 50, 40, 2, 10.0), "50 of 100 rows, 1.0 a second, 2 failed, 50 s left"),
        (Progress("done", 100, 100, 100), "100 of 100 rows"),
        (Progress("done", 1, 1, 0, 0, 30.0), "1 of 1 row, 2 a minute"),
        (Progress("done", 9, 9, 0, 0, 3600.0), "9 of 9 rows, 9 an hour"),
        (Progress("done", 1, 1, 0, 0, 9000.0), "1 of 1 row, less than one an hour"),
        (Progress("done", 3, 3, 0, 3, 1.0), "3 of 3 rows, 3.0 a second, 3 failed"),
    ],
)
def test_in_words(progress: Progress, line: str) -> None:
    assert progress.line() == line


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (89, "89 s"), (120, "2 min"), (12_000, "3 h 20 min")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_counted_and_told() -> None:
    told: list[Progress] = []
    meter = Meter(10, told.append)
    meter.step("asking")
    meter.add(4, 1, 2)
    meter.add(6, 0, 0)
    assert [(p.done, p.kept, p.failed) for p in told] == [(0, 0, 0), (0, 0, 0), (4, 1, 2), (10, 1, 2)]
    assert meter.progress.asked == 9 and meter.progress.rate > 0 and meter.progress.remaining == 0


def test_pause_and_stop() -> None:
    control = Control()
    assert not control.paused and not control.stopped
    control.pause()
    assert control.paused
    control.stop()  # ends a pause as well
    control.wait()
    assert control.stopped and not control.paused
