"""The app, watched from inside: `python -m tests.bench.watched LOG [QUESTIONS]`.

What happens is written to LOG, a JSON object a line with its monotonic `time`: "ready" when the model is loaded,
"state" when it changes, and at the end "stall", the longest time that the event loop did not come round during an
answer. With QUESTIONS, that many are asked one after the other, half of them spoken, each as soon as the one before
is answered, and the memory of the window and of the worker is written down on the way.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psutil

from sviqa_app.engine.worker import Answering, Ready, WorkerEvent
from sviqa_app.gui.app import App
from sviqa_app.gui.exchange import State
from sviqa_app.gui.qt import Qt, QTimer
from sviqa_app.gui.talking import Take
from sviqa_app.media.audio import load_recording
from sviqa_app.turn import Done

from .samples import PICTURE, QUESTIONS

EVERY = 50
"""Questions between two looks at the memory."""


class Watch:
    """Notes what the app does without its knowing."""

    def __init__(self, app: App, log: Path, questions: int) -> None:
        self._app, self._questions, self._asked = app, questions, 0
        self._log = log.open("w", buffering=1)
        self._presenter = app.presenter
        self._situation = app.presenter.answers._situation
        self._state, self._last, self._stall = State.READY, time.monotonic(), 0.0
        self._tell, app.presenter.on_worker = app.presenter.on_worker, self._on_worker  # type: ignore[method-assign]
        self._heart = QTimer(interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._heart.timeout.connect(self._beat)
        self._heart.start()

    def write(self, what: str, **more: Any) -> None:
        """A line of the log."""
        print(json.dumps({"what": what, "time": time.monotonic(), **more}), file=self._log)

    def close(self) -> None:
        """The last line."""
        self.write("stall", seconds=self._stall)

    def _beat(self) -> None:
        now = time.monotonic()
        state = self._situation.state
        if State.READY not in (state, self._state):
            self._stall = max(self._stall, now - self._last)
        if state is not self._state:
            self.write("state", state=state.name)
        self._last, self._state = now, state

    def _on_worker(self, event: WorkerEvent) -> None:
        self._tell(event)
        match event:
            case Ready():
                self.write("ready")
                if self._questions:
                    self._presenter.open(PICTURE)
                    QTimer.singleShot(1000, self._next)
            case Answering(_, Done()) if self._questions:
                self._presenter.stop()  # nobody waits for the sound
                QTimer.singleShot(0, self._next)

    def _next(self) -> None:
        if self._asked % EVERY == 0:
            worker = psutil.Process().children()[0]
            self.write(
                "memory",
                questions=self._asked,
                window=psutil.Process().memory_info().rss,
                worker=worker.memory_info().rss,
            )
        if self._asked == self._questions:
            self._app.window.close()
            return
        self._asked += 1
        if self._asked % 2:
            self._presenter.ask("where is the dog")
        else:
            self._speak(QUESTIONS[self._asked // 2 % len(QUESTIONS)])

    def _speak(self, question: Path) -> None:
        """As if it had been spoken into the microphone."""
        place = self._app.history.place_for_speech()
        shutil.copyfile(question, place)
        take: Future[Take] = Future()
        take.set_result(Take(load_recording(question), place, None))
        subject = self._presenter._subject
        assert subject is not None
        self._presenter._ask(subject, take, "")


def main() -> None:
    """Run the app until it is quit."""
    app = App()
    watch = Watch(app, Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    app.run()
    watch.close()


if __name__ == "__main__":
    main()
