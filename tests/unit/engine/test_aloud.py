"""Our voice saying what is still being written: the same sentences however the text is cut, and an end when told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.engine import aloud
from sviqa_app.engine.aloud import LONGEST, Aloud
from sviqa_app.engine.speakable import Clause
from sviqa_app.manner import USUAL
from sviqa_app.model.decode import Stop, never
from sviqa_app.turn import Samples
from tests.unit.toy import HumVoice


@dataclass
class Said:
    """Stands for Voices and for the talker: what was to be said, sentence by sentence."""

    narrator: object = None
    sentences: list[str] = field(default_factory=list)

    def speaker(self, name: str) -> str:
        return name

    def voice(self, speaker: str, style: str) -> HumVoice:
        return HumVoice()

    def talk(
        self, clauses: Iterable[Clause], narrator: object, voice: HumVoice, rate: str, stop: Stop
    ) -> Iterator[Any]:
        if words := " ".join(map(str, clauses)):
            self.sentences.append(words)
            yield voice.stream().push([1])


def spoken(pieces: Iterable[str], monkeypatch: pytest.MonkeyPatch, stop: Stop = never) -> list[str]:
    said = Said()
    monkeypatch.setattr(aloud, "talk", said.talk)
    saying = Aloud(said, USUAL, stop)  # type: ignore[arg-type]
    for piece in pieces:
        saying.write(piece)
    saying.finish()
    while saying.sound() is not None:
        pass
    return said.sentences


def test_a_sentence_is_said_as_soon_as_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    monkeypatch.setattr(aloud, "talk", said.talk)
    saying = Aloud(said, USUAL, never)  # type: ignore[arg-type]
    for text, sounds in (("It is a dog", False), (".", False), (" A", True), (" big one! Is", True), ("n't it", False)):
        saying.write(text)
        sound: Samples | None = saying.sound()
        assert (sound is not None) == sounds and saying.sound() is None
    assert said.sentences == ["it is a dog.", "a big one!"]


def test_abbreviations_and_numbers_do_not_end_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    said = spoken(["Mr. Smith has 3.5 dogs, e.g. J. R. and others. He is at home."], monkeypatch)
    assert len(said) == 2 and said[1] == "he is at home."


def test_lists_are_said_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spoken(["a dog\n\n- a cat\n- a cow"], monkeypatch) == ["a dog.", "a cat.", "a cow."]


@settings(deadline=None)
@given(st.data())
def test_however_the_text_is_cut(data: st.DataObject) -> None:
    text = 'It is a dog. It barks! Does it? Yes, e.g. now.\nOr "then." So (it) is.  Well'
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        assert spoken(pieces, patch) == spoken([text], patch)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab .!?\n,'\"1", max_size=40)))
def test_no_word_is_lost(pieces: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        said = "".join(c for c in "".join(spoken(pieces, patch)) if c in "ab")
    assert len(said) >= min(1, sum(c in "ab" for c in "".join(pieces)))


def test_what_has_no_end_is_said_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    said = spoken(["word "] * 200, monkeypatch)
    assert len(said) > 2 and "".join(said).count("word") == 200
    assert max(map(len, said)) <= LONGEST + 10
    assert spoken(["x" * 2 * LONGEST], monkeypatch)


def test_nothing_more_is_begun_once_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spoken(["One is here. Two is here. Three"], monkeypatch, stop=lambda: True) == []
