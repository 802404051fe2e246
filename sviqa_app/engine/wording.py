"""How an answer reads: the model writes lower-case words, a person gets a sentence."""

from __future__ import annotations

import re

_SPACE_BEFORE = re.compile(r"\s+([.,!?;:%)])")
_SENTENCE_START = re.compile(r"(^|[.!?]\s+)([a-z])")
_PRONOUN = re.compile(r"\bi\b")


def sentence(words: str) -> str:
    """ "a red circle , top left" → "A red circle, top left." Nothing stays nothing."""
    begun = _begin(words)
    return begun if not begun or begun[-1] in ".!?" else f"{begun}."


def _begin(words: str) -> str:
    """The same without a full stop at its end."""
    joined = _SPACE_BEFORE.sub(r"\1", " ".join(words.split()))
    joined = _PRONOUN.sub("I", joined)
    return _SENTENCE_START.sub(lambda m: m[1] + m[2].upper(), joined)


class Wording:
    """A sentence that grows as words come. What was given out never changes."""

    def __init__(self) -> None:
        self.text = ""

    def grow(self, words: str) -> str:
        """What can be shown in addition, given all words so far; the last one may still grow, so it waits."""
        return self._show(_begin(words.rpartition(" ")[0]))

    def finish(self, words: str) -> str:
        """What remains to be shown when `words` is all there is."""
        return self._show(sentence(words))

    def _show(self, text: str) -> str:
        if not text.startswith(self.text):
            return ""
        more, self.text = text[len(self.text) :], text
        return more
