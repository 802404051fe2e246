"""Text can be read in every theme."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from sviqa_app.gui.theme import CONTRAST, DARK, LIGHT, contrast, dress


@pytest.mark.parametrize("theme", [LIGHT, DARK, CONTRAST])
def test_contrast(theme: tuple[str, ...]) -> None:
    window, text, field, button, highlight, on_highlight, link, faint = theme
    for ground in (window, field, button):
        assert contrast(text, ground) >= 7
        assert contrast(faint, ground) >= 4.5
    assert contrast(link, window) >= 4.5
    assert contrast(on_highlight, highlight) >= 4.5
    assert contrast(highlight, window) >= 3  # the focus is seen


def test_known_contrasts() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_text_size_is_of_the_desktops_own(app: QApplication) -> None:
    dress(app, "dark", 100)
    own = app.font().pointSizeF()
    for percent in (200, 80, 200):
        dress(app, "light", percent)
        assert app.font().pointSizeF() == pytest.approx(own * percent / 100)
    dress(app, "light", 100)
