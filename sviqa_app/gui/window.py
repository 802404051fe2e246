"""The main window: a picture, a conversation about it, and a key to hold."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from PIL.Image import Image

from ..errors import SviqaError
from ..recent import Recent
from ..resources import assets_folder
from ..settings import Settings
from .announcing import announce
from .batch_form import Kept
from .batch_page import BatchPage
from .capture import Capture, Found
from .exchange import Exchange, State
from .keys import TalkKey
from .models_page import ModelsPage
from .models_presenter import Models
from .past import Past
from .picture_view import PictureView
from .pictures import dropped_picture, pasted_picture, picture_filter
from .portal import Portal
from .preferences import Preferences
from .presenter import Presenter
from .qt import (
    QAction,
    QApplication,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QFileDialog,
    QHBoxLayout,
    QKeySequence,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSplitter,
    Qt,
    QTimer,
    QVBoxLayout,
    QWidget,
)
from .region import Region
from .transcript import Transcript

QUIET, LOUD = -60.0, 0.0
"""The level meter's ends in dBFS."""
HEARD = 0.4
"""The share of the meter above which somebody speaks."""
HONEST = (
    "The model that ships knows drawn scenes of shapes, digits and small pictures of things. "
    "Of photographs it should say that it cannot tell; models for photographs are under View, Models."
)


class Window(QMainWindow):
    """Thin: what is pressed goes to the presenter, what the presenter says is shown. It is the presenter's View."""

    def __init__(self, settings: Settings, recent: Recent) -> None:
        super().__init__()
        self.presenter: Presenter
        self.models: Models
        self.level: Callable[[], float] = lambda: QUIET
        self.changed: Callable[[Settings], None] = self.apply
        self.portal = Portal()
        self.capture = Capture(self, self.portal, self._captured)
        self._recent = recent
        self._settings = settings
        self._model = ""
        self._batch: BatchPage | None = None
        self._batch_form = Kept(settings.keep_history)
        self._panes: list[QWidget] = []
        self._actions: dict[str, QAction] = {}
        self.setWindowTitle("SViQA")
        self.setAcceptDrops(True)
        self._build()
        self._build_menus()
        self.talk_key = TalkKey(self, self._talk_down, self._talk_up)
        self._meter_timer = QTimer(self, interval=50)
        self._meter_timer.timeout.connect(self._show_level)
        self.apply(settings)
        self.resize(1000, 680)
        self.show_state(State.READY)

    # --- what is where -----------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.view = PictureView()
        self.view.ninth.connect(lambda key: self.presenter.zoom_into(key))
        self.view.boxed.connect(lambda *box: self.presenter.look_at(Region().drawn(*box)))
        self.transcript = Transcript()
        self.field = QLineEdit(placeholderText="Type a question")
        self.field.setAccessibleName("Question")
        self.field.setAccessibleDescription("Type a question and press Enter, or hold the talk key and speak.")
        self.field.returnPressed.connect(self._ask)
        self.ask_button = self._button("&Ask", "Ask what is typed.", self._ask)
        self.talk_button = self._button("Hold to talk", "Hold, speak your question, and let go.", None)
        self.talk_button.pressed.connect(self._talk_down)
        self.talk_button.released.connect(self._talk_up)
        self.talk_button.setProperty("talks", True)
        self.state_label = QLabel(wordWrap=True)
        self.meter = QProgressBar(minimum=0, maximum=100, format="Microphone")
        self.meter.setAccessibleName("Microphone level")
        self.meter.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.progress = QProgressBar(minimum=0, maximum=100)
        self.progress.setAccessibleName("Loading")
        self.honest = QLabel(HONEST, wordWrap=True)
        self.going = QLabel(wordWrap=True)
        self.going.hide()
        self._lay_out()

    def _lay_out(self) -> None:
        asking = QHBoxLayout()
        asking.addWidget(self.field, 1)
        asking.addWidget(self.ask_button)
        side = QVBoxLayout()
        side.addWidget(self.transcript, 1)
        side.addLayout(asking)
        side.addWidget(self.going)
        side.addWidget(self.talk_button)
        side.addWidget(self.meter)
        side.addWidget(self.state_label)
        side.addWidget(self.honest)
        right = QWidget()
        right.setLayout(side)
        splitter = QSplitter()
        splitter.setAccessibleName("Picture and conversation")
        splitter.addWidget(self.view)
        splitter.addWidget(right)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([560, 440])
        self.setCentralWidget(splitter)
        self.statusBar().addPermanentWidget(self.progress)
        self.status = QLabel("Loading the model")
        self.statusBar().addWidget(self.status, 1)
        self._panes = [self.view, self.transcript, self.field, self.talk_button]
        in_order = [self.view, self.transcript, self.field, self.ask_button, self.talk_button]
        for before, after in pairwise(in_order):
            QWidget.setTabOrder(before, after)
        self.view.setFocus()

    @staticmethod
    def _button(text: str, hint: str, pressed: Callable[[], None] | None) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleDescription(hint)
        button.setToolTip(hint)
        if pressed is not None:
            button.clicked.connect(pressed)
        return button

    def _build_menus(self) -> None:
        file = self.menuBar().addMenu("&File")
        self._action(file, "&Open a picture…", "open", self._open)
        self._action(file, "&Paste a picture", "paste", self._paste)
        self._action(file, "Open the sample pict&ure", "sample", self._open_sample)
        self._recent_menu = file.addMenu("Open &again")
        self._recent_menu.setToolTipsVisible(True)
        self._recent_menu.aboutToShow.connect(self._list_recent)
        file.addSeparator()
        self._action(file, "&Capture the screen", "capture", self.capture.screen)
        self._action(file, "Capture an a&rea", "capture_area", self.capture.area)
        self._action(file, "Capture a &window", "capture_window", self.capture.window)
        self._action(file, "&Take a photograph", "camera", lambda: self.presenter.photograph())
        file.addSeparator()
        self._action(file, "&Save the spoken answer…", "save_answer", self._save)
        self._action(file, "Ask about a &folder…", "batch", self._show_batch)
        file.addSeparator()
        self._action(file, "&Quit", "quit", self.close)
        question = self.menuBar().addMenu("&Question")
        self._action(question, "&Stop", "stop", self._stop)
        self._action(question, "Say the answer &again", "replay", lambda: self.presenter.answers.replay())
        self._action(question, "&Copy the answer", "copy_answer", self._copy)
        self._action(question, "&New conversation", "new_conversation", lambda: self.presenter.new_conversation())
        self._action(question, "&History…", "history", self._show_past)
        self._action(question, "Search the &history…", "search", self._show_past)
        view = self.menuBar().addMenu("&View")
        self._action(view, "&Closer", "zoom_in", self.view.zoom_in)
        self._action(view, "&Farther", "zoom_out", self.view.zoom_out)
        self._action(view, "&Whole picture", "fit", self.view.fit)
        self._action(view, "&Turn the picture", "turn", lambda: self.presenter.turn_picture())
        view.addSeparator()
        self._action(view, "Go &out of the region", "region_out", lambda: self.presenter.zoom_out())
        self._action(view, "Next &pane", "cycle_panes", self._next_pane)
        view.addSeparator()
        self._action(view, "P&references…", "preferences", self._show_preferences)
        self._action(view, "&Models…", "models", self.show_models)

    def _action(self, menu: QMenu, text: str, name: str, done: Callable[[], object]) -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(self._settings.keys[name]))
        action.triggered.connect(lambda: done())
        menu.addAction(action)
        self._actions[name] = action

    # --- what is pressed ---------------------------------------------------------------------------------------

    def _talk_down(self) -> None:
        self.presenter.begin_talking()

    def _talk_up(self) -> None:
        self.presenter.end_talking(self._typed())

    def _typed(self) -> str:
        text = self.field.text().strip()
        self.field.clear()
        return text

    def _ask(self) -> None:
        self.presenter.ask(self._typed())

    def _stop(self) -> None:
        self.talk_key.forget()
        self.presenter.cancel_talking()
        self.presenter.stop()

    def _open(self) -> None:
        plain = QFileDialog.Option.HideNameFilterDetails
        path, _ = QFileDialog.getOpenFileName(self, "Open a picture", "", picture_filter(), options=plain)
        if path:
            self.presenter.open(Path(path))

    def _open_sample(self) -> None:
        self.presenter.open(assets_folder() / "samples" / "scene.png")

    def _paste(self) -> None:
        self._take(pasted_picture(QApplication.clipboard().mimeData()), "There is no picture on the clipboard.")

    def _captured(self, found: Found, name: str) -> None:
        if isinstance(found, SviqaError):
            self.complain(found.what, found.next)
        elif found is not None:
            self.presenter.take(found, name)

    def bind_everywhere(self) -> None:
        """Have the key that captures the screen work in front of any window, where the desktop allows it."""
        key = self._settings.keys["capture"]
        self.portal.global_shortcut(
            "capture", "Ask about the screen", key, self.capture.screen, lambda e: self.complain(e.what, e.next)
        )

    def _list_recent(self) -> None:
        self._recent_menu.clear()
        pictures = self._recent.pictures
        for path in pictures:
            action = self._recent_menu.addAction(path.name.replace("&", "&&"))
            action.setToolTip(str(path))
            action.triggered.connect(lambda _=False, path=path: self.presenter.open(path))
        if not pictures:
            self._recent_menu.addAction("None yet").setEnabled(False)

    def _take(self, found: Path | Image | None, otherwise: str) -> None:
        if isinstance(found, Path):
            self.presenter.open(found)
        elif found is not None:
            self.presenter.take(found, "picture")
        else:
            self.complain(otherwise, "Copy a picture first, or open a file with Ctrl+O.")

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the spoken answer", "answer.wav", "Sound (*.wav)")
        if path:
            self.presenter.answers.save(Path(path))

    def _copy(self) -> None:
        if self.presenter.exchanges:
            QApplication.clipboard().setText(self.presenter.exchanges[-1].answer)
            self.announce("Copied.")

    def _next_pane(self) -> None:
        at = next((i for i, pane in enumerate(self._panes) if pane.hasFocus()), -1)
        self._panes[(at + 1) % len(self._panes)].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _show_past(self) -> None:
        past = Past(self.presenter.history, self.presenter.reopen, self.presenter.export, self._forget, self)
        past.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        past.open()

    def _forget(self) -> None:
        """What is kept beside the history."""
        self._recent.clear()
        self._batch_form.clear()

    def _show_batch(self) -> None:
        if self._batch is None:
            self._batch = BatchPage(self._settings, self._batch_form, self)
            self._batch.finished.connect(self._batch_gone)
        self._batch.come()

    def _batch_gone(self) -> None:
        self._batch = None

    def _show_preferences(self) -> None:
        preferences = Preferences(self._settings, self.changed, self)
        preferences.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        preferences.open()

    def show_models(self) -> None:
        """Open the page of the models."""
        page = ModelsPage(self.models, self)
        page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page.open()

    def apply(self, settings: Settings) -> None:
        """Take over what was changed in the preferences."""
        self._settings = settings
        self.talk_key.listen(settings.keys["talk"], toggle=settings.hold_to_talk == "toggle")
        for name, action in self._actions.items():
            action.setShortcut(QKeySequence(settings.keys[name]))
        self.talk_button.setAccessibleDescription(self._talk_hint())
        self.view.invite(settings.keys)
        self.meter.setVisible(not settings.reduced_motion)

    def _talk_hint(self) -> str:
        key = self._settings.keys["talk"]
        return f"Hold, speak your question, and let go. The key {key} does the same wherever you are in the window."

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasImage() or event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        self._take(dropped_picture(event.mimeData()), "What was dropped is no picture.")

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if self._batch is not None and not self._batch.may_end(self.close):
            event.ignore()
            return
        self.presenter.close()
        super().closeEvent(event)

    # --- what is shown -----------------------------------------------------------------------------------------

    def show_state(self, state: State) -> None:
        self.state_label.setText(state.value)
        recording = state is State.RECORDING
        self.talk_button.setText("Let go to ask" if recording else "Hold to talk")
        if recording:
            self._meter_timer.start()
        else:
            self._meter_timer.stop()
            self.meter.setValue(0)
        if state in (State.RECORDING, State.THINKING):
            self.announce(state.value, urgent=recording)

    def _show_level(self) -> None:
        self.presenter.check_recording()
        share = min(1.0, max(0.0, (self.level() - QUIET) / (LOUD - QUIET)))
        if self._settings.reduced_motion:
            heard = "hears you" if share > HEARD else "hears nothing yet"
            self.state_label.setText(f"{State.RECORDING.value}, {heard}")
        else:
            self.meter.setValue(round(100 * share))

    def show_picture(self, picture: Image, name: str) -> None:
        self.view.show_picture(picture, name)
        self.setWindowTitle(f"{name} - SViQA")

    def show_region(self, region: Region) -> None:
        self.view.show_region(region)

    def show_exchange(self, exchange: Exchange) -> None:
        self.transcript.show_exchange(exchange)

    def clear_exchanges(self) -> None:
        self.transcript.start_over()

    def opened(self, path: Path) -> None:
        self._recent.add(path)

    def show_turn(self, row: int) -> None:
        self.transcript.show_turn(row)

    def show_model(self, model: str, device: str, seconds: float) -> None:
        self.progress.hide()
        self.honest.setVisible(model == Settings.model)
        self._model = f"{model} on {device}"
        self.status.setText(f"{self._model}, loaded in {seconds:.1f} s")

    def show_host(self, host: str) -> None:
        """Where questions go, "" where they stay on this machine. The engine says it at each question as well."""
        self.going.setText(f"Questions go to {host}." if host else "")
        self.going.setVisible(bool(host))

    def show_latency(self, seconds: float) -> None:
        self.status.setText(f"{self._model}, first sound after {1000 * seconds:.0f} ms")

    def show_progress(self, what: str, share: float) -> None:
        self.progress.show()
        self.progress.setValue(round(100 * share))
        self.status.setText(f"Loading the model: {what}")

    def end_progress(self) -> None:
        if not self.progress.isHidden():
            self.progress.hide()
            self.status.setText("No model is loaded")

    def announce(self, text: str, urgent: bool = False) -> None:
        announce(self, text, urgent)

    def complain(self, what: str, next: str) -> None:
        text = f"{what} {next}".strip()
        self.state_label.setText(text)
        self.announce(text, urgent=True)

    def offer(self, what: str, exchange: Exchange) -> None:
        box = QMessageBox(QMessageBox.Icon.Question, "SViQA", f"{what}\nAsk again: {exchange.asked}?", parent=self)
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No)
        box.setWindowModality(Qt.WindowModality.WindowModal)
        box.accepted.connect(lambda: self.presenter.ask_again(exchange))
        box.rejected.connect(lambda: self.presenter.decline(exchange))
        box.finished.connect(lambda: self.presenter.offer_next())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
