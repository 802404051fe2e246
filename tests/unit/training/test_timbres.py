"""Readings in other voices: the same timing, another speaker, at the pitch and loudness that the style asks for."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from sviqa_app.engine.cloning import LEVEL, levelled
from sviqa_app.errors import TrainingError
from sviqa_app.training.pitch import pitch_of
from sviqa_app.training.sayings import SPEAKER, at_speech_rate
from sviqa_app.training.timbres import (
    HELD_OUT,
    SHIPPED,
    Identity,
    World,
    in_own_words,
    note,
    recast,
    sample_identity,
    warping,
)
from sviqa_app.training.voices import ACCENT_HELD_OUT, FLITE_HELD_OUT, VARIANTS_HELD_OUT, Spoken, Voice, speak
from sviqa_app.turn import Samples

from .needs import needs_flite, needs_world

TEXT = "nine men may now row away."


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 12))


def test_a_stretch_is_found_again() -> None:
    ours = rows(30)
    np.testing.assert_allclose(warping(ours, ours), np.arange(30))
    np.testing.assert_allclose(warping(ours, np.repeat(ours, 2, 0)), 2 * np.arange(30) + 0.5)
    np.testing.assert_allclose(warping(np.repeat(ours, 3, 0), ours), np.arange(90) // 3)


def test_an_uneven_stretch_is_found_again() -> None:
    """The middle third is said at a third of the speed, and everything a little differently."""
    ours = rows(30)
    theirs = np.concatenate([ours[:10], np.repeat(ours[10:20], 3, 0), ours[20:]]) + 0.2 * rows(50, 1)
    expected = np.concatenate([np.arange(10), 11 + 3 * np.arange(10), np.arange(40, 50)])
    np.testing.assert_allclose(warping(ours, theirs), expected, atol=1)


@pytest.mark.parametrize("sizes", [(1, 1), (1, 9), (9, 1), (20, 5), (5, 20)])
def test_a_path_never_goes_back_and_stays_within(sizes: tuple[int, int]) -> None:
    path = warping(rows(sizes[0]), rows(sizes[1], 1))
    assert len(path) == sizes[0] and (np.diff(path) >= 0).all()
    assert path[0] >= 0 and path[-1] <= sizes[1] - 1


def test_identities_are_the_same_each_time_and_never_of_a_held_out_voice() -> None:
    identities = [sample_identity(np.random.default_rng(i)) for i in range(300)]
    assert identities == [sample_identity(np.random.default_rng(i)) for i in range(300)]
    for identity in identities:
        name = identity.voice.name
        assert name != FLITE_HELD_OUT and not name.startswith(ACCENT_HELD_OUT)
        assert name.partition("+")[2] not in VARIANTS_HELD_OUT
        assert 0.7 < identity.height < 1.4 and 0.85 < identity.warp < 1.2
    assert 0.1 < sum(i == Identity(i.voice) for i in identities) / 300 < 0.4
    assert not {*SHIPPED.values()} & {*HELD_OUT.values()}


def hum(hertz: float, seconds: float = 0.5) -> Samples:
    time = np.arange(int(16000 * seconds)) / 16000
    return sum(0.1 / k * np.sin(2 * np.pi * hertz * k * time) for k in range(1, 9)).astype(np.float32)


@needs_world
@pytest.mark.parametrize("hertz", [90.0, 150.0, 260.0])
def test_sound_taken_apart_and_put_together_is_the_sound(hertz: float) -> None:
    world = World.of(hum(hertz))
    assert np.median(world.pitch[world.pitch > 0]) == pytest.approx(hertz, rel=0.02)
    made = world.samples()
    assert abs(len(made) - 8000) <= 160
    middle = pitch_of(at_speech_rate(made))[10:30]
    np.testing.assert_allclose(middle, hertz, rtol=0.03)


@needs_world
def test_silence_can_be_taken_apart() -> None:
    world = World.of(np.zeros(4000, np.float32))
    assert not world.pitch.any() and np.abs(world.samples()).max() < 1e-3


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyworld", None)
    with pytest.raises(TrainingError, match="pyworld"):
        World.of(hum(150))


@pytest.fixture(scope="module")
def content() -> Spoken:
    return speak(TEXT, Voice(SPEAKER.engine, SPEAKER.name))


def height(samples: Samples) -> float:
    """The geometric mean of the pitch in Hz."""
    pitch = pitch_of(at_speech_rate(samples))
    return float(np.exp(np.log(pitch[pitch > 0]).mean()))


@needs_flite
@needs_world
@pytest.mark.parametrize("name", ["slt", "rms"])
def test_all_is_on_the_voices_note(content: Spoken, name: str) -> None:
    made = recast(content, TEXT, Identity(SHIPPED[name]), "plain")
    pitch = pitch_of(at_speech_rate(made))
    low, high = np.quantile(pitch[pitch > 0], (0.15, 0.85))
    assert high < 1.05 * low
    assert height(made) == pytest.approx(note(SHIPPED[name]), rel=0.03)


@needs_flite
@needs_world
@pytest.mark.parametrize("name", ["rms", "max"])
def test_another_voice_keeps_the_timing_and_its_own_pitch(content: Spoken, name: str) -> None:
    """One that has the same sounds, laid sound by sound, and one that has others, laid by warping."""
    theirs = in_own_words(TEXT, Identity(SHIPPED[name]))
    made = recast(content, TEXT, Identity(SHIPPED[name]), "plain")
    assert made.dtype == np.float32 and len(made) == len(content.samples) and np.isfinite(made).all()
    assert height(made) == pytest.approx(height(theirs), rel=0.12)


@needs_flite
@needs_world
def test_where_nothing_is_said_the_other_voice_says_nothing(content: Spoken) -> None:
    made, ours = recast(content, TEXT, Identity(SHIPPED["rms"]), "plain"), np.abs(content.samples)
    loud, quiet = ours > 0.1 * ours.max(), ours < 0.001 * ours.max()
    assert np.abs(made[loud]).mean() > 4 * np.abs(made[quiet]).mean()


@needs_flite
@needs_world
def test_styles_do_what_they_say(content: Spoken) -> None:
    styles = ("plain", "high", "low", "whisper", "loud")
    made = {style: recast(content, TEXT, Identity(SHIPPED["rms"]), style) for style in styles}
    plain = height(made["plain"])
    assert height(made["high"]) == pytest.approx(1.25 * plain, rel=0.06)
    assert height(made["low"]) == pytest.approx(0.8 * plain, rel=0.06)
    voiced = {style: (pitch_of(at_speech_rate(sound)) > 0).mean() for style, sound in made.items()}
    assert voiced["whisper"] < 0.2 * voiced["plain"]
    power = {style: float(np.sqrt((sound**2).mean())) for style, sound in made.items()}
    assert power["whisper"] < 0.7 * power["plain"] and power["loud"] > 1.5 * power["plain"]


@needs_flite
@needs_world
def test_an_identity_raises_pitch_and_formants_of_its_voice() -> None:
    voice = SHIPPED["rms"]
    plain, raised = in_own_words(TEXT, Identity(voice)), in_own_words(TEXT, Identity(voice, 1.3, 1.12))
    assert height(raised) == pytest.approx(1.3 * height(plain), rel=0.06)
    centre = [float((World.of(s).spectrum ** 0.3).mean(0) @ np.arange(513)) for s in (plain, raised)]
    assert centre[1] != pytest.approx(centre[0], rel=0.01)
    for said in (plain, raised):
        np.testing.assert_allclose(levelled(said), said, rtol=1e-3)
        assert 0.3 * LEVEL < np.sqrt((said**2).mean()) < LEVEL
