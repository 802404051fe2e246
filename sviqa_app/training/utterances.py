"""A pool of spoken questions, each spoken once and kept on disk with its word and sound timings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..model.prompt import encode
from .corpus import tokenizer
from .pools import kept_arrays
from .questions import Asked, ask
from .scenes import Scene, sample_scene
from .voices import RATE, Mark, Voice, phone_class, sample_voice, speak

LONGEST = 6 * RATE
MARKS = 160


@dataclass(frozen=True)
class Utterance:
    """`wave` [n] float32; `words` and `phones` rows of (id, start ms, end ms); `ids` the text's token ids."""

    wave: NDArray[np.float32]
    words: NDArray[np.int32]
    phones: NDArray[np.int32]
    ids: list[int]


@cache
def _encoded(text: str) -> tuple[int, ...]:
    return tuple(encode(tokenizer(), text))


class Utterances:
    """Utterance `i` is spoken from seed (`first`, i) when first asked for, and kept in `folder`."""

    def __init__(self, folder: Path, count: int, first: int = 0, held_out: bool = False) -> None:
        self.count, self.first, self.held_out = count, first, held_out
        kept = kept_arrays(
            folder / f"utterances-{first}-{count}{'-held-out' if held_out else ''}",
            {
                "wave": (np.int16, (count, LONGEST)),
                "marks": (np.int32, (count, 2, MARKS, 3)),
                "length": (np.int32, (count,)),
            },
        )
        self.waves, self.marks, self.lengths = kept["wave"], kept["marks"], kept["length"]

    def asked(self, i: int) -> tuple[Scene, Asked, Generator]:
        """The scene utterance `i` asks about, and the question with its answer."""
        rng = np.random.default_rng((self.first, i, 11))
        scene = sample_scene(rng)
        return scene, ask(scene, rng, "held-out" if self.held_out else "train"), rng

    def recipe(self, i: int) -> tuple[str, Voice]:
        """The text and the voice of utterance `i`."""
        _, asked, rng = self.asked(i)
        return asked.text, sample_voice(rng, self.held_out)

    def expected_seconds(self, i: int) -> float:
        """About how long utterance `i` is, without speaking it."""
        text, voice = self.recipe(i)
        return len(text) * (0.062 * voice.rate if voice.engine == "flite" else 10.5 / voice.rate) + 0.4

    def utterance(self, i: int) -> Utterance:
        """Utterance `i`, spoken now if it was not yet."""
        text, voice = self.recipe(i)
        if not self.lengths[i]:
            self._speak(i, text, voice)
        wave = np.asarray(self.waves[i, : self.lengths[i]] / 32768, np.float32)
        words, phones = (rows[rows[:, 2] > 0] for rows in np.asarray(self.marks[i]))
        return Utterance(wave, words, phones, list(_encoded(text)))

    def _speak(self, i: int, text: str, voice: Voice) -> None:
        spoken = speak(text, voice)
        samples = spoken.samples[:LONGEST]
        self.waves[i, : len(samples)] = samples
        words = [(_encoded(m.what)[0], m) for m in spoken.words if m.what.strip()]
        phones = [(phone_class(voice.engine, m.what), m) for m in spoken.phones]
        for row, marks in enumerate((words, phones)):
            for column, (identity, mark) in enumerate(marks[:MARKS]):
                self.marks[i, row, column] = _row(identity, mark)
        self.lengths[i] = len(samples)


def _row(identity: int, mark: Mark) -> tuple[int, int, int]:
    return identity, int(mark.start * 1000), max(1, int(mark.end * 1000))
