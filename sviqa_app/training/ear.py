"""The speech stage: the encoder learns sounds and words frame by frame, then by CTC, and writes words for the reader.

The synthesisers say when each sound and word was spoken, so frames are supervised directly; CTC (Graves et al., 2006)
takes over the fine timing. The projector's output is aimed at the word embeddings the language model reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..model.config import SviqaConfig
from ..model.mel import whisper_log_mel
from ..model.prompt import PAD
from ..model.speech import Ear
from . import rooms
from .corpus import tokenizer
from .utterances import Utterance, Utterances
from .voices import PHONE_CLASSES, RATE
from .wordspace import direction

SHARPNESS = 20.0
IGNORED = -100


def word_vectors(config: SviqaConfig) -> Tensor:
    """[text ids, H]: the fixed direction of every piece of the tokenizer, zero for ids it does not use."""
    table = torch.zeros(config.audio.base, config.text.hidden_size)
    for piece, identity in tokenizer().get_vocab().items():
        table[identity] = direction(piece, config.text.hidden_size)
    return table


class EarStudent(nn.Module):
    """The ear with two helping heads that are thrown away: sounds and words of every 20 ms frame."""

    words: Tensor

    def __init__(self, config: SviqaConfig) -> None:
        super().__init__()
        self.ear = Ear(config.speech, config.text.hidden_size, config.audio.base)
        self.phones = nn.Linear(config.speech.width, PHONE_CLASSES)
        self.frames = nn.Linear(config.speech.width, tokenizer().get_vocab_size())
        self.register_buffer("words", word_vectors(config)[: tokenizer().get_vocab_size()], persistent=False)

    def forward(self, mel: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """mel [B, 80, T], lengths [B] → logits of sounds, words, captions [B, S, V] and what is written [B, S, H]."""
        hidden = self.ear.speech_encoder(mel, lengths)
        joined, groups = self.ear.speech_projector.join(hidden, (lengths + 1) // 2)
        written = self.ear.speech_projector(joined)
        return {
            "phones": self.phones(hidden),
            "frames": self.frames(hidden),
            "caption": self.ear.caption_head(joined),
            "written": written,
            "scores": SHARPNESS * (written @ self.words.T),
            "groups": groups,
        }


def ear_batch(pool: Utterances, size: int, warm: int, step: int) -> dict[str, Tensor]:
    """Batch number `step`: utterances of like length; rooms and noise grow over the first `warm` steps."""
    rng = np.random.default_rng((13, step))
    chunk = 8 * size
    epoch, at = divmod(step // 8, pool.count // chunk)
    order = np.random.default_rng((17, epoch)).permutation(pool.count)[at * chunk : (at + 1) * chunk]
    by_length = sorted(order.tolist(), key=pool.expected_seconds)
    rows = by_length[step % 8 * size : (step % 8 + 1) * size]
    strength = min(1.0, max(0.0, (step - warm / 4) / warm))
    return collate([heard(pool.utterance(i), rng, strength) for i in rows], rng if strength > 0 else None)


def heard(utterance: Utterance, rng: np.random.Generator, strength: float) -> dict[str, Any]:
    """One utterance through a random channel: mel, frame labels, ids, and the frames in which each word is said."""
    before, after = (int(RATE * rng.uniform(0.0, 0.35)) for _ in range(2))
    wave, speed = rooms.live(np.pad(utterance.wave, (before, after)), rng, strength)
    mel = whisper_log_mel(torch.tensor(wave))
    frames = (mel.shape[-1] + 1) // 2
    labels = []
    spans: list[tuple[int, int]] = []
    for marks, empty in ((utterance.phones, 0), (utterance.words, PAD)):
        label = np.full(frames, empty if len(marks) else IGNORED)
        spans = []
        for identity, start, end in marks:
            first, last = (round(((ms / 1000 + before / RATE) / speed) * 50) for ms in (start, end))
            spans.append((first, max(first + 1, last)))
            label[slice(*spans[-1])] = identity
        labels.append(label)
    return {"mel": mel, "phones": labels[0], "words": labels[1], "ids": utterance.ids, "spans": spans}


def collate(items: list[dict[str, Any]], masking: np.random.Generator | None) -> dict[str, Tensor]:
    """Pad to the longest; with a generator, mask bands and spans (SpecAugment, Park et al., 2019)."""
    longest = max(item["mel"].shape[-1] for item in items)
    mel = torch.stack([F.pad(item["mel"], (0, longest - item["mel"].shape[-1])) for item in items])
    if masking is not None:
        for row, item in zip(mel, items, strict=True):
            if masking.random() < 0.5:
                low, start = int(masking.integers(0, 70)), int(masking.integers(0, item["mel"].shape[-1]))
                row[low : low + int(masking.integers(1, 12))] = 0
                row[:, start : start + int(masking.integers(1, 12))] = 0
    frames = (longest + 1) // 2
    pad = [
        np.stack([np.pad(item[k], (0, frames - len(item[k])), constant_values=IGNORED) for item in items])
        for k in ("words", "phones")
    ]
    widest = max(len(item["ids"]) for item in items)
    return {
        "mel": mel,
        "lengths": torch.tensor([item["mel"].shape[-1] for item in items]),
        "words": torch.tensor(pad[0]),
        "phones": torch.tensor(pad[1]),
        "ids": torch.tensor([item["ids"] + [PAD] * (widest - len(item["ids"])) for item in items]),
        "counts": torch.tensor([len(item["ids"]) for item in items]),
    }


def ear_loss(student: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Sounds and words a frame, CTC of the caption head, and what is written: by CTC, and near the caption's words."""
    out = student(batch["mel"], batch["lengths"])
    scores = out["scores"].float()
    expected = out["caption"].detach().float().softmax(-1)[..., : out["scores"].shape[-1]] @ student.words
    inside = torch.arange(scores.shape[1])[None] < out["groups"][:, None]
    return {
        "phones": 0.3 * F.cross_entropy(out["phones"].transpose(1, 2), batch["phones"], ignore_index=IGNORED),
        "frames": 0.5 * F.cross_entropy(out["frames"].transpose(1, 2), batch["words"], ignore_index=IGNORED),
        "caption": 0.3 * _ctc(out["caption"].float(), batch, out["groups"]),
        "written": 0.1 * _ctc(scores, batch, out["groups"]),
        "near": 2.0 * ((out["written"] - expected) ** 2).sum(-1)[inside].mean(),
    }


def _ctc(logits: Tensor, batch: dict[str, Tensor], groups: Tensor) -> Tensor:
    log = logits.log_softmax(-1).transpose(0, 1)
    loss = F.ctc_loss(log, batch["ids"], groups, batch["counts"], blank=PAD, reduction="none", zero_infinity=True)
    return (loss / batch["counts"]).mean()


def word_errors(said: list[int], heard_ids: list[int]) -> int:
    """The edit distance between two rows of ids."""
    row = list(range(len(heard_ids) + 1))
    for i, a in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(heard_ids, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def ear_measure(student: nn.Module, pools: dict[str, Utterances], count: int = 96) -> dict[str, float]:
    """Word error of caption head and written words, clean, for each pool."""
    result: dict[str, float] = {}
    for name, pool in pools.items():
        rng = np.random.default_rng(3)
        wrong, wrong_written, total = 0, 0, 0
        for start in range(0, count, 32):
            items = [heard(pool.utterance(i), rng, 0.0) for i in range(start, start + 32)]
            batch = collate(items, None)
            out = student(batch["mel"], batch["lengths"])
            for row, (item, length) in enumerate(zip(items, out["groups"].tolist(), strict=True)):
                wrong += word_errors(item["ids"], collapse(out["caption"][row, :length].argmax(-1).tolist()))
                wrong_written += word_errors(item["ids"], collapse(out["scores"][row, :length].argmax(-1).tolist()))
                total += len(item["ids"])
        result[f"{name}_wer"], result[f"{name}_written"] = wrong / total, wrong_written / total
    return result


def collapse(ids: list[int]) -> list[int]:
    """Greedy CTC: repeats and blanks dropped."""
    return [t for t, before in zip(ids, [PAD, *ids], strict=False) if t not in (PAD, before)]
