"""The flow's velocity: a one-dimensional U-Net of residual convolutions and transformer blocks.

Structure and keys follow CosyVoice 1 / Step-Audio's `flow.pt` under `decoder.estimator` (Matcha-TTS). The
attention has no mask: the frames of one row all see each other. A mask of None means that every frame is real.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import FlowConfig
from .frames import FrameConv, FrameConvTranspose, FrameNorm

GROUPS = 8
TIME_SCALE = 1000.0


class ConvBlock(nn.Module):
    """Convolution of width 3, group norm, Mish."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = nn.Sequential(FrameConv(inputs, outputs, 3, padding=1), FrameNorm(GROUPS, outputs), nn.Mish())

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """[B, C, T] under a mask [B, 1, T] → [B, C', T]."""
        return _masked(self.block(_masked(x, mask)), mask)


class ResnetBlock(nn.Module):
    """Two convolution blocks, the time added between them, and a 1x1 convolution around."""

    def __init__(self, inputs: int, outputs: int, time_width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Mish(), nn.Linear(time_width, outputs))
        self.block1 = ConvBlock(inputs, outputs)
        self.block2 = ConvBlock(outputs, outputs)
        self.res_conv = FrameConv(inputs, outputs, 1)

    def forward(self, x: Tensor, mask: Tensor | None, time: Tensor) -> Tensor:
        """[B, C, T] → [B, C', T]."""
        hidden = self.block1(x, mask) + self.mlp(time).unsqueeze(-1)
        out: Tensor = self.block2(hidden, mask) + self.res_conv(_masked(x, mask))
        return out


class Attention(nn.Module):
    """Self-attention over all frames; only the output has a bias."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        inner = heads * head_width
        self.heads = heads
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(width, inner, bias=False)
        self.to_v = nn.Linear(width, inner, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(inner, width)])

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] → [B, T, C]."""
        query, key, value = (_split(to(x), self.heads) for to in (self.to_q, self.to_k, self.to_v))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out


def _split(x: Tensor, heads: int) -> Tensor:
    return x.view(*x.shape[:-1], heads, -1).transpose(1, 2)


class GeluProjection(nn.Module):
    """Linear, then GELU."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] → [B, T, inner]."""
        return functional.gelu(self.proj(x))


class GeluFeedForward(nn.Module):
    """Four times wider with GELU, and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GeluProjection(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] → [B, T, C]."""
        out: Tensor = self.net(x)
        return out


class TransformerBlock(nn.Module):
    """Attention and feed-forward, each normalised first and added."""

    def __init__(self, width: int, config: FlowConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, config.attention_heads, config.attention_head_dim)
        self.norm3 = nn.LayerNorm(width)
        self.ff = GeluFeedForward(width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] → [B, T, C]."""
        x = x + self.attn1(self.norm1(x))
        out: Tensor = x + self.ff(self.norm3(x))
        return out


class Resample(nn.Module):
    """Half the frames (`Conv1d`) or twice as many (`ConvTranspose1d`)."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] → [B, C, ceil(T / 2)] or [B, C, 2T]."""
        out: Tensor = self.conv(x)
        return out


class Stage(nn.ModuleList):
    """A residual block, its transformer blocks and, but in the middle, a convolution that ends the stage."""

    def __init__(self, inputs: int, outputs: int, config: FlowConfig, ending: nn.Module | None = None) -> None:
        blocks = nn.ModuleList(TransformerBlock(outputs, config) for _ in range(config.blocks_per_stage))
        parts: list[nn.Module] = [ResnetBlock(inputs, outputs, 4 * config.channels[0]), blocks]
        super().__init__(parts if ending is None else [*parts, ending])

    def forward(self, x: Tensor, mask: Tensor | None, time: Tensor) -> Tensor:
        """[B, C, T] → [B, C', T], without the ending."""
        x = self[0](x, mask, time).transpose(1, 2)
        for block in self[1].children():
            x = block(x)
        return x.transpose(1, 2)

    def end(self, x: Tensor) -> Tensor:
        """[B, C', T] → the next stage's frames."""
        out: Tensor = self[2](x)
        return out

    @property
    def halves(self) -> bool:
        """Whether the next stage has another number of frames."""
        return isinstance(self[2], Resample)


class TimeMlp(nn.Module):
    """The step's sinusoids → the vector every residual block adds."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(inputs, outputs)
        self.linear_2 = nn.Linear(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs] → [B, outputs]."""
        out: Tensor = self.linear_2(functional.silu(self.linear_1(x)))
        return out


class Estimator(nn.Module):
    """The velocity at x and t, given the token's mel `mu`, the speaker and the prompt's mel `cond`."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        widths = config.channels
        self.inputs = 4 * config.mels
        self.time_mlp = TimeMlp(self.inputs, 4 * widths[0])
        entering = self.inputs
        down, up = [], []
        for index, width in enumerate(widths):
            last = index == len(widths) - 1
            halve = FrameConv(width, width, 3, padding=1) if last else Resample(FrameConv(width, width, 3, 2, 1))
            down.append(Stage(entering, width, config, halve))
            entering = width
        for index, (before, after) in enumerate(pairwise((*widths[::-1], widths[0]))):
            last = index == len(widths) - 1
            twice = Resample(FrameConvTranspose(after, after, 4, 2, 1))
            up.append(Stage(2 * before, after, config, FrameConv(after, after, 3, padding=1) if last else twice))
        self.down_blocks = nn.ModuleList(down)
        self.mid_blocks = nn.ModuleList(Stage(entering, entering, config) for _ in range(config.mid_blocks))
        self.up_blocks = nn.ModuleList(up)
        self.final_block = ConvBlock(widths[0], widths[0])
        self.final_proj = FrameConv(widths[0], config.mels, 1)

    def forward(self, x: Tensor, mask: Tensor | None, mu: Tensor, t: Tensor, speaker: Tensor, cond: Tensor) -> Tensor:
        """x, mu, cond [B, mels, T], mask [B, 1, T], t [B] in [0, 1], speaker [B, mels] → [B, mels, T].

        The result is of the weights' kind.
        """
        kind = self.final_proj.weight.dtype
        time = self.time_mlp(sinusoids(t, self.inputs).to(kind))
        x = torch.cat([x, mu, speaker.unsqueeze(-1).expand(-1, -1, x.shape[-1]), cond], 1).to(kind)
        masks: list[Tensor | None] = [mask]
        skips = []
        for stage in _stages(self.down_blocks):
            level = masks[-1]
            x = stage(x, level, time)
            skips.append(x)
            x = stage.end(_masked(x, level))
            masks.append(level[..., ::2] if stage.halves and level is not None else level)
        masks.pop()
        for stage in _stages(self.mid_blocks):
            x = stage(x, masks[-1], time)
        for stage in _stages(self.up_blocks):
            skip, level = skips.pop(), masks.pop()
            x = stage(_joined(x[..., : skip.shape[-1]], skip), level, time)
            x = stage.end(_masked(x, level))
        return _masked(self.final_proj(self.final_block(x, mask)), mask)


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """x [B, C, T], 0 where the mask [B, 1, T] is 0."""
    return x if mask is None else x * mask


def _joined(x: Tensor, y: Tensor) -> Tensor:
    """The channels of both [B, C, T], those of a frame together in memory."""
    return torch.cat([x.transpose(1, 2), y.transpose(1, 2)], -1).transpose(1, 2)


def _stages(blocks: nn.ModuleList) -> list[Stage]:
    return cast("list[Stage]", list(blocks))


def sinusoids(t: Tensor, width: int) -> Tensor:
    """Times [B] in [0, 1] → sines, then cosines: [B, width]."""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=t.device) * (-math.log(10000.0) / (half - 1)))
    angles = TIME_SCALE * t[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)
