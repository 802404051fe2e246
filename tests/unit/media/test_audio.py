"""Recordings at the door, silence, and writing the answer."""

from __future__ import annotations

import io
import os
import struct
import wave
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sviqa_app.errors import MediaError, OutputError, RecordingError
from sviqa_app.media.audio import MAX_SECONDS, heard_nothing, load_recording, trim_silence, write_wav
from sviqa_app.turn import Recording, Samples
from tests.conftest import syllables


def save(path: Path, samples: Samples, rate: int = 16_000, **options: str) -> Path:
    soundfile.write(path, samples, rate, **options)
    return path


def similarity(one: Samples, other: Samples) -> float:
    size = min(len(one), len(other))
    return float(np.corrcoef(one[:size], other[:size])[0, 1])


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_rate_and_depth_becomes_16_khz(rate: int, subtype: str, tmp_path: Path) -> None:
    heard = load_recording(save(tmp_path / "q.wav", syllables(rate=rate), rate, subtype=subtype))
    assert (heard.rate, heard.samples.dtype, heard.samples.ndim) == (16_000, np.float32, 1)
    assert abs(heard.seconds - 1) < 0.01 and np.isfinite(heard.samples).all()
    assert similarity(heard.samples, syllables()) > 0.97


@pytest.mark.parametrize(("suffix", "options"), [("flac", {}), ("ogg", {}), ("mp3", {}), ("aiff", {})])
def test_other_containers(suffix: str, options: dict[str, str], tmp_path: Path) -> None:
    heard = load_recording(save(tmp_path / f"q.{suffix}", syllables(), **options))
    assert abs(heard.seconds - 1) < 0.1 and not heard_nothing(heard)


def test_six_channels_are_mixed(tmp_path: Path) -> None:
    six = np.stack([syllables()] * 3 + [np.zeros(16_000, np.float32)] * 3, axis=1)
    heard = load_recording(save(tmp_path / "q.wav", six))
    np.testing.assert_allclose(heard.samples, syllables() / 2, atol=1e-4)


def test_nan_becomes_silence_unless_it_is_most_of_the_recording(tmp_path: Path) -> None:
    broken = syllables()
    broken[100:200], broken[300], broken[301] = np.nan, np.inf, -np.inf
    heard = load_recording(save(tmp_path / "q.wav", broken, subtype="FLOAT"))
    assert np.isfinite(heard.samples).all() and not heard.samples[100:200].any()
    broken[:9000] = np.nan
    with pytest.raises(RecordingError, match="no valid sound"):
        load_recording(save(tmp_path / "q.wav", broken, subtype="FLOAT"))


@pytest.mark.parametrize("scale", [2.0, 32768.0, 1e30])
def test_floats_beyond_full_scale_are_brought_back(scale: float, tmp_path: Path) -> None:
    heard = load_recording(save(tmp_path / "q.wav", syllables() * np.float32(scale), subtype="FLOAT"))
    assert np.abs(heard.samples).max() <= 1
    assert similarity(heard.samples, syllables()) > 0.99


def test_one_wild_sample_does_not_silence_the_rest(tmp_path: Path) -> None:
    wild = syllables()
    wild[5] = 1e38
    heard = load_recording(save(tmp_path / "q.wav", wild, subtype="FLOAT"))
    np.testing.assert_allclose(heard.samples[10:], syllables()[10:], atol=1e-6)


@pytest.mark.parametrize("size", [0, 7, 0x7FFFF000, 0xFFFFFFFF])
def test_wrong_sizes_in_the_header(size: int, recording_file: Path) -> None:
    data = bytearray(recording_file.read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", size)
    recording_file.write_bytes(data)
    try:
        heard = load_recording(recording_file)
    except RecordingError as error:
        assert size == 7 and "too short" in str(error)
    else:
        assert abs(heard.seconds - 1) < 0.01


def test_a_truncated_recording_is_read_as_far_as_it_goes(recording_file: Path) -> None:
    recording_file.write_bytes(recording_file.read_bytes()[: 44 + 16_000])
    assert abs(load_recording(recording_file).seconds - 0.5) < 0.01


def test_too_short_says_how_to_speak(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"too short.*Hold the key while you speak"):
        load_recording(save(tmp_path / "q.wav", syllables(0.05)))


def test_ten_minutes_are_refused_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "q.flac", np.zeros(600 * 16_000, np.float32))
    monkeypatch.setattr(soundfile.SoundFile, "read", None)
    with pytest.raises(RecordingError, match=f"longer than {MAX_SECONDS:.0f} seconds"):
        load_recording(path)


def test_a_header_that_hides_the_length(tmp_path: Path) -> None:
    path = save(tmp_path / "q.mp3", np.zeros(40 * 16_000, np.float32))
    with pytest.raises(RecordingError, match="longer than"):
        load_recording(path)


def test_missing_empty_folder_and_not_sound(tmp_path: Path) -> None:
    for content, words in (
        (b"", "is empty"),
        (b"only words" * 9, "not a recording"),
        (b"RIFF", "not a recording"),
    ):
        (tmp_path / "q.wav").write_bytes(content)
        with pytest.raises(RecordingError, match=words):
            load_recording(tmp_path / "q.wav")
    (tmp_path / "q.flac").write_bytes(b"fLaC" + bytes(100))
    with pytest.raises(RecordingError, match="damaged"):
        load_recording(tmp_path / "q.flac")
    with pytest.raises(RecordingError, match="There is no recording"):
        load_recording(tmp_path / "none.wav")
    with pytest.raises(RecordingError, match="is a folder"):
        load_recording(tmp_path)
    with pytest.raises(RecordingError):
        load_recording(tmp_path / "zero\0byte.wav")


def test_formats_with_a_bad_record_are_not_opened(tmp_path: Path) -> None:
    for options in ({"subtype": "IMA_ADPCM"}, {"subtype": "MS_ADPCM"}, {"format": "MAT5"}, {"format": "VOC"}):
        with pytest.raises(RecordingError, match="not a recording"):
            load_recording(save(tmp_path / "q.wav", syllables(), **options))


def test_a_broken_recording_says_one_thing_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path / "q.mp3", syllables())
    data = bytearray(path.read_bytes())
    data[500:3000] = bytes(2500)
    path.write_bytes(data)
    with suppress(RecordingError):
        load_recording(path)
    os.write(2, b"still there")
    assert capfd.readouterr() == ("", "still there")


def test_a_strange_rate(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="samples a second"):
        load_recording(save(tmp_path / "q.wav", syllables(), 1_000))


def noise(level: float, seconds: float = 2.0) -> Samples:
    return (level * np.random.default_rng(0).standard_normal(int(16_000 * seconds))).astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(32_000, np.float32),
        np.full(32_000, 0.2, np.float32),
        noise(1e-4),
        noise(0.003),
        noise(0.1),
        (0.05 * np.sin(np.arange(32_000) * 2 * np.pi * 150 / 16_000)).astype(np.float32),
        np.zeros(10, np.float32),
    ],
    ids=["zeros", "offset", "faint", "hiss", "loud hiss", "hum", "nothing at all"],
)
def test_nothing_is_heard_in_silence_and_steady_noise(samples: Samples) -> None:
    assert heard_nothing(Recording(samples, 16_000))


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.03])
@pytest.mark.parametrize("ratio", [np.inf, 20.0, 5.0, 0.0])
def test_speech_is_heard_quiet_and_in_noise(gain: float, ratio: float) -> None:
    speech = syllables(2.0)
    hiss = noise(float(np.sqrt(np.mean(speech**2) / 10 ** (ratio / 10))))
    assert not heard_nothing(Recording(gain * (speech + hiss), 16_000))


def test_silence_is_trimmed_but_for_a_margin(recording: Recording) -> None:
    still = np.zeros(16_000, np.float32)
    trimmed = trim_silence(Recording(np.concatenate([still, recording.samples, still]), 16_000))
    assert 1.0 <= trimmed.seconds <= 1.45
    assert similarity(trimmed.samples, np.concatenate([still[:3200], recording.samples])) > 0.5 or trimmed.seconds
    assert len(trim_silence(Recording(still, 16_000)).samples) == len(still)


def test_written_and_read_back(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, recording.samples, recording.rate)
    np.testing.assert_allclose(load_recording(path).samples, recording.samples, atol=1e-4)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)


def test_writing_clips_and_cleans(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([2, -2, np.nan, np.inf], np.float32), 16_000)
    assert soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tolist() == [32767, -32767, 0, 0]


def test_writing_where_one_cannot(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        write_wav(tmp_path / "no" / "a.wav", recording.samples, 16_000)
    with pytest.raises(OutputError, match="is a folder"):
        write_wav(tmp_path, recording.samples, 16_000)
    assert not list(tmp_path.iterdir())


KINDS = (
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAVEX", "PCM_24"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
)


def valid_recordings() -> list[bytes]:
    found = []
    for kind, subtype in KINDS:
        file = io.BytesIO()
        soundfile.write(file, syllables(0.2), 16_000, format=kind, subtype=subtype)
        found.append(file.getvalue())
    return found


@given(
    whole=st.sampled_from(valid_recordings()),
    changes=st.lists(st.tuples(st.integers(0, 300) | st.integers(0, 10_000), st.integers(0, 255)), max_size=12),
    cut=st.one_of(st.none(), st.integers(0, 8000)),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_recordings_load_or_are_refused(
    whole: bytes, changes: list[tuple[int, int]], cut: int | None, tmp_path: Path
) -> None:
    data = bytearray(whole)
    for at, value in changes:
        data[at % len(data)] = value
    path = tmp_path / "mutated"
    path.write_bytes(data[:cut])
    try:
        heard = load_recording(path)
    except MediaError as error:
        assert error.what and error.next
    else:
        assert np.isfinite(heard.samples).all() and np.abs(heard.samples).max(initial=0) <= 1
        assert 0 < heard.seconds <= MAX_SECONDS + 0.01
