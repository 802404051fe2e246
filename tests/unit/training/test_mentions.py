"""Every name in a text points to the places it fits, and every answer to the places it is about."""

from __future__ import annotations

import numpy as np

from sviqa_app.training.mentions import UNKNOWN, mentions, places, subject
from sviqa_app.training.questions import SKILLS, Asked, ask
from sviqa_app.training.scenes import Scene, Thing, sample_scene

RED_TOP_LEFT = Thing("circle", "red", 0, 0.16, 0.16, 0.2)
BLUE_CENTER = Thing("circle", "blue", 4, 0.5, 0.5, 0.2)
SEVEN_BELOW = Thing("number seven", None, 7, 0.5, 0.84, 0.2)
SCENE = Scene((RED_TOP_LEFT, BLUE_CENTER, SEVEN_BELOW), "white")


def test_names_point_to_what_fits_them() -> None:
    assert places(SCENE, "circle") == 1 << 0 | 1 << 4
    assert places(SCENE, "red circle") == 1 << 0
    assert places(SCENE, "number") == 1 << 7
    assert places(SCENE, "things") == 1 << 0 | 1 << 4 | 1 << 7
    assert places(SCENE, "bottom right") == 1 << 8
    assert places(SCENE, "dog") == 0


def test_the_last_word_of_the_longest_name_carries_the_label() -> None:
    found = mentions(SCENE, "is the red circle bigger than the light bulb")
    assert found == [UNKNOWN, UNKNOWN, UNKNOWN, 1, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 0]
    assert mentions(SCENE, "how many red circles") == [UNKNOWN, UNKNOWN, UNKNOWN, 1]


def test_what_an_answer_is_about() -> None:
    def about(skill: str, text: str, answer: str) -> int:
        return subject(SCENE, Asked(skill, text, answer))

    assert about("where", "where is the number seven", "bottom center") == 1 << 7
    assert about("beside", "what is above the number seven", "a blue circle") == 1 << 4
    assert about("beside", "what is left of the blue circle", "nothing") == 0
    assert about("count", "how many circles are there", "two") == 1 << 0 | 1 << 4
    assert about("at", "what is at the top left", "a red circle") == 1 << 0
    assert about("where", "where is the dog", "i cannot tell") == 0


def test_every_question_has_labels() -> None:
    rng = np.random.default_rng(5)
    for skill in SKILLS:
        for _ in range(40):
            scene = sample_scene(rng)
            asked = ask(scene, rng, "all", skill)
            assert len(mentions(scene, asked.text)) == len(asked.text.split())
            assert 0 <= subject(scene, asked) < 1 << 9
