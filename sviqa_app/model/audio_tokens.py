"""The dual codebook: its ids, the 2:3 weave of its streams, its quantiser and the rule against repeating.

Every 120 ms of speech are two linguistic and three semantic tokens (Step-Audio `tokenizer.py`). Vocoder ids
are 0..1023 for linguistic and 1024..5119 for semantic tokens; the language model's ids lie `base` higher.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .config import AudioTokenConfig
from .interleave import GROUP, LINGUISTIC_PER_GROUP

SEMANTIC_PER_GROUP = GROUP - LINGUISTIC_PER_GROUP
WINDOW, SHARE = 10, 0.1  # repetition rule: the last token may fill this much of the last so many


def merge(linguistic: Sequence[int], semantic: Sequence[int], config: AudioTokenConfig) -> list[int]:
    """Vocoder ids of both streams woven 2:3; what does not fill a group is dropped."""
    woven: list[int] = []
    for group in range(min(len(linguistic) // LINGUISTIC_PER_GROUP, len(semantic) // SEMANTIC_PER_GROUP)):
        woven += linguistic[group * LINGUISTIC_PER_GROUP : (group + 1) * LINGUISTIC_PER_GROUP]
        ours = semantic[group * SEMANTIC_PER_GROUP : (group + 1) * SEMANTIC_PER_GROUP]
        woven += [config.linguistic + token for token in ours]
    return woven


def split(vocoder_ids: Sequence[int], config: AudioTokenConfig) -> tuple[list[int], list[int]]:
    """The linguistic and semantic streams of woven vocoder ids."""
    linguistic = [token for token in vocoder_ids if token < config.linguistic]
    semantic = [token - config.linguistic for token in vocoder_ids if token >= config.linguistic]
    return linguistic, semantic


def to_language(vocoder_ids: Sequence[int], config: AudioTokenConfig) -> list[int]:
    """The language model's ids of vocoder ids."""
    return [config.base + token for token in vocoder_ids]


def to_vocoder(language_ids: Sequence[int], config: AudioTokenConfig) -> list[int]:
    """The vocoder ids of the language model's audio ids."""
    return [token - config.base for token in language_ids]


def written(vocoder_ids: Sequence[int]) -> str:
    """How audio is written into a text prompt: `<audio_7><audio_1031>…`."""
    return "".join(f"<audio_{token}>" for token in vocoder_ids)


def repetition_mask(ids: Tensor, vocabulary: int) -> Tensor:
    """Step-Audio's rule for audio tokens: ids so far [B, T] → [B, vocabulary], true where a token is refused.

    The last token is refused while it fills more than a tenth of the last ten; shorter pasts refuse nothing.
    """
    refused = torch.zeros(ids.shape[0], vocabulary, dtype=torch.bool, device=ids.device)
    if ids.shape[1] < WINDOW:
        return refused
    last = ids[:, -1:]
    often = (ids[:, -WINDOW:] == last).float().mean(1, keepdim=True) > SHARE
    return refused.scatter(1, last, often)


def nearest_centres(features: Tensor, codebook: Tensor) -> Tensor:
    """The id of the nearest centre (Euclidean): features [N, D], codebook [K, D] → [N]."""
    return torch.cdist(features.float(), codebook.float()).argmin(-1)
