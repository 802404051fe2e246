"""A whole engine, tiny and with random weights, whose voice hums, and sound to ask it with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from tokenizers import Tokenizer

from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.manner import Manner
from sviqa_app.model.config import (
    AudioTokenConfig,
    SpeechConfig,
    SviqaConfig,
    TextConfig,
    VisionConfig,
)
from sviqa_app.model.prompt import END, END_OF_TEXT, build_tokenizer
from sviqa_app.model.sviqa import Sviqa
from sviqa_app.turn import Recording, Samples

CONFIG = SviqaConfig(
    name="toy",
    vision=VisionConfig(image_size=32, patch_size=16, hidden_size=32, intermediate_size=32, layers=1, heads=2),
    text=TextConfig(
        vocab_size=248,
        hidden_size=32,
        intermediate_size=64,
        layers=2,
        heads=2,
        kv_heads=2,
        max_positions=2048,
    ),
    speech=SpeechConfig(width=32, layers=1, heads=2, intermediate_size=32, projector_hidden=32),
    audio=AudioTokenConfig(linguistic=16, semantic=32, base=200),
)


class Hum:
    """Stands for a VoiceStream: 100 samples a token, at once."""

    def push(self, tokens: list[int], last: bool = False) -> Samples:
        return np.full(100 * len(tokens), 0.5, np.float32)


@dataclass
class HumVoice:
    """Stands for a Voice, and for the Voices."""

    sample_rate: int = 1000
    spoken: list[list[int]] = field(default_factory=list)
    manners: list[Manner] = field(default_factory=list)

    def speaking(self, manner: Manner) -> HumVoice:
        self.manners.append(manner)
        return self

    def stream(self) -> Hum:
        return Hum()

    def speak(self, tokens: list[int]) -> Samples:
        self.spoken.append(tokens)
        return Hum().push(tokens, True)


def tokenizer() -> Tokenizer:
    return build_tokenizer(["i", "heard", "nothing", "how", "many", "dogs", "are", "there", "red", "two"])


def toy_engine() -> EndToEnd:
    torch.manual_seed(9)
    model = Sviqa(CONFIG).eval()
    for weights in model.llava.model.language_model.parameters():
        if weights.dim() == 2:
            torch.nn.init.normal_(weights, std=0.3)
    with torch.no_grad():  # answers that end soon
        model.llava.lm_head.weight[END_OF_TEXT] *= 3
        model.llava.lm_head.weight[END] *= 1.5
    return EndToEnd("toy", model, tokenizer(), HumVoice())


def speech(seconds: float = 1.0, seed: int = 0) -> Recording:
    """Noise that rises and falls as speech does."""
    time = np.arange(int(16000 * seconds)) / 16000
    noise = np.random.default_rng(seed).normal(size=len(time))
    return Recording((0.2 * noise * np.sin(2 * np.pi * 3 * time) ** 2).astype(np.float32), 16000)


def silence(seconds: float = 1.0) -> Recording:
    return Recording(np.zeros(int(16000 * seconds), np.float32), 16000)
