"""What the window does, without the window: pictures, questions, answers, and all that can go wrong between them.

Every method is called from the window's own thread. Nothing here waits for the model, a device or the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image, Transpose

from ..engine.worker import Answering, Died, Failed, Loading, PictureRead, Ready, Worker, WorkerEvent
from ..errors import PictureError, SviqaError
from ..history import Form, History
from ..media.camera import photograph
from ..media.image import load_picture
from ..media.microphone import LEAD
from ..settings import Settings
from .answers import Answers
from .exchange import Exchange, State
from .operations import Operations
from .recalling import Recalled, recall, unanswered
from .region import Region
from .situation import Situation
from .subject import Subject, Written, throw_away, write_down
from .talking import Take, Talking
from .view import Player, View

UNANSWERED = "A question was not answered before the app ended."
RESTARTED = "The model stopped and is being started again."


@dataclass(eq=False)
class Asking:
    """A question on its way to the disk."""

    subject: Subject


class Presenter:
    """The one straight path from a picture and a question to an answer that is shown, said and kept."""

    def __init__(
        self,
        view: View,
        worker: Worker,
        talking: Talking,
        player: Player,
        history: History,
        settings: Settings,
        operations: Operations,
        situation: Situation,
    ) -> None:
        self.settings = settings
        self.history = history
        self.region = Region()
        self.exchanges: list[Exchange] = []
        self._view, self._worker, self._talking = view, worker, talking
        self._operations, self._situation = operations, situation
        self.answers = Answers(view, self._show, worker, player, history, operations, situation)
        self._subject: Subject | None = None
        self._coming: Subject | None = None  # a picture that is being read
        self._about: Subject | None = None  # what the person is talking about
        self._asking: Asking | None = None
        self._offers: deque[tuple[str, Exchange]] = deque()

    @property
    def picture(self) -> Image | None:
        """The picture that questions are about."""
        return None if self._subject is None else self._subject.picture

    # --- pictures ----------------------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Read a picture from a file. The person may ask meanwhile."""
        coming = self._coming = Subject(None, path.name)

        def read() -> None:
            coming.picture = load_picture(path)

        self._operations.run(read, lambda _: self._came(coming, path), lambda error: self._is_none(coming, error))

    def _came(self, coming: Subject, path: Path) -> None:
        if coming is self._coming:
            self._look(coming)
            self._view.opened(path)

    def _is_none(self, coming: Subject, error: SviqaError) -> None:
        if coming is self._coming:
            self._coming = None
            self._situation.complain(error)

    def take(self, picture: Image, name: str) -> None:
        """Look at a picture, whatever it came from. A conversation about it begins."""
        self._look(Subject(picture, name))

    def photograph(self) -> None:
        """Take a picture with the camera."""
        self._view.announce("Taking a picture.")
        self._operations.run(photograph, lambda picture: self.take(picture, "photograph"))

    def turn_picture(self) -> None:
        """Turn the picture by a quarter, clockwise. It is another picture then."""
        if self._subject is None or self.picture is None:
            self._miss_picture()
        else:
            self.take(self.picture.transpose(Transpose.ROTATE_270), self._subject.name)

    def _look(self, subject: Subject) -> None:
        assert subject.picture is not None
        if self._asking is None or self._asking.subject is not subject:
            self.stop()  # but not a question that was asked while the picture was read
        self._subject, self._coming, self.region = subject, None, Region()
        self._worker.show(subject.picture)
        self._start_over()
        self._view.show_picture(subject.picture, subject.name)
        self._view.show_region(self.region)
        width, height = subject.picture.size
        key = self.settings.keys["talk"]
        self._view.announce(f"Picture {subject.name}, {width} by {height}. Hold {key} and ask.")

    def new_conversation(self) -> None:
        """Forget the turns, but not the picture."""
        self.stop()
        self._worker.restart_conversation()
        if self._subject is not None:
            self._subject = Subject(self._subject.picture, self._subject.name)
        self._start_over()
        self._view.announce("New conversation.")

    def _miss_picture(self) -> None:
        keys = self.settings.keys
        next = f"Open one with {keys['open']}, or paste one with {keys['paste']}."
        self._situation.complain(PictureError("There is no picture yet.", next))

    def _show(self, exchange: Exchange) -> None:
        if any(shown is exchange for shown in reversed(self.exchanges)):
            self._view.show_exchange(exchange)

    def _start_over(self) -> None:
        self.exchanges = []
        self._view.clear_exchanges()

    def reopen(self, conversation: int, turn: int | None = None) -> None:
        """Go on with a conversation of the history, at a turn. The model reads its picture again, not its turns."""
        self._recall(conversation, lambda: self._view.show_turn(turn) if turn is not None else None)

    def _recall(self, conversation: int, then: Callable[[], None]) -> None:
        def done(recalled: Recalled) -> None:
            self._look(recalled.subject)
            self.exchanges = recalled.exchanges
            for exchange in self.exchanges:
                self._show(exchange)
            then()

        self._operations.run(lambda: recall(self.history, conversation), done)

    def export(self, conversation: int, folder: Path, form: Form) -> None:
        """Write a conversation of the history, with its picture and sounds, into a folder."""
        self._operations.run(
            lambda: self.history.export(conversation, folder, form),
            lambda page: self._view.announce(f"Exported to {page}."),
        )

    def look_at(self, region: Region) -> None:
        """Ask about a region from now on."""
        if self.picture is None:
            self._miss_picture()
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

    @property
    def has_subject(self) -> bool:
        """Whether there is a picture to ask about, or one on its way."""
        return self._next_subject is not None

    @property
    def _next_subject(self) -> Subject | None:
        """What a question asked now is about: a picture on its way before the one that is there."""
        return self._coming or self._subject

    @property
    def talking(self) -> bool:
        """Whether a question is being recorded."""
        return self._talking.recording

    def begin_talking(self, lead: float = LEAD) -> None:
        """The key went down. What is being said falls silent. `lead`: seconds before it that belong to the question."""
        subject = self._next_subject
        if self._talking.recording:
            return
        if subject is None:
            self._miss_picture()
            return
        self.stop()
        try:
            self._talking.begin(self.history.place_for_speech(), lead)
        except SviqaError as error:
            self._situation.complain(error)
            return
        self._about = subject
        self._situation.enter(State.RECORDING)
        # So that after a crash it is known what the recording was about.
        self._operations.run(lambda: subject.begin(self.history))

    def end_talking(self, text: str = "") -> None:
        """The key came up: ask what was said, with `text` where something is typed as well."""
        if self._talking.recording and self._about is not None:
            self._ask(self._about, self._talking.end(), text)

    def check_recording(self) -> None:
        """Ask, where no more is recorded. To be called now and then while the person talks."""
        if self._talking.full:
            self.end_talking()
            self._view.announce("That is as long as a question can be.")
        elif self._talking.failed:
            self.end_talking()  # what went wrong is said with it

    def cancel_talking(self) -> None:
        """The recording is thrown away, for the person said so."""
        if self._talking.recording:
            self.forget_talking()
            self._view.announce("Recording thrown away.")

    def forget_talking(self) -> None:
        """The recording is thrown away: it was no question."""
        take = self._talking.end()
        self._operations.run(lambda: throw_away(take))
        self._situation.enter(State.READY)

    def ask(self, text: str) -> None:
        """Ask in words."""
        subject = self._next_subject
        if subject is None:
            self._miss_picture()
        elif text.strip():
            self.stop()
            self._ask(subject, None, text.strip())

    def _ask(self, subject: Subject, take: Future[Take] | None, text: str) -> None:
        """A question is on the disk before it is asked."""
        asking = self._asking = Asking(subject)
        self._situation.enter(State.THINKING)
        self._operations.run(
            lambda: write_down(subject, self.history, take, text),
            lambda written: self._written(asking, written),
            lambda error: self._not_written(asking, error),
        )

    def _written(self, asking: Asking, written: Written) -> None:
        about = "" if self.region.whole else self.region.name
        exchange = Exchange(written.row, asking.subject.number, written.question, about)
        if asking.subject is self._subject:
            self.exchanges.append(exchange)
        if asking is self._asking:
            self._asking = None
            self.answers.send(exchange, self.settings)
        else:
            self.answers.drop(exchange)
        if written.trouble is not None:
            self._situation.complain(written.trouble)

    def _not_written(self, asking: Asking, error: SviqaError) -> None:
        if asking is self._asking:
            self.stop()
        self._situation.complain(error)

    def stop(self) -> None:
        """Silence, and no more of this answer."""
        self._asking = None
        self.answers.stop()

    # --- the worker --------------------------------------------------------------------------------------------

    def on_worker(self, event: WorkerEvent) -> None:
        """Something came from the worker process."""
        match event:
            case Loading(what, share):
                self._view.show_progress(what, share)
            case Ready(model, device, sample_rate, seconds):
                self.answers.sample_rate = sample_rate
                self._view.show_model(model, device, seconds)
            case Answering():
                self.answers.on_answer(event)
            case Failed(turn):
                if turn is None:
                    self._view.end_progress()
                self.answers.on_failure(event)
            case Died():
                self._view.announce(RESTARTED)
                self._offer(RESTARTED, self.answers.on_death(event))
            case PictureRead():
                pass  # nobody waits for it

    # --- what was lost -----------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Offer again what was asked before a crash and never answered."""

        def done(found: list[Exchange]) -> None:
            for exchange in found:
                self._offer(UNANSWERED, exchange)

        self._operations.run(lambda: unanswered(self.history), done)

    def _offer(self, what: str, exchange: Exchange | None) -> None:
        """One question after the other is offered."""
        if exchange is not None:
            self._offers.append((what, exchange))
            if len(self._offers) == 1:
                self._view.offer(what, exchange)

    def ask_again(self, exchange: Exchange) -> None:
        """The person wants what was offered to be asked, about the picture it was about."""
        here = self._subject is not None and exchange.conversation == self._subject.number
        if here or exchange.conversation is None:
            self._again(exchange)
        else:
            self._recall(exchange.conversation, lambda: self._again(exchange))

    def _again(self, exchange: Exchange) -> None:
        shown = next((e for e in self.exchanges if e is exchange or (e.row and e.row == exchange.row)), None)
        if shown is None:
            self.exchanges.append(shown := exchange)
        shown.question = exchange.question  # with its recording
        self.answers.send(shown, self.settings)

    def decline(self, exchange: Exchange) -> None:
        """The person does not want it to be asked again, now or at the next start."""
        self.answers.drop(exchange)

    def offer_next(self) -> None:
        """The person has decided about what was offered."""
        self._offers.popleft()
        if self._offers:
            self._view.offer(*self._offers[0])

    def close(self) -> None:
        """The window closes. What is being said is kept, and offered at the next start."""
        self.end_talking()
        self.answers.give_up()
