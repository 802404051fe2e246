"""A folder of pictures and questions becomes a table, by keys alone and read by a screen reader."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import PICTURE, QUESTION
from .reader import Reader, private_reader
from .screen import Desk, desk, wait_for
from .test_tree import faults

pytestmark = pytest.mark.timeout(900)
_BROWSER = '#!/bin/sh\necho "$1" >> "$HOME/opened"\n'
_ALL = 7
"""Rows: two for each picture, and one whose picture is broken."""


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A screen reader."""
    with private_reader() as made:
        yield made


@pytest.fixture
def place(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with a screen reader, and a browser that writes down what it is to show."""
    browser = tmp_path / "xdg-open"
    browser.write_text(_BROWSER)
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with desk(reader.env) as made:
        lay_out(made.home / "pictures")
        made.start()
        assert made.app is not None
        reader.process = made.app.pid
        yield made


def lay_out(folder: Path) -> None:
    """Three pictures with a spoken and a typed question each, one that is broken, and a recording too many."""
    folder.mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(PICTURE, folder / f"{name}.png")
        shutil.copy(QUESTION, folder / f"{name}.q1.wav")
        (folder / f"{name}.q2.txt").write_text("which number is shown")
    (folder / "d.png").write_text("no picture")
    (folder / "d.txt").write_text("what is this")
    shutil.copy(QUESTION, folder / "lonely.wav")


def said(reader: Reader, start: str) -> str:
    """What was announced that starts so, once it was; later announcements first."""
    return wait_for(
        lambda: next((text for text in reversed(reader.announced()) if text.startswith(start)), ""), f"“{start}…”"
    )


def named(reader: Reader) -> set[str]:
    """The names of all there is; on a busy machine not all of it answers each time."""
    return {node.name for node in reader.everything()}


def table(results: Path) -> list[dict[str, str]]:
    with (results / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_table(place: Desk, reader: Reader) -> None:
    results = place.home / "pictures-answers"
    place.press("ctrl+b")
    place.wait_for_dialog()

    # What is missing is said, and the keyboard is where it is missing.
    place.press("alt+s")
    said(reader, "No folder is chosen yet.")
    place.type(str(place.home / "pictures"))

    # What does not fit is said before anything starts.
    place.press("alt+s")
    assert said(reader, "7 rows: 4 pictures; 3 spoken, 4 written. 1 thing does not fit").endswith("Start to begin.")
    wait_for(lambda: {"    lonely.wav", "    a.png: a.q1.wav"} <= named(reader), "the list of what was found")
    assert faults(reader.everything()) == []
    assert not results.exists()

    # Started, paused, and stopped: nothing was asked yet, and everything is kept.
    place.press("alt+s")
    said(reader, "Starting.")
    place.press("alt+u")
    said(reader, "Pausing: ")
    assert said(reader, "Paused: ").endswith("rows. Press Continue to go on.")
    place.press("alt+o")
    assert "Press Resume to go on" in said(reader, "Stopped: 0 of 7 rows")
    assert [row["answer"] for row in table(results)] == [""] * _ALL

    # Gone on with: every row once, the broken one with its error.
    place.press("alt+s")
    assert "1 failed" in said(reader, "Done: 7 of 7 rows")
    rows = table(results)
    assert [row["answer"] for row in rows[1::2]] == ["Seven."] * 3
    assert [bool(row["error"]) for row in rows] == [False] * 6 + [True]
    assert rows[0]["heard"] == "where is the dog"

    # The report is opened.
    place.press("alt+n")
    opened = place.home / "opened"
    assert wait_for(lambda: opened.exists() and opened.read_text(), "the browser").strip().endswith("/report.html")

    # Once more, and Escape in the middle of it: the page asks, stops, and closes.
    place.press("alt+s")
    wait_for(lambda: reader.announced()[-1].startswith(("Starting", "Loading")), "the start")
    place.press("Escape")
    wait_for(lambda: len(reader.windows()) == 3, "the question")
    place.press("alt+y")
    wait_for(lambda: len(reader.windows()) == 1, "the end of the page")
    with closing(sqlite3.connect(results / "batch.sqlite")) as journal:
        # One question spoken, one typed, about pictures that are the same, and the broken one.
        assert journal.execute("SELECT count(*), count(DISTINCT key) FROM result").fetchone() == (3, 3)
    assert place.quit() == 0

    # Another day: the page remembers, and nothing is lost.
    reader.announced().clear()
    place.start()
    assert place.app is not None
    reader.process = place.app.pid
    place.press("ctrl+b")
    place.wait_for_dialog()
    place.press("alt+p")
    assert "holds a batch already" in said(reader, "7 rows: 4 pictures")
    wait_for(lambda: "Resume" in named(reader), "the button that goes on")
    place.press("alt+s")
    said(reader, "Done: 7 of 7 rows")
    assert table(results) == rows
    place.press("Escape")
    place.wait_for_no_dialog()
    assert place.quit() == 0
