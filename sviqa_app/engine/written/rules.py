"""Rewriting text by a list of rules, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
"""What to look for, and what to put there: a template as `re.sub` takes it, or a function."""

NEW_SENTENCE = (
    r"(?:\s*$|\s+(?:A|An|And|As|At|But|He|Her|His|How|I|If|In|Is|It|My|No|On|Our|Please|She|So|That|The|Their|Then|"
    r"There|These|They|This|Those|To|We|What|When|Where|Who|Why|Yes|You|Your)\b)"
)
"""What follows the dot of an abbreviation where that dot ends the sentence too."""
OWN_DOT = rf"\.(?!{NEW_SENTENCE})"
"""The dot of an abbreviation that goes on."""


def rule(pattern: str, put: str | Callable[[re.Match[str]], str]) -> Rule:
    """One rule. A pattern must find its start in constant time (look behind), or long input takes quadratic time."""
    return re.compile(pattern), put


def apply(rules: Iterable[Rule], text: str) -> str:
    """`text`, rewritten by each rule in turn."""
    for pattern, put in rules:
        text = pattern.sub(put, text)
    return text
