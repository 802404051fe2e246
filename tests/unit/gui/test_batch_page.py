"""The Batch page in keys alone, and what a screen reader is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QLabel, QMessageBox, QPushButton
from shiboken6 import isValid

from sviqa_app.batch.progress import Progress
from sviqa_app.gui.batch_form import Form, Kept
from sviqa_app.gui.batch_page import BatchPage
from sviqa_app.gui.batch_view import Stage
from sviqa_app.gui.batch_work import Ended
from sviqa_app.settings import Settings

from .test_batch_presenter import Batch
from .test_window import nameless


class Desk:
    """The page, a process that is a stand-in, and a folder of one row."""

    def __init__(self, folder: Path) -> None:
        (folder / "in").mkdir()
        for name in ("cat.jpg", "cat.wav"):
            (folder / "in" / name).touch()
        self.folder, self.out = folder / "in", folder / "in-answers"
        self.batches: list[Batch] = []
        self.open()

    def open(self, **settings: Any) -> None:
        kept = Kept(settings.get("keep_history", True))
        self.page = BatchPage(Settings(**settings), kept, None, self._begin)
        self.page.come()
        QTest.qWaitForWindowActive(self.page)

    def _begin(self, options: Any, tell: Callable[[Any], None]) -> Batch:
        self.batches.append(Batch(options, tell))
        return self.batches[-1]

    def alt(self, key: Qt.Key) -> None:
        QTest.keyClick(self.page, key, Qt.KeyboardModifier.AltModifier)
        while any(button.isDown() for button in self.page.findChildren(QAbstractButton)):
            QTest.qWait(10)  # Qt shows it pressed for a moment

    def look(self) -> None:
        """Until the look at the folder is over."""
        self.page.operations._thread.submit(lambda: None).result()
        QApplication.processEvents()

    def start(self) -> None:
        self.page.fields.folder.setText(str(self.folder))
        self.alt(Qt.Key.Key_S)
        self.look()

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.batches[-1].tell(message)
        QApplication.processEvents()

    def answer(self, button: str) -> str:
        """Answer the question that is open. Gives it."""
        (box,) = self.page.findChildren(QMessageBox)
        (answer,) = [b for b in box.buttons() if b.text() == button]
        text = box.text()
        answer.click()
        QApplication.sendPostedEvents(box, QEvent.Type.DeferredDelete)
        return text

    def close(self) -> None:
        if isValid(self.page):
            self.page.presenter._running = None
            self.page.reject()


@pytest.fixture
def desk(app: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in ("XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    made = Desk(tmp_path)
    yield made
    made.close()


def mnemonics(page: BatchPage) -> list[str]:
    """The keys of all that can be seen."""
    shown = [w for kind in (QLabel, QAbstractButton) for w in page.findChildren(kind) if w.isVisibleTo(page)]
    texts = [w.text() for w in shown]
    return [text[text.index("&") + 1].lower() for text in texts if "&" in text]


def test_every_control_has_a_name_and_every_key_is_one_control_s(desk: Desk) -> None:
    fields = desk.page.fields
    for source in range(fields.source.count()):
        for question in range(fields.question.count()):
            fields.source.setCurrentIndex(source)
            fields.question.setCurrentIndex(question)
            fields.offer_again(True)
            assert nameless(desk.page) == []
            keys = mnemonics(desk.page)
            assert len(keys) == len(set(keys)) > 15
    desk.page.show_stage(Stage.PAUSED)
    assert sorted(mnemonics(desk.page)) == sorted(keys)


def test_tab_comes_to_everything_and_back(desk: Desk) -> None:
    start = QApplication.focusWidget()
    seen = []
    while not seen or (QApplication.focusWidget() is not start and len(seen) < 40):
        seen.append(QApplication.focusWidget())
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    fields, page = desk.page.fields, desk.page
    assert seen[0] is fields.source and seen[-1] is not fields.source and len(seen) < 40
    assert {page.found, page.preview_button, page.start_button, fields.out, fields.workers} <= set(seen)


def test_a_fault_stands_with_its_field_and_has_the_keyboard(desk: Desk) -> None:
    desk.alt(Qt.Key.Key_S)
    desk.look()
    folder = desk.page.fields.folder
    fault = desk.page.fields._faults["folder"]
    assert fault.isVisible() and fault.text() == "No folder is chosen yet. Choose one."
    assert QApplication.focusWidget() is folder and folder.accessibleDescription().startswith(fault.text())
    QTest.keyClicks(folder, "/x")
    assert (
        not fault.isVisible() and folder.accessibleDescription() == "Its pictures, and those in the folders inside it."
    )
    for check in desk.page.fields.formats.values():
        check.setChecked(False)
    folder.setText(str(desk.folder))
    desk.alt(Qt.Key.Key_P)
    desk.look()
    assert QApplication.focusWidget() is desk.page.fields.formats["html"]
    assert not desk.page.fields.formats["html"].visibleRegion().isEmpty()


def test_the_results_follow_the_folder_until_somebody_chooses(desk: Desk) -> None:
    fields = desk.page.fields
    fields.folder.setText("/cats")
    fields.folder.setText("/dogs")
    assert fields.out.text() == "/dogs-answers"
    fields.out.setText("/mine")
    fields.folder.setText("/cats")
    assert fields.out.text() == "/mine"


@pytest.mark.parametrize(
    ("method", "answer", "field"),
    [("getExistingDirectory", "/chosen", "folder"), ("getOpenFileName", ("/chosen", ""), "recording")],
)
def test_files_are_chosen(desk: Desk, monkeypatch: pytest.MonkeyPatch, method: str, answer: Any, field: str) -> None:
    monkeypatch.setattr(QFileDialog, method, lambda *_: answer)
    (button,) = [
        b for b in desk.page.findChildren(QPushButton) if b.accessibleName() == f"Choose: {field.capitalize()}"
    ]
    button.click()
    assert getattr(desk.page.fields, field).text() == "/chosen"


def test_previewed_started_paused_and_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    page = desk.page
    page.fields.folder.setText(str(desk.folder))
    desk.alt(Qt.Key.Key_P)
    desk.look()
    assert [page.found.item(i).text() for i in range(page.found.count())] == [
        "1 row: 1 picture; 1 spoken.",
        "The row:",
        "    cat.jpg: cat.wav",
    ]
    page.start_button.setFocus()
    desk.alt(Qt.Key.Key_S)
    desk.look()
    assert page.pause_button.hasFocus() and not page.fields.isEnabled()
    desk.tell(Progress("asking", 4, 1))
    assert page.progress.isVisible() and (page.progress.value(), page.progress.maximum()) == (1, 4)
    QTest.keyClick(page.pause_button, Qt.Key.Key_Space)
    assert page.pause_button.text() == "Contin&ue" and page.pause_button.hasFocus()
    desk.alt(Qt.Key.Key_U)
    assert desk.batches[0].orders == ["pause", "go on"]
    desk.tell(Progress("done", 4, 4), Ended(""))
    assert page.report_button.hasFocus() and page.start_button.text() == "Re&sume"
    assert page.fields.again.isVisible() and page.state_label.text().startswith("Done: 4 of 4 rows")
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    QTest.keyClick(page.report_button, Qt.Key.Key_Space)
    assert not opened and "cannot be opened from here" in page.state_label.text()  # it was deleted meanwhile
    desk.out.mkdir()
    (desk.out / "report.html").touch()
    desk.alt(Qt.Key.Key_N)
    desk.alt(Qt.Key.Key_L)
    assert opened == [str(desk.out / "report.html"), str(desk.out)]


def test_stopped_the_keyboard_is_where_it_can_be_read(desk: Desk) -> None:
    desk.start()
    desk.page.pause_button.setFocus()
    desk.alt(Qt.Key.Key_O)
    assert desk.page.found.hasFocus() and not desk.page.stop_button.isEnabled()
    desk.tell(Progress("stopped", 1), Ended(""))
    assert desk.page.state_label.text().startswith("Stopped: 0 of 1 row")
    desk.page.fields.folder.setText("/else")
    assert desk.page.start_button.text() == "&Start" and not desk.page.folder_button.isEnabled()
    assert not desk.page.progress.isVisible() and not desk.page.fields.again.isVisible()


def test_less_motion_moves_no_bar(desk: Desk) -> None:
    desk.close()
    desk.open(reduced_motion=True)
    desk.start()
    desk.tell(Progress("asking", 4, 1))
    assert not desk.page.progress.isVisible() and "1 of 4" in desk.page.state_label.text()


def test_escape_asks_before_it_stops(desk: Desk) -> None:
    desk.start()
    QTest.keyClick(desk.page, Qt.Key.Key_Escape)
    assert "A batch is running. Stop it?" in desk.answer("&No") and not desk.batches[0].orders
    QTest.keyClick(desk.page, Qt.Key.Key_Escape)
    assert "A batch is running. Stop it?" in desk.answer("&Yes")
    QTest.keyClick(desk.page, Qt.Key.Key_Escape)
    assert "End it at once?" in desk.answer("&Yes") and desk.batches[0].orders == ["stop", "end"]
    assert desk.page.isVisible()
    desk.tell(Ended("Killed"))
    assert not isValid(desk.page)


def test_the_batch_may_end_while_the_person_is_asked(desk: Desk) -> None:
    desk.start()
    QTest.keyClick(desk.page, Qt.Key.Key_Escape)
    desk.tell(Progress("done", 1, 1), Ended(""))
    assert desk.page.isVisible()
    desk.answer("&Yes")
    assert not desk.page.isVisible() and not desk.batches[0].orders


def test_the_app_ends_when_the_batch_has(desk: Desk) -> None:
    ended: list[bool] = []
    desk.start()
    assert not desk.page.may_end(lambda: ended.append(True))
    desk.answer("&Yes")
    desk.tell(Progress("stopped", 1), Ended(""))
    assert ended == [True]


def test_what_was_asked_last_is_there_again(desk: Desk) -> None:
    desk.page.fields.words.setText("what is it")
    desk.page.fields.question.setCurrentIndex(1)
    desk.page.fields.formats["xlsx"].setChecked(True)
    desk.page.fields.workers.setValue(2)
    desk.start()
    form = Kept(True).read(Form())
    assert form.words == "what is it" and form.formats == ("html", "csv", "xlsx") and form.workers == 2
    desk.close()
    desk.open(model="another")
    assert desk.page.fields.form() == form
    desk.close()
    desk.open(keep_history=False, model="another")
    assert desk.page.fields.form() == Form(model="another")
