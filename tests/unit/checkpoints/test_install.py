"""Whatever goes wrong, what counts as installed is whole, and what was fetched is not fetched again."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from sviqa_app.checkpoints import install as install_module
from sviqa_app.checkpoints.hub import Hub
from sviqa_app.checkpoints.install import Progress, install
from sviqa_app.checkpoints.installed import installed, verify
from sviqa_app.errors import ModelError, OutputError

from .conftest import ENTRY, FILES, WANTED
from .hub_server import COMMIT, FakeHub, Misdeed

CHILD = """
import signal
import sys
from pathlib import Path
from sviqa_app.checkpoints.hub import Hub
from sviqa_app.checkpoints.install import install
from tests.unit.checkpoints.conftest import ENTRY
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell ignores for what runs in the background
install(ENTRY, Hub(sys.argv[1]), home=Path(sys.argv[2]))
"""


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def begun(home: Path) -> list[int]:
    """How much there is of each file that has been begun."""
    return sorted(path.stat().st_size for path in (home / ".installing").rglob("part/*"))


def resumed(hub: FakeHub, kept: list[int]) -> bool:
    """Whether exactly what was kept is gone on from; what only lacked its proof is not asked for again."""
    whole = {len(content) for content in FILES.values()}
    return sorted(start for _, start in hub.starts if start) == [size for size in kept if size and size not in whole]


def assert_whole(home: Path) -> None:
    manifest = verify("toy", home=home)
    assert manifest.commit == COMMIT and sorted(manifest.files) == WANTED
    assert all((home / "toy" / name).read_bytes() == FILES[name] for name in WANTED)
    assert files_in(home) == sorted([".installing/toy.lock", "toy/sviqa-install.json", *(f"toy/{n}" for n in WANTED)])


def test_a_model_is_fetched_and_proven(hub: FakeHub, home: Path) -> None:
    heard: list[Progress] = []
    assert install(ENTRY, Hub(hub.url), heard.append, home) == home / "toy"
    assert_whole(home)
    assert heard[-1].done == heard[-1].total == sum(len(FILES[name]) for name in WANTED)
    assert all(progress.done <= progress.total for progress in heard)
    assert "modeling.py" not in {name for name, _ in hub.starts}


def test_a_model_that_is_there_is_not_fetched_again(hub: FakeHub, home: Path) -> None:
    install(ENTRY, Hub(hub.url), home=home)
    hub.served.clear()
    before = (home / "toy" / "config.json").stat().st_ino
    install(ENTRY, Hub(hub.url), home=home)
    assert hub.starts == [] and (home / "toy" / "config.json").stat().st_ino == before
    assert_whole(home)


def test_of_a_damaged_model_only_the_damage_is_fetched(hub: FakeHub, home: Path) -> None:
    install(ENTRY, Hub(hub.url), home=home)
    damaged = home / "toy" / "model-2.safetensors"
    damaged.write_bytes(b"x" + FILES["model-2.safetensors"][1:])
    (home / "toy" / "config.json").unlink()
    with pytest.raises(ModelError, match=r"toy is damaged: config\.json and 1 more"):
        verify("toy", home=home)
    hub.served.clear()
    install(ENTRY, Hub(hub.url), home=home)
    assert sorted(hub.starts) == [("config.json", 0), ("model-2.safetensors", 0)]
    assert_whole(home)


def test_a_newer_revision_takes_the_place_of_the_old_one_and_what_is_gone_goes(hub: FakeHub, home: Path) -> None:
    install(replace(ENTRY, files=("*.json", "*.safetensors")), Hub(hub.url), home=home)
    hub.repos = {"o/toy": {**FILES, "config.json": b'{"model_type": "newer"}'}}
    hub.served.clear()
    install(replace(ENTRY, files=("config.json", "model-1.safetensors")), Hub(hub.url), home=home)
    assert hub.starts == [("config.json", 0)]
    assert files_in(home / "toy") == ["config.json", "model-1.safetensors", "sviqa-install.json"]


@pytest.mark.parametrize(
    "misdeed",
    ["close", "drop", "reset", "stall", "wrong", "page", "500", "429", "ignore-range", "other-range", "redirect"],
)
def test_what_passes_is_survived(misdeed: Misdeed, hub: FakeHub, home: Path) -> None:
    hub.misdeeds.extend(["drop", misdeed, misdeed])  # the first leaves something to resume
    install(ENTRY, Hub(hub.url), home=home)
    assert_whole(home)


@pytest.mark.parametrize("misdeed", ["close", "reset", "wrong", "page", "500", "loop"])
def test_what_does_not_pass_is_one_line_and_no_install(misdeed: Misdeed, hub: FakeHub, home: Path) -> None:
    hub.misdeeds.extend([misdeed] * 200)
    with pytest.raises(ModelError) as caught:
        install(ENTRY, Hub(hub.url), home=home)
    assert "\n" not in str(caught.value) and caught.value.next
    assert installed(home) == {} and not (home / "toy").exists()
    hub.misdeeds.clear()
    install(ENTRY, Hub(hub.url), home=home)
    assert_whole(home)


def test_a_line_that_breaks_again_and_again_costs_no_patience_while_it_gains(hub: FakeHub, home: Path) -> None:
    hub.misdeeds.extend(["drop"] * 60)
    install(ENTRY, Hub(hub.url), home=home)
    starts = [start for name, start in hub.starts if name == "model-1.safetensors"]
    assert starts == sorted(set(starts)) and len(starts) > install_module.PATIENCE
    assert sum(served.sent for served in hub.served) == sum(len(FILES[name]) for name in WANTED)  # no byte came twice
    assert_whole(home)


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_kill_loses_nothing(hub: FakeHub, home: Path) -> None:
    hub.pace = 200_000
    for _ in range(2):
        before = sum(begun(home))
        child = subprocess.Popen([sys.executable, "-c", CHILD, hub.url, str(home)])
        while sum(begun(home)) <= before and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert installed(home) == {} and (kept := begun(home))
    hub.pace = 0
    hub.served.clear()
    install(ENTRY, Hub(hub.url), home=home)
    assert resumed(hub, kept)
    assert_whole(home)


def test_a_full_disk_in_the_middle_keeps_what_was_written(
    hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, write = 150_000, os.write

    def scarce(handle: int, data: bytes) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(handle, data[:room])
        room -= written
        return written

    with monkeypatch.context() as full:
        full.setattr(install_module.os, "write", scarce)
        with pytest.raises(OutputError, match="disk is full"):
            install(ENTRY, Hub(hub.url), home=home)
    assert sum(begun(home)) + sum(p.stat().st_size for p in home.rglob("whole/**/*") if p.is_file()) == 150_000
    assert installed(home) == {}
    install(ENTRY, Hub(hub.url), home=home)
    assert_whole(home)


def test_too_little_room_is_said_before_anything_is_fetched(
    hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 100_500_000))
    with pytest.raises(OutputError, match=r"toy takes 1 MB more, and .* has 100 MB free"):
        install(ENTRY, Hub(hub.url), home=home)
    assert hub.starts == []


def test_the_one_who_listens_can_end_it(hub: FakeHub, home: Path) -> None:
    class EnoughError(Exception):
        pass

    def listen(progress: Progress) -> None:
        if progress.done > 50_000:
            raise EnoughError

    hub.pace = 400_000
    with pytest.raises(EnoughError):
        install(ENTRY, Hub(hub.url), listen, home)
    assert installed(home) == {}
    kept = begun(home)
    hub.pace = 0
    hub.served.clear()
    install(ENTRY, Hub(hub.url), home=home)
    assert resumed(hub, kept)
    assert_whole(home)


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
def test_ctrl_c_ends_it_at_once(hub: FakeHub, home: Path) -> None:
    hub.pace = 20_000
    child = subprocess.Popen([sys.executable, "-c", CHILD, hub.url, str(home)], stderr=subprocess.PIPE, text=True)
    while not sum(begun(home)) and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode != 0 and said.strip().endswith("KeyboardInterrupt")
    assert installed(home) == {} and sum(begun(home))


def test_two_do_not_install_the_same_model_at_once(hub: FakeHub, home: Path) -> None:
    (home / ".installing").mkdir(parents=True)
    with FileLock(home / ".installing" / "toy.lock"), pytest.raises(ModelError, match="being installed already"):
        install(ENTRY, Hub(hub.url), home=home)


def test_a_home_that_cannot_be_written_is_one_line(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        install(ENTRY, Hub(hub.url), home=tmp_path / "file" / "models")


def test_a_planted_part_that_is_too_long_or_wrong_is_not_believed(hub: FakeHub, home: Path) -> None:
    hub.misdeeds.extend(["500"] * 100)
    with pytest.raises(ModelError):
        install(ENTRY, Hub(hub.url), home=home)
    hub.misdeeds.clear()
    for path in list((home / ".installing").rglob("part/*")):
        path.write_bytes(b"x" * 500_000)
    (home / ".installing" / "toy" / "whole" / "config.json").symlink_to("/etc/hostname")
    install(ENTRY, Hub(hub.url), home=home)
    assert_whole(home)
