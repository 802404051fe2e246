"""Any Unicode text in the few characters that English is written with, and a count of what has no place there."""

# ruff: noqa: RUF001 - look-alikes are what this file is about

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

KEPT = "€£¥₹°"
"""What comes through beside ASCII, because the numbers next to it say how to read it."""

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛´`ʼ′", "'"),
        **dict.fromkeys("“”„‟«»″〝〞「」『』《》", '"'),
        **dict.fromkeys("‐‑‒–−", "-"),
        **dict.fromkeys("—―", " -- "),
        **dict.fromkeys("•‣◦▪●○■□·", "; "),
        **dict.fromkeys("¿¡™®", ""),
        **dict.fromkeys("。।", ". "),
        **dict.fromkeys("、،", ", "),
        **{"؟": "? ", "؛": "; ", "⁄": "/", "º": "°", "№": " number ", "\u2028": "\n", "\u2029": "\n\n"},
        **{"²": " squared ", "³": " cubed ", "×": " times ", "÷": " divided by ", "±": " plus or minus "},
        **{"≤": " at most ", "≥": " at least ", "≠": " is not ", "≈": " about ", "√": " square root of "},
        **{"→": " to ", "⇒": " to ", "∞": " infinity ", "§": " section ", "©": " copyright ", "¢": " cents "},
        **{"ß": "ss", "ẞ": "SS", "þ": "th", "Þ": "Th", "ð": "th", "Ð": "Th", "ə": "a", "ı": "i"},
    }
)
_BEFORE_FRACTION = re.compile(r"(?<=[0-9])(?=[¼-¾⅐-⅞])")
_MICRO = re.compile(r"(?<=[0-9]) ?[µμ](?=[mg]\b)")
_JOINED_SIGN = re.compile("\u200d[\u2600-\u27bf]\ufe0f?")
"""What makes a shrug a man's or a woman's."""
_SILENT = {"Mn", "Me", "Cf", "Cs", "Co", "Cn", "Sk"}
"""Accents, what has no width, halves of pairs, what is nobody's, skin tones."""
_SAME_TWICE = re.compile(r"([^\x00-\x7f\w\s])\1+")
_FOREIGN = re.compile(rf"[^\x00-\x7f{KEPT}]+")
_LATIN = re.compile(r"LATIN .*?(?:LETTER|LIGATURE) (?:[A-Z]+ )*?([A-Z]{1,2})(?: |$)")
_BLANKS = re.compile(r"[\x00-\x09\x0b-\x20\x7f]+")
_SCRIPTS = {
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"), "Chinese or Japanese"),
    "HANGUL": "Korean",
}
_EMOJI = "\U0001f000"
"""From here on; older ones are among the symbols of 2600 to 27bf."""
_NOISE_IN_NAME = re.compile(r" (?:sign|symbol)$")
_PRINTED = re.compile(r"\b(?:heavy|black|white) ")
"""How the older symbols' names say that they are filled or outlined."""


@dataclass(frozen=True)
class LeftOut:
    """`words` runs of letters in a script that the voice cannot read, "Cyrillic" for one."""

    script: str
    words: int


def fold(text: str) -> tuple[str, tuple[LeftOut, ...]]:
    """Any text → the same in ASCII and `KEPT`, and what is not in it.

    Accents, widths and ligatures go ("café" → "cafe"), emoji become their names between commas, controls a space.
    """
    text = _MICRO.sub(" u", _BEFORE_FRACTION.sub(" ", text))
    # Twice, as taking characters apart brings slashes and quotes of its own.
    text = unicodedata.normalize("NFKD", _JOINED_SIGN.sub("", text.translate(_PLAIN))).translate(_PLAIN)
    text = "".join(c for c in text if c.isascii() or unicodedata.category(c) not in _SILENT)
    counted: Counter[str] = Counter()
    text = _FOREIGN.sub(lambda m: _read(m[0], counted), _SAME_TWICE.sub(r"\1", text))
    text = _BLANKS.sub(" ", text)
    return text, tuple(LeftOut(script, words) for script, words in counted.items())


def _read(run: str, counted: Counter[str]) -> str:
    """A run beyond ASCII, in ASCII; runs of one other script are counted and become a space."""
    said = ""
    for script, letters in groupby(run, _script):
        part = "".join(letters)
        if not script:
            said += "".join(map(_character, part))
        elif script == "Greek" and len(part) == 1:
            said += f" {unicodedata.name(part).split()[-1].lower()} "
        else:
            counted[script] += 1
            said += " "
    return said


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    """The plain name of the script that a letter is of; nothing for Latin and for what is no letter."""
    first = unicodedata.name(char, "").partition(" ")[0]
    if first in ("", "LATIN", "MODIFIER") or unicodedata.category(char) not in ("Lu", "Ll", "Lt", "Lm", "Lo", "Mc"):
        return ""
    return _SCRIPTS.get(first, first.capitalize())


@lru_cache(maxsize=4096)
def _character(char: str) -> str:
    """One character of no other script, in ASCII."""
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    if "\U0001f1e6" <= char <= "\U0001f1ff":  # flags are written with letters of their own
        return chr(ord(char) - 0x1F1E6 + ord("A"))
    name = unicodedata.name(char, "")
    if unicodedata.category(char) == "So" and (char >= _EMOJI or "\u2600" <= char <= "\u27bf"):
        spoken = _NOISE_IN_NAME.sub("", name.lower())
        return f", {spoken if char >= _EMOJI else _PRINTED.sub('', spoken)}, "
    latin = _LATIN.match(name)
    if latin is None:
        return " "
    return latin[1].capitalize() if char.isupper() else latin[1].lower()
