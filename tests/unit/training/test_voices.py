"""Synthesisers say what they are asked to, and where each word is; held-out voices stay out."""

from __future__ import annotations

import itertools
import shutil

import numpy as np
import pytest

from sviqa_app.errors import TrainingError
from sviqa_app.training import rooms
from sviqa_app.training.voices import (
    ACCENT_HELD_OUT,
    FLITE_HELD_OUT,
    VARIANTS_HELD_OUT,
    Voice,
    phone_class,
    sample_voice,
    speak,
)

TEXT = "how many red circles are there"
needs_flite = pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")
VOICES = [
    pytest.param(Voice("flite", "slt"), marks=needs_flite),
    pytest.param(Voice("flite", "kal", 1.2, 150), marks=needs_flite),
    Voice("espeak", "en-us+f3", 170),
]


@pytest.mark.parametrize("voice", VOICES)
def test_words_and_sounds_are_placed_in_order(voice: Voice) -> None:
    spoken = speak(TEXT, voice)
    assert 0.8 < len(spoken.samples) / 16000 < 4
    assert [m.what for m in spoken.words] == TEXT.split()
    for marks in (spoken.words, spoken.phones):
        assert all(m.start <= m.end for m in marks)
        assert all(a.end <= b.start + 1e-6 for a, b in itertools.pairwise(marks))
    middle = spoken.samples[int(spoken.words[2].start * 16000) : int(spoken.words[3].end * 16000)]
    assert np.abs(middle).mean() > 2 * np.abs(spoken.samples[-800:]).mean()


def test_held_out_voices_are_never_drawn_for_training() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3000):
        name = sample_voice(rng).name
        assert name != FLITE_HELD_OUT and ACCENT_HELD_OUT not in name
        assert name.partition("+")[2] not in VARIANTS_HELD_OUT
    held = {sample_voice(rng, held_out=True).name for _ in range(200)}
    assert FLITE_HELD_OUT in held and ACCENT_HELD_OUT in held


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(TrainingError, match="no voice called"):
        speak("hello", Voice("espeak", "xx-nowhere", 170))


def test_silence_is_class_nought_and_others_are_not() -> None:
    assert phone_class("flite", "pau") == phone_class("espeak", "_:") == 0
    assert 0 < phone_class("flite", "aa") < 256


def test_noise_has_the_asked_ratio_and_channels_keep_finite() -> None:
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(16000) / 10).astype(np.float32)
    for snr in (0.0, 10.0, 20.0):
        noise = rooms.add_noise(wave, snr, rng) - wave
        measured = 10 * np.log10(np.mean(wave**2) / np.mean(noise**2))
        assert measured == pytest.approx(snr, abs=0.1)
    for _ in range(20):
        made, speed = rooms.live(wave, rng, 1.0)
        assert np.isfinite(made).all() and np.abs(made).max() <= 1.0 and 0.8 < speed < 1.2
