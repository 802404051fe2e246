"""The Paraformer's folder: sizes, normalisation and weights, and funasr's encoder made of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sviqa_app.checkpoints import paraformer
from sviqa_app.checkpoints.native import save_weights
from sviqa_app.checkpoints.paraformer import load_encoder, load_normalisation
from sviqa_app.errors import ModelError
from sviqa_app.model.linguistic import LinguisticStream

from .step_audio_folder import CONFIG, encoder_shapes, encoder_weights, needs, write_normalisation, write_paraformer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_paraformer(tmp_path)
    return tmp_path


def skeleton(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return {name: torch.empty(shape) for name, shape in shapes.items()}


def test_normalisation(folder: Path) -> None:
    shift, scale = load_normalisation(folder / "am.mvn")
    assert torch.equal(shift, torch.full((560,), -8.0)) and torch.equal(scale, torch.full((560,), 0.25))


@pytest.mark.parametrize("change", ["", "Rescale>gone", "[ nan ", "[ x ", "[ 1.0 2.0 ", "[ ", "\xff"])
def test_a_broken_normalisation_is_refused(change: str, folder: Path) -> None:
    path = folder / "am.mvn"
    text = path.read_text()
    path.write_text(text.replace("Rescale>", change) if change.startswith("R") else text.replace("[ -8.0 ", change))
    if not change:
        path.write_text("")
    with pytest.raises(ModelError, match=r"am\.mvn") as caught:
        load_normalisation(path)
    assert caught.value.next


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 6000), st.binary(min_size=1, max_size=8))
def test_a_mutated_normalisation_is_read_or_refused(tmp_path: Path, at: int, piece: bytes) -> None:
    write_normalisation(tmp_path / "am.mvn")
    content = bytearray((tmp_path / "am.mvn").read_bytes())
    content[at : at + len(piece)] = piece
    (tmp_path / "am.mvn").write_bytes(content)
    try:
        assert all(vector.isfinite().all() for vector in load_normalisation(tmp_path / "am.mvn"))
    except ModelError as error:
        assert error.next


def test_the_sizes_of_the_folder(folder: Path) -> None:
    assert paraformer._sizes(folder / "config.yaml") == {
        "output_size": 512,
        "attention_heads": 4,
        "linear_units": 64,
        "num_blocks": 3,
        "kernel_size": 11,
        "sanm_shfit": 0,
    }


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("encoder: SANMEncoderChunkOpt", "encoder: ConformerEncoder", "ConformerEncoder"),
        ("pe_online", "conv2d", "conv2d"),
        ("fs: 16000", "fs: 8000", "8000"),
        ("hamming", "povey", "povey"),
        ("lfr_n: 6", "lfr_n: 1", "lfr_n"),
        ("num_blocks: 3", "num_blocks: 999999999999", "num_blocks"),
        ("num_blocks: 3", "num_blocks: 9999", "do not fit"),
        ("attention_heads: 4", "attention_heads: 3", "do not fit"),
        ("linear_units: 64", "linear_units: many", "many"),
        ("sanm_shfit: 0", "sanm_shfit: -1", "sanm_shfit"),
        ("encoder_conf:", "encoder_conf: 7\nother:", "encoder_conf"),
        ("encoder: SANMEncoderChunkOpt", "encoder: !!python/object/apply:os.abort []", "not valid YAML"),
        ("encoder: SANMEncoderChunkOpt", "encoder: !new:os.abort []", "not valid YAML"),
        ("encoder: SANM", "encoder: [SANM", "not valid YAML"),
    ],
)
def test_another_model_or_code_in_the_configuration_is_refused(old: str, new: str, words: str, folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace(old, new))
    with pytest.raises(ModelError, match=words):
        paraformer._sizes(folder / "config.yaml")


@pytest.mark.parametrize("content", [b"", b"7", b"\xff\xfe", b"[" * 2000, b"a: &a [*a]\nencoder: *a", b"x" * 2_000_000])
def test_what_is_no_configuration_is_refused(content: bytes, folder: Path) -> None:
    (folder / "config.yaml").write_bytes(content)
    with pytest.raises(ModelError):
        paraformer._sizes(folder / "config.yaml")


def test_another_width_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="output_size 512, not 256"):
        load_encoder(folder, 256)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoder.after_norm.bias": None}, r"lacks the tensor encoder\.after_norm\.bias"),
        ({"encoder.embed.weight": torch.zeros(2)}, r"has also the tensor encoder\.embed\.weight"),
        ({"encoder.after_norm.bias": torch.zeros(256)}, r"encoder\.after_norm\.bias in another shape"),
    ],
)
def test_weights_are_compared_by_name_and_shape(
    change: dict[str, torch.Tensor | None], words: str, folder: Path
) -> None:
    changed = {name: tensor for name, tensor in (encoder_weights() | change).items() if tensor is not None}
    save_weights(folder / "model.safetensors", changed)
    with pytest.raises(ModelError, match=words):
        paraformer._weights(folder, skeleton(encoder_shapes()))


def test_half_precision_is_read_as_floats(folder: Path) -> None:
    save_weights(folder / "model.safetensors", encoder_weights(), torch.float16)
    read = paraformer._weights(folder, skeleton(encoder_shapes()))
    assert set(read) == set(encoder_shapes()) and all(tensor.dtype == torch.float32 for tensor in read.values())


def test_weights_that_are_missing_are_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=re.escape("holds no model.pt")):
        paraformer._weights(folder, skeleton(encoder_shapes()))


@pytest.mark.parametrize("wrapper", ["", "state_dict"])
def test_the_published_pickle_is_converted(wrapper: str, folder: Path) -> None:
    converted = paraformer._weights(folder, skeleton(encoder_shapes()))
    (folder / "model.safetensors").unlink()
    torch.save({wrapper: encoder_weights()} if wrapper else encoder_weights(), folder / "model.pt")
    read = paraformer._weights(folder, skeleton(encoder_shapes()))
    assert all(torch.equal(read[name], tensor) for name, tensor in converted.items())


class Payload:
    """What a hostile model.pt would hold: opened as a pickle, it makes a file."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.made,))


def test_a_pickle_with_a_payload_is_refused_and_does_not_run(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(encoder_weights() | {"encoder.after_norm.bias": Payload(tmp_path / "made")}, folder / "model.pt")
    with pytest.raises(ModelError, match="more than tensors"):
        paraformer._weights(folder, skeleton(encoder_shapes()))
    assert not (tmp_path / "made").exists()


def test_funasr_makes_the_encoder_of_these_names_and_it_streams(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    needs("funasr")
    encoder = load_encoder(folder, 512)
    assert capfd.readouterr().out == ""
    shift, scale = load_normalisation(folder / "am.mvn")
    centres = torch.randn(1024, 512, generator=torch.Generator().manual_seed(1))
    time = torch.arange(40_000) / 16000
    samples = (800 * time).sin() * (9 * time).sin() / 3

    def ids(piece: int) -> list[int]:
        stream = LinguisticStream(encoder, shift, scale, centres)
        return [token for part in samples.split(piece) for token in stream.push(part)] + stream.finish()

    assert len(ids(40_000)) == 42 and len(set(ids(40_000))) > 2
    assert ids(777) == ids(40_000)


def test_the_rows_are_those_of_funasr(folder: Path) -> None:
    needs("funasr", "kaldi_native_fbank")
    from funasr.frontends.wav_frontend import WavFrontendOnline

    from sviqa_app.model.linguistic import STEP, FeatureRows

    front = WavFrontendOnline(lfr_m=7, lfr_n=6, dither=0.0)
    samples = torch.randn(5 * STEP + 1000, generator=torch.Generator().manual_seed(1)) / 10
    theirs, ours, cache, rows = [], [], {}, FeatureRows()
    for number, part in enumerate(samples.split(STEP)):
        got, _ = front(part[None], torch.tensor([len(part)]), cache=cache, is_final=number == 5)
        theirs.append(got[0])
        ours.append(rows.grow(part, number == 5))
    torch.testing.assert_close(torch.cat(ours), torch.cat(theirs), atol=2e-3, rtol=0)
