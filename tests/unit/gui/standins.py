"""Stand-ins for what a test cannot have: a window that somebody looks at, a worker process, sound devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL.Image import Image

from sviqa_app.errors import DeviceError
from sviqa_app.gui.exchange import Exchange, State
from sviqa_app.gui.region import Region
from sviqa_app.gui.talking import Take
from sviqa_app.media.audio import write_wav
from sviqa_app.turn import AudioChunk, Question, Recording


@dataclass
class Seen:
    """The window: what it was told to show and say."""

    states: list[State] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    offers: list[Exchange] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    status: str = ""

    def show_state(self, state: State) -> None:
        self.states.append(state)

    def show_picture(self, picture: Image, name: str) -> None:
        self.said.append(name)

    def show_region(self, region: Region) -> None:
        self.regions.append(region)

    def show_exchange(self, exchange: Exchange) -> None:
        if exchange not in self.exchanges:
            self.exchanges.append(exchange)

    def clear_exchanges(self) -> None:
        self.exchanges.clear()

    def show_status(self, text: str) -> None:
        self.status = text

    def show_progress(self, what: str, share: float | None) -> None:
        self.status = what

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
class Mouth:
    """The microphone: says `recording` into the file it is given."""

    recording_of: Recording
    missing: bool = False
    path: Path | None = None

    @property
    def recording(self) -> bool:
        return self.path is not None

    def begin(self, path: Path) -> None:
        if self.missing:
            raise DeviceError("There is no microphone.", "Connect one.")
        self.path = path
        write_wav(path, self.recording_of.samples, self.recording_of.rate)

    def end(self) -> Take:
        path, self.path = self.path, None
        assert path is not None
        return Take(self.recording_of, path, None)
