"""Something that comes over a line, read in a thread of its own, so that whoever waits for it can stop at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, Self, TypeVar

T = TypeVar("T")

PATIENCE = 0.02  # seconds after which whoever waits looks around
GRACE = 0.05  # seconds that a line is given to close; it closes all the same


class Background(Generic[T]):
    """What an asynchronous source gives, as it comes. At the end of the block the source is cancelled."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        self.over = False  # whether all was taken
        self._came: SimpleQueue[T | BaseException | None] = SimpleQueue()  # None, always last, is the end
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._read(source))
        self._thread = Thread(target=self._run, name="line to a server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(RuntimeError):  # it is over
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(GRACE)

    def ready(self, wait: float = PATIENCE) -> Iterator[T]:
        """All that came so far, after waiting `wait` seconds at most where nothing did. Raises what the source did."""
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

    async def _read(self, source: AsyncIterator[T]) -> None:
        try:
            async for item in source:
                self._came.put(item)
        except Exception as error:
            self._came.put(error)
        finally:
            self._came.put(None)

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
