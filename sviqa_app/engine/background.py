"""Something that comes over a line, read in a thread of its own, so that whoever waits for it can stop at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from threading import Thread
from typing import Self, TypeVar

from .arriving import Arriving

T = TypeVar("T")

GRACE = 0.05  # seconds that a line is given to close; it closes all the same


class Background(Arriving[T]):
    """What an asynchronous source gives, as it comes. At the end of the block the source is cancelled."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        super().__init__()
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
