"""How the flow reads its tokens: a Conformer with relative positions, and a regulator of the frame rate.

Structure and keys follow CosyVoice 1 / Step-Audio's `flow.pt` (espnet's relative attention, pre-norm, no
convolution module).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import FlowConfig
from .frames import FrameConv, FrameNorm


def relative_positions(count: int, width: int, device: torch.device) -> Tensor:
    """Sinusoids of the offsets count - 1 … -(count - 1), most positive first: [1, 2 count - 1, width]."""
    offsets = torch.arange(count - 1, -count, -1, device=device, dtype=torch.float32)
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10000.0) / width))
    angles = offsets[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1).unsqueeze(0)


class RelativeAttention(nn.Module):
    """Self-attention with a term for content and a term for distance (Transformer-XL)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q = nn.Linear(width, width)
        self.linear_k = nn.Linear(width, width)
        self.linear_v = nn.Linear(width, width)
        self.linear_out = nn.Linear(width, width)
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """[B, T, D], positions [1, 2T - 1, D] and a mask [B, T], true where there is a token → [B, T, D]."""
        query, key, value = (
            self._split(self.linear_q(x)),
            self._split(self.linear_k(x)),
            self._split(self.linear_v(x)),
        )
        distance = self._split(self.linear_pos(positions))
        by_distance = (query + self.pos_bias_v[:, None]) @ distance.transpose(-1, -2)  # [B, H, T, 2T - 1]
        scale = 1 / math.sqrt(query.shape[-1])
        bias = _aligned(by_distance) * scale
        if mask is not None:
            bias = bias.masked_fill(~mask[:, None, None], -torch.inf)
        mixed = functional.scaled_dot_product_attention(
            query + self.pos_bias_u[:, None], key, value, attn_mask=bias, scale=scale
        )
        out: Tensor = self.linear_out(mixed.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)


def _aligned(by_distance: Tensor) -> Tensor:
    """[…, T, 2T - 1] by distance, most positive first → [..., T, T] by key."""
    count = by_distance.shape[-2]
    steps = torch.arange(count, device=by_distance.device)
    index = count - 1 - steps[:, None] + steps
    return by_distance.gather(-1, index.expand(*by_distance.shape[:-1], count))


class FeedForward(nn.Module):
    """Linear, SiLU, linear."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, inner)
        self.w_2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] → [B, T, D]."""
        out: Tensor = self.w_2(functional.silu(self.w_1(x)))
        return out


class EncoderLayer(nn.Module):
    """Attention, then feed-forward, each normalised first and added."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.self_attn = RelativeAttention(config.encoder_dim, config.encoder_heads)
        self.feed_forward = FeedForward(config.encoder_dim, config.encoder_ffn)
        self.norm_mha = nn.LayerNorm(config.encoder_dim)
        self.norm_ff = nn.LayerNorm(config.encoder_dim)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """[B, T, D] → [B, T, D]."""
        x = x + self.self_attn(self.norm_mha(x), positions, mask)
        out: Tensor = x + self.feed_forward(self.norm_ff(x))
        return out


class Embed(nn.Module):
    """What goes into the first layer: linear, normalised, and scaled by the square root of the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width))
        self.scale = math.sqrt(width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] → [B, T, D]."""
        out: Tensor = self.out(x) * self.scale
        return out


class TokenEncoder(nn.Module):
    """Embedded tokens in full context: [B, T, D] → [B, T, D]."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.embed = Embed(config.encoder_dim)
        self.encoders = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.after_norm = nn.LayerNorm(config.encoder_dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths` [B]: how many tokens of each row are real; what lies behind them is not attended to."""
        count = x.shape[1]
        mask = None if lengths is None else torch.arange(count, device=x.device) < lengths[:, None]
        positions = relative_positions(count, x.shape[-1], x.device).to(x.dtype)
        x = self.embed(x)
        for layer in self.encoders:
            x = layer(x, positions, mask)
        out: Tensor = self.after_norm(x)
        return out


class LengthRegulator(nn.Module):
    """Stretches the tokens to mel frames by straight lines, then smooths them by convolutions."""

    def __init__(self, mels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(4):
            layers += [FrameConv(mels, mels, 3, padding=1), FrameNorm(1, mels), nn.Mish()]
        self.model = nn.Sequential(*layers, FrameConv(mels, mels, 1))

    def forward(self, prompt: Tensor, target: Tensor, frames: tuple[int, int]) -> Tensor:
        """Prompt [B, P, mels] and target [B, T, mels], each stretched alone → [B, mels, sum of frames]."""
        parts = [_stretched(x, n) for x, n in zip((prompt, target), frames, strict=True) if x.shape[1]]
        out: Tensor = self.model(torch.cat(parts, -1))
        return out

    def batch(self, x: Tensor, frames: Tensor) -> Tensor:
        """A padded batch [B, T, mels] → [B, mels, longest], 0 behind each row's `frames` [B]."""
        longest = int(frames.max())
        out: Tensor = self.model(_stretched(x, longest))
        return out * (torch.arange(longest, device=x.device) < frames[:, None]).unsqueeze(1)


def _stretched(x: Tensor, frames: int) -> Tensor:
    """[B, T, C] → [B, C, frames] by linear interpolation."""
    return functional.interpolate(x.transpose(1, 2), size=frames, mode="linear")
