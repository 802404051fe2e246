"""The desktop's portal: a real D-Bus, started for each story, with a stand-in for the portal on it.

No desktop runs here, so what a real one shows the person is not seen. The stand-in (fake_portal.py) is a program of
its own and speaks D-Bus through another library.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .conftest import skip_without

pytest.importorskip("PySide6.QtWidgets", reason="Qt's system libraries are missing", exc_type=ImportError)

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from sviqa_app.errors import DeviceError
from sviqa_app.gui.capture import Capture, Found
from sviqa_app.gui.portal import Portal, trigger

PYTHON = "/usr/bin/python3"
"""The system's, for which dbus-python is packaged."""
Start = Callable[[str], "Desktop"]


class Desktop:
    """A session bus with a stand-in portal in a mood."""

    def __init__(self, mood: str, file: Path) -> None:
        program = str(Path(__file__).with_name("fake_portal.py"))
        self._process = subprocess.Popen(
            ["dbus-run-session", "--", PYTHON, program, mood, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        (self.address,) = self.line()

    def line(self) -> list[Any]:
        """What the portal says next."""
        assert self._process.stdout is not None
        return list(json.loads(self._process.stdout.readline()))

    def end(self) -> None:
        """The bus goes, and all on it."""
        self._process.communicate()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The picture that the portal takes."""
    Image.new("RGB", (30, 20), (200, 0, 0)).save(tmp_path / "Bild schön 1.png")
    return tmp_path / "Bild schön 1.png"


@pytest.fixture
def desktop(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a desktop in a mood, for this process."""
    skip_without("dbus-run-session", debian="dbus, python3-dbus, python3-gi")
    if subprocess.run([PYTHON, "-c", "import dbus, gi"], capture_output=True).returncode:
        pytest.skip("python3-dbus and python3-gi are missing")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    started: list[Desktop] = []
    application = QApplication.instance() or QApplication(["sviqa"])

    def start(mood: str) -> Desktop:
        started.append(Desktop(mood, file))
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", started[-1].address)
        return started[-1]

    yield start
    for one in started:
        one.end()
    application.processEvents()


def wait_for(come: list[Any]) -> Any:
    """The first that comes; pytest's own limit ends a wait for nothing."""
    while not come:
        QTest.qWait(10)
    return come[0]


def shoot(interactive: bool = False) -> Any:
    come: list[Any] = []
    portal = Portal()
    portal.screenshot(interactive, come.append)
    return wait_for(come)


@pytest.mark.parametrize("interactive", [True, False])
def test_a_picture_of_the_screen(desktop: Start, file: Path, interactive: bool) -> None:
    place = desktop("agrees")
    assert shoot(interactive) == file
    assert place.line() == ["Register", "sviqa"]
    assert place.line() == ["Screenshot", "", interactive]


def test_declined(desktop: Start) -> None:
    desktop("declines")
    assert shoot() is None


@pytest.mark.parametrize("mood", ["ends", "leaves", "bare"])
def test_a_desktop_that_gives_none_says_so(desktop: Start, mood: str) -> None:
    desktop(mood)
    answer = shoot()
    assert isinstance(answer, DeviceError) and "paste it with Ctrl+V" in str(answer)


def test_without_a_bus(monkeypatch: pytest.MonkeyPatch, desktop: Start, tmp_path: Path) -> None:
    for address in ("", "nonsense", "tcp:host=localhost,port=1", f"unix:path={tmp_path}/none"):
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        assert isinstance(shoot(), DeviceError)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    assert isinstance(shoot(), DeviceError)


def test_a_bus_that_ends_is_noticed_and_another_is_found(desktop: Start, file: Path) -> None:
    portal, come = Portal(), list[Any]()
    place = desktop("waits")
    portal.screenshot(False, come.append)
    assert [place.line()[0], place.line()[0]] == ["Register", "Screenshot"] and come == []
    place.end()
    assert isinstance(wait_for(come), DeviceError)
    come.clear()
    desktop("agrees")
    portal.screenshot(False, come.append)
    assert wait_for(come) == file


def test_a_key_that_works_everywhere(desktop: Start) -> None:
    place = desktop("agrees")
    portal, come = Portal(), list[Any]()
    portal.global_shortcut("capture", "Capture the screen", "Ctrl+Shift+S", lambda: come.append("pressed"), come.append)
    assert wait_for(come) == "pressed" and come == ["pressed"]
    assert [place.line()[0], place.line()[0]] == ["Register", "CreateSession"]
    wish = {"description": "Capture the screen", "preferred_trigger": "CTRL+SHIFT+s"}
    assert place.line() == ["BindShortcuts", "sviqa", [["capture", wish]]]


@pytest.mark.parametrize("mood", ["ends", "bare"])
def test_a_desktop_without_such_keys_says_so(desktop: Start, mood: str) -> None:
    desktop(mood)
    portal, come = Portal(), list[Any]()
    portal.global_shortcut("capture", "Capture the screen", "Ctrl+Shift+S", lambda: None, come.append)
    assert isinstance(wait_for(come), DeviceError) and "key in the window" in str(come[0])


def test_a_window_of_another_program(desktop: Start, file: Path) -> None:
    """From the menu to the picture; the file that the portal wrote does not stay."""
    desktop("agrees")
    window, come = QWidget(), list[Found]()
    window.show()
    Capture(window, Portal(), lambda found, name: come.append(found)).window()
    found = wait_for(come)
    assert isinstance(found, Image.Image) and found.getpixel((0, 0)) == (200, 0, 0)
    assert not file.exists() and window.isVisible()
    window.close()


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("Ctrl+Shift+S", "CTRL+SHIFT+s"),
        ("Meta+F5", "LOGO+F5"),
        ("Alt+Space", "ALT+space"),
        ("Ctrl+,", ""),
        ("Ctrl++", ""),
        ("", ""),
    ],
)
def test_keys_as_the_portal_writes_them(key: str, written: str) -> None:
    assert trigger(key) == written
