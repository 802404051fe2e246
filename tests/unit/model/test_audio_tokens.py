"""The dual codebook against the original's cases, and the turns of text and audio."""

from __future__ import annotations

import pytest
import torch

from sviqa_app.model.audio_tokens import (
    Turn,
    Weave,
    merge,
    nearest_centres,
    plan,
    repetition_mask,
    split,
    to_language,
    to_vocoder,
    written,
)
from sviqa_app.model.config import AudioTokenConfig
from tests.golden import golden, golden_cases

STEP_AUDIO = AudioTokenConfig(base=65536)


def test_merge_as_the_original() -> None:
    for case in golden_cases("dual_codebook_interleave"):
        woven = merge(case["linguistic"], case["semantic"], STEP_AUDIO)
        assert to_language(woven, STEP_AUDIO) == case["llm_ids"]
        assert written(woven) == case["text"]
        assert to_vocoder(case["llm_ids"], STEP_AUDIO) == woven


def test_split_undoes_merge() -> None:
    linguistic, semantic = list(range(6)), list(range(100, 109))
    assert split(merge(linguistic, semantic, STEP_AUDIO), STEP_AUDIO) == (linguistic, semantic)


def test_repetition_rule_as_the_original() -> None:
    for case in golden_cases("tts_rules")["repetition_processor"]:
        refused = repetition_mask(torch.tensor(case["ids"]), case["vocab"])
        assert [row.nonzero().flatten().tolist() for row in refused] == case["masked"]


def test_quantiser_as_the_original() -> None:
    gold = golden("linguistic_quantiser")
    got = nearest_centres(gold["inputs.features"], gold["inputs.codebook"])
    assert torch.equal(got, gold["outputs.ids"])


def test_a_short_answer_ends_its_text_inside_the_first_block() -> None:
    turns = plan(3, 10, AudioTokenConfig())
    audio = [Turn.LINGUISTIC] * 2 + [Turn.SEMANTIC] * 3
    assert turns == [Turn.TEXT] * 3 + audio * 2 + [Turn.END]


def test_a_long_answer_takes_turns() -> None:
    turns = plan(25, 60, AudioTokenConfig())
    kinds = "".join("t" if turn is Turn.TEXT else "a" for turn in turns[:-1])
    assert kinds == "t" * 10 + "a" * 15 + "t" * 10 + "a" * 15 + "t" * 5 + "a" * 30


def test_text_that_outlasts_its_audio_follows_in_one_piece() -> None:
    turns = plan(25, 15, AudioTokenConfig())
    assert turns == plan(10, 15, AudioTokenConfig())[:-1] + [Turn.TEXT] * 15 + [Turn.END]


@pytest.mark.parametrize("text", [0, 1, 9, 10, 11])
def test_the_end_waits_for_the_text_and_a_whole_group(text: int) -> None:
    weave = Weave(AudioTokenConfig())
    for _ in range(text):
        assert not weave.may_end
        weave = weave.after_text(ends=False) if weave.turn is Turn.TEXT else weave
    while weave.turn is not Turn.TEXT:
        assert not weave.may_end
        weave = weave.after_audio()
    weave = weave.after_text(ends=True)
    standings = []
    for _ in range(20):
        standings.append(weave.may_end)
        weave = weave.after_audio()
    assert standings == [place % 5 == 0 for place in range(20)]
