"""Installing in a process of its own: told step by step, cancelled at any time, gone on with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from sviqa_app.gui.models_errand import Errand, Finished, Job, News, Step, Stopped, Trouble
from sviqa_app.gui.models_process import result

from ..checkpoints.conftest import FILES
from ..checkpoints.hub_server import FakeHub, serving

PATIENCE = 150  # seconds for one piece of news, on a machine that is busy with other things
CATALOG = """
[[model]]
name = "toy"
about = "A toy."
role = "eye"
engine = "cascade"
licence = "MIT"
repo = "o/toy"
files = ["*.json", "*.safetensors"]
size = 700000
ram = 1000000
[[model]]
name = "small"
about = "A part of it."
role = "ear"
engine = "cascade"
licence = "MIT"
repo = "o/toy"
files = ["*.json"]
size = 100
ram = 1000000
[[model]]
name = "both"
about = "Two toys."
role = "whole"
engine = "cascade"
licence = "MIT"
parts = ["small", "toy"]
"""
LARGEST = 400_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's folders, with a catalog, for this process and for those it starts. Gives where models go."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "sviqa").mkdir()
    (tmp_path / "sviqa" / "models.toml").write_text(CATALOG)
    return tmp_path / "sviqa" / "models"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub on the loopback."""
    with serving({"o/toy": FILES}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def follow(job: Job) -> tuple[Errand, Queue[News]]:
    news: Queue[News] = Queue()
    return Errand(job, news.put), news


def done(job: Job) -> list[News]:
    """All the news of a job."""
    _, news = follow(job)
    heard = [news.get(timeout=PATIENCE)]
    while isinstance(heard[-1], Step):
        heard.append(news.get(timeout=PATIENCE))
    return heard


def test_installed_verified_stopped_and_gone_on_with(home: Path, hub: FakeHub) -> None:
    hub.pace = 200_000
    errand, news = follow(Job("install", "both"))
    while (step := news.get(timeout=PATIENCE)) and isinstance(step, Step) and step.done < 100_000:
        pass
    assert isinstance(step, Step) and step.part == "toy" and step.total > LARGEST
    errand.cancel()
    while isinstance(last := news.get(timeout=PATIENCE), Step):
        pass
    assert last == Stopped()
    kept = sum(path.stat().st_size for path in home.glob(".installing/toy/*/*") if path.is_file())
    assert kept >= 50_000
    hub.pace = 0
    *steps, last = done(Job("install", "both"))
    assert last == Finished() and steps[0].done > 0 and steps[-1].done == steps[-1].total
    assert (home / "toy" / "model-1.safetensors").read_bytes() == FILES["model-1.safetensors"]
    assert done(Job("verify", "both"))[-1] == Finished()
    (home / "toy" / "model-1.safetensors").write_bytes(b"x" * LARGEST)
    damaged = done(Job("verify", "both"))[-1]
    assert isinstance(damaged, Trouble) and "toy is damaged" in damaged.what and "Install" in damaged.next


@pytest.mark.parametrize(
    ("job", "what"),
    [
        (Job("install", "nothing"), "There is no model nothing"),
        (Job("verify", "toy"), "The model toy is not installed"),
        (Job("install", "step-audio-chat"), "needs a server"),
    ],
)
def test_what_cannot_be_done_is_one_plain_sentence(home: Path, job: Job, what: str) -> None:
    trouble = result(job, print)
    assert isinstance(trouble, Trouble) and what in trouble.what and trouble.next


def test_what_nobody_foresaw_is_one_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sviqa_app.gui.models_process.load_catalog", lambda: 1 / 0)
    assert result(Job("install", "toy"), print) == Trouble(
        "Something went wrong (ZeroDivisionError: division by zero).", "Try again."
    )


def test_a_licence_to_accept_first_is_said(home: Path, hub: FakeHub) -> None:
    hub.token = "secret"
    (trouble,) = done(Job("install", "toy"))
    assert isinstance(trouble, Trouble) and "accepted its licence" in trouble.what and "/o/toy" in trouble.next


def test_a_program_that_is_not_there_or_dies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    (trouble,) = done(Job("install", "toy"))
    assert isinstance(trouble, Trouble) and trouble.what.startswith("The work could not be started")
    if sys.platform != "win32":
        program = tmp_path / "python"
        program.write_text("#!/bin/sh\necho 'The library is broken.' >&2\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        assert done(Job("install", "toy")) == [
            Trouble("The work broke off: The library is broken.", "Try again: what was downloaded is kept.")
        ]
