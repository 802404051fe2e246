"""Work elsewhere: done in order, told in the window's own thread."""

from __future__ import annotations

from threading import current_thread, main_thread

import pytest
from PySide6.QtWidgets import QApplication

from sviqa_app.errors import OutputError, SviqaError
from sviqa_app.gui.app import Bridge
from sviqa_app.gui.operations import Background


def test_results_come_in_order_and_in_the_windows_thread(app: QApplication) -> None:
    told: list[tuple[int, bool, bool]] = []
    bridge = Bridge()
    background = Background(bridge.post, lambda error: None)
    for n in range(20):
        background.run(
            lambda n=n: (n, current_thread() is not main_thread()),
            lambda result: told.append((*result, current_thread() is main_thread())),
        )
    background.close()
    app.processEvents()
    assert told == [(n, True, True) for n in range(20)]


def test_failures_are_told_to_who_asks_or_to_the_person(app: QApplication) -> None:
    said: list[SviqaError] = []
    asked: list[SviqaError] = []
    bridge = Bridge()
    background = Background(bridge.post, said.append)

    def fail() -> None:
        raise OutputError("The disk is full.")

    background.run(fail, lambda _: pytest.fail("it failed"))
    background.run(fail, lambda _: pytest.fail("it failed"), asked.append)
    background.close()
    app.processEvents()
    assert len(said) == len(asked) == 1
