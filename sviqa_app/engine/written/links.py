"""Web and e-mail addresses as they are read out."""

from __future__ import annotations

import re

from .rules import rule

_NAMES = {
    ".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore", "?": "question mark", "=": "equals",
    "&": "and", "#": "hash", ":": "colon", "%": "percent", "+": "plus", "~": "tilde",
}  # fmt: skip
_SCHEME = re.compile(r"^\w+://")


def _read_out(m: re.Match[str]) -> str:
    address = _SCHEME.sub("", m[0]).rstrip("/").lower()
    return "".join(c if c.isalnum() else f" {_NAMES.get(c, '')} " for c in address)


LINKS = (
    rule(
        r"(?<![\w@.+-])(?:(?:(?:https?|ftp)://|www\.)\S*[\w/]"
        r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
        r"|(?:[\w-]+\.)+[a-z]{2,}/(?:\S*[\w/])?)",
        _read_out,
    ),
)
"""To be applied before anything else looks at dots and slashes."""
