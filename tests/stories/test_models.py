"""A model is fetched, stopped, gone on with, put to use and asked, with keys and a screen reader alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..unit.checkpoints.hub_server import FakeHub, serving
from .conftest import PICTURE, ROOT, SoundServer
from .reader import Reader, private_reader
from .screen import Desk, desk, wait_for

pytestmark = pytest.mark.timeout(900)
MODEL = ROOT / "models" / "sviqa-tiny"
CATALOG = """
[[model]]
name = "toy"
about = "The model that ships, fetched from a hub."
role = "whole"
engine = "end-to-end"
licence = "Apache-2.0"
repo = "o/toy"
files = ["*.json", "*.safetensors"]
size = 29000000
ram = 1000000000
"""
PACE = 4_000_000
"""Bytes a second: slow enough to be stopped."""


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A hub that has one model."""
    with serving({"o/toy": {path.name: path.read_bytes() for path in MODEL.iterdir()}}) as hub:
        yield hub


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A screen reader."""
    with private_reader() as made:
        yield made


@pytest.fixture
def place(sound_server: SoundServer, reader: Reader, hub: FakeHub) -> Iterator[Desk]:
    """A desk with a hub and a screen reader, where the models page is open."""
    with desk(sound_server.env | reader.env | {"HF_ENDPOINT": hub.url}) as made:
        catalog = made.home / ".config" / "sviqa" / "models.toml"
        catalog.parent.mkdir(parents=True)
        catalog.write_text(CATALOG)
        made.start()
        assert made.app is not None
        reader.process = made.app.pid
        made.press("ctrl+m")
        made.wait_for_dialog()
        yield made


def rows(reader: Reader) -> list[str]:
    """The models, as they are read."""
    return [node.name for node in reader.everything() if node.role == "list item"]


def told(reader: Reader, words: str, times: int = 1) -> None:
    """Wait until that was announced so many times."""
    wait_for(lambda: sum(words in text for text in reader.announced()) >= times, f"“{words}”")


def test_fetched_used_and_asked(place: Desk, reader: Reader, hub: FakeHub) -> None:
    assert place.app is not None
    row = "toy, fits, 29 MB, not installed, Apache-2.0: The model that ships, fetched from a hub."
    wait_for(lambda: row in rows(reader), "the list")
    place.focus()
    place.type("toy")
    wait_for(lambda: any(node.name == row for node in reader.focused()), "the row having the keyboard")
    hub.pace = PACE
    place.tap("alt+i")
    told(reader, "25 percent.")
    place.tap("alt+s")
    told(reader, "Stopped. What was downloaded is kept.")
    wait_for(lambda: any(name.startswith("toy, fits, 29 MB, partly downloaded") for name in rows(reader)), "the rest")
    hub.pace = 0
    place.tap("alt+i")
    told(reader, "toy is installed.")
    assert max(start for _, start in hub.starts) > 7_000_000  # what had come was not fetched again
    place.tap("alt+u")
    told(reader, "toy is ready.")
    assert any(name.startswith("toy, in use, fits, 29 MB, installed") for name in rows(reader))
    place.tap("Escape")
    place.wait_for_no_dialog()
    place.copy(str(PICTURE))
    place.press("ctrl+v")
    place.press("F6")
    place.press("F6")
    place.type("which number is shown")
    place.press("Return")
    wait_for(place.answers, "the answer")
    assert place.answers() == ["Seven."]
    assert json.loads((place.home / ".config" / "sviqa" / "settings.json").read_text())["model"] == "toy"
    assert "torch" not in Path(f"/proc/{place.app.pid}/maps").read_text()  # the window stays light
    assert place.quit() == 0


def test_a_licence_to_accept_first_is_one_plain_sentence_in_the_row(place: Desk, reader: Reader, hub: FakeHub) -> None:
    hub.token = "of somebody else"
    wait_for(lambda: len(rows(reader)) > 5, "the list")
    place.focus()
    place.type("toy")
    place.tap("alt+i")
    told(reader, "accepted its licence")
    wait_for(lambda: any(name.startswith("toy, failed") and "/o/toy" in name for name in rows(reader)), "the row")
    place.tap("Escape")
    place.wait_for_no_dialog()
    assert place.quit() == 0
