"""Convolutions and norms over frames [B, C, T] that keep the channels of a frame together in memory.

The numbers are torch's own. For `Conv1d`, torch lays every input out channel by channel; on a processor the kernels
for images whose channels lie together are a third faster, and between them nothing has to be copied.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def as_image(x: Tensor) -> Tensor:
    """[B, C, T] → an image [B, C, 1, T] whose channels lie together, without a copy where they did."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


class FrameConv(nn.Conv1d):
    """`Conv1d` that pads by a number of frames."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] → [B, C', T']."""
        if x.device.type != "cpu":
            return super().forward(x)
        along = (1, self.stride[0]), (0, int(self.padding[0])), (1, self.dilation[0])
        return functional.conv2d(as_image(x), self.weight.unsqueeze(2), self.bias, *along).squeeze(2)


class FrameConvTranspose(nn.ConvTranspose1d):
    """`ConvTranspose1d`."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """[B, C, T] → [B, C', T']."""
        if x.device.type != "cpu":
            return super().forward(x, output_size)
        along = (1, self.stride[0]), (0, int(self.padding[0]))
        return functional.conv_transpose2d(as_image(x), self.weight.unsqueeze(2), self.bias, *along).squeeze(2)


class FrameNorm(nn.GroupNorm):
    """`GroupNorm`."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] → [B, C, T]."""
        return super().forward(as_image(x)).squeeze(2)
