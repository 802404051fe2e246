"""Abbreviations and Roman numerals as they are said."""

from __future__ import annotations

import re

from .capitals import spell
from .dates import MONTH
from .rules import NEW_SENTENCE, OWN_DOT, rule

ALWAYS = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "st": "street", "jr": "junior",
    "sr": "senior", "rd": "road", "ave": "avenue", "blvd": "boulevard", "hwy": "highway", "inc": "incorporated",
    "corp": "corporation", "ltd": "limited", "bros": "brothers", "dept": "department", "etc": "et cetera",
    "vs": "versus", "approx": "approximately", "govt": "government", "misc": "miscellaneous", "eg": "for example",
    "ie": "that is", "aka": "also known as", "ok": "okay", "cf": "compare", "tel": "telephone", "hmm": "hum",
    "hm": "hum", "mm": "hum", "shh": "shush", "sh": "shush", "brr": "burr", "tsk": "tisk", "nth": "enth",
    "jpeg": "jay peg", "wifi": "why fie",
}  # fmt: skip
"""Lower-case words that are never said as they are written."""

_TITLES = {
    "Gen": "general", "Sen": "senator", "Rep": "representative", "Gov": "governor", "Lt": "lieutenant",
    "Col": "colonel", "Sgt": "sergeant", "Capt": "captain", "Rev": "reverend", "Hon": "honorable", "Maj": "major",
    "Pres": "president", "Mt": "mount", "Ft": "fort", "St": "saint",
}  # fmt: skip
"""Said so where a name follows."""
_COUNTED = {
    "no": "number", "nos": "numbers", "fig": "figure", "vol": "volume", "ch": "chapter", "sec": "section",
    "p": "page", "pp": "pages", "art": "article", "eq": "equation", "max": "maximum", "min": "minimum",
}  # fmt: skip
"""Said so where a number follows."""
_DAYS = {
    "Mon": "monday", "Tues": "tuesday", "Tue": "tuesday", "Wed": "wednesday", "Thurs": "thursday", "Thur": "thursday",
    "Thu": "thursday", "Fri": "friday", "Sat": "saturday", "Sun": "sunday",
}  # fmt: skip
_DAY = rf"\b({'|'.join(_DAYS)})\b\.?"
_NUMBERED = (
    r"World War|Chapter|Part|Act|Scene|Book|Volume|Section|Phase|Title|Type|Stage|Class|Level|Article|Appendix|"
    r"Figure|Table|Super Bowl|Round|Unit|Episode|Season"
)
_RULERS = (
    r"Henry|Louis|Elizabeth|George|Edward|Charles|James|William|Richard|Mary|Catherine|John Paul|Benedict|Pius|Leo|"
    r"Francis|Philip|Frederick|Alexander|Nicholas|Ivan|Peter|Ferdinand|Napoleon|Ramses|Otto"
)
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_NUMERAL = r"(?P<numeral>(?=[IVXLC])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))(?<=[IVXLC])\b(?![.-]\w|'[^s])"
_MAY_BE_ME = re.compile(r" (?!(?:and|in|is|of|to|was)\b)[a-z]")
_HOUSE = r"(?<!\w)(\d{1,5}\w? (?:[A-Z]\w* ){1,3})"


def _numeral(m: re.Match[str]) -> str:
    """The same in figures; "Chapter I" stays where the I may be the one who speaks."""
    numeral = m["numeral"]
    if numeral == "I" and _MAY_BE_ME.match(m.string, m.end()):
        return m[0]
    values = [_ROMAN[letter] for letter in numeral]
    number = sum(-value if value < max(values[i:]) else value for i, value in enumerate(values))
    return f"{m['before']} {number}" if m["numbered"] else f"{m['before']} the {number}th"


SHORTENINGS = (
    rule(r"\be\.g\.(?!\w)", " for example "),
    rule(r"\bi\.e\.(?!\w)", " that is "),
    rule(rf"\bPh\.\s?D\b(?:{OWN_DOT})?", " p h d "),
    rule(r"(?<![\w/])[wW]/o\b", " without "),
    rule(r"(?<![\w/])[wW]/(?=\s?\w)", " with "),
    rule(r"\band/or\b", " and or "),
    rule(rf"{_HOUSE}St\b(?:{OWN_DOT})?", r"\1 street "),
    rule(rf"{_HOUSE}Dr\b(?:{OWN_DOT})?", r"\1 drive "),
    rule(
        rf"\b({'|'.join(_TITLES)})(?:\.|(?<=[MFS]t))(?!{NEW_SENTENCE})(?= ?[A-Z])",
        lambda m: f" {_TITLES[m[1]]} ",
    ),
    rule(rf"{_DAY} ?- ?{_DAY}", lambda m: f" {_DAYS[m[1]]} to {_DAYS[m[2]]} "),
    rule(rf"{_DAY}(?=,? (?:\d|{MONTH}))", lambda m: f" {_DAYS[m[1]]} "),
    rule(rf"(?i:\b({'|'.join(_COUNTED)}))\. ?(?=\d)", lambda m: f" {_COUNTED[m[1].lower()]} "),
    rule(r"\bCo\.(?!\w)", " company "),
    rule(rf"(?i:\b({'|'.join(ALWAYS)})){OWN_DOT}", r"\1 "),
    rule(
        rf"(?<![\w.])(?!(?<=\d )[apAP]\.[mM]\b)((?:[A-Za-z]\.)+[A-Za-z])\b(?:{OWN_DOT})?", lambda m: f" {spell(m[1])} "
    ),
    rule(rf"(?<![\w.])([A-Z])\.(?!{NEW_SENTENCE})(?= ?[A-Z])", lambda m: f" {spell(m[1])} "),
    rule(rf"\b(?P<before>(?P<numbered>{_NUMBERED})|{_RULERS}) {_NUMERAL}", _numeral),
    rule(r"\b([A-Z]{1,2})&([A-Z]{1,2})\b", lambda m: f" {spell(m[1])} and {spell(m[2])} "),
    rule(r"# ?(?=\d)", " number "),
    rule(r"~ ?(?=[$€£₹¥]?\d)", " about "),
    rule(r"(?<![\w'])A(?=\d)", " ay "),
)
"""To be applied before numbers are spelled. The dot of an abbreviation goes unless the sentence ends there."""
