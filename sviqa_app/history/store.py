"""The history: what happens is written down, looked up and forgotten here.

A folder, readable by its owner only, holds history.db (what was said), pictures/ and sounds/. Every method that
writes or reads raises OutputError, in plain words, when it cannot.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from time import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from platformdirs import user_data_path

from ..errors import OutputError
from ..safekeeping import private_folder
from ..turn import Samples
from .belongings import Belongings
from .database import open_database, plainly
from .export import Form, export
from .presence import Presence
from .records import Conversation, Found, State, Turn
from .scratch import scratch_folder
from .words import END, HIT, clean, pieces, query

if TYPE_CHECKING:
    from PIL import Image

_DAY = 86_400.0
_DATABASE = "history.db"


def history_folder() -> Path:
    """Where this person's history is kept."""
    return user_data_path("sviqa", appauthor=False)


class History:
    """The conversations in one folder. Several windows may have it open, and several threads may use it.

    `warning` is a plain sentence where something was wrong with it on opening, else "".
    """

    def __init__(self, folder: Path, scratch: tempfile.TemporaryDirectory[str] | None = None) -> None:
        """Call `open` or `private` instead."""
        self._folder = folder
        self._lock = RLock()
        with ExitStack() as opened, plainly(folder / _DATABASE):
            if scratch is not None:
                opened.enter_context(scratch)
            private_folder(folder)
            self._database, self.warning = open_database(None if scratch else folder / _DATABASE)
            opened.enter_context(closing(self._database))
            self._presence = opened.enter_context(Presence(folder))
            self._belongings = Belongings(folder, self._presence)
            self._opened = opened.pop_all()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The history in `folder`, begun where there is none. A damaged one is set aside: see `warning`."""
        return cls(folder)

    @classmethod
    def private(cls) -> Self:
        """One of which nothing is left when it is closed: words in memory, files in a temporary folder."""
        with plainly(Path(tempfile.gettempdir())):
            scratch = scratch_folder()
        return cls(Path(scratch.name), scratch)

    def close(self) -> None:
        """Ends its use. Once is enough, twice does no harm."""
        with self._lock:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Writing down what happens.

    def begin_conversation(self, picture: Image.Image | None, source: str) -> int:
        """Keeps the picture, once however often it is asked about, and gives the conversation's number."""
        with self._transaction() as database:
            name = None if picture is None else self._belongings.keep_picture(picture)
            return _insert(database, "conversation", began=time(), source=_kept(source), picture=name)

    def place_for_speech(self) -> Path:
        """A fresh path, for a recording that is written while it is spoken."""
        return self._belongings.place_for_speech()

    def begin_turn(self, conversation: int, speech_file: Path | None, typed: str | None) -> int:
        """Writes the question down, safe on the disk when this returns, and gives the turn's number.

        A recording that is not from `place_for_speech` is copied.
        """
        return self._begin_turn(conversation, speech_file, typed, self._presence.token)

    def finish_turn(
        self,
        turn: int,
        heard: str | None,
        answer: str,
        sound: Samples | None,
        rate: int,
        seconds: Mapping[str, float | None],
    ) -> None:
        """Keeps the answer: [n] `sound` at `rate`. Nothing happens when the turn was deleted meanwhile."""
        with self._transaction() as database:
            if database.execute("SELECT 1 FROM turn WHERE id = ?", (turn,)).fetchone() is None:
                return
            name = None if sound is None or not len(sound) else self._belongings.keep_sound(turn, sound, rate)
            database.execute(
                "UPDATE turn SET state = 'done', heard = ?, answer = ?, sound = ?, seconds = ? WHERE id = ?",
                (_kept(heard), _kept(answer), name, json.dumps(dict(seconds)), turn),
            )

    def fail_turn(self, turn: int, why: str) -> None:
        """Says why a pending turn has no answer."""
        self._end(turn, "failed", why)

    def cancel_turn(self, turn: int) -> None:
        """A pending turn whose answer is not wanted any more."""
        self._end(turn, "cancelled", None)

    # What a crash left over.

    def pending(self) -> list[Turn]:
        """The turns whose window ended before their answer came, oldest first."""
        with self._reading() as database:
            rows = database.execute("SELECT * FROM turn WHERE state = 'pending' ORDER BY id").fetchall()
        return [self._turn(row) for row in rows if not self._presence.lasts(row["asker"])]

    def orphans(self) -> list[Path]:
        """The recordings that never became a turn, because the app ended while they were spoken, oldest first."""
        with self._reading() as database:
            return self._belongings.orphans(_named(database))

    def adopt(self, path: Path) -> int:
        """Makes a pending turn of such a recording, in the last conversation, and gives its number."""
        last = next(iter(self.conversations(1)), None)
        conversation = self.begin_conversation(None, "") if last is None else last.id
        return self._begin_turn(conversation, path, None, "")

    # Looking back.

    def conversations(self, limit: int = 50, before: int | None = None) -> list[Conversation]:
        """At most `limit`, newest first; of those begun before conversation `before`, where it is given."""
        with self._reading() as database:
            rows = database.execute(
                """
                SELECT id, began, source, picture,
                    (SELECT count(*) FROM turn WHERE conversation = conversation.id) AS turns,
                    (SELECT coalesce(nullif(typed, ''), heard) AS title FROM turn
                     WHERE conversation = conversation.id AND title <> '' ORDER BY id LIMIT 1) AS title
                FROM conversation WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2
                """,
                (before, limit),
            ).fetchall()
        return [self._conversation(row) for row in rows]

    def turns(self, conversation: int) -> list[Turn]:
        """In the order in which they were asked."""
        with self._reading() as database:
            rows = database.execute("SELECT * FROM turn WHERE conversation = ? ORDER BY id", (conversation,))
            return [self._turn(row) for row in rows]

    def search(self, words: str, limit: int = 50) -> list[Found]:
        """The turns in which all the words occur, the last perhaps only begun; best first. Any text will do."""
        if not (wanted := query(words)):
            return []
        with self._reading() as database:
            rows = database.execute(
                """
                SELECT turn.*, snippet(words, -1, ?, ?, '…', 16) AS snippet
                FROM words JOIN turn ON turn.id = words.rowid
                WHERE words MATCH ? ORDER BY rank, turn.id DESC LIMIT ?
                """,
                (HIT, END, wanted, limit),
            ).fetchall()
        return [Found(self._turn(row), pieces(row["snippet"])) for row in rows]

    def export(self, conversation: int, folder: Path, form: Form) -> Path:
        """Writes a conversation, with its picture and sounds, into a new folder in `folder`; gives the page's path.

        Overwrites nothing.
        """
        with self._reading() as database:
            rows = database.execute("SELECT *, 0 AS turns, '' AS title FROM conversation WHERE id = ?", (conversation,))
            row = rows.fetchone()
        if row is None:
            raise _forgotten()
        return export(self._conversation(row), self.turns(conversation), folder, form)

    # Forgetting.

    def delete_turn(self, turn: int) -> None:
        """Deletes its words and sounds; nothing of them is left on the disk."""
        self._erase("DELETE FROM turn WHERE id = ?", (turn,))

    def delete_conversation(self, conversation: int) -> None:
        """Deletes its words, its sounds and, where no other conversation is about it, its picture."""
        self._erase("DELETE FROM conversation WHERE id = ?", (conversation,))

    def delete_all(self) -> None:
        """Deletes everything but the recording that a window is making now."""
        self._erase("DELETE FROM conversation", (), strays_before=float("inf"))

    def forget_older_than(self, days: int) -> int:
        """Deletes the conversations in which nothing was asked for that many days; 0 deletes none. Gives how many."""
        if days <= 0:
            return 0
        limit = time() - days * _DAY
        older = """
            DELETE FROM conversation
            WHERE coalesce((SELECT max(asked) FROM turn WHERE conversation = conversation.id), began) < ?
        """
        return self._erase(older, (limit,), strays_before=limit)

    # How it is done.

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, plainly(self._folder / _DATABASE):
            yield self._database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One change, whole or not at all; no other window writes meanwhile."""
        with self._reading() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                database.rollback()
                raise

    def _begin_turn(self, conversation: int, speech: Path | None, typed: str | None, asker: str) -> int:
        """`asker` is the token of the window that waits for the answer, "" where none does."""
        with self._transaction() as database:
            if database.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation,)).fetchone() is None:
                raise _forgotten()
            name = None if speech is None else self._belongings.keep_speech(speech)
            values = {"asked": time(), "asker": asker, "speech": name, "typed": _kept(typed)}
            return _insert(database, "turn", conversation=conversation, **values)

    def _end(self, turn: int, state: State, why: str | None) -> None:
        """Only while it is pending: an answer that came is not lost."""
        with self._transaction() as database:
            ending = "UPDATE turn SET state = ?, why = ? WHERE id = ? AND state = 'pending'"
            database.execute(ending, (state, _kept(why), turn))

    def _erase(self, statement: str, values: tuple[float, ...], strays_before: float | None = None) -> int:
        """Deletes rows, the files that only they named and, where asked, stray files last written before a moment.

        Files go before the change is final: what was deleted must not come back as a recording found.
        """
        with self._transaction() as database:
            before = _named(database)
            deleted = database.execute(statement, values).rowcount
            self._belongings.remove(before - (left := _named(database)))
            if strays_before is not None:
                broken = self._folder.glob(f"{_DATABASE}.broken*")
                self._belongings.remove_strays(left, strays_before, broken)
            # The index keeps deleted words until its parts are merged.
            database.execute("INSERT INTO words (words) VALUES ('optimize')")
        with self._reading() as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return deleted

    def _conversation(self, row: sqlite3.Row) -> Conversation:
        picture = self._belongings.find(row["picture"])
        return Conversation(row["id"], _moment(row["began"]), row["source"], picture, row["title"] or "", row["turns"])

    def _turn(self, row: sqlite3.Row) -> Turn:
        return Turn(
            id=row["id"],
            conversation=row["conversation"],
            asked=_moment(row["asked"]),
            state=row["state"],
            speech=self._belongings.find(row["speech"]),
            typed=row["typed"],
            heard=row["heard"],
            answer=row["answer"],
            sound=self._belongings.find(row["sound"]),
            seconds=json.loads(row["seconds"]),
            why=row["why"],
        )


def _insert(database: sqlite3.Connection, table: str, **values: object) -> int:
    """Adds a row and gives its number."""
    places = ", ".join("?" * len(values))
    added = database.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", tuple(values.values()))
    assert added.lastrowid is not None
    return added.lastrowid


def _named(database: sqlite3.Connection) -> set[str]:
    """The files that rows name."""
    names = "SELECT picture FROM conversation UNION SELECT speech FROM turn UNION SELECT sound FROM turn"
    return {name for (name,) in database.execute(names) if name is not None}


def _kept(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _forgotten() -> OutputError:
    return OutputError("That conversation is not in the history any more.", "Begin a new one.")
