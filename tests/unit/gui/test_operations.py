"""Work elsewhere: done in order, told in the window's own thread."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, current_thread, main_thread

import pytest
from PySide6.QtWidgets import QApplication

from sviqa_app.errors import OutputError, SviqaError
from sviqa_app.gui.app import Bridge
from sviqa_app.gui.operations import Aside, Background


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


def test_what_a_network_holds_up_holds_up_nothing_else(app: QApplication) -> None:
    held, done = Event(), Event()
    told: list[object] = []
    aside = Aside(Bridge().post, told.append)
    aside.run(held.wait, told.append)  # which nobody waits for
    aside.run(done.set)
    assert done.wait(10)
    aside.close()
    post: SimpleQueue[Callable[[], None]] = SimpleQueue()
    aside = Aside(post.put, told.append)

    def fail() -> None:
        raise OutputError("The line is cut.")

    aside.run(lambda: 3, told.append)
    post.get(timeout=10)()
    aside.run(fail, failed=told.append)
    post.get(timeout=10)()
    assert told[0] == 3 and isinstance(told[1], OutputError)
    held.set()
