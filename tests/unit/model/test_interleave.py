"""Every order the state machine allows is legal, and targets are laid out in the order it expects."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.model.interleave import Interleave, Slot, interleave, places, separate

from ..tiny import AUDIO, MARKS

TEXT = 7
LINGUISTIC = AUDIO.base
SEMANTIC = AUDIO.base + AUDIO.linguistic


def test_ten_words_then_fifteen_sounds_then_words_again() -> None:
    order = Interleave(MARKS, AUDIO)
    slots = []
    for _ in range(26):
        slots.append(order.slot)
        order.push(TEXT if order.slot is Slot.TEXT else LINGUISTIC)
    group = [Slot.LINGUISTIC, Slot.LINGUISTIC, Slot.SEMANTIC, Slot.SEMANTIC, Slot.SEMANTIC]
    assert slots == [Slot.TEXT] * 10 + group * 3 + [Slot.TEXT]


def test_audio_goes_on_alone_and_may_end_only_between_groups() -> None:
    order = Interleave(MARKS, AUDIO)
    order.push(TEXT)
    order.push(MARKS.text_end)
    for place in range(40):
        assert (order.slot is Slot.LINGUISTIC_OR_END) == (place % 5 == 0)
        order.push(LINGUISTIC)
    order.push(MARKS.end)
    assert order.slot is Slot.NOTHING


def test_words_alone_stand_where_they_would_stand_with_their_audio() -> None:
    audio = [LINGUISTIC] * 60
    text = [TEXT] * 23
    written = interleave(text, audio, MARKS, AUDIO)
    among_audio = [place for place, token in enumerate(written) if token in (TEXT, MARKS.text_end)]
    assert places([*text, MARKS.text_end], MARKS, AUDIO) == among_audio


@settings(deadline=None)
@given(st.integers(0, 45), st.integers(0, 40))
def test_targets_follow_the_order_and_come_apart_again(words: int, groups: int) -> None:
    text = [TEXT] * words
    audio = [LINGUISTIC, LINGUISTIC, SEMANTIC, SEMANTIC, SEMANTIC] * groups
    if len(audio) < words // AUDIO.text_per_turn * AUDIO.audio_per_turn:
        with pytest.raises(ValueError, match="audio tokens"):
            interleave(text, audio, MARKS, AUDIO)
        return
    written = interleave(text, audio, MARKS, AUDIO)
    order = Interleave(MARKS, AUDIO)
    for token in written:
        assert fits(order.slot, token)
        order.push(token)
    assert order.slot is Slot.NOTHING
    assert separate(written, MARKS, AUDIO) == (text, audio)


def fits(slot: Slot, token: int) -> bool:
    """Whether a token is of the kind a slot asks for."""
    return {
        Slot.TEXT: token < AUDIO.base and token != MARKS.end,
        Slot.LINGUISTIC: AUDIO.base <= token < SEMANTIC,
        Slot.SEMANTIC: SEMANTIC <= token < AUDIO.base + AUDIO.size,
        Slot.LINGUISTIC_OR_END: AUDIO.base <= token < SEMANTIC or token == MARKS.end,
        Slot.NOTHING: False,
    }[slot]
