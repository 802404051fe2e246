"""The same parts as a cascade: caption the question, answer the caption, then voice the whole answer.

Each step waits for the one before it. Here to be compared with, so it changes nothing but the order; the cascade of
published models is in cascade.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from PIL.Image import Image

from ..manner import Manner
from ..media.audio import heard_nothing
from ..model.decode import Stop, never
from ..turn import AnswerEvent, Done, Heard, Question, Samples
from .end_to_end import EndToEnd, Talk
from .telling import Speech, Speeches, Stream


class Stepwise:
    """Built from the parts of an engine that is loaded already."""

    def __init__(self, parts: EndToEnd) -> None:
        self.name = f"{parts.name} as a cascade"
        self.sample_rate = parts.sample_rate
        self._parts = replace(parts, speech=WholeSpeeches(parts.speech))

    def load_picture(self, picture: Image) -> StepwiseTalk:
        """Read an upright RGB picture and compute the part of the prompt that every question shares."""
        return StepwiseTalk(self._parts, self._parts.load_picture(picture))


class StepwiseTalk:
    """A conversation in which a spoken question is answered from its caption."""

    def __init__(self, parts: EndToEnd, talk: Talk) -> None:
        self._parts = parts
        self._talk = talk

    def restart(self) -> None:
        """Forget every turn, but not the picture."""
        self._talk.restart()

    def answer(self, question: Question, *, speak: bool = True, stop: Stop = never) -> Iterator[AnswerEvent]:
        """See Conversation.answer; what was heard comes first, and the sound comes whole."""
        began = perf_counter()
        if question.speech is not None and not heard_nothing(question.speech):
            heard = self._parts.caption(self._parts.hear(question.speech))
            yield Heard(heard)
            question = replace(question, speech=None, text=" ".join(filter(None, (heard, question.text))))
        waited = perf_counter() - began
        for event in self._talk.answer(question, speak=speak, stop=stop):
            if isinstance(event, Done):
                seconds = {name: None if s is None else s + waited for name, s in event.seconds.items()}
                event = replace(event, seconds=seconds)
            yield event


@dataclass(frozen=True)
class WholeSpeeches:
    """Voices that say nothing before they know everything."""

    speeches: Speeches

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.speeches.sample_rate

    def speaking(self, manner: Manner) -> WholeVoice:
        """A voice in a manner."""
        return WholeVoice(self.speeches.speaking(manner))


@dataclass(frozen=True)
class WholeVoice:
    """A voice that says nothing before it knows everything."""

    voice: Speech

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.voice.sample_rate

    def stream(self) -> Stream:
        """For one answer."""
        return WholeStream(self.voice)

    def speak(self, tokens: list[int]) -> Samples:
        """Vocoder ids, whole groups → [n] samples."""
        return self.voice.speak(tokens)


class WholeStream:
    """Keeps the tokens of an answer and voices them all at its end."""

    def __init__(self, voice: Speech) -> None:
        self._voice = voice
        self._tokens: list[int] = []

    def push(self, tokens: list[int], last: bool) -> Samples:
        """More vocoder ids; samples only where `last`."""
        self._tokens += tokens
        return self._voice.speak(self._tokens) if last and self._tokens else np.zeros(0, np.float32)
