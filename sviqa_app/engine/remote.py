"""The engine of a server that the person added: the picture and the question go there, and the answer streams back.

A server that takes no recordings gets the question written down, by itself or by this machine; one that does not speak
is given our voice, which begins with the first sentence.
"""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import cached_property, partial
from time import perf_counter
from typing import Self

from PIL import Image

from ..checkpoints.fit import this_machine
from ..checkpoints.native import find_model, read_voice_config
from ..errors import EngineError
from ..manner import Manner
from ..media.audio import heard_nothing, mono, pcm16, trim_silence
from ..model.decode import Stop, never
from ..servers import Server, find_key, find_server
from ..turn import AnswerEvent, AudioChunk, Done, Heard, Question, Recording, Remark, Samples, TextDelta
from .aloud import Aloud
from .arriving import PATIENCE
from .background import Background
from .chat import Line, Message
from .choosing import SHIPPED, VOICE, best_ear
from .ears import Ear
from .end_to_end import NOTHING_HEARD, EndToEnd
from .manners import asked_for
from .server_sound import ServerSound
from .speakable import speakable
from .telling import FirstSound
from .voices import Voices
from .wording import sentence
from .writing import Put, Writing

TURNS = 6  # earlier questions and answers that are sent along
MAX_SIDE = 2048  # pixels
MAX_PICTURE = 3_000_000  # bytes
_QUALITY = 90
_SMALLER = 0.7

Part = dict[str, object]
Hear = Callable[[Recording, Put, Stop], None]


def load_server(name: str) -> Remote:
    """The engine of a server by its name in the list. Raises EngineError where it was not added or not agreed to."""
    server = find_server(name)
    if server.agreed != server.host:
        raise EngineError(
            f"You have not agreed to send anything to {server.host}.", f"Run: sviqa servers add {name} {server.url}"
        )
    return Remote(server, find_key(server)).prepared()


class Remote:
    """A model on a server, with our voice and our ear where it lacks its own."""

    def __init__(self, server: Server, key: str = "") -> None:
        self.server = server
        self.line = Line(server, key)

    @property
    def name(self) -> str:
        """The model, and where it is."""
        return f"{self.server.model} at {self.server.host}"

    @cached_property
    def sample_rate(self) -> int:
        """Samples a second of the answers' sound, whoever speaks: as many as our voice has. Raises ModelError."""
        return read_voice_config(find_model(VOICE)).hift.sample_rate

    @cached_property
    def voices(self) -> Voices:
        """Who speaks for a server that does not. Raises ModelError."""
        return Voices.load(find_model(VOICE))

    @cached_property
    def ear(self) -> Hear:
        """What writes down speech for a server that cannot: the best ear installed, else ours. Raises ModelError."""
        machine = this_machine()
        if installed := best_ear(machine):
            return Ear.load(installed, machine).hear
        return partial(_caption, EndToEnd.load(find_model(SHIPPED)))

    def prepared(self) -> Self:
        """With all of ours that it needs loaded, so that no question waits for it. Raises ModelError."""
        if not self.server.voice:
            _ = self.voices.narrator
        if not (self.server.hears or self.server.transcriber):
            _ = self.ear
        return self

    def load_picture(self, picture: Image.Image) -> RemoteTalk:
        """Pack an upright RGB picture. Nothing is sent before a question is asked."""
        return RemoteTalk(self, packed(picture))


class RemoteTalk:
    """A conversation about one picture. The server keeps nothing: each question takes the turns before it along."""

    def __init__(self, engine: Remote, picture: Part) -> None:
        self._engine = engine
        self._picture = picture
        self._turns: list[tuple[list[Part], str]] = []

    def restart(self) -> None:
        """Forget every turn, but not the picture."""
        self._turns = []

    def answer(self, question: Question, *, speak: bool = True, stop: Stop = never) -> Iterator[AnswerEvent]:
        """See Conversation.answer. Before anything is sent, a remark says what, and to whom."""
        began = perf_counter()
        engine, own_voice = self._engine, self._engine.server.voice
        manner, words, remark = asked_for(question.text or "", question.manner)
        if remark and speak and not own_voice:
            yield Remark(remark)
        telling = RemoteTelling(engine, manner, speak, stop, began)
        typed = (question.text or "") if own_voice else words
        asked = yield from self._asked(question.speech, typed.strip(), stop)
        if not stop():
            theirs = speak and bool(asked) and bool(own_voice)
            source = engine.line.chat(self._messages(asked), theirs) if asked else _nothing_heard()
            yield from telling.tell(source, theirs)
        cancelled = stop()
        if asked and not cancelled:
            self._turns = [*self._turns, (asked, telling.text.strip())][-TURNS:]
        seconds = {"first_audio": telling.first_sound.seconds, "total": perf_counter() - began}
        yield Done(telling.text.strip(), seconds, telling.pieces, cancelled)

    def _asked(self, speech: Recording | None, words: str, stop: Stop) -> Generator[AnswerEvent, None, list[Part]]:
        """The parts of a question as the server takes them; none where nothing was asked, or stopped meanwhile."""
        server = self._engine.server
        if speech is not None and heard_nothing(speech):
            speech = None
        if speech is None and not words:
            return []
        yield Remark(self._sending(speech is not None, bool(words)))
        parts: list[Part] = []
        if speech is not None and server.hears:
            parts.append(recorded(speech))
        elif speech is not None:
            if heard := self._written_down(speech, stop):
                yield Heard(heard)
            words = " ".join(filter(None, (heard, words)))
        return [*parts, {"type": "text", "text": words}] if words else parts

    def _sending(self, spoken: bool, typed: bool) -> str:
        """What is about to be sent, and where."""
        server = self._engine.server
        things = ["the picture"]
        if spoken and server.hears:
            things.append("your recording")
        elif spoken and server.transcriber:
            things.append("your recording, which it writes down first")
        elif spoken:
            things.append("your question as this machine wrote it down")
        things += ["what you typed"] * typed + ["what was said before"] * bool(self._turns)
        return f"Sent to {server.host}: {', '.join(things[:-1])} and {things[-1]}."

    def _written_down(self, speech: Recording, stop: Stop) -> str:
        """The words of a question, by the server where it can, else by this machine."""
        engine = self._engine
        there = bool(engine.server.transcriber)
        heard = ""
        with (
            Background(engine.line.transcribe(wav(speech))) if there else Writing(partial(engine.ear, speech), stop)
        ) as words:
            while not (words.over or stop()):
                heard += "".join(words.ready())
        return heard

    def _messages(self, asked: list[Part]) -> list[Message]:
        """The conversation so far and the question, the picture first of all."""
        messages: list[Message] = []
        for parts, text in self._turns:
            messages += [{"role": "user", "content": parts}, {"role": "assistant", "content": text}]
        messages.append({"role": "user", "content": asked})
        return [{"role": "user", "content": [self._picture, *messages[0]["content"]]}, *messages[1:]]


class RemoteTelling:
    """One answer being told. `text` is what was said so far, in so many `pieces`."""

    def __init__(self, engine: Remote, manner: Manner, speak: bool, stop: Stop, began: float) -> None:
        self.text = ""
        self.pieces = 0
        self.first_sound = FirstSound(began, engine.sample_rate)
        self._engine = engine
        self._manner = manner
        self._speak = speak
        self._stop = stop
        self._sound = ServerSound(engine.sample_rate)

    def tell(self, source: AsyncIterator[str | bytes], theirs: bool) -> Iterator[AnswerEvent]:
        """Words as they come, and sound: `theirs`, or ours from the first sentence on. Raises EngineError."""
        with Background(source) as line:
            ours = self._our_voice() if self._speak and not theirs else None
            while not (line.over or self._stop()):
                sound = ours.sound() if ours else None
                if sound is not None:
                    yield self._chunk(sound)
                for piece in line.ready(PATIENCE if sound is None else 0):
                    if self._stop():
                        return
                    yield from self._take(piece, ours)
        if self._stop():
            return
        if not self.text and self.first_sound.seconds is None:
            raise EngineError(f"{self._engine.name} answered with nothing.", "Ask again, or in other words.")
        yield from self._rest(ours)

    def _take(self, piece: str | bytes, ours: Aloud | None) -> Iterator[AnswerEvent]:
        if isinstance(piece, str):
            self.pieces += 1
            words = piece if self.text else piece.lstrip()
            self.text += words
            if words:
                yield TextDelta(words)
            if ours:
                ours.write(words)
        elif self._speak:
            try:
                samples = self._sound.push(piece)
            except ValueError as error:
                what = f"The sound that {self._engine.server.host} sends is not understood."
                raise EngineError(what, "Add the server again without --voice, so that our voice speaks.") from error
            if len(samples):
                yield self._chunk(samples)

    def _rest(self, ours: Aloud | None) -> Iterator[AnswerEvent]:
        """The sound that is still to come; all of it in our voice where the server should have spoken and did not."""
        if len(samples := self._sound.finish()):
            yield self._chunk(samples)
        if self._speak and ours is None and self.first_sound.seconds is None:
            yield Remark(f"{self._engine.server.host} sent no sound, so this machine speaks.")
            ours = self._our_voice()
            ours.write(self.text)
        if ours is None:
            return
        ours.finish()
        while not self._stop() and (sound := ours.sound()) is not None:
            yield self._chunk(sound)
        if remark := speakable(self.text).remark:
            yield Remark(remark)

    def _our_voice(self) -> Aloud:
        return Aloud(self._engine.voices, self._manner, self._stop)

    def _chunk(self, samples: Samples) -> AudioChunk:
        self.first_sound.chunk(samples)
        return AudioChunk(samples, self._engine.sample_rate)


def packed(picture: Image.Image) -> Part:
    """A picture as part of a message: JPEG of at most `MAX_PICTURE` bytes, and nothing but its pixels."""
    side = MAX_SIDE
    while True:
        smaller = picture.convert("RGB")
        smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
        smaller.info = {}  # Pillow would write down what the file said about itself
        data = io.BytesIO()
        smaller.save(data, "JPEG", quality=_QUALITY)
        if data.tell() <= MAX_PICTURE:
            return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{_base64(data.getvalue())}"}}
        side = int(side * _SMALLER)


def recorded(speech: Recording) -> Part:
    """A recording as part of a message."""
    return {"type": "input_audio", "input_audio": {"data": _base64(wav(speech)), "format": "wav"}}


def wav(speech: Recording) -> bytes:
    """A WAV file of a recording without the silence around it."""
    speech = trim_silence(speech)
    data = io.BytesIO()
    with mono(data, speech.rate) as file:
        file.writeframes(pcm16(speech.samples))
    return data.getvalue()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _caption(model: EndToEnd, speech: Recording, put: Put, _stop: Stop) -> None:
    """What our own model made of a recording; it knows the words of drawn scenes."""
    put(model.caption(model.hear(speech)))


async def _nothing_heard() -> AsyncIterator[str]:
    """The answer where there was no question: nothing is sent."""
    yield sentence(NOTHING_HEARD)
