"""Money and measures in words."""

from __future__ import annotations

import re

from .numbers import DECIMAL, cardinal, decimal, words
from .rules import rule

SIGNS = "$€£₹¥"
"""What stands before an amount of money, one of these."""

_MONEY = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "¥": ("yen", "yen", "sen", "sen"),
}
_CODES = {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "JPY": "¥"}
_CODE = rf"(?:{'|'.join(_CODES)})\b"
_SCALES = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}
_UNITS = {
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "um": "micrometer", "nm": "nanometer", "m": "meter",
    "mi": "mile", "yd": "yard", "ft": "foot", "ha": "hectare", "px": "pixel", "°": "degree", "kg": "kilogram",
    "g": "gram", "mg": "milligram", "ug": "microgram", "lb": "pound", "lbs": "pound", "oz": "ounce", "l": "liter",
    "L": "liter", "ml": "milliliter", "mL": "milliliter", "kcal": "kilocalorie", "s": "second", "sec": "second",
    "secs": "second", "ms": "millisecond", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour",
    "hrs": "hour", "yr": "year", "yrs": "year", "mph": "mile per hour", "km/h": "kilometer per hour",
    "kph": "kilometer per hour", "m/s": "meter per second", "rpm": "revolution per minute", "bpm": "beat per minute",
    "fps": "frame per second", "dpi": "dot per inch", "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte",
    "GB": "gigabyte", "TB": "terabyte", "MB/s": "megabyte per second", "GB/s": "gigabyte per second",
    "kbps": "kilobit per second", "Mbps": "megabit per second", "Gbps": "gigabit per second", "Hz": "hertz",
    "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "dB": "decibel", "V": "volt", "mV": "millivolt",
    "mA": "milliamp", "mAh": "milliamp hour", "W": "watt", "kW": "kilowatt", "MW": "megawatt", "kWh": "kilowatt hour",
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_MANY = {"foot": "feet"} | {f"{size}hertz": f"{size}hertz" for size in ("", "kilo", "mega", "giga")}


def _money(m: re.Match[str]) -> str:
    """ "$12.50" → "twelve dollars and fifty cents", "€1.2 million" → "one point two million euros"."""
    one, many, cent, cents = _MONEY[_CODES.get(m["sign"], m["sign"])]
    amount, until = m["amount"], m["until"]
    scale = (m["scale"] or "").lower()
    whole, _, part = amount.partition(".")
    if until or scale or len(part) > 2:
        said = " to ".join(decimal(number) for number in (amount, until) if number)
        return f" {said} {_SCALES.get(scale, scale)} {many} "
    small = int(part.ljust(2, "0"))
    said_small = f"{words(small)} {cent if small == 1 else cents}"
    if whole == "0" and small:
        return f" {said_small} "
    return f" {cardinal(whole)} {one if whole == '1' else many} {f'and {said_small} ' if small else ''}"


def _unit(m: re.Match[str]) -> str:
    """The unit after a number; the number stays as it is written."""
    unit = _UNITS[m["unit"]]
    if m["one"] or m["gap"] == "-":
        return f"{m['one'] or ''} {unit} "
    head, per, below = unit.partition(" per ")
    return f" {_MANY.get(head, f'{head}s')}{per}{below} "


MEASURES = (
    rule(rf"(?<![\w.,$€£₹¥])({DECIMAL})\s?([{SIGNS}](?!\s?\d)|{_CODE})", r"\2 \1"),
    rule(
        rf"(?:\bUS(?=\$))?(?P<sign>[{SIGNS}]|\b{_CODE})\s?(?P<amount>{DECIMAL})"
        rf"(?:\s?-\s?[{SIGNS}]?(?P<until>{DECIMAL}))?"
        r"(?:\s?(?P<scale>thousand|[mb]illion|trillion|(?<=\d)(?:bn|[kKmMbB]))\b)?",
        _money,
    ),
    rule(r"(?<=\d)\s?°\s?C\b", "° celsius"),
    rule(r"(?<=\d)\s?°\s?F\b", "° fahrenheit"),
    rule(r"""(?<=\d)'(?=\d\d?(?:"|''|(?!\w)))""", " foot "),
    rule(
        rf"(?:(?P<one>(?<![\w.,/])1)|(?<=\d))(?P<gap>\s?|-)(?P<unit>{_UNIT})(?![\w/])(?:\.(?=\s[a-z]))?",
        _unit,
    ),
)
"""Amounts of money are read whole; of measures, the unit: the number before it is left to be read."""
