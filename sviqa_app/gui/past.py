"""The conversations of earlier days: searched, heard again, exported, forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..history import Conversation, Form, History
from .qt import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    Qt,
    QVBoxLayout,
    QWidget,
)
from .recalling import remembered

_EXPORT = "Write this conversation, with its picture and sounds, into a folder."
_NUMBER = Qt.ItemDataRole.UserRole


def headline(conversation: Conversation) -> str:
    """A conversation in one line."""
    when = conversation.began.astimezone().strftime("%d %B %Y, %H:%M")
    turns = "1 question" if conversation.turns == 1 else f"{conversation.turns} questions"
    return f"{conversation.title or 'a spoken question'} — {conversation.source}, {turns}, {when}"


class Past(QDialog):
    """A list of conversations, and what was said in the one that is chosen."""

    def __init__(
        self,
        history: History,
        reopen: Callable[[int, int | None], None],
        export: Callable[[int, Path, Form], None],
        forget: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        """`forget` is called when everything is deleted, for what is kept elsewhere."""
        super().__init__(parent)
        self._history, self._reopen, self._to_folder, self._forget = history, reopen, export, forget
        self._hits: dict[int, int] = {}  # conversation → the turn in which the words searched for occur
        self.setWindowTitle("History")
        self.resize(820, 560)
        self.words = QLineEdit(placeholderText="Search")
        self.words.setAccessibleName("Search the history")
        self.words.textChanged.connect(self.fill)
        self.found = self._list("Conversations", "Press Enter to go on with one.")
        self.words.returnPressed.connect(self.found.setFocus)
        self.found.currentItemChanged.connect(self._show)
        self.found.itemActivated.connect(self._open)
        self.said = self._list("What was said", "The questions and answers of the conversation chosen.")
        self.empty = QLabel("Nothing here yet.")
        self._lay_out()
        self.fill()

    @staticmethod
    def _list(name: str, hint: str) -> QListWidget:
        box = QListWidget()
        box.setWordWrap(True)
        box.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        box.setAccessibleName(name)
        box.setAccessibleDescription(hint)
        return box

    def _lay_out(self) -> None:
        both = QHBoxLayout()
        for box in (self.found, self.said):
            column = QVBoxLayout()
            column.addWidget(QLabel(box.accessibleName()))
            column.addWidget(box, 1)
            both.addLayout(column, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)  # Enter is for the lists
        buttons.rejected.connect(self.reject)
        for text, hint, pressed in (
            ("&Reopen", "Go on with this conversation.", self._open),
            ("Export as &Markdown…", _EXPORT, lambda: self._export("markdown")),
            ("Export as &JSON…", _EXPORT, lambda: self._export("json")),
            ("&Delete", "Delete this conversation, with its sounds.", self._delete),
            ("Delete &all", "Delete every conversation.", self._delete_all),
        ):
            button = QPushButton(text)
            button.setAccessibleDescription(hint)
            button.setToolTip(hint)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, pressed=pressed: pressed())
            buttons.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        layout = QVBoxLayout(self)
        layout.addWidget(self.words)
        layout.addWidget(self.empty)
        layout.addLayout(both, 1)
        layout.addWidget(buttons)

    def fill(self) -> None:
        """List the conversations, or those in which the words searched for occur."""
        self.found.clear()
        self.said.clear()
        self._hits = {}
        everything = [c for c in self._history.conversations(500) if c.turns]
        if words := self.words.text().strip():
            for hit in self._history.search(words):  # the best first
                self._hits.setdefault(hit.turn.conversation, hit.turn.id)
            everything = [c for number in self._hits for c in everything if c.id == number]
        for conversation in everything:
            item = QListWidgetItem(headline(conversation))
            item.setData(_NUMBER, conversation.id)
            self.found.addItem(item)
        self.empty.setVisible(not everything)
        self.empty.setText("Nothing found." if self.words.text().strip() else "Nothing here yet.")
        self.found.setCurrentRow(0)

    @property
    def _chosen(self) -> int | None:
        item = self.found.currentItem()
        return None if item is None else int(item.data(_NUMBER))

    def _show(self) -> None:
        self.said.clear()
        if (number := self._chosen) is not None:
            for turn in self._history.turns(number):
                self.said.addItems(remembered(turn).lines("(not answered yet)"))
                if turn.id == self._hits.get(number):
                    self.said.setCurrentRow(self.said.count() - 1)

    def _open(self) -> None:
        if (number := self._chosen) is not None:
            self._reopen(number, self._hits.get(number))
            self.accept()

    def _export(self, form: Form) -> None:
        number = self._chosen
        folder = QFileDialog.getExistingDirectory(self, "Export into") if number is not None else ""
        if number is not None and folder:
            self._to_folder(number, Path(folder), form)

    def _delete(self) -> None:
        if (number := self._chosen) is not None and self._sure("Delete this conversation?"):
            self._history.delete_conversation(number)
            self.fill()

    def _delete_all(self) -> None:
        if self._sure("Delete every conversation, with its pictures and sounds?"):
            self._history.delete_all()
            self._forget()
            self.fill()

    def _sure(self, question: str) -> bool:
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        return QMessageBox.question(self, "History", question, yes | no, no) == yes
