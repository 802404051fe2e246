"""Speech to the dual codebook: linguistic units of 60 ms and semantic units of 40 ms, nearest centres of features.

Step-Audio takes its two streams from the encoder of a speech recogniser and from CosyVoice's supervised tokenizer.
This small one has an encoder of its own, which learned to name the sounds in each unit; semantic units also tell how
they sound.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .audio_tokens import merge, nearest_centres
from .config import AudioTokenConfig
from .mel import whisper_log_mel

MELS = 80
WIDTH = 192
FEATURES = 24
LINGUISTIC_HOP, SEMANTIC_HOP = 6, 4
GROUP_FRAMES = 12


class Codebook(nn.Module):
    """The features of each unit of `hop` frames, and the centres they are compared with."""

    centres: Tensor

    def __init__(self, hop: int, centres: int) -> None:
        super().__init__()
        self.unit = nn.Conv1d(WIDTH, FEATURES, hop, stride=hop)
        self.register_buffer("centres", torch.zeros(centres, FEATURES))

    def features(self, hidden: Tensor) -> Tensor:
        """Hidden states [B, WIDTH, T] → [B, T // hop, FEATURES] of mean 0 and deviation 1."""
        return F.layer_norm(self.unit(hidden).transpose(1, 2), (FEATURES,))

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states [1, WIDTH, T] → ids [T // hop]."""
        return nearest_centres(self.features(hidden)[0], self.centres)


class SpeechTokenizer(nn.Module):
    """16 kHz sound to the ids of both codebooks."""

    def __init__(self, config: AudioTokenConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(
            nn.Conv1d(MELS if n == 0 else WIDTH, WIDTH, 5, padding=2 * d, dilation=d) for n, d in enumerate((1, 2, 3))
        )
        self.linguistic = Codebook(LINGUISTIC_HOP, config.linguistic)
        self.semantic = Codebook(SEMANTIC_HOP, config.semantic)

    def hidden(self, mel: Tensor) -> Tensor:
        """Whisper log-mel [B, 80, T] → hidden states [B, WIDTH, T]."""
        x = F.gelu(self.layers[0](mel))
        for layer in self.layers[1:]:
            x = x + F.gelu(layer(x))
        return x

    @torch.inference_mode()
    def forward(self, samples: Tensor) -> list[int]:
        """samples [n] at 16 kHz → vocoder ids in groups of 2 linguistic and 3 semantic, one group each 120 ms."""
        mel = whisper_log_mel(samples)
        mel = mel[:, : mel.shape[-1] // GROUP_FRAMES * GROUP_FRAMES]
        if not mel.shape[-1]:
            return []
        hidden = self.hidden(mel[None])
        return merge(self.linguistic(hidden).tolist(), self.semantic(hidden).tolist(), self.config)
