"""Any text as a voice can say it: plain lower-case English words, clause by clause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .written.capitals import CAPITALS, SHOUTING
from .written.folding import LeftOut, fold
from .written.links import LINKS
from .written.numerals import NUMERALS
from .written.rules import apply
from .written.shortenings import ALWAYS, SHORTENINGS
from .written.symbols import LAYOUT, SYMBOLS

MARKS = ",;.!?"
"""What may end a clause, the strongest last."""
BREATH = 14
"""Words that are said in one go, at most."""

_RULES = (*LINKS, *LAYOUT, *SHOUTING, *SHORTENINGS, *NUMERALS, *SYMBOLS, *CAPITALS)
_TOKEN = re.compile(rf"[a-z]+(?:'[a-z]+)?|[{MARKS}]")
_THRICE = re.compile(r"([a-vx-z])\1{2,}")
_CONSONANTS = re.compile(r"[b-df-hj-np-tv-xz]{2,}")
_LONGEST_WORD = 30

_CONJUNCTIONS = frozenset({
    "and", "but", "or", "nor", "so", "yet", "because", "although", "though", "while", "when", "where", "which", "who",
    "that", "if",
})  # fmt: skip
_PREPOSITIONS = frozenset({
    "about", "above", "across", "after", "against", "along", "among", "around", "as", "at", "before", "behind",
    "below", "beneath", "beside", "between", "beyond", "by", "despite", "down", "during", "for", "from", "in",
    "inside", "into", "like", "near", "of", "off", "on", "onto", "out", "outside", "over", "past", "per", "since",
    "than", "through", "to", "toward", "towards", "under", "until", "up", "upon", "versus", "via", "with", "within",
    "without",
})  # fmt: skip
_CLINGING = _CONJUNCTIONS | _PREPOSITIONS | frozenset({
    "a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "this", "these", "no",
})  # fmt: skip
"""What does not end a breath."""


@dataclass(frozen=True)
class Clause:
    """Words of [a-z'] and the pause behind them: one of `MARKS`, or nothing where speech goes straight on."""

    words: tuple[str, ...]
    mark: str

    def __str__(self) -> str:
        return " ".join(self.words) + self.mark


@dataclass(frozen=True)
class Speakable:
    """What a voice says, and what of the text it cannot say."""

    clauses: tuple[Clause, ...]
    left_out: tuple[LeftOut, ...]

    def __str__(self) -> str:
        return " ".join(map(str, self.clauses))

    @property
    def remark(self) -> str:
        """A sentence about what is missing; nothing where nothing is."""
        if not self.left_out:
            return ""
        first, *others = self.left_out
        counts = [f"{first.words} {'word' if first.words == 1 else 'words'} in {first.script}"]
        counts += [f"{other.words} in {other.script}" for other in others]
        listed = " and ".join(filter(None, (", ".join(counts[:-1]), counts[-1])))
        return f"This voice speaks English only; it left out {listed}."


def speakable(text: str) -> Speakable:
    """Any text at all → what a voice says of it. Numbers, abbreviations and symbols become words.

    What it gives, it gives again for `str` of it. Text that ends without a mark ends in ".".
    """
    folded, left_out = fold(text)
    return Speakable(tuple(_clauses(apply(_RULES, folded).lower())), left_out)


def in_breaths(clauses: Iterable[Clause], most: int = BREATH) -> Iterator[Clause]:
    """The same words in clauses of `most` words or fewer, cut where a speaker would rather breathe."""
    for clause in clauses:
        words = clause.words
        while len(words) > most:
            cut = _breath(words, most)
            yield Clause(words[:cut], "")
            words = words[cut:]
        yield Clause(words, clause.mark)


def _breath(words: tuple[str, ...], most: int) -> int:
    """How many words to say first: near an even share, before a conjunction rather than a preposition."""
    share = len(words) / -(-len(words) // most)

    def cost(cut: int) -> float:
        before, after = words[cut - 1], words[cut]
        joint = 0 if after in _CONJUNCTIONS else 2 if after in _PREPOSITIONS else 6
        return abs(cut - share) + joint + (6 if before in _CLINGING else 0)

    return min(range(1, most + 1), key=cost)


def _clauses(text: str) -> Iterator[Clause]:
    """Clauses of lower-case text. Of several marks in a row the strongest counts; one before any word does not."""
    words: list[str] = []
    mark = ""
    for token in _TOKEN.findall(text):
        if token in MARKS:
            mark = max(token, mark, key=MARKS.find) if words else ""
            continue
        if mark:
            yield Clause(tuple(words), mark)
            words, mark = [], ""
        words += _plain(token)
    if words:
        yield Clause(tuple(words), mark or ".")


def _plain(word: str) -> list[str]:
    """A word as words that can be sounded: whole, without vowels letter by letter, never endless."""
    word = _THRICE.sub(r"\1\1", word)
    stem, apostrophe, ending = word.partition("'")
    if len(word) > _LONGEST_WORD:
        parts = [part[i : i + _LONGEST_WORD] for part in (stem, ending) for i in range(0, len(part), _LONGEST_WORD)]
        return [piece for part in parts for piece in _plain(part)]
    said = ALWAYS.get(stem) or (" ".join(stem) if _CONSONANTS.fullmatch(stem) else stem)
    return f"{said}{apostrophe}{ending}".split()
