"""Numbers in words, without hyphens and commas inside one number."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
"""A whole number as it is written, thousands marked or not."""
DECIMAL = rf"(?:{NUMBER}(?:\.\d+)?)"
"""The same, with or without decimals."""
ORDINAL_END = r"(?:st|nd|rd|th|ST|ND|RD|TH)"
"""What makes a number an ordinal."""

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LONGEST = 15
"""From a quadrillion on, digits say more than words."""


@lru_cache(maxsize=4096)
def words(number: int, to: Literal["cardinal", "ordinal", "year"] = "cardinal") -> str:
    """42 → "forty two", "forty second"; 1984 as a year → "nineteen eighty four"."""
    from num2words import num2words

    return str(num2words(number, to=to)).replace("-", " ").replace(",", "")


def cardinal(digits: str) -> str:
    """ "1,204" → "one thousand two hundred and four"; what is no quantity ("007", a card's number) digit by digit."""
    bare = digits.replace(",", "")
    is_code = len(bare) > 9 and bare == digits and not bare.endswith("000")
    if is_code or len(bare) > _LONGEST or (bare[0] == "0" and bare != "0"):
        return one_by_one(bare)
    return words(int(bare))


def ordinal(digits: str) -> str:
    """ "21" → "twenty first"."""
    bare = digits.replace(",", "")
    return words(int(bare), "ordinal") if len(bare) <= _LONGEST else one_by_one(bare)


def year(digits: str) -> str:
    """ "1905" → "nineteen oh five"; what no year is written like is read as a number."""
    is_year = len(digits) == 4 and "1100" <= digits <= "2099"
    return words(int(digits), "year") if is_year else cardinal(digits)


def decimal(digits: str) -> str:
    """ "3.14" → "three point one four"; ".5" → "zero point five"."""
    whole, point, fraction = digits.partition(".")
    said = cardinal(whole or "0")
    return f"{said} point {_spelled(fraction)}" if point else said


def one_by_one(digits: str) -> str:
    """ "0801234" → "zero eight zero, one two three four": groups of three or four, with pauses between them."""
    groups = []
    while len(digits) > 4:
        groups.append(digits[:3])
        digits = digits[3:]
    return ", ".join(_spelled(group) for group in (*groups, digits))


def _spelled(digits: str) -> str:
    return " ".join(_DIGITS[int(digit)] for digit in digits)
