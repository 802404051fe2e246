"""What the voice learns from: answers and everyday sentences, said by one synthesiser's voice and trimmed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.audio import resampled
from ..model.mel import SPEECH_RATE
from ..turn import Recording, Samples
from .questions import CANNOT_TELL
from .voices import RATE, Voice, speak

# The canonical voice, spoken so low that no band of a mel tells one harmonic from the next: its audio tokens say
# what is said and carry no pitch.
SPEAKER = Voice("flite", "slt", pitch=50)
LOUD = 0.03  # of the peak: speech begins and ends here
BEFORE, AFTER = 0.05, 0.22  # seconds kept around it, as Step-Audio's tokenizer does

# The first lists of the IEEE's Harvard sentences (1969), and what an assistant says beside answers.
EVERYDAY = (
    "the birch canoe slid on the smooth planks",
    "glue the sheet to the dark blue background",
    "it is easy to tell the depth of a well",
    "these days a chicken leg is a rare dish",
    "rice is often served in round bowls",
    "the juice of lemons makes fine punch",
    "the box was thrown beside the parked truck",
    "the hogs were fed chopped corn and garbage",
    "four hours of steady work faced us",
    "a large size in stockings is hard to sell",
    "the boy was there when the sun rose",
    "a rod is used to catch pink salmon",
    "the source of the huge river is the clear spring",
    "kick the ball straight and follow through",
    "help the woman get back to her feet",
    "a pot of tea helps to pass the evening",
    "smoky fires lack flame and heat",
    "the soft cushion broke the man's fall",
    "the salt breeze came across from the sea",
    "the girl at the booth sold fifty bonds",
    "measure the vision of the azure treasure",
    "they both thought the weather was rather worse",
    "should the child chew the cheese",
    "you may join us at the usual hour",
    "i heard nothing",
    "please ask again",
    "i do not know what that is",
    "what would you like to know",
    "there is nothing in this picture",
    "could you say that again please",
    CANNOT_TELL,
)


def said(text: str) -> Samples:
    """The sentence in the voice: [n] float32 at 16 kHz, with a little silence around it."""
    return trimmed(np.asarray(speak(text, SPEAKER).samples / 32768, np.float32))


def naturally(text: str) -> Samples:
    """The sentence as the speaker says it at a natural pitch: what the voice was learned from."""
    return trimmed(np.asarray(speak(text, replace(SPEAKER, pitch=0)).samples / 32768, np.float32))


def trimmed(samples: Samples) -> Samples:
    """16 kHz sound from just before its first loud sample to just after its last."""
    begin, end = bounds(samples)
    return samples[begin:end]


def bounds(samples: NDArray[np.floating[Any]]) -> tuple[int, int]:
    """Where 16 kHz speech begins and ends, with a little silence around it."""
    loud = np.flatnonzero(np.abs(samples) > LOUD * np.abs(samples).max(initial=0.0))
    if not len(loud):
        return 0, len(samples)
    return max(0, int(loud[0]) - int(BEFORE * RATE)), min(len(samples), int(loud[-1]) + int(AFTER * RATE))


def at_speech_rate(samples: Samples) -> Samples:
    """16 kHz sound at the voice's 22.05 kHz."""
    return resampled(Recording(samples, RATE), SPEECH_RATE).samples
