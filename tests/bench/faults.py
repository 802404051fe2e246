"""Installing a model while everything goes wrong: `python -m tests.bench.faults [--faults 200] [--seed 0]`.

Against a hub on the loopback, one fault after the other is injected into installs of one model: the process is killed,
the line drops, stalls or is reset, wrong bytes come, the disk is full. Counted are installs that hold a wrong byte, and
bytes that were there and were fetched again. Takes a few minutes.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from huggingface_hub import constants

from sviqa_app.checkpoints import install as install_module
from sviqa_app.checkpoints.hub import Hub
from sviqa_app.checkpoints.install import install
from sviqa_app.checkpoints.installed import installed
from sviqa_app.errors import ModelError, OutputError
from tests.unit.checkpoints.conftest import ENTRY, FILES, WANTED
from tests.unit.checkpoints.hub_server import MISDEEDS, FakeHub, Served, serving, sibling
from tests.unit.checkpoints.test_install import CHILD

KINDS = (*MISDEEDS, "kill", "kill", "kill", "full disk", "full disk")

TOLD = {name: sibling(name, FILES[name]) for name in WANTED}
DIGESTS = {name: told["lfs"]["sha256"] if "lfs" in told else told["blobId"] for name, told in TOLD.items()}
"""Under what name the beginning of each file lies on the disk."""


class Campaign:
    """Installs of one model in one home after the other, and what was counted."""

    def __init__(self, hub: FakeHub, folder: Path, seed: int) -> None:
        self.hub, self.folder, self.random = hub, folder, random.Random(seed)
        self.injected: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.corrupt = self.lost = self.homes = 0
        self._move()

    def _move(self) -> None:
        """A home where nothing is yet."""
        self.homes += 1
        self.home = self.folder / str(self.homes)
        self._kept: dict[str, int] = {}

    def inject(self, kind: str) -> None:
        """One install, with one fault, and what came of it."""
        self.injected[kind] += 1
        self.hub.served.clear()
        self.hub.misdeeds.clear()
        outcome = {"kill": self._killed, "full disk": self._full}.get(kind, lambda: self._misled(kind))()
        self.outcomes[outcome] += 1
        self._count()
        if outcome == "installed":
            shutil.rmtree(self.home)
            self._move()

    def _misled(self, misdeed: str) -> str:
        """The hub does it at one of the requests; now and then so often that the install gives up."""
        often = 60 if misdeed == "loop" or self.random.random() < 0.3 else 1
        self.hub.misdeeds.extend([None] * self.random.randrange(3) + [misdeed] * often)  # type: ignore[list-item]
        if self.random.random() < 0.5:
            self.hub.misdeeds.extend(["drop"] * self.random.randrange(4))
        return self._try()

    def _killed(self) -> str:
        """At a random moment of the download."""
        self.hub.pace = 400_000
        child = subprocess.Popen([sys.executable, "-c", CHILD, self.hub.url, str(self.home)])
        before, more = self._bytes(), self.random.randrange(1, 200_000)
        while self._bytes() < before + more and child.poll() is None:
            time.sleep(0.005)
        child.kill()
        child.wait()
        self.hub.pace = 0
        return "killed" if ENTRY.name not in installed(self.home) else "installed"

    def _full(self) -> str:
        room, write = self.random.randrange(300_000), os.write

        def scarce(handle: int, data: bytes) -> int:
            nonlocal room
            if room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = write(handle, data[:room])
            room -= written
            return written

        with patch.object(install_module.os, "write", scarce):
            return self._try()

    def _try(self) -> str:
        try:
            install(ENTRY, Hub(self.hub.url), home=self.home)
        except (ModelError, OutputError) as error:
            if "\n" in str(error) or not error.next:
                return "an error that is not one line"
            return "one line"
        return "installed"

    def _count(self) -> None:
        """Wrong bytes among what counts as installed; bytes that were there and went, or were fetched again."""
        if ENTRY.name in installed(self.home):
            self.corrupt += any((self.home / "toy" / name).read_bytes() != FILES[name] for name in WANTED)
        there = self._on_disk()
        spoiled = {served.name for served in self.hub.served if served.misdeed == "wrong"}
        for name, size in self._kept.items():
            self._expect(name in spoiled or there[name] >= size, f"{name} had {size} bytes and has {there[name]}")
        for served in self.hub.served:
            self._compare(served)
        self._kept = there

    def _compare(self, served: Served) -> None:
        """A request with all that was sent of the file before."""
        kept = self._kept.get(served.name, 0)
        self._expect(served.start >= kept, f"{served.name} had {kept} bytes and is asked for from {served.start}")
        if served.misdeed == "wrong":
            self._kept[served.name] = 0  # spoiled: all of it has to be fetched again
        elif served.misdeed in (None, "drop", "stall", "ignore-range"):
            self._kept[served.name] = served.start + served.sent

    def _expect(self, right: bool, otherwise: str) -> None:
        if not right:
            self.lost += 1
            print(f"\nlost: {otherwise}", file=sys.stderr)

    def _on_disk(self) -> dict[str, int]:
        """How much there is of each file, 0 where a byte of it is wrong: that has to be fetched again."""
        stage = self.home / ".installing" / "toy"
        there: dict[str, int] = {}
        for name, digest in DIGESTS.items():
            places = (self.home / "toy" / name, stage / "whole" / name, stage / "part" / digest)
            content = next((path.read_bytes() for path in places if path.is_file()), b"")
            there[name] = len(content) if FILES[name].startswith(content) else 0
        return there

    def _bytes(self) -> int:
        try:
            return sum(self._on_disk().values())
        except FileNotFoundError:  # moved under our eyes
            return 0


def main() -> None:
    """Run the campaign and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    install_module.PAUSE = 0.0
    constants.HF_HUB_DOWNLOAD_TIMEOUT = 1
    with serving({ENTRY.repo: FILES}) as hub, TemporaryDirectory() as folder:
        campaign = Campaign(hub, Path(folder), given.seed)
        for number in range(given.faults):
            campaign.inject(KINDS[number % len(KINDS)])
            print(f"\r{number + 1} of {given.faults}", end="", file=sys.stderr, flush=True)
    print("\ninjected:", ", ".join(f"{kind} {count}" for kind, count in sorted(campaign.injected.items())))
    print("came to:", ", ".join(f"{outcome} {count}" for outcome, count in sorted(campaign.outcomes.items())))
    print(f"corrupt installs: {campaign.corrupt}\nlost progress: {campaign.lost}")
    sys.exit(bool(campaign.corrupt or campaign.lost or campaign.outcomes["an error that is not one line"]))


if __name__ == "__main__":
    main()
