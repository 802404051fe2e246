"""What is asked of what: one row of the table, and what was found beside the rows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"))
RECORDINGS = frozenset((".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf"))
TEXTS = frozenset((".txt",))

Why = Literal[
    "picture without a question",
    "question without a picture",
    "doubled",
    "missing",
    "unreadable",
    "not used",
    "neither picture nor question",
]


class Row(NamedTuple):
    """One question about one picture, as files name them. Nothing was opened yet.

    It is asked with the recording `speech`, with `words` or those in `words_file`, or with both. `caption` is what
    a spoken question is known to say; it is shown, not asked. `fault` is why the row cannot be asked at all.
    """

    id: str
    picture: str
    speech: str | None = None
    words: str | None = None
    words_file: str | None = None
    caption: str | None = None
    answers: tuple[str, ...] = ()
    question_type: str = ""
    answer_type: str = ""
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be said before the start: `what` was found, and the details."""

    why: Why
    what: str
    detail: str = ""


Item = Row | Note


@dataclass(frozen=True)
class Given:
    """The question that is asked of every picture that has none of its own; of a folder's pictures, always."""

    words: str | None = None
    speech: str | None = None

    def __bool__(self) -> bool:
        return bool(self.words or self.speech)


def is_text(name: str) -> bool:
    """Whether a file's name is valid Unicode, which a table can hold."""
    return name.isascii() or name.encode("utf-8", "replace") == name.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=64)
def names_in(folder: str) -> frozenset[str]:
    """The names in a folder, read once; empty where it cannot be listed."""
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208
    except (OSError, ValueError):
        return frozenset()


def is_there(path: str) -> bool:
    """Whether a file is there, found out by listing its folder: one look for all of them."""
    folder, name = os.path.split(path)
    return name in names_in(folder or ".")


@dataclass
class Preview:
    """What was planned: how many rows of which kind, and how much of what was noted, with the first of each."""

    rows: int = 0
    pictures: int = 0
    spoken: int = 0
    written: int = 0
    both: int = 0
    notes: dict[Why, int] = field(default_factory=dict)
    examples: dict[Why, list[Note]] = field(default_factory=dict)

    SHOWN = 5

    def count(self, item: Item) -> None:
        """One more; `pictures` counts rows whose picture is not that of the row before."""
        if isinstance(item, Note):
            self.notes[item.why] = self.notes.get(item.why, 0) + 1
            shown = self.examples.setdefault(item.why, [])
            if len(shown) < self.SHOWN:
                shown.append(item)
            return
        self.rows += 1
        typed = item.words is not None or item.words_file is not None
        self.both += typed and item.speech is not None
        self.spoken += not typed and item.speech is not None
        self.written += typed and item.speech is None

    def lines(self, brief: bool = False) -> list[str]:
        """For a person to read before the start; `brief` without examples of what was noted."""
        told = [f"{counted(self.rows, 'row')}: {counted(self.pictures, 'picture')}; {self._kinds()}."]
        for why, count in self.notes.items():
            shown = [] if brief else self.examples[why]
            told.append(f"{why[0].upper()}{why[1:]}: {count:,}")
            told += [f"    {note.what}{': ' if note.detail else ''}{note.detail}" for note in shown]
            if count > len(shown) and not brief:
                told.append(f"    and {count - len(shown):,} more")
        return told

    def _kinds(self) -> str:
        kinds = {"spoken": self.spoken, "written": self.written, "both spoken and written": self.both}
        return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count) or "no questions"


def counted(count: int, what: str) -> str:
    """So many of something, in words: 1 row, 1,000 rows."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def below(folder: Path, name: str) -> str:
    """A path as a list names it, from `folder` on unless it is absolute."""
    return os.path.join(folder, name)  # noqa: PTH118
