"""Convolutions and norms that keep a frame's channels together give torch's own numbers, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sviqa_app.model.frames import FrameConv, FrameConvTranspose, FrameNorm

PAIRS = [
    (FrameConv(6, 8, 3, padding=1), nn.Conv1d(6, 8, 3, padding=1)),
    (FrameConv(6, 8, 3, 2, 1), nn.Conv1d(6, 8, 3, 2, 1)),
    (FrameConv(6, 8, 7, padding=9, dilation=3), nn.Conv1d(6, 8, 7, padding=9, dilation=3)),
    (FrameConv(6, 8, 1), nn.Conv1d(6, 8, 1)),
    (FrameConvTranspose(6, 8, 4, 2, 1), nn.ConvTranspose1d(6, 8, 4, 2, 1)),
    (FrameConvTranspose(6, 8, 7, 3, padding=2), nn.ConvTranspose1d(6, 8, 7, 3, padding=2)),
    (FrameNorm(2, 6), nn.GroupNorm(2, 6)),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("turned", [False, True])
def test_the_same_numbers(ours: nn.Module, theirs: nn.Module, turned: bool) -> None:
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 6, 21, generator=torch.Generator().manual_seed(0))
    x = x.transpose(1, 2).contiguous().transpose(1, 2) if turned else x
    results: list[list[Tensor]] = []
    for network in (ours, theirs):
        given = x.clone().requires_grad_()
        out = network(given)
        out.square().sum().backward()
        assert given.grad is not None
        results.append([out.detach(), given.grad, *(p.grad for p in network.parameters() if p.grad is not None)])
        network.zero_grad()
    for got, due in zip(*results, strict=True):
        torch.testing.assert_close(got, due, atol=1e-4, rtol=1e-4)


def test_nothing_is_copied_between_them() -> None:
    first = FrameConv(6, 8, 3, padding=1)(torch.randn(2, 6, 21))
    assert FrameNorm(2, 8)(first).transpose(1, 2).is_contiguous()
