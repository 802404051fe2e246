"""A Qt application without a screen. A warning of Qt's fails the test that caused it."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

pytest.importorskip("PySide6.QtWidgets", reason="Qt's system libraries are missing", exc_type=ImportError)

from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

HARMLESS = ("This plugin does not support",)


@pytest.fixture(scope="session")
def application() -> QApplication:
    """The one application object of the process."""
    return QApplication.instance() or QApplication(["sviqa"])


@pytest.fixture(scope="module", autouse=True)
def collected_here() -> Iterator[None]:
    """No other thread collects what is left of a window: see sviqa_app/gui/garbage.py."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def app(application: QApplication) -> Iterator[QApplication]:
    """The application, watched for warnings."""
    said: list[str] = []

    def note(kind: QtMsgType, _context: object, text: str) -> None:
        if kind is not QtMsgType.QtDebugMsg and not text.startswith(HARMLESS):
            said.append(text)

    before = qInstallMessageHandler(note)
    yield application
    application.processEvents()
    qInstallMessageHandler(before)
    assert not said
