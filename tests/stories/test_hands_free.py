"""Asked without a key: whoever speaks is recorded whole, and the app does not listen to itself."""

from __future__ import annotations

import time
from pathlib import Path

from sviqa_app.media.audio import load_recording
from sviqa_app.media.listening import HANDS_FREE_LEAD

from .conftest import SoundServer
from .test_sound import QUESTION, RATE, Speak, Start, check_whole, find, spoken


def test_a_question_asked_without_hands(
    sound_server: SoundServer, program: Start, speak_into_microphone: Speak, tmp_path: Path
) -> None:
    """Three times: it begins and ends once, and the take has every word and the silence that ended it."""
    recorder = program({})
    assert recorder("listen") == "listening"
    for trial in range(3):
        speak_into_microphone(QUESTION)
        assert [recorder("wait_for_notice"), recorder("wait_for_notice")] == ["began", "ended"]
        path = tmp_path / f"{trial}.wav"
        recorder("end", path)
        take = load_recording(path)
        likeness = check_whole(take)
        before = find(spoken(), take.samples) / RATE
        after = take.seconds - before - len(spoken()) / RATE
        print(f"trial {trial}: likeness {likeness:.3f}, {before:.3f} s before the words, {after:.3f} s after them")
        assert before < HANDS_FREE_LEAD and after > 0.5
    time.sleep(1)
    assert recorder("count_notices") == "0"


def test_it_does_not_listen_while_paused(
    sound_server: SoundServer, program: Start, speak_into_microphone: Speak, tmp_path: Path
) -> None:
    recorder = program({})
    recorder("listen")
    recorder("pause")
    speak_into_microphone(QUESTION)
    time.sleep(0.5)  # what was played is still on its way
    recorder("resume")
    speak_into_microphone(QUESTION)
    assert [recorder("wait_for_notice"), recorder("wait_for_notice")] == ["began", "ended"]
    recorder("end", tmp_path / "take.wav")
    assert recorder("count_notices") == "0"
    check_whole(load_recording(tmp_path / "take.wav"))


def test_nobody_speaks(sound_server: SoundServer, program: Start) -> None:
    recorder = program({})
    recorder("listen")
    time.sleep(3)
    assert recorder("count_notices") == "0"
