"""The key that is held to talk, wherever the focus is, unless it types or presses there."""

from __future__ import annotations

from collections.abc import Callable

from .qt import (
    QAbstractSpinBox,
    QApplication,
    QEvent,
    QKeyEvent,
    QKeySequence,
    QLineEdit,
    QObject,
    QPushButton,
    QWidget,
)


class TalkKey(QObject):
    """Watches the whole application for one key going down and up.

    A held key repeats; only its first press and its last release count. Where the window loses the keyboard while the
    key is held, that is the release. As a toggle, one press is down and the next is up.
    """

    def __init__(self, window: QWidget, down: Callable[[], None], up: Callable[[], None]) -> None:
        super().__init__(window)
        self._window, self._down, self._up = window, down, up
        self._key, self._toggle, self._held = QKeySequence(), False, False
        if (app := QApplication.instance()) is not None:
            app.installEventFilter(self)

    def listen(self, key: str, toggle: bool) -> None:
        """Watch for this key from now on."""
        self._key, self._toggle, self._held = QKeySequence(key), toggle, False

    def forget(self) -> None:
        """What is held now does not count any more."""
        self._held = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() is QEvent.Type.WindowDeactivate and watched is self._window and self._held:
            self._release()
        if not isinstance(event, QKeyEvent) or QKeySequence(event.keyCombination()) != self._key:
            return False
        if event.type() is QEvent.Type.KeyPress and (self._held or self._ours()):
            if not event.isAutoRepeat():
                self._pressed()
            return True
        if event.type() is QEvent.Type.KeyRelease and self._held:
            if not event.isAutoRepeat() and not self._toggle:
                self._release()
            return True
        return False

    def _pressed(self) -> None:
        if not self._held:
            self._held = True
            self._down()
        elif self._toggle:
            self._release()

    def _release(self) -> None:
        self._held = False
        self._up()

    def _ours(self) -> bool:
        """Whether the key belongs to talking where the focus is, not to typing or to pressing a button."""
        focus = QApplication.focusWidget()
        if QApplication.activeWindow() is not self._window or QApplication.activePopupWidget() is not None:
            return False
        types = isinstance(focus, QLineEdit | QAbstractSpinBox)
        return not types and not (isinstance(focus, QPushButton) and not focus.property("talks"))
