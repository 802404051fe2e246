"""The stories' screen reader: a session bus and an accessibility bus of their own, and what is read over them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from .conftest import skip_without
from .screen import wait_for

DEBIAN = "at-spi2-core, dbus, python3-pyatspi, gir1.2-atspi-2.0"
_PYTHON = "/usr/bin/python3"
_LAUNCHERS = ("/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher")
_WALK = Path(__file__).with_name("tree_walk.py")
# The bus lasts until the standard input of the shell is closed.
_BUS = 'echo "$DBUS_SESSION_BUS_ADDRESS"; "$0" --launch-immediately >/dev/null & cat; kill $!'


@dataclass(frozen=True)
class Node:
    """One object as AT-SPI has it. `path` leads to it from the application down, `labels` are the names of what
    labels it, `key` presses it from anywhere.
    """

    path: tuple[int, ...]
    role: str
    name: str
    description: str
    labels: tuple[str, ...]
    states: tuple[str, ...]
    actions: tuple[str, ...]
    key: str

    @property
    def able(self) -> bool:
        """Whether a person can see and use it now."""
        return {"showing", "enabled"} <= set(self.states)

    def inside(self, other: Node) -> bool:
        """Whether it is a part of the other."""
        return len(self.path) > len(other.path) and self.path[: len(other.path)] == other.path

    def __str__(self) -> str:
        return f"{self.role} '{self.name}'"


def _node(found: dict[str, Any]) -> Node:
    """From JSON, which has only lists."""
    values = {field.name: found[field.name] for field in fields(Node)}
    return Node(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


class Reader:
    """What a blind person has: all that the window of a process says of itself. `env` lets a program be read."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env | {"QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}
        self.process = 0
        self._announced: list[str] = []
        self._focused: list[Node] = []
        self._walk = subprocess.Popen(
            [_PYTHON, str(_WALK)],
            env=os.environ | env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the library complains there of what Qt does not implement
        )
        self._line()

    def _line(self) -> str:
        assert self._walk.stdout is not None
        line = self._walk.stdout.readline()
        assert line, "the screen reader died"
        return line

    def _ask(self, window: int) -> list[Node]:
        assert self._walk.stdin is not None
        print(self.process, window, file=self._walk.stdin, flush=True)
        answer = json.loads(self._line())
        self._announced += answer["announced"]
        self._focused += map(_node, answer["focused"])
        return list(map(_node, answer["objects"]))

    def windows(self) -> list[Node]:
        """The windows that are open."""
        return self._ask(-1)

    def read(self, window: Node) -> list[Node]:
        """A window and everything in it, depth first."""
        return self._ask(window.path[0])

    def everything(self) -> list[Node]:
        """All windows and everything in them."""
        return [node for window in self.windows() for node in self.read(window)]

    def announced(self) -> list[str]:
        """All that was announced until now."""
        self.windows()
        return self._announced

    def focused(self) -> list[Node]:
        """What got the keyboard since this was called last, the latest last."""
        self.windows()
        news, self._focused = self._focused, []
        return news

    def close(self) -> None:
        """Stop listening."""
        self._walk.kill()
        self._walk.communicate()


def _launcher() -> str:
    """What starts the accessibility bus. Skips where there is none."""
    found = next((path for path in _LAUNCHERS if Path(path).exists()), None)
    library = [_PYTHON, "-c", "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi"]
    if found is None or not Path(_PYTHON).exists() or subprocess.run(library, capture_output=True).returncode:
        pytest.skip(f"needs AT-SPI (Debian: {DEBIAN})")
    return found


@contextmanager
def _private_bus() -> Iterator[dict[str, str]]:
    """A session bus with accessibility, as the environment that finds it."""
    skip_without("dbus-run-session", "dbus-send", debian=DEBIAN)
    command = ["dbus-run-session", "--", "sh", "-c", _BUS, _launcher()]
    # Without a screen, so that no desktop is told of this bus.
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "AT_SPI_BUS_ADDRESS")}
    with TemporaryDirectory(prefix="sviqa-bus-") as folder:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        bus = subprocess.Popen(command, env=env | {"XDG_RUNTIME_DIR": folder}, text=True, **pipes)
        try:
            assert bus.stdout is not None
            address = {"DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}
            wait_for(lambda: _answers(address), "the accessibility bus")
            yield address
        finally:
            bus.communicate()


@contextmanager
def private_reader() -> Iterator[Reader]:
    """A screen reader on buses that nobody else uses. Skips the test where this machine cannot have one."""
    with _private_bus() as address:
        reader = Reader(address)
        try:
            yield reader
        finally:
            reader.close()


def _answers(address: dict[str, str]) -> bool:
    """Whether the accessibility bus is there."""
    ask = ["dbus-send", "--session", "--print-reply", "--dest=org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus.GetAddress"]
    return subprocess.run(ask, env=os.environ | address, capture_output=True).returncode == 0
