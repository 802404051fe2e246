"""The tag grammar: as the original routes, both ways, and nothing of a text is ever lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.model.voice_tags import PUBLISHED, SMALL, Tagged, missing, music, parse, published
from tests.golden import golden_cases

# The original's pattern runs on to the last full-width bracket; the routing comes out the same.
GREEDY = "\u9ad8\u51741\uff09\uff08RAP"


def test_routed_as_the_original() -> None:
    for case in golden_cases("tts_rules")["tag_detection"]:
        asked = parse(case["text"])
        assert (music(asked) != "") == case["music_vocoder"]
        if case["music_vocoder"]:
            assert music(asked) == case["first_tag"]
        elif case["first_tag"] != GREEDY and asked.tags:
            assert asked.tags[:1] == parse(f"({case['first_tag']})").tags


@pytest.mark.parametrize(
    ("text", "tags", "rest"),
    [
        ("(whisper) Do not wake the cat.", ("whisper",), "Do not wake the cat."),
        ("(Fast)(LOUD)Go!", ("fast", "loud"), "Go!"),
        ("\uff08高兴1\uff09\uff08RAP\uff09第二", ("happy1", "rap"), "第二"),
        ("\uff08RAP) x", ("rap",), "x"),
        (" (slow)\n(high)\ttext", ("slow", "high"), "text"),
        ("(广东话)(慢速2)x", ("cantonese", "slower"), "x"),
        ("(happy)(sad)(angry)(slow1)(fast2)(coquettish1)x",
         ("happy1", "sad1", "angry1", "slow", "faster", "coquettish"), "x"),
        ("(sad1)(by the way)(fast) x", ("sad1",), "(by the way)(fast) x"),
        ("(by the way) x", (), "(by the way) x"),
        ("  no tag ", (), "  no tag "),
        ("(fast x", (), "(fast x"),
        ("fast) x", (), "fast) x"),
        ("((fast)) x", (), "((fast)) x"),
        ("( fast )x", (), "( fast )x"),
        ("()x", (), "()x"),
        ("(slow)", ("slow",), ""),
        ("", (), ""),
    ],
)  # fmt: skip
def test_parsed(text: str, tags: tuple[str, ...], rest: str) -> None:
    assert parse(text) == Tagged(tags, rest)


def test_every_tag_is_read_by_both_of_its_names() -> None:
    for name, spelling in PUBLISHED.items():
        assert parse(f"({name})x") == parse(f"\uff08{spelling}\uff09x") == Tagged((name,), "x")
        assert published(Tagged((name,), "x")) == f"({spelling})x"
    for name in SMALL:
        assert parse(f"({name.upper()}) x").tags == (name,)


def test_only_the_first_tag_makes_music() -> None:
    assert music(parse("(rap)(fast)x")) == "RAP"
    assert music(parse("(humming)x")) == "哼唱"
    assert music(parse("(fast)(rap)x")) == music(parse("x")) == ""


def test_what_a_voice_has_not_is_named_once_and_left_out() -> None:
    asked = parse("(whisper)(sad)(fast)(whisper)x")
    assert missing(asked.tags, PUBLISHED) == ("whisper",)
    assert missing(asked.tags, SMALL) == ("sad1",)
    assert missing((), SMALL) == ()
    assert published(asked) == "(悲伤1)(快速1)x"


pieces = st.one_of(
    st.sampled_from(["(", ")", "\uff08", "\uff09", " ", "\n", *PUBLISHED, *PUBLISHED.values(), *SMALL]),
    st.text(max_size=5),
)


@given(st.lists(pieces, max_size=12).map("".join))
def test_any_text(text: str) -> None:
    asked = parse(text)
    assert text.endswith(asked.text)
    assert asked.tags or asked.text == text
    assert set(asked.tags) <= set(PUBLISHED) | set(SMALL)
    assert parse(asked.text) == Tagged((), asked.text)
    kept = tuple(tag for tag in asked.tags if tag in PUBLISHED)
    if kept:
        assert parse(published(asked)) == Tagged(kept, asked.text)
