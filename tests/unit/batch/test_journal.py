"""The record: planned, added to, found again, and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sviqa_app.batch.journal import FILE, FileHash, Journal, Result
from sviqa_app.batch.rows import Note, Row
from sviqa_app.errors import OutputError

ROWS = [Row(f"r{n}", f"{n}.jpg", words="what", answers=("a", "b") if n % 2 else ()) for n in range(5)]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / FILE)
    yield opened
    opened.close()


def test_the_plan_comes_back_as_it_was_made(journal: Journal) -> None:
    full = Row("é", "p", "s", "w", "f", "c", ("x", "y"), "q", "a", "fault")
    preview = journal.plan([*ROWS, Note("doubled", "cat", "why"), full])
    assert [planned.row for planned in journal.rows()] == [*ROWS, full]
    assert [planned.number for planned in journal.rows()] == list(range(1, 7))
    assert list(journal.notes()) == [Note("doubled", "cat", "why")]
    assert (preview.rows, preview.pictures, preview.notes) == (6, 6, {"doubled": 1})


def test_another_plan_takes_its_place_and_a_broken_one_does_not(journal: Journal) -> None:
    journal.plan(ROWS)
    journal.plan(ROWS[:2])
    assert journal.count() == 2

    def broken() -> Iterator[Row]:
        yield ROWS[3]
        raise OutputError("broken")

    with pytest.raises(OutputError):
        journal.plan(broken())
    assert [planned.row for planned in journal.rows()] == ROWS[:2]


def test_results_are_found_by_their_key_wherever_the_row_stands(journal: Journal) -> None:
    journal.plan(ROWS)
    journal.write([(1, b"k"), (2, b"f")], [Result(b"k", answer="yes"), Result(b"f", error="no")], [], [(b"k", b"jpg")])
    assert [journal.state(key) for key in (b"k", b"f", b"n")] == ["answered", "failed", "new"]
    assert journal.tally() == {"answered": 1, "failed": 1, "new": 3}
    journal.plan([row._replace(words="else") for row in ROWS])
    journal.write([(5, b"k")], [], [], [])
    lines = list(journal.lines())
    assert lines[4].result == Result(b"k", answer="yes") and lines[4].thumbnail == b"jpg"
    assert [line.result for line in lines[:4]] == [None] * 4


def test_a_row_keeps_its_result_until_it_is_read_again(journal: Journal) -> None:
    journal.plan(ROWS)
    journal.under(b"s")
    journal.write([(1, b"k"), (2, b"f")], [Result(b"k", answer="yes"), Result(b"f", error="no")], [], [])
    journal.plan([ROWS[4], ROWS[0], ROWS[1]._replace(words="else"), Row("new", "new.jpg")])
    journal.under(b"s")
    assert [line.result and line.result.answer for line in journal.lines()] == [None, "yes", None, None]
    journal.under(b"others")
    assert [line.result for line in journal.lines()] == [None] * 4
    assert journal.results() == 2


def test_nothing_is_answered_twice(journal: Journal) -> None:
    journal.write([], [Result(b"k", error="no")], [], [])
    journal.write([], [Result(b"k", answer="yes")], [], [])
    with pytest.raises(OutputError):
        journal.write([], [Result(b"k", answer="again")], [FileHash("p", 1, 2, b"h")], [])
    assert journal.state(b"k") == "answered" and journal.results() == 2
    assert journal.remembered("p", 1, 2) is None


def test_what_failed_is_forgiven_once(journal: Journal) -> None:
    journal.write([], [Result(b"k", error="no"), Result(b"y", answer="yes")], [], [])
    journal.forgive()
    assert (journal.state(b"k"), journal.state(b"y")) == ("new", "answered")
    journal.write([], [Result(b"k", error="no")], [], [])
    assert journal.state(b"k") == "failed"


def test_a_file_that_changed_is_another(journal: Journal) -> None:
    journal.write([], [], [FileHash("p", 1, 2, b"h")], [])
    assert journal.remembered("p", 1, 2) == b"h"
    assert journal.remembered("p", 1, 3) is None and journal.remembered("p", 2, 2) is None


def test_two_batches_do_not_share_a_folder(tmp_path: Path, journal: Journal) -> None:
    with pytest.raises(OutputError, match="in use by another batch"):
        Journal(tmp_path / FILE)


def test_damage_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(OutputError, match="damaged"):
        Journal(tmp_path / FILE)
    with pytest.raises(OutputError, match="cannot be opened"):
        Journal(tmp_path / "no" / FILE)


def test_one_for_a_preview_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    preview = Journal(None)
    preview.plan(ROWS)
    preview.close()
    assert not list(tmp_path.iterdir())


WRITER = """
    import sys
    from pathlib import Path
    from sviqa_app.batch.journal import FILE, Journal, Result
    from sviqa_app.batch.rows import Row

    journal = Journal(Path(sys.argv[1]) / FILE)
    journal.plan(Row(str(n), f"{n}.jpg", words="what") for n in range(200))
    print("ready", flush=True)
    for planned in journal.rows():
        key = planned.row.id.encode()
        new = journal.state(key) == "new"
        journal.write([(planned.number, key)], [Result(key, answer=planned.row.id)] if new else [], [], [])
        print(planned.row.id, flush=True)
"""


def test_killed_at_any_moment_no_row_is_lost_and_none_done_twice(tmp_path: Path) -> None:
    random = Random(7)
    told: set[str] = set()
    for _ in range(6):
        command = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for _ in range(random.randint(0, 60)):
                told.add(process.stdout.readline().strip())
            os.kill(process.pid, signal.SIGKILL)
        journal = Journal(tmp_path / FILE)
        answered = {line.row.id for line in journal.lines() if line.result is not None}
        assert [line.row.id for line in journal.lines()] == [str(n) for n in range(200)]
        journal.close()
        assert answered or not told
    subprocess.run(command, check=True, capture_output=True)
    journal = Journal(tmp_path / FILE)
    assert [line.result and line.result.answer for line in journal.lines()] == [str(n) for n in range(200)]
    assert journal.results() == 200
    journal.close()
