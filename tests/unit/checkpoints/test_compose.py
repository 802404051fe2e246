"""A LLaVA and a Whisper become a SViQA: the same answers in words, nothing missing, and the way back to the bit."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlavaForConditionalGeneration
from transformers.initialization import no_init_weights

from sviqa_app.checkpoints import compose as composing
from sviqa_app.checkpoints.compose import assemble, compose
from sviqa_app.checkpoints.convert import convert
from sviqa_app.checkpoints.llava import Llava, read_llava
from sviqa_app.checkpoints.native import read_config
from sviqa_app.checkpoints.published import TOWERS, Layout
from sviqa_app.checkpoints.speech_projector import read_speech_projector
from sviqa_app.checkpoints.stored import Stored, open_weights, write_weights
from sviqa_app.checkpoints.vocabulary import read_vocabulary
from sviqa_app.checkpoints.whisper import Whisper, read_whisper
from sviqa_app.errors import ModelError, OutputError
from sviqa_app.model.config import SpeechConfig, SviqaConfig, TextConfig, TokenConfig
from sviqa_app.model.speech import SpeechEncoder, SpeechProjector
from sviqa_app.model.sviqa import Sviqa, llava_config
from tests.golden import golden, weights

from .models import (
    IMAGE,
    VOCABULARY,
    WHISPER,
    answered,
    llava_of,
    original_config,
    original_names,
    question,
    tower_folder,
    vocabulary,
    whisper_folder,
    whisper_of,
    write,
)

AIM = 1e-5
FULL = SviqaConfig(
    vision=TOWERS["openai/clip-vit-large-patch14-336"],
    text=TextConfig(32064, 4096, 11008, 32, 32, 32, 4096, 1e4, "llama", 1e-5),
    tokens=TokenConfig(32001, 1, 2, 32000, -1, 32064),
)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A LLaVA as transformers writes it."""
    model = llava_of()
    model.save_pretrained(tmp_path / "llava")
    vocabulary().save(str(tmp_path / "llava" / "tokenizer.json"))
    return tmp_path / "llava"


@pytest.fixture
def whisper(tmp_path: Path) -> Path:
    return whisper_folder(tmp_path / "whisper")


def opened(folder: Path) -> Sviqa:
    """The SViQA in a folder, strictly."""
    model = Sviqa(read_config(folder)).eval()
    stored = open_weights(folder, "model")
    assert stored is not None
    model.load_state_dict({name: tensor.read().float() for name, tensor in stored.items()})
    return model


@pytest.mark.parametrize("audio", [False, True])
@pytest.mark.parametrize("text", ["llama", "qwen2"])
@pytest.mark.parametrize("tied", [False, True])
def test_asked_in_words_it_answers_as_the_llava(
    audio: bool, text: str, tied: bool, whisper: Path, tmp_path: Path
) -> None:
    model = llava_of(text=text, tied=tied)
    model.save_pretrained(tmp_path / "llava")
    vocabulary().save(str(tmp_path / "llava" / "tokenizer.json"))
    written = compose(tmp_path / "llava", whisper, tmp_path / "out", audio)
    made = opened(tmp_path / "out")
    torch.testing.assert_close(answered(made.llava), answered(model), atol=0, rtol=0)
    asked = question(model)
    seen = made.picture_embeddings(asked["pixel_values"])
    with torch.inference_mode():  # the way of the engine: embeddings, then the language model
        parts = [made.embed(asked["input_ids"][:, :3]), seen, made.embed(asked["input_ids"][:, 7:])]
        hidden, _ = made.language(torch.cat(parts, dim=1))
        logits = made.logits(hidden)[..., :VOCABULARY]
    torch.testing.assert_close(logits, answered(model), atol=AIM, rtol=0)
    config, words = made.config, read_vocabulary(tmp_path / "out")
    assert words.token_to_id("<speech>") == config.tokens.speech == IMAGE < config.text.vocab_size
    assert config.audio.size == (5120 if audio else 0)
    if audio:
        assert words.token_to_id("<audio_0>") == config.audio.base
        assert words.token_to_id("<audio_5119>") == config.audio.base + 5119 == config.text.vocab_size - 1
    assert config.text.vocab_size == (61 + 5120 if audio else VOCABULARY)
    assert words.encode("w3 <speech> w4").ids == [3, config.tokens.speech, 4]
    assert written.tensors == len(made.state_dict())


def test_the_ear_hears_as_whisper(published: Path, whisper: Path, tmp_path: Path) -> None:
    compose(published, whisper, tmp_path / "out")
    mel = torch.randn(2, 80, 100, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        due = whisper_of()(mel).last_hidden_state
        heard = opened(tmp_path / "out").ear.speech_encoder(mel, torch.tensor([100, 100]))
    torch.testing.assert_close(heard, due, atol=AIM, rtol=0)


def test_a_fresh_projector_is_alike_each_time_and_as_torch_draws_one(
    published: Path, whisper: Path, tmp_path: Path
) -> None:
    for out in ("one", "two"):
        compose(published, whisper, tmp_path / out)
    one, two = opened(tmp_path / "one").ear.speech_projector, opened(tmp_path / "two").ear.speech_projector
    assert torch.equal(one.linear1.weight, two.linear1.weight)
    assert 0.98 / 640**0.5 < one.linear1.weight.abs().max() <= 1 / 640**0.5


def test_original_to_transformers_to_sviqa_and_back(whisper: Path, tmp_path: Path) -> None:
    model = llava_of()
    tower = tower_folder(tmp_path / "tower", model)
    half = {name: tensor.half() for name, tensor in original_names(model).items()}
    write(tmp_path / "original", original_config(), half)
    convert(tmp_path / "original", tmp_path / "hf", tower=tower)
    compose(tmp_path / "hf", whisper, tmp_path / "sviqa", audio_tokens=True)
    convert(tmp_path / "sviqa", tmp_path / "hf2")
    compose(tmp_path / "original", whisper, tmp_path / "straight", tower=tower)
    convert(tmp_path / "straight", tmp_path / "hf3")
    first = load_file(tmp_path / "hf" / "model.safetensors")
    for other in ("hf2", "hf3"):
        same(first, load_file(tmp_path / other / "model.safetensors"))
        assert read_config_json(tmp_path / other) == read_config_json(tmp_path / "hf")
    for source in ("hf", "sviqa", "straight"):
        convert(tmp_path / source, tmp_path / f"{source}-original", "original")
        same(half, load_file(tmp_path / f"{source}-original" / "model.safetensors"))
    assert read_vocabulary(tmp_path / "hf2").token_to_id("<speech>") is None


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert set(one) == set(two)
    for name, tensor in one.items():
        assert tensor.dtype == two[name].dtype and torch.equal(tensor, two[name]), name


def read_config_json(folder: Path) -> Any:
    return json.loads((folder / "config.json").read_text())


def test_the_projector_of_llama_omni(published: Path, whisper: Path, tmp_path: Path) -> None:
    state = {"model.speech_projector.linear1.weight": torch.randn(2048, 640), "model.norm.weight": torch.ones(3)}
    state |= {"model.speech_projector.linear1.bias": torch.randn(2048)}
    state |= {"model.speech_projector.linear2.weight": torch.randn(48, 2048)}
    state |= {"model.speech_projector.linear2.bias": torch.randn(48)}
    omni = write(tmp_path / "omni", {}, state)
    compose(published, whisper, tmp_path / "out", projector=omni)
    made = opened(tmp_path / "out").ear.speech_projector
    assert torch.equal(made.linear1.weight, state["model.speech_projector.linear1.weight"])
    write(omni, {}, state | {"model.speech_projector.linear2.bias": torch.ones(47)})
    with pytest.raises(ModelError, match=r"speech_projector\.linear2\.bias with shape 47, expected 48"):
        compose(published, whisper, tmp_path / "other", projector=omni)
    write(omni, {}, {"model.norm.weight": torch.ones(3)})
    with pytest.raises(ModelError, match=r"no speech projector: linear1\.weight is missing"):
        read_speech_projector(omni)


@pytest.mark.parametrize("frames", [4, 5, 9, 10, 14, 25, 53])
def test_llama_omnis_code_gives_these_numbers(frames: int, tmp_path: Path) -> None:
    numbers = golden("llama_omni_projector")
    folder = write(tmp_path, {}, weights(numbers))
    projector = SpeechProjector(SpeechConfig(width=8, projector_hidden=2048), 24)
    projector.load_state_dict({name: tensor.read() for name, tensor in read_speech_projector(folder).items()})
    heard, due = numbers[f"inputs.len{frames}.x"], numbers[f"outputs.len{frames}.y"]
    with torch.inference_mode():
        joined, lengths = projector.join(heard, torch.tensor([frames, frames]))
        made = projector(joined)
    assert due.shape[1] == frames // 5 and made.shape[1] == lengths[0] == -(-frames // 5)
    torch.testing.assert_close(made[:, : frames // 5], due, atol=AIM, rtol=0)


def meta(shapes: dict[str, tuple[int, ...]]) -> dict[str, Stored]:
    return {
        name: Stored(shape, torch.float16, lambda s=shape: torch.empty(s, device="meta"))
        for name, shape in shapes.items()
    }


def shapes_of(build: Any) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"), no_init_weights():
        return {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}


@pytest.mark.parametrize("audio", [False, True])
def test_full_size_is_complete(audio: bool) -> None:
    llava = shapes_of(lambda: LlavaForConditionalGeneration(llava_config(FULL)))
    speech = replace(SpeechConfig.whisper("large-v3"), captions=False)
    seen = Llava(FULL, meta(llava), Layout.TRANSFORMERS)
    heard = Whisper(speech, meta(shapes_of(lambda: SpeechEncoder(speech).encoder)))
    config, tensors = assemble(seen, heard, vocabulary(32000, image=True), audio)
    rows = 32002 + 5120 if audio else 32064
    assert {name: tensor.shape for name, tensor in tensors.items()} == shapes_of(lambda: Sviqa(config))
    assert tensors["llava.lm_head.weight"].shape == (rows, 4096) and config.tokens.speech == 32001
    assert tensors["ear.speech_projector.linear1.weight"].shape == (2048, 6400)
    assert tensors["ear.speech_projector.linear2.weight"].shape == (4096, 2048)
    assert tensors["ear.speech_encoder.encoder.conv1.weight"].shape == (1280, 128, 3)
    grown = tensors["llava.model.language_model.embed_tokens.weight"].read()
    assert grown.shape == (rows, 4096) and grown.is_meta
    assert sum(tensor.bytes for tensor in tensors.values()) > 15e9


def test_full_size_folders_are_read_by_their_headers(tmp_path: Path) -> None:
    """llava-1.5-7b-hf and whisper-large-v3 as they lie on the Hub, 17 GB of nothing."""
    llava = shapes_of(lambda: LlavaForConditionalGeneration(llava_config(FULL)))
    names = composing_names(llava)
    hollow(tmp_path / "llava", {"model_type": "llava", **hub_config()}, names, shards=3)
    speech = SpeechConfig.whisper("large-v3")
    encoder = {
        f"model.encoder.{name}": shape for name, shape in shapes_of(lambda: SpeechEncoder(speech).encoder).items()
    }
    hub = {"model_type": "whisper", "d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20}
    hollow(tmp_path / "whisper", {**hub, "encoder_ffn_dim": 5120, "num_mel_bins": 128}, encoder, shards=1)
    seen, heard = read_llava(tmp_path / "llava"), read_whisper(tmp_path / "whisper")
    config, tensors = assemble(seen, heard, vocabulary(32000, image=True), audio_tokens=False)
    assert {name: tensor.shape for name, tensor in tensors.items()} == shapes_of(lambda: Sviqa(config))


def composing_names(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    new = {}
    for name, shape in shapes.items():
        name = name.replace("model.language_model.", "language_model.model.").replace(
            "lm_head.", "language_model.lm_head."
        )
        name = name.replace("model.vision_tower.", "vision_tower.vision_model.")
        new[name.replace("model.multi_modal_projector", "multi_modal_projector")] = shape
    return new


def hub_config() -> dict[str, Any]:
    """The parts of llava-1.5-7b-hf's config.json that count."""
    vision = {"model_type": "clip_vision_model", "hidden_size": 1024, "image_size": 336, "intermediate_size": 4096}
    vision |= {"num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768}
    text = {"model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "vocab_size": 32064}
    return {"text_config": text, "vision_config": vision, "image_token_index": 32000, "pad_token_id": 32001}


def hollow(folder: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]], shards: int) -> None:
    """Files of the right length with the right header, that take no room."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    places = {}
    for number in range(shards):
        file = "model.safetensors" if shards == 1 else f"model-{number + 1:05}-of-{shards:05}.safetensors"
        own = dict(list(shapes.items())[number::shards])
        places |= dict.fromkeys(own, file)
        header, end = {}, 0
        for name, shape in own.items():
            begin, end = end, end + 2 * int(torch.Size(shape).numel())
            header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
        text = json.dumps(header).encode()
        with (folder / file).open("wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            out.truncate(8 + len(text) + end)
    if shards > 1:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def test_memory_holds_one_tensor(
    published: Path, whisper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tensor is read when it is written, after those before it are on the disk."""
    order: list[str] = []

    def watching(folder: Path, tensors: dict[str, Stored]) -> None:
        watched = {n: t.then(lambda x, n=n: order.append(n) or x) for n, t in tensors.items()}
        assert order == []
        write_weights(folder, watched, shard_bytes=50_000)

    monkeypatch.setattr(composing, "write_weights", watching)
    compose(published, whisper, tmp_path / "out")
    assert len(order) == len(set(order)) and len(list((tmp_path / "out").glob("model-*-of-*.safetensors"))) > 3
    torch.testing.assert_close(answered(opened(tmp_path / "out").llava), answered(llava_of()), atol=0, rtol=0)


def test_nothing_is_left_where_something_is_wrong(
    published: Path, whisper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputError, match="already something"):
        compose(published, whisper, tmp_path / "there")
    with pytest.raises(OutputError, match="no folder"):
        compose(published, whisper, tmp_path / "none" / "out")
    with pytest.raises(ModelError, match="of the kind 'whisper'"):
        compose(whisper, whisper, tmp_path / "out")
    with pytest.raises(ModelError, match="gives model_type the value 'llava'"):
        compose(published, published, tmp_path / "out")
    (published / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json is broken"):
        compose(published, whisper, tmp_path / "out")
    (published / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer"):
        compose(published, whisper, tmp_path / "out")
    vocabulary(VOCABULARY + 1).save(str(published / "tokenizer.json"))
    with pytest.raises(ModelError, match="65 words, and the LLaVA knows 64"):
        compose(published, whisper, tmp_path / "out")
    vocabulary().save(str(published / "tokenizer.json"))

    def full(folder: Path, tensors: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(composing, "write_weights", full)
    with pytest.raises(OutputError, match="disk is full"):
        compose(published, whisper, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["llava", "there", "whisper"]


def test_a_sviqa_of_our_own_is_no_llava(tmp_path: Path) -> None:
    write(tmp_path, SviqaConfig.tiny().to_dict(), {"llava.lm_head.weight": torch.ones(1)})
    with pytest.raises(ModelError, match="not composed of a LLaVA"):
        read_llava(tmp_path)


def test_whisper_sizes_are_read(whisper: Path) -> None:
    config = read_whisper(whisper).config
    assert (config.mels, config.width, config.layers, config.heads) == (80, 128, 2, WHISPER["encoder_attention_heads"])
    assert not config.captions
