"""Everything that is written with digits, in words."""

from __future__ import annotations

import re

from .dates import DATES, TIMES
from .measures import MEASURES, SIGNS
from .numbers import DECIMAL, NUMBER, ORDINAL_END, cardinal, decimal, one_by_one, ordinal, words, year
from .rules import rule

_TELEPHONE = (
    r"(?:\+\d[\d ().-]{6,18}\d|\(\d{2,5}\) ?\d[\d -]{4,12}\d|\d{3}(?P<gap>[-. ])\d{3}(?P=gap)\d{4}"
    r"|\d{3}-(?!\d\d00)\d{4}|\d+(?:-\d+){2,}|0\d{2,4}(?: \d{3,4}){1,3})"
)
_READ_AS_PARTS = (2, 3, 4, 5, 6, 8, 10, 16, 100)
"""Denominators of fractions. What is over another one is read number by number: "24/7", "9/11"."""


def _telephone(m: re.Match[str]) -> str:
    groups = ", ".join(map(one_by_one, re.findall(r"\d+", m[0])))
    return f" {'plus ' if m[0][0] == '+' else ''}{groups} "


def _decade(m: re.Match[str]) -> str:
    """ "1980" before an "s" → "nineteen eighties"."""
    said = year(m[1])
    return f" {said[:-1]}ies " if said.endswith("y") else f" {said}s "


def _version(m: re.Match[str]) -> str:
    said = " point ".join(map(cardinal, m["parts"].split(".")))
    return f" version {said} " if m["v"] else f" {said} "


def _fraction(m: re.Match[str]) -> str:
    """ "3/4" → "three quarters", "2 1/2" → "two and a half", "24/7" → "twenty four seven"."""
    whole, over, under = m["whole"], int(m["over"]), int(m["under"])
    before = f"{cardinal(whole)} and " if whole else ""
    if under not in _READ_AS_PARTS or not 0 < over < under:
        return f" {cardinal(whole) if whole else ''} {cardinal(m['over'])} {cardinal(m['under'])} "
    part = "half" if under == 2 else "quarter" if under == 4 else words(under, "ordinal")
    if over > 1:
        return f" {before}{words(over)} {part}s "
    article = ("an" if part == "eighth" else "a") if whole else "one"
    return f" {before}{article} {part} "


NUMERALS = (
    *DATES,
    rule(rf"(?<![\w.,$€£/-]){_TELEPHONE}(?!\w|[.,/-]\d)", _telephone),
    rule(r"(?<=[Cc]all |[Dd]ial )\d{3}(?![\w.,-]*\d)", lambda m: one_by_one(m[0])),
    rule(
        rf"(?<![\w.,:{SIGNS}-])({NUMBER}(?:[.:]\d+)?(?:\s?[aApP]\.?[mM]\.?|{ORDINAL_END}|%|°)?)"
        rf"\s?-\s?(?=[{SIGNS}]?\d)",
        r"\1 to ",
    ),
    rule(rf"(?<![\w.%)-])-(?=[{SIGNS}]?\.?\d)", " minus "),
    *TIMES,
    rule(r"(?<!\w)'?((?:1[1-9]|20)?\d0)'?s\b", _decade),
    *MEASURES,
    rule(rf"(?<![\w.])({NUMBER}){ORDINAL_END}\b", lambda m: f" {ordinal(m[1])} "),
    rule(
        r"(?<![\w.])(?:(?P<v>(?:[Vv]ersion )?[vV](?:er)?\.? ?)(?=\d)|(?=\d+\.\d+\.\d))(?P<parts>\d+(?:\.\d+)*)(?!\w)",
        _version,
    ),
    rule(r"(?<![\w/.,])(?:(?P<whole>\d+) )?(?P<over>\d{1,3})/(?P<under>\d{1,3})(?![\w/]|[.,]\d)", _fraction),
    rule(r"(?<=\d):(?=\d)", " to "),
    rule(r"(?<=\d) / (?=\d)", " divided by "),
    rule(r"(?<=\d)\s?[xX]\s?(?=\d)", " by "),
    rule(r"(?<=\d)[xX]\b", " times "),
    rule(r"(?<=\d)\s?\*\s?(?=\d)", " times "),
    rule(r"(?<=\d)\s?\^\s?(?=\d)", " to the power of "),
    rule(r"(?<![\w.,])(1[1-9]\d\d|20\d\d)(?!\w|[.,]\d)", lambda m: f" {year(m[1])} "),
    rule(rf"{DECIMAL}|(?<![\w.])\.\d+", lambda m: f" {decimal(m[0])} "),
)
"""To be applied to what `fold` gives; afterwards there is no digit left."""
