"""The dual codebook: ids, the 2:3 weave of its streams, and how text and audio take turns in an answer.

Every 120 ms of speech are two linguistic and three semantic tokens (Step-Audio `tokenizer.py`). Vocoder ids
are 0..1023 for linguistic and 1024..5119 for semantic tokens; the language model's ids lie `base` higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from .config import AudioTokenConfig

LINGUISTIC_PER_GROUP, SEMANTIC_PER_GROUP = 2, 3
GROUP = LINGUISTIC_PER_GROUP + SEMANTIC_PER_GROUP
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


class Turn(Enum):
    """What may come next in an answer."""

    TEXT = "text"
    LINGUISTIC = "linguistic"
    SEMANTIC = "semantic"
    END = "end"


@dataclass(frozen=True)
class Weave:
    """Where an answer stands between its text and its audio; every step gives the next standing.

    Text comes in blocks of `text_per_turn` tokens, audio in blocks of `audio_per_turn`, until the text has
    ended; then audio goes on alone.
    """

    config: AudioTokenConfig
    text_over: bool = False
    in_audio: bool = False
    count: int = 0

    @property
    def turn(self) -> Turn:
        """The kind of the next token. At a group's first place audio may end instead, see `may_end`."""
        if not self.in_audio:
            return Turn.TEXT
        place = self.count % GROUP
        return Turn.LINGUISTIC if place < LINGUISTIC_PER_GROUP else Turn.SEMANTIC

    @property
    def may_end(self) -> bool:
        """Whether the answer may stop here: after the text, between two groups."""
        return self.text_over and self.in_audio and self.count % GROUP == 0

    def after_text(self, ends: bool) -> Weave:
        """One more text token; `ends`: it was the end of the text."""
        full = self.count + 1 == self.config.text_per_turn
        if ends or full:
            return Weave(self.config, ends, True, 0)
        return Weave(self.config, False, False, self.count + 1)

    def after_audio(self) -> Weave:
        """One more audio token."""
        full = self.count + 1 == self.config.audio_per_turn
        if full and not self.text_over:
            return Weave(self.config, False, False, 0)
        return Weave(self.config, self.text_over, True, self.count + 1)


def plan(text: int, audio: int, config: AudioTokenConfig) -> list[Turn]:
    """The turns of an answer with `text` text tokens (the end mark included) and `audio` audio tokens.

    Used to lay out what is learned. Where the audio runs out first, the remaining text follows in one piece.
    """
    turns: list[Turn] = []
    weave = Weave(config)
    while text or audio:
        if weave.turn is Turn.TEXT or not audio:
            text -= 1
            turns.append(Turn.TEXT)
            weave = weave.after_text(ends=text == 0)
        else:
            audio -= 1
            turns.append(weave.turn)
            weave = weave.after_audio()
    return [*turns, Turn.END]


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
