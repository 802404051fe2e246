"""A recording made ready for the tokenizer, against the original's numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr
import torch
from torch import Tensor
from torch.nn.functional import conv1d

from sviqa_app.model.trimming import RATE, full_level, trimmed
from tests.golden import golden

CASES = {"quiet_edges": 22050, "no_silence": 24000, "all_quiet": 16000, "left_only": 44100}


def as_the_original_resamples(samples: Tensor, rate: int) -> Tensor:
    """Windowed sinc of six zero crossings with a roll-off of 0.99: Step-Audio's resampler, to compare what follows.

    The app resamples with soxr, which is sharper.
    """
    if rate == RATE:
        return samples
    old, new = rate // math.gcd(rate, RATE), RATE // math.gcd(rate, RATE)
    top = min(old, new) * 0.99
    reach = math.ceil(6 * old / top)
    places = torch.arange(-reach, reach + old, dtype=torch.float64) / old
    times = ((places - torch.arange(new, dtype=torch.float64)[:, None] / new) * top).clamp(-6, 6)
    kernel = torch.sinc(times) * torch.cos(times * math.pi / 12) ** 2 * (top / old)
    padded = torch.nn.functional.pad(samples.double(), (reach, reach + old))
    out = conv1d(padded[None, None], kernel[:, None], stride=old)[0].t().reshape(-1)
    return out[: math.ceil(new * len(samples) / old)].float()


@pytest.mark.parametrize(("name", "rate"), CASES.items())
def test_as_the_original(name: str, rate: int) -> None:
    gold = golden("tokenizer_preprocess")
    case = f"{name}_{rate}"
    sound = as_the_original_resamples(gold[f"inputs.{case}.wav"][0].float(), rate)
    torch.testing.assert_close(sound[-200:], gold[f"outputs.{case}.resampled_tail200"][0], atol=1e-5, rtol=0)
    got = trimmed(full_level(sound))
    torch.testing.assert_close(got, gold[f"outputs.{case}.trimmed"], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("name", "rate"), CASES.items())
def test_with_our_resampler_it_is_as_long_and_sounds_the_same(name: str, rate: int) -> None:
    gold = golden("tokenizer_preprocess")
    wave = gold[f"inputs.{name}_{rate}.wav"][0].float().numpy()
    expected = gold[f"outputs.{name}_{rate}.trimmed"].numpy()
    got = trimmed(full_level(torch.from_numpy(soxr.resample(wave, rate, RATE)))).numpy()
    assert len(got) == len(expected)
    assert np.corrcoef(got, expected)[0, 1] > 0.99


@pytest.mark.parametrize("count", [0, 1, 127, 512, 16000])
@pytest.mark.parametrize("level", [0.0, 1e-7, 0.5])
def test_silent_short_and_empty(count: int, level: float) -> None:
    got = trimmed(full_level(torch.full((count,), level)))
    assert len(got) == (0 if count == 0 else -(-count // 240) * 240 + 4320)
    assert bool((got.abs() <= 1).all())


def test_what_is_quiet_is_not_raised_without_bound() -> None:
    assert full_level(torch.tensor([0.001, -0.002])).abs().max() == pytest.approx(0.1998)
