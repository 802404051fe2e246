"""Pictures of the screen: the window is out of the way, and an area is chosen with the mouse or with keys alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from sviqa_app.errors import DeviceError, PictureError
from sviqa_app.gui import area
from sviqa_app.gui.area import AreaChooser
from sviqa_app.gui.capture import Capture
from sviqa_app.gui.region import GRID

SIZE = (600, 300)
GONE = DeviceError("This desktop gives the app no picture of the screen.")


@pytest.fixture
def screen() -> Image.Image:
    """A screen whose ninths, from top left to bottom right, are of grey 20, 40 … 180."""
    made = Image.new("RGB", SIZE)
    for n in range(9):
        made.paste((20 * n + 20,) * 3, (n % 3 * 200, n // 3 * 100, n % 3 * 200 + 200, n // 3 * 100 + 100))
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a screen reader is told."""
    told: list[str] = []
    monkeypatch.setattr(area, "announce", lambda widget, text: told.append(text))
    return told


@dataclass
class Choosing:
    """A chooser, and what came of it."""

    chooser: AreaChooser
    found: list[Image.Image | None]

    def press(self, *keys: Qt.Key, shift: bool = False) -> None:
        modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        for key in keys:
            QTest.keyClick(self.chooser, key, modifier)


@pytest.fixture
def choosing(app: QApplication, screen: Image.Image, said: list[str]) -> Iterator[Choosing]:
    found: list[Image.Image | None] = []
    chooser = AreaChooser(screen, found.append)
    chooser.resize(*SIZE)
    chooser.show()
    yield Choosing(chooser, found)
    if not found:
        chooser.close()


def test_it_says_what_it_is_and_how_it_is_used(choosing: Choosing) -> None:
    chooser = choosing.chooser
    assert chooser.accessibleName() == "Choose an area of the screen"
    assert "a box near the center, 50% wide and 50% high" in chooser.accessibleDescription()
    assert "Escape gives up" in chooser.accessibleDescription()


def test_enter_takes_the_middle_at_first(choosing: Choosing) -> None:
    choosing.press(Qt.Key.Key_Return)
    (found,) = choosing.found
    assert found is not None and found.size == (300, 150)


@pytest.mark.parametrize("number", range(1, 10))
def test_the_keys_of_the_numeric_pad_choose_a_ninth(choosing: Choosing, said: list[str], number: int) -> None:
    choosing.press(Qt.Key.Key_Backspace, Qt.Key(Qt.Key.Key_0 + number), Qt.Key.Key_Enter)
    (found,) = choosing.found
    at = (7, 8, 9, 4, 5, 6, 1, 2, 3).index(number)
    assert said == ["the whole screen, 100% wide and 100% high.", f"{GRID[at]}, 33% wide and 33% high."]
    assert found is not None and found.size == (200, 100) and found.getpixel((100, 50)) == (20 * at + 20,) * 3


def test_ninths_nest_and_backspace_goes_out(choosing: Choosing, said: list[str]) -> None:
    choosing.press(Qt.Key.Key_Backspace, Qt.Key.Key_7, Qt.Key.Key_3, Qt.Key.Key_Backspace)
    assert "top left, then bottom right" in said[2] and said[3] == said[1]
    choosing.press(Qt.Key.Key_Backspace, Qt.Key.Key_Backspace)
    assert said[-1].startswith("the whole screen") and len(said) == 5  # there is nothing farther out


def test_arrows_move_the_box_and_with_shift_stretch_it(choosing: Choosing, said: list[str]) -> None:
    choosing.press(Qt.Key.Key_Right, Qt.Key.Key_Up)
    box = choosing.chooser.region
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.27, 0.23, 0.77, 0.73))
    choosing.press(Qt.Key.Key_Right, Qt.Key.Key_Up, shift=True)
    box = choosing.chooser.region
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.27, 0.23, 0.79, 0.71))
    assert said[-1] == "a box near the center, 52% wide and 48% high."


def test_the_box_stays_on_the_screen_and_is_never_nothing(choosing: Choosing, said: list[str]) -> None:
    choosing.press(*[Qt.Key.Key_Left] * 30, *[Qt.Key.Key_Down] * 30)
    box = choosing.chooser.region
    assert (box.left, box.bottom) == (0, 1) and box.right - box.left == pytest.approx(0.5)
    assert "bottom left" in said[-1]
    choosing.press(*[Qt.Key.Key_Left] * 40, shift=True)
    assert said[-1] == "The box cannot be smaller." and choosing.chooser.region.fits(SIZE)


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, None])
def test_giving_up(choosing: Choosing, key: Qt.Key | None) -> None:
    if key is None:
        choosing.chooser.close()
    else:
        choosing.press(key)
    assert choosing.found == [None]


def test_other_keys_do_nothing(choosing: Choosing) -> None:
    choosing.press(Qt.Key.Key_A, Qt.Key.Key_0, Qt.Key.Key_F6, Qt.Key.Key_LaunchA)
    assert choosing.found == [] and choosing.chooser.isVisible()


def test_a_box_drawn_with_the_mouse_is_taken(choosing: Choosing) -> None:
    QTest.mousePress(choosing.chooser, Qt.MouseButton.LeftButton, pos=QPoint(410, 10))
    QTest.mouseMove(choosing.chooser, QPoint(590, 90))
    QTest.mouseRelease(choosing.chooser, Qt.MouseButton.LeftButton, pos=QPoint(590, 90))
    (found,) = choosing.found
    assert found is not None and found.size == (180, 80) and found.getpixel((5, 5)) == (60, 60, 60)


def test_what_is_not_chosen_is_dark(choosing: Choosing) -> None:
    choosing.press(Qt.Key.Key_Backspace, Qt.Key.Key_9)
    image = choosing.chooser.grab().toImage()
    assert QColor(image.pixel(500, 50)).red() == 60 and QColor(image.pixel(500, 250)).red() < 100


def wait_for(what: Callable[[], bool]) -> None:
    while not what():
        QTest.qWait(10)


@dataclass
class Desktop:
    """The portal: answers each question with the next of `answers`."""

    answers: list[Path | DeviceError | None] = field(default_factory=list)
    asked: list[bool] = field(default_factory=list)

    def screenshot(self, interactive: bool, done: Any) -> None:
        self.asked.append(interactive)
        done(self.answers.pop(0))


class Room:
    """A window, a stand-in for the portal, and what was captured."""

    def __init__(self) -> None:
        self.window, self.desktop = QWidget(), Desktop()
        self.found: list[tuple[object, str]] = []
        self.capture = Capture(self.window, cast(Any, self.desktop), lambda *found: self.found.append(found))
        self.window.show()

    def wait(self) -> object:
        wait_for(lambda: bool(self.found))
        assert self.window.isVisible()
        return self.found[0][0]

    def chooser(self) -> AreaChooser:
        def found() -> list[AreaChooser]:
            return [w for w in QApplication.topLevelWidgets() if isinstance(w, AreaChooser) and w.isVisible()]

        wait_for(lambda: bool(found()))
        (chooser,) = found()
        return chooser


@pytest.fixture
def room(app: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    made = Room()
    yield made
    made.window.close()
    made.window.deleteLater()


@pytest.fixture
def wayland(room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    return room


@pytest.fixture
def file(tmp_path: Path, screen: Image.Image) -> Path:
    """What the portal writes."""
    screen.save(tmp_path / "Screenshot.png")
    return tmp_path / "Screenshot.png"


def test_the_screen_is_taken_without_the_window(room: Room) -> None:
    room.capture.screen()
    assert not room.window.isVisible()
    room.capture.area()  # one at a time
    found = room.wait()
    size = room.window.screen().size() * room.window.screen().devicePixelRatio()
    assert isinstance(found, Image.Image) and found.size == size.toTuple() and room.found[0][1] == "screen"
    assert len(room.found) == 1


def test_a_screen_that_cannot_be_seen_is_said(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(room.window.screen()), "grabWindow", lambda *_: QPixmap())
    room.capture.screen()
    assert isinstance(room.wait(), DeviceError)


def test_on_wayland_the_portal_looks_and_its_file_goes(wayland: Room, file: Path, screen: Image.Image) -> None:
    wayland.desktop.answers = [file]
    wayland.capture.screen()
    found = wayland.wait()
    assert isinstance(found, Image.Image) and found.tobytes() == screen.tobytes()
    assert wayland.desktop.asked == [False] and not file.exists()


def test_a_file_that_is_older_than_the_question_is_left(wayland: Room, file: Path) -> None:
    os.utime(file, (1, 1))
    wayland.desktop.answers = [file]
    wayland.capture.screen()
    assert isinstance(wayland.wait(), Image.Image) and file.exists()


@pytest.mark.parametrize("answer", [GONE, None])
def test_refused_or_declined(wayland: Room, answer: DeviceError | None) -> None:
    wayland.desktop.answers = [answer]
    wayland.capture.area()
    assert wayland.wait() is answer


def test_a_file_that_is_not_there_is_said(wayland: Room, tmp_path: Path) -> None:
    wayland.desktop.answers = [tmp_path / "none.png"]
    wayland.capture.screen()
    assert isinstance(wayland.wait(), PictureError)


def test_an_area_of_the_screen(wayland: Room, file: Path) -> None:
    wayland.desktop.answers = [file]
    wayland.capture.area()
    chooser = wayland.chooser()
    assert not wayland.window.isVisible()
    QTest.keyClick(chooser, Qt.Key.Key_Backspace)
    QTest.keyClick(chooser, Qt.Key.Key_9)
    QTest.keyClick(chooser, Qt.Key.Key_Return)
    found = wayland.wait()
    assert isinstance(found, Image.Image) and found.size == (200, 100) and wayland.found[0][1] == "area"


def test_a_window_is_chosen_in_the_desktops_own_way(room: Room, file: Path) -> None:
    room.desktop.answers = [file]
    room.capture.window()
    assert isinstance(room.wait(), Image.Image) and room.desktop.asked == [True]


def test_without_a_portal_an_area_is_chosen_instead(room: Room) -> None:
    room.desktop.answers = [GONE]
    room.capture.window()
    QTest.keyClick(room.chooser(), Qt.Key.Key_Escape)
    assert room.wait() is None and room.found[0][1] == "area"
    room.capture.screen()  # it can be used again
    wait_for(lambda: len(room.found) == 2)
