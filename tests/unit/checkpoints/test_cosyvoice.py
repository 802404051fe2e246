"""Published vocoder folders: read strictly, the same to the bit once converted, and a stranger's code never run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sviqa_app.checkpoints import pickles
from sviqa_app.checkpoints.cosyvoice import CosyVoice, load_cosyvoice
from sviqa_app.checkpoints.cosyvoice_sizes import read_sizes
from sviqa_app.checkpoints.recipes import Recipe
from sviqa_app.errors import ModelError
from sviqa_app.model.config import FlowConfig, HiftConfig
from sviqa_app.model.flow import Flow
from sviqa_app.model.hift import Hift
from sviqa_app.model.hift_source import Draws
from sviqa_app.model.int8 import has_int8
from tests.golden import golden, weights
from tests.unit.model.test_flow import CONFIG as FLOW_CONFIG
from tests.unit.model.test_hift import CONFIG as HIFT_CONFIG

Numbers = dict[str, Tensor]

RECIPE = """
# set random seed, so that you may reproduce your result.
__set_seed1: !apply:random.seed [1986]
sample_rate: 22050
spk_embed_dim: 192
flow: !new:cosyvoice.flow.flow.MaskedDiffWithXvec
    input_size: {encoder}
    output_size: 80
    spk_embed_dim: !ref <spk_embed_dim>
    output_type: 'mel'
    vocab_size: 4096
    input_frame_rate: {rate}
    encoder: !new:cosyvoice.transformer.encoder.ConformerEncoder
        output_size: {encoder}
        attention_heads: {heads}
        linear_units: {ffn}
        num_blocks: {layers}
        normalize_before: True
        input_layer: 'linear'
        pos_enc_layer_type: 'rel_pos_espnet'
        selfattention_layer_type: 'rel_selfattn'
    decoder: !new:cosyvoice.flow.flow_matching.ConditionalCFM
        in_channels: 240
        cfm_params: !new:omegaconf.DictConfig
            content:
                sigma_min: 1e-06
                solver: 'euler'
                t_scheduler: 'cosine'
                inference_cfg_rate: 0.7
        estimator: !new:cosyvoice.flow.decoder.ConditionalDecoder
            channels: {channels}
            attention_head_dim: {head}
            n_blocks: {blocks}
            num_mid_blocks: {mid}
            num_heads: {estimator_heads}
            act_fn: 'gelu'
hift: !new:cosyvoice.hifigan.generator.HiFTGenerator
    in_channels: 80
    base_channels: {base}
    nb_harmonics: 8
    sampling_rate: !ref <sample_rate>
    nsf_alpha: 0.1
    upsample_rates: [8, 8]
    upsample_kernel_sizes: [16, 16]
    istft_params:
        n_fft: 16
        hop_len: 4
    resblock_kernel_sizes: [3, 7, 11]
    resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5], [1, 3, 5]]
    source_resblock_kernel_sizes: [7, 11]
    source_resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5]]
    f0_predictor: !new:cosyvoice.hifigan.f0_predictor.ConvRNNF0Predictor
        cond_channels: {pitch}
"""


def recipe(flow: FlowConfig = FLOW_CONFIG, hift: HiftConfig = HIFT_CONFIG) -> str:
    return RECIPE.format(
        encoder=flow.encoder_dim,
        rate=flow.token_rate,
        heads=flow.encoder_heads,
        ffn=flow.encoder_ffn,
        layers=flow.encoder_layers,
        channels=list(flow.channels),
        head=flow.attention_head_dim,
        blocks=flow.blocks_per_stage,
        mid=flow.mid_blocks,
        estimator_heads=flow.attention_heads,
        base=hift.channels,
        pitch=hift.f0_channels,
    )


def write(folder: Path, flow: Numbers, hift: Numbers, text: str) -> Path:
    """A folder as it is published; the two networks beside are only there."""
    folder.mkdir()
    torch.save(flow, folder / "flow.pt")
    torch.save(hift, folder / "hift.pt")
    (folder / "cosyvoice.yaml").write_text(text)
    for name in ("campplus.onnx", "speech_tokenizer_v1.onnx"):
        (folder / name).write_bytes(b"\x08\x07")
    (folder / "VERSION_Vq0206Vocoder_1202").touch()
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The golden weights, under the real names. Pickles are converted in this process, which saves seconds."""
    monkeypatch.setattr(pickles, "_run", pickles.convert)
    flow, hift = weights(golden("flow_weights")), weights(golden("hift_full"))
    return write(tmp_path / "CosyVoice-300M-25Hz", flow, hift, recipe())


def spoken(voice: CosyVoice, tokens: int) -> Tensor:
    """So many tokens after three of a prompt, as samples."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(0, voice.flow.config.vocab_size, (1, 3 + tokens), generator=generator)
    prompt, embedding = torch.zeros(1, 80, 6), torch.randn(1, 192, generator=generator)
    noise = torch.randn(1, 80, 400, generator=generator)
    frames = 2 * tokens
    with torch.inference_mode():
        mel = voice.flow(ids[:, 3:], ids[:, :3], prompt, embedding, noise[..., : 6 + frames], frames)
        draws = Draws.random(1, frames * voice.hift.hop, voice.hift.config, generator)
        wave: Tensor = voice.hift(mel, draws)[0]
    return wave


def golden_mel(voice: CosyVoice) -> tuple[Tensor, Tensor]:
    """What the flow gives for the golden prompt, and what is due."""
    case = {key.removeprefix("inputs.prompt."): v for key, v in golden("flow_inference").items()}
    names = ("token", "prompt_token", "prompt_feat", "embedding", "noise")
    tokens, before, mel, embedding, noise = (case[name] for name in names)
    with torch.inference_mode():
        got = voice.flow(tokens, before, mel.transpose(1, 2), embedding, noise)
    return got, golden("flow_inference")["outputs.prompt.mel"]


def test_the_golden_weights_give_the_golden_numbers(folder: Path) -> None:
    voice = load_cosyvoice(folder)
    assert voice.flow.config == replace(FLOW_CONFIG, token_rate=125 / 3) and voice.hift.config == HIFT_CONFIG
    assert voice.speaker_encoder.is_file() and voice.speech_tokenizer.is_file()
    assert not any(p.requires_grad for p in (*voice.flow.parameters(), *voice.hift.parameters()))
    got, due = golden_mel(voice)
    torch.testing.assert_close(got, due, atol=1e-3, rtol=0)
    gold = golden("hift_decode")
    wave = voice.hift.decode(gold["inputs.mel"], gold["inputs.source"])
    torch.testing.assert_close(wave, gold["outputs.wav"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("prefix", ["", "generator."])
@pytest.mark.parametrize("item", ["hift_full", "hift_weights_parametrized"])
def test_both_spellings_of_weight_norm(item: str, prefix: str, folder: Path) -> None:
    due = spoken(load_cosyvoice(folder), 5)
    torch.save({prefix + name: tensor for name, tensor in weights(golden(item)).items()}, folder / "hift.pt")
    assert torch.equal(spoken(load_cosyvoice(folder), 5), due)


def test_converted_once_in_another_process_and_the_same_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, hift = weights(golden("flow_weights")), weights(golden("hift_full"))
    folder = write(tmp_path / "m", flow, hift, recipe())
    first = spoken(load_cosyvoice(folder), 5)
    assert {file.name for file in folder.glob("*.safetensors")} == {"flow.pt.safetensors", "hift.pt.safetensors"}
    monkeypatch.setattr(pickles, "_run", lambda *_: pytest.fail("converted again"))
    assert torch.equal(spoken(load_cosyvoice(folder), 5), first)


def test_half_precision_on_the_disk(folder: Path) -> None:
    for name, item in (("flow.pt", "flow_weights"), ("hift.pt", "hift_full")):
        torch.save({key: tensor.half() for key, tensor in weights(golden(item)).items()}, folder / name)
    got, due = golden_mel(load_cosyvoice(folder))
    torch.testing.assert_close(got, due, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    "precision",
    ["bf16", pytest.param("int8", marks=pytest.mark.skipif(not has_int8(), reason="no instructions for int8"))],
)
def test_fewer_bits_stay_nearer_than_the_released_code(precision: str, folder: Path) -> None:
    """The released code, in bfloat16 throughout, is 0.063 (RMS) away from its own float32."""
    voice = load_cosyvoice(folder, precision=precision)  # type: ignore[arg-type]
    got, due = golden_mel(voice)
    assert got.dtype == torch.float32
    assert 0 < float((got - due).square().mean().sqrt()) < 0.025
    assert spoken(voice, 5).isfinite().all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what is to be missing")
def test_a_device_that_is_not_there(folder: Path) -> None:
    with pytest.raises(ModelError, match="device cuda cannot be used"):
        load_cosyvoice(folder, "cuda")
    with pytest.raises(ModelError, match="cuda does not compute in int8"):
        load_cosyvoice(folder, "cuda", "int8")


@pytest.mark.parametrize("name", ["cosyvoice.yaml", "flow.pt", "hift.pt", "campplus.onnx", "speech_tokenizer_v1.onnx"])
def test_missing_empty_and_not_fetched(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(ModelError, match=f"{name} is the placeholder.*git lfs pull"):
        load_cosyvoice(folder)
    (folder / name).write_bytes(b"")
    with pytest.raises(ModelError, match=f"{name} is empty"):
        load_cosyvoice(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"holds no {name}"):
        load_cosyvoice(folder)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match=r"holds no cosyvoice\.yaml"):
        load_cosyvoice(folder)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("name", ["flow.pt", "hift.pt"])
def test_truncated(name: str, share: float, folder: Path) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match=name) as caught:
        load_cosyvoice(folder)
    assert "\n" not in str(caught.value)


def test_swapped(folder: Path) -> None:
    (folder / "flow.pt").rename(folder / "other")
    (folder / "hift.pt").rename(folder / "flow.pt")
    (folder / "other").rename(folder / "hift.pt")
    with pytest.raises(ModelError, match=r"flow\.pt has no tensor input_embedding\.weight"):
        load_cosyvoice(folder)


Change = Callable[[Numbers], object]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("flow.pt", lambda s: s.update({"encoder_proj.weight": torch.zeros(80, 65)}), "shape 80x65, expected 80x64"),
        ("flow.pt", lambda s: s.update({"input_embedding.weight": torch.zeros(())}), "input_embedding.*expected 0x64"),
        ("flow.pt", lambda s: s.pop("encoder_proj.bias"), r"no tensor encoder_proj\.bias"),
        ("flow.pt", lambda s: s.update(more=torch.zeros(1)), "does not know: more"),
        ("flow.pt", lambda s: s.clear(), "holds no tensors"),
        ("hift.pt", lambda s: s.update({"conv_pre.bias": torch.zeros(3)}), r"conv_pre\.bias with shape 3, expected 64"),
        ("hift.pt", lambda s: s.pop("conv_pre.weight_v"), r"conv_pre\.weight_g without"),
        ("hift.pt", lambda s: s.pop("conv_pre.weight_g"), r"no tensor conv_pre\.weight"),
        ("hift.pt", lambda s: s.update({"conv_pre.weight_g": torch.zeros(1, 1, 1)}), r"conv_pre\.weight_g without"),
        ("hift.pt", lambda s: s.update({"conv_pre.weight_v": torch.zeros(())}), r"conv_pre\.weight_g without"),
    ],
)
def test_misshapen(name: str, change: Change, words: str, folder: Path) -> None:
    state = weights(golden("flow_weights" if name == "flow.pt" else "hift_full"))
    change(state)
    torch.save(state, folder / name)
    with pytest.raises(ModelError, match=words):
        load_cosyvoice(folder)


class Trap:
    """Leaves a folder behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (f"import os; os.mkdir({str(self.mark)!r})",)


@pytest.mark.parametrize("name", ["flow.pt", "hift.pt"])
def test_a_planted_payload_is_named_and_never_runs(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    mark = folder / "it-ran"
    torch.save({**torch.load(folder / name), "trap": Trap(mark)}, folder / name)
    with pytest.raises(ModelError, match=rf"{name} is a Python pickle of more than tensors.*exec") as caught:
        load_cosyvoice(folder)
    assert not mark.exists() and "\n" not in str(caught.value)


def test_code_in_the_recipe_does_nothing(folder: Path) -> None:
    mark = folder / "it-ran"
    (folder / "cosyvoice.yaml").write_text(
        recipe()
        + f"evil1: !!python/object/apply:os.mkdir [{mark}]\n"
        + f"evil2: !new:os.mkdir\n    path: {mark}\n"
        + f"evil3: !apply:os.mkdir [{mark}]\n"
        + f"evil4: !!python/object/new:os.mkdir [{mark}]\n"
        + "evil5: !name:os.system\nevil6: !!python/name:os.system\nevil7: !include:/etc/passwd\n"
    )
    assert spoken(load_cosyvoice(folder), 1).isfinite().all()
    assert not mark.exists()


def drop(*places: str) -> Callable[[str], str]:
    return lambda text: "\n".join(line for line in text.splitlines() if line.strip().split(":")[0] not in places)


def test_what_the_recipe_leaves_out_is_as_published(folder: Path) -> None:
    path = folder / "cosyvoice.yaml"
    path.write_text(drop("input_frame_rate", "sampling_rate", "inference_cfg_rate", "nb_harmonics")(recipe()))
    voice = load_cosyvoice(folder)
    assert voice.flow.config.token_rate == 125 / 3 and voice.hift.config.sample_rate == 22050
    path.write_text("a: 1")
    assert read_sizes(Recipe(path), 5120) == (FlowConfig(), HiftConfig())
    path.write_text("flow: {input_frame_rate: 25}\nhift: {sampling_rate: !ref <rate>}\nrate: 24000")
    flow, hift = read_sizes(Recipe(path), 4096)
    assert (flow.token_rate, flow.vocab_size, hift.sample_rate) == (25, 4096, 24000)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("num_blocks: 2", "num_blocks: 1000000000000", r"num_blocks the value 1000000000000"),
        ("num_blocks: 2", "num_blocks: two", "encoder_layers the value 'two'"),
        ("num_blocks: 2", "num_blocks: 3", r"flow\.pt has no tensor encoder\.encoders\.2\..*"),
        ("output_size: 64", "output_size: 999999999999999999", r"do not fit together|expected"),
        ("attention_heads: 4", "attention_heads: 0", "do not fit together"),
        ("attention_heads: 4", "attention_heads: 7", "do not fit together|expected"),
        ("channels: [32, 32]", "channels: []", r"estimator\.channels the value \[\]"),
        ("channels: [32, 32]", "channels: 32", r"estimator\.channels the value 32"),
        ("channels: [32, 32]", "channels: [a, b]", r"estimator\.channels the value \['a', 'b'\]"),
        ("upsample_rates: [8, 8]", "upsample_rates: 64", "upsample_rates the value 64"),
        ("output_size: 64", "output_size: -64", "do not fit together"),
        ("input_frame_rate: 41.6", "input_frame_rate: 0.00001", "input_frame_rate the value"),
        ("input_frame_rate: 41.6", "input_frame_rate: .nan # ", "input_frame_rate the value nan"),
        ("sample_rate: 22050", "sample_rate: 0", "sampling_rate the value"),
        ("n_fft: 16", "n_fft: 99999999999", "n_fft the value 99999999999"),
        ("n_fft: 16", "n_fft: 18", r"conv_post.* expected 20x|source_downs.*expected"),
        ("hop_len: 4", "hop_len: 0", "hop_len the value 0"),
        ("hop_len: 4", "hop_len: 8", "upsample_rates the value"),
        ("nb_harmonics: 8", "nb_harmonics: 9", r"m_source\.l_linear\.weight with shape 1x9, expected 1x10"),
        ("[[1, 3, 5], [1, 3, 5], [1, 3, 5]]", "[[1, 3, 5000000]]", "resblock_dilation_sizes the value"),
        ("[[1, 3, 5], [1, 3, 5], [1, 3, 5]]", "[[1, 3, 5]]", "do not fit together"),
        ("in_channels: 80", "in_channels: 40", "in_channels the value 40"),
        ("[8, 8]", "[16, 4]", "source_downs.*expected"),
        ("act_fn: 'gelu'", "act_fn: 'snakebeta'", "act_fn the value snakebeta"),
        ("nsf_alpha: 0.1", "nsf_alpha: 0.2", "nsf_alpha the value 0.2"),
    ],
)
def test_recipes_that_do_not_fit(old: str, new: str, words: str, folder: Path) -> None:
    assert old in recipe()
    (folder / "cosyvoice.yaml").write_text(recipe().replace(old, new))
    with pytest.raises(ModelError, match=words) as caught:
        load_cosyvoice(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a table"),
        ("- 1", "not a table"),
        ("a: [", "not valid YAML"),
        ("a: &x [1]\nb: *x", "not valid YAML"),
        ("[" * 20_000, "not valid YAML"),
        ("a: 2001-99-99", "not valid YAML"),
        ("{[1]: 2}", "not valid YAML"),
        ("\x00", "not valid YAML"),
        ("a: !!int x", "not valid YAML"),
        (" " * 200_000, "too large"),
    ],
)
def test_broken_recipes(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "cosyvoice.yaml").write_text(text)
    with pytest.raises(ModelError, match=words):
        Recipe(tmp_path / "cosyvoice.yaml")


FEW = st.text("\n :-!&*<>{}[]'\"|#,.%@~0123456789aeflnoy", max_size=60)


@given(cut=st.tuples(st.integers(0, 3000), st.integers(0, 40)), extra=FEW)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_recipes_give_sizes_or_are_refused(cut: tuple[int, int], extra: str, tmp_path: Path) -> None:
    text, path = recipe(), tmp_path / "cosyvoice.yaml"
    path.write_text(text[: cut[0]] + extra + text[cut[0] + cut[1] :])
    try:
        flow, hift = read_sizes(Recipe(path), 5120)
    except ModelError as error:
        assert error.what and "\n" not in str(error)
    else:
        assert 10 <= flow.token_rate <= 200 and hift.istft_hop <= 64


@pytest.mark.parametrize("other", ["cosyvoice2.yaml", "cosyvoice3.yaml", "flow.yaml"])
def test_folders_of_other_families_are_named_by_their_files(other: str, folder: Path) -> None:
    (folder / "cosyvoice.yaml").rename(folder / other)
    with pytest.raises(ModelError, match=r"vocoder of (CosyVoice [23]|Step-Audio-2).*CosyVoice-300M-25Hz-Music"):
        load_cosyvoice(folder)


@pytest.mark.parametrize(
    ("tensor", "family"),
    [
        ("encoder.up_encoders.0.norm_ff.weight", "CosyVoice 2"),
        ("decoder.estimator.transformer_blocks.0.attn.to_q.weight", "CosyVoice 3"),
        ("decoder.estimator.blocks.0.attn.to_q.weight", "Step-Audio-2"),
    ],
)
def test_folders_of_other_families_are_named_by_their_tensors(tensor: str, family: str, folder: Path) -> None:
    torch.save({**weights(golden("flow_weights")), tensor: torch.zeros(2)}, folder / "flow.pt")
    with pytest.raises(ModelError, match=f"vocoder of {family}"):
        load_cosyvoice(folder)


def test_the_codebook_of_cosyvoice_2(folder: Path) -> None:
    torch.save({**weights(golden("flow_weights")), "input_embedding.weight": torch.zeros(6561, 64)}, folder / "flow.pt")
    with pytest.raises(ModelError, match="vocoder of CosyVoice 2"):
        load_cosyvoice(folder)
    (folder / "flow.pt").write_bytes(b"not even looked at")
    (folder / "cosyvoice.yaml").write_text(recipe().replace("vocab_size: 4096", "vocab_size: 6561"))
    with pytest.raises(ModelError, match="vocoder of CosyVoice 2"):
        load_cosyvoice(folder)


def normed(state: Numbers) -> Numbers:
    """HiFT's weights as they are published: gain and direction of each convolution that has a norm."""
    plain = ("source_downs.", "m_source.", "f0_predictor.classifier.")
    split: Numbers = {}
    for name, tensor in state.items():
        if name.endswith(".weight") and not name.startswith(plain):
            split |= {name + "_g": tensor.norm(dim=(1, 2), keepdim=True), name + "_v": tensor}
        else:
            split[name] = tensor
    return split


def test_a_folder_of_the_published_sizes(tmp_path: Path) -> None:
    """105 and 20 million random parameters, 505 MB: loaded strictly, it speaks; and again from its safetensors."""
    torch.manual_seed(0)
    flow, hift = FlowConfig(), HiftConfig()
    folder = write(tmp_path / "m", Flow(flow).state_dict(), normed(Hift(hift).state_dict()), recipe(flow, hift))
    assert round((folder / "flow.pt").stat().st_size / 1e6) == 422
    assert round((folder / "hift.pt").stat().st_size / 1e6) == 82
    samples = []
    for _ in range(2):
        voice = load_cosyvoice(folder)
        assert voice.flow.config == flow and voice.hift.config == hift
        samples.append(spoken(voice, 5))
        del voice
    assert samples[0].shape == (1, 10 * 256) and samples[0].isfinite().all() and samples[0].std() > 0
    assert torch.equal(*samples)
    shutil.rmtree(folder)  # pytest would keep the gigabyte
