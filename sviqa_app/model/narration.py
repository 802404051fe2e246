"""How the small voice writes speech: words are spelled into sounds, and sounds are woven with audio tokens.

One Step1 decoder does both. A word: SPELL, its letters, SAY, its sounds, END. Speech: START, a rate, then groups of
five audio tokens (120 ms), each after the sounds that begin up to two groups later, and END. As the sounds are known,
writing speech only chooses when to go on to the next one: none can be skipped, repeated or invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import get_args

from torch import Tensor

from ..manner import Rate
from .config import AudioTokenConfig
from .interleave import GROUP
from .step1 import Step1
from .stepper import Folded, Stepper

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
SOUNDS = tuple(
    "aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh".split()  # noqa: SIM905
)
PAUSES = ",.?"
RATES: tuple[str, ...] = get_args(Rate)
PAD, START, END, SPELL, SAY = range(5)
RATE_IDS = {name: 5 + i for i, name in enumerate(RATES)}
LETTER_IDS = {letter: 10 + i for i, letter in enumerate(LETTERS)}
FIRST_SOUND = 10 + len(LETTERS)
SOUND_IDS = {sound: FIRST_SOUND + i for i, sound in enumerate(SOUNDS)}
WORD_BEGINS = len(SOUNDS)  # added to the id of a word's first sound
PAUSE_IDS = {pause: FIRST_SOUND + 2 * len(SOUNDS) + i for i, pause in enumerate(PAUSES)}
SOUNDS_END = FIRST_SOUND + 2 * len(SOUNDS) + len(PAUSES)
BASE = 128  # the first audio token
AHEAD = 2  # groups by which a sound is written before it is heard
LONGEST_WORD = 40  # sounds
PATIENCE = 8  # groups without a new sound before the next one is due


def spelling(word: str) -> list[int]:
    """The ids that ask for a word's sounds; letters are a-z and the apostrophe."""
    return [SPELL, *(LETTER_IDS[letter] for letter in word), SAY]


def word_sounds(sounds: Sequence[str]) -> tuple[int, ...]:
    """The ids of a word's sounds, the first marked. Raises KeyError where there is no such sound."""
    return tuple(SOUND_IDS[sound] + (0 if n else WORD_BEGINS) for n, sound in enumerate(sounds))


class Narrator:
    """Writes audio tokens for words, one utterance at a time. `known` words are not spelled."""

    def __init__(
        self, model: Step1, audio: AudioTokenConfig, known: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    ) -> None:
        folded = Folded(model)
        self._speller, self._speaker = Stepper(folded), Stepper(folded)
        self._audio = audio
        self._semantic = BASE + audio.linguistic
        self._known = known

    @lru_cache(maxsize=4096)  # noqa: B019 - a narrator lives as long as the program
    def sounds(self, word: str) -> tuple[int, ...]:
        """The ids of a word's sounds, the first marked as the word's first."""
        if word in self._known:
            return self._known[word]
        found: list[int] = []
        self._speller.restart()
        logits = self._speller.read(spelling(word), 0, SOUNDS_END)
        while len(found) < LONGEST_WORD:
            choices = logits[FIRST_SOUND : FIRST_SOUND + 2 * WORD_BEGINS]
            if found and logits[END] >= choices.max():
                break
            best = int(choices.argmax()) % WORD_BEGINS
            found.append(FIRST_SOUND + best + (0 if found else WORD_BEGINS))
            logits = self._speller.read(found[-1:], 0, SOUNDS_END)
        return tuple(found)

    def speech(self, sounds: Iterable[int], rate: str = "plain") -> Iterator[list[int]]:
        """Vocoder ids, a group of five at a time, of sounds and pauses taken as they are needed."""
        coming = iter(sounds)
        sound = next(coming, None)
        if sound is None:
            return
        self._speaker.restart()
        logits = self._speaker.read([START, RATE_IDS[rate]], 0, self._semantic)
        waited = 0
        while True:
            while sound is not None and (waited >= PATIENCE or self._is_due(logits)):
                logits = self._speaker.read([sound], 0, self._semantic)
                sound, waited = next(coming, None), 0
            if sound is None and (waited >= PATIENCE or self._is_over(logits)):
                return
            group, logits = self._group(logits)
            waited += 1
            yield group

    def _is_due(self, logits: Tensor) -> bool:
        """Whether the next sound comes before more audio."""
        return bool(logits[FIRST_SOUND:SOUNDS_END].logsumexp(0) > logits[BASE:].logsumexp(0))

    def _is_over(self, logits: Tensor) -> bool:
        return bool(logits[END] > logits[BASE:].logsumexp(0))

    def _group(self, logits: Tensor) -> tuple[list[int], Tensor]:
        """Five audio tokens, the likeliest each, and the logits [semantic ids] of what follows."""
        last = self._semantic + self._audio.semantic
        tokens = [BASE + int(logits[BASE:].argmax())]
        tokens.append(BASE + int(self._speaker.read(tokens[-1:], BASE, self._semantic).argmax()))
        while len(tokens) < GROUP:
            tokens.append(self._semantic + int(self._speaker.read(tokens[-1:], self._semantic, last).argmax()))
        return [token - BASE for token in tokens], self._speaker.read(tokens[-1:], 0, self._semantic)
