"""Drawn pictures show what their scene says, the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from sviqa_app.errors import TrainingError
from sviqa_app.training.scenes import Scene, Thing, draw, emoji_font, sample_scene
from sviqa_app.training.words import COLOURS, KINDS, article, plural


def has_emoji() -> bool:
    try:
        emoji_font()
    except TrainingError:
        return False
    return True


needs_emoji = pytest.mark.skipif(not has_emoji(), reason="no colour emoji font on this machine")


@needs_emoji
def test_same_seed_same_picture() -> None:
    def picture() -> np.ndarray:
        rng = np.random.default_rng(5)
        return np.asarray(draw(sample_scene(rng), rng))

    assert np.array_equal(picture(), picture())
    assert picture().shape == (128, 128, 3)


def test_scenes_hold_one_to_six_known_things_in_reading_order() -> None:
    settings = set()
    for seed in range(400):
        scene = sample_scene(np.random.default_rng(seed))
        settings.add(scene.setting)
        places = [t.place for t in scene.things]
        assert places == sorted(set(places))
        assert (1 <= len(places) <= 6) if scene.setting == "scene" else not places
        for thing in scene.things:
            assert thing.kind in KINDS
            assert (thing.x * 3 // 1, thing.y * 3 // 1) == (thing.place % 3, thing.place // 3)
    assert settings == {"scene", "photo", "noise", "text", "blank"}


@pytest.mark.parametrize("colour", ["red", "green", "blue", "yellow"])
def test_a_shape_has_its_colour_where_it_stands(colour: str) -> None:
    thing = Thing("square", colour, 8, 5 / 6, 5 / 6, 0.3)
    for seed in range(6):
        picture = draw(Scene((thing,), "gray"), np.random.default_rng(seed))
        middle = np.asarray(picture)[100:113, 100:113].mean((0, 1))
        distance = {name: float(np.abs(middle - rgb).sum()) for name, rgb in COLOURS.items()}
        assert min(distance, key=lambda name: distance[name]) == colour


@pytest.mark.parametrize("setting", ["photo", "noise", "text", "blank"])
def test_what_is_no_scene_is_drawn_too(setting: str) -> None:
    scene = Scene((), "blue", setting)  # type: ignore[arg-type]
    for seed in range(4):
        assert draw(scene, np.random.default_rng(seed)).size == (128, 128)


def test_a_missing_emoji_font_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sviqa_app.training.scenes._EMOJI_FONTS", ())
    emoji_font.cache_clear()
    try:
        with pytest.raises(TrainingError, match="emoji font"):
            emoji_font()
    finally:
        emoji_font.cache_clear()


def test_words() -> None:
    assert [plural(w) for w in ("dog", "bus", "red circle", "light bulb", "fish")] == [
        "dogs", "buses", "red circles", "light bulbs", "fish",
    ]  # fmt: skip
    assert article("orange circle") == "an orange circle"
    assert article("number seven") == "the number seven"
