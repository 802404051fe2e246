"""The conversation as a plain list that a screen reader reads line by line."""

from __future__ import annotations

from .exchange import Exchange
from .qt import QAbstractItemView, QListWidget, QListWidgetItem, Qt, QWidget


class Transcript(QListWidget):
    """Two lines an exchange: what was asked, and what was answered."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setAccessibleName("Conversation")
        self.setAccessibleDescription("What was asked and answered, the newest last.")
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._rows: list[tuple[Exchange, QListWidgetItem, QListWidgetItem]] = []

    def show_exchange(self, exchange: Exchange) -> None:
        """Add an exchange, or bring its two lines up to date."""
        shown = next((row for row in reversed(self._rows) if row[0] is exchange), None)  # the newest grows
        _, question, answer = shown or self._add(exchange)
        for item, line in zip((question, answer), exchange.lines("…"), strict=True):
            _write(item, line)

    def show_turn(self, number: int) -> None:
        """Go to the answer of the exchange with that number in the history."""
        for exchange, _, answer in self._rows:
            if exchange.row == number:
                self.setCurrentItem(answer)
                self.scrollToItem(answer)

    def start_over(self) -> None:
        """Forget every line."""
        self._rows.clear()
        self.clear()

    def _add(self, exchange: Exchange) -> tuple[Exchange, QListWidgetItem, QListWidgetItem]:
        row = exchange, QListWidgetItem(), QListWidgetItem()
        self._rows.append(row)
        for item in row[1:]:
            self.addItem(item)
        font = row[1].font()
        font.setBold(True)
        row[1].setFont(font)
        self.setCurrentItem(row[2])
        self.scrollToBottom()
        return row


def _write(item: QListWidgetItem, text: str) -> None:
    if item.text() != text:
        item.setText(text)
