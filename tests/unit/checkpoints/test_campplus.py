"""The speaker embedding, with a small ONNX file of the published inputs; and ONNX files that are broken or others."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sviqa_app.checkpoints.campplus import FILE, Campplus
from sviqa_app.checkpoints.onnx import OnnxNetwork
from sviqa_app.errors import ModelError, RecordingError
from sviqa_app.model.fbank import kaldi_fbank
from sviqa_app.turn import Samples

from .step_audio_folder import needs, write_campplus, write_semantic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    needs("onnxruntime", "onnx")
    write_campplus(tmp_path / FILE)
    return tmp_path


def noise(count: int) -> Samples:
    return (np.random.default_rng(0).standard_normal(count) / 10).astype(np.float32)


def test_the_network_hears_kaldi_features_without_their_mean(folder: Path) -> None:
    got = Campplus(folder).embedding(noise(16000), 16000)
    features = kaldi_fbank(torch.from_numpy(noise(16000)))
    matrix = np.random.default_rng(0).standard_normal((80, 192)).astype(np.float32)
    expected = (features - features.mean(0)).abs().mean(0, keepdim=True) @ torch.from_numpy(matrix)
    assert got.shape == (1, 192) and got.dtype == torch.float32
    torch.testing.assert_close(got, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_any_rate_and_silence(folder: Path, rate: int) -> None:
    speaker = Campplus(folder)
    assert speaker.embedding(noise(rate), rate).shape == (1, 192)
    assert speaker.embedding(np.zeros(rate, np.float32), rate).isfinite().all()


@pytest.mark.parametrize("count", [0, 1, 399])
def test_too_short(folder: Path, count: int) -> None:
    with pytest.raises(RecordingError, match="too short"):
        Campplus(folder).embedding(noise(count), 16000)


def test_what_is_no_number_is_not_a_voice(folder: Path) -> None:
    with pytest.raises(RecordingError, match="No voice"):
        Campplus(folder).embedding(np.full(16000, np.nan, np.float32), 16000)


def test_another_network_is_refused(folder: Path) -> None:
    write_semantic(folder / FILE)
    with pytest.raises(ModelError, match="another network"):
        Campplus(folder)
    write_campplus(folder / FILE, width=512)
    with pytest.raises(ModelError, match="another network"):
        Campplus(folder).embedding(noise(16000), 16000)


@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"PK\x03\x04", b"no network"])
def test_a_file_that_is_no_network_or_is_not_there(folder: Path, content: bytes) -> None:
    (folder / FILE).write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        Campplus(folder)
    (folder / FILE).unlink()
    with pytest.raises(ModelError, match=r"holds no campplus\.onnx") as caught:
        Campplus(folder)
    assert caught.value.next


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 400), st.binary(min_size=1, max_size=6))
def test_a_mutated_network_is_run_or_refused(folder: Path, at: int, piece: bytes) -> None:
    write_campplus(folder / FILE)
    content = bytearray((folder / FILE).read_bytes())
    content[at : at + len(piece)] = piece
    (folder / FILE).write_bytes(content)
    try:
        assert Campplus(folder).embedding(noise(4000), 16000).shape == (1, 192)
    except (ModelError, RecordingError) as error:
        assert error.next


def test_a_gpu_that_onnxruntime_does_not_have_is_done_without(folder: Path) -> None:
    network = OnnxNetwork(folder / FILE, [(1, None, 80)], "cuda:0")
    assert network(np.ones((1, 5, 80), np.float32)).shape == (1, 192)


def test_what_the_network_cannot_take_is_one_line(folder: Path) -> None:
    with pytest.raises(ModelError, match="cannot be run"):
        OnnxNetwork(folder / FILE, [(1, None, 80)])(np.ones((1, 5, 79), np.float32))


def test_without_the_extra_one_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"needs onnxruntime\. Install it: pip install 'sviqa\[step-audio\]'"):
        Campplus(tmp_path)
