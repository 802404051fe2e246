"""The picture, as closely as one likes, and the region that questions are about."""

from __future__ import annotations

from collections.abc import Mapping

from PIL.Image import Image

from .announcing import announce
from .pictures import as_pixmap
from .qt import (
    QKeyEvent,
    QLabel,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPointF,
    QRectF,
    QResizeEvent,
    QSizePolicy,
    Qt,
    QWheelEvent,
    QWidget,
    Signal,
)
from .region import Region
from .viewport import Viewport

SMALLEST_DRAG = 8  # pixels on the screen; less is a click
STEP = 2**0.5
"""How much closer one press, or one notch of the wheel, is."""
NOTCH = 120  # what Qt counts for a notch of the wheel
STRIDE = 0.2
"""How far an arrow key moves the picture, in parts of the widget."""
ARROWS: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
"""Which way each key goes: right, down."""


class PictureView(QLabel):
    """Shows the picture. Keys 1 to 9 go into a ninth, dragging draws a box, Ctrl and the wheel zoom, the middle button
    and the arrow keys move what is zoomed; a label, so that it is a graphic to a screen reader.
    """

    ninth = Signal(int)
    boxed = Signal(float, float, float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setMinimumSize(160, 160)
        self.setAccessibleName("Picture")
        self._levels: list[QPixmap] = []  # the picture, half of it, a quarter …
        self._viewport: Viewport | None = None
        self._region = Region()
        self._drag: tuple[QPointF, QPointF] | None = None
        self._grip: QPointF | None = None

    # --- what is shown -----------------------------------------------------------------------------------------

    def invite(self, keys: Mapping[str, str]) -> None:
        """Where there is no picture, say how one comes in, with the keys of "open", "paste" and "sample"."""
        if self._viewport is None:
            ways = f"Open one ({keys['open']}), paste one ({keys['paste']}), or try the sample ({keys['sample']})."
            self.setText(f"No picture yet.\n{ways}\nOr drop one here.")
            self.setAccessibleDescription(f"No picture yet. {ways}")

    def show_picture(self, picture: Image, name: str) -> None:
        """Show an RGB picture, whole."""
        self._levels = [as_pixmap(picture)]
        while max(picture.size) > 2 * self.minimumWidth():
            picture = picture.reduce(2)
            self._levels.append(as_pixmap(picture))
        size = self._levels[0].size()
        self._viewport = Viewport((size.width(), size.height()), self._room)
        self.setAccessibleName(f"Picture {name}")
        self.setPixmap(self._levels[-1])  # what is seen is painted below; this makes it a graphic
        self._refresh()

    def show_region(self, region: Region) -> None:
        """Mark the region, say where it is, and bring it into sight."""
        self._region = region
        if self._viewport is not None and not region.whole:
            self._viewport = self._viewport.showing(region.left, region.top, region.right, region.bottom)
        self._refresh()

    @property
    def region(self) -> Region:
        """The region that is marked."""
        return self._region

    @property
    def zoomed(self) -> str:
        """How large the picture is shown, in words."""
        zoom = 1.0 if self._viewport is None else self._viewport.zoom
        return "Shown whole." if zoom == 1 else f"Shown at {100 * zoom:.0f} %."

    def describe(self) -> str:
        """What a screen reader says of it after its name."""
        return (
            f"Questions are about {self._region.name}. Keys 1 to 9 go into a ninth of it, Backspace goes out. "
            f"{self.zoomed}"
        )

    def _refresh(self) -> None:
        if self._viewport is not None:
            self.setAccessibleDescription(self.describe())
        self.update()

    # --- closer and farther ------------------------------------------------------------------------------------

    def zoom_in(self) -> None:
        """One step closer."""
        self._zoom(STEP)

    def zoom_out(self) -> None:
        """One step back, at most to the whole picture."""
        self._zoom(1 / STEP)

    def fit(self) -> None:
        """The whole picture."""
        self._zoom(0)

    def _zoom(self, factor: float) -> None:
        if self._viewport is not None:
            self._look(self._viewport.zoomed(factor))
            announce(self, self.zoomed)

    def _look(self, viewport: Viewport) -> None:
        self._viewport = viewport
        self._refresh()

    @property
    def _room(self) -> tuple[int, int]:
        return max(1, self.width()), max(1, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if self._viewport is not None:
            self._look(self._viewport.resized(self._room))

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        if self._viewport is None or not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        self._look(self._viewport.zoomed(STEP ** (event.angleDelta().y() / NOTCH), event.position().toTuple()))

    # --- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._viewport is None:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._paint_picture(painter, self._viewport)
        self._paint_region(painter)
        if self._drag is not None:
            self._outline(painter, QRectF(*self._drag).normalized())
        if self.hasFocus():
            painter.setPen(QPen(self.palette().highlight().color(), 2))
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.end()

    def _paint_picture(self, painter: QPainter, viewport: Viewport) -> None:
        """Only what is visible, from the smallest level that has every pixel of the screen."""
        wanted = viewport.shown[0] * self.devicePixelRatioF()
        level = next((level for level in reversed(self._levels) if level.width() >= wanted), self._levels[0])
        left, top, right, bottom = viewport.visible
        corner = QPointF(left * level.width(), top * level.height())
        other = QPointF(right * level.width(), bottom * level.height())
        painter.drawPixmap(self.place(Region(left, top, right, bottom)), level, QRectF(corner, other))

    def _paint_region(self, painter: QPainter) -> None:
        if not self._region.whole:
            self._outline(painter, self.place(self._region))

    def place(self, region: Region) -> QRectF:
        """Where on the widget a region of the picture is."""
        if self._viewport is None:
            return QRectF()
        corner, other = (region.left, region.top), (region.right, region.bottom)
        return QRectF(QPointF(*self._viewport.place(corner)), QPointF(*self._viewport.place(other)))

    @staticmethod
    def _outline(painter: QPainter, box: QRectF) -> None:
        """A white line on a black one is seen on any picture."""
        for colour, width in ((Qt.GlobalColor.black, 5), (Qt.GlobalColor.white, 2)):
            painter.setPen(QPen(colour, width))
            painter.drawRect(box)

    # --- hands -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._viewport is not None and event.button() is Qt.MouseButton.LeftButton:
            self._drag = event.position(), event.position()
        elif self._viewport is not None and event.button() is Qt.MouseButton.MiddleButton:
            self._grip = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._drag is not None:
            self._drag = self._drag[0], event.position()
            self.update()
        elif self._grip is not None and self._viewport is not None:
            way, self._grip = event.position() - self._grip, event.position()
            self._look(self._viewport.moved(way.x(), way.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._grip is not None:
            self._grip = None
            self.unsetCursor()
        if self._drag is None or self._viewport is None:
            return
        (start, end), self._drag = self._drag, None
        self.update()
        if (end - start).manhattanLength() >= SMALLEST_DRAG:
            corner, other = (self._viewport.part((point.x(), point.y())) for point in (start, end))
            self.boxed.emit(*corner, *other)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        way = ARROWS.get(event.key())
        if self._viewport is not None and event.text() in tuple("123456789"):
            self.ninth.emit(int(event.text()))
        elif self._viewport is not None and self._viewport.zoom > 1 and way is not None:
            right, down = (-STRIDE * step * room for step, room in zip(way, self._room, strict=True))
            self._look(self._viewport.moved(right, down))
        else:
            super().keyPressEvent(event)
