"""Words in capitals: spelled, said as words, or shouted."""

from __future__ import annotations

import re

from .rules import rule

_SPELLED = frozenset({
    "AARP", "ABC", "AI", "API", "ASAP", "ATM", "BBC", "CEO", "CIA", "CPU", "CSS", "DIY", "DNA", "DVD", "ESPN", "EU",
    "FAQ", "FBI", "GPS", "GPU", "HIV", "IBAN", "IBM", "ID", "IEEE", "IQ", "ISBN", "IT", "LED", "MIT", "NBA", "NCAA",
    "NHS", "NYC", "OECD", "PC", "PDF", "PHD", "RIP", "SOS", "SUV", "TV", "UCLA", "UFO", "UK", "UN", "UPS", "URL",
    "US", "USA", "USB", "USSR", "VIP", "VPN",
})  # fmt: skip
"""Said letter by letter however long they are and however loud the sentence is."""
_SAID = frozenset({
    "AM", "AN", "AS", "AT", "BE", "BY", "DO", "GO", "HE", "IF", "IN", "IS", "ME", "MY", "NO", "OF", "OK", "ON", "OR",
    "SO", "TO", "UP", "WE", "ALL", "AND", "ANY", "ARE", "ASK", "BAD", "BIG", "BUT", "BUY", "CAN", "DAD", "DAY", "DID",
    "END", "FOR", "FUN", "GET", "GIF", "GOT", "HAD", "HAS", "HER", "HIM", "HIS", "HOT", "HOW", "LET", "LOL", "MAN",
    "MAX", "MAY", "MOM", "NAP", "NEW", "NOT", "NOW", "OFF", "OLD", "ONE", "OUR", "OUT", "OWN", "PIN", "RAM", "RED",
    "ROM", "RUN", "SAD", "SAW", "SAY", "SEE", "SET", "SHE", "SIM", "SIT", "SUN", "TEN", "THE", "TOO", "TOP", "TRY",
    "TWO", "USE", "WAR", "WAS", "WAY", "WHO", "WHY", "WIN", "WON", "YES", "YET", "YOU", "ZIP",
})  # fmt: skip
"""Words although they are short; from four letters on, what is not spelled is a word (NASA, STOP)."""
_SHORT = 3


def spell(letters: str) -> str:
    """ "USA" → "u s ay": letters as words of one letter, and "ay" for "a", which alone would be the article."""
    return " ".join("ay" if letter in "aA" else letter.lower() for letter in letters if letter.isalpha())


def _calm(m: re.Match[str]) -> str:
    """A sentence that is all capitals is loud, not full of initials."""
    words = re.findall(r"[A-Za-z]{2,}", m[0])
    capitals = [word for word in words if word.isupper()]
    is_loud = any(len(word) > _SHORT and word not in _SPELLED for word in capitals)
    if len(words) < 2 or 2 * len(capitals) <= len(words) or not is_loud:
        return m[0]
    return re.sub(r"[A-Z]{3,}", lambda word: word[0] if word[0] in _SPELLED else word[0].capitalize(), m[0])


def _initials(m: re.Match[str]) -> str:
    letters, plural = m[1], m[2]
    if letters in _SAID or (len(letters) > _SHORT and letters not in _SPELLED):
        return m[0].lower()
    return spell(letters) + ("'s" if plural else "")


SHOUTING = (rule(r"[^.?!\n]+", _calm),)
"""To be applied while capitals still tell what is what."""

CAPITALS = (
    rule(r"(?<=[a-z])(?<!\bMc)(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s\b)", " "),
    rule(r"(?<=[a-z] )A(?![\w']| [A-Z])", "ay"),
    rule(r"(?<![A-Za-z'])([A-Z]{2,})(s?)(?![a-z]|'[A-Z])", _initials),
)
"""To be applied last: "YouTube" becomes two words, "vitamin A" its letter, "USA" its letters."""
