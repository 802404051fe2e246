"""Speech to the dual codebook: linguistic units of 60 ms and semantic units of 40 ms, nearest centres of projections.

Step-Audio takes its two streams from a Paraformer encoder and from CosyVoice's tokenizer. This small one reads the
same log-mel as the ear: linguistic units look at 150 ms through a discriminant projection that separates speech
sounds, semantic units at 60 ms through principal components that keep how it sounds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .audio_tokens import merge, nearest_centres
from .config import AudioTokenConfig
from .mel import whisper_log_mel

MELS = 80
LINGUISTIC_HOP, LINGUISTIC_SPAN = 6, 15
SEMANTIC_HOP, SEMANTIC_SPAN = 4, 6
GROUP_FRAMES = 12


def units(mel: Tensor, hop: int, span: int) -> Tensor:
    """mel [mels, T] → [T // 12 groups, spliced]: one row each `hop` frames, the `span` frames around its middle."""
    count = mel.shape[-1] // GROUP_FRAMES * (GROUP_FRAMES // hop)
    before = (span - hop) // 2
    padded = F.pad(mel[None], (before, span), mode="replicate")[0]
    return padded.unfold(-1, span, hop)[:, :count].permute(1, 0, 2).reshape(count, -1)


class Codebook(nn.Module):
    """A linear projection of spliced mel frames and the centres it is compared with."""

    mean: Tensor
    basis: Tensor
    centres: Tensor

    def __init__(self, hop: int, span: int, width: int, centres: int) -> None:
        super().__init__()
        self.hop, self.span = hop, span
        self.register_buffer("mean", torch.zeros(MELS * span))
        self.register_buffer("basis", torch.zeros(MELS * span, width))
        self.register_buffer("centres", torch.zeros(centres, width))

    def project(self, mel: Tensor) -> Tensor:
        """mel [80, T] → [units, width]."""
        return (units(mel, self.hop, self.span) - self.mean) @ self.basis

    def forward(self, mel: Tensor) -> Tensor:
        """mel [80, T] → ids [units]."""
        return nearest_centres(self.project(mel), self.centres)


class SpeechTokenizer(nn.Module):
    """16 kHz sound to the ids of both codebooks."""

    def __init__(self, config: AudioTokenConfig, linguistic_width: int = 40, semantic_width: int = 32) -> None:
        super().__init__()
        self.config = config
        self.linguistic = Codebook(LINGUISTIC_HOP, LINGUISTIC_SPAN, linguistic_width, config.linguistic)
        self.semantic = Codebook(SEMANTIC_HOP, SEMANTIC_SPAN, semantic_width, config.semantic)

    def forward(self, samples: Tensor) -> list[int]:
        """samples [n] at 16 kHz → vocoder ids in groups of 2 linguistic and 3 semantic, one group each 120 ms."""
        mel = whisper_log_mel(samples)
        return merge(self.linguistic(mel).tolist(), self.semantic(mel).tolist(), self.config)
