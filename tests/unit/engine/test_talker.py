"""Text aloud: cut into utterances where a speaker would, streamed as it would sound whole, stopped at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.engine.speakable import BREATH, Clause, speakable
from sviqa_app.engine.talker import STRETCH, talk, utterances
from sviqa_app.engine.voices import Voices
from sviqa_app.manner import USUAL, Manner
from sviqa_app.model.mel import SPEECH_HOP
from sviqa_app.model.narration import PAUSE_IDS
from tests.unit.small_voice import small_voices
from tests.unit.toy import HumVoice

TEXT = "Good morning, dear listener. How are you today? It rains; take a coat!"


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Voices:
    return small_voices(tmp_path_factory.mktemp("talker") / "toy-voice")


@dataclass
class Noting:
    """Stands for a Narrator: a word's sounds are its letters; a group of audio tokens for every sound."""

    written: list[list[int | str]] = field(default_factory=list)
    rates: list[str] = field(default_factory=list)

    def sounds(self, word: str) -> tuple[str, ...]:
        return tuple(word)

    def speech(self, sounds: Iterable[int | str], rate: str) -> Iterator[list[int]]:
        self.rates.append(rate)
        self.written.append([])
        for sound in sounds:
            self.written[-1].append(sound)
            yield [0, 1, 16, 17, 18]


def cut(text: str) -> list[str]:
    return [" ".join(map(str, utterance)) for utterance in utterances(speakable(text).clauses)]


def test_an_utterance_is_a_sentence() -> None:
    assert cut(TEXT) == ["good morning, dear listener.", "how are you today?", "it rains; take a coat!"]
    assert cut("no, no, no, no") == ["no, no, no, no."]
    assert cut("") == []


def test_a_long_one_ends_at_the_first_pause_after_so_many_words() -> None:
    clause = "one two three four five six seven eight nine ten, "
    found = cut(4 * clause)
    assert [len(said.replace(",", "").split()) for said in found] == [30, 10]
    assert cut(2 * clause + "and " + clause)[0].endswith("ten,")


def test_a_sentence_without_any_pause_is_cut_into_breaths() -> None:
    found = list(utterances([Clause(("la",) * 90, ".")]))
    assert sum(len(clause.words) for said in found for clause in said) == 90
    assert all(sum(len(clause.words) for clause in said) < STRETCH + BREATH for said in found)


words = st.lists(st.sampled_from(["a", "and", "the", "it's", "house", "over"]), min_size=1, max_size=40)
clauses = st.builds(Clause, words.map(tuple), st.sampled_from(["", ",", ";", ".", "!", "?"]))


@given(st.lists(clauses, max_size=12))
def test_no_word_is_lost_and_every_utterance_ends_for_a_reason(given: list[Clause]) -> None:
    found = list(utterances(given))
    assert [w for said in found for c in said for w in c.words] == [w for c in given for w in c.words]
    for said in found:
        assert said[-1].mark in (".", "!", "?") or sum(len(c.words) for c in said) >= STRETCH or said is found[-1]
        assert sum(len(c.words) for c in said[:-1]) < STRETCH
        assert not any(c.mark in (".", "!", "?") for c in said[:-1])


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ([Clause(("no",), ","), Clause(("me",), "?")], ["n", "o", ",", "m", "e", "?"]),
        ([Clause(("no",), ";"), Clause(("me",), "!")], ["n", "o", ",", "m", "e", "."]),
        ([Clause(("no",), ""), Clause(("me",), ".")], ["n", "o", "m", "e", "."]),
        ([Clause(("no",), ",")], ["n", "o", "."]),
        ([Clause(("no",), "")], ["n", "o", "."]),
    ],
)
def test_pauses(said: list[Clause], written: list[str]) -> None:
    narrator = Noting()
    list(talk(said, narrator, HumVoice()))  # type: ignore[arg-type]
    assert narrator.written == [[PAUSE_IDS.get(sound, sound) for sound in written]]


def test_every_utterance_has_the_rate() -> None:
    narrator = Noting()
    list(talk(speakable(TEXT).clauses, narrator, HumVoice(), "faster"))  # type: ignore[arg-type]
    assert narrator.rates == ["faster"] * 3


def test_it_is_said_as_it_would_be_whole(voices: Voices) -> None:
    """Piece by piece the sound of a stream fed with all the tokens of each utterance."""
    voice, narrator = voices.speaking(Manner("bob", "high")), voices.narrator
    expected = []
    for sentence, mark in ((("red", "dog"), "."), (("two", "three"), "?")):
        sounds = [sound for word in sentence for sound in narrator.sounds(word)]
        groups = list(narrator.speech([*sounds, PAUSE_IDS[mark]], "plain"))
        stream = voice.stream()
        said = [*(stream.push(group) for group in groups), stream.push([], last=True)]
        assert sum(map(len, said)) == voice.frames(5 * len(groups)) * SPEECH_HOP
        expected += said
    pieces = list(talk(speakable("Red dog. Two three?").clauses, narrator, voice))
    assert all(len(piece) for piece in pieces)
    np.testing.assert_allclose(np.concatenate(pieces), np.concatenate(expected), atol=1e-3)


def test_sound_comes_before_the_text_is_all_there(voices: Voices) -> None:
    taken: list[Clause] = []

    def coming() -> Iterator[Clause]:
        for clause in speakable(TEXT).clauses:
            taken.append(clause)
            yield clause

    assert len(next(talk(coming(), voices.narrator, voices.speaking(USUAL))))
    assert len(taken) == 2


@pytest.mark.parametrize("groups", [0, 1, 4, 20])
def test_stop_is_asked_before_every_group_and_nothing_comes_after_it(groups: int) -> None:
    asked = count()
    pieces = list(talk(speakable(TEXT).clauses, Noting(), HumVoice(), stop=lambda: next(asked) == groups))  # type: ignore[arg-type]
    assert len(pieces) == groups and next(asked) == groups + 1


def test_nothing_is_said_for_nothing(voices: Voices) -> None:
    assert list(talk([], voices.narrator, voices.speaking(USUAL))) == []
