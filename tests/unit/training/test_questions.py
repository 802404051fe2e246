"""Questions fit their scene, and their answers are right."""

from __future__ import annotations

import numpy as np

from sviqa_app.training.phrasings import TEMPLATES, phrasings, split
from sviqa_app.training.questions import CANNOT_TELL, SKILLS, ask, matching, neighbour
from sviqa_app.training.scenes import Scene, Thing, sample_scene


def scene() -> Scene:
    """A red circle top left, a dog in the center, a blue circle bottom center, a seven bottom right."""
    return Scene(
        (
            Thing("circle", "red", 0, 0.17, 0.17, 0.2),
            Thing("dog", None, 4, 0.5, 0.5, 0.3),
            Thing("circle", "blue", 7, 0.5, 0.83, 0.2),
            Thing("number seven", None, 8, 0.83, 0.83, 0.2),
        ),
        "green",
    )


def answers(skill: str, text: str) -> set[str]:
    """All answers given to the question `text` over many draws."""
    drawn = (ask(scene(), np.random.default_rng(i), "all", skill) for i in range(6000))
    return {a.answer for a in drawn if a.text == text}


def test_at_least_two_hundred_phrasings_and_a_seventh_held_out() -> None:
    every = [p for skill in TEMPLATES for p in phrasings(skill)]
    held = [p for skill in TEMPLATES for p in split(skill, "held-out")]
    assert len(set(every)) >= 200
    assert 0.12 < len(held) / len(every) < 0.2
    for skill in TEMPLATES:
        assert split(skill, "held-out")
        assert not set(split(skill, "train")) & set(split(skill, "held-out"))


def test_answers_are_right() -> None:
    assert answers("count", "how many circles are there") == {"two"}
    assert answers("count", "how many dogs are there") == {"one"}
    assert answers("at", "what is at the center") == {"a dog"}
    assert answers("at", "what is at the top right") == {"nothing"}
    assert answers("where", "where is the dog") == {"center"}
    assert answers("light", "what color is the background") == {"green"}
    assert answers("beside", "what is below the dog") == {"a blue circle"}
    assert answers("beside", "what is left of the dog") <= {"nothing"}
    assert answers("exists", "is there a dog") == {"yes , center"}
    assert answers("exists", "is there a circle") == {"yes , two"}
    assert answers("read", "read the number") == {"seven"}
    assert answers("describe", "what do you see") == {"a red circle , a dog , a blue circle and the number seven"}


def test_existence_is_balanced_and_absent_things_are_absent() -> None:
    yes = 0
    for i in range(600):
        rng = np.random.default_rng(i)
        asked = ask(scene(), rng, "train", "exists")
        yes += asked.answer.startswith("yes")
    assert 230 < yes < 370


def test_what_is_no_scene_cannot_be_told() -> None:
    for i, skill in enumerate(SKILLS * 3):
        for setting in ("photo", "noise", "text", "blank"):
            asked = ask(Scene((), "red", setting), np.random.default_rng(i), "all", skill)  # type: ignore[arg-type]
            assert asked.answer == CANNOT_TELL


def test_neighbours_are_the_nearest_in_row_and_column() -> None:
    shown = scene()
    dog = matching(shown, "dog")[0]
    assert neighbour(shown, dog, "below") == matching(shown, "blue circle")[0]
    assert neighbour(shown, dog, "left") is None


def test_every_question_is_plain_words() -> None:
    for i in range(2000):
        rng = np.random.default_rng(i)
        asked = ask(sample_scene(rng), rng, "all")
        assert asked.text == " ".join(asked.text.split())
        assert "{" not in asked.text + asked.answer
        assert asked.answer == asked.answer.lower() != ""
