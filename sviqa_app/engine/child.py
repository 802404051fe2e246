"""A process that runs one of our modules: objects go in by its stdin and come out by its stdout, as pickles.

Plain pipes work alike on every system, from `python -m` and from a frozen app (whose program must hand
`-m MODULE ...` on to the module), and end with either side, so that each learns when the other is gone.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

PATIENCE = 2.0  # seconds that a child is given to end by itself
_LINES = 20
_LONGEST_LINE = 1000
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows alone has it

Outbox = SimpleQueue[object]
"""What is to be sent, in order. None, always last, ends the pipe."""

_log = logging.getLogger(__name__)


class Child:
    """One process, from its start to its end. Threads write to it and take down what it says on stderr."""

    def __init__(self, outbox: Outbox, module: str, *arguments: str) -> None:
        """Start `module` with what `outbox` holds and will hold. Raises OSError where it cannot be started."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            creationflags=_NO_WINDOW,
        )
        self._outbox = outbox
        self._said: deque[str] = deque(maxlen=_LINES)
        self._listening = Thread(target=self._listen, name="stderr of the engine", daemon=True)
        self._listening.start()
        Thread(target=self._write, name="requests to the engine", daemon=True).start()

    def messages(self) -> Iterator[Any]:
        """What the process sends, as it comes, until it is gone and buried."""
        pipe = self._process.stdout
        assert pipe is not None
        # A process that is killed may leave half a pickle behind.
        with pipe, suppress(EOFError, pickle.UnpicklingError, OSError):
            while True:
                yield pickle.load(pipe)
        self.end()

    def end(self) -> None:
        """End the pipe, at which the process ends; kill it if it has not after `PATIENCE`."""
        self._outbox.put(None)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """Why the process is gone, in one line: what killed it, or the last line it said."""
        self._listening.join(PATIENCE)
        status: int = self._process.returncode
        if status < 0:
            return signal.strsignal(-status) or f"signal {-status}"
        return self._said[-1] if self._said else f"exit status {status}"

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(OSError), pipe:  # the process may go at any time, which messages() notices
            for message in iter(self._outbox.get, None):
                pickle.dump(message, pipe)
                pipe.flush()

    def _listen(self) -> None:
        """Keep the last lines, and the pipe from filling up."""
        pipe = self._process.stderr
        assert pipe is not None
        with pipe:
            for line in iter(partial(pipe.readline, _LONGEST_LINE), b""):
                if words := line.decode(errors="replace").rstrip():
                    _log.debug(words)
                    self._said.append(words.strip())


def _environment() -> dict[str, str]:
    """Ours; the process finds the modules that we find, and none in the folder it happens to stand in."""
    ours = str(Path(__file__).resolve().parents[2])
    paths = dict.fromkeys([*filter(None, sys.path), ours])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
