"""The fields of the Batch page: each with its label, a word of help, and a place for what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .batch_form import FORMATS, MOST_THREADS, QUESTIONS, SOURCES, Form, suggested_out
from .qt import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
    Signal,
)

_BY_NAME = "By name: cat.wav or cat.txt is asked about cat.jpg, cat.q1.wav and cat.q2.wav one after the other."
_LISTS = "Lists (*.csv *.tsv *.jsonl *.json);;All files (*)"
_SOUNDS = "Sounds (*.wav *.flac *.mp3 *.ogg *.opus *.aiff);;All files (*)"


class BatchFields(QWidget):
    """A form on the screen. `changed` is told when what would be asked changes."""

    changed = Signal()

    def __init__(self, form: Form) -> None:
        super().__init__()
        self._rows = QVBoxLayout(self)
        self._boxes: dict[str, QWidget] = {}
        self._fields: dict[str, QWidget] = {}
        self._helps: dict[str, str] = {}
        self._faults: dict[str, QLabel] = {}
        self._build_source(form)
        self._build_question(form)
        self._build_results(form)
        self._suggested = suggested_out(form)
        for combo in (self.source, self.question):
            combo.currentIndexChanged.connect(self._change)
        for line in (self.folder, self.manifest, self.images, self.speech, self.words, self.recording):
            line.textChanged.connect(self._change)
        self.out.textChanged.connect(self._changed)
        self._rows.addStretch()
        self._show_rows()

    def _build_source(self, form: Form) -> None:
        self.source = self._choice("source", "&Ask about", SOURCES, form.source, "")
        self.folder = self._path(
            "folder", "&Folder", form.folder, "Its pictures, and those in the folders inside it.", self._folder
        )
        self.manifest = self._path(
            "manifest", "List &file", form.manifest, "CSV, JSONL, or a questions file of VQA.", self._file(_LISTS)
        )
        self.images = self._path(
            "images", "Pi&ctures in", form.images, "Empty: the folder that the list is in.", self._folder
        )
        self.speech = self._path(
            "speech", "R&ecordings in", form.speech, "Empty: the folder that the list is in.", self._folder
        )

    def _build_question(self, form: Form) -> None:
        self.question = self._choice("question", "&Question", QUESTIONS, form.question, "")
        self.question.setAccessibleDescription(_BY_NAME)
        self._row("own", "", QLabel(_BY_NAME, wordWrap=True), "")
        self.words = QLineEdit(form.words, placeholderText="What does it show?")
        self._row("words", "&Words", self.words, "")
        self.recording = self._path("recording", "Recor&ding", form.recording, "", self._file(_SOUNDS))

    def _build_results(self, form: Form) -> None:
        self.out = self._path(
            "out", "&Results in", form.out, "A folder of its own. It is made if need be.", self._folder
        )
        self.formats = {name: self._tick(label, name in form.formats) for name, label in FORMATS.items()}
        kinds = QWidget()
        column = QVBoxLayout(kinds)
        column.setContentsMargins(0, 0, 0, 0)
        for check in self.formats.values():
            check.setAccessibleName(f"Table: {check.text().replace('&', '')}")
            column.addWidget(check)
        kinds.setFocusProxy(self.formats["html"])
        self._row("formats", "Tables", kinds, "")
        self.speak = self._tick("Spea&k the answers, into sound files", form.speak)
        self._row("speak", "", self.speak, "")
        self.model = QLineEdit(form.model)
        self._row(
            "model",
            "&Model",
            self.model,
            "The name of an installed model, the folder of one, or server: and the name of a server.",
        )
        self.workers = QSpinBox(maximum=MOST_THREADS, value=form.workers)
        self.workers.setSpecialValueText("As many as is good")
        self._row("workers", "Files read at the same t&ime", self.workers, "")
        self.again = self._tick("Ask a&gain what failed", False)
        self._row("again", "", self.again, "Only what failed is asked once more, with what was not asked yet.")

    # --- rows --------------------------------------------------------------------------------------------------

    def _row(self, name: str, label: str, field: QWidget, help: str, beside: QWidget | None = None) -> None:
        """A label, the field, the help and, when there is one, the fault, below one another."""
        box, fault = QWidget(), QLabel(wordWrap=True)
        column, line = QVBoxLayout(box), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 8)
        if label:
            shown = QLabel(label)
            shown.setBuddy(field)
            field.setAccessibleName(label.replace("&", ""))
            column.addWidget(shown)
        line.addWidget(field, 1)
        if beside is not None:
            line.addWidget(beside)
        column.addLayout(line)
        if help:
            column.addWidget(QLabel(help, wordWrap=True))
        field.setAccessibleDescription(help)
        bold = fault.font()
        bold.setBold(True)
        fault.setFont(bold)
        fault.hide()
        column.addWidget(fault)
        self._rows.addWidget(box)
        self._boxes[name], self._fields[name], self._helps[name], self._faults[name] = box, field, help, fault

    def _choice(self, name: str, label: str, choices: Mapping[str, str], value: str, help: str) -> QComboBox:
        box = QComboBox()
        for key, text in choices.items():
            box.addItem(text, key)
        box.setCurrentIndex(list(choices).index(value))
        box.view().setAccessibleName(label.replace("&", ""))
        self._row(name, label, box, help)
        return box

    def _path(self, name: str, label: str, value: str, help: str, ask: Callable[[str, str], str]) -> QLineEdit:
        line, button = QLineEdit(value), QPushButton("Choose…")
        plain = label.replace("&", "")

        def choose() -> None:
            if chosen := ask(plain, line.text()):
                line.setText(chosen)

        button.setAccessibleName(f"Choose: {plain}")
        button.setAutoDefault(False)
        button.clicked.connect(choose)
        self._row(name, label, line, help, button)
        return line

    @staticmethod
    def _tick(label: str, on: bool) -> QCheckBox:
        box = QCheckBox(label)
        box.setChecked(on)
        box.clicked.connect(lambda: box.setFocus())  # its key alone would tick it out of sight
        return box

    def _folder(self, title: str, before: str) -> str:
        return QFileDialog.getExistingDirectory(self, title, before)

    def _file(self, kinds: str) -> Callable[[str, str], str]:
        return lambda title, before: QFileDialog.getOpenFileName(self, title, before, kinds)[0]

    # --- what is filled in -------------------------------------------------------------------------------------

    def form(self) -> Form:
        """What is filled in."""
        return Form(
            str(self.source.currentData()),
            self.folder.text(),
            self.manifest.text(),
            self.images.text(),
            self.speech.text(),
            str(self.question.currentData()),
            self.words.text(),
            self.recording.text(),
            self.out.text(),
            tuple(name for name, check in self.formats.items() if check.isChecked()),
            self.speak.isChecked(),
            self.model.text(),
            self.workers.value(),
        )

    def _change(self) -> None:
        """What is asked has changed; the results go beside it, unless somebody chose otherwise."""
        self._show_rows()
        before, self._suggested = self._suggested, suggested_out(self.form())
        if self.out.text() in ("", before):
            self.out.setText(self._suggested)
        self._changed()

    def _changed(self) -> None:
        self.forgive()
        self.changed.emit()

    def _show_rows(self) -> None:
        """Those that matter as things are."""
        is_list, question = self.source.currentData() == "list", self.question.currentData()
        for name in ("manifest", "images", "speech"):
            self._boxes[name].setVisible(is_list)
        self._boxes["folder"].setVisible(not is_list)
        self._boxes["own"].setVisible(question == "own")
        self._boxes["words"].setVisible(question == "typed")
        self._boxes["recording"].setVisible(question == "recorded")

    def offer_again(self, on: bool) -> None:
        """Whether there is a batch in which something may have failed."""
        self.again.setChecked(self.again.isChecked() and on)
        self._boxes["again"].setVisible(on)

    def complain(self, name: str, text: str) -> None:
        """Say what is wrong with a field, below it, and go there."""
        self._faults[name].setText(text)
        self._faults[name].show()
        field = self._fields[name]
        field.setAccessibleDescription(f"{text} {self._helps[name]}".strip())
        field.setFocus()

    def forgive(self) -> None:
        """Nothing is wrong with any field any more."""
        for name, fault in self._faults.items():
            if not fault.isHidden():
                fault.hide()
                self._fields[name].setAccessibleDescription(self._helps[name])
