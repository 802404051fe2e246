"""Kaldi's features against the original's numbers."""

from __future__ import annotations

import pytest
import torch

from sviqa_app.model.fbank import kaldi_fbank
from tests.golden import golden


def test_as_the_original() -> None:
    gold = golden("mel_frontend")
    got = kaldi_fbank(gold["inputs.wav_16000"][0])
    torch.testing.assert_close(got, gold["outputs.kaldi_fbank_80"], atol=1e-3, rtol=0)
    torch.testing.assert_close(got - got.mean(0), gold["outputs.kaldi_fbank_80_mean_subtracted"], atol=1e-3, rtol=0)


@pytest.mark.parametrize(("count", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2)])
def test_no_frame_goes_past_the_end(count: int, frames: int) -> None:
    assert kaldi_fbank(torch.zeros(count)).shape == (frames, 80)


def test_frames_do_not_depend_on_where_the_sound_is_cut() -> None:
    sound = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    whole = kaldi_fbank(sound, "hamming")
    torch.testing.assert_close(kaldi_fbank(sound[1600:], "hamming"), whole[10:], atol=1e-5, rtol=0)


def test_the_windows_differ() -> None:
    sound = torch.randn(400, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(kaldi_fbank(sound), kaldi_fbank(sound, "hamming"))
