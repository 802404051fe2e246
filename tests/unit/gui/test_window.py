"""The window in keys alone, and what a screen reader is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QAccessible, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QKeySequenceEdit,
    QMessageBox,
    QPushButton,
    QToolButton,
    QWidget,
)

from sviqa_app.engine.worker import Answering, Failed, Loading, Ready
from sviqa_app.errors import DeviceError
from sviqa_app.gui.keys import SETTLING
from sviqa_app.gui.past import Past
from sviqa_app.gui.pictures import as_picture, dropped_picture, pasted_picture
from sviqa_app.gui.preferences import Preferences
from sviqa_app.gui.presenter import Presenter
from sviqa_app.gui.situation import Situation
from sviqa_app.gui.window import Window
from sviqa_app.history import History
from sviqa_app.recent import Recent
from sviqa_app.settings import SETTINGS, Settings
from sviqa_app.turn import Done, Recording, TextDelta

from .standins import Asked, Bells, Mouth, Promptly, Sounding


class Room:
    """A window whose worker, microphone and loudspeaker are stand-ins."""

    def __init__(self, history: History, recording: Recording, settings: Settings, folder: Path) -> None:
        self.worker, self.mouth = Asked(), Mouth(recording)
        self.window = Window(settings, Recent(folder / "recent.json", keep=True))
        situation = Situation(self.window, Bells())
        parts = cast(Any, self.worker), cast(Any, self.mouth), Sounding()
        self.presenter = Presenter(self.window, *parts, history, settings, Promptly(situation.complain), situation)
        self.window.presenter = self.presenter
        self.window.show()
        self.window.activateWindow()
        self.window.view.setFocus()
        QTest.qWaitForWindowActive(self.window)


@pytest.fixture
def room(app: QApplication, tmp_path: Path, recording: Recording, picture: Image.Image) -> Iterator[Room]:
    with History.open(tmp_path) as history:
        made = Room(history, recording, Settings(), tmp_path)
        made.presenter.take(picture.resize((480, 320)), "picture.png")
        yield made
        made.window.close()
        made.window.deleteLater()


def nameless(widget: QWidget) -> list[str]:
    """The controls inside that can be reached but say nothing of themselves."""
    found = []
    for child in [widget, *widget.findChildren(QWidget)]:
        interface = QAccessible.queryAccessibleInterface(child)
        reached = child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isVisibleTo(widget)
        inner = child.objectName().startswith("qt_") or (child.parent() is not None and child.focusProxy() is not None)
        if reached and not inner and not interface.text(QAccessible.Text.Name):
            found.append(f"{type(child).__name__} {child.objectName()} in {type(child.parent()).__name__}")
    return found


def test_every_control_has_a_name(room: Room) -> None:
    assert nameless(room.window) == []


def test_every_setting_has_a_named_field(room: Room) -> None:
    dialog = Preferences(Settings(), lambda settings: None, room.window)
    dialog.show()
    assert [n for n in nameless(dialog) if not n.startswith("QScrollArea")] == []
    names = {w.accessibleName() for w in dialog.findChildren(QWidget)}
    assert {s.label for s in SETTINGS if s.type is not dict} <= names


def test_preferences_open_without_the_sound_library(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(kind: str) -> list[str]:
        raise DeviceError("The sound library PortAudio is missing.")

    monkeypatch.setattr("sviqa_app.gui.preferences.devices", missing)
    dialog = Preferences(Settings(microphone="USB"), lambda settings: None, room.window)
    (field,) = [w for w in dialog.findChildren(QComboBox) if w.accessibleName() == "Microphone"]
    assert [field.itemText(i) for i in range(field.count())] == ["The system's", "USB"]


def past_of(room: Room) -> Past:
    """The history, opened by its key."""
    QTest.keyClick(room.window, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier)
    (dialog,) = room.window.findChildren(Past)
    return dialog


def test_a_search_goes_to_what_was_found(room: Room) -> None:
    for turn, question in enumerate(("how many dogs", "where is the cat", "which number"), 1):
        room.presenter.ask(question)
        room.presenter.on_worker(Answering(turn, Done(f"Answer {turn}.")))
    room.presenter.new_conversation()
    dialog = past_of(room)
    dialog.words.setFocus()
    QTest.keyClicks(dialog.words, "cat")
    QTest.keyClick(dialog.words, Qt.Key.Key_Return)
    assert dialog.isVisible() and dialog.focusWidget() is dialog.found
    assert dialog.said.currentItem().text() == "Answer: Answer 2."
    QTest.keyClick(dialog.found, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert room.window.transcript.currentItem().text() == "Answer: Answer 2."
    assert room.window.transcript.count() == 6


@pytest.mark.parametrize(("button", "name"), [("Markdown", "conversation.md"), ("JSON", "conversation.json")])
def test_a_conversation_is_exported(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, button: str, name: str
) -> None:
    room.presenter.ask("how many dogs")
    dialog = past_of(room)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    (export,) = [b for b in dialog.findChildren(QPushButton) if button in b.text()]
    export.click()
    assert len(list(tmp_path.glob(f"sviqa-*/{name}"))) == 1


def test_deleting_all_forgets_the_pictures_opened_last(
    room: Room, picture_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.presenter.open(picture_file)
    room.presenter.ask("how many dogs")
    room.window._list_recent()
    assert [a.text() for a in room.window._recent_menu.actions()] == [picture_file.name]
    dialog = past_of(room)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    (everything,) = [b for b in dialog.findChildren(QPushButton) if b.text() == "Delete &all"]
    everything.click()
    assert dialog.found.count() == 0 and room.presenter.history.conversations() == []
    room.window._list_recent()
    assert [a.isEnabled() for a in room.window._recent_menu.actions()] == [False]


def test_the_level_in_words(room: Room) -> None:
    room.window.apply(replace(room.window._settings, reduced_motion=True))
    room.presenter.begin_talking()
    room.window.level = lambda: -20.0
    room.window._show_level()
    assert "hears you" in room.window.state_label.text() and not room.window.meter.isVisible()
    room.window.level = lambda: -70.0
    room.window._show_level()
    assert "hears nothing yet" in room.window.state_label.text()


def test_the_sample_and_a_turn(room: Room) -> None:
    QTest.keyClick(room.window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    sample = room.presenter.picture
    assert sample is not None and room.worker.pictures[-1] == sample.size
    QTest.keyClick(room.window, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    assert room.worker.pictures[-1] == (sample.height, sample.width)


def test_the_history_has_names(room: Room) -> None:
    dialog = past_of(room)
    assert nameless(dialog) == [] and dialog.empty.isVisible()


def test_tab_visits_each_control_once(room: Room) -> None:
    start = QApplication.focusWidget()
    seen = [start]
    for _ in range(20):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        if QApplication.focusWidget() is start:
            break
        seen.append(QApplication.focusWidget())
    window = room.window
    assert seen == [window.view, window.transcript, window.field, window.ask_button, window.talk_button]


def test_f6_cycles_panes(room: Room) -> None:
    panes = []
    for _ in range(4):
        panes.append(QApplication.focusWidget())
        QTest.keyClick(room.window, Qt.Key.Key_F6)
    assert len(set(map(id, panes))) == 4 and QApplication.focusWidget() is panes[0]


@pytest.mark.parametrize("pane", ["view", "transcript", "talk_button"])
def test_space_is_held_to_talk(room: Room, pane: str) -> None:
    getattr(room.window, pane).setFocus()
    target = QApplication.focusWidget()
    QTest.keyPress(target, Qt.Key.Key_Space)
    assert room.mouth.recording and room.window.state_label.text() == "Recording"
    for _ in range(3):  # as X repeats a held key
        QTest.keyRelease(target, Qt.Key.Key_Space)
        QTest.keyPress(target, Qt.Key.Key_Space)
    assert room.mouth.recording
    QTest.keyRelease(target, Qt.Key.Key_Space)
    QTest.qWait(2 * SETTLING)
    assert not room.mouth.recording and len(room.worker.questions) == 1
    assert room.window.state_label.text() == "Thinking"


def test_space_types_in_the_field(room: Room) -> None:
    room.window.field.setFocus()
    QTest.keyClicks(room.window.field, "what is this")
    assert room.window.field.text() == "what is this" and not room.mouth.recording
    QTest.keyClick(room.window.field, Qt.Key.Key_Return)
    assert room.worker.questions[0].text == "what is this" and room.window.field.text() == ""


def test_space_presses_the_ask_button(room: Room) -> None:
    room.window.field.setText("what is this")
    room.window.ask_button.setFocus()
    QTest.keyClick(room.window.ask_button, Qt.Key.Key_Space)
    assert room.worker.questions[0].text == "what is this"


def test_losing_the_keyboard_ends_the_recording(room: Room) -> None:
    QTest.keyPress(room.window.view, Qt.Key.Key_Space)
    other = QDialog()
    other.show()
    other.activateWindow()
    QTest.qWaitForWindowActive(other)
    assert not room.mouth.recording and len(room.worker.questions) == 1
    other.close()


def test_escape_throws_the_recording_away(room: Room) -> None:
    QTest.keyPress(room.window.view, Qt.Key.Key_Space)
    QTest.keyClick(room.window, Qt.Key.Key_Escape)
    QTest.keyRelease(room.window.view, Qt.Key.Key_Space)
    QTest.qWait(2 * SETTLING)
    assert not room.worker.questions and room.presenter.history.orphans() == []


def test_as_a_toggle_one_press_starts_and_one_stops(room: Room) -> None:
    from dataclasses import replace

    room.window.apply(replace(Settings(), hold_to_talk="toggle"))
    QTest.keyClick(room.window.view, Qt.Key.Key_Space)
    assert room.mouth.recording
    QTest.qWait(2 * SETTLING)
    QTest.keyClick(room.window.view, Qt.Key.Key_Space)
    assert not room.mouth.recording and len(room.worker.questions) == 1


def test_keys_go_into_the_picture_and_out(room: Room) -> None:
    QTest.keyClick(room.window.view, Qt.Key.Key_9)
    assert "top right" in room.window.view.accessibleDescription()
    QTest.keyClick(room.window, Qt.Key.Key_Backspace)
    assert "the whole picture" in room.window.view.accessibleDescription()


def test_the_transcript_is_plain_lines(room: Room) -> None:
    room.presenter.ask("how many")
    room.presenter.on_worker(Answering(1, TextDelta("Two.")))
    room.presenter.on_worker(Answering(1, Done("Two.")))
    transcript = room.window.transcript
    assert [transcript.item(i).text() for i in range(transcript.count())] == ["You: how many", "Answer: Two."]


def test_changed_settings_are_in_force(room: Room) -> None:
    changed: list[Settings] = []
    dialog = Preferences(Settings(), changed.append, room.window)
    dialog.words.setText("text size")
    assert [dialog.pages.tabText(i) for i in range(dialog.pages.count()) if dialog.pages.isTabVisible(i)] == ["Look"]
    field = next(w for w in dialog.findChildren(QWidget) if w.accessibleName() == "Text size")
    field.setValue(150)  # type: ignore[attr-defined]
    assert changed[-1].text_size == 150


def test_pictures_from_clipboard_and_drop(picture: Image.Image, picture_file: Path) -> None:
    data = QMimeData()
    data.setText(f' "{picture_file}" ')
    assert pasted_picture(data) == picture_file
    data.setText("no such file")
    assert pasted_picture(data) is None
    data.setUrls([QUrl.fromLocalFile(str(picture_file))])
    assert dropped_picture(data) == picture_file
    image = QMimeData()
    image.setImageData(QImage(str(picture_file)))
    pasted = pasted_picture(image)
    assert isinstance(pasted, Image.Image) and pasted.tobytes() == picture.tobytes()
    assert as_picture(QImage()) is None


def test_a_key_is_changed_and_taken_away(room: Room) -> None:
    changed: list[Settings] = []
    dialog = Preferences(Settings(), changed.append, room.window)
    dialog.show()
    (edit,) = [e for e in dialog.findChildren(QKeySequenceEdit) if e.accessibleName() == "Key for: History"]
    QTest.keyClick(edit, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert changed[-1].keys["history"] == "Ctrl+J"
    (clear,) = [b for b in edit.findChildren(QToolButton)]
    assert clear.accessibleName() == "No key for: History"
    clear.click()
    assert changed[-1].keys["history"] == ""
    dialog.close()


def test_the_status_says_what_became_of_the_model(room: Room) -> None:
    window, presenter = room.window, room.presenter
    presenter.on_worker(Loading("weights", 0.8))
    assert window.progress.isVisible() and window.status.text() == "Loading the model: weights"
    presenter.on_worker(Failed(None, "The model is broken.", "Install it again."))
    assert not window.progress.isVisible() and window.status.text() == "No model is loaded"
    presenter.on_worker(Loading("weights", 0.8))
    presenter.on_worker(Ready("tiny", "cpu", 22050, 1.0))
    presenter.on_worker(Failed(None, "The picture is broken.", ""))
    assert window.status.text() == "tiny on cpu, loaded in 1.0 s"
