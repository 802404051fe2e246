"""What breaks in the middle of a sentence, and that nothing is lost by it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from .conftest import PICTURE, QUESTION, SoundServer, Tape, private_sound
from .reader import Reader, private_reader
from .screen import Desk, desk, wait_for

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A screen reader."""
    with private_reader() as made:
        yield made


def begin(place: Desk) -> None:
    """Start the app and show it the picture."""
    place.start()
    place.copy(str(PICTURE))
    place.press("ctrl+v")
    time.sleep(1)


def told(reader: Reader, place: Desk, words: str) -> None:
    """Wait until the screen reader has announced something with these words in it."""
    assert place.app is not None
    reader.process = place.app.pid
    wait_for(lambda: any(words in text for text in reader.announced()), f"“{words}”")


def test_a_killed_worker_does_not_lose_the_question(place: Desk, speak_into_microphone: Callable[[Path], None]) -> None:
    begin(place)
    place.hold("space")
    speak_into_microphone(QUESTION)
    place.let_go("space")
    wait_for(lambda: place.states() == ["pending"], "the question")
    wait_for(lambda: place.kill_worker(), "the worker")
    place.say_yes()
    wait_for(lambda: place.states() == ["done"], "the answer")


def test_a_killed_app_does_not_lose_what_was_being_said(
    place: Desk, speak_into_microphone: Callable[[Path], None]
) -> None:
    begin(place)
    place.hold("space")
    speak_into_microphone(QUESTION)
    place.kill()
    place.let_go("space")
    assert place.states() == []
    place.start()
    wait_for(lambda: place.states() == ["pending"], "the recording found")
    place.say_yes()
    wait_for(lambda: place.answers(), "the answer")
    assert place.rows("SELECT heard FROM turn") == [("where is the dog",)]


def test_a_killed_app_does_not_lose_the_question_it_was_answering(
    place: Desk, speak_into_microphone: Callable[[Path], None]
) -> None:
    begin(place)
    place.hold("space")
    speak_into_microphone(QUESTION)
    place.let_go("space")
    wait_for(lambda: place.states() == ["pending"], "the question")
    place.kill()
    place.start()
    place.say_yes()
    wait_for(lambda: place.states() == ["done"], "the answer")
    assert place.rows("SELECT heard FROM turn") == [("where is the dog",)]


def test_a_microphone_pulled_out_does_not_lose_what_was_said(reader: Reader) -> None:
    with private_sound() as server, desk(server.env | reader.env) as place:
        begin(place)
        place.hold("space")
        speech = ["paplay", "--device=mic_feed", str(QUESTION)]
        subprocess.run(speech, env=os.environ | server.env, check=True, timeout=60)
        server.kill()
        told(reader, place, "The microphone stopped working.")
        place.let_go("space")
        wait_for(lambda: place.states() == ["done"], "the answer in words")
        assert place.rows("SELECT heard FROM turn") == [("where is the dog",)]
        (recording,) = (place.home / ".local/share/sviqa/sounds").glob("question-*.wav")
        samples, _ = soundfile.read(recording)
        assert np.abs(samples).max() > 0.05
        server.start()
        place.hold("space")
        time.sleep(0.5)
        subprocess.run(speech, env=os.environ | server.env, check=True, timeout=60)
        place.let_go("space")
        wait_for(lambda: place.states() == ["done"] * 2, "the answer to the next question")
        assert place.rows("SELECT heard FROM turn") == [("where is the dog",)] * 2


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """A disk of 8 MB. Skips the test where none may be made."""
    path.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)], capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    return filler


def test_on_a_full_disk_a_question_is_answered_and_the_past_is_kept(
    sound_server: SoundServer,
    reader: Reader,
    speak_into_microphone: Callable[[Path], None],
    heard_at_loudspeaker: Callable[[], AbstractContextManager[Tape]],
) -> None:
    with desk(sound_server.env | reader.env) as place, small_disk(place.home / ".local"):
        begin(place)
        ask(place, speak_into_microphone)
        wait_for(lambda: place.states() == ["done"], "the first answer")
        filler = fill(place.home / ".local")
        with heard_at_loudspeaker() as tape:
            ask(place, speak_into_microphone)
            told(reader, place, "full")
            wait_for(lambda: float(np.abs(tape.recording.samples).max()) > 0.02, "an answer out loud")
        assert place.app is not None and place.app.poll() is None
        filler.unlink()
        time.sleep(2)
        ask(place, speak_into_microphone)
        wait_for(lambda: place.answers()[1:], "an answer that is kept again")
        assert place.rows("SELECT heard FROM turn WHERE state = 'done'") == [("where is the dog",)] * 2
        assert place.quit() == 0


def ask(place: Desk, speak: Callable[[Path], None]) -> None:
    """Hold, speak, let go."""
    place.hold("space")
    time.sleep(0.2)
    speak(QUESTION)
    place.let_go("space")
