"""The lean reader: transformers' numbers, in one go and in pieces, for some rows and for some places."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sviqa_app.model.lean import LeanReader
from sviqa_app.model.sviqa import Sviqa

from ..toy import CONFIG

B, L, CUT = 3, 40, 37  # the rest comes one by one


@pytest.fixture(params=[("llama", 2), ("llama", 1), ("qwen2", 1)])
def model(request: pytest.FixtureRequest) -> Sviqa:
    kind, kv_heads = request.param
    torch.manual_seed(3)
    model = Sviqa(replace(CONFIG, text=replace(CONFIG.text, model_type=kind, kv_heads=kv_heads))).eval()
    for weights in model.llava.model.language_model.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    return model


def sight(length: int) -> Tensor:
    return torch.full((length, length), -torch.inf).triu(1).expand(B, 1, -1, -1)


@torch.inference_mode()
def test_transformers_numbers(model: Sviqa) -> None:
    x = torch.randn(B, L, CONFIG.text.hidden_size)
    positions = torch.arange(L).expand(B, -1) + torch.tensor([[0], [3], [0]])
    whole, _ = model.language(x, attention_mask=sight(L), position_ids=positions)
    torch.testing.assert_close(LeanReader(model).read(x, positions, sight(L)), whole, atol=1e-4, rtol=1e-4)

    reader, asked = LeanReader(model), (torch.arange(B)[:, None], torch.tensor([[1, 9], [0, 36], [5, 2]]))
    begun = reader.read(x[:, :CUT], positions[:, :CUT], sight(CUT), asked)
    torch.testing.assert_close(begun, whole[asked], atol=1e-4, rtol=1e-4)
    kept = torch.tensor([0, 2])
    reader.keep(kept)
    for at in range(CUT, L):
        seen = torch.zeros(2, 1, 1, at + 1)
        one = reader.read(x[kept, at : at + 1], positions[kept, at : at + 1], seen)
        torch.testing.assert_close(one, whole[kept, at : at + 1], atol=1e-4, rtol=1e-4)
