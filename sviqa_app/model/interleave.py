"""The order in which an answer is written: ten words' worth of text, fifteen audio tokens, and so on.

Step-Audio-AQAA writes text and audio into one sequence. This file says what may come next; it is used
both to lay out training targets and to hold the decode loop to a legal order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from .config import AudioTokenConfig

GROUP = 5
LINGUISTIC_PER_GROUP = 2


class Slot(Enum):
    """What the next token must be."""

    TEXT = "text or the end of text"
    LINGUISTIC = "a token of the linguistic codebook"
    SEMANTIC = "a token of the semantic codebook"
    LINGUISTIC_OR_END = "a token of the linguistic codebook, or the end of the answer"
    NOTHING = "nothing, the answer is over"


@dataclass(frozen=True)
class Marks:
    """The two ids that close things: `text_end` closes the words, `end` closes the answer."""

    text_end: int
    end: int


class Interleave:
    """Where an answer stands. `slot` is what must come next; `push` takes the token that came.

    `place` is the next token's distance from the answer's first, as the language model counts positions.
    """

    def __init__(self, marks: Marks, audio: AudioTokenConfig, speak: bool = True) -> None:
        """`speak=False` is the order of words alone, which leaves the places of the audio free."""
        self.slot = Slot.TEXT
        self.place = 0
        self.text_ended = False
        self._marks = marks
        self._text_per_turn = audio.text_per_turn
        self._audio_per_turn = audio.audio_per_turn
        self._speak = speak
        self._in_block = 0

    def push(self, token: int) -> None:
        """Go on by one token, which must be of the kind that `slot` asks for."""
        self.place += 1
        if self.slot is Slot.TEXT:
            self._after_text(token)
        elif self.slot is Slot.LINGUISTIC_OR_END and token == self._marks.end:
            self.slot = Slot.NOTHING
        else:
            self._after_audio()

    def _after_text(self, token: int) -> None:
        self._in_block += 1
        self.text_ended = token == self._marks.text_end
        full = self._in_block == self._text_per_turn
        if self.text_ended or full:
            self._in_block = 0
            self.slot = self._audio_slot()
        if not self._speak:
            self.slot = Slot.NOTHING if self.text_ended else Slot.TEXT
            self.place += self._audio_per_turn if full else 0

    def _after_audio(self) -> None:
        self._in_block += 1
        if self._in_block == self._audio_per_turn and not self.text_ended:
            self._in_block = 0
            self.slot = Slot.TEXT
        else:
            self.slot = self._audio_slot()

    def _audio_slot(self) -> Slot:
        place = self._in_block % GROUP
        if place >= LINGUISTIC_PER_GROUP:
            return Slot.SEMANTIC
        return Slot.LINGUISTIC_OR_END if place == 0 and self.text_ended else Slot.LINGUISTIC


def places(text: Sequence[int], marks: Marks, audio: AudioTokenConfig) -> list[int]:
    """The places of the text ids of an answer, closing mark included, when its audio is left out."""
    order = Interleave(marks, audio, speak=False)
    found = []
    for token in text:
        found.append(order.place)
        order.push(token)
    return found


def interleave(text: Sequence[int], audio: Sequence[int], marks: Marks, config: AudioTokenConfig) -> list[int]:
    """One answer as the model writes it: `text` (no marks in it) and `audio` (vocabulary ids, whole groups).

    Raises ValueError where the audio is no whole number of groups or is over before the text is.
    """
    words, sounds = [*text, marks.text_end], list(audio)
    blocks_inside = (len(words) - 1) // config.text_per_turn
    if len(sounds) % GROUP or len(sounds) < blocks_inside * config.audio_per_turn:
        raise ValueError(f"{len(sounds)} audio tokens do not go with {len(words)} of text")
    written: list[int] = []
    while words:
        written += words[: config.text_per_turn]
        words = words[config.text_per_turn :]
        room = config.audio_per_turn if words else len(sounds)
        written += sounds[:room]
        sounds = sounds[room:]
    return [*written, marks.end]


def separate(answer: Iterable[int], marks: Marks, config: AudioTokenConfig) -> tuple[list[int], list[int]]:
    """Undo `interleave`: the text ids and the audio ids of an answer, both without marks."""
    text: list[int] = []
    audio: list[int] = []
    for token in answer:
        if token in (marks.text_end, marks.end):
            continue
        (audio if token >= config.base else text).append(token)
    return text, audio
