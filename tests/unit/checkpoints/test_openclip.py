"""open_clip's towers in transformers' CLIP: the numbers of open_clip's own arithmetic, and no open_clip."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.models.clip.modeling_clip import CLIPVisionModel

from sviqa_app.checkpoints.llava import read_llava
from sviqa_app.checkpoints.openclip import read_openclip
from sviqa_app.checkpoints.published import CLIP_MEAN
from sviqa_app.errors import ModelError
from sviqa_app.model.sviqa import vision_config

from .models import answered, llava_of, loaded, original_config, original_names, scrambled, write

WIDTH, LAYERS, HEADS, SIDE, PATCH = 128, 3, 2, 28, 14


class QuickGelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """One layer with open_clip's names; attention by torch, query, key and value in one matrix."""

    def __init__(self, quick: bool) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        act = QuickGelu() if quick else nn.GELU()
        parts = [("c_fc", nn.Linear(WIDTH, 4 * WIDTH)), ("gelu", act), ("c_proj", nn.Linear(4 * WIDTH, WIDTH))]
        self.mlp = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Tower(nn.Module):
    """A vision transformer with open_clip's names."""

    def __init__(self, quick: bool) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(WIDTH))
        self.positional_embedding = nn.Parameter(torch.zeros((SIDE // PATCH) ** 2 + 1, WIDTH))
        self.proj = nn.Parameter(torch.zeros(WIDTH, 8))
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(Block(quick) for _ in range(LAYERS))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Hidden states before each layer, and after the last."""
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        states = [self.ln_pre(torch.cat([first, patches], dim=1) + self.positional_embedding)]
        for block in self.transformer.resblocks:
            states.append(block(states[-1]))
        return states


def folder_of(tower: Tower, folder: Path, quick: bool, **more: Any) -> Path:
    sizes = {"image_size": SIDE, "layers": LAYERS, "width": WIDTH, "patch_size": PATCH, **more}
    model = {"embed_dim": 8, "vision_cfg": sizes, "text_cfg": {}} | ({"quick_gelu": True} if quick else {})
    state = {f"visual.{name}": tensor for name, tensor in tower.state_dict().items()} | {"logit_scale": torch.ones(1)}
    write(folder, {}, state, "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model, "preprocess_cfg": {}}))
    return folder


@pytest.mark.parametrize("quick", [False, True])
def test_hidden_states_are_open_clips(quick: bool, tmp_path: Path) -> None:
    tower = scrambled(Tower(quick).eval())
    config, tensors = read_openclip(folder_of(tower, tmp_path, quick))
    assert (config.heads, config.mean) == (HEADS, CLIP_MEAN)
    model = CLIPVisionModel(vision_config(config)).eval()
    model.load_state_dict({name: tensor.read() for name, tensor in tensors.items()})
    pixels = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        due, got = tower(pixels), model(pixels, output_hidden_states=True).hidden_states
    for one, two in zip(due, got, strict=True):
        torch.testing.assert_close(two, one, atol=1e-5, rtol=0)
    assert not {"open_clip", "torchvision"} & set(sys.modules)


def test_a_llava_looks_through_it(tmp_path: Path) -> None:
    model = llava_of()
    state = {k: v for k, v in original_names(model).items() if "vision_tower" not in k}
    state["model.mm_projector.0.weight"] = torch.randn(48, WIDTH)
    folder = write(tmp_path / "m", original_config(), state)
    found = read_llava(folder, tower=folder_of(scrambled(Tower(False)), tmp_path / "tower", False))
    assert found.config.vision.hidden_act == "gelu" and found.config.vision.fit == "pad"
    made = loaded(found)
    made.config.image_token_index = 60
    assert answered(made).isfinite().all()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"timm_model_name": "vit_so400m"}, "gives timm_model_name"),
        ({"attentional_pool": True}, "gives attentional_pool"),
        ({"layers": [3, 4, 6, 3]}, "gives layers"),
    ],
)
def test_other_towers_are_refused(more: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        read_openclip(folder_of(Tower(False), tmp_path, False, **more))


def test_a_tensor_that_is_not_known_is_named(tmp_path: Path) -> None:
    tower = Tower(False)
    tower.extra = nn.Linear(1, 1)
    with pytest.raises(ModelError, match=r"does not know: extra\.(weight|bias)"):
        read_openclip(folder_of(tower, tmp_path, False))
