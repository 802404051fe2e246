"""The two codebooks: projections fitted in closed form, centres by k-means, on the training voice's answers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..engine.wording import sentence
from ..model.config import AudioTokenConfig
from ..model.mel import whisper_log_mel
from ..model.speech_tokenizer import GROUP_FRAMES, LINGUISTIC_HOP, SpeechTokenizer, units
from .sayings import SPEAKER
from .voices import Spoken, phone_class, speak


def fit_codebooks(texts: list[str], config: AudioTokenConfig, seed: int = 0) -> SpeechTokenizer:
    """A tokenizer fitted to how the training voice says `texts` (a few hundred give enough frames)."""
    tokenizer = SpeechTokenizer(config)
    mels, classes = [], []
    for text in texts:
        spoken = speak(sentence(text), SPEAKER)
        mel = whisper_log_mel(torch.tensor(spoken.samples.astype(np.float32) / 32768))
        mels.append(mel)
        classes.append(_sound_classes(spoken, mel.shape[-1]))
    linguistic, semantic = tokenizer.linguistic, tokenizer.semantic
    rows = torch.cat([units(m, linguistic.hop, linguistic.span) for m in mels])
    linguistic.mean, linguistic.basis = discriminants(rows, torch.cat(classes), linguistic.basis.shape[1])
    linguistic.centres = k_means((rows - linguistic.mean) @ linguistic.basis, config.linguistic, seed)
    rows = torch.cat([units(m, semantic.hop, semantic.span) for m in mels])
    semantic.mean, semantic.basis = components(rows, semantic.basis.shape[1])
    semantic.centres = k_means((rows - semantic.mean) @ semantic.basis, config.semantic, seed)
    return tokenizer


def _sound_classes(spoken: Spoken, frames: int) -> Tensor:
    """The sound, and which third of it, at the middle of each linguistic unit."""
    count = frames // GROUP_FRAMES * (GROUP_FRAMES // LINGUISTIC_HOP)
    labels = torch.zeros(count, dtype=torch.long)
    for unit in range(count):
        at = (unit + 0.5) * LINGUISTIC_HOP / 100
        for mark in spoken.phones:
            if mark.start <= at < mark.end:
                third = int(3 * (at - mark.start) / (mark.end - mark.start))
                labels[unit] = 3 * phone_class(SPEAKER.engine, mark.what) + third
                break
    return labels


def discriminants(rows: Tensor, classes: Tensor, width: int, ridge: float = 1e-2) -> tuple[Tensor, Tensor]:
    """Fisher's linear discriminants of rows [N, D] with `classes` [N]: (mean [D], basis [D, width])."""
    mean = rows.mean(0)
    centred = (rows - mean).double()
    within = torch.zeros(rows.shape[1], rows.shape[1], dtype=torch.double)
    between = torch.zeros_like(within)
    for label in sorted(set(classes.tolist())):
        own = centred[classes == label]
        middle = own.mean(0)
        within += (own - middle).T @ (own - middle)
        between += len(own) * torch.outer(middle, middle)
    within = within / len(rows)
    within += ridge * within.diagonal().mean() * torch.eye(len(within), dtype=torch.double)
    root = torch.linalg.cholesky(within)
    whitened = torch.linalg.solve_triangular(root, between / len(rows), upper=False)
    whitened = torch.linalg.solve_triangular(root, whitened.T, upper=False)
    _, vectors = torch.linalg.eigh(whitened)
    basis = torch.linalg.solve_triangular(root.T, vectors.flip(-1)[:, :width], upper=True)
    return mean, basis.float()


def components(rows: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Principal components of rows [N, D], scaled by the root of their deviation: (mean [D], basis [D, width])."""
    mean = rows.mean(0)
    centred = (rows - mean).double()
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
    values, vectors = values.flip(-1)[:width], vectors.flip(-1)[:, :width]
    return mean, (vectors / values.clamp_min(1e-8) ** 0.25).float()


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
