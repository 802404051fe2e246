"""What another thread makes, as it comes, so that whoever waits for it can look around and stop at any time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 0.02  # seconds after which whoever waits looks around


class Arriving(Generic[T]):
    """Pieces that come one after the other, and then the end or an error."""

    def __init__(self) -> None:
        self.over = False  # whether all was taken
        self._came: SimpleQueue[T | BaseException | None] = SimpleQueue()  # None, always last, is the end

    def ready(self, wait: float = PATIENCE) -> Iterator[T]:
        """All that came so far, after waiting `wait` seconds at most where nothing did. Raises what went wrong."""
        with suppress(Empty):
            item = self._came.get(timeout=wait) if wait else self._came.get_nowait()
            while True:
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    self.over = True
                    return
                yield item
                item = self._came.get_nowait()
