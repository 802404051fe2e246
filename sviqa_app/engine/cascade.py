"""Published models in a row: one hears the question, one sees the picture and answers, and our voice speaks.

What is written is spoken sentence by sentence, so that speech begins with the first one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Protocol

from PIL.Image import Image, Resampling

from ..errors import EngineError, SviqaError
from ..manner import Manner
from ..media.audio import heard_nothing, resampled
from ..model.decode import Stop, never
from ..turn import AnswerEvent, AudioChunk, Done, Heard, Question, Recording, Remark, Samples, TextDelta
from .aloud import Aloud
from .ears import Ear
from .end_to_end import NOTHING_HEARD
from .eyes import Message, TooLongError
from .manners import asked_for
from .placing import Placement, free_memory, is_out_of_memory
from .speakable import speakable
from .telling import FirstSound
from .voices import Voices
from .wording import sentence
from .writing import Put, Writing

MOST_SIDE = 1536  # pixels: more would fill the memory with what no model was taught to look at
_NO_EAR = "No model that hears is installed.", "Run: sviqa models install whisper-base, or ask in words."


class Seeing(Protocol):
    """What sees and answers in words, and may hear and speak as well (`Eye` is one)."""

    @property
    def hears(self) -> bool:
        """Whether messages may hold recordings."""

    @property
    def speech_rate(self) -> int | None:
        """Samples a second where it speaks itself."""

    @property
    def placement(self) -> Placement:
        """Where its weights are."""

    def write(self, talk: object, messages: list[Message], speak: bool, put: Put, stop: Stop) -> Samples | None:
        """See Eye.write."""

    def read(self, talk: object, messages: list[Message]) -> None:
        """See Eye.read."""


@dataclass(frozen=True)
class Cascade:
    """An eye, an ear for spoken questions, unless the eye hears itself, and who speaks."""

    name: str
    eye: Seeing
    voices: Voices
    ear: Ear | None = None

    @property
    def sample_rate(self) -> int:
        """Samples a second of the answers' sound."""
        return self.eye.speech_rate or self.voices.sample_rate

    @property
    def device(self) -> str:
        """What runs the model."""
        return {"gpu": "gpu", "split": "gpu and cpu", "cpu": "cpu"}[self.eye.placement.device]

    def load_picture(self, picture: Image) -> PictureTalk:
        """Look at an upright RGB picture."""
        return PictureTalk(self, picture)


@dataclass
class Asked:
    """A question as the eye takes it; `parts` is empty where nothing was asked."""

    parts: list[dict[str, object]]
    manner: Manner
    remark: str = ""


@dataclass
class Telling:
    """One answer being told."""

    first_sound: FirstSound
    text: str = ""
    pieces: int = 0
    ours: Aloud | None = field(default=None, repr=False)


class PictureTalk:
    """A conversation about one picture."""

    def __init__(self, engine: Cascade, picture: Image) -> None:
        self._engine = engine
        self._turns: list[tuple[list[dict[str, object]], str]] = []
        smaller = picture.copy()
        smaller.thumbnail((MOST_SIDE, MOST_SIDE), Resampling.BICUBIC)
        self._picture = smaller
        with plainly():
            engine.eye.read(self, self._messages([{"type": "text", "text": "What is this?"}]))

    def restart(self) -> None:
        """Forget every turn, but not the picture."""
        self._turns = []

    def answer(self, question: Question, *, speak: bool = True, stop: Stop = never) -> Iterator[AnswerEvent]:
        """See Conversation.answer. What was heard comes first."""
        began = perf_counter()
        engine = self._engine
        with plainly():
            asked = yield from self._ask(question, stop)
            telling = Telling(FirstSound(began, engine.sample_rate))
            own_voice = engine.eye.speech_rate is not None
            if speak and not (own_voice and asked.parts):
                telling.ours = Aloud(engine.voices, asked.manner, stop)
                if asked.remark:
                    yield Remark(asked.remark)
            work = partial(self._write, asked.parts, speak) if asked.parts else _nothing_heard
            if not stop():
                yield from self._tell(Writing(work, stop), telling, stop)
        cancelled = stop()
        if asked.parts and not cancelled:
            self._turns.append((asked.parts, telling.text))
        seconds = {"first_audio": telling.first_sound.seconds, "total": perf_counter() - began}
        yield Done(telling.text, seconds, telling.pieces, cancelled)

    def _ask(self, question: Question, stop: Stop) -> Generator[AnswerEvent, None, Asked]:
        """The question in the parts of a message, once it is heard."""
        speech = None if question.speech is None or heard_nothing(question.speech) else question.speech
        parts: list[dict[str, object]] = []
        heard = ""
        if speech is not None and self._engine.eye.hears:
            parts.append({"type": "audio", "audio": speech.samples})
        elif speech is not None:
            heard = self._hear(speech, stop)
            if not stop():
                yield Heard(heard)
        manner, words, remark = asked_for(" ".join(filter(None, (heard, question.text))), question.manner)
        if words.strip():
            parts.append({"type": "text", "text": words})
        return Asked(parts, manner, remark)

    def _hear(self, speech: Recording, stop: Stop) -> str:
        if self._engine.ear is None:
            raise EngineError(*_NO_EAR)
        with Writing(partial(self._engine.ear.hear, speech), stop) as hearing:
            heard = ""
            while not (hearing.over or stop()):
                heard += "".join(hearing.ready())
        return heard

    def _write(self, parts: list[dict[str, object]], speak: bool, put: Put, stop: Stop) -> Samples | None:
        """Has the eye answer; a long talk goes on without its first turns."""
        while True:
            try:
                return self._engine.eye.write(self, self._messages(parts), speak, put, stop)
            except TooLongError:
                if not self._turns:
                    raise
                self._turns.pop(0)

    def _messages(self, parts: list[dict[str, object]]) -> list[Message]:
        """The conversation so far and what is asked now, the picture first of all."""
        turns = [*self._turns, (parts, "")]
        messages: list[Message] = []
        for number, (asked, said) in enumerate(turns):
            picture = [] if number else [{"type": "image", "image": self._picture}]
            messages.append({"role": "user", "content": [*picture, *asked]})
            messages.append({"role": "assistant", "content": [{"type": "text", "text": said}]})
        return messages[:-1]

    def _tell(self, writing: Writing[Samples | None], telling: Telling, stop: Stop) -> Iterator[AnswerEvent]:
        """Words as they come, and their sound."""
        ours = telling.ours
        with writing:
            while not (writing.over or stop()):
                sound = ours.sound() if ours else None
                if sound is not None:
                    yield self._chunk(telling, sound)
                for words in writing.ready() if sound is None else writing.ready(0):
                    words = words if telling.text else words.lstrip()
                    telling.text += words
                    telling.pieces += 1
                    if ours:
                        ours.write(words)
                    if words:
                        yield TextDelta(words)
        if ours:
            ours.finish()
            while not stop() and (sound := ours.sound()) is not None:
                yield self._chunk(telling, sound)
            if (remark := speakable(telling.text).remark) and not stop():
                yield Remark(remark)
        elif writing.result is not None and len(writing.result) and not stop():
            telling.first_sound.chunk(writing.result)
            yield AudioChunk(writing.result, self._engine.sample_rate)

    def _chunk(self, telling: Telling, samples: Samples) -> AudioChunk:
        """Sound of our voice."""
        engine = self._engine
        if engine.sample_rate != engine.voices.sample_rate:
            samples = resampled(Recording(samples, engine.voices.sample_rate), engine.sample_rate).samples
        telling.first_sound.chunk(samples)
        return AudioChunk(samples, engine.sample_rate)


@contextmanager
def plainly() -> Iterator[None]:
    """Whatever goes wrong in the block with a published model is an EngineError of one line."""
    try:
        yield
        return
    except SviqaError:
        raise
    except Exception as error:  # a published model may raise anything
        if not is_out_of_memory(error):
            why = next(iter(str(error).strip().splitlines()), "")[:200].rstrip(".")
            raise EngineError(f"The model failed ({type(error).__name__}: {why}).", "Choose another model.") from error
    free_memory()
    raise EngineError("There is not enough memory for this answer.", "Close other programs, or choose a smaller model.")


def _nothing_heard(put: Put, _stop: Stop) -> None:
    """The answer where there was no question."""
    put(sentence(NOTHING_HEARD))
