"""Audio tokens as they are drawn: within the codebooks, seeded, never at once again, ended, stopped and limited."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise

import pytest
import torch
from torch import Tensor

from sviqa_app.errors import EngineError
from sviqa_app.model import token_writer
from sviqa_app.model.config import AudioTokenConfig, Step1Config
from sviqa_app.model.step1 import Past, Step1
from sviqa_app.model.token_writer import Writing, generate_audio_tokens
from sviqa_app.model.tts_prompt import TURN_END

AUDIO = AudioTokenConfig(linguistic=16, semantic=32, base=40)
WRITING = Writing(AUDIO, longest=60)
PROMPT = [1, 4, 20, 21, 22, 3, 4, 23]


def model(seed: int = 0) -> Step1:
    torch.manual_seed(seed)
    return Step1(Step1Config(96, 32, 64, 2, 4, 2)).eval()


class Scripted(Step1):
    """Wants the ids it was given, one after the other, and nothing else."""

    def __init__(self, wanted: list[int], other: float = -torch.inf) -> None:
        super().__init__(Step1Config(96, 8, 8, 1, 2, 1))
        self.wanted, self.other = iter(wanted), other

    def forward(self, ids: Tensor, past: Past | None = None, last_only: bool = False) -> Tensor:
        logits = torch.full((1, 1, 96), self.other)
        logits[0, 0, next(self.wanted)] = 50.0
        return logits


def test_tokens_come_in_order_until_the_end() -> None:
    assert list(generate_audio_tokens(Scripted([40, 41, 60, 87, 3, 50]), PROMPT, WRITING)) == [0, 1, 20, 47]


def test_nothing_but_audio_is_drawn() -> None:
    assert set(generate_audio_tokens(model(), PROMPT, WRITING)) <= set(range(AUDIO.size))
    text_wanted = Scripted([10] * 100, other=0.0)
    assert set(generate_audio_tokens(text_wanted, PROMPT, WRITING)) <= set(range(AUDIO.size))


def test_the_same_seed_draws_the_same() -> None:
    one, again, other = (list(generate_audio_tokens(model(), PROMPT, WRITING, seed=seed)) for seed in (5, 5, 6))
    assert one == again != other


def test_a_prompt_read_in_chunks_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(generate_audio_tokens(model(), PROMPT, WRITING))
    monkeypatch.setattr(token_writer, "CHUNK", 3)
    assert list(generate_audio_tokens(model(), PROMPT, WRITING)) == whole


def test_no_token_comes_twice_running_once_there_are_ten() -> None:
    stubborn = Scripted([40] * 60, other=0.0)
    drawn = list(generate_audio_tokens(stubborn, PROMPT, replace(WRITING, end=5), seed=1))
    assert 0 in drawn
    assert all(now != then for then, now in pairwise(drawn[10 - len(PROMPT) - 1 :]))


def test_each_token_is_drawn_only_when_it_is_asked_for() -> None:
    one = Scripted([40, 41])
    assert list(islice(generate_audio_tokens(one, PROMPT, WRITING), 1)) == [0]
    assert next(one.wanted) == 41


def test_stopped() -> None:
    asked = iter([False, False, True])
    stopped = generate_audio_tokens(Scripted([40, 41, 42]), PROMPT, WRITING, stop=lambda: next(asked))
    assert list(stopped) == [0, 1]


def test_no_longer_than_the_limit() -> None:
    restless = Scripted([*range(40, 96)] * 2)
    assert len(list(generate_audio_tokens(restless, PROMPT, replace(WRITING, longest=20)))) == 20 - len(PROMPT)
    with pytest.raises(EngineError, match="too long"):
        next(generate_audio_tokens(restless, PROMPT, replace(WRITING, longest=len(PROMPT))))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_numbers_that_are_none_are_never_drawn(bad: float) -> None:
    assert list(generate_audio_tokens(Scripted([40, 41, TURN_END], other=bad), PROMPT, WRITING)) == [0, 1]
    with pytest.raises(EngineError, match="overflowed"):
        next(generate_audio_tokens(Scripted([10], other=bad), PROMPT, WRITING))


def test_half_precision_is_drawn_from_in_full() -> None:
    assert list(generate_audio_tokens(model().bfloat16(), PROMPT, WRITING))
