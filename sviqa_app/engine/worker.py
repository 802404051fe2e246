"""The engine in a process of its own, as the window uses it: nothing here waits, and a crash is survived.

Imports nothing heavy. What the process does is in worker_process.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import inf
from queue import SimpleQueue
from threading import Lock, Thread, current_thread
from time import monotonic
from typing import TYPE_CHECKING, Literal

from ..turn import AnswerEvent, Done, Question
from .child import PATIENCE, Child, Outbox

if TYPE_CHECKING:
    from PIL.Image import Image

RESTARTS = 3
WORKED = 30.0  # seconds of being ready after which earlier deaths are forgiven

_PROCESS = "sviqa_app.engine.worker_process"
_NOT_REACHED = "The engine stopped before it came to this question.", "Ask it again."
_WAY_OUT = "Close other programs and start the app again, or choose a smaller model."

Step = Literal["starting", "libraries", "weights", "warm"]


@dataclass(frozen=True)
class Loading:
    """What the engine is at while it loads, and the share of the whole, 0 to 1, that lies behind it."""

    what: Step
    share: float


@dataclass(frozen=True)
class Ready:
    """Loaded and warm, `seconds` after its start. `sample_rate` is that of the answers' sound."""

    model: str
    device: str
    sample_rate: int
    seconds: float


@dataclass(frozen=True)
class PictureRead:
    """The picture of that number was looked at, which took so many seconds. Only the question remains."""

    picture: int
    seconds: float


@dataclass(frozen=True)
class Answering:
    """More of the answer of a turn."""

    turn: int
    event: AnswerEvent


@dataclass(frozen=True)
class Failed:
    """`what` happened and what to do `next`; of no turn (None) where it is the engine or the picture that failed."""

    turn: int | None
    what: str
    next: str


@dataclass(frozen=True)
class Died:
    """The process is gone unasked, and with it the answer of a turn, if one was asked for."""

    turn: int | None


WorkerEvent = Loading | Ready | PictureRead | Answering | Failed | Died


@dataclass(frozen=True)
class Show:
    """Look at a picture; a conversation about it begins. A pickled picture is its size and its raw bytes."""

    number: int
    picture: Image


@dataclass(frozen=True)
class Restart:
    """Forget the turns so far."""


@dataclass(frozen=True)
class Ask:
    """Answer a question about the picture in hand."""

    turn: int
    question: Question
    speak: bool


@dataclass(frozen=True)
class Cancel:
    """Stop answering a turn, or do not begin."""

    turn: int


Request = Show | Restart | Ask | Cancel


class Worker:
    """Pictures and questions to the engine process; its events to `listener`, in order, from one thread.

    The listener should return soon and must not raise. Every turn ends with exactly one Answering(Done),
    Failed or Died. What is asked before Ready is answered after it. A process that dies is started again,
    unless it died too often (`RESTARTS`) without having worked for a while (`WORKED`) in between; it sees the
    last picture again, but not the questions, which are for the person to ask again.
    """

    def __init__(self, model: str, listener: Callable[[WorkerEvent], None]) -> None:
        """`model`: the name of one that is installed, or a folder."""
        self._model = model
        self._listener = listener
        self._lock = Lock()  # for all that follows
        self._pictures, self._turns = count(1), count(1)
        self._outbox: Outbox = SimpleQueue()
        self._shown: Show | None = None
        self._open: dict[int, bool] = {}  # turns that have not ended: whether they were stopped
        self._left: set[int] = set()  # turns of the model before, which have not ended either
        self._switched = False  # whether another model was chosen than that of the process
        self._child: Child | None = None
        self._closed = False
        self._thread = Thread(target=self._run, name="events of the engine", daemon=True)

    def start(self) -> None:
        """Start loading. Once only."""
        self._thread.start()

    def show(self, picture: Image) -> int:
        """Look at an upright RGB picture, which must not change from now on. Gives its number.

        What is being answered about the one before is stopped.
        """
        with self._lock:
            for turn in self._open:
                self._stop(turn)
            self._shown = Show(next(self._pictures), picture)
            self._outbox.put(self._shown)
            return self._shown.number

    def restart_conversation(self) -> None:
        """Forget the turns so far, but not the picture."""
        with self._lock:
            self._outbox.put(Restart())

    def ask(self, question: Question, speak: bool = True) -> int:
        """Ask about the picture shown last, to be answered in words alone unless `speak`. Gives the turn's number."""
        with self._lock:
            turn = next(self._turns)
            self._open[turn] = False
            self._outbox.put(Ask(turn, question, speak))
            return turn

    def stop(self, turn: int) -> None:
        """Cancel a turn, of which Done(cancelled=True) comes soon. Nothing where it has ended already."""
        with self._lock:
            if turn in self._open:
                self._stop(turn)

    def use(self, model: str) -> None:
        """Go on with another model, in another process that sees the last picture. What is being answered stops."""
        with self._lock:
            self._model, self._switched = model, True
            self._left |= set(self._open)
            self._open.clear()
            self._outbox.put(None)
            self._outbox = self._fresh()
            child = self._child
        if child is not None:
            Thread(target=child.end, name="end of the engine before", daemon=True).start()

    def close(self) -> None:
        """End the process, by force if it takes longer than `PATIENCE`. No event comes any more."""
        with self._lock:
            self._closed = True
            self._outbox.put(None)
        if self._child is not None:
            self._child.end()
        if self._thread.is_alive() and self._thread is not current_thread():
            self._thread.join(PATIENCE)  # a listener that waits for this very thread must not hold it forever

    def _stop(self, turn: int) -> None:
        self._open[turn] = True
        self._outbox.put(Cancel(turn))

    def _run(self) -> None:
        """One process after the other, until closed."""
        deaths = 0
        while not self._closed:
            try:
                child = self._begin()
            except OSError as error:
                self._refuse(f"The engine could not be started: {error}.")
                continue
            if child is None:
                return
            self._leave()
            self._tell(Loading("starting", 0.0))
            deaths = 1 if self._pass_on(child) > WORKED else deaths + 1
            if self._switched:
                deaths = 0
                continue
            self._mourn()
            if deaths > RESTARTS:
                self._refuse(f"The engine stopped {deaths} times in a row: {child.last_words().rstrip('.')}.")
                deaths = 0

    def _begin(self) -> Child | None:
        with self._lock:
            if self._closed:
                return None
            self._switched = False
            self._child = Child(self._outbox, _PROCESS, self._model)
            return self._child

    def _pass_on(self, child: Child) -> float:
        """All that a process says, until it is gone. Gives for how many seconds it was ready, below 0 for never."""
        ready = inf
        for event in child.messages():
            if isinstance(event, Ready):
                ready = monotonic()
            if not self._switched:
                self._tell(event)
        return monotonic() - ready

    def _tell(self, event: WorkerEvent) -> None:
        match event:
            case Answering(turn, Done()) | Failed(int(turn)):
                with self._lock:
                    self._open.pop(turn, None)
                    self._left.discard(turn)
        if not self._closed:
            self._listener(event)

    def _leave(self) -> None:
        """Say of every turn of the model before that it was stopped."""
        for turn in sorted(self._left):
            self._tell(Answering(turn, Done("", cancelled=True)))

    def _fresh(self) -> Outbox:
        """For the next process, which sees the last picture again."""
        outbox: Outbox = SimpleQueue()
        if self._shown is not None:
            outbox.put(self._shown)
        return outbox

    def _mourn(self) -> None:
        """Say of every turn that it will not be answered, and have the last picture ready for the next process."""
        with self._lock:
            lost, self._open = self._open, {}
            self._outbox = self._fresh()
        asked = [turn for turn, stopped in lost.items() if not stopped]
        for turn in (turn for turn, stopped in lost.items() if stopped):
            self._tell(Answering(turn, Done("", cancelled=True)))
        for turn in asked[1:]:
            self._tell(Failed(turn, *_NOT_REACHED))
        self._tell(Died(asked[0] if asked else None))

    def _refuse(self, what: str) -> None:
        """Say that there is no engine, now and to every question, until closed or until another model is chosen."""
        self._tell(Failed(None, what, _WAY_OUT))
        while not (self._closed or self._switched):
            request = self._outbox.get()
            if isinstance(request, Ask):
                self._tell(Failed(request.turn, what, _WAY_OUT))
