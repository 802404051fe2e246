"""Our voice, saying a text while it is still being written: sentence by sentence."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from ..manner import Manner
from ..model.decode import Stop
from ..turn import Samples
from .speakable import speakable
from .talker import talk
from .voices import Voices

# Not behind two letters and fewer, which is where most abbreviations and initials end.
_END = re.compile(r"(?<=[a-z0-9)\]\"'][a-z0-9)\]\"'][a-z0-9)\]\"']\.)\s+|(?<=[!?…])\s+|\n+")
LONGEST = 250
"""Characters after which what has no end is said as far as it goes."""


class Aloud:
    """One answer. Text goes in as it comes; sound comes out whenever there is a whole sentence to say."""

    def __init__(self, voices: Voices, manner: Manner, stop: Stop) -> None:
        """Raises EngineError where the manner names nobody who is there."""
        self._voices = voices
        self._voice = voices.voice(voices.speaker(manner.speaker), manner.style)
        self._rate = manner.rate
        self._stop = stop
        self._rest = ""
        self._sentences: deque[str] = deque()
        self._sound: Iterator[Samples] = iter(())

    def write(self, text: str) -> None:
        """More of the text."""
        *whole, self._rest = _END.split(self._rest + text)
        if len(self._rest) > LONGEST:
            said, _, self._rest = self._rest.rpartition(" ")
            whole.append(said)
        self._sentences += whole

    def finish(self) -> None:
        """No more text comes."""
        self._sentences.append(self._rest)
        self._rest = ""

    def sound(self) -> Samples | None:
        """The next piece of sound [n]; None where nothing is to be said yet."""
        while (piece := next(self._sound, None)) is None and self._sentences and not self._stop():
            clauses = speakable(self._sentences.popleft()).clauses
            self._sound = talk(clauses, self._voices.narrator, self._voice, self._rate, self._stop)
        return piece
