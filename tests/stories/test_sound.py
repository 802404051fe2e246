"""What is spoken is recorded, what is answered is heard, and neither is lost when something breaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Thread

import numpy as np
import soxr

from sviqa_app.media.audio import RATE, load_recording, write_wav
from sviqa_app.turn import Recording, Samples

from .conftest import QUESTION, Program, SoundServer, Tape, private_sound

# Where in the question the first word begins and where the last one fades, in seconds.
SPOKEN = (0.12, 1.5)

Speak = Callable[[Path], None]
Hear = Callable[[], AbstractContextManager[Tape]]
Start = Callable[[dict[str, str]], Program]


def find(sought: Samples, sound: Samples) -> int:
    """Where in `sound` `sought` begins; below zero where its start is cut off."""
    size = len(sought) + len(sound)
    likeness = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(sought, size)), size)
    at = int(np.argmax(likeness))
    return at - size if at >= len(sound) else at


def alike(one: Samples, other: Samples) -> float:
    """How much two sounds of one length correlate; 1 is the same but for the loudness."""
    return float(np.dot(one, other) / np.sqrt(np.dot(one, one) * np.dot(other, other) + 1e-12))


def spoken(rate: int = RATE) -> Samples:
    """The words of the question, without the silence around them."""
    samples = load_recording(QUESTION).samples[round(SPOKEN[0] * RATE) : round(SPOKEN[1] * RATE)]
    return np.asarray(soxr.resample(samples, RATE, rate), np.float32)


def check_whole(heard: Recording) -> float:
    """The words are there from the first sound to the last; how much they correlate."""
    words = spoken(heard.rate)
    at = find(words, heard.samples)
    assert 0 <= at <= len(heard.samples) - len(words), f"cut off: begins at {at / heard.rate:.3f} s"
    found = heard.samples[at : at + len(words)]
    # The first word by itself, because it is what a late microphone loses.
    first = heard.rate // 5
    assert alike(found[:first], words[:first]) >= 0.9
    assert alike(found, words) >= 0.9
    return alike(found, words)


def test_a_question_is_recorded_whole(
    sound_server: SoundServer, program: Start, speak_into_microphone: Speak, tmp_path: Path
) -> None:
    """Five times, with the key pressed at the moment the voice sets out, and let go when it has ended."""
    recorder = program({})
    assert recorder("open") == "open"
    for trial in range(5):
        voice = Thread(target=speak_into_microphone, args=[QUESTION])
        voice.start()
        assert recorder("begin") == "begun"
        voice.join()
        path = tmp_path / f"{trial}.wav"
        took = float(recorder("end", path))
        likeness = check_whole(load_recording(path))
        print(f"trial {trial}: likeness {likeness:.3f}, the tail took {took:.3f} s")


def test_the_level_follows_the_voice(sound_server: SoundServer, program: Start, speak_into_microphone: Speak) -> None:
    recorder = program({})
    recorder("open")
    time.sleep(0.5)
    assert float(recorder("level")) < -90
    voice = Thread(target=speak_into_microphone, args=[QUESTION])
    voice.start()
    levels = []
    while voice.is_alive():
        levels.append(float(recorder("level")))
        time.sleep(0.02)
    print(f"loudest {max(levels):.1f} dB")
    assert -25 < max(levels) < -10


def test_an_answer_is_heard_whole(sound_server: SoundServer, program: Start, heard_at_loudspeaker: Hear) -> None:
    player = program({})
    with heard_at_loudspeaker() as tape:
        handed = float(player("play", QUESTION))
        assert player("wait") == "None"
        time.sleep(0.3)
    print(f"likeness {check_whole(tape.recording):.3f}, handed over in {handed * 1000:.1f} ms")
    assert handed < 0.5


def test_an_answer_at_double_speed(sound_server: SoundServer, program: Start, heard_at_loudspeaker: Hear) -> None:
    player = program({})
    player("rate", 2)
    with heard_at_loudspeaker() as tape:
        player("play", QUESTION)
        assert player("wait") == "None"
        time.sleep(0.3)
    loud = np.flatnonzero(np.abs(tape.recording.samples) > 0.05)
    words = np.flatnonzero(np.abs(load_recording(QUESTION).samples) > 0.05)
    ratio = (loud[-1] - loud[0]) / tape.rate / ((words[-1] - words[0]) / RATE)
    print(f"{ratio:.3f} of the time")
    assert 0.4 < ratio < 0.6


def test_stop_silences_at_once(
    sound_server: SoundServer, program: Start, heard_at_loudspeaker: Hear, tmp_path: Path
) -> None:
    """Someone speaks into the answer: it is silent before they hear themselves. Seven times."""
    tone = tmp_path / "tone.wav"
    write_wav(tone, (0.5 * np.sin(2 * np.pi * 220 * np.arange(20 * RATE) / RATE)).astype(np.float32), RATE)
    player = program({})
    silent_after = []
    for _ in range(7):
        with heard_at_loudspeaker() as tape:
            player("play", tone)
            player("wait_for_start")
            time.sleep(0.4)
            asked, took = map(float, player("stop").split())
            time.sleep(0.4)
        loud = np.flatnonzero(np.abs(tape.recording.samples) > 0.01)
        assert len(loud) > 0.2 * tape.rate
        silent_after.append(tape.arrived(loud[-1]) - asked)
        assert took < 0.5
    print("silent after", ", ".join(f"{1000 * seconds:.0f}" for seconds in silent_after), "ms")
    # A busy machine may be late now and then; the player itself is not.
    assert np.median(silent_after) < 0.06 and max(silent_after) < 1


def test_killed_while_recording(
    sound_server: SoundServer, program: Start, speak_into_microphone: Speak, tmp_path: Path
) -> None:
    """kill -9 in the middle of a sentence: what was said until then can be read."""
    path = tmp_path / "take.wav"
    recorder = program({})
    recorder("open")
    assert recorder("begin_in", path) == "begun"
    voice = Thread(target=speak_into_microphone, args=[QUESTION])
    voice.start()
    time.sleep(1.3)
    recorder.kill()
    voice.join()
    assert path.stat().st_mode & 0o777 == 0o600
    kept = load_recording(path).samples
    words = spoken()
    at = find(words[: RATE // 2], kept)
    common = min(len(words), len(kept) - at)
    print(f"{common / RATE:.2f} s of words kept, likeness {alike(kept[at : at + common], words[:common]):.3f}")
    assert at >= 0 and common >= RATE // 2
    assert alike(kept[at : at + common], words[:common]) >= 0.9


def test_the_plug_is_pulled(program: Start, tmp_path: Path) -> None:
    """What was recorded until then is kept, the reason is told, and a microphone that is back can be used."""
    path = tmp_path / "take.wav"
    with private_sound() as server:
        recorder = program(server.env)
        assert recorder("begin") == "begun"
        time.sleep(1)
        server.kill()
        time.sleep(0.3)
        assert recorder("failed").startswith("The microphone stopped working.")
        recorder("end", path)
        assert 0.5 < load_recording(path).seconds < 5
        assert recorder("begin").startswith("error The")
        server.start()
        assert recorder("begin") == "begun"
        time.sleep(0.5)
        recorder("end", path)
        assert load_recording(path).seconds > 0.2 and recorder("failed") == "None"


def test_the_loudspeaker_goes_away(program: Start) -> None:
    with private_sound() as server:
        player = program(server.env)
        player("play", QUESTION)
        player("wait_for_start")
        server.kill()
        assert player("wait").startswith("The loudspeaker stopped in the middle")


def test_nothing_to_record_with(program: Start, tmp_path: Path) -> None:
    """Where there is no sound server and no device, the reason is told in plain words."""
    config = tmp_path / "asound.conf"
    config.write_text("pcm.!default { type pulse }\n")
    lonely = program({"ALSA_CONFIG_PATH": str(config), "PULSE_SERVER": f"unix:{tmp_path}/nobody"})
    answer = lonely("open")
    print(answer)
    assert answer.startswith(("error There is no microphone.", "error The sound library PortAudio is missing."))
    assert lonely("begin") == answer
    lonely("play", QUESTION)
    assert lonely("wait").startswith(("There is no loudspeaker.", "The sound library PortAudio is missing."))
