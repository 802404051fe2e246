"""HiFT against the original code's numbers, in both spellings of its weights."""

from __future__ import annotations

import pytest
import torch

from sviqa_app.model.config import HiftConfig
from sviqa_app.model.hift import Hift, folded
from sviqa_app.model.hift_source import Draws
from tests.golden import golden, weights

CONFIG = HiftConfig(channels=64, f0_channels=64)
Numbers = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def full() -> Numbers:
    return golden("hift_full")


@pytest.fixture(scope="module")
def decode() -> Numbers:
    return golden("hift_decode")


def loaded(item: str) -> Hift:
    model = Hift(CONFIG).eval()
    model.load_state_dict(folded(weights(golden(item))))
    return model.requires_grad_(False)


@pytest.fixture(scope="module", params=["hift_full", "hift_weights_parametrized"])
def model(request: pytest.FixtureRequest) -> Hift:
    return loaded(request.param)


def close(got: torch.Tensor, expected: torch.Tensor, within: float) -> None:
    torch.testing.assert_close(got, expected, atol=within, rtol=0)


def test_mel_to_wave(model: Hift, full: Numbers) -> None:
    draws = Draws.of(full["inputs.uniform_phase_draw"].clone(), full["inputs.sine_noise"])
    close(draws.phase[:, 1:], full["inputs.initial_phase"][:, 1:], 1e-6)
    close(model.f0_predictor(full["inputs.mel"]), full["outputs.f0"], 1e-3)
    source, _ = model.m_source(full["outputs.f0"].repeat_interleave(model.hop, -1), draws)
    close(source, full["outputs.source"], 2e-4)
    close(model.source_spectrum(source), full["outputs.source_stft"], 2e-4)
    magnitude, phase = model.spectrum(full["inputs.mel"], full["outputs.source_stft"])
    torch.testing.assert_close(magnitude, full["outputs.magnitude"], rtol=1e-4, atol=0)
    close(phase, full["outputs.phase"], 1e-4)
    close(model.decode(full["inputs.mel"], source), full["outputs.wav"], 2e-4)


def test_end_to_end_differs_by_the_rounding_of_the_pitch_only(model: Hift, full: Numbers) -> None:
    """Float32 rounds 600 Hz by 2e-4; over 0.28 s the ninth harmonic's phase is then off by 1e-3 radians."""
    draws = Draws.of(full["inputs.uniform_phase_draw"].clone(), full["inputs.sine_noise"])
    wave, source = model(full["inputs.mel"], draws)
    close(source, full["outputs.source"], 1e-3)
    close(wave, full["outputs.wav"], 1e-3)


def test_a_cached_source_is_honoured(model: Hift, full: Numbers) -> None:
    source = full["outputs.source"].clone()
    cached = full["inputs.cache_source"]
    source[..., : cached.shape[-1]] = cached
    close(model.decode(full["inputs.mel"], source), full["outputs.wav_with_cache_source"], 2e-4)


def test_a_given_source_and_every_activation(model: Hift, decode: Numbers) -> None:
    heard: Numbers = {}
    names = [key.removeprefix("outputs.act.") for key in decode if key.startswith("outputs.act.")]
    for name in names:
        module = model.get_submodule(name)
        module.register_forward_hook(lambda _m, _i, out, name=name: heard.__setitem__(name, out))
    model.f0_predictor(decode["inputs.mel"])
    close(model.decode(decode["inputs.mel"], decode["inputs.source"]), decode["outputs.wav"], 1e-4)
    for name in names:
        close(heard[name], decode[f"outputs.act.{name}"], 1e-4)


def test_loud_sound_is_limited(model: Hift, decode: Numbers) -> None:
    wave = model.decode(decode["inputs.mel_loud"], decode["inputs.source"])
    close(wave, decode["outputs.wav_loud"], 1e-3)
    assert wave.abs().max() == pytest.approx(0.99)


def test_phase_goes_on_between_pieces(full: Numbers) -> None:
    model = loaded("hift_full")
    pitch = model.pitch(full["inputs.mel"])
    draws = Draws(full["inputs.initial_phase"], full["inputs.sine_noise"])
    whole, end = model.m_source(pitch, draws)
    first, reached = model.m_source(pitch[:, :1000], Draws(draws.phase, draws.noise[..., :1000]))
    second, end_again = model.m_source(pitch[:, 1000:], Draws(draws.phase, draws.noise[..., 1000:]), reached)
    close(torch.cat([first, second], -1), whole, 1e-6)
    close(end_again, end, 1e-9)


def test_the_other_published_rate_has_its_shape() -> None:
    config = HiftConfig(
        sample_rate=24000,
        channels=32,
        f0_channels=16,
        upsample_rates=(8, 5, 3),
        upsample_kernels=(16, 11, 7),
        source_kernels=(7, 7, 11),
        source_dilations=((1, 3, 5),) * 3,
    )
    model = Hift(config).eval().requires_grad_(False)
    draws = Draws.random(1, 7 * 480, config, torch.Generator().manual_seed(0))
    assert model(torch.zeros(1, 80, 7), draws)[0].shape == (1, 7 * 480)
