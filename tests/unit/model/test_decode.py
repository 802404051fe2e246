"""The decode loop: cached as uncached, batched as alone, cancelled at once, always in a legal order."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.model.decode import (
    AudioToken,
    Limits,
    TextEnd,
    TextToken,
    Token,
    answer,
    answer_batch,
    decode_one_token,
    prefill,
    rewind,
)
from sviqa_app.model.interleave import Interleave, Slot

from ..tiny import AUDIO, MARKS, TinyLanguage, grammar, prompt

SHORT = Limits(text=12, audio=25)


def written(model: TinyLanguage, length: int = 9, seed: int = 0, speak: bool = True) -> list[Token]:
    logits, cache = prefill(model, prompt(length, seed)[None])
    return list(answer(model, logits, cache, grammar(), cache.get_seq_length(), speak=speak, limits=SHORT))


def test_a_cache_changes_nothing() -> None:
    model = TinyLanguage()
    whole = prompt(12)[None]
    ids = torch.tensor([[7, 9, 11]])
    uncached, _ = prefill(model, torch.cat([whole, model.embed(ids)], dim=1))
    _, cache = prefill(model, whole[:, :5])
    _, cache = prefill(model, whole[:, 5:], cache)
    for place, id in enumerate(ids[0]):
        cached, cache = decode_one_token(model, id[None], cache, torch.tensor([12 + place]))
    torch.testing.assert_close(cached, uncached, atol=1e-5, rtol=1e-5)


def test_the_prefix_serves_a_second_question() -> None:
    model = TinyLanguage()
    _, cache = prefill(model, prompt(8)[None])
    answers = []
    for _ in range(2):
        logits, cache = prefill(model, prompt(5, seed=1)[None], cache)
        answers.append(list(answer(model, logits, cache, grammar(), cache.get_seq_length(), limits=SHORT)))
        rewind(cache, 8)
    assert answers[0] == answers[1]
    assert cache.get_seq_length() == 8


@settings(max_examples=4, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=3), st.booleans())
def test_a_batch_answers_as_each_would_alone(lengths: list[int], speak: bool) -> None:
    model = TinyLanguage()
    prompts = [prompt(n, seed) for seed, n in enumerate(lengths)]
    together = answer_batch(model, prompts, grammar(), speak=speak, limits=SHORT)
    for seed, n in enumerate(lengths):
        alone = written(model, n, seed, speak)
        text = [t.id for t in alone if isinstance(t, TextToken)]
        audio = [t.id for t in alone if isinstance(t, AudioToken)]
        assert together[seed] == (text, audio)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_is_always_legal(seed: int) -> None:
    order = Interleave(MARKS, AUDIO)
    for token in written(TinyLanguage(seed), seed=seed):
        match token:
            case TextToken(id):
                assert order.slot is Slot.TEXT and 5 <= id < AUDIO.base
                order.push(id)
            case TextEnd():
                order.push(MARKS.text_end)
            case AudioToken(id):
                semantic = id >= AUDIO.linguistic
                assert (order.slot is Slot.SEMANTIC) == semantic
                assert order.slot in (Slot.SEMANTIC, Slot.LINGUISTIC, Slot.LINGUISTIC_OR_END)
                order.push(AUDIO.base + id)
    order.push(MARKS.end)
    assert order.slot is Slot.NOTHING


def test_it_stops_at_once() -> None:
    model = TinyLanguage()
    logits, cache = prefill(model, prompt(9)[None])
    seen: list[Token] = []
    for token in answer(
        model, logits, cache, grammar(), cache.get_seq_length(), limits=SHORT, stop=lambda: len(seen) == 3
    ):
        seen.append(token)
    assert len(seen) == 3
    assert cache.get_seq_length() == 9 + 3


def test_without_speech_nothing_is_voiced() -> None:
    tokens = written(TinyLanguage(), speak=False)
    assert not any(isinstance(t, AudioToken) for t in tokens)
    assert isinstance(tokens[-1], TextEnd)


def test_words_can_be_given() -> None:
    model = TinyLanguage()
    logits, cache = prefill(model, prompt(9)[None])
    tokens = list(answer(model, logits, cache, grammar(), cache.get_seq_length(), words=[8, 9, 10], limits=SHORT))
    assert [t.id for t in tokens if isinstance(t, TextToken)] == [8, 9, 10]
    assert any(isinstance(t, AudioToken) for t in tokens)
