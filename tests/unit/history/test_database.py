"""A database of any age or state opens, or says in plain words why it does not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sviqa_app.errors import OutputError
from sviqa_app.history import History, database
from sviqa_app.media.audio import write_wav
from sviqa_app.turn import Recording


def version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "history.db")) as file:
        return int(file.execute("PRAGMA user_version").fetchone()[0])


def fill(folder: Path, turns: int) -> None:
    with History.open(folder) as history:
        conversation = history.begin_conversation(None, "")
        for n in range(turns):
            history.begin_turn(conversation, None, f"question {n} " * 20)


@pytest.mark.parametrize("begun", [False, True], ids=["no bytes", "no tables"])
def test_an_empty_file_is_brought_up_to_date(begun: bool, folder: Path) -> None:
    folder.mkdir()
    (folder / "history.db").touch(0o644)
    if begun:
        with closing(sqlite3.connect(folder / "history.db")) as file:
            file.executescript("CREATE TABLE t (x); DROP TABLE t;")
    with History.open(folder) as history:
        assert history.warning == "" and history.begin_conversation(None, "") == 1
    assert version(folder) == database.VERSION
    assert (folder / "history.db").stat().st_mode & 0o777 == 0o600


def test_an_older_one_keeps_what_it_holds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, 3)
    step = ("ALTER TABLE turn ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'",)
    monkeypatch.setattr(database, "_STEPS", (*database._STEPS, step))
    monkeypatch.setattr(database, "VERSION", database.VERSION + 1)
    for _ in range(2):
        with History.open(folder) as history:
            assert len(history.turns(1)) == 3 and len(history.search("question")) == 3
    assert version(folder) == database.VERSION


def test_a_step_that_fails_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, 1)
    before = version(folder)
    monkeypatch.setattr(database, "_STEPS", (*database._STEPS, ("CREATE TABLE new (x)", "nonsense")))
    with pytest.raises(OutputError):
        History.open(folder)
    monkeypatch.undo()
    assert version(folder) == before
    with closing(sqlite3.connect(folder / "history.db")) as file:
        assert not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'new'").fetchall()


def test_a_newer_one_is_refused_and_left_alone(folder: Path) -> None:
    fill(folder, 1)
    with closing(sqlite3.connect(folder / "history.db")) as file:
        file.execute(f"PRAGMA user_version = {database.VERSION + 1}")
    with pytest.raises(OutputError, match="newer version"):
        History.open(folder)
    assert version(folder) == database.VERSION + 1
    assert not list(folder.glob("*broken*"))


def test_what_is_no_database_is_set_aside(folder: Path, recording: Recording) -> None:
    folder.mkdir()
    for name in ("history.db.broken", "history.db.broken-2"):
        (folder / "history.db").write_bytes(b"not a database " * 500)
        with History.open(folder) as history:
            assert str(folder / name) in history.warning and history.conversations() == []
        assert (folder / name).read_bytes().startswith(b"not a database")


def test_damage_within_is_found_on_opening_and_the_recordings_are_offered(folder: Path, recording: Recording) -> None:
    with History.open(folder) as history:
        place = history.place_for_speech()
        write_wav(place, recording.samples, recording.rate)
        history.begin_turn(history.begin_conversation(None, ""), place, None)
    fill(folder, 200)
    content = bytearray((folder / "history.db").read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    (folder / "history.db").write_bytes(content)
    with History.open(folder) as history:
        assert "damaged" in history.warning
        assert history.conversations() == [] and history.orphans() == [place]
        history.adopt(place)
    with History.open(folder) as history:
        assert history.warning == "" and len(history.pending()) == 1


def test_the_journal_goes_with_the_database_it_belongs_to(folder: Path) -> None:
    folder.mkdir()
    for suffix in ("", "-wal", "-shm"):
        (folder / f"history.db{suffix}").touch()
    database._put_away(folder / "history.db")
    assert {path.name for path in folder.iterdir()} == {"history.db.broken", "history.db.broken-wal"}


@pytest.mark.parametrize("place", ["file", "file/sviqa"])
def test_a_folder_that_cannot_be_written_is_one_plain_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as error:
        History.open(tmp_path / place)
    assert error.value.what and error.value.next


def test_a_folder_in_place_of_the_database_is_one_plain_error(folder: Path) -> None:
    (folder / "history.db").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot be opened"):
        History.open(folder)


def test_a_full_disk_loses_nothing_that_was_there(history: History) -> None:
    conversation = history.begin_conversation(None, "")
    turn = history.begin_turn(conversation, None, "kept")
    (pages,) = history._database.execute("PRAGMA page_count").fetchone()
    history._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OutputError, match="disk is full"):
        history.finish_turn(turn, None, "long " * 10_000, None, 16_000, {})
    (asked,) = history.turns(conversation)
    assert (asked.state, asked.typed, asked.answer) == ("pending", "kept", None)
    history._database.execute("PRAGMA max_page_count = 1000000")
    history.finish_turn(turn, None, "long " * 10_000, None, 16_000, {})
    assert history.turns(conversation)[0].state == "done"


def test_another_window_that_does_not_stop_writing_is_one_plain_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with History.open(folder) as history, closing(sqlite3.connect(folder / "history.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutputError, match="another window"):
            history.begin_conversation(None, "")
        assert history.conversations() == [], "reading goes on"
        other.rollback()
        assert history.begin_conversation(None, "") == 1
