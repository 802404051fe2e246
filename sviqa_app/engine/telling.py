"""From the tokens of an answer to what a person gets: words as they come, and sound from the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Protocol

import numpy as np

from ..manner import Manner
from ..model.decode import AudioToken, TextEnd, TextToken, Token
from ..model.interleave import GROUP
from ..turn import AnswerEvent, AudioChunk, Samples, TextDelta
from .wording import Wording

AUDIBLE = 0.01
"""From this level on (of full scale) a sample counts as voiced rather than as the silence before speech."""


class Stream(Protocol):
    """Sound of one answer, made piece by piece (`VoiceStream` is one)."""

    def push(self, tokens: list[int], last: bool) -> Samples:
        """More vocoder ids, in whole groups → the samples that are ready; all that remains where `last`."""


class Speech(Protocol):
    """What an engine needs of a voice (`Voice` is one)."""

    @property
    def sample_rate(self) -> int:
        """Samples a second."""

    def stream(self) -> Stream:
        """For one answer, as its tokens come."""

    def speak(self, tokens: list[int]) -> Samples:
        """Vocoder ids, whole groups → [n] samples."""


class Speeches(Protocol):
    """Everybody who can speak an engine's answers (`Voices` is one)."""

    @property
    def sample_rate(self) -> int:
        """Samples a second."""

    def speaking(self, manner: Manner) -> Speech:
        """A voice in a manner. Raises EngineError where it names nobody who is there."""


class FirstSound:
    """When a listener hears the first voiced sample, if each chunk plays at once or behind the one before."""

    def __init__(self, began: float, rate: int) -> None:
        self.seconds: float | None = None
        self._began = began
        self._rate = rate
        self._played_until = 0.0

    def chunk(self, samples: Samples) -> None:
        """A chunk is out now."""
        starts = max(perf_counter() - self._began, self._played_until)
        self._played_until = starts + len(samples) / self._rate
        loud = np.flatnonzero(np.abs(samples) > AUDIBLE)
        if self.seconds is None and len(loud):
            self.seconds = starts + float(loud[0]) / self._rate


class Telling:
    """One answer being told. `ids` and `text` are what was said so far, `tokens` how many tokens it took."""

    def __init__(self, words: Callable[[list[int]], str], stream: Stream | None, rate: int, began: float) -> None:
        self.ids: list[int] = []
        self.tokens = 0
        self.first_sound = FirstSound(began, rate)
        self._words = words
        self._stream = stream
        self._rate = rate
        self._wording = Wording()

    @property
    def text(self) -> str:
        """What was said, as a sentence."""
        return self._wording.text

    def tell(self, tokens: Iterator[Token]) -> Iterator[AnswerEvent]:
        """Events for tokens as they come; a group of audio tokens is voiced as soon as it is whole."""
        group: list[int] = []
        for token in tokens:
            self.tokens += 1
            match token:
                case TextToken(id):
                    self.ids.append(id)
                    yield from self._say(self._wording.grow(self._words(self.ids)))
                case TextEnd():
                    yield from self._say(self._wording.finish(self._words(self.ids)))
                case AudioToken(id):
                    group.append(id)
                    if len(group) == GROUP:
                        yield from self._voice(group, last=False)
                        group = []

    def finish(self) -> Iterator[AnswerEvent]:
        """The sound that was held back until the end."""
        yield from self._voice([], last=True)

    def _say(self, more: str) -> Iterator[AnswerEvent]:
        if more:
            yield TextDelta(more)

    def _voice(self, group: list[int], last: bool) -> Iterator[AnswerEvent]:
        if self._stream is None:
            return
        samples = self._stream.push(group, last)
        if len(samples):
            self.first_sound.chunk(samples)
            yield AudioChunk(samples, self._rate)
