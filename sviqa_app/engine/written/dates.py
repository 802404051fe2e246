"""Dates and times of day in words."""

from __future__ import annotations

import re

from .numbers import ORDINAL_END, ordinal, words, year
from .rules import OWN_DOT, rule

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_SHORT_MONTH = r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b"
MONTH = rf"(?:{'|'.join(_MONTHS).title()}|{_SHORT_MONTH})\b"
"""A month as it is written, whole or short."""
_AM_PM = rf"(?:(?P<half>[apAP])(?:[mM]\b|\.\s?[mM]\b(?:{OWN_DOT})?))"


def _iso(m: re.Match[str]) -> str:
    return f" {_MONTHS[int(m[2]) - 1]} {ordinal(m[3])} {year(m[1])} "


def _as_written(m: re.Match[str]) -> str:
    """ "3/4/2024" may be a day in March or in April."""
    return f" {words(int(m[1]))} slash {words(int(m[3]))} slash {year(m[4])} "


def _month_day(m: re.Match[str]) -> str:
    days = " to ".join(ordinal(day) for day in (m["day"], m["until"]) if day)
    return f" {_month(m['month'])} {days} "


def _month(written: str) -> str:
    return next(month for month in _MONTHS if month.startswith(written[:3].lower()))


def _clock(m: re.Match[str]) -> str:
    hour, minute, second = int(m["hour"]), m["minute"], m["second"]
    if int(minute):
        past = f" {'oh ' if minute[0] == '0' else ''}{words(int(minute))}"
    else:
        past = "" if m["half"] else " o'clock" if 0 < hour <= 12 else " hundred"
    seconds = f" and {words(int(second))} seconds" if second and int(second) else ""
    return f" {words(hour)}{past}{seconds}{_half_of_day(m)} "


def _half_of_day(m: re.Match[str]) -> str:
    """Letters are said by name: "ay" is the name of "a", which alone would be the article."""
    return f" {'ay' if m['half'] in 'aA' else 'p'} m" if m["half"] else ""


DATES = (
    rule(r"(?<![\w-])(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:T(?=\d)|(?![\w-]))", _iso),
    rule(r"(?<![\w/.-])(\d\d?)([/.-])(\d\d?)\2(\d{4}|(?<=/)\d\d)(?![\w/-])", _as_written),
    rule(
        rf"\b(?P<month>{MONTH})\.? (?P<day>[0-3]?\d){ORDINAL_END}?(?: ?- ?(?P<until>[0-3]?\d){ORDINAL_END}?)?"
        r"(?![\w:%]|[.,]\d|-\d)",
        _month_day,
    ),
    rule(
        rf"(?<![\w.,$€£/:-])(?:[Tt]he )?([0-3]?\d){ORDINAL_END}?(?: of)? ({MONTH})(?:{OWN_DOT})?",
        lambda m: f" the {ordinal(m[1])} of {_month(m[2])} ",
    ),
    rule(rf"\b({_SHORT_MONTH})(?:(?:{OWN_DOT})|(?=\.|,? \d))", lambda m: f" {_month(m[1])} "),
)
"""Whole dates. `year` reads the years that stand alone."""

TIMES = (
    rule(
        rf"(?<![\d:.])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:])(?:\s?{_AM_PM})?",
        _clock,
    ),
    rule(rf"(?<![\d:.,])(?P<hour>1[0-2]|0?[1-9])\s?{_AM_PM}", lambda m: f" {words(int(m['hour']))}{_half_of_day(m)} "),
)
"""Times of day, on twelve hours and on twenty-four."""
