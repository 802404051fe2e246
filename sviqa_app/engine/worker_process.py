"""What runs in the engine process: `python -m sviqa_app.engine.worker_process MODEL`, started by worker.py.

It ends when its stdin does, that is with the app, however the app ended.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..errors import EngineError, SviqaError
from ..turn import Question, Recording
from .loading import collector_resting
from .worker import (
    Answering,
    Ask,
    Cancel,
    Failed,
    Loading,
    PictureRead,
    Ready,
    Request,
    Restart,
    Show,
    WorkerEvent,
)

if TYPE_CHECKING:
    from .base import Conversation, Engine

WARM_TOKENS = 64
_NO_PICTURE = "There is no picture to ask about.", "Open one first."

Tell = Callable[[WorkerEvent], None]


class Inbox:
    """Requests as they come. A thread reads them, so that a Cancel gets through while an answer is computed."""

    def __init__(self, pipe: BinaryIO) -> None:
        self.stopped: set[int] = set()
        self._pipe = pipe
        self._requests: SimpleQueue[Request] = SimpleQueue()
        Thread(target=self._read, name="requests", daemon=True).start()

    def next(self) -> Request:
        """Waits for what is to be done next."""
        return self._requests.get()

    def _read(self) -> None:
        try:
            while True:
                request = pickle.load(self._pipe)
                if isinstance(request, Cancel):
                    self.stopped.add(request.turn)
                else:
                    self._requests.put(request)
        except EOFError:
            pass
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(0)  # at once, whatever is being computed: nobody is left to hear it


class Service:
    """An engine, the conversation about the picture in hand, and whom to tell."""

    def __init__(self, engine: Engine, tell: Tell, stopped: set[int]) -> None:
        """`stopped`: turns not to be answered; another thread adds to it."""
        self._engine = engine
        self._tell = tell
        self._stopped = stopped
        self._talk: Conversation | None = None

    def serve(self, request: Request) -> None:
        """Do what is asked. What goes wrong is told, and the next request served as if nothing had happened."""
        try:
            match request:
                case Show():
                    self._show(request)
                case Ask():
                    self._answer(request)
                case Restart() if self._talk is not None:
                    self._talk.restart()
        except Exception as error:
            self._tell(failure(request, error))

    def _show(self, request: Show) -> None:
        began = perf_counter()
        self._talk = None
        self._talk = self._engine.load_picture(request.picture)
        self._tell(PictureRead(request.number, perf_counter() - began))

    def _answer(self, request: Ask) -> None:
        if self._talk is None:
            raise EngineError(*_NO_PICTURE)
        turn = request.turn
        for event in self._talk.answer(request.question, speak=request.speak, stop=lambda: turn in self._stopped):
            self._tell(Answering(turn, event))


def main(model: str) -> None:
    """Load a model and serve requests about it until stdin ends. Where it cannot be loaded, refuse them all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the app, which ends us if it ends
    requests, tell = take_pipes()
    inbox = Inbox(requests)
    try:
        service = Service(load(model, tell), tell, inbox.stopped)
    except Exception as error:
        tell(failure(None, error))
        refuse(inbox, tell, error)
    while True:
        service.serve(inbox.next())


def take_pipes() -> tuple[BinaryIO, Tell]:
    """Stdin, and what sends an event to stdout. Whatever a library prints goes to stderr from here on."""
    requests, events = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    def tell(event: WorkerEvent) -> None:
        pickle.dump(event, events)
        events.flush()

    return requests, tell


def load(model: str, tell: Tell) -> Engine:
    """The engine of a model, as choosing.py finds it, warm, told of step by step. Raises SviqaError."""
    began = perf_counter()
    with collector_resting():
        tell(Loading("libraries", 0.05))
        from .choosing import SERVER, load_engine

        tell(Loading("weights", 0.8))
        engine = load_engine(model)
        tell(Loading("warm", 0.85))
        if not model.startswith(SERVER):  # nothing is sent before a person asks
            warm(engine)
    device = getattr(engine, "device", "a server" if model.startswith(SERVER) else "cpu")
    tell(Ready(engine.name, device, engine.sample_rate, perf_counter() - began))
    return engine


def warm(engine: Engine) -> None:
    """Hum at a blank picture: the first answer takes longest, and nobody waits for this one."""
    from PIL import Image

    time = np.arange(16_000) / 16_000
    hum = np.sin(2 * np.pi * 150 * time) * np.sin(2 * np.pi * 3 * time)  # rises and falls, or it is not heard
    question = Question(Recording((hum / 4).astype(np.float32), 16_000), "what is this")
    tokens = count()
    conversation = engine.load_picture(Image.new("RGB", (64, 64), "white"))
    for _ in conversation.answer(question, stop=lambda: next(tokens) > WARM_TOKENS):
        pass


def refuse(inbox: Inbox, tell: Tell, why: Exception) -> None:
    """Answer every question with why it is not answered, until stdin ends."""
    while True:
        request = inbox.next()
        if isinstance(request, Ask):
            tell(failure(request, why))


def failure(request: Request | None, error: Exception) -> Failed:
    """What went wrong in plain words; the rest goes to stderr."""
    turn = request.turn if isinstance(request, Ask) else None
    match error:
        case SviqaError():
            plain = error
        case MemoryError():
            plain = EngineError("There is not enough memory.", "Close other programs, or give a smaller picture.")
        case _:
            traceback.print_exception(error)
            what = f"Something went wrong inside the engine ({type(error).__name__}: {error})."
            plain = EngineError(what, "Try again, or start the app again.")
    return Failed(turn, plain.what, plain.next)


if __name__ == "__main__":
    main(sys.argv[1])
