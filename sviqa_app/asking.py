"""Asking from the command line: which turns were given, and what becomes of each answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .errors import EngineError, OutputError
from .media.audio import load_recording, write_wav
from .turn import AudioChunk, Done, Heard, Mode, Question, Samples, TextDelta

if TYPE_CHECKING:
    from .engine.base import Conversation


class Speaker(Protocol):
    """Where sound is played as it comes."""

    def play(self, samples: Samples, rate: int) -> None:
        """Queue [n] samples; returns before they have sounded."""

    def finish(self) -> None:
        """Wait until everything queued has sounded."""


@dataclass(frozen=True)
class Outcome:
    """What one question came to, as `--json` prints it."""

    answer: str
    heard: str | None
    audio: str | None
    sample_rate: int
    mode: Mode
    model: str
    seconds: dict[str, float | None]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self.__dict__, ensure_ascii=False)


def read_questions(speech: Sequence[Path], text: Sequence[str]) -> list[Question]:
    """The turns of a conversation: as many recordings as texts pair up; otherwise recordings, then texts.

    Raises EngineError where nothing is asked, RecordingError where a recording cannot be read.
    """
    if not speech and not text:
        raise EngineError("No question was asked.", "Give --speech RECORDING, --text WORDS, or both.")
    if not all(words.strip() for words in text):
        raise EngineError(
            "A question given with --text has no words.", 'Give for instance --text "what is this".'
        )
    recordings = [load_recording(path) for path in speech]
    if len(recordings) == len(text):
        return [Question(sound, words) for sound, words in zip(recordings, text, strict=True)]
    return [*(Question(speech=r) for r in recordings), *(Question(text=words) for words in text)]


def check_out(out: Path) -> None:
    """Refuse a place that cannot be written before any work is done. Raises OutputError."""
    if out.is_dir():
        raise OutputError(f"{out} is a folder.", "Give the name of a WAV file.")
    if not out.parent.is_dir():
        raise OutputError(f"There is no folder {out.parent}.", "Make it first, or choose another.")


def numbered(out: Path, turns: int) -> Iterator[Path]:
    """Where each turn's sound goes: out.wav for one turn, out-1.wav, out-2.wav … for several."""
    if turns == 1:
        yield out
        return
    for turn in range(1, turns + 1):
        yield out.with_name(f"{out.stem}-{turn}{out.suffix}")


def free_names(folder: Path) -> Iterator[Path]:
    """answer.wav, answer-2.wav … in `folder`, skipping those that are there."""
    for n in count(1):
        path = folder / ("answer.wav" if n == 1 else f"answer-{n}.wav")
        if not path.exists():
            yield path


@dataclass
class Asker:
    """Puts questions to a conversation and reports each answer as it comes.

    `places` gives the file of each turn's sound; without it the sound goes to `speaker`, where there is one.
    """

    model: str
    sample_rate: int
    load_seconds: float
    as_json: bool = False
    mute: bool = False
    places: Iterator[Path] | None = None
    speaker: Speaker | None = None
    _sound: list[Samples] = field(default_factory=list)

    def ask(self, conversation: Conversation, question: Question) -> Outcome:
        """One turn: prints the words as they come, plays or writes the sound, then says what was heard."""
        self._sound = []
        heard: str | None = None
        done = Done("")
        for event in conversation.answer(question, speak=not self.mute):
            match event:
                case TextDelta(text):
                    self._say(text)
                case AudioChunk(samples, rate):
                    self._voice(samples, rate)
                case Heard(text):
                    heard = text
                case Done():
                    done = event
        audio = self._keep()
        seconds: dict[str, float | None] = {"load": round(self.load_seconds, 3)}
        seconds |= {name: None if s is None else round(s, 3) for name, s in done.seconds.items()}
        outcome = Outcome(done.text, heard, audio, self.sample_rate, question.mode, self.model, seconds)
        self._report(outcome)
        return outcome

    def _say(self, text: str) -> None:
        if not self.as_json:
            print(text, end="", flush=True)

    def _voice(self, samples: Samples, rate: int) -> None:
        if self.speaker is not None and self.places is None:
            self.speaker.play(samples, rate)
        else:
            self._sound.append(samples)

    def _keep(self) -> str | None:
        """Write what sounded, or wait until it has sounded. Gives the path written."""
        if self.speaker is not None and self.places is None:
            self.speaker.finish()
        if not self._sound or self.places is None:
            return None
        path = next(self.places)
        write_wav(path, np.concatenate(self._sound), self.sample_rate)
        return str(path)

    def _report(self, outcome: Outcome) -> None:
        if self.as_json:
            print(outcome.to_json(), flush=True)
            return
        print(flush=True)
        if outcome.heard is not None:
            print(f"  heard: {outcome.heard}", flush=True)
        if outcome.audio is not None:
            print(f"  spoken: {outcome.audio}", flush=True)
