"""Pairs by name in a folder and those below it: cat.jpg with cat.wav, cat.q1.wav and cat.q2.txt.

A picture without questions of its own is asked the nearest folder's: question.wav, question.txt, question.q1.wav …
A recording and a text of the same name are one question, asked both ways. Names are compared without regard to
capitals. Nothing is opened, and nothing asked of the disk but what is in each folder.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .rows import PICTURES, RECORDINGS, TEXTS, Given, Item, Note, Row, Why, is_text

_NUMBER = re.compile(r"[0-9]{1,9}")
_FOLDERS_QUESTION = "question"

Asked = dict[int, "_Question"]


@dataclass
class _Question:
    """The files that ask one question; more than one of a kind are one too many."""

    speech: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    @property
    def doubled(self) -> bool:
        return len(self.speech) > 1 or len(self.text) > 1

    @property
    def names(self) -> list[str]:
        return sorted(self.speech + self.text)


@dataclass
class _Folder:
    """What is in one folder, by kind. `path` ends in a separator. Pictures and questions are by what compares them."""

    path: str
    shown: str
    pictures: dict[str, list[str]] = field(default_factory=dict)
    questions: dict[str, list[str]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add(self, entry: os.DirEntry[str]) -> None:
        name = entry.name
        if not is_text(name):
            broken = name.encode("utf-8", "replace").decode()
            self.notes.append(Note("unreadable", self.shown + broken, "its name is not valid text: rename it"))
            return
        stem, dot, suffix = name.rpartition(".")
        suffix = dot + suffix.lower()
        if entry.is_dir(follow_symlinks=False):
            self.folders.append(name)
        elif suffix in PICTURES and stem:
            self.pictures.setdefault(_compared(stem), []).append(name)
        elif (suffix in RECORDINGS or suffix in TEXTS) and stem:
            self.questions.setdefault(_compared(stem), []).append(name)
        elif entry.is_symlink() and entry.is_dir():
            self.notes.append(Note("not used", self.shown + name, "a link to a folder is not followed"))
        else:
            self.notes.append(Note("neither picture nor question", self.shown + name))

    def asked(self) -> dict[str, Asked]:
        """The questions by the picture they belong to, or would belong to, in the order of their numbers."""
        asked: dict[str, Asked] = {}
        for stem in sorted(self.questions):
            about, mark, number = ("", "", "") if stem in self.pictures else stem.rpartition(".q")
            if not mark or not _NUMBER.fullmatch(number):
                about, number = stem, "0"
            question = asked.setdefault(about, {}).setdefault(int(number), _Question())
            for name in self.questions[stem]:
                (question.text if name.lower().endswith(".txt") else question.speech).append(name)
        return {about: dict(sorted(questions.items())) for about, questions in asked.items()}


def pair_folder(root: Path, given: Given, out: Path | None = None) -> Iterator[Item]:
    """The rows of a folder and those below it, in the order of their names, and what does not pair.

    `given` is asked of every picture in place of what lies beside it. The folder `out` is passed over.
    """
    own = None if out is None else os.path.realpath(out)
    waiting: list[tuple[str, str, tuple[Row, ...]]] = [(str(root), "", ())]
    while waiting:
        path, shown, inherited = waiting.pop()
        folder = _Folder(os.path.join(path, ""), shown)  # noqa: PTH118
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    folder.add(entry)
        except OSError as error:
            yield Note("unreadable", shown or path, f"the folder cannot be listed ({error.strerror})")
            continue
        asked = folder.asked()
        if not given:
            inherited = _questions_of_folder(folder, asked) or inherited
        yield from _pair(folder, asked, given, inherited)
        below = [(folder.path + name, f"{shown}{name}/", inherited) for name in sorted(folder.folders)]
        waiting += [item for item in reversed(below) if own is None or os.path.realpath(item[0]) != own]


def _questions_of_folder(folder: _Folder, asked: Mapping[str, Asked]) -> tuple[Row, ...]:
    """The folder's own questions, as rows that lack their picture."""
    if _FOLDERS_QUESTION in folder.pictures:
        return ()
    questions = asked.get(_FOLDERS_QUESTION, {})
    return tuple(_row(folder, _tail(n), "", q) for n, q in questions.items() if not q.doubled)


def _pair(folder: _Folder, asked: dict[str, Asked], given: Given, inherited: tuple[Row, ...]) -> Iterator[Item]:
    yield from sorted(folder.notes, key=lambda note: note.what)
    for stem in sorted(folder.pictures):
        names = sorted(folder.pictures[stem])
        own = {} if given else asked.pop(stem, {})
        if own and len(names) > 1:
            names += [name for question in own.values() for name in question.names]
            yield _doubled(folder, names, "which picture is asked about is not clear")
            continue
        for name in names:
            yield from _ask(folder, name, len(names) > 1, own, given, inherited)
    for about, questions in sorted(asked.items()):
        yield from _unasked(folder, about, questions, given)


def _ask(
    folder: _Folder, name: str, whole: bool, own: Asked, given: Given, inherited: tuple[Row, ...]
) -> Iterator[Item]:
    """The rows of one picture. `whole`: its name needs its suffix to be told from another's."""
    id = folder.shown + (name if whole else name.rpartition(".")[0])
    picture = folder.path + name
    if given:
        yield Row(id, picture, given.speech, given.words)
    elif own:
        for number, question in own.items():
            if question.doubled:
                yield _doubled(folder, question.names, "which of them is the question is not clear")
            else:
                yield _row(folder, id + _tail(number), picture, question)
    elif inherited:
        for row in inherited:
            yield Row(id + row.id, picture, row.speech, None, row.words_file)
    else:
        yield Note("picture without a question", folder.shown + name)


def _unasked(folder: _Folder, about: str, questions: Asked, given: Given) -> Iterator[Note]:
    """What is to be said of questions that no picture in the folder has the name of."""
    for question in questions.values():
        if about == _FOLDERS_QUESTION and question.doubled:
            yield _doubled(folder, question.names, "which of them is the folder's question is not clear")
        elif given or about != _FOLDERS_QUESTION:
            why: Why = "not used" if given else "question without a picture"
            detail = "another question is asked of every picture" if given else ""
            yield from (Note(why, folder.shown + name, detail) for name in question.names)


def _row(folder: _Folder, id: str, picture: str, question: _Question) -> Row:
    speech = folder.path + question.speech[0] if question.speech else None
    text = folder.path + question.text[0] if question.text else None
    return Row(id, picture, speech, words_file=text)


def _tail(number: int) -> str:
    return f".q{number}" if number else ""


def _doubled(folder: _Folder, names: list[str], detail: str) -> Note:
    return Note("doubled", ", ".join(folder.shown + name for name in names), detail)


def _compared(stem: str) -> str:
    """A name as it is compared: macOS takes accents apart, and cameras write capitals."""
    return stem.lower() if stem.isascii() else unicodedata.normalize("NFC", stem).casefold()
