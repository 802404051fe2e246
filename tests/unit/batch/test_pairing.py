"""What is asked of what, by the names in a folder."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from sviqa_app.batch.pairing import pair_folder
from sviqa_app.batch.rows import Given, Note, Row

NOTHING = Given()


def make(folder: Path, names: str) -> Path:
    """Empty files, whose names are parted by spaces."""
    for name in names.split():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def pairs(folder: Path, given: Given = NOTHING) -> list[str]:
    """The rows, each as "id: picture speech words_file", and the notes, each as "why: what", as they come."""
    told = []
    for item in pair_folder(folder, given, folder / "results"):
        if isinstance(item, Note):
            told.append(f"{item.why}: {item.what}")
        else:
            paths = (item.picture, item.speech, item.words_file)
            told.append(" ".join([f"{item.id}:", *(os.path.relpath(p, folder) for p in paths if p)]))
    return told


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("cat.jpg cat.wav", ["cat: cat.jpg cat.wav"]),
        ("cat.jpg cat.txt", ["cat: cat.jpg cat.txt"]),
        ("cat.jpg cat.wav cat.txt", ["cat: cat.jpg cat.wav cat.txt"]),
        ("CAT.JPG cat.Wav", ["CAT: CAT.JPG cat.Wav"]),
        ("cat.jpg cat.q1.wav cat.q2.txt", ["cat.q1: cat.jpg cat.q1.wav", "cat.q2: cat.jpg cat.q2.txt"]),
        ("cat.jpg cat.q10.wav cat.q9.wav", ["cat.q9: cat.jpg cat.q9.wav", "cat.q10: cat.jpg cat.q10.wav"]),
        ("cat.jpg cat.wav cat.q1.txt", ["cat: cat.jpg cat.wav", "cat.q1: cat.jpg cat.q1.txt"]),
        ("cat.q1.jpg cat.q1.wav", ["cat.q1: cat.q1.jpg cat.q1.wav"]),
        ("a.b.png a.b.q3.mp3", ["a.b.q3: a.b.png a.b.q3.mp3"]),
        ("a.jpg b.png question.wav", ["a: a.jpg question.wav", "b: b.png question.wav"]),
        ("a.jpg a.txt b.png question.wav", ["a: a.jpg a.txt", "b: b.png question.wav"]),
        ("a.jpg question.q1.wav question.q2.txt", ["a.q1: a.jpg question.q1.wav", "a.q2: a.jpg question.q2.txt"]),
        ("question.jpg question.wav", ["question: question.jpg question.wav"]),
        ("s/a.jpg s/a.wav b.jpg b.wav", ["b: b.jpg b.wav", "s/a: s/a.jpg s/a.wav"]),
        (
            "question.wav a/x.jpg b/question.txt b/c/x.jpg",
            ["a/x: a/x.jpg question.wav", "b/c/x: b/c/x.jpg b/question.txt"],
        ),
        ("results/a.jpg results/a.wav", []),
        ("x/results/a.jpg x/results/a.wav", ["x/results/a: x/results/a.jpg x/results/a.wav"]),
    ],
)
def test_pairs(tmp_path: Path, names: str, expected: list[str]) -> None:
    assert pairs(make(tmp_path, names)) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("cat.jpg", ["picture without a question: cat.jpg"]),
        ("cat.wav", ["question without a picture: cat.wav"]),
        ("cat.q1.wav", ["question without a picture: cat.q1.wav"]),
        ("cat.jpg cat.png cat.wav", ["doubled: cat.jpg, cat.png, cat.wav"]),
        ("cat.jpg cat.wav cat.mp3", ["doubled: cat.mp3, cat.wav"]),
        (
            "a.jpg question.wav question.mp3",
            ["picture without a question: a.jpg", "doubled: question.mp3, question.wav"],
        ),
        ("cat.jpg cat.png question.wav", ["cat.jpg: cat.jpg question.wav", "cat.png: cat.png question.wav"]),
        ("notes.md .hidden", ["neither picture nor question: .hidden", "neither picture nor question: notes.md"]),
    ],
)
def test_what_does_not_pair_is_told(tmp_path: Path, names: str, expected: list[str]) -> None:
    assert pairs(make(tmp_path, names)) == expected


def test_one_question_for_all(tmp_path: Path) -> None:
    folder = make(tmp_path, "a.jpg a.wav s/b.png s/question.txt")
    rows = list(pair_folder(folder, Given("what is it", "q.wav")))
    assert [(r.id, r.words, r.speech) for r in rows if isinstance(r, Row)] == [
        ("a", "what is it", "q.wav"),
        ("s/b", "what is it", "q.wav"),
    ]
    assert [(n.why, n.what) for n in rows if isinstance(n, Note)] == [
        ("not used", "a.wav"),
        ("not used", "s/question.txt"),
    ]


def test_accents_taken_apart_are_the_same(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "é.jpg")).touch()
    (tmp_path / unicodedata.normalize("NFC", "É.wav")).touch()
    assert len(pairs(tmp_path)) == 1


def test_names_that_are_no_text_and_links_to_folders(tmp_path: Path) -> None:
    make(tmp_path, "a/b.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with open(os.fsencode(tmp_path) + b"/\xff.jpg", "wb"):  # noqa: PTH123
        pass
    told = sorted(pairs(tmp_path))
    assert told[0].startswith("not used: link") and told[-1].startswith("unreadable: ")


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg a.wav locked/b.jpg")
    scan = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert pairs(tmp_path) == ["a: a.jpg a.wav", "unreadable: locked/"]


def test_deep_folders_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    here = Path(os.getcwd())  # noqa: PTH109
    os.chdir(tmp_path)
    try:
        for _ in range(300):
            os.mkdir("d")  # noqa: PTH102
            os.chdir("d")
    finally:
        os.chdir(here)
    assert pairs(tmp_path) == []
