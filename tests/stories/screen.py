"""A real X screen of the stories' own, the app in it, and hands that press keys."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import psutil
import pytest

from .conftest import skip_without

T = TypeVar("T")
PATIENCE = 180.0
"""Seconds until something that should happen counts as not happening; loading takes long on a busy machine."""
_CLIPBOARD = """
import sys
from PySide6.QtWidgets import QApplication
app = QApplication([])
app.clipboard().setText(sys.argv[1])
print("held", flush=True)
app.exec()
"""


def wait_for(what: Callable[[], T], name: str) -> T:
    """The first true value of `what`."""
    deadline = time.monotonic() + PATIENCE
    while not (value := what()):
        assert time.monotonic() < deadline, f"{name} did not happen"
        time.sleep(0.05)
    return value


@contextmanager
def private_screen() -> Iterator[dict[str, str]]:
    """An X server that nobody else uses, as the environment that finds it. Skips where there can be none."""
    skip_without("Xvfb", "xdotool", debian="xvfb, xdotool")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as number:
        display = number.readline().strip()
    env = {"DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"}
    try:
        opened = [sys.executable, "-c", "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"]
        if subprocess.run(opened, env=os.environ | env, capture_output=True).returncode:
            pytest.skip("Qt does not reach the screen (Debian: packaging/install-debian.sh --window)")
        yield env
    finally:
        server.terminate()
        server.wait()


class Desk:
    """A person's desk: a home of its own, a screen, a sound card, and the app when it is started."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self.home = home
        self._env = os.environ | env | {"HOME": str(home), "OMP_NUM_THREADS": "1"}
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            self._env.pop(name, None)
        self._helpers: list[subprocess.Popen[str]] = []
        self._main = ""
        self.app: subprocess.Popen[str] | None = None

    def set(self, **settings: object) -> None:
        """Settings, as they would be in the file, before the app is started."""
        path = self.home / ".config" / "sviqa" / "settings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))

    def start(self, *module: str) -> None:
        """Start the app, or another program made of it, and wait for its window."""
        command = [sys.executable, "-m", *(module or ("sviqa_app",))]
        self.app = subprocess.Popen(command, env=self._env, text=True, stderr=subprocess.PIPE)
        self._main = wait_for(self._window, "the window")

    def _window(self) -> str:
        """The app's newest window: a dialog before what it is about, as a window manager would have it."""
        assert self.app is not None and self.app.poll() is None, f"the app ended: {self.app and self.app.returncode}"
        found = self._hands("search", "--onlyvisible", "--pid", str(self.app.pid)).stdout.split()
        return max(found, key=int, default="")

    def _hands(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["xdotool", *words], env=self._env, capture_output=True, text=True, timeout=60)

    def focus(self) -> None:
        """What a click into the window does."""
        self._hands("windowfocus", "--sync", self._window())

    def press(self, key: str) -> None:
        """Press and let go."""
        self.focus()
        self.tap(key)

    def tap(self, key: str) -> None:
        """The same, in whatever has the keyboard: a menu closes when a window is clicked."""
        self._hands("key", key)

    def wait_for_dialog(self) -> None:
        """Until the app has another window."""
        wait_for(lambda: self._window() != self._main, "a dialog")

    def wait_for_no_dialog(self) -> None:
        """Until the app has its main window alone."""
        wait_for(lambda: self._window() == self._main, "the end of the dialog")

    def say_yes(self) -> None:
        """Agree to what the app asks, once it does."""
        self.wait_for_dialog()
        self.press("Return")

    def hold(self, key: str) -> None:
        """Press and do not let go."""
        self.focus()
        self._hands("keydown", key)

    def let_go(self, key: str) -> None:
        """Let go of a key that was held."""
        self._hands("keyup", key)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        self._hands("type", "--delay", "5", text)

    def copy(self, text: str) -> None:
        """Put text on the clipboard, held by a program as on any X desktop."""
        program = [sys.executable, "-c", _CLIPBOARD, text]
        holder = subprocess.Popen(program, env=self._env, text=True, stdout=subprocess.PIPE)
        self._helpers.append(holder)
        assert holder.stdout is not None and holder.stdout.readline().strip() == "held"

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read the history the app keeps, from outside."""
        path = self.home / ".local" / "share" / "sviqa" / "history.db"
        if not path.exists():
            return []
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as database:
            return database.execute(query).fetchall()

    def answers(self) -> list[str]:
        """The answers kept so far."""
        return [str(answer) for (answer,) in self.rows("SELECT answer FROM turn WHERE state = 'done' ORDER BY id")]

    def states(self) -> list[str]:
        """What has become of the questions."""
        return [str(state) for (state,) in self.rows("SELECT state FROM turn ORDER BY id")]

    def kill_worker(self) -> bool:
        """kill -9 of the engine's process, where it runs."""
        assert self.app is not None
        workers = [c for c in psutil.Process(self.app.pid).children() if "worker_process" in " ".join(c.cmdline())]
        for worker in workers:
            worker.kill()
        return bool(workers)

    def picture_of(self, path: Path) -> None:
        """Photograph the screen."""
        grab = (
            "import sys; from PySide6.QtWidgets import QApplication; a = QApplication([]);"
            "a.primaryScreen().grabWindow(0).save(sys.argv[1])"
        )
        subprocess.run([sys.executable, "-c", grab, str(path)], env=self._env, check=True, timeout=60)

    def quit(self) -> int:
        """Quit by the keyboard. Gives the exit status."""
        assert self.app is not None
        self.press("ctrl+q")
        self.app.communicate(timeout=60)
        return self.app.returncode

    def kill(self) -> None:
        """kill -9, whatever it is doing."""
        assert self.app is not None
        self.app.kill()
        self.app.communicate()

    def clear(self) -> None:
        """Leave nothing running."""
        for process in [*self._helpers, *([self.app] if self.app else [])]:
            process.kill()
            process.communicate()


@contextmanager
def desk(env: dict[str, str]) -> Iterator[Desk]:
    """A desk, cleared afterwards."""
    with TemporaryDirectory(prefix="sviqa-home-") as home, private_screen() as screen:
        place = Desk(Path(home), env | screen)
        try:
            yield place
        finally:
            place.clear()
