"""The Batch page: a folder of pictures and questions becomes a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..batch.progress import Progress
from ..settings import Settings
from .announcing import announce
from .batch_fields import BatchFields
from .batch_form import Form, Kept, is_so
from .batch_presenter import BatchPresenter
from .batch_view import Stage
from .batch_work import Begin, Found, Process
from .operations import Background
from .qt import (
    QApplication,
    QDesktopServices,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    Qt,
    QUrl,
    QVBoxLayout,
    QWidget,
    Signal,
)

_STOP = (
    "A batch is running. Stop it?\n"
    "The rows in hand are finished first. What is done is kept, and Resume goes on with it at any time."
)
_END = "The rows in hand are still being finished. End it at once?\nWhat is done is kept, and Resume goes on with it."


class BatchPage(QDialog):
    """Thin: what is pressed goes to the presenter, what the presenter says is shown. It is a BatchView.

    It is open beside the window. Escape closes it; a batch that runs is stopped first, if the person agrees.
    """

    called = Signal(object)
    """A call to be made in the window's thread."""

    def __init__(self, settings: Settings, kept: Kept, parent: QWidget | None = None, begin: Begin = Process) -> None:
        super().__init__(parent)
        self.called.connect(lambda call: call())
        self._settings = settings
        self.fields = BatchFields(kept.read(Form(model=settings.model)))
        self.operations = Background(self.called.emit, lambda error: self.complain("", error.what, error.next))
        self.presenter = BatchPresenter(self, self.operations, self._posting(begin), kept)
        self._folder: Path | None = None
        self._report: Path | None = None
        self.setWindowTitle("Ask about a folder")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._build()
        self.fields.changed.connect(self.presenter.changed)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._follow)
        room = self.screen().availableSize()
        width, height = 11 * settings.text_size, 8 * settings.text_size
        self.resize(min(width, room.width() - 40), min(height, room.height() - 60))
        self.show_found(None)
        self.show_results(None, None)
        self.show_stage(Stage.IDLE)

    def _posting(self, begin: Begin) -> Begin:
        return lambda options, tell: begin(options, lambda message: self.called.emit(lambda: tell(message)))

    # --- what is where -----------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.found = QListWidget()
        self.found.setWordWrap(True)
        self.found.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.found.setAccessibleName("What would be asked")
        self.found.setAccessibleDescription("All that was found, and what does not fit.")
        self.state_label = QLabel(wordWrap=True)
        self.progress = QProgressBar(textVisible=False)
        self.progress.setAccessibleName("Rows done")
        self.progress.hide()
        form = self._form = QScrollArea(widgetResizable=True)
        form.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        form.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        form.setWidget(self.fields)
        both = QSplitter()
        both.setAccessibleName("What is asked and what was found")
        both.addWidget(form)
        both.addWidget(self.found)
        both.setChildrenCollapsible(False)
        both.setSizes([500, 400])
        layout = QVBoxLayout(self)
        layout.addWidget(both, 1)
        layout.addWidget(self.progress)
        layout.addWidget(self.state_label)
        self._build_buttons(layout)

    def _build_buttons(self, layout: QVBoxLayout) -> None:
        presenter, fields = self.presenter, self.fields
        self.preview_button = self._button(
            "&Preview", "Show what would be asked, and what does not fit.", lambda: presenter.preview(fields.form())
        )
        self.start_button = self._button("&Start", "", self._start)
        self.pause_button = self._button("Pa&use", "", presenter.pause_or_go_on)
        self.stop_button = self._button("St&op", "End after the rows in hand. What is done is kept.", presenter.stop)
        self.report_button = self._button(
            "Ope&n the report", "The page of answers, in the browser.", lambda: self._open(self._report)
        )
        self.folder_button = self._button(
            "Open the fo&lder", "The folder of the results.", lambda: self._open(self._folder)
        )
        close = self._button("Close", "The key Escape does the same.", self.reject)
        for row in (
            (self.preview_button, self.start_button, self.pause_button, self.stop_button),
            (self.report_button, self.folder_button, close),
        ):
            line = QHBoxLayout()
            for button in row:
                line.addWidget(button)
            layout.addLayout(line)

    @staticmethod
    def _button(text: str, hint: str, pressed: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleDescription(hint)
        button.setToolTip(hint)
        button.setAutoDefault(False)  # Enter is for the fields
        button.clicked.connect(lambda: pressed())
        return button

    def come(self) -> None:
        """Show the page in front."""
        self.show()
        self.raise_()
        self.activateWindow()

    def _follow(self, _before: QWidget | None, focus: QWidget | None) -> None:
        """Scroll to what has the keyboard, however it got it."""
        if focus is not None and self.fields.isAncestorOf(focus):
            self._form.ensureWidgetVisible(focus, 0, 3 * focus.height())  # with what stands below it

    # --- what is pressed ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.presenter.start(self.fields.form(), self.fields.again.isChecked())

    def _open(self, path: Path | None) -> None:
        if path is not None and not (is_so(path.exists) and QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))):
            self.complain("", f"{path} cannot be opened from here.", "Open it with another program.")

    def reject(self) -> None:
        """Close, once no batch runs."""
        if self.may_end(self.reject):
            super().reject()

    def may_end(self, then: Callable[[], object]) -> bool:
        """Whether the page may end now. If a batch runs, the person is asked; it is stopped, and `then` called."""
        self.presenter.give_up()
        if not self.presenter.running:
            self.operations.close()
            return True
        text = _END if self.presenter.stage is Stage.STOPPING else _STOP
        box = QMessageBox(QMessageBox.Icon.Question, self.windowTitle(), text, parent=self)
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No)
        box.setDefaultButton(QMessageBox.StandardButton.No)
        box.accepted.connect(lambda: self.presenter.stop_then(then))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
        return False

    # --- what is shown -----------------------------------------------------------------------------------------

    def show_stage(self, stage: Stage) -> None:
        goes = stage in (Stage.RUNNING, Stage.PAUSED)
        runs = goes or stage is Stage.STOPPING
        stops = goes or stage is Stage.LOOKING
        able: dict[QWidget, bool] = {self.pause_button: goes, self.stop_button: stops, self.preview_button: not runs}
        able |= {self.start_button: not runs, self.fields: not runs}
        for widget in (widget for widget, on in able.items() if on):
            widget.setEnabled(True)
        self._move_focus(stage, [widget for widget, on in able.items() if not on])
        for widget, on in able.items():
            widget.setEnabled(on)
        self.pause_button.setText("Contin&ue" if stage is Stage.PAUSED else "Pa&use")

    def _move_focus(self, stage: Stage, leaving: list[QWidget]) -> None:
        """From what cannot be pressed any more to what will be next."""
        focus = self.focusWidget()
        if not any(widget is focus or (focus is not None and widget.isAncestorOf(focus)) for widget in leaving):
            return
        if stage in (Stage.RUNNING, Stage.PAUSED):
            self.pause_button.setFocus()
        elif stage is Stage.STOPPING:
            self.found.setFocus()
        else:
            (self.report_button if self.report_button.isEnabled() else self.start_button).setFocus()

    def show_found(self, found: Found | None) -> None:
        self.progress.setVisible(found is not None and self.progress.isVisible())
        self.found.clear()
        self.found.addItems(found.lines() if found is not None else ["Press Preview to see what would be asked."])
        self.found.setCurrentRow(0)
        already = found is not None and found.already
        self.start_button.setText("Re&sume" if already else "&Start")
        self.fields.offer_again(already)

    def show_progress(self, progress: Progress) -> None:
        self.progress.setVisible(not self._settings.reduced_motion)
        self.progress.setMaximum(progress.rows)
        self.progress.setValue(progress.done)

    def show_results(self, folder: Path | None, report: Path | None) -> None:
        self._folder, self._report = folder, report
        self.folder_button.setEnabled(folder is not None)
        self.report_button.setEnabled(report is not None)

    def say(self, text: str) -> None:
        self.state_label.setText(text)

    def announce(self, text: str, urgent: bool = False) -> None:
        announce(self, text, urgent)

    def complain(self, field: str, what: str, next: str) -> None:
        text = f"{what} {next}".strip()
        if field:
            self.fields.complain(field, text)
        else:
            self.say(text)
        self.announce(text, urgent=True)
