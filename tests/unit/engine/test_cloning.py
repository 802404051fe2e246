"""What a voiceprint misses is put right: a speaker given only a vector takes on the pitch and spectrum it is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sviqa_app.checkpoints.native import find_model
from sviqa_app.engine.cloning import levelled, long_term, put_right, typical_pitch
from sviqa_app.engine.vocoder import Speaker
from sviqa_app.engine.voices import Voices
from sviqa_app.model.mel import speech_mel


@pytest.fixture(scope="module")
def voices() -> Voices:
    return Voices.load(find_model("voice-tiny"))


@pytest.fixture(scope="module")
def tokens(voices: Voices) -> list[int]:
    """Of "it is easy to tell the depth of a well"."""
    words = "it is easy to tell the depth of a well"
    sounds = [sound for word in words.split() for sound in voices.narrator.sounds(word)]
    return [token for group in voices.narrator.speech(sounds) for token in group]


def heard(voices: Voices, tokens: list[int], speaker: Speaker) -> Tensor:
    return speech_mel(torch.from_numpy(levelled(voices.voice(speaker).speak(tokens))))[None]


def test_pitch_and_spectrum_become_those_of_the_recording(voices: Voices, tokens: list[int]) -> None:
    plain, vocoder = voices.speaker("rms"), voices.vocoder
    shown = heard(voices, tokens, replace(plain, height=1.3, tone=torch.linspace(-0.5, 0.5, 80)[:, None]))
    before, after = (heard(voices, tokens, who) for who in (plain, put_right(plain, vocoder, tokens, shown)))
    assert typical_pitch(vocoder, before) < 0.85 * typical_pitch(vocoder, shown)
    assert typical_pitch(vocoder, after) == pytest.approx(typical_pitch(vocoder, shown), rel=0.05)
    apart = [(long_term(mel) - long_term(shown)).square().mean().sqrt() for mel in (before, after)]
    assert apart[1] < 0.5 * apart[0]


def test_without_voice_the_pitch_stays(voices: Voices, tokens: list[int]) -> None:
    hiss, plain = torch.full((1, 80, 300), -6.0), voices.speaker("rms")
    assert typical_pitch(voices.vocoder, hiss) == 0
    assert put_right(plain, voices.vocoder, tokens, hiss).height == plain.height


def test_nothing_said_puts_nothing_right(voices: Voices) -> None:
    plain = voices.speaker("rms")
    assert put_right(plain, voices.vocoder, [], torch.zeros(1, 80, 30)) == plain
