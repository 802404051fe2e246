"""The picture on the screen: close and far, moved, and pointed at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QColor, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from sviqa_app.gui.picture_view import PictureView
from sviqa_app.gui.region import Region

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def view(app: QApplication) -> Iterator[PictureView]:
    """A view of 400 x 400 with a picture of 800 x 400: red on the left, blue on the right."""
    made = PictureView()
    picture = Image.new("RGB", (800, 400), RED)
    picture.paste(BLUE, (400, 0, 800, 400))
    made.show_picture(picture, "halves.png")
    made.show_region(Region())
    made.resize(400, 400)
    made.show()
    made.setFocus()
    yield made
    made.close()
    made.deleteLater()


def colour(view: PictureView, x: int, y: int) -> tuple[int, ...]:
    shown = QColor(view.grab().toImage().pixel(x, y))
    return shown.red(), shown.green(), shown.blue()


def wheel(view: PictureView, x: int, y: int, turn: int, held: Qt.KeyboardModifier) -> QWheelEvent:
    place = QPointF(x, y)
    event = QWheelEvent(
        place, place, QPoint(), QPoint(0, turn), Qt.MouseButton.NoButton, held, Qt.ScrollPhase.NoScrollPhase, False
    )
    event.ignore()
    QApplication.sendEvent(view, event)
    return event


def drag(view: PictureView, button: Qt.MouseButton, start: tuple[int, int], end: tuple[int, int]) -> None:
    QTest.mousePress(view, button, pos=QPoint(*start))
    place = QPointF(*end)
    move = QMouseEvent(
        QMouseEvent.Type.MouseMove, place, place, Qt.MouseButton.NoButton, button, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(view, move)
    QTest.mouseRelease(view, button, pos=QPoint(*end))


def test_the_whole_picture_is_in_the_middle(view: PictureView) -> None:
    assert colour(view, 20, 200) == RED and colour(view, 380, 200) == BLUE
    assert colour(view, 20, 50) not in (RED, BLUE)  # above it
    assert view.accessibleDescription().endswith("Shown whole.")


def test_zoom_is_said_and_fits_again(view: PictureView) -> None:
    view.zoom_in()
    view.zoom_in()
    assert "Shown at 200 %." in view.accessibleDescription()
    assert colour(view, 20, 50) == RED  # as high as the widget now
    view.zoom_out()
    assert "Shown at 141 %." in view.accessibleDescription()
    view.fit()
    assert "Shown whole." in view.accessibleDescription() and colour(view, 20, 50) not in (RED, BLUE)


def test_the_wheel_zooms_at_the_hand_with_ctrl_alone(view: PictureView) -> None:
    assert not wheel(view, 390, 200, 120, Qt.KeyboardModifier.NoModifier).isAccepted()
    assert view.zoomed == "Shown whole."
    for _ in range(4):
        wheel(view, 390, 200, 120, Qt.KeyboardModifier.ControlModifier)
    assert view.zoomed == "Shown at 400 %." and colour(view, 20, 200) == BLUE  # only the right of it is seen
    wheel(view, 390, 200, -99999, Qt.KeyboardModifier.ControlModifier)
    assert view.zoomed == "Shown whole."


def test_arrow_keys_move_only_what_is_zoomed(view: PictureView) -> None:
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert colour(view, 20, 200) == RED
    view.zoom_in()
    view.zoom_in()
    assert colour(view, 20, 200) == RED and colour(view, 380, 200) == BLUE
    for _ in range(9):
        QTest.keyClick(view, Qt.Key.Key_Right)
    assert colour(view, 20, 200) == BLUE
    for _ in range(9):
        QTest.keyClick(view, Qt.Key.Key_Left)
    assert colour(view, 380, 200) == RED


def test_the_middle_button_moves_it_under_the_hand(view: PictureView) -> None:
    view.zoom_in()
    view.zoom_in()
    drag(view, Qt.MouseButton.MiddleButton, (300, 200), (100, 200))
    assert colour(view, 20, 200) == BLUE
    drag(view, Qt.MouseButton.MiddleButton, (100, 200), (390, 200))
    assert colour(view, 150, 200) == RED


@pytest.mark.parametrize("steps", [0, 2])
def test_a_drawn_box_is_of_the_picture_however_it_is_shown(view: PictureView, steps: int) -> None:
    boxes: list[tuple[float, ...]] = []
    view.boxed.connect(lambda *box: boxes.append(box))
    for _ in range(steps):
        view.zoom_in()
    drag(view, Qt.MouseButton.LeftButton, (100, 150), (300, 250))
    drag(view, Qt.MouseButton.LeftButton, (100, 150), (102, 151))  # a click
    (box,) = boxes
    whole, twice = (0.25, 0.25, 0.75, 0.75), (0.375, 0.375, 0.625, 0.625)
    assert box == pytest.approx(twice if steps else whole, abs=0.01)


def test_a_region_out_of_sight_is_brought_into_sight(view: PictureView) -> None:
    view.show_region(Region().inside(6))
    assert view.zoomed == "Shown whole." and colour(view, 20, 200) == RED
    for _ in range(4):
        view.zoom_in()
    view.show_region(Region().inside(4))
    assert colour(view, 380, 200) == RED
    assert "Questions are about middle left." in view.accessibleDescription()


def test_another_picture_is_shown_whole(view: PictureView) -> None:
    view.zoom_in()
    view.show_picture(Image.new("RGB", (30, 4000), BLUE), "thin.png")
    assert view.zoomed == "Shown whole." and view.accessibleName() == "Picture thin.png"
    view.resize(170, 900)
    assert colour(view, 85, 450) == BLUE
    view.show_picture(Image.new("RGB", (1, 1), RED), "dot.png")
    assert colour(view, 85, 450) == RED


def test_a_large_picture_is_averaged_when_it_is_small(view: PictureView) -> None:
    stripes = Image.new("RGB", (1600, 1600))
    for x in range(0, 1600, 2):
        stripes.paste((255, 255, 255), (x, 0, x + 1, 1600))
    view.show_picture(stripes, "stripes.png")
    assert all(100 < colour(view, x, 200)[0] < 155 for x in range(100, 110))


def test_it_is_a_graphic_to_a_screen_reader(view: PictureView) -> None:
    assert QAccessible.queryAccessibleInterface(view).role() is QAccessible.Role.Graphic


def test_without_a_picture_nothing_zooms(app: QApplication) -> None:
    view = PictureView()
    view.invite({"open": "Ctrl+O", "paste": "Ctrl+V", "sample": "F1"})
    view.show()
    view.zoom_in()
    view.fit()
    QTest.keyClick(view, Qt.Key.Key_Left)
    QTest.keyClick(view, Qt.Key.Key_5)
    wheel(view, 9, 9, 120, Qt.KeyboardModifier.ControlModifier)
    drag(view, Qt.MouseButton.LeftButton, (10, 10), (90, 90))
    assert "Ctrl+O" in view.accessibleDescription()
    view.close()
