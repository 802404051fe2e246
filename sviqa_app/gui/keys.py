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
    QTimer,
    QWidget,
)

SETTLING = 30
"""Milliseconds for which a key must be up to count as let go: X repeats a held key as releases and presses."""


class TalkKey(QObject):
    """Watches the whole application for one key going down and up.

    A held key repeats; only its first press and its last release count. Where the window loses the keyboard while the
    key is held, that is the release. As a toggle, one press is down and the next is up.
    """

    def __init__(self, window: QWidget, down: Callable[[], None], up: Callable[[], None]) -> None:
        super().__init__(window)
        self._window, self._down, self._up = window, down, up
        self._key, self._toggle = QKeySequence(), False
        self._pressed, self._talking = False, False
        self._settling = QTimer(self, singleShot=True, interval=SETTLING)
        self._settling.timeout.connect(self._let_go)
        if (app := QApplication.instance()) is not None:
            app.installEventFilter(self)

    def listen(self, key: str, toggle: bool) -> None:
        """Watch for this key from now on."""
        self._key, self._toggle = QKeySequence(key), toggle
        self.forget()

    def forget(self) -> None:
        """What is held now does not count any more."""
        self._talking = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() is QEvent.Type.WindowDeactivate and watched is self._window:
            self._settling.stop()
            self._let_go()
            self._end()
        if not isinstance(event, QKeyEvent) or QKeySequence(event.keyCombination()) != self._key:
            return False
        if event.type() is QEvent.Type.KeyPress and (self._pressed or self._ours()):
            self._press(event.isAutoRepeat())
            return True
        if event.type() is QEvent.Type.KeyRelease and self._pressed:
            if not event.isAutoRepeat():
                self._settling.start()
            return True
        return False

    def _press(self, repeated: bool) -> None:
        self._settling.stop()
        if self._pressed or repeated:
            return
        self._pressed = True
        if self._talking:
            self._end()
        else:
            self._talking = True
            self._down()

    def _let_go(self) -> None:
        self._pressed = False
        if not self._toggle:
            self._end()

    def _end(self) -> None:
        if self._talking:
            self._talking = False
            self._up()

    def _ours(self) -> bool:
        """Whether the key belongs to talking where the focus is, not to typing or to pressing a button."""
        focus = QApplication.focusWidget()
        if QApplication.activeWindow() is not self._window or QApplication.activePopupWidget() is not None:
            return False
        types = isinstance(focus, QLineEdit | QAbstractSpinBox)
        return not types and not (isinstance(focus, QPushButton) and not focus.property("talks"))
