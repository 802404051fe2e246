"""Where pictures come from: the clipboard, a drop, the screen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PIL import Image

from .qt import QImage, QMimeData, QPixmap

SUFFIXES = "*.jpg *.jpeg *.png *.webp *.gif *.bmp *.tif *.tiff"


def picture_filter() -> str:
    """What a file dialog offers."""
    return f"Pictures ({SUFFIXES} {SUFFIXES.upper()});;All files (*)"


def pasted_picture(data: QMimeData) -> Path | Image.Image | None:
    """What is on the clipboard: a file, a path in words, or a picture itself."""
    if data.hasUrls() or data.hasImage():
        return dropped_picture(data)
    with suppress(OSError, RuntimeError):  # no name of a file: too long, or of a person who is not here
        path = Path(data.text().strip().strip("\"'")).expanduser()
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


def as_picture(image: QImage) -> Image.Image | None:
    """Qt's picture as Pillow's: RGB, transparency laid on white. None where it holds nothing."""
    if image.isNull():
        return None
    rgba = image.convertToFormat(QImage.Format.Format_RGBA8888)
    picture = Image.frombytes("RGBA", (rgba.width(), rgba.height()), bytes(rgba.constBits()))
    upon = Image.new("RGB", picture.size, "white")
    upon.paste(picture, mask=picture.getchannel("A"))
    return upon


def as_pixmap(picture: Image.Image) -> QPixmap:
    """Pillow's picture, RGB, as one that Qt paints."""
    data = picture.tobytes()
    image = QImage(data, picture.width, picture.height, 3 * picture.width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())  # the copy outlives the bytes
