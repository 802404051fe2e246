"""How to speak, as people ask for it: tags at the start of a text, or plain instructions within it.

"(whisper) what is this", "what is this? speak slowly", "whisper it".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import cast, get_args

from ..manner import STRETCH, Manner, Rate, Style
from ..model.voice_tags import SMALL, missing, parse

PACE = {rate: 1 / stretch for rate, stretch in STRETCH.items()}
"""How much faster than usual a rate is."""

_VERB = r"(?:please )?(?:speak|talk|say (?:it|that|this)|tell me|answer(?: me)?)"
_INSTRUCTIONS: tuple[tuple[str, str], ...] = (
    (rf"{_VERB} (?:very|much) slow(?:ly|er)", "slower"),
    (rf"{_VERB} (?:more )?slow(?:ly|er)", "slow"),
    (rf"{_VERB} (?:very|much) (?:fast(?:er)?|quick(?:ly|er))", "faster"),
    (rf"{_VERB} (?:more )?(?:fast(?:er)?|quick(?:ly|er))", "fast"),
    (rf"(?:please )?whisper(?: (?:it|that|this|the answer|to me))?|{_VERB} in a whisper", "whisper"),
    (rf"{_VERB} (?:very |more )?(?:loud(?:ly|er)?|up)|(?:please )?speak up", "loud"),
    (rf"{_VERB} (?:in|with) a high(?:er)? voice", "high"),
    (rf"{_VERB} (?:in|with) a (?:low|lower|deep|deeper) voice", "low"),
)
_SAID = tuple(
    (re.compile(rf"(?:^|(?<=[.,;!?]))\s*(?:and )?(?:{words})(?:,? please)?\s*(?:[.,;!?]+|$)", re.IGNORECASE), tag)
    for words, tag in _INSTRUCTIONS
)


def asked_for(text: str, usual: Manner) -> tuple[Manner, str, str]:
    """The manner that a text asks for over the usual one, the text without the asking, and a remark where a tag is
    one that this voice has not ("" where none is)."""
    tagged = parse(text)
    rest, tags = tagged.text, list(tagged.tags)
    for pattern, tag in _SAID:
        rest, times = pattern.subn(" ", rest)
        tags += [tag] * bool(times)
    return with_tags(usual, tags), rest.strip() if tags else text, lacking(tags)


def with_tags(usual: Manner, tags: Iterable[str]) -> Manner:
    """The usual manner, changed by the tags that our own voice has; of two of a kind the later counts."""
    for tag in tags:
        if tag in get_args(Style):
            usual = replace(usual, style=cast(Style, tag))
        elif tag in get_args(Rate):
            usual = replace(usual, rate=cast(Rate, tag))
    return usual


def lacking(tags: Iterable[str], available: Collection[str] = SMALL) -> str:
    """A sentence about the tags that a voice, our own unless given, has not; "" where it has them all."""
    absent = missing(tags, available)
    if not absent:
        return ""
    return f"This voice has no {' or '.join(absent)}; it has {', '.join(available)}."
