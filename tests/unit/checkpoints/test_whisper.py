"""Whisper encoders of both layouts: transformers' own numbers come out of our ear."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from sviqa_app.checkpoints.whisper import Whisper, read_whisper
from sviqa_app.errors import ModelError
from sviqa_app.model.speech import SpeechEncoder

from .models import WHISPER, whisper_folder, whisper_of, write


def openai_names() -> dict[str, Tensor]:
    """The encoder as OpenAI's code saves it, with a bit of the decoder."""
    new = {}
    for name, tensor in whisper_of().state_dict().items():
        for ours, theirs in [
            ("embed_positions.weight", "positional_embedding"),
            ("layers.", "blocks."),
            ("self_attn_layer_norm", "attn_ln"),
            ("final_layer_norm", "mlp_ln"),
            ("self_attn.q_proj", "attn.query"),
            ("self_attn.k_proj", "attn.key"),
            ("self_attn.v_proj", "attn.value"),
            ("self_attn.out_proj", "attn.out"),
            ("fc1", "mlp.0"),
            ("fc2", "mlp.2"),
        ]:
            name = name.replace(ours, theirs)
        new["encoder." + name.replace("layer_norm.", "ln_post.")] = tensor.clone()
    return new | {"decoder.token_embedding.weight": torch.zeros(3, 128)}


DIMS = {"n_mels": 80, "n_audio_ctx": 50, "n_audio_state": 128, "n_audio_head": 2, "n_audio_layer": 2, "n_vocab": 3}


def heard(found: Whisper) -> Tensor:
    """Our ear's hidden states of a question as long as the encoder's window."""
    ear = SpeechEncoder(found.config).eval()
    ear.encoder.load_state_dict({name: tensor.read().float() for name, tensor in found.tensors.items()})
    with torch.inference_mode():
        return ear(mel(), torch.tensor([100, 100]))


def mel() -> Tensor:
    return torch.randn(2, 80, 100, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def due() -> Tensor:
    with torch.inference_mode():
        return whisper_of()(mel()).last_hidden_state


@pytest.mark.parametrize("names", ["model.encoder.", "encoder."])
def test_of_transformers(names: str, due: Tensor, tmp_path: Path) -> None:
    state = {names + name: tensor for name, tensor in whisper_of().state_dict().items()}
    state |= {"model.decoder.embed_tokens.weight": torch.zeros(3, 128), "proj_out.weight": torch.zeros(3, 128)}
    found = read_whisper(write(tmp_path, {"model_type": "whisper", **WHISPER}, state))
    torch.testing.assert_close(heard(found), due, atol=1e-5, rtol=0)


@pytest.mark.parametrize("file", ["base.pt", "nested"])
def test_of_openai(file: str, due: Tensor, tmp_path: Path) -> None:
    torch.save({"dims": DIMS, "model_state_dict": openai_names()}, tmp_path / "base.pt")
    place = tmp_path if file == "nested" else tmp_path / file
    found = read_whisper(place)
    assert found.config.heads == 2 and found.config.max_positions == 50
    torch.testing.assert_close(heard(found), due, atol=1e-5, rtol=0)


@pytest.mark.parametrize("prefix", ["", "model_state_dict."])
def test_of_openai_as_safetensors(prefix: str, due: Tensor, tmp_path: Path) -> None:
    save_file({prefix + name: tensor.half() for name, tensor in openai_names().items()}, tmp_path / "base.safetensors")
    torch.testing.assert_close(heard(read_whisper(tmp_path)), due, atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "wav2vec2"}, "gives model_type the value 'wav2vec2'"),
        ({"model_type": None}, "gives model_type"),
        ({"encoder_layers": 3}, r"no tensor layers\.2\.\S+"),
        ({"encoder_layers": 1}, r"does not promise: layers\.1\."),
        ({"num_mel_bins": 128}, r"conv1\.weight with shape 128x80x3, expected 128x128x3"),
        ({"encoder_attention_heads": 3}, "gives encoder_attention_heads"),
        ({"activation_function": "relu"}, "gives activation_function"),
        ({"scale_embedding": True}, "gives scale_embedding"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    folder = whisper_folder(tmp_path)
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", **WHISPER, **change}))
    with pytest.raises(ModelError, match=words):
        read_whisper(folder)


def test_openai_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not hold one Whisper"):
        read_whisper(tmp_path)
    save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=r"a\.safetensors holds no Whisper: conv1\.weight is missing"):
        read_whisper(tmp_path)
    save_file(openai_names() | {"encoder.blocks.0.attn.query.weight": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=r"layers\.0\.self_attn\.q_proj\.weight with shape 2, expected 128x128"):
        read_whisper(tmp_path)
    save_file({"b": torch.ones(1)}, tmp_path / "b.safetensors")
    with pytest.raises(ModelError, match="does not hold one Whisper"):
        read_whisper(tmp_path)


@given(
    name=st.sampled_from(sorted(openai_names())),
    shape=st.lists(st.integers(0, 200), max_size=4),
    other=st.text(max_size=12),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_openai_files_are_read_or_refused(name: str, shape: list[int], other: str, tmp_path: Path) -> None:
    state = openai_names()
    if torch.Size(shape).numel() < 10_000:
        state[name] = torch.zeros(shape)
    state[f"encoder.blocks.{other}"] = state.pop(name)
    save_file(state, tmp_path / "a.safetensors")
    try:
        read_whisper(tmp_path)
    except ModelError as error:
        assert error.what
