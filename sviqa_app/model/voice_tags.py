"""Tags at the start of a text say how it is spoken: "(whisper) Do not wake the cat."

The tags of Step-Audio-TTS-3B are those that its released prompts list; people may write them so, or by the English
names given here. Our own small voice has the tags in `SMALL`. A group in brackets that is no tag is text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

PUBLISHED = {
    "happy1": "高兴1",
    "happy2": "高兴2",
    "angry1": "生气1",
    "angry2": "生气2",
    "sad1": "悲伤1",
    "coquettish": "撒娇1",
    "chinese": "中文",
    "english": "英文",
    "korean": "韩语",
    "japanese": "日语",
    "sichuanese": "四川话",
    "cantonese": "粤语",
    "rap": "RAP",
    "humming": "哼唱",
    "slow": "慢速1",
    "slower": "慢速2",
    "fast": "快速1",
    "faster": "快速2",
}
"""The tags of the published voice: our name → as it is written for the voice."""

SMALL = ("slow", "slower", "fast", "faster", "high", "low", "whisper", "loud")
"""The tags of our own small voice."""

_MUSIC = ("rap", "humming")
_ALIASES = {
    "广东话": "cantonese",
    "happy": "happy1",
    "angry": "angry1",
    "sad": "sad1",
    "coquettish1": "coquettish",
    "slow1": "slow",
    "slow2": "slower",
    "fast1": "fast",
    "fast2": "faster",
}
_NAMES = {spelling.casefold(): name for name, spelling in PUBLISHED.items()}
_NAMES |= {name: name for name in (*PUBLISHED, *SMALL)} | _ALIASES
_GROUP = re.compile("\\s*[(\uff08]([^()\uff08\uff09]*)[)\uff09]")  # brackets, full-width ones too, and none inside


@dataclass(frozen=True)
class Tagged:
    """A text without the tags it began with, and these, by our names, in order."""

    tags: tuple[str, ...]
    text: str


def parse(text: str) -> Tagged:
    """Take the tags off the start of `text`. From the first group that is none, or is not closed, all is text."""
    tags: list[str] = []
    end = 0
    while (group := _GROUP.match(text, end)) and (name := _NAMES.get(group[1].casefold())):
        tags.append(name)
        end = group.end()
    return Tagged(tuple(tags), text[end:].lstrip() if tags else text)


def published(asked: Tagged) -> str:
    """The text as the published voice reads it, with those of its tags that this voice has."""
    groups = (f"({PUBLISHED[tag]})" for tag in asked.tags if tag in PUBLISHED)
    return "".join(groups) + asked.text


def music(asked: Tagged) -> str:
    """What the published voice's music vocoder does with it: "RAP", "哼唱", or "" where the common one speaks.

    Only the first tag counts. The speaker's recording of that kind is named after it: "TingtingRAP".
    """
    first = asked.tags[0] if asked.tags else ""
    return PUBLISHED[first] if first in _MUSIC else ""


def missing(asked: Iterable[str], available: Collection[str]) -> tuple[str, ...]:
    """Those of the tags asked for that a voice with the `available` ones has not, each once, in order."""
    return tuple(tag for tag in dict.fromkeys(asked) if tag not in available)
