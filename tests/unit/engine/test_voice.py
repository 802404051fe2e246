"""A voice: whole and streamed are the same speech, without clicks, from the first 360 ms on, at any pace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sviqa_app.engine.manners import PACE
from sviqa_app.engine.vocoder import Speaker, Vocoder
from sviqa_app.engine.voice import FIRST, Voice
from sviqa_app.model.config import VoiceConfig
from sviqa_app.model.mel import SPEECH_HOP, speech_mel
from sviqa_app.turn import Samples
from tests.unit.small_voice import humming_parts
from tests.unit.tiny import FLOW, HIFT

CONFIG = VoiceConfig(flow=FLOW, hift=HIFT)


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice(Vocoder(humming_parts(CONFIG)), Speaker(torch.eye(CONFIG.flow.speaker_dim)[0]))


@pytest.fixture(scope="module")
def tokens() -> list[int]:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 5120, (70,), generator=generator).tolist()


def streamed(voice: Voice, tokens: list[int], group: int = 5) -> list[Samples]:
    stream = voice.stream()
    pieces = [stream.push(tokens[i : i + group], last=False) for i in range(0, len(tokens), group)]
    return [*pieces, stream.push([], last=True)]


def same(one: Samples, two: Samples) -> None:
    """Equal but for rounding, which the pitch's sum over time makes audible to this number only."""
    np.testing.assert_allclose(one, two, atol=1e-3)


def test_an_utterance_lasts_as_long_as_its_tokens(voice: Voice) -> None:
    for count in (5, 15, 35):
        samples = voice.speak([7] * count)
        assert samples.dtype == np.float32
        assert len(samples) == voice.frames(count) * SPEECH_HOP
    assert len(voice.speak([])) == 0


@pytest.mark.parametrize("count", [5, 15, 20, 45, 70])
def test_streamed_lasts_as_long_as_whole(voice: Voice, tokens: list[int], count: int) -> None:
    assert sum(map(len, streamed(voice, tokens[:count]))) == len(voice.speak(tokens[:count]))


def test_the_first_sound_comes_with_the_first_block(voice: Voice, tokens: list[int]) -> None:
    pieces = streamed(voice, tokens)
    assert [len(p) > 0 for p in pieces[: FIRST // 5]] == [False, False, True]
    assert len(pieces[2]) / voice.sample_rate > 0.2


def test_streamed_is_near_whole(voice: Voice, tokens: list[int]) -> None:
    """Within a window the flow knows less than of the whole: that costs a tenth of a neper in the mean."""
    whole, pieces = voice.speak(tokens), np.concatenate(streamed(voice, tokens))
    distance = (speech_mel(torch.from_numpy(whole)) - speech_mel(torch.from_numpy(pieces))).abs()
    assert float(distance.mean()) < 0.1


def test_no_join_steps_more_than_the_speech_itself(voice: Voice, tokens: list[int]) -> None:
    pieces = [p for p in streamed(voice, tokens) if len(p)]
    joins = np.cumsum([len(p) for p in pieces])[:-1]
    steps = np.abs(np.diff(np.concatenate(pieces)))
    at_joins = steps[joins - 1]
    assert at_joins.max() <= np.delete(steps, joins - 1).max()


def test_the_same_tokens_sound_the_same(voice: Voice, tokens: list[int]) -> None:
    same(voice.speak(tokens), voice.speak(tokens))
    for one, two in zip(streamed(voice, tokens), streamed(voice, tokens), strict=True):
        same(one, two)


def test_groups_may_come_together(voice: Voice, tokens: list[int]) -> None:
    same(np.concatenate(streamed(voice, tokens[:60])), np.concatenate(streamed(voice, tokens[:60], 15)))


def test_the_end_is_silent(voice: Voice, tokens: list[int]) -> None:
    assert voice.speak(tokens)[-1] == 0
    assert streamed(voice, tokens)[-1][-1] == 0


def test_an_empty_utterance_is_silent(voice: Voice) -> None:
    assert len(voice.stream().push([], last=True)) == 0


@pytest.mark.parametrize("pace", PACE.values())
def test_at_any_pace_the_same_words_take_their_share_of_the_time(voice: Voice, tokens: list[int], pace: float) -> None:
    paced = replace(voice, pace=pace)
    samples = paced.speak(tokens)
    assert len(samples) == paced.frames(len(tokens)) * SPEECH_HOP
    assert len(samples) * pace == pytest.approx(len(voice.speak(tokens)), abs=2 * pace * SPEECH_HOP)
    assert sum(map(len, streamed(paced, tokens))) == len(samples)


def test_a_speaker_who_was_recorded_goes_on_from_the_recording(voice: Voice, tokens: list[int]) -> None:
    mel = 4 * torch.randn(1, CONFIG.flow.mels, 40, generator=torch.Generator().manual_seed(4))
    prompted = replace(voice, speaker=replace(voice.speaker, tokens=tokens[:20], mel=mel))
    whole = prompted.speak(tokens)
    assert len(whole) == len(voice.speak(tokens)) == sum(map(len, streamed(prompted, tokens)))
    assert np.abs(whole - voice.speak(tokens)).max() > 1e-3


def test_two_utterances_at_once_do_not_disturb_each_other(voice: Voice, tokens: list[int]) -> None:
    one, two = voice.stream(), voice.stream()
    pieces = []
    for i in range(0, 45, 5):
        pieces.append(one.push(tokens[i : i + 5]))
        two.push([7] * 5)
    same(np.concatenate([*pieces, one.push([], last=True)]), np.concatenate(streamed(voice, tokens[:45])))
