"""Stand-ins for what a test cannot have: a window that somebody looks at, a worker process, sound devices."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PIL.Image import Image

from sviqa_app.errors import DeviceError, SviqaError
from sviqa_app.gui.exchange import Exchange, State
from sviqa_app.gui.region import Region
from sviqa_app.gui.talking import Take
from sviqa_app.media.audio import write_wav
from sviqa_app.media.earcons import Earcon
from sviqa_app.media.microphone import LEAD
from sviqa_app.turn import AudioChunk, Question, Recording

T = TypeVar("T")


@dataclass
class Seen:
    """The window: what it was told to show and say."""

    states: list[State] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    offers: list[Exchange] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    turn: int | None = None
    status: str = ""

    def show_state(self, state: State) -> None:
        self.states.append(state)

    def show_picture(self, picture: Image, name: str) -> None:
        self.said.append(name)

    def show_region(self, region: Region) -> None:
        self.regions.append(region)

    def show_exchange(self, exchange: Exchange) -> None:
        if all(shown is not exchange for shown in self.exchanges):
            self.exchanges.append(exchange)

    def clear_exchanges(self) -> None:
        self.exchanges.clear()

    def show_turn(self, row: int) -> None:
        self.turn = row

    def opened(self, path: Path) -> None:
        self.paths.append(path)

    def show_model(self, model: str, device: str, seconds: float) -> None:
        self.status = model

    def show_latency(self, seconds: float) -> None:
        self.status = f"{1000 * seconds:.0f} ms"

    def show_progress(self, what: str, share: float) -> None:
        self.status = what

    def end_progress(self) -> None:
        self.status = ""

    def announce(self, text: str, urgent: bool = False) -> None:
        self.said.append(text)

    def complain(self, what: str, next: str) -> None:
        self.complaints.append(f"{what} {next}")

    def offer(self, what: str, exchange: Exchange) -> None:
        self.offers.append(exchange)


@dataclass
class Asked:
    """The worker process: what it was asked to do."""

    pictures: list[tuple[int, int]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    restarts: int = 0

    def show(self, picture: Image) -> int:
        self.pictures.append(picture.size)
        return len(self.pictures)

    def ask(self, question: Question, speak: bool = True) -> int:
        self.questions.append(question)
        return len(self.questions)

    def stop(self, turn: int) -> None:
        self.stopped.append(turn)

    def restart_conversation(self) -> None:
        self.restarts += 1


@dataclass
class Sounding:
    """The loudspeaker: what plays."""

    playing: list[Any] = field(default_factory=list)
    ended: bool = False
    failed: DeviceError | None = None

    def play(self, chunk: AudioChunk) -> None:
        self.playing.append(chunk)

    def end(self) -> None:
        self.ended = True

    def stop(self) -> None:
        self.playing.clear()


@dataclass
class Bells:
    """The earcons: which were played."""

    played: list[Earcon] = field(default_factory=list)

    def play(self, earcon: Earcon) -> None:
        self.played.append(earcon)


@dataclass
class Promptly:
    """Operations that are done at once, or, while `waiting`, when the test says `go_on`."""

    complain: Callable[[SviqaError], None]
    waiting: bool = False
    begun: list[Callable[[], None]] = field(default_factory=list)

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[SviqaError], None] | None = None,
    ) -> None:
        def whole() -> None:
            try:
                result = work()
            except SviqaError as error:
                (failed or self.complain)(error)
            else:
                if done is not None:
                    done(result)

        self.begun.append(whole)
        if not self.waiting:
            self.go_on()

    def go_on(self) -> None:
        while self.begun:
            self.begun.pop(0)()


@dataclass
class Mouth:
    """The microphone: says `recording` into the file it is given."""

    recording_of: Recording
    missing: bool = False
    full: bool = False
    failed: bool = False
    path: Path | None = None

    @property
    def recording(self) -> bool:
        return self.path is not None

    def begin(self, path: Path, lead: float = LEAD) -> None:
        if self.missing:
            raise DeviceError("There is no microphone.", "Connect one.")
        self.path = path
        write_wav(path, self.recording_of.samples, self.recording_of.rate)

    def end(self) -> Future[Take]:
        path, self.path = self.path, None
        assert path is not None
        take: Future[Take] = Future()
        take.set_result(Take(self.recording_of, path, None))
        return take
