"""Scripts read by the canonical voice, as audio tokens with the sounds and when each begins; each made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from ..manner import STRETCH
from ..model.interleave import GROUP
from ..model.narration import AHEAD, FIRST_SOUND, PAUSE_IDS, SOUND_IDS, WORD_BEGINS
from ..model.speech_tokenizer import SpeechTokenizer
from .lexicon import Lexicon
from .pools import kept_arrays
from .sayings import SPEAKER, bounds
from .scripts import script
from .voices import RATE, Mark, Spoken, Voice, speak

GROUP_MS = 120
MOST_TOKENS, MOST_SOUNDS = 420, 110


@dataclass(frozen=True)
class Reading:
    """`tokens` [5 n] vocoder ids; `sounds` rows of (id, start ms), from the first sound to the final pause."""

    rate: str
    tokens: NDArray[np.int64]
    sounds: NDArray[np.int64]


def stretch_of(rate: str) -> Voice:
    """The canonical voice at a rate."""
    return replace(SPEAKER, rate=STRETCH[rate])


def placed_sounds(text: str, spoken: Spoken, lexicon: Lexicon, begin: float) -> list[tuple[int, int]]:
    """Sound ids with the milliseconds after `begin` seconds at which they start; empty where words and sounds
    do not meet."""
    words = text.replace(",", "").rstrip(".?").split()
    counts = [len(lexicon.get(word, ())) for word in words]
    marks = [mark for mark in spoken.phones if mark.what != "pau"]
    if not all(counts) or sum(counts) != len(marks):
        return []
    firsts = {id(marks[sum(counts[:i])]) for i in range(len(counts))}
    inner = spoken.phones[1:] if spoken.phones[0].what == "pau" else spoken.phones
    last = inner[-1]
    return [(_sound_id(m, id(m) in firsts, m is last, text), max(0, int(1000 * (m.start - begin)))) for m in inner]


def _sound_id(mark: Mark, first: bool, last: bool, text: str) -> int:
    if mark.what == "pau":
        return PAUSE_IDS[text[-1] if last else ","]
    return SOUND_IDS[mark.what] + (WORD_BEGINS if first else 0)


class Readings:
    """Reading `i` says script `i`, when first asked for, and is kept in `folder`."""

    def __init__(self, folder: Path, count: int, tokenizer: SpeechTokenizer, lexicon: Lexicon, first: int = 0) -> None:
        self.count, self.first, self.tokenizer, self.lexicon = count, first, tokenizer, lexicon
        kept = kept_arrays(
            folder / f"readings-{first}-{count}",
            {
                "tokens": (np.int16, (count, MOST_TOKENS)),
                "sounds": (np.int16, (count, MOST_SOUNDS, 2)),
                "lengths": (np.int16, (count, 2)),
            },
        )
        self.tokens, self.sounds, self.lengths = kept["tokens"], kept["sounds"], kept["lengths"]

    def rate(self, i: int) -> str:
        """Three in five at the plain rate, the rest evenly among the others."""
        others = [rate for rate in STRETCH if rate != "plain"]
        draw = np.random.default_rng((self.first + i, 37)).random()
        return "plain" if draw < 0.6 else others[int((draw - 0.6) / 0.4 * len(others))]

    def text(self, i: int) -> str:
        """What reading `i` says."""
        return script(self.first + i)

    def __call__(self, i: int) -> Reading | None:
        """Reading `i`, made now if it was not yet; None where its script could not be used."""
        if not self.lengths[i, 0]:
            self._make(i)
        tokens, sounds = (int(n) for n in self.lengths[i])
        if tokens < 0:
            return None
        return Reading(self.rate(i), self.tokens[i, :tokens].astype(np.int64), self.sounds[i, :sounds].astype(np.int64))

    def draw(self, rng: Generator) -> Reading:
        """A random reading."""
        while True:
            reading = self(int(rng.integers(self.count)))
            if reading is not None:
                return reading

    def _make(self, i: int) -> None:
        text, voice = self.text(i), stretch_of(self.rate(i))
        spoken = speak(text, voice)
        samples = spoken.samples.astype(np.float32) / 32768
        begin, end = bounds(samples)
        sounds = placed_sounds(text, spoken, self.lexicon, begin / RATE)
        tokens = self.tokenizer(torch.from_numpy(samples[begin:end]))
        if not sounds or not tokens or len(sounds) > MOST_SOUNDS or len(tokens) > MOST_TOKENS:
            self.lengths[i] = -1
            return
        self.tokens[i, : len(tokens)] = tokens
        self.sounds[i, : len(sounds)] = sounds
        self.lengths[i] = len(tokens), len(sounds)


def spoken_words(text: str, reading: Reading) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each word of the text that was read, and the ids of its sounds."""
    words = text.replace(",", "").rstrip(".?").split()
    sounds = [int(sound) for sound, _ in reading.sounds if sound < FIRST_SOUND + 2 * WORD_BEGINS]
    starts = [n for n, sound in enumerate(sounds) if sound >= FIRST_SOUND + WORD_BEGINS]
    for word, start, end in zip(words, starts, [*starts[1:], len(sounds)], strict=True):
        yield word, tuple(sounds[start:end])


def woven(reading: Reading, base: int) -> list[int]:
    """Sounds and audio tokens as the narrator writes them, audio ids from `base`."""
    line, at = [], 0
    for group in range(len(reading.tokens) // GROUP):
        while at < len(reading.sounds) and reading.sounds[at, 1] < (group + AHEAD) * GROUP_MS:
            line.append(int(reading.sounds[at, 0]))
            at += 1
        line += [base + int(token) for token in reading.tokens[group * GROUP : (group + 1) * GROUP]]
    return line + [int(sound) for sound, _ in reading.sounds[at:]]
