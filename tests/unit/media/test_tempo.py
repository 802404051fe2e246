"""The change of speed: as long as it should be, as high as it was, and nothing at all at speed 1."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.media.tempo import Tempo
from sviqa_app.turn import Samples

from ...conftest import syllables

RATE = 24_000


def stretched(samples: Samples, speed: Callable[[int], float], block: int = 512) -> Samples:
    """`samples` through a tempo, block by block, at `speed(block)`."""
    tempo = Tempo(RATE)
    parts = [tempo.stretch(samples[at : at + block], speed(at // block)) for at in range(0, len(samples), block)]
    return np.concatenate([*parts, tempo.rest()])


def tone(pitch: float, seconds: float = 1.0) -> Samples:
    return (0.5 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def pitch_of(samples: Samples) -> tuple[float, float]:
    """The strongest pitch in Hz, and the share of the energy that lies within 10 Hz of it."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    at = np.fft.rfftfreq(len(samples), 1 / RATE)
    pitch = at[np.argmax(power)]
    return float(pitch), float(power[np.abs(at - pitch) < 10].sum() / power.sum())


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0, 3.0])
@pytest.mark.parametrize("pitch", [110.0, 220.0, 440.0])
def test_a_tone_keeps_its_pitch(speed: float, pitch: float) -> None:
    out = stretched(tone(pitch), lambda _: speed)
    assert abs(len(out) / RATE - 1 / speed) < 0.04
    heard, share = pitch_of(out)
    assert abs(heard - pitch) < 3 and share > 0.98
    assert np.abs(np.diff(out)).max() < 1.5 * np.abs(np.diff(tone(pitch))).max()


def test_speech_keeps_its_syllables() -> None:
    """A buzz that swells four times a second swells eight times at double speed, and buzzes as high."""
    out = stretched(syllables(2, RATE), lambda _: 2.0)
    envelope = np.convolve(np.abs(out), np.ones(480) / 480, "same")
    loud = envelope > envelope.max() / 2
    assert np.count_nonzero(loud[1:] & ~loud[:-1]) == 8
    assert abs(pitch_of(out)[0] - 150) < 9


def test_untouched_at_speed_one() -> None:
    sound = syllables(1, RATE)
    tempo = Tempo(RATE)
    assert tempo.stretch(sound, 1.0) is sound
    np.testing.assert_array_equal(stretched(sound, lambda _: 1.0), sound)


def test_a_change_of_speed_does_not_click() -> None:
    """Faster, back, slower, back: nowhere a step that a tone does not have."""
    sound = tone(220, 4)
    out = stretched(sound, lambda block: (1.0, 2.0, 0.5, 1.0, 3.0, 1.0)[block // 16 % 6])
    assert np.abs(np.diff(out)).max() < 1.5 * np.abs(np.diff(sound)).max()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.floats(0.5, 3)), max_size=25),
    st.sampled_from(["noise", "silence", "square"]),
    st.sampled_from([8_000, 22_050, 48_000]),
)
def test_any_blocks_at_any_speeds(blocks: list[tuple[int, float]], kind: str, rate: int) -> None:
    """Finite, never louder, within 60 ms of the length that the speeds add up to."""
    length = sum(size for size, _ in blocks)
    sound = {
        "noise": np.random.default_rng(7).uniform(-1, 1, length),
        "silence": np.zeros(length),
        "square": np.sign(np.sin(np.arange(length) / 20)),
    }[kind].astype(np.float32)
    edges = np.cumsum([0, *(size for size, _ in blocks)])
    tempo = Tempo(rate)
    parts = [
        tempo.stretch(sound[start:stop], speed)
        for (start, stop), (_, speed) in zip(pairwise(edges), blocks, strict=True)
    ]
    out = np.concatenate([np.zeros(0, np.float32), *parts, tempo.rest()])
    assert out.dtype == np.float32 and np.isfinite(out).all()
    assert np.abs(out).max(initial=0) <= np.abs(sound).max(initial=0) + 1e-6
    slowest, fastest = (pick((speed for _, speed in blocks), default=1) for pick in (min, max))
    assert length / fastest - 0.06 * rate <= len(out) <= length / slowest + 0.06 * rate
