"""The words that a taught narrator spells otherwise than they are said."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..model.narration import Narrator, word_sounds
from .lexicon import Lexicon
from .readings import Readings, spoken_words

USUAL = 0.2  # of a word's readings: a way of saying it that is as common is right


def misspelled(
    narrator: Narrator, words: Sequence[str], lexicon: Lexicon, readings: Readings
) -> dict[str, tuple[int, ...]]:
    """Of the words those that the narrator gets wrong, and the ids of their sounds: as they are mostly read among
    others, or as they are said alone where nothing read holds them."""
    heard: defaultdict[str, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for i in range(readings.count):
        if reading := readings(i):
            for word, sounds in spoken_words(readings.text(i), reading):
                heard[word][sounds] += 1
    wrong = {}
    for word in words:
        ways = heard[word] or Counter([word_sounds(lexicon[word])])
        if ways[narrator.sounds(word)] < USUAL * ways.total():
            wrong[word] = ways.most_common(1)[0][0]
    return wrong
