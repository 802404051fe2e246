"""The voiceprint: alone as among others, finite whatever it hears, blind to the silence between words."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sviqa_app.model.mel import SPEECH_MELS, speech_mel
from sviqa_app.model.voiceprint import STYLES, Voiceprint

FLOOR = float(torch.tensor(1e-5).log())


@pytest.fixture(scope="module")
def voiceprint() -> Voiceprint:
    torch.manual_seed(0)
    made = Voiceprint().eval().requires_grad_(False)
    torch.nn.init.normal_(made.styles.weight)
    return made


def some_mels(count: int, frames: int = 120) -> Tensor:
    """About as loud as speech, louder and quieter by turns."""
    generator = torch.Generator().manual_seed(3)
    swell = 3 * torch.sin(torch.arange(frames) / 9)
    return torch.randn(count, SPEECH_MELS, frames, generator=generator) + swell - 5


def test_a_batch_is_each_alone(voiceprint: Voiceprint) -> None:
    mels = some_mels(4)
    together = voiceprint(mels)
    assert together.shape == (4, 192)
    torch.testing.assert_close(together, torch.cat([voiceprint(mel[None]) for mel in mels]), atol=1e-5, rtol=0)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_the_plain_style_adds_nothing_and_the_others_their_own(voiceprint: Voiceprint) -> None:
    vectors = voiceprint(some_mels(1)).expand(len(STYLES), -1)
    styled = voiceprint.styled(vectors, torch.arange(len(STYLES)))
    assert STYLES[0] == "plain" and torch.equal(styled[0], vectors[0])
    torch.testing.assert_close(styled[1:] - vectors[1:], voiceprint.styles.weight[1:], atol=1e-5, rtol=0)


def test_a_new_one_has_no_styles_yet() -> None:
    fresh, vector = Voiceprint(16), torch.ones(1, 16)
    for style in range(len(STYLES)):
        assert torch.equal(fresh.styled(vector, torch.tensor([style])), vector)


@pytest.mark.parametrize("frames", [1, 2, 40])
def test_silence_gives_finite_numbers(voiceprint: Voiceprint, frames: int) -> None:
    assert voiceprint(torch.full((1, SPEECH_MELS, frames), FLOOR)).isfinite().all()
    assert voiceprint(speech_mel(torch.zeros(frames * 256))[None]).isfinite().all()


def test_gradients_of_silence_are_finite() -> None:
    model = Voiceprint()
    model(torch.full((2, SPEECH_MELS, 30), FLOOR)).square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_silence_around_speech_changes_little(voiceprint: Voiceprint) -> None:
    """Only the frames at the edges see it, through the convolutions."""
    mel = some_mels(1, 400)
    quiet = torch.full((1, SPEECH_MELS, 100), FLOOR)
    alone, among = voiceprint(mel), voiceprint(torch.cat([quiet, mel, quiet], -1))
    other = voiceprint(some_mels(2, 400)[1:] * 0.7)
    assert (alone - among).norm() < 0.2 * (alone - other).norm()
