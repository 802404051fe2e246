"""What runs in the process that installs: `python -m sviqa_app.gui.models_process`, started by models_errand.py.

It is sent its Job, and ends when its stdin does, that is when it is cancelled or with the window.
"""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from threading import Thread
from time import monotonic
from typing import BinaryIO, cast

from ..checkpoints.catalog import installable, load_catalog
from ..checkpoints.install import TICK, Progress, install
from ..checkpoints.installed import verify
from ..engine.worker_process import take_pipes
from ..errors import SviqaError
from ..managing import installed_parts
from .models_errand import Finished, Job, News, Step, Trouble

Tell = Callable[[News], None]


def main() -> None:
    """Do one job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the window
    orders, tell_worker = take_pipes()
    tell = cast(Tell, tell_worker)
    job = pickle.load(orders)
    Thread(target=_leave, args=(orders,), name="orders", daemon=True).start()
    tell(result(job, tell))


def result(job: Job, tell: Tell) -> News:
    """Do a job, and tell of every step of it. Gives how it ended."""
    try:
        (_install if job.kind == "install" else _verify)(job.name, tell)
    except SviqaError as error:
        return Trouble(error.what, error.next)
    except Exception as error:
        traceback.print_exception(error)
        return Trouble(f"Something went wrong ({type(error).__name__}: {error}).", "Try again.")
    return Finished()


def _install(name: str, tell: Tell) -> None:
    """A model, or its parts one after the other."""
    entries = installable(load_catalog(), name)
    sizes = [entry.size for entry in entries]
    for number, entry in enumerate(entries):

        def report(progress: Progress, number: int = number, part: str = entry.name) -> None:
            sizes[number] = progress.total
            tell(Step(part, sum(sizes[:number]) + progress.done, sum(sizes), progress.rate))

        install(entry, report=report)


def _verify(name: str, tell: Tell) -> None:
    """A model, or those of its parts that are installed."""
    last = 0.0
    for part in installed_parts(name):

        def each(done: int, total: int, part: str = part) -> None:
            nonlocal last
            if monotonic() > last + TICK:
                last = monotonic()
                tell(Step(part, done, total))

        verify(part, each)


def _leave(orders: BinaryIO) -> None:
    """Wait for the end of stdin, and go at once: an install that is killed loses nothing."""
    orders.read()
    os._exit(0)


if __name__ == "__main__":
    main()
