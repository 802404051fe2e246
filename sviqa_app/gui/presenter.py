"""What the window does, without the window: pictures, questions, answers, and all that can go wrong between them.

Every method is called from the window's own thread. Nothing here waits for the model or a device; what waits is
writing the history, for a question is on the disk before it is asked.
"""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image

from ..engine.worker import Answering, Died, Failed, Loading, Ready, Worker, WorkerEvent
from ..errors import SviqaError
from ..history import History
from ..media.audio import heard_nothing, write_wav
from ..media.image import load_picture
from ..settings import Settings
from ..turn import AnswerEvent, AudioChunk, Done, Heard, Question, TextDelta
from .exchange import Exchange, Fate, State
from .recalling import question_of, remembered
from .region import Region
from .talking import Talking
from .view import Player, View

NO_PICTURE = "There is no picture yet.", "Open one with Ctrl+O, or paste one with Ctrl+V."
UNANSWERED = "A question was not answered before the app ended."
RESTARTED = "The model stopped and is being started again."
NOTHING_SAID = "Nothing was recorded.", "Hold the key while you speak, and let go when you are done."


class Presenter:
    """The one straight path from a picture and a question to an answer that is shown, said and kept."""

    def __init__(
        self, view: View, worker: Worker, talking: Talking, player: Player, history: History, settings: Settings
    ) -> None:
        self.settings = settings
        self.history = history
        self.picture: Image | None = None
        self.region = Region()
        self.exchanges: list[Exchange] = []
        self._view, self._worker, self._talking, self._player = view, worker, talking, player
        self._name = ""
        self._conversation: int | None = None
        self._open: dict[int, Exchange] = {}  # by the worker's turn, until its Done, failure or death
        self._turn: int | None = None  # the one that is being answered, shown and said
        self._state = State.READY
        self._status = ""

    # --- pictures ----------------------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Read a picture from a file."""
        try:
            picture = load_picture(path)
        except SviqaError as error:
            self._view.complain(error.what, error.next)
            return
        self.take(picture, path.name)

    def take(self, picture: Image, name: str) -> None:
        """Look at a picture, whatever it came from. A conversation about it begins."""
        self.stop()
        self.picture, self._name, self.region = picture, name, Region()
        self._worker.show(picture)
        self._begin()
        self._view.show_picture(picture, name)
        self._view.show_region(self.region)
        width, height = picture.size
        self._view.announce(f"Picture {name}, {width} by {height}. Hold {self.settings.keys['talk']} and ask.")

    def new_conversation(self) -> None:
        """Forget the turns, but not the picture."""
        self.stop()
        self._worker.restart_conversation()
        self._begin()
        self._view.announce("New conversation.")

    def reopen(self, conversation: int) -> None:
        """Go on with a conversation of the history. The model reads its picture again, not its turns."""
        found = next((c for c in self.history.conversations(10_000) if c.id == conversation), None)
        if found is None or found.picture is None:
            self._view.complain("The picture of that conversation is gone.", "Open it again and ask anew.")
            return
        self.open(found.picture)
        self._conversation = conversation
        self.exchanges = [remembered(turn) for turn in self.history.turns(conversation)]
        for exchange in self.exchanges:
            self._view.show_exchange(exchange)

    def _begin(self) -> None:
        self.exchanges, self._conversation = [], None
        self._view.clear_exchanges()

    def look_at(self, region: Region) -> None:
        """Ask about a region from now on."""
        if self.picture is None:
            self._view.complain(*NO_PICTURE)
            return
        if not region.fits(self.picture.size):
            self._view.announce("This is as close as the picture goes.")
            return
        self.stop()
        self.region = region
        self._worker.show(region.crop(self.picture))
        self._view.show_region(region)
        self._view.announce(f"Looking at {region.name}.")

    def zoom_into(self, key: int) -> None:
        """The ninth of the region that a key of the numeric pad stands for."""
        self.look_at(self.region.inside(key))

    def zoom_out(self) -> None:
        """The region this one is in."""
        if self.region.outer is not None:
            self.look_at(self.region.outer)

    # --- questions ---------------------------------------------------------------------------------------------

    def begin_talking(self) -> None:
        """The key went down. What is being said falls silent."""
        if self._talking.recording:
            return
        if self.picture is None:
            self._view.complain(*NO_PICTURE)
            return
        self.stop()
        try:
            self._talking.begin(self.history.place_for_speech())
            self._set(State.RECORDING)
            self._talk_about()  # so that after a crash it is known what the recording was about
        except SviqaError as error:
            self._view.complain(error.what, error.next)

    def end_talking(self, text: str = "") -> None:
        """The key came up: ask what was said, with `text` where something is typed as well."""
        if not self._talking.recording:
            return
        take = self._talking.end()
        self._set(State.READY)
        if take.trouble is not None:
            self._view.complain(take.trouble.what, take.trouble.next)
        if heard_nothing(take.recording) and not text:
            take.path.unlink(missing_ok=True)
            self._view.complain(*NOTHING_SAID)
            return
        self._ask(Question(take.recording, text or None), take.path)

    def cancel_talking(self) -> None:
        """The recording is thrown away, for the person said so."""
        if self._talking.recording:
            self._talking.end().path.unlink(missing_ok=True)
            self._set(State.READY)
            self._view.announce("Recording thrown away.")

    def ask(self, text: str) -> None:
        """Ask in words."""
        if self.picture is None:
            self._view.complain(*NO_PICTURE)
        elif text.strip():
            self.stop()
            self._ask(Question(text=text.strip()), None)

    def ask_again(self, exchange: Exchange) -> None:
        """Put a question that had no answer once more, about the picture it was about."""
        self.stop()
        if exchange.conversation is not None and exchange.conversation != self._conversation:
            self.reopen(exchange.conversation)
            question = exchange.question
            exchange = next((e for e in self.exchanges if e.row == exchange.row), exchange)
            exchange.question = question  # with its recording
        if self.picture is None:
            return  # it is gone, as was just said
        exchange.fate, exchange.answer, exchange.why, exchange.chunks = Fate.WAITING, "", "", []
        self._send(exchange)

    def _ask(self, question: Question, file: Path | None) -> None:
        row = None
        try:
            row = self.history.begin_turn(self._talk_about(), file, question.text)
        except SviqaError as error:
            self._view.complain(error.what, error.next)
        about = "" if self.region.whole else self.region.name
        exchange = Exchange(row, self._conversation, question, about)
        self.exchanges.append(exchange)
        self._send(exchange)

    def _talk_about(self) -> int:
        """The conversation about the picture, begun now if it was not. Raises OutputError."""
        if self._conversation is None:
            self._conversation = self.history.begin_conversation(self.picture, self._name)
        return self._conversation

    def _send(self, exchange: Exchange) -> None:
        self._turn = self._worker.ask(exchange.question, self.settings.who_speaks != "screen-reader")
        self._open[self._turn] = exchange
        self._view.show_exchange(exchange)
        self._set(State.THINKING)

    # --- answers -----------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Silence, and no more of this answer."""
        self._player.stop()
        if self._turn is not None:
            self._worker.stop(self._turn)
            self._turn = None  # its Done still comes, and is kept
        if self._state in (State.THINKING, State.SPEAKING):
            self._set(State.READY)

    def replay(self) -> None:
        """Say the last answer again."""
        last = self._last_spoken
        if last is None:
            self._view.announce("There is no answer to say again.")
            return
        self.stop()
        self._set(State.SPEAKING)
        for chunk in last.chunks:
            self._player.play(AudioChunk(chunk, last.rate))
        self._player.end()

    def save(self, path: Path) -> None:
        """Write the last spoken answer to a WAV file."""
        last = self._last_spoken
        if last is None:
            self._view.announce("There is no answer to save.")
            return
        try:
            write_wav(path, last.sound, last.rate)
        except SviqaError as error:
            self._view.complain(error.what, error.next)
        else:
            self._view.announce(f"Saved as {path.name}.")

    @property
    def _last_spoken(self) -> Exchange | None:
        return next((e for e in reversed(self.exchanges) if e.chunks), None)

    def silent(self) -> None:
        """The last sound of an answer was heard, or none ever will be."""
        if self._player.failed is not None:
            self._view.complain(self._player.failed.what, self._player.failed.next)
        if self._state is State.SPEAKING and self._turn is None:
            self._set(State.READY)

    def on_worker(self, event: WorkerEvent) -> None:
        """Something came from the worker process."""
        match event:
            case Loading(what, share):
                self._view.show_progress(what, share)
            case Ready(model, device, _, seconds):
                self._view.show_progress("", None)
                self._status = f"{model} on {device}"
                self._view.show_status(f"{self._status}, loaded in {seconds:.1f} s")
            case Answering(turn, answer) if turn in self._open:
                self._on_answer(turn, answer)
            case Failed(turn, what, next):
                self._on_failure(turn, what, next)
            case Died(turn):
                self._on_death(turn)

    def _on_answer(self, turn: int, event: AnswerEvent) -> None:
        exchange = self._open[turn]
        match event:
            case TextDelta(text):
                exchange.answer += text
            case AudioChunk(samples, rate):
                exchange.chunks.append(samples)
                exchange.rate = rate
                if turn == self._turn:
                    self._player.play(event)
                    self._set(State.SPEAKING)
            case Heard(text):
                exchange.heard = text
            case Done():
                self._on_done(turn, self._open.pop(turn), event)
        self._view.show_exchange(exchange)

    def _on_done(self, turn: int, exchange: Exchange, done: Done) -> None:
        stopped = done.cancelled or turn != self._turn
        exchange.fate = Fate.STOPPED if stopped else Fate.ANSWERED
        exchange.answer, exchange.seconds = done.text or exchange.answer, done.seconds
        self._keep(exchange)
        if stopped:
            return
        self._turn = None
        first = done.seconds.get("first_audio")
        if first is not None:
            self._view.show_status(f"{self._status}, first sound after {1000 * first:.0f} ms")
        if self.settings.who_speaks != "app":
            self._view.announce(exchange.answer)
        if exchange.chunks:
            self._player.end()
        else:
            self._set(State.READY)

    def _keep(self, exchange: Exchange) -> None:
        """Bring the history up to date. That it cannot be is said once, and the answer stays on the screen."""
        if exchange.row is None:
            return
        try:
            if exchange.fate is Fate.ANSWERED:
                self.history.finish_turn(
                    exchange.row, exchange.heard, exchange.answer, exchange.sound, exchange.rate, exchange.seconds
                )
            elif exchange.fate is Fate.STOPPED:
                self.history.cancel_turn(exchange.row)
            else:
                self.history.fail_turn(exchange.row, exchange.why)
        except SviqaError as error:
            self._view.complain(error.what, error.next)

    def _on_failure(self, turn: int | None, what: str, next: str) -> None:
        self._view.show_progress("", None)
        exchange = self._open.pop(turn, None) if turn is not None else None
        if exchange is not None:
            exchange.fate, exchange.why = Fate.FAILED, f"{what} {next}".strip()
            self._keep(exchange)
            self._view.show_exchange(exchange)
        if turn == self._turn:
            self._turn = None
            self._set(State.READY)
        self._view.complain(what, next)

    def _on_death(self, turn: int | None) -> None:
        """The question stays pending in the history until it is asked again."""
        lost = self._open.get(turn) if turn is not None and turn == self._turn else None
        self._open.clear()
        self._turn = None
        self._player.stop()
        self._set(State.READY)
        self._view.show_status(RESTARTED)
        if lost is not None:
            lost.fate, lost.why = Fate.FAILED, "The model stopped in the middle of the answer."
            self._view.show_exchange(lost)
            self._view.offer(RESTARTED, lost)

    def _set(self, state: State) -> None:
        if state is not self._state:
            self._state = state
            self._view.show_state(state)

    # --- the second day ----------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Offer again what was asked before a crash and never answered."""
        for path in self.history.orphans():
            self.history.adopt(path)
        for turn in self.history.pending():
            exchange = remembered(turn)
            exchange.question = question_of(turn)
            if exchange.question.speech is not None or exchange.question.text:
                self._view.offer(UNANSWERED, exchange)
