"""The language model reading many rows: transformers' numbers, with less copying.

Keys and values are kept in place, and after the last of them is known only what is asked for is computed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from .sviqa import Sviqa

SPARE = 32  # places for tokens to come that keys and values are given each time they run out of room

Places = tuple[Tensor, Tensor]
"""Rows and places in them that are asked for, each [B, Q]."""


class LeanReader:
    """Reads embeddings, row by row after what it has read before. For Llama and Qwen2."""

    def __init__(self, model: Sviqa) -> None:
        self._language: Any = model.llava.model.language_model
        self._kept = [_Kept() for _ in self._language.layers]

    @torch.inference_mode()
    def read(self, x: Tensor, positions: Tensor, sight: Tensor, asked: Places | None = None) -> Tensor:
        """Embeddings [B, L, H] at positions [B, L]; `sight` [B, 1, L, all so far] is added to the attention.

        Gives the hidden states after the last norm, of the places `asked` [B, Q, H], or of all.
        """
        cos, sin = self._language.rotary_emb(x, positions)
        half = sin.shape[-1] // 2
        turn = cos, torch.cat([-sin[..., :half], sin[..., half:]], -1)
        *early, last = zip(self._language.layers, self._kept, strict=True)
        for layer, kept in early:
            x = _through(layer, kept, x, turn, sight)
        return _normal(_through(*last, x, turn, sight, asked), self._language.norm)

    def keep(self, rows: Tensor) -> None:
        """Forget all but these rows."""
        for kept in self._kept:
            kept.keep(rows)


class _Kept:
    """The keys and the values of a layer, [B, heads, L, D], in tensors that have room for more."""

    def __init__(self) -> None:
        self._length = 0
        self._stored: list[Tensor] = []

    def add(self, *fresh: Tensor) -> list[Tensor]:
        """All of them, with some more keys and values."""
        begin, self._length = self._length, self._length + fresh[0].shape[2]
        self._stored = self._stored or [part[:, :, :0] for part in fresh]
        if self._length > self._stored[0].shape[2]:
            self._stored = [_roomier(part, self._length + SPARE) for part in self._stored]
        for part, more in zip(self._stored, fresh, strict=True):
            part[:, :, begin : self._length] = more
        return [part[:, :, : self._length] for part in self._stored]

    def keep(self, rows: Tensor) -> None:
        """Only these rows."""
        self._stored = [part[rows] for part in self._stored]


def _roomier(part: Tensor, room: int) -> Tensor:
    stored = part.new_empty(*part.shape[:2], room, part.shape[3])
    stored[:, :, : part.shape[2]] = part
    return stored


def _through(layer: Any, kept: _Kept, x: Tensor, turn: Places, sight: Tensor, asked: Places | None = None) -> Tensor:
    """x [B, L, H] → [B, L, H], or only the places asked for, [B, Q, H]."""
    attention, width = layer.self_attn, layer.self_attn.head_dim
    normal = _normal(x, layer.input_layernorm)
    keys = _turned(_heads(attention.k_proj(normal), width), turn)
    keys, values = kept.add(keys, _heads(attention.v_proj(normal), width))
    if asked is not None:
        x, normal, sight = x[asked], normal[asked], sight[asked[0], :, asked[1]].transpose(1, 2)
        turn = turn[0][asked], turn[1][asked]
    query = _turned(_heads(attention.q_proj(normal), width), turn)
    grouped = query.shape[1] != keys.shape[1]
    mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=sight, enable_gqa=grouped)
    x = attention.o_proj(mixed.transpose(1, 2).flatten(2)).add_(x)
    normal, mlp = _normal(x, layer.post_attention_layernorm), layer.mlp
    opened = F.silu(mlp.gate_proj(normal), inplace=True).mul_(mlp.up_proj(normal))
    out: Tensor = mlp.down_proj(opened)
    return out.add_(x)


def _heads(x: Tensor, width: int) -> Tensor:
    """[B, L, heads * D] → [B, heads, L, D]."""
    return x.view(*x.shape[:2], -1, width).transpose(1, 2)


def _turned(x: Tensor, turn: Places) -> Tensor:
    """By their positions: [B, heads, L, D], with the cosines and the signed sines, each [B, L, D]."""
    cos, sin = (part[:, None] for part in turn)
    return (x * cos).addcmul_(x.roll(x.shape[-1] // 2, -1), sin)


def _normal(x: Tensor, norm: Any) -> Tensor:
    """RMSNorm over the last dimension."""
    size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    scale = size.square_().div_(x.shape[-1]).add_(norm.variance_epsilon).rsqrt_()
    out: Tensor = (x * scale).mul_(norm.weight)
    return out
