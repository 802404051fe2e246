"""Start the window: what it is made of, and how the parts find each other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .. import settings as table
from ..engine.worker import Worker, WorkerEvent
from ..errors import DeviceError, OutputError, SviqaError
from ..history import History, history_folder
from ..media.earcons import Earcons
from ..media.microphone import Microphone
from ..media.player import Player
from ..recent import Recent, recent_path
from ..settings import Settings
from ..turn import Samples
from .garbage import Garbage
from .hands_free import HandsFree
from .models_errand import Errand, Job, News
from .models_presenter import Models
from .models_rows import all_rows, host_of
from .operations import Aside, Background
from .presenter import Presenter
from .qt import QApplication, QObject, QTimer, Signal
from .situation import Situation
from .talking import Talking
from .theme import dress
from .window import Window


class Bridge(QObject):
    """Brings calls from other threads to the window's own."""

    came = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.came.connect(lambda call: call())

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` made in the window's thread, soon."""
        self.came.emit(call)


class App:
    """Everything between start and quit."""

    def __init__(self, picture: Path | None = None, model: str | None = None) -> None:
        """`picture` is opened at the start; `model` takes the place of the one in the settings."""
        self._picture = picture
        self._bound = False
        self.settings_path = table.settings_path()
        settings, self._warnings = table.load(self.settings_path)
        running = QApplication.instance()
        self._qt = running if isinstance(running, QApplication) else QApplication(sys.argv[:1])
        self._qt.setApplicationName("SViQA")
        dress(self._qt, settings.theme, settings.text_size)
        self.garbage = Garbage()
        self.bridge = Bridge()
        self.window = Window(settings, Recent(recent_path(), settings.keep_history))
        self._model = model or settings.model
        self.worker = Worker(self._model, self._on_worker)
        self.microphone = Microphone(settings.microphone or None, on_block=self._hear)
        self.player = Player(settings.output_device or None, on_finished=self._on_silence)
        self.earcons = Earcons(settings.output_device or None)
        self.history = self._open_history(settings)
        situation = Situation(self.window, self.earcons)
        self.operations = Background(self.bridge.post, situation.complain)
        self.presenter = Presenter(
            self.window,
            self.worker,
            Talking(self.microphone),
            self.player,
            self.history,
            settings,
            self.operations,
            situation,
        )
        self.hands_free = HandsFree(self.presenter, self.bridge.post, situation.complain)
        situation.follow = self.hands_free.follow
        lines = Aside(self.bridge.post, situation.complain)
        announce = self.window.announce
        self.models = Models(self.operations, lines, all_rows, self._begin, self._use, announce, self._model)
        self.window.presenter, self.window.models = self.presenter, self.models
        self.window.changed = self._change
        self.window.level = self.microphone.level

    def _open_history(self, settings: Settings) -> History:
        """Where nothing can be kept, the session is a private one, and the person is told."""
        if not settings.keep_history:
            return History.private()
        try:
            history = History.open(history_folder())
        except OutputError as error:
            self._warnings.append(f"{error} Until then nothing is kept.")
            return History.private()
        self._warnings += [history.warning] if history.warning else []
        return history

    def _on_worker(self, event: WorkerEvent) -> None:
        def tell() -> None:
            self.presenter.on_worker(event)
            self.models.on_worker(event)

        self.bridge.post(tell)

    def _begin(self, job: Job, hear: Callable[[News], None]) -> Errand:
        return Errand(job, lambda news: self.bridge.post(lambda: hear(news)))

    def _use(self, model: str) -> None:
        """Put the next question to another model, now and at the next start."""
        self.presenter.stop()
        self.presenter.answers.sample_rate = 0  # until it is known, no device is opened
        self.worker.use(model)
        self._keep(replace(self.presenter.settings, model=model))
        self._show_host(model)

    def _show_host(self, model: str) -> None:
        self.operations.run(lambda: host_of(model), self.window.show_host)

    def _hear(self, block: Samples) -> None:
        self.hands_free.hear(block)

    def _on_silence(self) -> None:
        self.bridge.post(self.presenter.answers.silent)

    def run(self) -> int:
        """Show the window and serve it until it is closed."""
        self.window.show()
        QTimer.singleShot(0, self._after_showing)
        try:
            return self._qt.exec()
        finally:
            self.close()

    def _after_showing(self) -> None:
        """What the first sight of the window does not wait for."""
        self.worker.start()
        self._show_host(self._model)
        settings = self.presenter.settings
        self._set_up(settings)
        # Not while the number is still being typed.
        self.operations.run(lambda: self.history.forget_older_than(settings.keep_days))
        for warning in self._warnings:
            self.window.complain(warning, "")
        if self._picture is not None:
            self.presenter.open(self._picture)
        self.presenter.recover()

    def _change(self, settings: Settings) -> None:
        """Put changed settings in force, and keep them."""
        before = self.presenter.settings
        self._keep(settings)
        if (before.theme, before.text_size) != (settings.theme, settings.text_size):
            dress(self._qt, settings.theme, settings.text_size)  # styles every widget anew
        self.microphone.device = settings.microphone or None
        self.player.device = self.earcons.player.device = settings.output_device or None
        self._set_up(settings)

    def _keep(self, settings: Settings) -> None:
        """For this session and the next. What devices do is not touched."""
        try:
            table.save(self.settings_path, settings)
        except SviqaError as error:
            self.window.complain(error.what, error.next)
        self.presenter.settings = settings
        self.window.apply(settings)

    def _set_up(self, settings: Settings) -> None:
        self.player.volume, self.player.rate = settings.volume, settings.speaking_rate
        self.hands_free.apply(settings)
        self.earcons.on, self.earcons.player.volume = settings.earcons, settings.volume
        if settings.global_hotkey and not self._bound:
            self._bound = True
            self.window.bind_everywhere()
        if not (settings.keep_microphone_open or settings.hands_free):
            self.microphone.close()
            return
        try:
            self.microphone.open()
        except DeviceError as error:
            self.window.complain(error.what, error.next)

    def close(self) -> None:
        """Let go of everything."""
        self.hands_free.close()
        self.models.close()
        self.operations.close()
        self.player.close()
        self.earcons.close()
        self.microphone.close()
        self.worker.close()
        self.history.close()
        self.garbage.close()


def check_screen() -> None:
    """Raises DeviceError where there is no screen, on which Qt would end the process."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in named):
        raise DeviceError("There is no screen to open a window on.", "Ask on the command line: sviqa ask --help.")


def main(picture: Path | None = None, model: str | None = None) -> int:
    """The window, from start to quit. Gives the exit status. Raises SviqaError."""
    check_screen()
    return App(picture, model).run()
