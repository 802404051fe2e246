"""Every layout of LLaVA: transformers' own numbers come out, and what does not fit is named before memory is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration

from sviqa_app.checkpoints import pickles
from sviqa_app.checkpoints.convert import convert
from sviqa_app.checkpoints.llava import read_llava
from sviqa_app.checkpoints.llava_names import canonical, renamed
from sviqa_app.checkpoints.published import Layout, read_published
from sviqa_app.errors import ModelError
from tests.golden import golden, golden_cases, weights

from .models import (
    CLIP,
    IMAGE,
    TEXT,
    VOCABULARY,
    answered,
    llava_of,
    loaded,
    old_names,
    original_config,
    original_names,
    question,
    tower_folder,
    vocabulary,
    write,
)

AIM = 1e-5


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """test_pickles.py starts the converter's process; here it would only take time."""
    monkeypatch.setattr(pickles, "_run", pickles.convert)


@pytest.fixture(scope="module")
def model() -> LlavaForConditionalGeneration:
    return llava_of()


@pytest.fixture(scope="module")
def due(model: LlavaForConditionalGeneration) -> Tensor:
    return answered(model)


def without(tensors: dict[str, Tensor], *parts: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not any(part in name for part in parts)}


def put_image(model: LlavaForConditionalGeneration) -> LlavaForConditionalGeneration:
    """Original models have no id for a picture of their own; here it takes the place of the tests' id."""
    model.config.image_token_index = IMAGE
    return model


@pytest.mark.parametrize("vision", ["clip", "siglip"])
@pytest.mark.parametrize("text", ["llama", "qwen2"])
@pytest.mark.parametrize("tied", [False, True])
def test_as_transformers_writes_it(vision: str, text: str, tied: bool, tmp_path: Path) -> None:
    model = llava_of(vision, text, tied)
    model.save_pretrained(tmp_path / "m")
    found = read_llava(tmp_path / "m")
    assert found.layout is Layout.TRANSFORMERS and found.config.text.tied == tied
    torch.testing.assert_close(answered(loaded(found)), answered(model), atol=AIM, rtol=0)


@pytest.mark.parametrize("names", ["old", "nested", "nested with vision_model"])
@pytest.mark.parametrize("shards", [1, 3])
def test_names_of_any_age(names: str, shards: int, model: Any, due: Tensor, tmp_path: Path) -> None:
    state = old_names(model) if names == "old" else dict(model.state_dict())
    if "with" in names:
        state = {k.replace("vision_tower.", "vision_tower.vision_model."): v for k, v in state.items()}
    state["language_model.model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(3)
    state["vision_tower.vision_model.embeddings.position_ids"] = torch.arange(5)
    folder = write(tmp_path, model.config.to_dict(), state if shards == 1 else {})
    if shards > 1:
        shard(folder, state, shards, "model.safetensors")
    torch.testing.assert_close(answered(loaded(read_llava(folder))), due, atol=AIM, rtol=0)


def shard(folder: Path, state: dict[str, Tensor], count: int, name: str) -> None:
    stem, suffix = name.split(".")
    places = {key: f"{stem}-{i % count + 1:05}-of-{count:05}.{suffix}" for i, key in enumerate(state)}
    for file in set(places.values()):
        part = {key: state[key].clone() for key in state if places[key] == file}
        if suffix == "bin":
            torch.save(part, folder / file)
        else:
            save_file(part, folder / file)
    (folder / f"{name}.index.json").write_text(json.dumps({"weight_map": places}))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_keep_their_bits(dtype: torch.dtype, model: Any, tmp_path: Path) -> None:
    state = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    found = read_llava(write(tmp_path, model.config.to_dict(), state))
    assert all(torch.equal(found.tensors[name].read(), tensor) for name, tensor in state.items())
    half = llava_of()
    half.load_state_dict(state)
    torch.testing.assert_close(answered(loaded(found)), answered(half), atol=AIM, rtol=0)


def test_original_with_its_tower_and_without(model: Any, due: Tensor, tmp_path: Path) -> None:
    state = original_names(model)
    tower = tower_folder(tmp_path / "tower", model)
    whole = write(tmp_path / "whole", original_config(), state)
    bare = write(tmp_path / "called-anything", original_config(), without(state, "vision_tower"))
    for folder in (whole, bare):
        found = read_llava(folder, tower=tower)
        assert found.layout is Layout.ORIGINAL
        torch.testing.assert_close(answered(put_image(loaded(found))), due, atol=AIM, rtol=0)
    with pytest.raises(ModelError, match=r"no vision tower\. Give the folder of openai/clip-vit-large-patch14-336"):
        read_llava(bare)


def test_original_in_shards_of_pickles(model: Any, due: Tensor, tmp_path: Path) -> None:
    folder = write(tmp_path / "m", original_config(model_type="llava_llama"), {})
    shard(folder, original_names(model), 2, "pytorch_model.bin")
    found = read_llava(folder, tower=tower_folder(tmp_path / "tower", model))
    torch.testing.assert_close(answered(put_image(loaded(found))), due, atol=AIM, rtol=0)


@pytest.mark.parametrize("prefix", ["", "model."])
def test_projector_alone(prefix: str, model: Any, due: Tensor, tmp_path: Path) -> None:
    state = original_names(model)
    base = write(tmp_path / "vicuna", {}, without(state, "vision_tower", "mm_projector"))
    own = {k.removeprefix("model."): v for k, v in state.items() if "mm_projector" in k}
    folder = write(tmp_path / "m", original_config(), {})
    torch.save({prefix + name: tensor for name, tensor in own.items()}, folder / "mm_projector.bin")
    tower = tower_folder(tmp_path / "tower", model)
    found = read_llava(folder, base=base, tower=tower)
    torch.testing.assert_close(answered(put_image(loaded(found))), due, atol=AIM, rtol=0)
    with pytest.raises(ModelError, match="a projector without its language model"):
        read_llava(folder, tower=tower)


@pytest.mark.parametrize("names", ["PEFT", "old PEFT"])
@pytest.mark.parametrize("root", [False, True])
def test_lora(names: str, root: bool, tmp_path: Path) -> None:
    model = llava_of()
    state = {name: tensor.clone() for name, tensor in original_names(model).items()}
    generator = torch.Generator().manual_seed(5)
    lora: dict[str, Tensor] = {}
    scale = 16 / 4**0.5 if root else 16 / 4
    for number, layer in enumerate(model.model.language_model.layers):
        for part in ("self_attn.q_proj", "mlp.down_proj"):
            linear = layer.get_submodule(part)
            down = 0.1 * torch.randn(4, linear.in_features, generator=generator)
            up = 0.1 * torch.randn(linear.out_features, 4, generator=generator)
            head = f"base_model.model.model.layers.{number}.{part}.lora_"
            middle = ".default" if names == "old PEFT" else ""
            lora |= {f"{head}A{middle}.weight": down, f"{head}B{middle}.weight": up}
            layer.set_submodule(part, Adapted(linear, down, up, scale))
    folder = write(tmp_path / "llava-lora", original_config(), {})
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 16, "bias": "none", "use_rslora": root}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    save_file(lora, folder / "adapter_model.safetensors")
    own = {f"base_model.model.{name}": tensor for name, tensor in state.items() if "mm_projector" in name}
    torch.save(own, folder / "non_lora_trainables.bin")
    base = write(tmp_path / "vicuna", {}, without(state, "vision_tower", "mm_projector"))
    tower = tower_folder(tmp_path / "tower", model)
    found = read_llava(folder, base=base, tower=tower)
    torch.testing.assert_close(answered(put_image(loaded(found))), answered(model), atol=AIM, rtol=0)
    with pytest.raises(ModelError, match="a LoRA without its language model"):
        read_llava(folder, tower=tower)


class Adapted(nn.Module):
    """A linear layer with a LoRA beside it, not merged."""

    def __init__(self, linear: nn.Linear, down: Tensor, up: Tensor, scale: float) -> None:
        super().__init__()
        self.linear, self.down, self.up, self.scale = linear, down, up, scale

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.scale * (x @ self.down.T @ self.up.T)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"use_dora": True}, "gives use_dora the value 'True'"),
        ({"peft_type": "IA3"}, "gives peft_type the value 'IA3'"),
        ({"r": 5}, r"\[4, 48\] and \[48, 4\] for base_model.*, expected \[5, 48\]"),
        ({"modules_to_save": ["lm_head"]}, "gives modules_to_save"),
    ],
)
def test_lora_of_another_kind(change: dict[str, Any], words: str, model: Any, tmp_path: Path) -> None:
    state = original_names(model)
    folder = write(tmp_path / "m", original_config(), {})
    (folder / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8, **change}))
    head = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    save_file(
        {f"{head}A.weight": torch.ones(4, 48), f"{head}B.weight": torch.ones(48, 4)},
        folder / "adapter_model.safetensors",
    )
    save_file(
        {"model.mm_projector.0.bias": state["model.mm_projector.0.bias"].clone()},
        folder / "non_lora_trainables.safetensors",
    )
    base = write(tmp_path / "base", {}, state)
    with pytest.raises(ModelError, match=words):
        read_llava(folder, base=base, tower=tower_folder(tmp_path / "tower", model))


def test_the_linear_projector_of_llava_1_0(tmp_path: Path) -> None:
    model = llava_of()
    state = original_names(model)
    single = nn.Linear(32, 48)
    state = without(state, "mm_projector") | {f"model.mm_projector.{k}": v for k, v in single.state_dict().items()}
    model.model.multi_modal_projector = single
    folder = write(tmp_path / "m", original_config(mm_projector_type="linear"), state)
    tower = tower_folder(tmp_path / "tower", model)
    found = read_llava(folder, tower=tower)
    torch.testing.assert_close(answered(put_image(loaded(found))), answered(model), atol=AIM, rtol=0)
    convert(folder, tmp_path / "hf", tower=tower)
    convert(tmp_path / "hf", tmp_path / "back", "original")
    back = read_llava(tmp_path / "back", tower=tower)
    assert back.config.projector_act == "linear"
    assert all(torch.equal(back.tensors[name].read(), found.tensors[name].read()) for name in found.tensors)
    ready = put_image(LlavaForConditionalGeneration.from_pretrained(tmp_path / "hf"))
    torch.testing.assert_close(answered(ready), answered(model), atol=AIM, rtol=0)


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("select", ["patch", "cls_patch"])
def test_tinyllava(parts: bool, select: str, tmp_path: Path) -> None:
    """Its code leaves the first position out whatever the tower is, SigLIP too."""
    model = llava_of("siglip", "qwen2")
    state = {}
    for name, tensor in model.state_dict().items():
        name = name.replace("model.language_model.", "language_model.model.").replace(
            "lm_head.", "language_model.lm_head."
        )
        name = name.replace("model.vision_tower.", "vision_tower._vision_tower.vision_model.")
        name = name.replace("model.multi_modal_projector.linear_1", "connector._connector.0")
        state[name.replace("model.multi_modal_projector.linear_2", "connector._connector.2")] = tensor
    state["vision_tower._vision_tower.vision_model.head.probe"] = torch.ones(1, 1, 32)
    config = {
        "model_type": "tinyllava",
        "connector_type": "mlp2x_gelu",
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": select,
        "image_aspect_ratio": "square",
        "auto_map": {"AutoModelForCausalLM": "modeling_tinyllava_phi.TinyLlavaForConditionalGeneration"},
        "text_config": {**TEXT, "model_type": "qwen2"},
        "vision_config": {**CLIP, "model_type": "siglip_vision_model"},
    }
    folder = write(tmp_path, config, {} if parts else state)
    if parts:
        for part in ("language_model", "vision_tower", "connector"):
            own = {k.removeprefix(f"{part}."): v for k, v in state.items() if k.startswith(f"{part}.")}
            own = {k.removeprefix("_vision_tower."): v for k, v in own.items()}
            (folder / part).mkdir()
            torch.save(own, folder / part / "pytorch_model.bin")
    found = read_llava(folder)
    assert found.notes == ("config.json asks for code of its own (auto_map), which was not run.",)
    assert found.config.vision.fit == "squeeze"
    model.config.vision_feature_layer = -2
    model.config.vision_feature_select_strategy = "default" if select == "patch" else "full"
    asked = question(model)
    if select == "patch":
        asked["input_ids"] = asked["input_ids"][:, [0, 1, 2, *range(4, 13)]]
    with torch.inference_mode():
        due, got = model(**asked).logits, put_image(loaded(found))(**asked).logits
    torch.testing.assert_close(got, due, atol=AIM, rtol=0)


def test_the_original_code_gives_these_numbers(tmp_path: Path) -> None:
    numbers = golden("llava_original")
    state = weights(numbers)
    sizes = {**TEXT, "num_key_value_heads": 4}
    folder = write(tmp_path / "m", original_config(**sizes), state)
    tower = write(
        tmp_path / "tower", {"model_type": "clip_vision_model", **CLIP}, {"vision_model.encoder.x": torch.ones(1)}
    )
    convert(folder, tmp_path / "hf", tower=tower)
    model = LlavaForConditionalGeneration.from_pretrained(tmp_path / "hf").eval()
    image = model.config.image_token_index
    ids = torch.stack([expanded(row, image) for row in numbers["inputs.input_ids"]])
    with torch.inference_mode():
        logits = model(input_ids=ids, pixel_values=numbers["inputs.images"]).logits[..., :VOCABULARY]
        text = model(input_ids=numbers["inputs.text_ids"]).logits[..., :VOCABULARY]
    torch.testing.assert_close(logits, numbers["outputs.logits"], atol=AIM, rtol=0)
    torch.testing.assert_close(text, numbers["outputs.text_logits"], atol=AIM, rtol=0)
    convert(tmp_path / "hf", tmp_path / "back", "original")
    back = read_llava(tmp_path / "back", tower=tower)
    assert {renamed(name, Layout.ORIGINAL) for name in back.tensors} == set(state)
    for name, tensor in back.tensors.items():
        assert torch.equal(tensor.read(), state[renamed(name, Layout.ORIGINAL)])


def expanded(row: Tensor, image: int) -> Tensor:
    """-200, where a picture is, as its four patches."""
    return torch.tensor([id for old in row.tolist() for id in ([image] * 4 if old == -200 else [old])])


def test_names_are_those_that_transformers_gives() -> None:
    for case in golden_cases("llava_key_map")["keys"]:
        assert canonical(case["original"], Layout.ORIGINAL) == case["transformers5_module"]
        assert canonical(case["hf_hub"], Layout.TRANSFORMERS) == case["transformers5_module"]
        assert canonical(case["transformers5_module"], Layout.TRANSFORMERS) == case["transformers5_module"]
        assert renamed(case["transformers5_module"], Layout.ORIGINAL) == case["original"]
        assert renamed(case["transformers5_module"], Layout.TRANSFORMERS) == case["hf_hub"]


def test_a_tensor_of_another_shape_or_name_is_named(model: Any, tmp_path: Path) -> None:
    state = dict(model.state_dict())
    key = "model.language_model.layers.1.mlp.up_proj.weight"
    for change, words in [
        ({key: torch.ones(96, 47)}, f"{key} with shape 96x47, expected 96x48"),
        ({"model.language_model.layers.7.x": torch.ones(1)}, r"does not promise: model\.language_model\.layers\.7\.x"),
        ({"model.qformer.weight": torch.ones(1)}, r"does not know: model\.qformer\.weight"),
        ({"language_model.lm_head.weight": torch.ones(1)}, r"the tensor lm_head\.weight twice"),
    ]:
        with pytest.raises(ModelError, match=words):
            read_llava(write(tmp_path, model.config.to_dict(), state | change))
    with pytest.raises(ModelError, match=f"no tensor {key}, expected 96x48"):
        read_llava(write(tmp_path, model.config.to_dict(), without(state, "layers.1.mlp.up_proj")))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "llava_next"}, "of the kind 'llava_next'"),
        ({"model_type": "step1", "auto_map": {"AutoModel": "x.Y"}}, "of the kind 'step1'"),
        ({"quantization_config": {"bits": 4}}, "packed to fewer bits"),
        ({"vision_feature_layer": [-2, -5]}, "gives vision_feature_layer"),
        ({"vision_feature_layer": 99}, "gives vision_feature_layer the value '99'"),
        ({"text_config": {"model_type": "phi"}}, "gives model_type the value 'phi'"),
        ({"text_config": {"num_hidden_layers": 10**6}}, "promises 1,000,000 layers"),
        ({"text_config": {"num_hidden_layers": 10**12}}, "gives num_hidden_layers"),
        ({"text_config": {"hidden_size": "48"}}, "gives hidden_size the value '48'"),
        ({"text_config": {"head_dim": 13, "hidden_size": 48, "num_attention_heads": 4}}, "gives head_dim"),
        ({"text_config": {"rope_scaling": {"type": "linear", "factor": 4.0}}}, "gives type the value 'linear'"),
        ({"text_config": {"attention_bias": True}}, "gives attention_bias"),
        ({"vision_config": {"model_type": "os.system"}}, r"gives model_type the value 'os\.system'"),
        ({"vision_config": {"hidden_act": "__import__"}}, "gives hidden_act"),
        ({"vision_config": {"hidden_size": 33, "num_attention_heads": 4}}, "do not fit together"),
        ({"projector_hidden_act": "silu"}, "gives projector_hidden_act"),
    ],
)
def test_configurations_that_are_not_known(change: dict[str, Any], words: str, model: Any, tmp_path: Path) -> None:
    folder = write(tmp_path, model.config.to_dict() | change, model.state_dict())
    with pytest.raises(ModelError, match=words):
        read_llava(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mm_projector_type": "mlp3x_gelu"}, "gives mm_projector_type the value 'mlp3x_gelu'"),
        ({"mm_patch_merge_type": "spatial_unpad"}, "LLaVA-NeXT, which cuts"),
        ({"mm_resampler_type": "qformer"}, "gives mm_resampler_type"),
        ({"mm_vision_select_feature": "cls"}, "gives mm_vision_select_feature"),
        ({"model_type": "llava_mpt"}, "of the kind 'llava_mpt'"),
    ],
)
def test_originals_that_are_not_known(change: dict[str, Any], words: str, model: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        read_llava(write(tmp_path, original_config(**change), original_names(model)))


def test_sizes_that_config_json_leaves_out_are_those_of_transformers(tmp_path: Path) -> None:
    """llava-1.5-7b-hf says no more of its language model than this."""
    said = {
        "model_type": "llava",
        "text_config": {"model_type": "llama", "vocab_size": 32064},
        "image_token_index": 32000,
    }
    config = read_published(write(tmp_path, said, {})).config
    assert (config.text.hidden_size, config.text.layers, config.text.intermediate_size) == (4096, 32, 11008)
    assert (config.vision.image_size, config.vision.layers, config.vision.hidden_size) == (336, 24, 1024)
    assert config.vision.feature_select == "default" and config.tokens.image == 32000


def test_mistral_is_a_llama_up_to_its_window(tmp_path: Path) -> None:
    language = {"model_type": "mistral", "sliding_window": 4096, "max_position_embeddings": 32768}
    text = read_published(write(tmp_path, {"model_type": "llava", "text_config": language}, {})).config.text
    assert (text.model_type, text.max_positions, text.kv_heads) == ("llama", 4096, 8)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    key=st.sampled_from(sorted({*original_config(), "text_config", "vision_config", *CLIP})),
    value=values,
    at=st.integers(0, 3),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_configurations_are_read_or_refused(key: str, value: Any, at: int, tmp_path: Path) -> None:
    published = {"model_type": "llava", "text_config": dict(TEXT), "vision_config": dict(CLIP)}
    config = original_config() if at == 0 else published
    place = config[("text_config", "vision_config")[at - 2]] if at > 1 else config
    place[key] = value
    try:
        read_llava(write(tmp_path, config, {"lm_head.weight": torch.ones(1, 1)}))
    except ModelError as error:
        assert error.what


@given(changes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_headers_are_read_or_refused(changes: list[tuple[int, int]], model: Any, tmp_path: Path) -> None:
    folder = write(tmp_path, model.config.to_dict(), model.state_dict())
    data = bytearray((folder / "model.safetensors").read_bytes())
    for at, value in changes:
        data[at] = value
    (folder / "model.safetensors").write_bytes(data)
    try:
        found = read_llava(folder)
    except ModelError as error:
        assert error.what and "Traceback" not in error.what
    else:
        assert {name: tuple(t.read().shape) for name, t in found.tensors.items()} == {
            name: tuple(t.shape) for name, t in model.state_dict().items()
        }


def test_transformers_reads_what_was_converted(model: Any, due: Tensor, tmp_path: Path) -> None:
    from transformers import AutoProcessor

    folder = write(tmp_path / "m", original_config(vocab_size=VOCABULARY), original_names(model))
    vocabulary(VOCABULARY).save(str(folder / "tokenizer.json"))
    convert(folder, tmp_path / "hf", tower=tower_folder(tmp_path / "tower", model))
    ready, info = LlavaForConditionalGeneration.from_pretrained(tmp_path / "hf", output_loading_info=True)
    assert not any(info.values()), info
    assert ready.config.image_token_index == VOCABULARY and ready.config.text_config.vocab_size == 128
    torch.testing.assert_close(answered(ready, VOCABULARY), due, atol=AIM, rtol=0)
    processor = AutoProcessor.from_pretrained(tmp_path / "hf", backend="pil")
    assert type(processor).__name__ == "LlavaProcessor" and processor.tokenizer.convert_tokens_to_ids("<image>") == 64


def test_pickles_go_through_the_converter(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(
        pickles,
        "converted",
        lambda path: asked.append(path) or write(tmp_path, {}, model.state_dict()) / "model.safetensors",
    )
    folder = write(tmp_path / "m", model.config.to_dict(), {})
    (folder / "pytorch_model.bin").write_bytes(b"never opened here")
    read_llava(folder)
    assert asked == [folder / "pytorch_model.bin"]
