"""The dual codebook against the original's cases."""

from __future__ import annotations

import torch

from sviqa_app.model.audio_tokens import (
    merge,
    nearest_centres,
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
