"""What is said of a model, a server and the choice that the app makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sviqa_app import servers
from sviqa_app.checkpoints import catalog, installed
from sviqa_app.engine.choosing import BEST
from sviqa_app.gui.models_rows import all_rows, host_of, row_of
from sviqa_app.servers import Server, add_server

VALUES = {
    "name": "smolvlm-256m",
    "about": "The smallest eye.",
    "role": "eye",
    "engine": "cascade",
    "installed": False,
    "begun": False,
    "ships": False,
    "fits": "cpu",
    "size": 520_000_000,
    "ram": 1_600_000_000,
    "vram": 0,
    "licence": "Apache-2.0",
    "languages": ["en"],
    "parts": [],
    "repo": "o/smol",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No models, no catalog and no servers but those of the test."""
    monkeypatch.setattr(catalog, "user_catalog", lambda: tmp_path / "models.toml")
    monkeypatch.setattr("sviqa_app.managing.models_home", lambda: tmp_path / "models")
    monkeypatch.setattr(installed, "models_home", lambda: tmp_path / "models")
    monkeypatch.setattr(servers, "servers_path", lambda: tmp_path / "servers.json")
    return tmp_path


def test_a_row_says_all_that_one_chooses_by() -> None:
    row = row_of(VALUES)
    assert row.spoken("") == "smolvlm-256m, fits, 520 MB, not installed, Apache-2.0: The smallest eye."
    assert row.spoken("failed", "No network. Check it.") == (
        "smolvlm-256m, failed, fits, 520 MB, not installed, Apache-2.0: No network. Check it."
    )
    assert row.seen("") == "smolvlm-256m · ✓ fits · 520 MB · not installed · Apache-2.0\nThe smallest eye."
    assert row.more == (
        "An eye: it sees, while other models hear and speak for it.",
        "It takes 1.6 GB of memory.",
        "Languages: en.",
        "Comes from o/smol.",
        "Licence: Apache-2.0.",
    )
    assert row.installable and not row.usable and not row.removable


def test_what_can_be_done_with_it() -> None:
    there = row_of(VALUES | {"installed": True})
    assert there.usable and there.removable and there.state == "installed"
    assert row_of(VALUES | {"begun": True}).state == "partly downloaded"
    assert not row_of(VALUES | {"installed": True, "role": "ear"}).usable
    ships = row_of(VALUES | {"installed": True, "ships": True})
    assert ships.usable and not ships.removable and not ships.installable and ships.state == ""
    served = row_of(VALUES | {"engine": "remote", "fits": "server"})
    assert not served.installable and not served.usable and "✗ needs a server" in served.seen("")


def test_the_best_comes_first_then_servers_then_models_and_what_is_too_large_last(home: Path) -> None:
    add_server(Server("desk", "https://gpu.example.org/v1", "omni", hears=True, agreed="gpu.example.org"))
    best, desk, tiny, *others = all_rows()
    assert best.name == BEST and best.spoken("").startswith("Best for this machine: ") and "tiny" in best.about
    assert tiny.name == "sviqa-tiny" and tiny.usable
    assert desk.host == "gpu.example.org" and "gpu.example.org" in desk.leaving and desk.usable
    assert desk.removable and not desk.installable and desk.state == ""
    assert [row.fits for row in others] == sorted((row.fits for row in others), reverse=True)
    assert "step-audio-tokenizer" not in [row.name for row in others]  # of no use by itself
    assert desk.name == "server:desk" and host_of(desk.name) == "gpu.example.org" and host_of("sviqa-tiny") == ""


def test_nothing_leaves_for_a_server_on_this_machine(home: Path) -> None:
    add_server(Server("here", "http://127.0.0.1:8000/v1", "omni", agreed="127.0.0.1:8000"))
    assert all_rows()[1].leaving == ""


def test_what_was_begun_is_known(home: Path) -> None:
    part = home / "models" / ".installing" / "smolvlm-256m" / "part" / "abc"
    part.parent.mkdir(parents=True)
    states = {row.name: row.state for row in all_rows()}
    assert states["smolvlm-256m"] == "not installed"  # nothing came yet
    part.write_bytes(b"half")
    states = {row.name: row.state for row in all_rows()}
    assert states["smolvlm-256m"] == states["cpu-small"] == "partly downloaded"
    assert states["smolvlm-500m"] == "not installed"
