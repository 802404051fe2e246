"""The models page in keys alone, and what a screen reader is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton, QWidget

from sviqa_app.gui import models_presenter
from sviqa_app.gui.models_errand import Finished, Job, Step, Trouble
from sviqa_app.gui.models_page import ModelsPage
from sviqa_app.gui.models_rows import Row
from sviqa_app.gui.window import Window
from sviqa_app.recent import Recent
from sviqa_app.settings import Settings

from .test_models_presenter import Place
from .test_window import nameless

BEST = Row("best", "Best for this machine", "The largest that is quick here.")
EYE = Row(
    "eye", "eye", "Sees.", "fits", "520 MB", "MIT", ("Licence: MIT.",), ("eye",), installed=False, installable=True
)
TINY = Row("tiny", "tiny", "Ships.", "fits", "29 MB", "Apache-2.0", parts=("tiny",))
DESK = Row("desk", "desk", "omni, on a server.", "on a server", host="h", leaving="Every question sends all to h.")
HAVE = replace(EYE, installed=True, removable=True)


@pytest.fixture
def place() -> Place:
    return Place([BEST, DESK, TINY, EYE])


def shown(made: ModelsPage) -> Iterator[ModelsPage]:
    """The page in front until it is no longer needed."""
    made.show()
    made.activateWindow()
    QTest.qWaitForWindowActive(made)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def page(app: QApplication, place: Place) -> Iterator[ModelsPage]:
    yield from shown(ModelsPage(place.models))


def go_to(page: ModelsPage, name: str) -> None:
    """Type its name in the list, as one does."""
    page.found.setFocus()
    QTest.keyClicks(page.found, name)
    assert page.chosen is not None and page.chosen.name == name


def press(button: QPushButton) -> None:
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)


def spoken(page: ModelsPage) -> list[str]:
    """The rows as the accessibility tree has them."""
    table = QAccessible.queryAccessibleInterface(page.found)
    return [table.child(i).text(QAccessible.Text.Name) for i in range(table.childCount())]


def enabled(page: ModelsPage) -> list[str]:
    buttons = (page.use_button, page.install_button, page.verify_button, page.remove_button)
    return [button.text().replace("&", "") for button in buttons if button.isEnabled()]


def test_the_page_has_names_and_begins_at_the_model_in_use(page: ModelsPage) -> None:
    assert nameless(page) == []
    assert QApplication.focusWidget() is page.found and page.chosen is TINY
    assert spoken(page) == [
        "Best for this machine: The largest that is quick here.",
        "desk, on a server: omni, on a server.",
        "tiny, being loaded, fits, 29 MB, Apache-2.0: Ships.",
        "eye, fits, 520 MB, not installed, MIT: Sees.",
    ]
    assert "In use: tiny." in page.machine.text() and "memory" in page.machine.text()
    assert enabled(page) == []


def test_tab_goes_from_the_list_to_what_is_said_and_to_what_can_be_done(page: ModelsPage) -> None:
    go_to(page, "eye")
    seen: list[QWidget | None] = [page.found]
    for _ in range(5):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert seen[:4] == [page.found, page.about, page.install_button, page.add_button] and seen[5] is page.found
    assert [page.about.item(i).text() for i in range(page.about.count())] == ["Sees.", "Licence: MIT."]


def test_installed_by_keys(page: ModelsPage, place: Place) -> None:
    go_to(page, "eye")
    press(page.install_button)
    assert place.jobs == [Job("install", "eye")] and enabled(page) == ["Stop installing"]
    place.hear(Step("eye", 130_000_000, 520_000_000, 1e6))
    assert page.progress.value() == 25 and page.progress.isVisible()
    assert "25% of 520 MB, 1.0 MB/s, about 6 minutes left" in page.progress_line.text()
    assert spoken(page)[3].startswith("eye, installing, fits")
    press(page.install_button)
    assert place.cancelled == 1
    place.rows = [BEST, DESK, TINY, HAVE]
    place.hear(Finished())
    assert not page.progress.isVisible() and page.chosen is HAVE
    assert enabled(page) == ["Use this model", "Install again", "Verify", "Remove…"]


def test_what_went_wrong_stands_below_and_in_the_row(page: ModelsPage, place: Place) -> None:
    go_to(page, "eye")
    press(page.install_button)
    place.rows = [BEST, DESK, TINY, replace(EYE, begun=True)]
    place.hear(Trouble("The disk is full.", "Free some space."))
    assert page.trouble.text() == "The disk is full. Free some space." and page.trouble.isVisible()
    assert spoken(page)[3].endswith("failed, fits, 520 MB, partly downloaded, MIT: The disk is full. Free some space.")
    assert enabled(page) == ["Go on installing"]
    page.found.setCurrentRow(2)
    assert not page.trouble.isVisible()


@pytest.mark.parametrize(("answer", "removed"), [("Yes", True), ("No", False)])
def test_before_it_is_removed_it_asks(
    page: ModelsPage, place: Place, monkeypatch: pytest.MonkeyPatch, answer: str, removed: bool
) -> None:
    asked, gone = [], []

    def question(*words: object) -> QMessageBox.StandardButton:
        asked.append(words)
        return QMessageBox.StandardButton[answer]

    monkeypatch.setattr(QMessageBox, "question", question)
    monkeypatch.setattr(place.models, "remove", gone.append)
    place.rows = [TINY, replace(HAVE, parts=("one", "two"))]
    place.models.refresh()
    go_to(page, "eye")
    press(page.remove_button)
    assert asked[0][2] == "Remove eye?\nIt is one and two. 520 MB will be free again."
    assert asked[0][4] == QMessageBox.StandardButton.No  # Enter removes nothing
    assert bool(gone) is removed


def test_used_by_enter_and_then_it_is_not_removed(page: ModelsPage, place: Place) -> None:
    place.rows = [TINY, HAVE]
    place.models.refresh()
    go_to(page, "eye")
    QTest.keyClick(page.found, Qt.Key.Key_Return)
    assert place.used == ["eye"] and page.isVisible()
    assert enabled(page) == ["Install again", "Verify"]
    assert page.remove_button.accessibleDescription() == "It is in use: use another model first."
    QTest.keyClick(page.found, Qt.Key.Key_Return)
    assert place.used == ["eye"]


def test_the_keyboard_is_not_left_on_a_button_that_does_nothing(page: ModelsPage, place: Place) -> None:
    place.rows = [TINY, HAVE]
    place.models.refresh()
    go_to(page, "eye")
    press(page.use_button)
    assert place.used == ["eye"] and QApplication.focusWidget() is page.found


def test_what_leaves_the_machine_is_said_at_the_switch(
    page: ModelsPage, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    asked: list[object] = []

    def question(*words: object) -> QMessageBox.StandardButton:
        asked.append(words[2])
        return answers.pop(0)

    monkeypatch.setattr(QMessageBox, "question", question)
    go_to(page, "desk")
    press(page.use_button)
    assert asked == ["Use desk?\nEvery question sends all to h."] and place.used == []
    press(page.use_button)
    assert place.used == ["desk"]


def test_a_server_is_taken_off_the_list(page: ModelsPage, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    gone: list[str] = []

    def question(*words: object) -> QMessageBox.StandardButton:
        asked.append(words[2])
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", question)
    monkeypatch.setattr(models_presenter, "remove_server", gone.append)
    place.rows = [TINY, replace(DESK, removable=True)]
    place.models.refresh()
    go_to(page, "desk")
    assert enabled(page) == ["Use this model", "Remove…"]
    assert page.remove_button.accessibleDescription() == "Take it off the list, and its key out of the keyring."
    place.rows = [TINY]
    press(page.remove_button)
    assert asked == ["Remove desk?\nNothing is sent to h any more."] and gone == ["desk"]
    assert place.said[-1] == "desk is removed. Nothing is sent to h any more." and page.chosen is TINY


def test_a_job_goes_on_when_the_page_is_closed(page: ModelsPage, place: Place) -> None:
    go_to(page, "eye")
    press(page.install_button)
    QTest.keyClick(page, Qt.Key.Key_Escape)
    assert not page.isVisible() and place.cancelled == 0
    place.hear(Step("eye", 1, 2))
    place.hear(Finished())
    assert place.said[-1] == "eye is installed."
    again = ModelsPage(place.models)
    assert not again.progress.isVisibleTo(again)
    again.deleteLater()


def test_the_window_opens_it_and_says_where_questions_go(app: QApplication, place: Place, tmp_path: Path) -> None:
    window = Window(Settings(), Recent(tmp_path / "recent.json", keep=True))
    window.models = place.models
    window.show_models()
    (page,) = window.findChildren(ModelsPage)
    page.close()
    assert not window.going.isVisibleTo(window)
    window.show_host("gpu.example.org")
    assert window.going.isVisibleTo(window) and window.going.text() == "Questions go to gpu.example.org."
    window.deleteLater()
