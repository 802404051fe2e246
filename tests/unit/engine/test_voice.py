"""The voice: whole and streamed are the same speech, without clicks, from the first 360 ms on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sviqa_app.engine.voice import FIRST, Parts, Voice
from sviqa_app.errors import ModelError
from sviqa_app.model.config import HiftConfig, SviqaConfig
from sviqa_app.model.hift import Hift
from sviqa_app.model.hift_stream import reach
from sviqa_app.model.mel import SPEECH_HOP, speech_mel
from sviqa_app.turn import Samples
from tests.unit.tiny import FLOW, HIFT

CONFIG = SviqaConfig(flow=FLOW, hift=HIFT)


@pytest.fixture(scope="module")
def voice() -> Voice:
    """Random weights, scaled so that the sound is speech-like: pitch about 150 Hz, moderately loud."""
    torch.manual_seed(1)
    parts = Parts(CONFIG)
    with torch.no_grad():
        parts.hift.f0_predictor.classifier.bias.fill_(150.0)
        parts.speaker[0] = 1.0
    return Voice(parts)


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


def test_vocoder_in_pieces_is_the_vocoder(voice: Voice) -> None:
    """Of a mel that no longer changes, frames that have all their neighbours sound exactly the same."""
    mel = torch.randn(1, 80, 80, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        whole = voice.start_sound().grow(mel, 80)
        stream, margin = voice.start_sound(), reach(voice.parts.hift)
        pieces = [stream.grow(mel[..., : until + margin], until) for until in (20, 41, 60, 80)]
    torch.testing.assert_close(torch.cat(pieces), whole, atol=2e-5, rtol=0)


def test_save_and_load(voice: Voice, tokens: list[int], tmp_path: Path) -> None:
    voice.save(tmp_path)
    again = Voice.load(tmp_path, CONFIG)
    same(again.speak(tokens[:20]), voice.speak(tokens[:20]))


def test_a_voice_of_another_size_is_refused(voice: Voice, tmp_path: Path) -> None:
    voice.save(tmp_path)
    with pytest.raises(ModelError):
        Voice.load(tmp_path, replace(CONFIG, hift=replace(CONFIG.hift, channels=16)))


def test_sizes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Voice.load(tmp_path, replace(CONFIG, flow=replace(CONFIG.flow, channels=(9, 9))))


def test_published_sizes_reach_nineteen_frames() -> None:
    assert reach(Hift(HiftConfig())) == 19
