"""Step1 at a desk: the same numbers as `Step1.forward`, one row at a time, with a third of the operations.

The norms' gains are folded into the matrices that follow them, and matrices that read the same are laid side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from .step1 import Layer, Step1

ROOM = 1024  # places


class Folded:
    """The matrices [in, out] of a model: of each layer queries, keys and values side by side, then gate and rise."""

    @torch.inference_mode()
    def __init__(self, model: Step1) -> None:
        self.config = model.config
        self.layers = [_folded(cast(Layer, layer)) for layer in model.model.layers]
        self.embedding = model.model.embed_tokens.weight
        self.head = (model.lm_head.weight * model.model.norm.weight).T.contiguous()
        apart = torch.arange(ROOM - 1, -1, -1).sqrt()
        self.bias = (-model.bias.slopes[:, None] * apart).view(1, self.config.groups, -1, ROOM)


def _folded(layer: Layer) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    attention, inner = layer.self_attn, layer.mlp
    looks = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
    opens = torch.cat([inner.gate_proj.weight, inner.up_proj.weight])
    return (
        (looks * layer.input_layernorm.weight).T.contiguous(),
        attention.o_proj.weight.T.contiguous(),
        (opens * layer.post_attention_layernorm.weight).T.contiguous(),
        inner.down_proj.weight.T.contiguous(),
    )


class Stepper:
    """What a model would say next, after all that was read since `restart`, or the last half of `ROOM` and more."""

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        config = folded.config
        self._width = config.hidden_size // config.heads
        self._room = torch.zeros(config.layers, 2, config.groups, ROOM, self._width)
        self.length = 0

    def restart(self) -> None:
        """Forget what was read."""
        self.length = 0

    @torch.inference_mode()
    def read(self, ids: Sequence[int], first: int, last: int) -> Tensor:
        """The logits of ids `first` up to `last` [last - first], after reading some more ids."""
        for token in ids:
            hidden = self._read(token)
        return (hidden @ self._folded.head[:, first:last])[0]

    def _read(self, token: int) -> Tensor:
        """The normalised hidden state [1, H] after one more id."""
        if self.length == ROOM:  # only distances count, so the older half can be let go
            self.length //= 2
            self._room[:, :, :, : self.length] = self._room[:, :, :, self.length :]
        config, width = self._folded.config, self._width
        wide = config.hidden_size
        bias = self._folded.bias[..., ROOM - self.length - 1 :]
        fresh = self._room[:, :, :, self.length].unbind()
        seen = self._room[:, :, None, :, : self.length + 1].flatten(0, 1).unbind()
        x = self._folded.embedding[token : token + 1]
        for number, (looks, out, opens, down) in enumerate(self._folded.layers):
            looked = self._normal(x) @ looks
            fresh[number].copy_(looked[:, wide:].view(2, config.groups, width))
            query = looked[:, :wide].view(1, config.groups, -1, width)
            keys, values = seen[2 * number : 2 * number + 2]
            mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=bias)
            x = torch.addmm(x, mixed.view(1, wide), out)
            gate, rise = (self._normal(x) @ opens).chunk(2, -1)
            x = torch.addmm(x, functional.silu(gate).mul_(rise), down)
        self.length += 1
        return self._normal(x)

    def _normal(self, x: Tensor) -> Tensor:
        """RMSNorm without its gain."""
        return x * (x @ x.T).div_(x.shape[1]).add_(self._folded.config.epsilon).rsqrt_()
