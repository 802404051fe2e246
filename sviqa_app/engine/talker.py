"""Any English text, aloud: words to sounds to audio tokens to samples, each as soon as it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..model.decode import Stop, never
from ..model.narration import PAUSE_IDS, Narrator
from ..turn import Samples
from .speakable import Clause, in_breaths
from .voice import Voice

STRETCH = 24  # words after which a new utterance begins at the next pause
_PAUSES = {",": ",", ";": ",", ".": ".", "!": ".", "?": "?"}


def talk(
    clauses: Iterable[Clause], narrator: Narrator, voice: Voice, rate: str = "plain", stop: Stop = never
) -> Iterator[Samples]:
    """Sound [n] of the clauses, bit by bit; `stop` is asked before every 120 ms."""
    for utterance in utterances(clauses):
        stream = voice.stream()
        for group in narrator.speech(_sounds(utterance, narrator), rate):
            if stop():
                return
            samples = stream.push(group)
            if len(samples):
                yield samples
        rest = stream.push([], last=True)
        if len(rest):
            yield rest


def utterances(clauses: Iterable[Clause]) -> Iterator[list[Clause]]:
    """Clauses that are said in one go: up to the end of a sentence, or to the first pause once it grows long."""
    gathered: list[Clause] = []
    for clause in in_breaths(clauses):
        gathered.append(clause)
        long = sum(len(c.words) for c in gathered) >= STRETCH
        if (clause.mark in ".?!" and clause.mark) or long:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _sounds(utterance: list[Clause], narrator: Narrator) -> Iterator[int]:
    """Sound and pause ids; an utterance ends in a full stop or a question mark."""
    for number, clause in enumerate(utterance, 1):
        for word in clause.words:
            yield from narrator.sounds(word)
        pause = _PAUSES.get(clause.mark)
        if number == len(utterance):
            yield PAUSE_IDS["?" if pause == "?" else "."]
        elif pause:
            yield PAUSE_IDS[pause]
