"""Voice activity: speech is told from silence and noise, however the sound is cut."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save
from torch.nn import functional

from sviqa_app.errors import DeviceError
from sviqa_app.media import vad as module
from sviqa_app.media.audio import load_recording
from sviqa_app.media.vad import FRAME, SpeechDetector
from sviqa_app.resources import assets_folder
from sviqa_app.turn import Samples

RATE = 16_000


@pytest.fixture(scope="module")
def loaded() -> SpeechDetector:
    return SpeechDetector()


@pytest.fixture
def detector(loaded: SpeechDetector) -> SpeechDetector:
    loaded.reset()
    return loaded


def spoken(name: str = "question") -> Samples:
    return load_recording(assets_folder() / "samples" / f"{name}.wav").samples


def noise(level: float, seconds: float = 4) -> Samples:
    """White noise of that many dB of full scale."""
    return (10 ** (level / 20) * np.random.default_rng(0).normal(size=round(seconds * RATE))).astype(np.float32)


def hum() -> Samples:
    at = 2 * np.pi * 50 * np.arange(4 * RATE) / RATE
    return (0.1 * (np.sin(at) + np.sin(3 * at) / 3)).astype(np.float32)


@pytest.mark.parametrize("name", ["question", "number"])
def test_speech(detector: SpeechDetector, name: str) -> None:
    sound = spoken(name)
    probabilities = detector.hear(sound)
    assert probabilities.dtype == np.float32 and len(probabilities) == len(sound) // FRAME
    assert np.mean(probabilities > 0.5) > 0.4 and probabilities.max() > 0.99
    assert np.all((probabilities >= 0) & (probabilities <= 1))


@pytest.mark.parametrize("sound", [np.zeros(4 * RATE, np.float32), noise(-60), noise(-40), noise(-20), hum()])
def test_no_speech(detector: SpeechDetector, sound: Samples) -> None:
    assert detector.hear(sound).max() < 0.3


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=6))
def test_block_by_block_is_as_the_whole(loaded: SpeechDetector, sizes: list[int]) -> None:
    sound = spoken()[:12_000]
    loaded.reset()
    whole = loaded.hear(sound)
    loaded.reset()
    parts = [loaded.hear(block) for block in np.split(sound, np.cumsum(sizes))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_reset_forgets(detector: SpeechDetector) -> None:
    sound = spoken()
    fresh = detector.hear(sound)
    detector.hear(sound[:700])
    detector.reset()
    np.testing.assert_array_equal(detector.hear(sound), fresh)


def test_what_is_no_number_is_silence(detector: SpeechDetector) -> None:
    sound = spoken()
    broken, mended = sound.copy(), sound.copy()
    for at, value in ((3000, np.nan), (9000, np.inf), (9100, -np.inf)):
        broken[at : at + 50], mended[at : at + 50] = value, 0
    expected = detector.hear(mended)
    detector.reset()
    np.testing.assert_array_equal(detector.hear(broken), expected)
    assert detector.hear(np.full(RATE, np.nan, np.float32))[-1] < 0.3
    assert np.isfinite(detector.hear(1e30 * sound)).all()
    assert detector.hear(sound).max() > 0.99


def test_what_is_missing_or_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = ModuleSpec("silero_vad", None, is_package=True)
    package.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(module, "find_spec", lambda name: package)
    with pytest.raises(DeviceError, match="cannot be read"):
        SpeechDetector()
    (tmp_path / "data").mkdir()
    other = save({"conv1.weight": np.zeros((2, 2), np.float32)})
    for content in (b"", b"not a network", os.urandom(5000), other):
        (tmp_path / "data" / "silero_vad_16k.safetensors").write_bytes(content)
        with pytest.raises(DeviceError, match="cannot be read"):
            SpeechDetector()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match="needs the package silero-vad"):
        SpeechDetector()


def test_it_computes_what_torch_computes(detector: SpeechDetector) -> None:
    sound = torch.from_numpy(spoken())
    weights = {name: torch.from_numpy(np.array(weight)) for name, weight in detector._weights.items()}
    cell = torch.nn.LSTMCell(128, 128)
    cell.load_state_dict({n.removeprefix("lstm_cell."): w for n, w in weights.items() if n.startswith("lstm_cell.")})
    state, expected = None, []
    with torch.no_grad():
        for frame in functional.pad(sound, (64, 0)).unfold(0, 576, FRAME):
            mirrored = functional.pad(frame[None], (0, 64), "reflect")[:, None]
            real, imaginary = functional.conv1d(mirrored, weights["stft_conv.weight"], stride=128).chunk(2, 1)
            seen = (real**2 + imaginary**2).sqrt()
            for name, stride in (("conv1", 1), ("conv2", 2), ("conv3", 2), ("conv4", 1)):
                weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
                seen = functional.conv1d(seen, weight, bias, stride=stride, padding=1).relu()
            state = cell(seen[:, :, 0], state)
            logit = functional.conv1d(state[0].relu()[:, :, None], weights["final_conv.weight"])
            expected.append(torch.sigmoid(logit + weights["final_conv.bias"]).item())
    np.testing.assert_allclose(detector.hear(sound.numpy()), expected, atol=1e-5)


def test_it_loads_no_torch() -> None:
    program = (
        "import sys, numpy; from sviqa_app.media.vad import SpeechDetector;"
        "SpeechDetector().hear(numpy.zeros(16000, numpy.float32)); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
