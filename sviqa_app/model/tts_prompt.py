"""What Step-Audio-TTS-3B reads before it speaks: a system prompt, a sample of the voice, the text to say.

The turns, their order and their marks are those of the release (Step-Audio `tts.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .audio_tokens import to_language
from .config import AudioTokenConfig
from .voice_tags import PUBLISHED, Tagged, music, published

PAD, BEGIN, TURN_END, TURN_BEGIN = 0, 1, 3, 4  # <s>, <|EOT|>, <|BOT|>
AUDIO = AudioTokenConfig(linguistic=1024, semantic=4096, base=65536)


class Tokenizer(Protocol):
    """What the prompt needs of a tokenizer."""

    def encode(self, text: str) -> list[int]:
        """The ids of plain text, no mark among them."""


@dataclass(frozen=True)
class PromptVoice:
    """A sample of the voice: what is said in it, its vocoder ids, and the speaker's name, none where it is a clone."""

    transcript: str
    tokens: Sequence[int]
    speaker: str = ""


@dataclass(frozen=True)
class SystemPrompts:
    """What the voice is told to do. "[speaker]" stands for the speaker's name.

    The wording here is ours. The weights were trained with the release's own, which its `tts.py` holds: a setting.
    """

    named: str = "用[speaker]的声音朗读文本。文本开头括号里的标签规定情感、语言、唱法和语速。"
    clone: str = "用前面录音的声音朗读文本。文本开头括号里的标签规定情感、语言、唱法和语速。"
    rap: str = "用前面录音的声音把文本说唱出来。"
    humming: str = "用前面录音的声音把文本哼唱出来。"

    def choose(self, asked: Tagged, speaker: str) -> str:
        """The one that fits the first tag and the speaker."""
        kind = music(asked)
        if kind:
            return self.rap if kind == PUBLISHED["rap"] else self.humming
        return self.named.replace("[speaker]", f"[{speaker}]") if speaker else self.clone


SYSTEM_PROMPTS = SystemPrompts()


def tts_prompt(
    asked: Tagged, voice: PromptVoice, tokenizer: Tokenizer, prompts: SystemPrompts = SYSTEM_PROMPTS
) -> list[int]:
    """The ids to go on from, to say a text with its tags in a voice."""

    def opened(role: str, text: str = "") -> list[int]:
        return [TURN_BEGIN, *tokenizer.encode(f"{role}\n{text}")]

    return [
        BEGIN,
        *opened("system", prompts.choose(asked, voice.speaker)),
        TURN_END,
        *opened("human", voice.transcript),
        TURN_END,
        *opened("assistant"),
        *to_language(voice.tokens, AUDIO),
        TURN_END,
        *opened("human", published(asked)),
        TURN_END,
        *opened("assistant"),
    ]
