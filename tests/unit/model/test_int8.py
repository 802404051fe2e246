"""Linear layers in 8 bits are near those they replace, whatever comes in."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sviqa_app.model.flow import Flow
from sviqa_app.model.int8 import Int8Linear, has_int8, to_int8
from tests.unit.tiny import FLOW

pytestmark = pytest.mark.skipif(not has_int8(), reason="this processor has no instructions for int8")


@pytest.fixture()
def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(256, 96).requires_grad_(False)


@pytest.mark.parametrize("shift", [0.0, 3.0, -30.0])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_near(shift: float, scale: float, linear: nn.Linear) -> None:
    x = scale * (torch.randn(2, 40, 256, generator=torch.Generator().manual_seed(1)) + shift)
    due = linear(x) - linear.bias
    off = Int8Linear(linear)(x) - linear.bias - due
    assert float(off.std() / (x.std() * linear.weight.std() * 16)) < 0.02 + 0.01 * abs(shift)


@pytest.mark.parametrize("value", [0.0, 2.0, -2.0, 1e-30])
def test_inputs_that_are_all_alike(value: float, linear: nn.Linear) -> None:
    x = torch.full((3, 256), value)
    torch.testing.assert_close(Int8Linear(linear)(x), linear(x), atol=0.05, rtol=0)


def test_an_output_without_weights_and_one_without_bias() -> None:
    linear = nn.Linear(16, 2, bias=False).requires_grad_(False)
    linear.weight[0] = 0
    assert torch.equal(Int8Linear(linear)(torch.ones(1, 16))[:, 0], torch.zeros(1))


def test_gelu_follows(linear: nn.Linear) -> None:
    x = torch.randn(7, 256, generator=torch.Generator().manual_seed(1))
    both = nn.functional.gelu(Int8Linear(linear)(x))
    torch.testing.assert_close(Int8Linear(linear, "gelu")(x), both, atol=1e-4, rtol=0)


def test_only_the_transformer_blocks_change() -> None:
    flow = Flow(FLOW).requires_grad_(False)
    to_int8(flow)
    linears = {name for name, part in flow.named_modules() if isinstance(part, nn.Linear)}
    assert linears and not any(".attn1." in name or ".ff." in name for name in linears)
