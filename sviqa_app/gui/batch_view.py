"""What the presenter of the Batch page asks of the page."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from ..batch.progress import Progress
from .batch_work import Found


class Stage(Enum):
    """What is going on."""

    IDLE = auto()
    LOOKING = auto()
    RUNNING = auto()
    PAUSED = auto()
    STOPPING = auto()


class BatchView(Protocol):
    """What the presenter asks of the page."""

    def show_stage(self, stage: Stage) -> None:
        """Something else is going on."""

    def show_found(self, found: Found | None) -> None:
        """What would be asked, or that this is not known."""

    def show_progress(self, progress: Progress) -> None:
        """How far it is."""

    def show_results(self, folder: Path | None, report: Path | None) -> None:
        """What can be opened."""

    def say(self, text: str) -> None:
        """Show a line that says what is going on."""

    def announce(self, text: str, urgent: bool = False) -> None:
        """Tell the screen reader."""

    def complain(self, field: str, what: str, next: str) -> None:
        """Say what is wrong and what to do: with a field of the form, or "" for none of them."""
