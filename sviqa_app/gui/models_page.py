"""The models: what there is and what fits, installed, verified, removed and used."""

from __future__ import annotations

from ..managing import machine_words
from .models_presenter import Models, progress_words, share
from .models_rows import Row
from .qt import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QResizeEvent,
    Qt,
    QVBoxLayout,
    QWidget,
)
from .server_form import ServerForm

_NAME = Qt.ItemDataRole.UserRole
_SPOKEN = Qt.ItemDataRole.AccessibleTextRole
_STOP = {"install": "&Stop installing", "verify": "&Stop verifying"}
_IN_USE, _DELETE = "It is in use: use another model first.", "Delete it from the disk."
_TAKE_OFF = "Take it off the list, and its key out of the keyring."
_INSTALL = {
    "": ("&Install", "There is nothing to install."),
    "not installed": ("&Install", "Fetch it and keep it on this machine."),
    "partly downloaded": ("Go on &installing", "Fetch what is still missing."),
    "installed": ("&Install again", "Look at every file, and fetch what is damaged."),
}


class Lines(QListWidget):
    """A list whose lines wrap. The chosen one stays in sight when the list gets smaller."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(name)
        self.setAccessibleDescription(hint)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.scrollTo(self.currentIndex())


class ModelsPage(QDialog):
    """A list of models, all about the one that is chosen, and what can be done with it. A job outlives the page."""

    def __init__(self, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models = models
        self._next = ""  # whom to go to once it is on the list
        self.setWindowTitle("Models")
        line, screen = self.fontMetrics().height(), self.screen().availableSize()
        self.resize(min(64 * line, screen.width()), min(46 * line, screen.height()))
        self.machine = QLabel("Looking at what there is…", wordWrap=True)
        self.found = Lines("Models", "What can be done with the one chosen is on the buttons that follow.")
        # Always: Qt wraps lines for a bar of the usual width, and the style's is wider where the text is large.
        self.found.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.about = Lines("About this model", "All that is known of the model chosen.")
        self.trouble = QLabel(wordWrap=True)
        self.trouble.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.trouble.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.progress_line = QLabel(wordWrap=True)
        self.progress = QProgressBar(minimum=0, maximum=100)
        self.progress.setAccessibleName("Progress")
        self.progress.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.use_button = self._button("&Use this model", "From the next question on, it answers.")
        self.install_button = self._button("&Install")
        self.verify_button = self._button("&Verify", "Look whether every file is as it was installed.")
        self.remove_button = self._button("&Remove…")
        self.add_button = self._button("&Add a server…", "A model of others that answers elsewhere, from the list.")
        self._lay_out()
        self._connect()
        self.fill()
        models.refresh()

    @staticmethod
    def _button(text: str, hint: str = "") -> QPushButton:
        button = QPushButton(text)
        _explain(button, hint)
        button.setAutoDefault(False)  # Enter is for the list
        return button

    def _lay_out(self) -> None:
        sides = QHBoxLayout()
        left, right = QVBoxLayout(), QVBoxLayout()
        left.addWidget(QLabel("Models"))
        left.addWidget(self.found, 1)
        right.addWidget(QLabel("About this model"))
        right.addWidget(self.about, 1)
        for button in (self.use_button, self.install_button, self.verify_button, self.remove_button):
            right.addWidget(button)
        sides.addLayout(left, 3)
        sides.addLayout(right, 2)
        buttons = QDialogButtonBox()
        buttons.addButton(self.add_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.machine)
        layout.addLayout(sides, 1)
        for widget in (self.trouble, self.progress_line, self.progress, buttons):
            layout.addWidget(widget)
        self.found.setFocus()

    def _connect(self) -> None:
        self.found.currentItemChanged.connect(lambda: self._show_chosen())
        self.found.itemActivated.connect(lambda: self._use() if self.use_button.isEnabled() else None)
        self.use_button.clicked.connect(self._use)
        self.install_button.clicked.connect(self._install)
        self.verify_button.clicked.connect(self._verify)
        self.remove_button.clicked.connect(self._remove)
        self.add_button.clicked.connect(self._add)
        self._models.changed = self.fill
        self.finished.connect(self._leave)

    def _leave(self) -> None:
        self._models.changed = lambda: None

    # --- what is shown -----------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Row | None:
        """The row the person is at."""
        item = self.found.currentItem()
        return None if item is None else self._models.row(item.data(_NAME))

    def fill(self) -> None:
        """Show everything as it is now. The person stays at the row they were at."""
        rows = self._models.rows
        names = [self.found.item(i).data(_NAME) for i in range(self.found.count())]
        if names != [row.name for row in rows]:
            self._list_anew(rows, self._next or (self.chosen.name if self.chosen else self._models.model))
            self._next = ""
        for i, row in enumerate(rows):
            doing = self._models.doing(row)
            _write(self.found.item(i), row.seen(doing), row.spoken(doing, self._models.trouble(row)))
        if rows:  # read elsewhere, and with them the memory of the machine
            self.machine.setText(f"{machine_words()} In use: {self._models.title}.")
        self._show_chosen()
        self._show_progress()

    def _list_anew(self, rows: list[Row], name: str) -> None:
        self.found.clear()
        for row in rows:
            item = QListWidgetItem()
            item.setData(_NAME, row.name)
            self.found.addItem(item)
        self.found.setCurrentRow(next((i for i, row in enumerate(rows) if row.name == name), 0))

    def _show_chosen(self) -> None:
        row = self.chosen
        lines = [] if row is None else [row.about, *row.more]
        if lines != [self.about.item(i).text() for i in range(self.about.count())]:
            self.about.clear()
            self.about.addItems(lines)
            self.about.setCurrentRow(0)
        trouble = "" if row is None else self._models.trouble(row)
        self.trouble.setText(trouble)
        self.trouble.setVisible(bool(trouble))
        self._show_buttons(row)

    def _show_buttons(self, row: Row | None) -> None:
        """While a job goes on, one button stops it, whichever row is chosen."""
        job = self._models.job
        used = row is not None and self._models.in_use(row)
        text, hint = (_STOP[job.kind], job.name) if job else _INSTALL[row.state if row else ""]
        self.install_button.setText(text)
        _explain(self.install_button, hint)
        _explain(self.remove_button, _IN_USE if used else _TAKE_OFF if row is not None and row.host else _DELETE)
        self._enable(self.install_button, job is not None or (row is not None and row.installable))
        self._enable(self.use_button, row is not None and row.usable and row.name != self._models.model)
        there = job is None and row is not None and row.removable
        self._enable(self.verify_button, there and row is not None and not row.host)
        self._enable(self.remove_button, there and not used)

    def _enable(self, button: QPushButton, on: bool) -> None:
        if button.hasFocus() and not on:
            self.found.setFocus()  # the keyboard is not left on something that does nothing
        button.setEnabled(on)

    def _show_progress(self) -> None:
        job, step = self._models.job, self._models.step
        self.progress_line.setVisible(job is not None)
        self.progress.setVisible(job is not None)
        if job is not None:
            self.progress_line.setText(progress_words(job, step))
            self.progress.setValue(round(100 * share(step)) if step else 0)

    # --- what is pressed ---------------------------------------------------------------------------------------

    def _install(self) -> None:
        if self._models.job is not None:
            self._models.cancel()
        elif row := self.chosen:
            self._models.install(row)

    def _verify(self) -> None:
        if row := self.chosen:
            self._models.verify(row)

    def _use(self) -> None:
        row = self.chosen
        if row is not None and (not row.leaving or self._sure(f"Use {row.title}?", row.leaving)):
            self._models.use(row)

    def _remove(self) -> None:
        if row := self.chosen:
            parts = "" if row.parts == (row.name,) else f"It is {' and '.join(row.parts)}. "
            gain = f"Nothing is sent to {row.host} any more." if row.host else f"{parts}{row.size} will be free again."
            if self._sure(f"Remove {row.title}?", gain):
                self._models.remove(row)

    def _add(self) -> None:
        form = ServerForm(self._models, self._go_to, self)
        form.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        form.open()

    def _go_to(self, name: str) -> None:
        self._next = name
        self.found.setFocus()

    def _sure(self, question: str, more: str) -> bool:
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        return QMessageBox.question(self, "Models", f"{question}\n{more}", yes | no, no) == yes


def _explain(button: QPushButton, hint: str) -> None:
    button.setAccessibleDescription(hint)
    button.setToolTip(hint)


def _write(item: QListWidgetItem, seen: str, spoken: str) -> None:
    if item.text() != seen:
        item.setText(seen)
    if item.data(_SPOKEN) != spoken:
        item.setData(_SPOKEN, spoken)
