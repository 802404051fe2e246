"""The page: everything in it, nothing fetched, nothing that a file's name can break."""

from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sviqa_app.batch import page
from sviqa_app.batch.journal import Line, Result
from sviqa_app.batch.page import write_page
from sviqa_app.batch.rows import Row

EVIL = "</script><img src=http://evil/x onerror=alert(1)>"
VOID = {"meta", "input", "img", "link", "br"}


class Elements(HTMLParser):
    """All elements as they come, with their attributes, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def html(tmp_path: Path, recording_file: Path) -> str:
    sounds = recording_file.parent
    lines = [
        Line(
            1, Row("a", "in/a.jpg", str(recording_file)), Result(b"1", None, "Two.", "how many", 0.9, 0.5), b"\xff\xd8"
        ),
        Line(
            2,
            Row(EVIL, EVIL, words=EVIL, answers=("yes",)),
            Result(b"2", EVIL, EVIL, None, 0.5, 1.0, recording_file.name),
            None,
        ),
        Line(3, Row("c", "c.jpg", str(tmp_path / "gone.wav")), Result(b"3", error=EVIL), None),
        Line(4, Row("d", "d.jpg"), None, None),
    ]
    write_page(tmp_path / "report.html", lines, f"Title {EVIL}", ["4 rows", EVIL], sounds)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_is_fetched(html: str) -> None:
    elements = Elements(html)
    for _, attributes in elements.found:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not elements.all("link") and not re.search(r"url\(|@import|fetch\(|XMLHttp|import\(", html)
    assert "default-src 'none'" in html


def test_nothing_in_the_rows_becomes_part_of_the_page(html: str) -> None:
    elements = Elements(html)
    assert [a.get("type") for a in elements.all("script")] == ["text/plain", None] and not [
        a for _, a in elements.found if "onerror" in a
    ]
    assert EVIL in "".join(elements.texts)


def test_a_table_that_can_be_read_without_eyes_and_without_a_mouse(html: str) -> None:
    elements = Elements(html)
    heads = [a for a in elements.all("th") if a.get("role") == "columnheader"]
    assert len(heads) == 9 and len([a for a in elements.all("th") if a.get("role") == "rowheader"]) == 4
    assert elements.all("caption") and elements.all("html") == [{"lang": "en"}] and elements.all("main")
    labelled = {a["for"] for a in elements.all("label")}
    assert {a["id"] for tag in ("input", "select") for a in elements.all(tag)} == labelled
    plays = [a for a in elements.all("button") if a.get("class") == "play"]
    assert [a["aria-label"] for a in plays] == ["Play question 1", "Play answer 2"]
    assert {a.get("role") for tag in ("table", "thead", "tbody", "tr", "td") for a in elements.all(tag)} == {
        "table",
        "rowgroup",
        "row",
        "cell",
    }
    assert [a["data-state"] for a in elements.all("tr") if "data-state" in a] == [
        "answered",
        "answered",
        "failed",
        "waiting",
    ]
    assert any(a.get("role") == "status" for a in elements.all("p"))
    assert "prefers-color-scheme: dark" in html


def test_each_button_finds_its_sound(html: str, recording_file: Path) -> None:
    blocks = dict(re.findall(r'<script type="text/plain" id="sounds(\d+)">(.*?)</script>', html, re.DOTALL))
    sounds = [blocks[block].split("\n")[int(at)] for block, at in re.findall(r'data-sound="(\d+) (\d+)"', html)]
    assert [b64decode(sound) for sound in sounds] == 2 * [page.mp3(recording_file)]


def _luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(2 * d for d in colour)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_in_light_and_dark(html: str) -> None:
    themes = re.findall(r":root \{([^}]*--back[^}]*)\}", html)
    assert len(themes) == 2
    for theme in themes:
        light = {name: _luminance(colour) for name, colour in re.findall(r"--(\w+): #(\w+)", theme)}
        for name, least in (("text", 7), ("faint", 4.5), ("wrong", 4.5), ("key", 3), ("line", 3)):
            for ground in ("back", "head") if name in ("text", "key") else ("back",):
                high, low = sorted((light[name], light[ground]), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= least, (name, ground)


def test_the_first_rows_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "ROWS", 5)
    monkeypatch.setattr(page, "_AT_ONCE", 2)
    lines = (Line(n, Row(str(n), f"{n}.jpg"), None, None) for n in range(1, 100))
    write_page(tmp_path / "report.html", lines, "Title", [], tmp_path)
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert written.count('<tr role="row" data-state="waiting">') == 5 and next(lines).number <= 7
