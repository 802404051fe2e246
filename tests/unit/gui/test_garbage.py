"""Windows that are garbage are destroyed in the window's own thread, whoever makes more of it."""

from __future__ import annotations

import gc
from threading import Thread, current_thread, main_thread
from weakref import finalize

from PySide6.QtWidgets import QApplication, QDialog

from sviqa_app.gui.garbage import Garbage


class Loop:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


def litter() -> None:
    """More than the collector would let lie."""
    for _ in range(20 * gc.get_threshold()[0]):
        Loop()


def test_it_is_collected_in_the_windows_thread(app: QApplication) -> None:
    gc.enable()
    garbage = Garbage()
    where: list[bool] = []
    dialog = QDialog()
    dialog.itself = dialog  # type: ignore[attr-defined]
    finalize(dialog, lambda: where.append(current_thread() is main_thread()))
    del dialog
    other = Thread(target=litter)
    other.start()
    other.join()
    assert where == [] and not gc.isenabled()
    while not where:
        litter()
        garbage.collect()
    assert where == [True]
    garbage.close()
    assert gc.isenabled()
    gc.disable()
