"""The flow of CosyVoice 1 / Step-Audio: audio tokens → mel, by following a learned velocity from noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import FlowConfig
from .flow_encoder import LengthRegulator, TokenEncoder
from .flow_estimator import Estimator
from .mel import SPEECH_HOP, SPEECH_RATE


def mel_frames(tokens: int, token_rate: float) -> int:
    """How many mel frames a number of tokens lasts."""
    return int(tokens / token_rate * SPEECH_RATE / SPEECH_HOP)


class Solver(nn.Module):
    """Follows the velocity from t = 0 to 1 in Euler steps on a cosine grid, with guidance."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.estimator = Estimator(config)

    def forward(self, noise: Tensor, mu: Tensor, speaker: Tensor, cond: Tensor, steps: int, guidance: float) -> Tensor:
        """noise, mu, cond [1, mels, T], speaker [1, mels] → mel [1, mels, T].

        With guidance g the velocity is (1 + g) of the conditioned one less g of the free one.
        """
        grid = 1 - torch.cos(torch.linspace(0, 1, steps + 1, device=noise.device) * (math.pi / 2))
        x, t = noise, grid[0]
        for until in grid[1:]:
            step = until - t
            x = x + step * self.velocity(x, None, mu, t, speaker, cond, guidance)
            t = t + step
        return x

    def velocity(
        self, x: Tensor, mask: Tensor | None, mu: Tensor, t: Tensor, speaker: Tensor, cond: Tensor, guidance: float
    ) -> Tensor:
        """The guided velocity [1, mels, T] at x and time t (a scalar), float32."""
        if guidance <= 0:
            plain: Tensor = self.estimator(x, mask, mu, t.view(1), speaker, cond)
            return plain.float()
        pair = [torch.cat([v, torch.zeros_like(v)]) for v in (mu, speaker, cond)]
        twice = None if mask is None else mask.expand(2, -1, -1)
        both = self.estimator(x.expand(2, -1, -1), twice, pair[0], t.expand(2), pair[1], pair[2])
        with_it, without = both.float().chunk(2)
        guided: Tensor = (1 + guidance) * with_it - guidance * without
        return guided


class Flow(nn.Module):
    """Tokens, prompt tokens, prompt mel and speaker → mel. Keys as in `flow.pt`.

    With weights in bfloat16 it computes in bfloat16, but for what is followed from noise to mel and its times.
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.input_embedding = nn.Embedding(config.vocab_size, config.encoder_dim)
        self.spk_embed_affine_layer = nn.Linear(config.speaker_dim, config.mels)
        self.encoder = TokenEncoder(config)
        self.encoder_proj = nn.Linear(config.encoder_dim, config.mels)
        self.length_regulator = LengthRegulator(config.mels)
        self.decoder = Solver(config)

    def encode(self, tokens: Tensor) -> Tensor:
        """Vocoder ids [B, T] → [B, T, mels]; negative ids count as 0."""
        out: Tensor = self.encoder_proj(self.encoder(self.input_embedding(tokens.clamp_min(0))))
        return out

    def speaker(self, embedding: Tensor) -> Tensor:
        """A speaker's vector [B, 192] of any length → [B, mels]."""
        affine = self.spk_embed_affine_layer
        out: Tensor = affine(functional.normalize(embedding, dim=-1).to(affine.weight.dtype))
        return out

    def forward(
        self,
        tokens: Tensor,
        prompt_tokens: Tensor,
        prompt_mel: Tensor,
        embedding: Tensor,
        noise: Tensor,
        frames: int | None = None,
    ) -> Tensor:
        """Speak `tokens` [1, T] on from a prompt: its tokens [1, P] and mel [1, mels, F].

        `noise` is [1, mels, F + frames]; `frames` defaults to the time the tokens last. Gives the mel of the
        tokens alone, [1, mels, frames].
        """
        known = prompt_mel.shape[-1]
        wanted = mel_frames(tokens.shape[1], self.config.token_rate) if frames is None else frames
        hidden = self.encode(torch.cat([prompt_tokens, tokens], 1))
        count = prompt_tokens.shape[1]
        mu = self.length_regulator(hidden[:, :count], hidden[:, count:], (known, wanted))
        cond = functional.pad(prompt_mel, (0, wanted))
        speaker = self.speaker(embedding)
        mel: Tensor = self.decoder(noise, mu, speaker, cond, self.config.steps, self.config.guidance)
        return mel[..., known:]
