"""Adding a server: where it is, what it takes, and what will be sent there, said before the person agrees to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..engine.choosing import SERVER
from ..errors import EngineError, SviqaError
from ..servers import Server, tidy_address
from .announcing import announce
from .models_presenter import Models
from .qt import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QScrollArea,
    Qt,
    QVBoxLayout,
    QWidget,
)

_ADD, _ASKING = "Agree and a&dd", "Looking at the server…"
_LATER = "What will be sent there is said here once the address is filled in."
_READABLE = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard


class ServerForm(QDialog):
    """What is to be known of a server. `added` is told its name once it is on the list; closed before, it is not."""

    def __init__(self, models: Models, added: Callable[[str], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models, self._added = models, added
        self._asking: object | None = None  # what is being waited for
        self.setWindowTitle("Add a server")
        line, screen = self.fontMetrics().height(), self.screen().availableSize()
        self.resize(min(36 * line, screen.width()), min(52 * line, screen.height()))
        self._build_fields()
        self._lay_out()
        self.hears.toggled.connect(self._show)
        for field in (self.url, self.transcriber):
            field.textChanged.connect(self._show)
        self._show()
        self.name.setFocus()

    def _build_fields(self) -> None:
        self.fields = QWidget()
        self._rows = QVBoxLayout(self.fields)
        about = "A server that speaks OpenAI's protocol: vLLM, llama.cpp, transformers serve, or a hosted one."
        self._rows.addWidget(QLabel(about, wordWrap=True))
        self.name = self._line("&Name", "What you call it: small letters, digits, dots and dashes.", "gpu")
        self.url = self._line("A&ddress", "https, but for a server on this machine.", "https://example.org/v1")
        self.model = self._line("&Model", "Empty: the one that is there.")
        self.key = self._line("&Key", "Empty: none is needed. Kept in the keyring of this system.")
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.hears = QCheckBox("The model takes &recordings")
        self._rows.addWidget(self.hears)
        self._rows.addSpacing(8)
        self.transcriber = self._line(
            "Model there that &writes down what you say", "Empty: this machine does it.", "whisper-1"
        )
        self.voice = self._line("&Voice of the model's own", "Empty: the app's voice speaks.", "alloy")
        self._rows.addStretch()

    def _line(self, label: str, hint: str, example: str = "") -> QLineEdit:
        """A field below its label and above what is to be known of it."""
        shown, field = QLabel(label), QLineEdit(placeholderText=example)
        shown.setBuddy(field)
        field.setAccessibleName(label.replace("&", ""))
        field.setAccessibleDescription(hint)
        for widget in (shown, field, QLabel(hint, wordWrap=True)):
            self._rows.addWidget(widget)
        self._rows.addSpacing(8)
        return field

    def _lay_out(self) -> None:
        area = QScrollArea(widgetResizable=True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.fields)
        self.leaving, self.trouble = self._saying(), self._saying()
        self.trouble.hide()
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.add_button = self._buttons.addButton(_ADD, QDialogButtonBox.ButtonRole.AcceptRole)
        self._buttons.accepted.connect(self._add)
        self._buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        for widget in (self.leaving, self.trouble, self._buttons):
            layout.addWidget(widget)

    @staticmethod
    def _saying() -> QLabel:
        """A line that the keyboard reaches, so that it can be read out again."""
        label = QLabel(wordWrap=True)
        label.setTextInteractionFlags(_READABLE)
        label.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return label

    def _show(self) -> None:
        """What is sent there, as things are filled in."""
        self.transcriber.setEnabled(not self.hears.isChecked())
        try:
            said = self._server("new").leaving
        except EngineError:
            said = _LATER
        self.leaving.setText(said)
        self.add_button.setAccessibleDescription(said)

    def _server(self, name: str) -> Server:
        """What is filled in. Raises EngineError."""
        hears = self.hears.isChecked()
        transcriber = "" if hears else self.transcriber.text().strip()
        return Server(
            name,
            tidy_address(self.url.text()),
            self.model.text().strip(),
            hears,
            transcriber,
            self.voice.text().strip(),
        )

    # --- what is pressed ---------------------------------------------------------------------------------------

    def _add(self) -> None:
        """The person agrees."""
        name = self.name.text().strip()
        if self._models.row(SERVER + name) is not None:
            self._complain(EngineError(f"There is a server {name} already.", "Give another name, or remove it first."))
            return
        try:
            server = self._server(name)
        except EngineError as error:
            self._complain(error)
            return
        self._wait(True)
        asking, key = self._asking, self.key.text()

        def found(server: Server) -> None:
            if asking is self._asking:
                self._models.add_server(server, key, self._done, failed)

        def failed(error: SviqaError) -> None:
            if asking is self._asking:
                self._wait(False)
                self._complain(error)

        self._models.complete_server(replace(server, agreed=server.host), key, found, failed)

    def _done(self, server: Server) -> None:
        self._added(SERVER + server.name)
        self.accept()

    def _wait(self, on: bool) -> None:
        """While the server is looked at, only Cancel is left."""
        self._asking = object() if on else None
        self.trouble.hide()
        self.fields.setEnabled(not on)
        self.add_button.setEnabled(not on)
        self.add_button.setText(_ASKING if on else _ADD)
        if on:
            announce(self, _ASKING)

    def _complain(self, error: SviqaError) -> None:
        self.trouble.setText(str(error))
        self.trouble.show()
        self.trouble.setFocus()
        announce(self, str(error), urgent=True)

    def done(self, result: int) -> None:
        """See QDialog. What is still looked for is no longer waited for."""
        self._asking = None
        super().done(result)
