"""Asking from the command line: which turns were given, and what becomes of each answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from .engine.loading import collector_resting
from .errors import EngineError, OutputError
from .manner import USUAL, Manner
from .media.audio import load_recording, write_wav
from .media.image import load_picture
from .media.loudspeaker import Loudspeaker, loudspeaker_works
from .turn import AudioChunk, Done, Heard, Mode, Question, Remark, Samples, TextDelta

if TYPE_CHECKING:
    from .engine.base import Conversation, Engine


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


def read_questions(speech: Sequence[Path], text: Sequence[str], manner: Manner = USUAL) -> list[Question]:
    """The turns of a conversation: as many recordings as texts pair up; otherwise recordings, then texts.

    Raises EngineError where nothing is asked, RecordingError where a recording cannot be read.
    """
    if not speech and not text:
        raise EngineError("No question was asked.", "Give --speech RECORDING, --text WORDS, or both.")
    if not all(words.strip() for words in text):
        raise EngineError("A question given with --text has no words.", 'Give for instance --text "what is this".')
    recordings = [load_recording(path) for path in speech]
    if len(recordings) == len(text):
        return [Question(sound, words, manner) for sound, words in zip(recordings, text, strict=True)]
    spoken = [Question(speech=recording, manner=manner) for recording in recordings]
    return [*spoken, *(Question(text=words, manner=manner) for words in text)]


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


def free_names(folder: Path, stem: str = "answer") -> Iterator[Path]:
    """answer.wav, answer-2.wav … in `folder`, skipping those that are there."""
    for n in count(1):
        path = folder / (f"{stem}.wav" if n == 1 else f"{stem}-{n}.wav")
        if not path.exists():
            yield path


@dataclass
class Asker:
    """Puts questions to a conversation and reports each answer as it comes.

    With `places`, which gives the file of each turn's sound, the sound is written; without, it is played.
    """

    model: str
    sample_rate: int
    load_seconds: float
    as_json: bool = False
    mute: bool = False
    places: Iterator[Path] | None = None

    def ask(self, conversation: Conversation, question: Question) -> Outcome:
        """One turn: prints the words as they come, plays or writes the sound, then says what was heard."""
        sound: list[Samples] = []
        heard: str | None = None
        done = Done("")
        with ExitStack() as playing:
            speaker = playing.enter_context(Loudspeaker()) if self._plays else None
            for event in conversation.answer(question, speak=not self.mute):
                match event:
                    case TextDelta(text):
                        self._say(text)
                    case AudioChunk(samples, rate) if speaker is not None:
                        speaker.play(samples, rate)
                    case AudioChunk(samples):
                        sound.append(samples)
                    case Heard(text):
                        heard = text
                    case Remark(text):
                        print(text, file=sys.stderr)
                    case Done():
                        done = event
        audio = self._write(sound)
        seconds: dict[str, float | None] = {"load": round(self.load_seconds, 3)}
        seconds |= {name: None if s is None else round(s, 3) for name, s in done.seconds.items()}
        outcome = Outcome(done.text, heard, audio, self.sample_rate, question.mode, self.model, seconds)
        self._report(outcome)
        return outcome

    @property
    def _plays(self) -> bool:
        return self.places is None and not self.mute

    def _say(self, text: str) -> None:
        if not self.as_json:
            print(text, end="", flush=True)

    def _write(self, sound: list[Samples]) -> str | None:
        """The path of the file written, None where there is none."""
        if not sound or self.places is None:
            return None
        path = next(self.places)
        write_wav(path, np.concatenate(sound), self.sample_rate)
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


def ask_picture(
    picture: Path,
    speech: Sequence[Path],
    text: Sequence[str],
    out: Path | None,
    model: str,
    manner: Manner = USUAL,
    *,
    as_json: bool = False,
    mute: bool = False,
) -> None:
    """Everything `sviqa ask` does. Whatever is wrong with what was given is found before the model is loaded.

    Raises SviqaError.
    """
    image = load_picture(picture)
    questions = read_questions(speech, text, manner)
    if out is not None:
        check_out(out)
    places = numbered(out, len(questions)) if out is not None else None
    if places is None and not mute and loudspeaker_works() is None:
        places = free_names(Path())
    began = perf_counter()
    engine = load_engine(model)
    asker = Asker(engine.name, engine.sample_rate, perf_counter() - began, as_json, mute, places)
    conversation = engine.load_picture(image)
    for question in questions:
        asker.ask(conversation, question)


def load_engine(model: str) -> Engine:
    """The engine of a model, as choosing.py finds it. Raises SviqaError."""
    with collector_resting():
        from .engine.choosing import load_engine

        return load_engine(model)
