"""Readings: every sound of a script where it is heard, woven with its audio tokens and found in them again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.model.interleave import GROUP
from sviqa_app.model.narration import AHEAD, BASE, FIRST_SOUND, PAUSE_IDS, SOUND_IDS, SOUNDS_END, WORD_BEGINS
from sviqa_app.training.lexicon import Lexicon, looked_up
from sviqa_app.training.readings import (
    GROUP_MS,
    MOST_SOUNDS,
    MOST_TOKENS,
    STRETCH,
    Reading,
    Readings,
    bounds,
    placed_sounds,
    stretch_of,
    woven,
)
from sviqa_app.training.sayings import SPEAKER, trimmed
from sviqa_app.training.voices import Mark, Spoken, speak
from tests.unit.tiny import AUDIO

from .conftest import SCRIPTS, Counting
from .needs import needs_chain, needs_flite

SO_NO = {"so": ("s", "ow"), "no": ("n", "ow")}


def spoken(sounds: str, pause: float = 0.3) -> Spoken:
    """Sounds of 100 ms each, and pauses of `pause` seconds."""
    marks, at = [], 0.0
    for sound in sounds.split():
        end = at + (pause if sound == "pau" else 0.1)
        marks.append(Mark(sound, at, end))
        at = end
    return Spoken(np.zeros(0, np.int16), (), tuple(marks))


def first(sound: str) -> int:
    return SOUND_IDS[sound] + WORD_BEGINS


def test_sounds_are_placed_in_milliseconds_and_the_first_of_each_word_is_marked() -> None:
    ids, times = zip(*placed_sounds("so no.", spoken("pau s ow n ow pau"), SO_NO, begin=0.25), strict=True)
    assert ids == (first("s"), SOUND_IDS["ow"], first("n"), SOUND_IDS["ow"], PAUSE_IDS["."])
    assert times == pytest.approx((50, 150, 250, 350, 450), abs=1)


@pytest.mark.parametrize(
    ("text", "sounds", "pauses"),
    [
        ("so, no?", "pau s ow pau n ow pau", [",", "?"]),
        ("so, no.", "pau s ow n ow pau", ["."]),
        ("so no?", "pau s ow pau n ow pau", [",", "?"]),
        ("so no.", "s ow n ow pau", ["."]),
        ("so no.", "pau s ow n ow", []),
    ],
)
def test_pauses_are_those_that_are_heard(text: str, sounds: str, pauses: list[str]) -> None:
    ids = [sound for sound, _ in placed_sounds(text, spoken(sounds), SO_NO, 0.0)]
    assert [i for i in ids if i in PAUSE_IDS.values()] == [PAUSE_IDS[pause] for pause in pauses]
    assert [i for i in ids if i >= FIRST_SOUND + WORD_BEGINS and i not in PAUSE_IDS.values()] == [
        first("s"),
        first("n"),
    ]


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("so what.", "pau s ow w ah t pau"),
        ("so no.", "pau s ow n pau"),
        ("so no no.", "pau s ow n ow pau"),
        ("so.", "pau"),
    ],
)
def test_where_words_and_sounds_do_not_meet_there_are_none(text: str, sounds: str) -> None:
    assert placed_sounds(text, spoken(sounds), SO_NO, 0.0) == []


@needs_flite
def test_a_spoken_sentence_is_placed() -> None:
    text = "red dogs, two cats and a house."
    words = text.replace(",", "").rstrip(".").split()
    said = speak(text, SPEAKER)
    begin, end = bounds(said.samples / 32768)
    placed = placed_sounds(text, said, looked_up(words), begin / 16000)
    ids, times = zip(*placed, strict=True)
    assert sum(FIRST_SOUND + WORD_BEGINS <= i < FIRST_SOUND + 2 * WORD_BEGINS for i in ids) == len(words)
    assert ids[-1] == PAUSE_IDS["."] and PAUSE_IDS[","] in ids
    assert all(0 <= a <= b <= 1000 * (end - begin) / 16000 for a, b in itertools.pairwise(times))


@pytest.mark.parametrize("quiet", [(8000, 8000), (0, 0), (100, 20000)])
def test_bounds_are_where_speech_is_trimmed(quiet: tuple[int, int]) -> None:
    tone = np.sin(np.arange(5000) / 9)
    sound = np.concatenate([np.zeros(quiet[0]), tone, np.zeros(quiet[1])]).astype(np.float32)
    begin, end = bounds(sound)
    assert 0 <= begin < end <= len(sound)
    np.testing.assert_array_equal(sound[begin:end], trimmed(sound))


@pytest.mark.parametrize("count", [0, 1, 500])
def test_silence_is_not_cut(count: int) -> None:
    assert bounds(np.zeros(count)) == (0, count)


@st.composite
def some_readings(draw: st.DrawFn) -> Reading:
    groups = draw(st.integers(0, 12))
    tokens = draw(st.lists(st.integers(0, AUDIO.size - 1), min_size=GROUP * groups, max_size=GROUP * groups))
    times = sorted(draw(st.lists(st.integers(0, GROUP_MS * (groups + 3)), max_size=30)))
    sounds = [(draw(st.integers(FIRST_SOUND, SOUNDS_END - 1)), time) for time in times]
    return Reading("plain", np.array(tokens, np.int64), np.array(sounds, np.int64).reshape(-1, 2))


@given(some_readings())
def test_woven_and_taken_apart_again(reading: Reading) -> None:
    line = woven(reading, BASE)
    assert [i - BASE for i in line if i >= BASE] == reading.tokens.tolist()
    assert [i for i in line if i < BASE] == reading.sounds[:, 0].tolist()
    before = [sum(j >= BASE for j in line[:n]) for n, i in enumerate(line) if i < BASE]
    groups = len(reading.tokens) // GROUP
    for read, time in zip(before, reading.sounds[:, 1], strict=True):
        assert read % GROUP == 0
        assert read // GROUP == min(groups, max(0, time // GROUP_MS - AHEAD + 1))


def test_rates_stretch_the_canonical_voice() -> None:
    assert stretch_of("plain") == SPEAKER
    assert [stretch_of(rate) for rate in STRETCH] == [replace(SPEAKER, rate=s) for s in STRETCH.values()]


def test_three_in_five_are_plain(tmp_path: Path) -> None:
    pool = Readings(tmp_path, 2000, Counting(), {})  # type: ignore[arg-type]
    rates = [pool.rate(i) for i in range(2000)]
    assert rates == [pool.rate(i) for i in range(2000)]
    assert 0.55 < rates.count("plain") / 2000 < 0.65
    assert all(0.07 < rates.count(rate) / 2000 < 0.13 for rate in STRETCH if rate != "plain")


@needs_flite
@needs_chain
def test_each_is_made_once_and_kept(tmp_path: Path, lexicon: Lexicon) -> None:
    tokenizer = Counting()
    pool = Readings(tmp_path / "new", SCRIPTS, tokenizer, lexicon)  # type: ignore[arg-type]
    made = [pool(i) for i in range(3)]
    assert tokenizer.asked == 3
    again = Readings(tmp_path / "new", SCRIPTS, tokenizer, lexicon)  # type: ignore[arg-type]
    for one, two in zip(made, [again(i) for i in range(3)], strict=True):
        assert (one is None) == (two is None)
        if one is not None and two is not None:
            assert one.rate == two.rate
            np.testing.assert_array_equal(one.tokens, two.tokens)
            np.testing.assert_array_equal(one.sounds, two.sounds)
    assert tokenizer.asked == 3


@needs_flite
@needs_chain
def test_a_reading_says_all_its_script(readings: Readings) -> None:
    usable = [(i, reading) for i in range(SCRIPTS) if (reading := readings(i)) is not None]
    assert len(usable) >= SCRIPTS // 2
    for i, reading in usable:
        assert 0 < len(reading.tokens) <= MOST_TOKENS and len(reading.tokens) % GROUP == 0
        assert len(reading.sounds) <= MOST_SOUNDS
        marked = (reading.sounds[:, 0] >= FIRST_SOUND + WORD_BEGINS) & (reading.sounds[:, 0] < min(PAUSE_IDS.values()))
        assert marked.sum() == len(readings.text(i).split())
        assert (np.diff(reading.sounds[:, 1]) >= 0).all()
        assert reading.sounds[-1, 1] <= GROUP_MS * (len(reading.tokens) // GROUP + 1)
    drawn = readings.draw(np.random.default_rng(0))
    assert any(np.array_equal(drawn.tokens, reading.tokens) for _, reading in usable)


@needs_flite
@needs_chain
def test_a_script_with_an_unknown_word_is_no_reading(tmp_path: Path) -> None:
    pool = Readings(tmp_path, 2, Counting(), {})  # type: ignore[arg-type]
    assert pool(0) is None and pool(0) is None
