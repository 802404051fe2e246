"""Work that the window does not wait for: reading pictures, writing the history."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
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

        self._begin(work).add_done_callback(lambda future: self._post(lambda: settle(future)))

    def _begin(self, work: Callable[[], T]) -> Future[T]:
        return self._thread.submit(work)

    def close(self) -> None:
        """Wait until all that was begun is done."""
        self._thread.shutdown()


class Aside(Background):
    """Operations that a network may hold up: each in a thread of its own, and the end of the app waits for none."""

    def _begin(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def whole() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        Thread(target=whole, name="aside", daemon=True).start()
        return future
