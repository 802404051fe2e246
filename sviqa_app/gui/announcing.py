"""Telling the screen reader something that no focus change would."""

from __future__ import annotations

from .qt import QAccessible, QAccessibleAnnouncementEvent, QWidget


def announce(widget: QWidget, text: str, urgent: bool = False) -> None:
    """Have the screen reader say `text`: after what it is saying, or at once where `urgent`."""
    event = QAccessibleAnnouncementEvent(widget, text)
    politeness = QAccessible.AnnouncementPoliteness
    event.setPoliteness(politeness.Assertive if urgent else politeness.Polite)
    QAccessible.updateAccessibility(event)
