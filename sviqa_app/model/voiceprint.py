"""From a recording to who speaks: a small network over the voice's mel whose vector the flow is conditioned on."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor, nn

from ..manner import Style
from .mel import SPEECH_MELS

STYLES: tuple[str, ...] = get_args(Style)
HIDDEN = 160
CENTRE, SPREAD = -5.0, 2.5  # of the mel's values
NEAR_PEAK = 6.0  # nepers below the loudest frame that still count as speech


class Voiceprint(nn.Module):
    """Three convolutions and statistics over the frames that hold speech; and what each style adds to a voice."""

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(SPEECH_MELS, HIDDEN, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(HIDDEN, HIDDEN, 3, padding=2, dilation=2),
            nn.ReLU(),
            nn.Conv1d(HIDDEN, HIDDEN, 3, padding=3, dilation=3),
            nn.ReLU(),
        )
        self.out = nn.Linear(2 * (HIDDEN + SPEECH_MELS), width)
        self.styles = nn.Embedding(len(STYLES), width)
        nn.init.zeros_(self.styles.weight)

    def forward(self, mel: Tensor) -> Tensor:
        """Mel [B, 80, T] of speech at the common loudness → [B, width]."""
        loudness = mel.mean(1, keepdim=True)
        speech = (loudness > loudness.amax(-1, keepdim=True) - NEAR_PEAK).to(mel.dtype)
        scaled = (mel - CENTRE) / SPREAD
        features = torch.cat([scaled, self.layers(scaled)], 1)
        count = speech.sum(-1).clamp_min(1)
        mean = (features * speech).sum(-1) / count
        deviation = (((features - mean[..., None]) * speech).square().sum(-1) / count + 1e-4).sqrt()
        out: Tensor = self.out(torch.cat([mean, deviation], 1))
        return out

    def styled(self, vector: Tensor, style: Tensor) -> Tensor:
        """Vectors [B, width] in styles [B]; the plain style adds nothing."""
        out: Tensor = vector + self.styles(style) * (style > 0).unsqueeze(-1)
        return out
