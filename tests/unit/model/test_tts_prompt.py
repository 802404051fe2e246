"""The prompt of the published voice: its turns in order, its marks, and the system prompt that fits."""

from __future__ import annotations

import pytest

from sviqa_app.model.tts_prompt import PromptVoice, SystemPrompts, tts_prompt
from sviqa_app.model.voice_tags import parse

PROMPTS = SystemPrompts("named [speaker]", "clone", "rap", "humming")
TINGTING = PromptVoice("I said this", [0, 1023, 1024, 5119, 7], "Tingting")
CLONE = PromptVoice("I said this", [0, 1, 1024, 1025, 1026])


class Letters:
    """Stands for a tokenizer: a thousand more than the code point."""

    def encode(self, text: str) -> list[int]:
        return [1000 + ord(letter) for letter in text]


def read(ids: list[int]) -> str:
    marks = {1: "<s>", 3: "<EOT>", 4: "<BOT>"}
    return "".join(marks.get(id) or (f"<{id - 65536}>" if id >= 65536 else chr(id - 1000)) for id in ids)


def test_the_turns_in_order() -> None:
    assert read(tts_prompt(parse("(happy)(whisper) Hello."), TINGTING, Letters(), PROMPTS)) == (
        "<s><BOT>system\nnamed [Tingting]<EOT>"
        "<BOT>human\nI said this<EOT>"
        "<BOT>assistant\n<0><1023><1024><5119><7><EOT>"
        "<BOT>human\n(高兴1)Hello.<EOT>"
        "<BOT>assistant\n"
    )


@pytest.mark.parametrize(
    ("text", "voice", "due"),
    [
        ("x", TINGTING, "named [Tingting]"),
        ("x", CLONE, "clone"),
        ("(rap)x", TINGTING, "rap"),
        ("(humming)x", CLONE, "humming"),
        ("(fast)(rap)x", CLONE, "clone"),
    ],
)
def test_the_system_prompt_that_fits(text: str, voice: PromptVoice, due: str) -> None:
    assert f"<BOT>system\n{due}<EOT>" in read(tts_prompt(parse(text), voice, Letters(), PROMPTS))


def test_our_own_wording_names_the_speaker() -> None:
    assert "[Tingting]" in SystemPrompts().choose(parse("x"), "Tingting")
    assert "[" not in SystemPrompts().choose(parse("x"), "")
