"""The question's ear: a Whisper encoder on the true length, and the concat-5 projector into the language model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from transformers.models.whisper.configuration_whisper import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from .config import SpeechConfig


@dataclass(frozen=True)
class SpeechFeatures:
    """What was heard: `embeddings` [B, S, H] for the language model, `lengths` [B] and `hidden` [B, S, concat*D]."""

    embeddings: Tensor
    lengths: Tensor
    hidden: Tensor


class SpeechEncoder(nn.Module):
    """Whisper's encoder (openai/whisper model.py) without the padded 30 s window.

    Positions and attention cover only the frames that are there, so a 3 s question costs a tenth.
    """

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        whisper = WhisperConfig(
            num_mel_bins=config.mels,
            d_model=config.width,
            encoder_layers=config.layers,
            encoder_attention_heads=config.heads,
            encoder_ffn_dim=config.intermediate_size,
            max_source_positions=config.max_positions,
        )
        self.encoder = WhisperEncoder(whisper)
        self.max_positions = config.max_positions

    def forward(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """mel [B, mels, T], lengths [B] in mel frames → hidden [B, ceil(T/2), D]; padded frames are not attended to.

        Raises ValueError when T is longer than the positions reach (30 s for a published Whisper).
        """
        frames = (mel.shape[-1] + 1) // 2
        if frames > self.max_positions:
            raise ValueError(f"speech of {frames} frames is longer than {self.max_positions} positions")
        inside = torch.arange(mel.shape[-1], device=mel.device)[None] < lengths[:, None]
        mel = mel * inside[:, None].to(mel.dtype)
        x = F.gelu(self.encoder.conv1(mel)) * inside[:, None].to(mel.dtype)
        x = F.gelu(self.encoder.conv2(x)).transpose(1, 2)
        x = x + self.encoder.embed_positions.weight[:frames]
        mask = None
        if bool((lengths < mel.shape[-1]).any()):
            heard = torch.arange(frames, device=mel.device)[None] < ((lengths + 1) // 2)[:, None]
            mask = torch.zeros(heard.shape, dtype=x.dtype, device=x.device).masked_fill(~heard, float("-inf"))
            mask = mask[:, None, None, :]
        for layer in self.encoder.layers:
            x = layer(x, mask)
            x = x[0] if isinstance(x, tuple) else x
        out: Tensor = self.encoder.layer_norm(x)
        return out


class SpeechProjector(nn.Module):
    """Joins every `concat` frames (the last group padded with zeros), then Linear-ReLU-Linear into the language model.

    SViQA's projector; key names as LLaMA-Omni's (`linear1`, `linear2`), which drops the remainder instead.
    """

    def __init__(self, config: SpeechConfig, hidden_size: int) -> None:
        super().__init__()
        self.concat = config.concat
        self.linear1 = nn.Linear(config.width * config.concat, config.projector_hidden)
        self.linear2 = nn.Linear(config.projector_hidden, hidden_size)

    def join(self, hidden: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """hidden [B, T, D], lengths [B] → ([B, ceil(T/concat), concat*D], lengths in groups)."""
        inside = torch.arange(hidden.shape[1], device=hidden.device)[None] < lengths[:, None]
        hidden = hidden * inside[..., None].to(hidden.dtype)
        hidden = F.pad(hidden, (0, 0, 0, -hidden.shape[1] % self.concat))
        joined = hidden.reshape(hidden.shape[0], -1, hidden.shape[2] * self.concat)
        return joined, (lengths + self.concat - 1) // self.concat

    def forward(self, joined: Tensor) -> Tensor:
        """joined [B, S, concat*D] → [B, S, H]."""
        out: Tensor = self.linear2(F.relu(self.linear1(joined)))
        return out


class Ear(nn.Module):
    """Encoder, projector, and the CTC head that captions what was heard (never on the path of the answer)."""

    def __init__(self, config: SpeechConfig, hidden_size: int, caption_size: int) -> None:
        super().__init__()
        self.speech_encoder = SpeechEncoder(config)
        self.speech_projector = SpeechProjector(config, hidden_size)
        if config.captions:
            self.caption_head = nn.Linear(config.width * config.concat, caption_size)

    def forward(self, mel: Tensor, lengths: Tensor) -> SpeechFeatures:
        """mel [B, mels, T] with true `lengths` [B] in mel frames → what the language model reads."""
        hidden = self.speech_encoder(mel, lengths)
        joined, groups = self.speech_projector.join(hidden, (lengths + 1) // 2)
        return SpeechFeatures(self.speech_projector(joined), groups, joined)

    def captions(self, features: SpeechFeatures) -> list[list[int]]:
        """Greedy CTC of the caption head, blank 0: text ids a row."""
        best = self.caption_head(features.hidden).argmax(-1)
        rows = []
        for row, length in zip(best.tolist(), features.lengths.tolist(), strict=True):
            row = row[:length]
            rows.append([t for t, before in zip(row, [0, *row], strict=False) if t != 0 and t != before])
        return rows
