"""Choosing an area of the screen, by hand or by keys alone."""

from __future__ import annotations

from collections.abc import Callable

from PIL.Image import Image

from .announcing import announce
from .picture_view import ARROWS, PictureView
from .qt import QCloseEvent, QColor, QKeyEvent, QPainter, QPainterPath, QRectF, Qt
from .region import Region

STRIDE = 0.02
"""How far an arrow key moves or stretches the box, in parts of the screen."""
HELP = "Draw a box, or: arrows move it, Shift and arrows stretch it, 1 to 9 go in, Enter takes it, Escape gives up"
SHADE = QColor(0, 0, 0, 140)
_TAKE = Qt.Key.Key_Return, Qt.Key.Key_Enter


class AreaChooser(PictureView):
    """The screen as it was, dark but for a box. `done` is told once what was in it, or None where it was given up."""

    def __init__(self, screen: Image, done: Callable[[Image | None], None]) -> None:
        super().__init__()
        self.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self._screen, self._done = screen, done
        self._taken: Image | None = None
        self.show_picture(screen, "")
        self.setWindowTitle("Choose an area")
        self.setAccessibleName("Choose an area of the screen")
        self.show_region(Region().drawn(0.25, 0.25, 0.75, 0.75))
        self.ninth.connect(lambda key: self._choose(self.region.inside(key)))
        self.boxed.connect(lambda *box: self._draw(Region().drawn(*box)))

    def describe(self) -> str:
        return (
            f"The box is {self._where()}. The arrow keys move it, with Shift they stretch it. Keys 1 to 9 go into a "
            "ninth of it, Backspace goes out. Enter takes it, Escape gives up. Or draw a box with the mouse."
        )

    def _where(self) -> str:
        region = self.region
        name = "the whole screen" if region.whole else region.name
        wide, high = region.right - region.left, region.bottom - region.top
        return f"{name}, {wide:.0%} wide and {high:.0%} high"

    def _choose(self, region: Region) -> bool:
        if not region.fits(self._screen.size):
            announce(self, "The box cannot be smaller.")
            return False
        self.show_region(region)
        announce(self, f"{self._where()}.")
        return True

    def _draw(self, region: Region) -> None:
        if self._choose(region):
            self._take()

    def _take(self) -> None:
        self._taken = self.region.crop(self._screen)
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        super().closeEvent(event)
        self._done(self._taken)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key = event.key()
        if key in ARROWS:
            change = self.region.grown if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else self.region.moved
            self._choose(change(*(STRIDE * step for step in ARROWS[key])))
        elif key == Qt.Key.Key_Backspace and self.region.outer is not None:
            self._choose(self.region.outer)
        elif key in _TAKE:
            self._take()
        elif key == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def _paint_region(self, painter: QPainter) -> None:
        shade, box = QPainterPath(), self.place(self.region)
        shade.addRect(QRectF(self.rect()))
        shade.addRect(box)  # odd and even: a hole
        painter.fillPath(shade, SHADE)
        super()._paint_region(painter)
        form = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        line = painter.boundingRect(QRectF(self.rect()), int(form), HELP)
        painter.fillRect(QRectF(0, 0, self.width(), line.height()), Qt.GlobalColor.black)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(line, int(form), HELP)
