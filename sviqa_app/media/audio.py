"""Recordings, checked at the door: out of any file comes clean 16 kHz mono, or one plain error."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ..errors import RecordingError
from ..files import replacing
from ..turn import Recording, Samples

RATE = 16_000
MIN_SECONDS = 0.1
# As long as the Whisper encoder has positions for: 1500 at 50 a second.
MAX_SECONDS = 30.0
MAX_CHANNELS = 64
MIN_FILE_RATE, MAX_FILE_RATE = 4_000, 384_000

_READABLE = "Give a WAV, FLAC, MP3, OGG or AIFF recording."
# How the files we read begin; libsndfile knows stranger ones, whose parsers we keep away from.
_SIGNATURES = (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS", b"ID3", b"caff", b".snd")
_CODECS = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}
_CODECS |= {"VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"}
# WAVE format tags: PCM, IEEE float, A-law, mu-law, extensible (RFC 2361). ADPCM decoders have a bad record.
_WAV_TAGS = (0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE)
_MAX_MENDED = 100_000_000
_hush = Lock()
_SPEECH_BAND = (100.0, 4000.0)


def load_recording(path: Path) -> Recording:
    """The sound in a file at 16 kHz: channels mixed, finite, within [-1, 1].

    Raises RecordingError when the file is missing, empty, not sound, broken, under 0.1 s or over 30 s. One
    that is too long is refused by its header, or once MAX_SECONDS are decoded where the header is wrong.
    """
    source = _checked(path)
    try:
        with _hushed(), soundfile.SoundFile(source) as file:
            _check_header(file, path)
            samples, rate = _decode(file, path), file.samplerate
    except RecordingError:
        raise
    except Exception as error:  # decoders raise almost anything on broken files
        raise RecordingError(f"The recording {path.name} is damaged or of an unknown kind.", _READABLE) from error
    if len(samples) < MIN_SECONDS * rate:
        raise RecordingError(
            f"The recording {path.name} is too short ({len(samples) / rate:.2f} s).",
            "Hold the key while you speak.",
        )
    return Recording(_within_one(_resample(samples, rate)), RATE)


def _checked(path: Path) -> Path | io.BytesIO:
    """The file, once it is there and begins like a recording; its contents, where it had to be mended."""
    try:
        if path.is_dir():
            raise RecordingError(f"{path} is a folder, not a recording.", _READABLE)
        if not path.is_file():
            raise RecordingError(f"There is no recording at {path}.", "Check the name and the folder.")
        with path.open("rb") as file:
            head = file.read(65_536)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise RecordingError(f"The recording {path.name} cannot be opened.", "Check that you may read it.") from error
    if not head:
        raise RecordingError(f"The recording {path.name} is empty.", "Record it again, or give another.")
    if head.startswith((b"RIFF", b"RF64")):
        chunks = _wav_chunks(head)
        known = int.from_bytes(head[chunks.get(b"fmt ", len(head)) :][:2], "little") in _WAV_TAGS
        if known and (unsized := chunks.get(b"data", 4)) and head[unsized - 4 : unsized] == bytes(4):
            return _mended(path, unsized)
    else:
        known = head.startswith(_SIGNATURES) or (head[0] == 0xFF and head[1:2] >= b"\xe0")
    if not known:
        raise RecordingError(f"{path.name} is not a recording that can be read.", _READABLE)
    return path


def _wav_chunks(head: bytes) -> dict[bytes, int]:
    """Where the contents of each chunk of a WAV file begin, as far as `head` goes."""
    chunks: dict[bytes, int] = {}
    at = 12
    while at + 8 <= len(head):
        chunks.setdefault(head[at : at + 4], at + 8)
        size = int.from_bytes(head[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return chunks


def _mended(path: Path, data: int) -> io.BytesIO:
    """A WAV whose recorder never came to write the length: all that follows is sound, as far as we listen."""
    with path.open("rb") as file:
        content = bytearray(file.read(_MAX_MENDED))
    content[data - 4 : data] = b"\xff" * 4
    return io.BytesIO(content)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keeps what the MP3 decoder itself writes about a broken file off the terminal."""
    with _hush, Path(os.devnull).open("wb") as nowhere:
        try:
            terminal = os.dup(2)
        except OSError:  # a program without a terminal
            yield
            return
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _check_header(file: soundfile.SoundFile, path: Path) -> None:
    """Refuses by what the header says, before anything is decoded."""
    if file.subtype not in _CODECS or not 1 <= file.channels <= MAX_CHANNELS:
        raise RecordingError(f"The recording {path.name} is of a kind that is not supported.", _READABLE)
    if not MIN_FILE_RATE <= file.samplerate <= MAX_FILE_RATE:
        raise RecordingError(
            f"The recording {path.name} has {file.samplerate} samples a second.", "Record it at 16 or 48 kHz."
        )
    if file.frames > MAX_SECONDS * file.samplerate:
        raise _too_long(path)


def _too_long(path: Path) -> RecordingError:
    return RecordingError(f"The recording {path.name} is longer than {MAX_SECONDS:.0f} seconds.", "Ask in fewer words.")


def _decode(file: soundfile.SoundFile, path: Path) -> Samples:
    """[n] float32, channels mixed to one; NaN and infinity as silence, unless they are most of it."""
    blocks: list[Samples] = []
    frames = broken = 0
    while len(block := file.read(file.samplerate, dtype="float32", always_2d=True)):
        frames += len(block)
        if frames > MAX_SECONDS * file.samplerate:
            raise _too_long(path)
        broken += int(np.count_nonzero(~np.isfinite(block)))
        np.nan_to_num(block, copy=False, posinf=0.0, neginf=0.0)
        blocks.append(block.mean(axis=1, dtype=np.float64).astype(np.float32))
    if broken > frames * file.channels / 2:
        raise RecordingError(f"The recording {path.name} holds no valid sound.", "Record it again.")
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _resample(samples: Samples, rate: int) -> Samples:
    """At RATE."""
    if rate == RATE:
        return samples
    return resampled(Recording(_within_one(samples), rate), RATE).samples


def resampled(recording: Recording, rate: int) -> Recording:
    """The same sound at another rate."""
    if rate == recording.rate:
        return recording
    return Recording(np.asarray(soxr.resample(recording.samples, recording.rate, rate), np.float32), rate)


def _within_one(samples: Samples) -> Samples:
    """Within [-1, 1]: scaled when all of it is louder (integers stored as floats), stray peaks clipped."""
    if float(np.abs(samples).max(initial=0.0)) <= 1.0:
        return samples
    loud = max(1.0, float(np.quantile(np.abs(samples), 0.999)))
    return np.asarray(np.clip(samples / loud, -1.0, 1.0), np.float32)


def loudness(recording: Recording) -> NDArray[np.float64]:
    """[frames] level of the speech band in dB of full scale, one value each 20 ms."""
    size = recording.rate // 50
    count = len(recording.samples) // size
    frames = recording.samples[: count * size].reshape(count, size)
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    pitch = np.fft.rfftfreq(size, 1 / recording.rate)
    band = power[:, (pitch >= _SPEECH_BAND[0]) & (pitch <= _SPEECH_BAND[1])].sum(axis=1)
    # One-sided spectrum of a Hann window (mean square 3/8): back to the mean square of the samples.
    return np.asarray(10 * np.log10(2 * band / (0.375 * size**2) + 1e-12), np.float64)


def heard_nothing(recording: Recording) -> bool:
    """Whether nobody speaks: too quiet to be a voice, or as even as a hiss or hum.

    Speech rises and falls by the syllable; steady noise does not, however loud it is.
    """
    return _voice(loudness(recording)) is None


def _voice(level: NDArray[np.float64]) -> tuple[float, float] | None:
    """How loud it is between the words and within them, in dB; None where nobody speaks."""
    if not len(level):
        return None
    quiet, loud = np.quantile(level, (0.1, 0.95))
    if loud < -60 or loud - quiet < (4 if loud < -45 else 3):
        return None
    return float(quiet), float(loud)


def trim_silence(recording: Recording, margin: float = 0.2) -> Recording:
    """Without the silence before and after, but for `margin` seconds. Unchanged where there is no voice."""
    level = loudness(recording)
    voice = _voice(level)
    if voice is None:
        return recording
    quiet, loud = voice
    voiced = np.flatnonzero(level > max(loud - 40, min(quiet + 6, loud - 12)))
    frame = recording.rate // 50
    spare = int(margin * recording.rate)
    start = max(0, int(voiced[0]) * frame - spare)
    end = min(len(recording.samples), (int(voiced[-1]) + 1) * frame + spare)
    return Recording(recording.samples[start:end], recording.rate)


def mono(target: IO[bytes], rate: int) -> wave.Wave_write:
    """A WAV to be written into `target`: 16-bit mono."""
    file = wave.open(target, "wb")  # noqa: SIM115
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(rate)
    return file


def pcm16(samples: Samples) -> bytes:
    """[n] samples in [-1, 1] as 16-bit integers; what is no number is silent."""
    clean = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0).clip(-1.0, 1.0)
    return (clean * 32767).round().astype("<i2").tobytes()


def write_wav(path: Path, samples: Samples, rate: int, comment: str = "") -> None:
    """Writes [n] samples in [-1, 1] as 16-bit mono, the whole file or none. Raises OutputError.

    A comment is kept in the file's metadata (RIFF INFO, ICMT).
    """
    sound = io.BytesIO()
    with soundfile.SoundFile(sound, "w", rate, 1, "PCM_16", format="WAV") as file:
        if comment:
            file.comment = comment
        file.write(np.frombuffer(pcm16(samples), np.int16))
    with replacing(path) as temp:
        temp.write_bytes(sound.getvalue())
