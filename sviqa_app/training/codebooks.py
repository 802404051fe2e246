"""The two codebooks: an encoder that learns to name the sounds of the canonical voice, and k-means of its features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..manner import STRETCH
from ..model.config import AudioTokenConfig
from ..model.mel import whisper_log_mel
from ..model.narration import SOUNDS
from ..model.speech_tokenizer import FEATURES, GROUP_FRAMES, MELS, SpeechTokenizer
from .loop import Losses, Plan, train
from .readings import stretch_of
from .sayings import bounds
from .scripts import script
from .voices import RATE, speak

NAMES = ("pau", *SOUNDS)
PLACES = 3  # of a unit at which its sound is asked for
PIECE = 16 * GROUP_FRAMES  # frames of a training piece
BATCH = 32
HEARD_WEIGHT = 0.5


@dataclass(frozen=True)
class Labelled:
    """Speech as Whisper log-mel [80, T] and the number of the sound at each frame [T]."""

    mel: Tensor
    sounds: Tensor

    @classmethod
    def of(cls, number: int) -> Labelled:
        """Script `number` in the canonical voice, at one of its rates."""
        spoken = speak(script(number), stretch_of(list(STRETCH)[number % len(STRETCH)]))
        samples = spoken.samples.astype(np.float32) / 32768
        begin, end = bounds(samples)
        mel = whisper_log_mel(torch.from_numpy(samples[begin:end]))
        times = (np.arange(mel.shape[-1]) + 0.5) / 100 + begin / RATE
        ends = [mark.end for mark in spoken.phones]
        which = np.searchsorted(ends, times).clip(max=len(ends) - 1)
        return cls(mel, torch.tensor([NAMES.index(spoken.phones[i].what) for i in which]))


class TokenizerStudent(nn.Module):
    """The encoder as the loop trains it: each unit names the sounds in it; a semantic one also tells its spectrum."""

    def __init__(self, tokenizer: SpeechTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.names = nn.ModuleList(nn.Linear(FEATURES, PLACES * len(NAMES)) for _ in range(2))
        self.spectrum = nn.Linear(FEATURES, MELS)

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """Cross-entropy of the sounds from both streams, and the squared error of the unit's mean spectrum."""
        hidden = self.tokenizer.hidden(batch["mel"])
        books = (self.tokenizer.linguistic, self.tokenizer.semantic)
        losses: Losses = {}
        for name, book, head in zip(("linguistic", "semantic"), books, self.names, strict=True):
            features = noisy(book.features(hidden), self.training)
            hop = book.unit.stride[0]
            asked = batch["sounds"].unfold(-1, hop, hop)[..., [0, hop // 2, hop - 1]]
            named = head(features).unflatten(-1, (PLACES, len(NAMES)))
            losses[name] = functional.cross_entropy(named.flatten(0, -2), asked.flatten())
        units = batch["mel"].unfold(-1, hop, hop).mean(-1).transpose(1, 2)
        losses["spectrum"] = HEARD_WEIGHT * functional.mse_loss(self.spectrum(features), units)
        return losses


def noisy(features: Tensor, training: bool) -> Tensor:
    """Features as far off as a nearest centre is, so that what is learned survives the codebook."""
    return features + 0.25 * torch.randn_like(features) if training else features


@dataclass(frozen=True)
class Pieces:
    """Batches of pieces of labelled speech; batch number `step` is always the same."""

    speech: list[Labelled]

    def __call__(self, step: int) -> dict[str, Tensor]:
        """`mel` [B, 80, PIECE] and `sounds` [B, PIECE]."""
        rng = np.random.default_rng((step, 53))
        rows = [self._piece(self.speech[rng.integers(len(self.speech))], rng) for _ in range(BATCH)]
        return {"mel": torch.stack([r.mel for r in rows]), "sounds": torch.stack([r.sounds for r in rows])}

    def _piece(self, whole: Labelled, rng: np.random.Generator) -> Labelled:
        first = int(rng.integers(max(1, len(whole.sounds) - PIECE + 1)))
        mel, sounds = whole.mel[:, first : first + PIECE], whole.sounds[first : first + PIECE]
        short = PIECE - len(sounds)
        return Labelled(functional.pad(mel, (0, short), value=float(mel.min())), functional.pad(sounds, (0, short)))


def fit_codebooks(
    folder: Path, config: AudioTokenConfig, scripts: int, steps: int, report: Callable[[str], None]
) -> SpeechTokenizer:
    """A tokenizer fitted to how the canonical voice says so many scripts. Raises TrainingError."""
    speech = [Labelled.of(number) for number in range(scripts)]
    student = TokenizerStudent(SpeechTokenizer(config))
    train("tokenizer", student, Plan(steps, 2e-3, workers=0), Pieces(speech), _losses, folder, report)
    tokenizer = student.tokenizer.eval()
    with torch.no_grad():
        hidden = [tokenizer.hidden(_whole(one.mel)[None]) for one in speech]
        for seed, book in enumerate((tokenizer.linguistic, tokenizer.semantic)):
            rows = torch.cat([book.features(h)[0] for h in hidden])
            book.centres.copy_(k_means(rows, len(book.centres), seed))
    return tokenizer


def _whole(mel: Tensor) -> Tensor:
    return mel[:, : mel.shape[-1] // GROUP_FRAMES * GROUP_FRAMES]


def _losses(student: nn.Module, batch: dict[str, Tensor]) -> Losses:
    losses: Losses = student(batch)
    return losses


def k_means(rows: Tensor, centres: int, seed: int, rounds: int = 25) -> Tensor:
    """Lloyd's k-means of rows [N, D] from random rows; an empty centre is put on the worst-served row."""
    generator = torch.Generator().manual_seed(seed)
    found = rows[torch.randperm(len(rows), generator=generator)[:centres]].clone()
    if len(found) < centres:
        found = torch.cat([found, found[torch.randint(len(found), (centres - len(found),), generator=generator)]])
    for _ in range(rounds):
        distance = torch.cdist(rows, found)
        near, which = distance.min(1)
        sums = torch.zeros_like(found).index_add_(0, which, rows)
        counts = torch.zeros(centres).index_add_(0, which, torch.ones(len(rows)))
        empty = counts == 0
        found = torch.where(empty[:, None], found, sums / counts.clamp_min(1)[:, None])
        moved = empty.nonzero()[: len(rows), 0]
        found[moved] = rows[near.argsort(descending=True)[: len(moved)]]
    return found
