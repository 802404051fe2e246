"""Text on its way into the database, into its search, and out of what was found."""

from __future__ import annotations

# What SQLite puts around the words found: control characters, which are kept out of the text.
HIT, END = "\x02", "\x03"
_MAX_WORDS = 32
_BLANKED = dict.fromkeys(map(ord, f"\0{HIT}{END}"), " ")


def clean(text: str) -> str:
    """Without what the database cannot keep: zero characters, its own marks and halves of characters."""
    return text.translate(_BLANKED).encode("utf-8", "replace").decode()


def query(words: str) -> str:
    """What FTS5 is asked for: every word in quotes, so that it means itself, and the last as a beginning.

    "" where there is nothing to search for.
    """
    wanted = [word for word in clean(words).split() if any(c.isalnum() for c in word)][:_MAX_WORDS]
    quoted = ['"' + word.replace('"', '""') + '"' for word in wanted]
    return " ".join(quoted) + "*" if quoted else ""


def pieces(marked: str) -> tuple[tuple[str, bool], ...]:
    """The text cut where it is marked, and whether each piece was found."""
    cut: list[tuple[str, bool]] = []
    for n, part in enumerate(marked.split(HIT)):
        hit, _, rest = part.partition(END) if n else ("", "", part)
        cut += [(hit, True), (rest, False)]
    return tuple((text, hit) for text, hit in cut if text)
