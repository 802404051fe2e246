"""Step1, the decoder of Step-Audio: square-root ALiBi instead of positions, grouped keys and values, RMSNorm, SwiGLU.

Structure and keys follow `modeling_step1.py` of Step-Audio-TTS-3B (its attention without the custom operator).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Step1Config


def slopes(heads: int) -> list[float]:
    """ALiBi's slope of every head (Press et al., 2021): a power of two of them, then every second of twice as many."""
    whole = 2 ** int(math.log2(heads))
    first = [2 ** (-8 * k / whole) for k in range(1, whole + 1)]
    return first + [2 ** (-4 * (2 * k - 1) / whole) for k in range(1, heads - whole + 1)]


class Bias(nn.Module):
    """What attention pays for distance: -slope · sqrt(i - j) for key j ≤ i, minus infinity beyond."""

    slopes: Tensor

    def __init__(self, heads: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.register_buffer("slopes", torch.tensor(slopes(heads)), persistent=False)

    def forward(self, fresh: int, total: int) -> Tensor:
        """The bias of the last `fresh` of `total` places: [1, groups, heads / groups · fresh, total]."""
        places = torch.arange(total, device=self.slopes.device)
        apart = places[total - fresh :, None] - places
        bias = -self.slopes[:, None, None] * apart.clamp_min(0).sqrt()
        return bias.masked_fill(apart < 0, -torch.inf).view(1, self.groups, -1, total)


@dataclass
class Past:
    """Keys and values of what was read: `length` places of room that grows by doubling, a pair a layer."""

    length: int = 0
    room: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add key and value [B, groups, n, D] behind `length` → all so far, [B, groups, length + n, D]."""
        end = self.length + key.shape[2]
        if layer == len(self.room):
            self.room.append((key.new_empty(0), value.new_empty(0)))
        kept = self.room[layer]
        if kept[0].dim() < 4 or kept[0].shape[2] < end:
            kept = (self._grown(kept[0], key, end), self._grown(kept[1], value, end))
            self.room[layer] = kept
        for mine, fresh in zip(kept, (key, value), strict=True):
            mine[:, :, self.length : end] = fresh
        return kept[0][:, :, :end], kept[1][:, :, :end]

    def _grown(self, old: Tensor, like: Tensor, end: int) -> Tensor:
        size = max(64, 2 ** math.ceil(math.log2(end)))
        fresh = like.new_zeros(*like.shape[:2], size, like.shape[3])
        if self.length:
            fresh[:, :, : self.length] = old[:, :, : self.length]
        return fresh


class SelfAttention(nn.Module):
    """Grouped-query attention without biases; each group of heads shares a key and a value."""

    def __init__(self, config: Step1Config) -> None:
        super().__init__()
        self.groups, self.width = config.groups, config.hidden_size // config.heads
        shared = self.groups * self.width
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, shared, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, shared, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor, bias: Tensor, past: Past | None, layer: int) -> Tensor:
        """[B, T, H] → [B, T, H]. The heads of a group stand one after the other, as more queries."""
        batch, count, hidden = x.shape
        query = self.q_proj(x).view(batch, count, self.groups, -1, self.width)
        query = query.permute(0, 2, 3, 1, 4).flatten(2, 3)
        key, value = (
            to(x).view(batch, count, self.groups, self.width).transpose(1, 2) for to in (self.k_proj, self.v_proj)
        )
        if past is not None:
            key, value = past.extend(layer, key, value)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        mixed = mixed.view(batch, self.groups, -1, count, self.width).permute(0, 3, 1, 2, 4)
        out: Tensor = self.o_proj(mixed.reshape(batch, count, hidden))
        return out


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, config: Step1Config) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H] → [B, T, H]."""
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    """Attention, then feed-forward, each normalised first and added."""

    def __init__(self, config: Step1Config) -> None:
        super().__init__()
        self.self_attn = SelfAttention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, config.epsilon)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, config.epsilon)

    def forward(self, x: Tensor, bias: Tensor, past: Past | None, layer: int) -> Tensor:
        """[B, T, H] → [B, T, H]."""
        x = x + self.self_attn(self.input_layernorm(x), bias, past, layer)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Body(nn.Module):
    """Embeddings, layers, final norm."""

    def __init__(self, config: Step1Config) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.hidden_size, config.epsilon)


class Step1(nn.Module):
    """Token ids → logits of the next one, with the keys of Step-Audio's safetensors."""

    def __init__(self, config: Step1Config) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.bias = Bias(config.heads, config.groups)

    def forward(self, ids: Tensor, past: Past | None = None, last_only: bool = False) -> Tensor:
        """Ids [B, T] after what `past` holds → logits [B, T, V], or [B, 1, V] where `last_only`; `past` grows."""
        hidden = self.hidden(ids, past)
        logits: Tensor = self.lm_head(hidden[:, -1:] if last_only else hidden)
        return logits

    def hidden(self, ids: Tensor, past: Past | None = None) -> Tensor:
        """Ids [B, T] after what `past` holds → hidden states [B, T, H] after the final norm; `past` grows."""
        count = ids.shape[1]
        bias = self.bias(count, count + (past.length if past else 0))
        x = self.model.embed_tokens(ids)
        for number, layer in enumerate(self.model.layers):
            x = layer(x, bias, past, number)
        if past is not None:
            past.length += count
        out: Tensor = self.model.norm(x)
        return out
