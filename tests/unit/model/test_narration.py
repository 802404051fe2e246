"""How speech is written: whatever the weights, whole groups in range, every sound in its order, and an end."""

from __future__ import annotations

import string
from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sviqa_app.model.interleave import GROUP, LINGUISTIC_PER_GROUP
from sviqa_app.model.narration import (
    BASE,
    END,
    FIRST_SOUND,
    LETTER_IDS,
    LONGEST_WORD,
    PATIENCE,
    PAUSE_IDS,
    RATE_IDS,
    RATES,
    SAY,
    SOUND_IDS,
    SOUNDS_END,
    SPELL,
    START,
    WORD_BEGINS,
    Narrator,
    spelling,
)
from sviqa_app.model.step1 import Step1
from sviqa_app.model.stepper import ROOM
from tests.unit.small_voice import random_step1
from tests.unit.tiny import AUDIO

SOUND = st.integers(FIRST_SOUND, SOUNDS_END - 1)
FEW = (ROOM - 2 * GROUP) // (GROUP * PATIENCE + 1) - 1  # sounds that fit even if each waits as long as it may
WEIGHTS = [(seed, spread) for seed in range(6) for spread in (0.05, 0.3, 1.0)]


@cache
def narrator(seed: int = 0, spread: float = 0.3) -> Narrator:
    return Narrator(random_step1(seed=seed, spread=spread), AUDIO)


def biased(token: int) -> Step1:
    """A decoder that always finds one id likeliest: layers that add nothing, embeddings that are all the same."""
    model = random_step1()
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    model.model.embed_tokens.weight.fill_(1.0)
    model.lm_head.weight.zero_()
    model.lm_head.weight[token] = 1.0
    return model


class Reading:
    """Speech that is written, and the ids that were read for it."""

    def __init__(self, who: Narrator, sounds: list[int], rate: str = "plain") -> None:
        self.read: list[int] = []
        read = who._speaker.read

        def noted(ids: list[int], first: int, last: int) -> Tensor:
            self.read += ids
            return read(ids, first, last)

        with patch.object(who._speaker, "read", noted):
            self.groups = list(who.speech(iter(sounds), rate))

    @property
    def sounds(self) -> list[int]:
        return [token for token in self.read if FIRST_SOUND <= token < SOUNDS_END]

    @property
    def audio(self) -> list[int]:
        return [token - BASE for token in self.read if token >= BASE]


def whole(groups: list[list[int]]) -> bool:
    """Whether each is two ids of the first codebook, then three of the second."""
    return all(
        len(group) == GROUP
        and all(0 <= token < AUDIO.linguistic for token in group[:LINGUISTIC_PER_GROUP])
        and all(AUDIO.linguistic <= token < AUDIO.size for token in group[LINGUISTIC_PER_GROUP:])
        for group in groups
    )


def test_ids_are_apart_and_fit_below_the_audio_tokens() -> None:
    marked = [sound + WORD_BEGINS for sound in SOUND_IDS.values()]
    tables = (LETTER_IDS, SOUND_IDS, PAUSE_IDS, RATE_IDS)
    ids = [*range(5), *(i for table in tables for i in table.values()), *marked]
    assert sorted(ids) == list(range(SOUNDS_END)) and SOUNDS_END <= BASE
    assert tuple(RATE_IDS) == RATES


@pytest.mark.parametrize(("seed", "spread"), WEIGHTS)
def test_any_weights_give_whole_groups_and_take_every_sound_in_order(seed: int, spread: float) -> None:
    sounds = [SOUND_IDS["k"] + WORD_BEGINS, SOUND_IDS["ae"], SOUND_IDS["t"], PAUSE_IDS["."]]
    spoken = Reading(narrator(seed, spread), sounds)
    assert whole(spoken.groups)
    assert spoken.read[:2] == [START, RATE_IDS["plain"]]
    assert spoken.sounds == sounds
    assert spoken.audio == [token for group in spoken.groups for token in group]
    assert len(spoken.groups) <= (len(sounds) + 1) * PATIENCE


@settings(deadline=None, max_examples=25)
@given(st.lists(SOUND, max_size=FEW), st.sampled_from(RATES), st.sampled_from(WEIGHTS))
def test_none_is_skipped_repeated_or_invented(sounds: list[int], rate: str, weights: tuple[int, float]) -> None:
    spoken = Reading(narrator(*weights), sounds, rate)
    assert whole(spoken.groups)
    assert spoken.sounds == sounds
    assert spoken.read[:2] == ([START, RATE_IDS[rate]] if sounds else [])


def test_nothing_is_said_for_nothing() -> None:
    assert list(narrator().speech([])) == []
    assert list(narrator().speech(iter(()), "faster")) == []


@pytest.mark.parametrize(("seed", "spread"), WEIGHTS[::2])
@pytest.mark.parametrize("count", [60, 3000])
def test_too_many_sounds_stay_within_the_room(seed: int, spread: float, count: int) -> None:
    sounds = [FIRST_SOUND + n % (SOUNDS_END - FIRST_SOUND) for n in range(count)]
    who = narrator(seed, spread)
    spoken = Reading(who, sounds)
    assert whole(spoken.groups)
    assert who._speaker.length <= ROOM
    assert spoken.sounds == sounds


def test_one_that_never_goes_on_is_made_to() -> None:
    """Weights that would write audio for ever take a sound every `PATIENCE` groups, and then end."""
    who = Narrator(biased(BASE), AUDIO)
    spoken = Reading(who, [SOUND_IDS["aa"], SOUND_IDS["b"]])
    assert len(spoken.groups) == 3 * PATIENCE
    assert spoken.sounds == [SOUND_IDS["aa"], SOUND_IDS["b"]]


def test_one_that_never_waits_reads_all_its_sounds_at_once() -> None:
    who = Narrator(biased(SOUND_IDS["aa"]), AUDIO)
    assert Reading(who, [SOUND_IDS["b"]] * 20).read[2:22] == [SOUND_IDS["b"]] * 20
    assert whole(Reading(who, [SOUND_IDS["b"]] * 3 * ROOM).groups)


def test_sounds_are_taken_only_when_they_are_due() -> None:
    """So that speech begins before its words are spelled."""
    taken: list[int] = []

    def coming() -> Iterator[int]:
        for sound in [SOUND_IDS["aa"]] * 9:
            taken.append(sound)
            yield sound

    speech = Narrator(biased(BASE), AUDIO).speech(coming())
    for _ in range(PATIENCE):
        next(speech)
    assert len(taken) == 1
    next(speech)
    assert len(taken) == 2


def test_the_same_is_said_again_and_a_broken_off_utterance_leaves_no_trace() -> None:
    who, sounds = narrator(1), [SOUND_IDS["m"], SOUND_IDS["uw"]]
    first = list(who.speech(sounds))
    other = who.speech([SOUND_IDS["z"]] * 5)
    next(other, None)
    other.close()
    assert list(who.speech(sounds)) == first


def test_spelling_between_groups_changes_nothing() -> None:
    who, sounds = narrator(2), [SOUND_IDS["m"], SOUND_IDS["uw"], SOUND_IDS["n"]]

    def spelled() -> Iterator[int]:
        for n, sound in enumerate(sounds):
            who.sounds("word" * (n + 2))
            yield sound

    assert list(who.speech(spelled())) == list(who.speech(sounds))


def test_spelling_is_letters_between_marks() -> None:
    assert spelling("it's") == [SPELL, *(LETTER_IDS[letter] for letter in "it's"), SAY]


@settings(deadline=None, max_examples=40)
@given(st.text(string.ascii_lowercase + "'", max_size=30), st.sampled_from(WEIGHTS))
def test_any_word_has_sounds_that_end(word: str, weights: tuple[int, float]) -> None:
    sounds = narrator(*weights).sounds(word)
    assert 1 <= len(sounds) <= LONGEST_WORD
    assert FIRST_SOUND + WORD_BEGINS <= sounds[0] < FIRST_SOUND + 2 * WORD_BEGINS
    assert all(FIRST_SOUND <= sound < FIRST_SOUND + WORD_BEGINS for sound in sounds[1:])


def test_a_word_is_never_endless_and_never_empty() -> None:
    assert len(Narrator(biased(SOUND_IDS["aa"]), AUDIO).sounds("a")) == LONGEST_WORD
    assert len(Narrator(biased(END), AUDIO).sounds("a")) == 1
