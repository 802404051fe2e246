"""What comes from the clipboard, whatever is on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from sviqa_app.gui.pictures import as_picture, as_pixmap, pasted_picture


@pytest.mark.parametrize(
    "text", ["", " ", "~nobody-here/a.png", "a" * 5000, "/" + "a" * 300, "a\0b", "two\nlines", "/"]
)
def test_text_that_is_no_file_is_no_picture(text: str) -> None:
    data = QMimeData()
    data.setText(text)
    assert pasted_picture(data) is None


@given(st.text())
def test_any_text_can_be_pasted(text: str) -> None:
    data = QMimeData()
    data.setText(text)
    pasted_picture(data)


def test_transparency_is_laid_on_white() -> None:
    image = QImage(2, 1, QImage.Format.Format_ARGB32)
    image.setPixel(0, 0, 0x00FF0000)
    image.setPixel(1, 0, 0x80000000)
    picture = as_picture(image)
    assert picture is not None
    assert picture.getpixel((0, 0)) == (255, 255, 255) and picture.getpixel((1, 0)) == (127, 127, 127)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_there_and_back(app: QApplication, width: int) -> None:
    picture = Image.effect_noise((width, 7), 90).convert("RGB")
    back = as_picture(as_pixmap(picture).toImage())
    assert back is not None and back.tobytes() == picture.tobytes()
