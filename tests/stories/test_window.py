"""The main story, with keys alone: a picture is pasted, asked about out loud, answered out loud, and remembered."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from sviqa_app.evaluation.scoring import normalise
from sviqa_app.evaluation.spoken import Listener, grammar

from .conftest import PICTURE, QUESTION, Tape
from .screen import Desk, wait_for

pytestmark = pytest.mark.timeout(900)


def ask_aloud(place: Desk, speak: Callable[[Path], None]) -> str:
    """Hold Space, speak, let go; the answer as the history has it."""
    before = len(place.answers())
    place.hold("space")
    time.sleep(0.2)
    speak(QUESTION)
    place.let_go("space")
    wait_for(lambda: len(place.answers()) > before, "an answer")
    return place.answers()[-1]


def ask_in_words(place: Desk, words: str) -> None:
    """Go to the field with F6 and type."""
    place.press("F6")
    place.press("F6")
    place.type(words)
    place.press("Return")


def barge_in(place: Desk, speak: Callable[[Path], None], hear: Callable[[], AbstractContextManager[Tape]]) -> None:
    """Press the key in the middle of an answer: there is silence, and the next question is heard and answered."""
    place.press("F6")
    place.press("F6")  # away from the field, where Space types
    place.hold("space")  # the answer before falls silent
    time.sleep(0.5)
    with hear() as tape:
        speak(QUESTION)
        place.let_go("space")
        wait_for(lambda: float(np.abs(tape.recording.samples).max()) > 0.02, "the answer's sound")
        place.hold("space")
        pressed = time.monotonic()
        time.sleep(0.5)
        loud = np.flatnonzero(np.abs(tape.recording.samples) > 0.005)
        assert tape.arrived(int(loud[-1])) < pressed + 0.3
        speak(QUESTION)
        place.let_go("space")
    wait_for(lambda: place.states()[3:] == ["done"], "the answer to what was said on top of it")


def test_asked_and_answered_out_loud(
    place: Desk,
    speak_into_microphone: Callable[[Path], None],
    heard_at_loudspeaker: Callable[[], AbstractContextManager[Tape]],
) -> None:
    place.start()
    place.copy(str(PICTURE))
    place.press("ctrl+v")
    with heard_at_loudspeaker() as tape:
        answer = ask_aloud(place, speak_into_microphone)
        time.sleep(2.5)
    sound = tape.recording
    assert float(np.abs(sound.samples).max()) > 0.02
    heard = Listener(grammar()).hear(sound.samples, sound.rate)
    print(f"answer: {answer}, heard at the loudspeaker: {heard}")
    assert normalise(heard) == normalise(answer)
    ask_in_words(place, "which number is shown")
    wait_for(lambda: len(place.answers()) == 2, "the second answer")
    assert place.answers()[1] == "Seven."
    barge_in(place, speak_into_microphone, heard_at_loudspeaker)
    assert place.quit() == 0

    place.start()
    assert place.rows("SELECT heard FROM turn ORDER BY id")[0] == ("where is the dog",)
    assert place.answers()[0] == answer
    place.press("ctrl+f")
    place.wait_for_dialog()
    place.focus()
    place.type("dog")
    place.press("Return")
    place.press("Return")
    place.wait_for_no_dialog()
    ask_in_words(place, "how many dogs are there")
    wait_for(lambda: place.states()[4:] == ["done"], "an answer in the conversation found again")
    assert place.rows("SELECT count(DISTINCT conversation) FROM turn") == [(1,)]


def test_asked_without_a_key(place: Desk, speak_into_microphone: Callable[[Path], None]) -> None:
    place.set(hands_free=True)
    place.start()
    place.copy(str(PICTURE))
    place.press("ctrl+v")
    time.sleep(3)
    speak_into_microphone(QUESTION)
    wait_for(lambda: place.states() == ["done"], "the answer")
    assert place.rows("SELECT heard FROM turn") == [("where is the dog",)]
