"""What a network writes, in a thread of its own, so that whoever waits for it can stop at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Generic, Self, TypeVar

from torch import nn

from ..model.decode import Stop, never
from .arriving import Arriving

Put = Callable[[str], None]
T = TypeVar("T")


class Stopped(Exception):  # noqa: N818  (it is no error)
    """The work was stopped from outside."""


class Writing(Arriving[str], Generic[T]):
    """One piece of work that writes text. At the end of the block it is stopped, if it is not over."""

    def __init__(self, work: Callable[[Put, Stop], T], stop: Stop = never) -> None:
        """`work` is given what takes its text, and what says that it should stop."""
        super().__init__()
        self.result: T | None = None  # what the work gave, once it is over
        self._stop = stop
        self._left = False
        self._thread = Thread(target=self._run, args=(work,), name="writing")  # no daemon: torch must end before Python

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._left = True

    def _run(self, work: Callable[[Put, Stop], T]) -> None:
        try:
            self.result = work(self._came.put, lambda: self._left or self._stop())
        except Stopped:
            pass
        except BaseException as error:
            self._came.put(error)
        finally:
            self._came.put(None)


class Brake:
    """Stops a network between two of its layers; its work then ends in Stopped. One piece of work at a time."""

    def __init__(self, *networks: nn.Module) -> None:
        self._stop: Stop = never
        self._free = Lock()
        for part in (part for network in networks for part in network.modules()):
            for layer in part if isinstance(part, nn.ModuleList) else ():
                layer.register_forward_pre_hook(self._look)

    @contextmanager
    def watching(self, stop: Stop) -> Iterator[None]:
        """The network is ours in the block, and stops where `stop` says so. Raises Stopped."""
        with self._free:
            self._stop = stop
            try:
                self._look()
                yield
            finally:
                self._stop = never

    def _look(self, *_: object) -> None:
        if self._stop():
            raise Stopped
