"""What the history tells: conversations, their turns, and what a search found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

State = Literal["pending", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Conversation:
    """What was asked about one picture. `source` says where the picture came from, `title` is the first question.

    `began` is in UTC. A `picture` that is gone is None.
    """

    id: int
    began: datetime
    source: str
    picture: Path | None
    title: str
    turns: int


@dataclass(frozen=True)
class Turn:
    """A question and what became of it. Files that are gone are None; `why` says why a turn failed.

    `asked` is in UTC; `seconds` are those of `Done`.
    """

    id: int
    conversation: int
    asked: datetime
    state: State
    speech: Path | None
    typed: str | None
    heard: str | None
    answer: str | None
    sound: Path | None
    seconds: Mapping[str, float | None]
    why: str | None


@dataclass(frozen=True)
class Found:
    """A turn in which the words occur. `snippet`: pieces of its text, and whether each is what was searched for."""

    turn: Turn
    snippet: tuple[tuple[str, bool], ...]
