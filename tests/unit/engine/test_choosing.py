"""From what a person calls it to what answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sviqa_app.checkpoints.fit import Machine
from sviqa_app.checkpoints.installed import Manifest, write_manifest
from sviqa_app.checkpoints.source import File, file_digest
from sviqa_app.engine import choosing, remote
from sviqa_app.engine.cascade import Cascade
from sviqa_app.engine.choosing import best_ear, best_for_this_machine, find_folders, load_engine
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.omni import Omni
from sviqa_app.errors import ModelError

from ..small_voice import write_voice
from . import published

GB = 10**9


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's own models: at first none."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    of_machine(monkeypatch, 0, 16)
    return tmp_path / "data" / "sviqa" / "models"


def of_machine(monkeypatch: pytest.MonkeyPatch, vram: int, ram: int) -> None:
    monkeypatch.setattr(choosing, "this_machine", lambda: Machine(ram * GB, vram * GB, ram * GB, vram * GB))


def install(home: Path, *names: str) -> None:
    """Counts as installed; what is in the folder already belongs to it."""
    for name in names:
        folder = home / name
        folder.mkdir(parents=True, exist_ok=True)
        files = {file.name: File(file.name, file.stat().st_size, file_digest(file)) for file in folder.iterdir()}
        write_manifest(folder, Manifest(name, "owner/name", "main", "0" * 40, "MIT", files))


@pytest.fixture
def small_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = write_voice(tmp_path / "toy-voice")
    monkeypatch.setattr(choosing, "VOICE", str(voice))


def test_the_model_that_ships() -> None:
    assert isinstance(load_engine("sviqa-tiny"), EndToEnd)


@pytest.mark.usefixtures("small_voice")
def test_a_set_of_the_catalog(home: Path) -> None:
    published.whisper(home / "whisper-base")
    published.idefics3(home / "smolvlm-256m")
    install(home, "smolvlm-256m")
    with pytest.raises(ModelError, match=r"whisper-base is not installed\. Run: sviqa models install cpu-small"):
        load_engine("cpu-small")
    install(home, "whisper-base")
    engine = load_engine("cpu-small")
    assert isinstance(engine, Cascade) and engine.name == "cpu-small" and engine.device == "cpu"
    assert engine.ear is not None and engine.ear.name == "whisper-base"


@pytest.mark.usefixtures("small_voice")
def test_any_folder_with_the_ear_that_is_installed(home: Path, tmp_path: Path) -> None:
    folder = published.llava(tmp_path / "mine")
    engine = load_engine(str(folder))
    assert isinstance(engine, Cascade) and engine.name == "mine" and engine.ear is None
    published.whisper(home / "whisper-tiny")
    install(home, "whisper-tiny")
    engine = load_engine(str(folder))
    assert isinstance(engine, Cascade) and engine.ear is not None


def test_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    there = SimpleNamespace()
    monkeypatch.setattr(remote, "load_server", lambda name: there if name == "lab" else None)
    assert load_engine("server:lab") is there


@pytest.mark.parametrize(
    ("vram", "ram", "have", "best"),
    [
        (0, 16, (), "sviqa-tiny"),
        (0, 16, ("whisper-base",), "sviqa-tiny"),
        (0, 16, ("whisper-base", "smolvlm-256m"), "cpu-small"),
        (0, 16, ("whisper-small", "smolvlm-500m", "whisper-base", "smolvlm-256m"), "cpu-small"),
        (0, 64, ("llava-onevision-7b", "llava-onevision-0.5b"), "sviqa-tiny"),
        (0, 64, ("llava-onevision-7b", "llava-onevision-0.5b", "whisper-tiny"), "llava-onevision-0.5b"),
        (24, 64, ("llava-onevision-7b", "llava-onevision-0.5b", "whisper-tiny"), "llava-onevision-7b"),
        (8, 64, ("llava-onevision-7b", "whisper-base", "smolvlm-256m"), "cpu-small"),
    ],
)
def test_best_for_this_machine(
    vram: int, ram: int, have: tuple[str, ...], best: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_machine(monkeypatch, vram, ram)
    install(home, *have)
    assert best_for_this_machine() == best


def test_the_best_ear_is_quick_and_fits(home: Path) -> None:
    assert best_ear(Machine(64 * GB, 0, 64 * GB, 0)) is None
    install(home, "whisper-base", "whisper-small", "whisper-large-v3")
    assert best_ear(Machine(64 * GB, 0, 64 * GB, 0)) == home / "whisper-small"
    assert best_ear(Machine(64 * GB, 24 * GB, 64 * GB, 5 * GB)) == home / "whisper-large-v3"
    assert best_ear(Machine(2 * GB, 0, 1_500_000_000, 0)) == home / "whisper-base"
    assert best_ear(Machine(2 * GB, 0, 1_000, 0)) is None


def test_what_does_not_answer_about_pictures(home: Path, tmp_path: Path) -> None:
    install(home, "whisper-base")
    with pytest.raises(ModelError, match="whisper-base does not see"):
        find_folders("whisper-base")
    with pytest.raises(ModelError, match="a model of the kind 'whisper', which cannot answer about pictures"):
        load_engine(str(published.whisper(tmp_path / "whisper")))
    with pytest.raises(ModelError, match="step-audio-chat does not run on this machine"):
        load_engine("step-audio-chat")
    with pytest.raises(ModelError, match="There is no model nonsense"):
        load_engine("nonsense")


def test_a_llava_of_the_original_code_is_to_be_converted(tmp_path: Path) -> None:
    folder = tmp_path / "original"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llava", "mm_vision_tower": "openai/clip"}')
    with pytest.raises(ModelError, match=r"of the original code\. Run: sviqa models convert"):
        load_engine(str(folder))


def test_what_hears_itself_is_given_no_ear(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gemma"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "gemma3n"}')
    install(home, "whisper-base")
    chosen: list[object] = []
    monkeypatch.setattr(choosing, "_cascade", lambda *how: chosen.append(how))
    load_engine(str(folder))
    assert chosen == [("gemma", Omni, folder, None)]


def test_the_rule_needs_nothing_heavy() -> None:
    check = "import sys, sviqa_app.engine.choosing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
