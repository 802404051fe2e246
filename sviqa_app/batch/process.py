"""A batch in a process of its own, as the window runs it: `python -m sviqa_app.batch.process`, started by a `Child`.

It is sent its BatchOptions, then Orders. It sends a Preview, then Progress as it goes, whose last step is "done" or
"stopped", or Refused in their place. When its stdin ends, that is with the window, it stops as if told to.
"""

from __future__ import annotations

import pickle
import signal
import traceback
from collections.abc import Callable
from threading import Thread
from typing import Any, BinaryIO, cast

from ..engine.worker_process import take_pipes
from ..errors import SviqaError
from .command import run_batch
from .progress import Control, Refused


def main() -> None:
    """Run one batch."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the window
    orders, tell_worker = take_pipes()
    tell = cast(Callable[[Any], None], tell_worker)
    control = Control()
    try:
        options = pickle.load(orders)
        Thread(target=_obey, args=(orders, control), name="orders", daemon=True).start()
        run_batch(options, control, tell, tell)
    except SviqaError as error:
        tell(Refused(error.what, error.next))
    except MemoryError:
        tell(Refused("There is not enough memory.", "Close other programs, and resume."))
    except Exception as error:
        traceback.print_exception(error)
        tell(Refused(f"Something went wrong ({type(error).__name__}: {error}).", "Try again: resume."))


def _obey(orders: BinaryIO, control: Control) -> None:
    try:
        while True:
            match pickle.load(orders):
                case "pause":
                    control.pause()
                case "go on":
                    control.go_on()
                case "stop":
                    control.stop()
    except EOFError:
        control.stop()


if __name__ == "__main__":
    main()
