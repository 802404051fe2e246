"""How to speak, as people ask for it: tags and plain instructions, and nothing else of a text is taken for one."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.engine.manners import PACE, asked_for, lacking, with_tags
from sviqa_app.manner import USUAL, Manner, Rate, Style
from sviqa_app.model.narration import RATES
from sviqa_app.model.voice_tags import PUBLISHED, SMALL
from sviqa_app.model.voiceprint import STYLES
from sviqa_app.training.readings import STRETCH


def test_every_part_of_the_voice_knows_the_same_manners() -> None:
    assert get_args(Style) == STYLES
    assert set(get_args(Rate)) == set(RATES) == set(PACE) == set(STRETCH)
    assert set(SMALL) == {*STYLES, *RATES} - {"plain"}
    assert {rate: 1 / pace for rate, pace in PACE.items()} == pytest.approx(STRETCH)


@pytest.mark.parametrize(
    ("text", "manner", "words"),
    [
        ("(whisper) what is this", Manner(style="whisper"), "what is this"),
        ("(FAST)(loud) Go!", Manner("", "loud", "fast"), "Go!"),
        ("\uff08slow\uff09what", Manner(rate="slow"), "what"),
        ("(slow)(fast) x", Manner(rate="fast"), "x"),
        ("(high)", Manner(style="high"), ""),
        ("what is this? speak slowly", Manner(rate="slow"), "what is this?"),
        ("What is this? Please speak very slowly.", Manner(rate="slower"), "What is this?"),
        ("Speak slower, please. What is this?", Manner(rate="slow"), "What is this?"),
        ("what is this, and say it quickly", Manner(rate="fast"), "what is this,"),
        ("talk much faster! where is the dog", Manner(rate="faster"), "where is the dog"),
        ("where is the dog? answer me quickly please", Manner(rate="fast"), "where is the dog?"),
        ("whisper it", Manner(style="whisper"), ""),
        ("what is this; please whisper", Manner(style="whisper"), "what is this;"),
        ("Tell me in a whisper! What is this?", Manner(style="whisper"), "What is this?"),
        ("who is this? speak up!", Manner(style="loud"), "who is this?"),
        ("who is this? say that louder", Manner(style="loud"), "who is this?"),
        ("who is this? speak with a deep voice", Manner(style="low"), "who is this?"),
        ("who is this? Talk in a higher voice.", Manner(style="high"), "who is this?"),
        ("(whisper) who is this? speak slowly", Manner("", "whisper", "slow"), "who is this?"),
    ],
)  # fmt: skip
def test_asked_for(text: str, manner: Manner, words: str) -> None:
    assert asked_for(text, USUAL) == (manner, words, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  what is this ",
        "where is the fast car",
        "how fast is the slow dog?",
        "is the low number high",
        "what does the man whisper?",
        "is she about to speak loudly, or not",
        "does it say slow",
        "tell me how slowly it goes",
        "whispering trees",
        "(by the way) what is this",
        "what (fast) is this",
        "(fast what is this",
        "fast) what is this",
        "((fast)) what is this",
        "()",
        "(",
        "what is this? (whisper)",
    ],
)
def test_what_asks_for_nothing_stays_as_it_is(text: str) -> None:
    usual = Manner("bob", "low", "fast")
    assert asked_for(text, usual) == (usual, text, "")


def test_what_is_not_asked_for_stays_as_usual() -> None:
    usual = Manner("bob", "low", "fast")
    assert asked_for("(slow) what", usual)[0] == Manner("bob", "low", "slow")
    assert asked_for("what? whisper it", usual)[0] == Manner("bob", "whisper", "fast")


def test_tags_that_this_voice_has_not_are_named_and_left_out() -> None:
    manner, words, remark = asked_for("(rap)(sad)(whisper) what is this", USUAL)
    assert manner == Manner(style="whisper") and words == "what is this"
    assert remark == f"This voice has no rap or sad1; it has {', '.join(SMALL)}."
    assert lacking([]) == lacking(SMALL) == ""


def test_of_two_of_a_kind_the_later_counts() -> None:
    assert with_tags(USUAL, ["high", "slow", "loud", "faster", "rap"]) == Manner("", "loud", "faster")
    assert with_tags(USUAL, []) == USUAL


def test_ten_thousand_characters_of_anything_are_read() -> None:
    for piece in (" ", ". ", "!", "(", "(fast)", ")", "speak ", "and ", "speak slowly", "whisper it. "):
        asked_for(piece * (10_000 // len(piece)), USUAL)


pieces = st.one_of(
    st.sampled_from(["(", ")", "\uff08", "\uff09", ".", ", ", "? ", "\n", " please ", "and ", "whisper it", "speak "]),
    st.sampled_from(["slowly", "very ", "loudly", "up", "fast", "a deep voice", "in ", *PUBLISHED, *SMALL]),
    st.text(max_size=5),
)


@given(st.lists(pieces, max_size=12).map("".join), st.sampled_from(STYLES), st.sampled_from(RATES))
def test_any_text(text: str, style: Style, rate: Rate) -> None:
    usual = Manner("bob", style, rate)
    manner, words, remark = asked_for(text, usual)
    assert manner.speaker == "bob" and manner.style in STYLES and manner.rate in RATES
    assert words == text or len(words) < len(text)
    assert set(words) <= {*text, " "}
    assert "\n" not in remark
    if words == text:
        assert (manner, remark) == (usual, "")
