"""Work that the window does not wait for: reading pictures, writing the history."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from ..errors import SviqaError

T = TypeVar("T")
Call = Callable[[], None]


class Operations(Protocol):
    """Does one thing after the other, in the order in which they were begun."""

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[SviqaError], None] | None = None,
    ) -> None:
        """Do `work` elsewhere, and call `done` with its result, or `failed` with its SviqaError, in the window's
        thread. A failure that nobody asks for is said to the person.
        """


class Background:
    """Operations in a thread of their own."""

    def __init__(self, post: Callable[[Call], None], complain: Callable[[SviqaError], None]) -> None:
        """`post` has a call made in the window's thread."""
        self._post, self._complain = post, complain
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="operations")

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[SviqaError], None] | None = None,
    ) -> None:
        """See Operations."""

        def settle(future: Future[T]) -> None:
            error = future.exception()
            if error is None:
                if done is not None:
                    done(future.result())
            elif isinstance(error, SviqaError):
                (failed or self._complain)(error)
            else:
                raise error

        self._thread.submit(work).add_done_callback(lambda future: self._post(lambda: settle(future)))

    def close(self) -> None:
        """Wait until all that was begun is done."""
        self._thread.shutdown()
