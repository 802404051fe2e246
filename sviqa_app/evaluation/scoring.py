"""When an answer about a drawn scene counts as right, skill by skill, and how sure a share is."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from ..training.questions import CANNOT_TELL
from ..training.words import COLOUR_NAMES, DIGITS, KINDS, PLACES, SHAPES, plural

DESCRIBE_F1 = 0.8
"""A description is right from this F1 on between the things named and the things there, each counted."""

_ARTICLES = {"a", "an", "the"}
_SAME = {"none": "zero", "no": "zero", "grey": "gray", "middle": "center", "centre": "center"}
_CANNOT = re.compile(r"\bcan ?not (tell|see|say)\b|\bcan t (tell|see|say)\b|\bnot sure\b")


def normalise(answer: str) -> list[str]:
    """Lower-case words without punctuation and articles."""
    return [w for w in re.findall(r"[a-z0-9]+", answer.lower()) if w not in _ARTICLES]


def says_cannot_tell(answer: str) -> bool:
    """Whether the answer is that it cannot be told."""
    return _CANNOT.search(" ".join(normalise(answer))) is not None


def is_right(skill: str, truth: str, answer: str) -> bool:
    """Whether `answer` says what `truth` says; how strictly depends on the skill.

    exists: yes or no. count: the first number. where, read: the same places or numbers, in any order.
    describe: F1 of DESCRIBE_F1 or more. All others: the same words, articles and punctuation aside.
    """
    if truth == CANNOT_TELL or says_cannot_tell(answer):
        return truth == CANNOT_TELL and says_cannot_tell(answer)
    if skill == "exists":
        return normalise(truth)[:1] == normalise(answer)[:1]
    if skill == "count":
        return _number(truth) == _number(answer)
    if skill == "where":
        return _found(PLACES, truth) == _found(PLACES, answer)
    if skill == "read":
        return _found(DIGITS, truth) == _found(DIGITS, answer)
    if skill == "describe":
        return f1(things(truth), things(answer)) >= DESCRIBE_F1
    return _plain(truth) == _plain(answer)


def things(description: str) -> Counter[str]:
    """What a description names, each with how many: "two red circles and a dog" → red circle 2, dog 1."""
    named: Counter[str] = Counter()
    for part in re.split(r",|\band\b", description.lower()):
        words = normalise(part)
        count = DIGITS.index(words[0]) if words and words[0] in DIGITS else 1
        name = " ".join(words[1:] if words and words[0] in DIGITS else words)
        if name and name != "nothing":
            named[_singulars().get(name, name)] += count
    return named


def f1(truth: Counter[str], said: Counter[str]) -> float:
    """Harmonic mean of precision and recall between two counted sets; 1 where both are empty."""
    if not truth and not said:
        return 1.0
    return 2 * (truth & said).total() / (truth.total() + said.total())


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927); (0, 1) of nothing."""
    if of == 0:
        return 0.0, 1.0
    z = 1.959964
    share = right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def word_errors(truth: str, heard: str) -> tuple[int, int]:
    """Levenshtein distance between the words of two lines, and the number of words in the true one."""
    a, b = truth.split(), heard.split()
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (word != other))
    return row[-1], len(a)


def _plain(answer: str) -> list[str]:
    return [_SAME.get(word, word) for word in normalise(answer)]


def _number(answer: str) -> int | None:
    for word in _plain(answer):
        if word in DIGITS:
            return DIGITS.index(word)
        if word.isdigit():
            return int(word)
    return None


def _found(names: Sequence[str], answer: str) -> Counter[str]:
    """How often each name stands in the answer; the longest name counts where one is part of another."""
    longest_first = sorted(names, key=len, reverse=True)
    pattern = r"\b(" + "|".join(map(re.escape, longest_first)) + r")\b"
    return Counter(re.findall(pattern, " ".join(normalise(answer))))


@cache
def _singulars() -> dict[str, str]:
    shapes = [f"{colour} {shape}" for colour in COLOUR_NAMES for shape in SHAPES]
    return {plural(name): name for name in (*KINDS, *shapes)}
