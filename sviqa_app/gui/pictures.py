"""Where pictures come from: the clipboard, a drop, the screen."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from .qt import QImage, QMimeData, QWidget

SUFFIXES = "*.jpg *.jpeg *.png *.webp *.gif *.bmp *.tif *.tiff"


def picture_filter() -> str:
    """What a file dialog offers."""
    return f"Pictures ({SUFFIXES} {SUFFIXES.upper()});;All files (*)"


def pasted_picture(data: QMimeData) -> Path | Image.Image | None:
    """What is on the clipboard: a file, a path in words, or a picture itself."""
    if data.hasUrls() or data.hasImage():
        return dropped_picture(data)
    text = data.text().strip().strip("\"'")
    if text and "\n" not in text and len(text) < 4096:
        path = Path(text).expanduser()
        return path if path.is_file() else None
    return None


def dropped_picture(data: QMimeData) -> Path | Image.Image | None:
    """The file or the picture in a drop."""
    for url in data.urls():
        if url.isLocalFile():
            return Path(url.toLocalFile())
    if data.hasImage():
        return as_picture(data.imageData())
    return None


def screen_picture(window: QWidget) -> Image.Image | None:
    """The screen that the window is on, without the window; None where the desktop does not allow it."""
    shown = window.isVisible()
    window.setVisible(False)
    image = window.screen().grabWindow(0).toImage()
    window.setVisible(shown)
    return as_picture(image)


def as_picture(image: QImage) -> Image.Image | None:
    """Qt's picture as Pillow's, RGB; None where it holds nothing."""
    if image.isNull():
        return None
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    return Image.frombytes("RGB", (rgb.width(), rgb.height()), bytes(rgb.constBits()), "raw", "RGB", rgb.bytesPerLine())
