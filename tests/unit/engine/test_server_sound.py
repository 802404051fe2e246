"""Sound from a server: the same however it is cut, at our rate, and refused where it is none."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.engine.server_sound import PCM_RATE, ServerSound
from sviqa_app.turn import Samples

TONE = (np.sin(np.arange(PCM_RATE // 4) * 2 * np.pi * 440 / PCM_RATE) * 20_000).astype("<i2")


def received(pieces: list[bytes], rate: int = 22_050) -> Samples:
    sound = ServerSound(rate)
    return np.concatenate([*(sound.push(piece) for piece in pieces), sound.finish()])


def wav(samples: np.ndarray, rate: int = PCM_RATE, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype=subtype, format="WAV")
    return file.getvalue()


def test_at_our_rate() -> None:
    sound = received([TONE.tobytes()])
    assert len(sound) == round(len(TONE) * 22_050 / PCM_RATE) and sound.dtype == np.float32
    due = np.sin(np.arange(len(sound)) * 2 * np.pi * 440 / 22_050) * 20_000 / 32_768
    assert np.abs(sound - due)[100:-100].max() < 2e-3


@settings(deadline=None)
@given(st.sets(st.integers(0, 2 * len(TONE)), max_size=9))
def test_however_it_is_cut(at: set[int]) -> None:
    data, cuts = TONE.tobytes(), sorted(at)
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert np.abs(received(pieces) - received([data])).max() < 1e-5


def test_as_wav_files_or_with_one_header() -> None:
    bare = received([TONE.tobytes()])
    half = len(TONE) // 2
    assert np.abs(received([wav(TONE[:half]), wav(TONE[half:])]) - bare).max() < 1e-5
    assert np.abs(received([wav(TONE[:half]), TONE[half:].tobytes()]) - bare).max() < 1e-5
    assert len(received([wav(TONE, 48_000)])) == round(len(TONE) * 22_050 / 48_000)


def test_nothing_is_nothing() -> None:
    assert len(received([])) == 0 and len(received([b""])) == 0 and len(received([b"\x01"])) == 0


@pytest.mark.parametrize(
    "data",
    [b"RIFF", b"RIFF" + bytes(40), wav(np.stack([TONE, TONE], 1)), wav(TONE, subtype="PCM_24"), wav(TONE, 1000)],
)
def test_what_is_no_such_sound(data: bytes) -> None:
    with pytest.raises(ValueError):
        received([data])


@settings(deadline=None)
@given(st.data())
def test_any_bytes_are_sound_or_refused(data: st.DataObject) -> None:
    content = bytearray(wav(TONE[:200]))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    try:
        sound = received([bytes(content)])
    except ValueError:
        return
    assert np.isfinite(sound).all() and len(sound) < 10_000
