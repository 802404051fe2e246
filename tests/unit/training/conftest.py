"""Fixtures of the training tests: a few scripts, how their words are said, and their readings."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from sviqa_app.model.config import AudioTokenConfig
from sviqa_app.model.speech_tokenizer import SpeechTokenizer
from sviqa_app.training.lexicon import Lexicon, looked_up
from sviqa_app.training.readings import Readings
from sviqa_app.training.scripts import WORD, script
from tests.unit.tiny import AUDIO

SCRIPTS = 6


def random_tokenizer(audio: AudioTokenConfig = AUDIO) -> SpeechTokenizer:
    """One that has learned nothing, and tells sounds apart all the same."""
    torch.manual_seed(0)
    tokenizer = SpeechTokenizer(audio).eval().requires_grad_(False)
    for book in (tokenizer.linguistic, tokenizer.semantic):
        torch.nn.init.normal_(book.centres)
        torch.nn.init.normal_(book.unit.weight)
        torch.nn.init.zeros_(book.unit.bias)
    return tokenizer


@dataclass
class Counting:
    """A tokenizer that counts how often it is asked."""

    tokenizer: SpeechTokenizer = field(default_factory=random_tokenizer)
    config: AudioTokenConfig = AUDIO
    asked: int = 0

    def __call__(self, samples: Tensor) -> list[int]:
        self.asked += 1
        ids: list[int] = self.tokenizer(samples)
        return ids


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    """How the words of the first scripts are said."""
    return looked_up(sorted({word for number in range(SCRIPTS) for word in WORD.findall(script(number))}))


@pytest.fixture(scope="session")
def readings(lexicon: Lexicon, tmp_path_factory: pytest.TempPathFactory) -> Readings:
    """The first scripts, read."""
    return Readings(tmp_path_factory.mktemp("readings"), SCRIPTS, random_tokenizer(), lexicon)
