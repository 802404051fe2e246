"""Both mel front ends against the original code's numbers."""

from __future__ import annotations

import pytest
import torch

from sviqa_app.model.mel import mel_filters, speech_mel, whisper_log_mel
from tests.golden import golden


@pytest.fixture(scope="module")
def gold() -> dict[str, torch.Tensor]:
    return golden("mel_frontend")


def test_filter_banks(gold: dict[str, torch.Tensor]) -> None:
    torch.testing.assert_close(
        mel_filters(22050, 1024, 80, 8000.0), gold["outputs.mel_basis_22050_80"], atol=1e-7, rtol=0
    )
    torch.testing.assert_close(
        mel_filters(16000, 400, 128, 8000.0), gold["outputs.whisper_filters_128"], atol=1e-7, rtol=0
    )


@pytest.mark.parametrize("mels", [80, 128])
def test_whisper(gold: dict[str, torch.Tensor], mels: int) -> None:
    got = whisper_log_mel(gold["inputs.wav_16000"][0], mels)
    torch.testing.assert_close(got, gold[f"outputs.whisper_logmel_{mels}"], atol=1e-4, rtol=0)


def test_whisper_padded_to_thirty_seconds(gold: dict[str, torch.Tensor]) -> None:
    padded = torch.nn.functional.pad(gold["inputs.wav_16000"], (0, 29 * 16000))
    got = whisper_log_mel(padded, 128)[0, :, :200]
    torch.testing.assert_close(got, gold["outputs.whisper_logmel_128_padded_30s_first_200"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("suffix", ["", "_short"])
def test_speech(gold: dict[str, torch.Tensor], suffix: str) -> None:
    sound, mel = ("inputs.wav_22050", "outputs.prompt_mel")
    got = speech_mel(gold[sound + suffix])
    torch.testing.assert_close(got, gold[mel + suffix], atol=1e-4, rtol=0)


def test_rows_of_a_batch_do_not_touch_each_other() -> None:
    sound = torch.randn(2, 4000) * torch.tensor([[1.0], [1e-4]])
    for mel in (whisper_log_mel, speech_mel):
        torch.testing.assert_close(mel(sound)[1], mel(sound[1]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("count", [0, 1, 159, 160, 399])
def test_very_short_sound(count: int) -> None:
    assert whisper_log_mel(torch.zeros(count)).shape == (80, count // 160)
    assert speech_mel(torch.zeros(count)).shape == (80, count // 256)


def test_what_was_used_to_answer_can_be_used_to_learn() -> None:
    mel_filters.cache_clear()
    with torch.inference_mode():
        speech_mel(torch.zeros(4000))
    sound = torch.randn(1, 4000, requires_grad=True)
    speech_mel(sound).sum().backward()
    assert sound.grad is not None and bool(sound.grad.any())
