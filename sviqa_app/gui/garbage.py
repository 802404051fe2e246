"""Cyclic garbage, collected in the window's own thread."""

from __future__ import annotations

import gc

from .qt import QObject, QTimer

EVERY = 1000
"""Milliseconds between two looks."""


class Garbage(QObject):
    """Takes the collector's work from the other threads while it lives.

    Python collects in whichever thread happens to be at work, and a dialog that is closed is cyclic garbage: destroyed
    in a thread that reads a picture, it takes the whole process with it.
    """

    def __init__(self) -> None:
        super().__init__()
        gc.disable()
        gc.freeze()  # modules stay; looking through them again and again would hold up the window
        self._timer = QTimer(self, interval=EVERY)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """What Python would collect now, if it might."""
        full = [
            n for n, (count, most) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)) if count > most
        ]
        if full:
            gc.collect(full[-1])

    def close(self) -> None:
        """Give the work back."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
