"""Linear layers in 8 bits, for processors that multiply such numbers four times as fast (AVX-512 VNNI, AVX-VNNI).

Each weight is rounded to 1/127 of the largest of its output, once; the inputs to 1/254 of their range, each time.
Sums are exact, and what goes from layer to layer stays float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .flow import Flow
from .flow_estimator import GeluProjection, TransformerBlock

_SMALLEST = 1e-12


def has_int8() -> bool:
    """Whether this processor is one of those."""
    return bool(torch.cpu._is_vnni_supported())


def to_int8(flow: Flow) -> None:
    """Turn the flow's transformer blocks, where most of its time goes, to 8 bits. It can then not be saved or moved."""
    for block in flow.decoder.estimator.modules():
        if isinstance(block, TransformerBlock):
            _replace_linears(block)


def _replace_linears(parent: nn.Module) -> None:
    for name, child in parent.named_children():
        if isinstance(child, GeluProjection):
            setattr(parent, name, Int8Linear(child.proj, "gelu"))
        elif isinstance(child, nn.Linear):
            setattr(parent, name, Int8Linear(child))
        else:
            _replace_linears(child)


class Int8Linear(nn.Module):
    """What `linear` computes, nearly, and then "gelu" or "none"."""

    def __init__(self, linear: nn.Linear, then: str = "none") -> None:
        super().__init__()
        self._then = then
        weight = linear.weight.detach()
        self.bias = linear.bias
        self._steps = weight.abs().amax(1).clamp_min(_SMALLEST) / 127
        self._zeros = torch.zeros(len(weight), dtype=torch.long)
        rounded = (weight / self._steps[:, None]).round().to(torch.int8)
        self._weight = torch.ops.onednn.qlinear_prepack(rounded, None)

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] → [..., outputs], float32."""
        least, most = x.aminmax()
        low, high = min(least.item(), 0.0), max(most.item(), 0.0)
        step = max((high - low) / 254, _SMALLEST)
        zero = round(-low / step)
        bytes_ = torch.add(torch.tensor(zero + 0.5), x, alpha=1 / step).to(torch.uint8)
        given = bytes_, step, zero, self._weight, self._steps, self._zeros, self.bias
        out: Tensor = torch.ops.onednn.qlinear_pointwise(*given, 1.0, 0, torch.float32, self._then, [], "none")
        return out
