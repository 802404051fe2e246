"""Pictures of the screen: all of it, an area, or what the desktop lets the person choose."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL.Image import Image

from ..errors import DeviceError, SviqaError
from ..media.image import load_picture
from .area import AreaChooser
from .pictures import as_picture
from .portal import Portal
from .qt import Qt, QTimer, QWidget

Found = Image | SviqaError | None
"""A picture, why there is none, or None where the person gave up."""
REDRAWN = 200
"""Milliseconds until the desktop has drawn the screen without the window."""


class Capture:
    """Hides the window, takes the picture, shows the window again. Only one at a time; a second call is ignored."""

    def __init__(self, window: QWidget, portal: Portal, done: Callable[[Found, str], None]) -> None:
        """`done` is told what was found, and what to call it."""
        self._window, self._portal, self._done = window, portal, done
        self._name = ""  # of what is being captured
        self._chooser: AreaChooser | None = None

    def screen(self) -> None:
        """The screen that the window is on."""
        self._begin("screen", lambda: self._freeze(self._end))

    def area(self) -> None:
        """An area of that screen, chosen with the mouse or with keys."""
        self._begin("area", lambda: self._freeze(self._choose))

    def window(self) -> None:
        """A window, or what else the desktop lets the person choose; an area where it has nothing to choose with."""
        self._begin("window", lambda: self._from_portal(True, self._choose_instead))

    def _begin(self, name: str, then: Callable[[], None]) -> None:
        if not self._name:
            self._name = name
            self._window.hide()
            QTimer.singleShot(REDRAWN, self._window, then)

    def _freeze(self, then: Callable[[Found], None]) -> None:
        """The whole screen. On Wayland only the portal may look at it."""
        if os.environ.get("WAYLAND_DISPLAY"):
            self._from_portal(False, then)
        else:
            image = self._window.screen().grabWindow(0).toImage()
            then(as_picture(image) or DeviceError("The screen gave no picture.", "Take one with another tool."))

    def _from_portal(self, interactive: bool, then: Callable[[Found], None]) -> None:
        began = time.time()

        def take(found: Path | DeviceError | None) -> None:
            then(_fetched(found, began) if isinstance(found, Path) else found)

        self._portal.screenshot(interactive, take)

    def _choose(self, found: Found) -> None:
        if not isinstance(found, Image):
            self._end(found)
            return
        self._chooser = AreaChooser(found, self._end)
        self._chooser.setGeometry(self._window.screen().geometry())
        self._chooser.showFullScreen()
        self._chooser.activateWindow()

    def _choose_instead(self, found: Found) -> None:
        if isinstance(found, DeviceError):
            self._name = "area"
            self._freeze(self._choose)
        else:
            self._end(found)

    def _end(self, found: Found) -> None:
        name, self._name, self._chooser = self._name, "", None
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()
        self._done(found, name)


def _fetched(path: Path, began: float) -> Found:
    """The picture in the portal's file. The file was made for this, so it is not left behind."""
    try:
        picture = load_picture(path)
        with suppress(OSError):
            if path.stat().st_mtime >= began - 1:  # file systems round
                path.unlink()
    except SviqaError as error:
        return error
    return picture
