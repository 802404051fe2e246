"""The words the tokenizer keeps whole: everything the drawn world and its questions are made of."""

from __future__ import annotations

import re
from functools import cache

from tokenizers import Tokenizer

from ..model.prompt import build_tokenizer
from .phrasings import BEYOND, SIDES, TEMPLATES, split
from .questions import CANNOT_TELL
from .words import COLOUR_NAMES, COUNTS, DIGITS, KINDS, PLACES, plural

# Words people put around a question; they change nothing about the answer.
HINTS = (
    "in one word",
    "please",
    "answer briefly",
    "in a few words",
    "thank you",
    "be short",
    "quickly please",
)
EXTRA = "yes no nothing none the same bright dark , and a an i heard sorry hello okay"


@cache
def words() -> tuple[str, ...]:
    """Every whole word, sorted."""
    texts: list[str] = [*KINDS, *map(plural, KINDS), *COLOUR_NAMES, *DIGITS, *COUNTS, *PLACES, *HINTS]
    texts += [text for sides in SIDES.values() for text in sides]
    texts += [text for skill in TEMPLATES for text in split(skill, "all")]
    texts += [text for i, text in enumerate(BEYOND) if i % 5]
    texts += [CANNOT_TELL, EXTRA, "things"]
    found = {w for text in texts for w in re.sub(r"\{\w+\}", " ", text).split()}
    return tuple(sorted(found))


@cache
def tokenizer() -> Tokenizer:
    """The tokenizer of the model that ships."""
    return build_tokenizer(words())
