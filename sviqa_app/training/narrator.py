"""The stage that teaches the small voice to spell words into sounds and to weave sounds with audio tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from ..model.config import AudioTokenConfig, Step1Config
from ..model.interleave import GROUP
from ..model.narration import (
    BASE,
    END,
    FIRST_SOUND,
    PAD,
    RATE_IDS,
    SOUNDS_END,
    START,
    spelling,
    word_sounds,
)
from ..model.step1 import Step1
from .lexicon import Lexicon
from .loop import Losses
from .readings import Reading, Readings, spoken_words, woven

CORRUPTED = 0.04  # of the audio tokens read, so that a slip while speaking is not the end
SPELLING_WEIGHT = 0.4
LONGEST_LINE = 25  # ids of a spelled word in a batch
SORTED = 4  # times as many readings are drawn as a batch takes


@dataclass(frozen=True)
class Lessons:
    """Batches of readings and of words to spell; batch number `step` is always the same."""

    readings: Readings
    lexicon: Lexicon
    common: Sequence[str]
    rare: Sequence[str]
    rows: int
    words: int

    def __call__(self, step: int) -> dict[str, Tensor]:
        """`speech` and `heard` [rows, T], what is to be written and what is read; `spelled` [words, L]."""
        rng = np.random.default_rng((41, step))
        kept = self._of_one_length(rng)
        lines = [[START, RATE_IDS[r.rate], *woven(r, BASE), END] for _, r in kept]
        speech = _padded(lines)
        return {
            "speech": speech,
            "heard": _corrupted(speech, rng, self.readings.tokenizer.config),
            "spelled": _padded(self._in_place(kept, rng) + self._listed(rng)),
        }

    def _of_one_length(self, rng: Generator) -> list[tuple[int, Reading]]:
        """Readings that are about as long as each other."""
        drawn = [int(i) for i in rng.integers(self.readings.count, size=SORTED * self.rows)]
        found = [(i, reading) for i in drawn if (reading := self.readings(i)) is not None]
        found.sort(key=lambda pair: len(pair[1].tokens))
        first = int(rng.integers(max(1, len(found) - self.rows + 1)))
        return found[first : first + self.rows]

    def _in_place(self, kept: list[tuple[int, Reading]], rng: Generator) -> list[list[int]]:
        """Some words of the readings as they sounded there, each once."""
        found: dict[tuple[int, ...], None] = {}
        for i, reading in kept:
            for word, sounds in spoken_words(self.readings.text(i), reading):
                found[(*spelling(word), *sounds, END)] = None
        rows = [list(row) for row in found if len(row) <= LONGEST_LINE]
        return [rows[i] for i in rng.permutation(len(rows))[: self.words // 2]]

    def _listed(self, rng: Generator) -> list[list[int]]:
        """Words said on their own, half of them from among the common."""
        pools = (self.rare, self.common)
        words = [pools[n % 2][int(rng.integers(len(pools[n % 2])))] for n in range(self.words)]
        lines = [[*spelling(word), *word_sounds(self.lexicon[word]), END] for word in words]
        return [line for line in lines if len(line) <= LONGEST_LINE]


def _padded(lines: list[list[int]]) -> Tensor:
    longest = max(map(len, lines))
    return torch.tensor([line + [PAD] * (longest - len(line)) for line in lines])


def _corrupted(speech: Tensor, rng: Generator, audio: AudioTokenConfig) -> Tensor:
    """Some audio tokens replaced by others of their codebook."""
    semantic = BASE + audio.linguistic
    struck = torch.from_numpy(rng.random(speech.shape) < CORRUPTED) & (speech >= BASE)
    other_first = BASE + torch.from_numpy(rng.integers(0, audio.linguistic, speech.shape))
    other_second = semantic + torch.from_numpy(rng.integers(0, audio.semantic, speech.shape))
    return torch.where(struck, torch.where(speech < semantic, other_first, other_second), speech)


def narrator_loss(model: nn.Module, batch: dict[str, Tensor]) -> Losses:
    """Cross-entropies: of audio tokens within their codebook, of what comes next at a group's end (a sound, audio
    or the end), and of spelled words."""
    assert isinstance(model, Step1)
    return {**_speech_losses(model, batch), "spelling": SPELLING_WEIGHT * _spelling_loss(model, batch)}


def _speech_losses(model: Step1, batch: dict[str, Tensor]) -> Losses:
    hidden, targets = model.hidden(batch["heard"][:, :-1]), batch["speech"][:, 1:]
    weight = model.lm_head.weight
    semantic = BASE + (len(weight) - BASE) // 2
    audio = targets >= BASE
    place = torch.where(audio, (audio.long().cumsum(-1) - 1) % GROUP, 0)
    turn = (place == 0) & (targets != PAD)
    turn[:, 0] = False  # the rate is given
    opening = functional.linear(hidden[turn], weight[:semantic]).float()
    parts = (opening[:, FIRST_SOUND:SOUNDS_END], opening[:, BASE:], opening[:, END : END + 1])
    asked = targets[turn]
    first, second = audio & (targets < semantic), targets >= semantic
    return {
        "turn": functional.cross_entropy(
            torch.stack([part.logsumexp(-1) for part in parts], -1),
            torch.where(asked == END, 2, torch.where(asked >= BASE, 1, 0)),
        ),
        "linguistic": functional.cross_entropy(
            functional.linear(hidden[first], weight[BASE:semantic]).float(), targets[first] - BASE
        ),
        "semantic": functional.cross_entropy(
            functional.linear(hidden[second], weight[semantic:]).float(), targets[second] - semantic
        ),
    }


def _spelling(model: Step1, spelled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [N, L, BASE] of what follows in spelled words, what does follow [N, L], and where it is asked."""
    targets = spelled[:, 1:]
    logits = functional.linear(model.hidden(spelled[:, :-1]), model.lm_head.weight[:BASE]).float()
    return logits, targets, (targets >= FIRST_SOUND) | (targets == END)


def _spelling_loss(model: Step1, batch: dict[str, Tensor]) -> Tensor:
    logits, targets, asked = _spelling(model, batch["spelled"])
    return functional.cross_entropy(logits[asked], targets[asked])


def narrator_measure(model: nn.Module, held: Readings, lexicon: Lexicon, words: Sequence[str]) -> dict[str, float]:
    """How much of held-out words and readings is right: `words` whole, `sounds` and audio tokens each."""
    assert isinstance(model, Step1)
    batch = Lessons(held, lexicon, words, words, 16, 2)(0)
    logits, targets, asked = _spelling(model, _padded([[*spelling(w), *word_sounds(lexicon[w]), END] for w in words]))
    right = (logits.argmax(-1) == targets) | ~asked
    losses = {name: loss.item() for name, loss in _speech_losses(model, batch).items()}
    return {"words_right": right.all(1).float().mean().item(), **losses}


def new_narrator(config: Step1Config, seed: int = 0) -> Step1:
    """A fresh decoder with Step1's small initial weights."""
    torch.manual_seed(seed)
    model = Step1(config)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.02)
    for name, parameter in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            nn.init.normal_(parameter, std=0.02 / (2 * config.layers) ** 0.5)
    return model
