"""A voice's folder: who is in it, who can be cloned into it, and what is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.checkpoints.native import CONFIG, write_config
from sviqa_app.engine.cloning import LEVEL, LONGEST, levelled
from sviqa_app.engine.manners import PACE
from sviqa_app.engine.vocoder import FILE
from sviqa_app.engine.voices import SPEAKERS, WRITER, Voices
from sviqa_app.errors import EngineError, ModelError, RecordingError
from sviqa_app.manner import USUAL, Manner
from sviqa_app.media.audio import load_recording
from sviqa_app.turn import Recording, Samples
from tests.unit.small_voice import SMALL_VOICE, small_voices, write_voice
from tests.unit.toy import silence, speech

TOKENS = [0, 1, 16, 17, 18] * 5


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Voices:
    return small_voices(tmp_path_factory.mktemp("voices") / "toy-voice")


def test_a_folder_that_was_written_is_read(voices: Voices) -> None:
    again = Voices.load(voices.folder)
    assert again.config == SMALL_VOICE and again.names == ("ann", "bob") and again.sample_rate == 22050
    for name, tensor in again.speakers.state_dict().items():
        assert torch.equal(tensor, voices.speakers.state_dict()[name])
    np.testing.assert_allclose(again.speaking(USUAL).speak(TOKENS), voices.speaking(USUAL).speak(TOKENS), atol=1e-3)


def test_speakers_have_names_and_the_first_is_the_usual_one(voices: Voices) -> None:
    ann, bob = voices.speaker("ann"), voices.speaker("bob")
    assert torch.equal(voices.speaker().vector, ann.vector) and not torch.equal(ann.vector, bob.vector)
    with pytest.raises(EngineError, match=r"^There is no speaker Ann\. Choose one of ann, bob\.$"):
        voices.speaker("Ann")
    with pytest.raises(EngineError, match="no speaker eve"):
        voices.speaking(Manner("eve"))


def test_a_manner_chooses_speaker_style_and_pace(voices: Voices) -> None:
    plain, loud = voices.speaking(Manner("bob")), voices.speaking(Manner("bob", "loud", "slower"))
    assert torch.equal(plain.speaker.vector, voices.speaker("bob").vector) and plain.pace == 1
    assert not torch.equal(loud.speaker.vector, plain.speaker.vector)
    assert loud.pace == PACE["slower"] and len(loud.speak(TOKENS)) > 1.4 * len(plain.speak(TOKENS))


@pytest.mark.parametrize(
    "recording",
    [
        silence(5),
        speech(0.3),
        speech(2.0),
        Recording(np.zeros(0, np.float32), 16000),
        Recording(np.zeros(10, np.float32), 16000),
        Recording(np.random.default_rng(0).normal(0, 0.1, 80000).astype(np.float32), 16000),
        Recording(np.concatenate([silence(5).samples, speech(1).samples, silence(5).samples]), 16000),
    ],
    ids=["silence", "0.3 s", "2 s", "nothing", "ten samples", "hiss", "a second of speech in silence"],
)
def test_too_little_speech_is_not_cloned(voices: Voices, recording: Recording) -> None:
    with pytest.raises(RecordingError, match=r"Record 3 to 10 seconds of one person speaking\.$") as refused:
        voices.clone(recording)
    assert "\n" not in str(refused.value)


def test_speech_is_cloned_and_the_clone_can_speak(voices: Voices) -> None:
    clone = voices.clone(speech(4))
    assert clone.vector.shape == (192,) and clone.vector.isfinite().all()
    sound = voices.voice(clone, "whisper").speak(TOKENS)
    assert len(sound) and np.isfinite(sound).all()


def test_five_minutes_are_as_good_as_their_first_ten_seconds(voices: Voices) -> None:
    long = speech(300)
    first = Recording(long.samples[: int(LONGEST * long.rate)], long.rate)
    torch.testing.assert_close(voices.clone(long).vector, voices.clone(first).vector)


def test_loudness_does_not_matter(voices: Voices) -> None:
    loud = speech(4)
    quiet = Recording(0.1 * loud.samples, loud.rate)
    torch.testing.assert_close(voices.clone(quiet).vector, voices.clone(loud).vector, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (48000, 2), (22050, 1)])
def test_files_of_any_kind_are_cloned(voices: Voices, tmp_path: Path, rate: int, channels: int) -> None:
    sound = np.interp(np.arange(4 * rate) / rate, np.arange(4 * 16000) / 16000, speech(4).samples)
    soundfile.write(tmp_path / "voice.wav", np.repeat(sound[:, None], channels, 1), rate)
    assert voices.clone(load_recording(tmp_path / "voice.wav")).vector.isfinite().all()


def test_a_recording_at_8_khz_is_cloned_as_it_is(voices: Voices) -> None:
    slow = Recording(speech(4).samples[::2].copy(), 8000)
    assert voices.clone(slow).vector.isfinite().all()


def music(seed: int) -> Samples:
    """Five seconds of chords and drums that never rest."""
    rng = np.random.default_rng(seed)
    time = np.arange(5 * 16000) / 16000
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in rng.choice([220, 262, 330, 392, 523], 3))
    drums = rng.normal(size=len(time)) * np.exp(-8 * (time % 0.5))
    return (0.1 * chord + 0.2 * drums).astype(np.float32)


def clones_or_says_why(voices: Voices, samples: Samples) -> None:
    try:
        clone = voices.clone(Recording(samples, 16000))
    except RecordingError as refused:
        assert "\n" not in str(refused)
    else:
        assert clone.vector.isfinite().all()


@pytest.mark.parametrize("seed", range(3))
def test_music_is_cloned_or_refused(voices: Voices, seed: int) -> None:
    clones_or_says_why(voices, music(seed))


@settings(deadline=None, max_examples=20)
@given(
    st.integers(0, 64000), st.floats(-6, 0), st.sampled_from(["noise", "steps", "click", "clipped"]), st.integers(0, 9)
)
def test_any_sound_is_cloned_or_refused(voices: Voices, length: int, gain: float, kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sounds = {
        "noise": rng.normal(size=length),
        "steps": np.repeat(rng.uniform(-1, 1, length // 100 + 1), 100)[:length],
        "click": np.where(np.arange(length) % 9000 == 5, 1.0, 0.0),
        "clipped": np.sign(rng.normal(size=length)) * (np.arange(length) // 3000 % 2),
    }
    clones_or_says_why(voices, (10**gain * sounds[kind]).clip(-1, 1).astype(np.float32))


def test_levelled_speech_has_the_common_loudness() -> None:
    for gain in (0.01, 1.0, 30.0):
        level = levelled(gain * speech(3).samples)
        pieces = np.sort((level[:48000].reshape(-1, 320) ** 2).mean(1))
        assert np.sqrt(pieces[len(pieces) // 2 :].mean()) == pytest.approx(LEVEL, rel=1e-3)
    assert not levelled(silence(1).samples).any()


@pytest.mark.parametrize("missing", [CONFIG, FILE, SPEAKERS])
def test_a_folder_that_lacks_a_file_is_refused(tmp_path: Path, missing: str) -> None:
    (write_voice(tmp_path) / missing).unlink()
    with pytest.raises(ModelError):
        Voices.load(tmp_path)


@pytest.mark.parametrize("broken", [CONFIG, FILE, SPEAKERS])
def test_a_folder_with_a_file_cut_off_is_refused(tmp_path: Path, broken: str) -> None:
    path = write_voice(tmp_path) / broken
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError):
        Voices.load(tmp_path)


def test_files_that_were_swapped_are_refused(tmp_path: Path) -> None:
    write_voice(tmp_path)
    vocoder, speakers = tmp_path / FILE, tmp_path / SPEAKERS
    content = vocoder.read_bytes()
    vocoder.write_bytes(speakers.read_bytes())
    speakers.write_bytes(content)
    with pytest.raises(ModelError, match="vocoder"):
        Voices.load(tmp_path)


def test_other_speakers_than_the_configuration_s_are_refused(tmp_path: Path) -> None:
    write_config(write_voice(tmp_path), replace(SMALL_VOICE, speakers=("ann", "bob", "eve")))
    with pytest.raises(ModelError, match="table"):
        Voices.load(tmp_path)


def test_a_model_s_folder_is_no_voice(tmp_path: Path) -> None:
    (write_voice(tmp_path) / CONFIG).write_text('{"vision": {}}')
    with pytest.raises(ModelError, match="does not know: vision"):
        Voices.load(tmp_path)


class Planted:
    """What a pickle does when it is opened."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.sprung,)


@pytest.mark.parametrize("name", [FILE, SPEAKERS, WRITER])
def test_a_pickle_is_named_and_never_opened(tmp_path: Path, name: str) -> None:
    sprung = tmp_path / "sprung"
    (write_voice(tmp_path) / name).write_bytes(pickle.dumps(Planted(sprung)))
    with pytest.raises(ModelError, match="pickle"):
        Voices.load(tmp_path).narrator  # noqa: B018
    assert not sprung.exists()


def test_a_writer_that_is_missing_is_missed_when_it_is_needed(tmp_path: Path) -> None:
    (write_voice(tmp_path) / WRITER).unlink()
    voices = Voices.load(tmp_path)
    assert len(voices.speaking(USUAL).speak(TOKENS))
    with pytest.raises(ModelError, match="writer"):
        voices.narrator  # noqa: B018


def test_the_writer_is_read_once(voices: Voices) -> None:
    assert voices.narrator is voices.narrator
    assert len(voices.narrator.sounds("word"))
