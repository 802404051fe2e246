"""The picture and the region that questions are about."""

from __future__ import annotations

from PIL.Image import Image

from .qt import (
    QImage,
    QKeyEvent,
    QLabel,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPointF,
    QRectF,
    QSizePolicy,
    Qt,
    QWidget,
    Signal,
)
from .region import Region

SMALLEST_DRAG = 8  # pixels on the screen; less is a click


class PictureView(QLabel):
    """Shows the picture. Keys 1 to 9 zoom into a ninth, dragging draws a box; a label, so that it is a graphic to
    a screen reader.
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
        self._picture = QPixmap()
        self._region = Region()
        self._drag: tuple[QPointF, QPointF] | None = None
        self.show_nothing()

    def show_nothing(self) -> None:
        """Say how a picture comes in."""
        self.setText("No picture yet.\nOpen one (Ctrl+O), paste one (Ctrl+V), or drop one here.")
        self.setAccessibleDescription("No picture yet. Open one with Ctrl+O, or paste one with Ctrl+V.")

    def show_picture(self, picture: Image, name: str) -> None:
        """Show an RGB picture."""
        rgb = picture.convert("RGB")
        data = rgb.tobytes()
        image = QImage(data, rgb.width, rgb.height, 3 * rgb.width, QImage.Format.Format_RGB888)
        self._picture = QPixmap.fromImage(image.copy())
        self.setAccessibleName(f"Picture {name}")
        self.setPixmap(self._picture)
        self.update()

    def show_region(self, region: Region) -> None:
        """Mark the region and say where it is."""
        self._region = region
        self.setAccessibleDescription(
            f"Questions are about {region.name}. Keys 1 to 9 go into a ninth of it, Backspace goes out."
        )
        self.update()

    def _frame(self) -> QRectF:
        """Where the picture is on the widget."""
        size = self._picture.size().scaled(self.contentsRect().size(), Qt.AspectRatioMode.KeepAspectRatio)
        frame = QRectF(0, 0, size.width(), size.height())
        frame.moveCenter(QRectF(self.contentsRect()).center())
        return frame

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._picture.isNull():
            super().paintEvent(event)
            return
        frame = self._frame()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(frame, self._picture, QRectF(self._picture.rect()))
        if not self._region.whole:
            self._outline(painter, self._on_screen(self._region, frame))
        if self._drag is not None:
            self._outline(painter, QRectF(*self._drag).normalized())
        if self.hasFocus():
            painter.setPen(QPen(self.palette().highlight().color(), 2))
            painter.drawRect(QRectF(self.contentsRect()).adjusted(1, 1, -1, -1))
        painter.end()

    @staticmethod
    def _on_screen(region: Region, frame: QRectF) -> QRectF:
        corner = QPointF(frame.left() + region.left * frame.width(), frame.top() + region.top * frame.height())
        other = QPointF(frame.left() + region.right * frame.width(), frame.top() + region.bottom * frame.height())
        return QRectF(corner, other)

    @staticmethod
    def _outline(painter: QPainter, box: QRectF) -> None:
        """A white line on a black one is seen on any picture."""
        for colour, width in ((Qt.GlobalColor.black, 5), (Qt.GlobalColor.white, 2)):
            painter.setPen(QPen(colour, width))
            painter.drawRect(box)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() is Qt.MouseButton.LeftButton and not self._picture.isNull():
            self._drag = event.position(), event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._drag is not None:
            self._drag = self._drag[0], event.position()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._drag is None:
            return
        (start, end), self._drag = self._drag, None
        self.update()
        if (end - start).manhattanLength() >= SMALLEST_DRAG:
            frame = self._frame()
            x = [(p.x() - frame.left()) / frame.width() for p in (start, end)]
            y = [(p.y() - frame.top()) / frame.height() for p in (start, end)]
            self.boxed.emit(x[0], y[0], x[1], y[1])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.text() in tuple("123456789") and not self._picture.isNull():
            self.ninth.emit(int(event.text()))
        else:
            super().keyPressEvent(event)
