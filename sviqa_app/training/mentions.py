"""Which places a text speaks of: dense labels that teach the language model to look before it learns to answer."""

from __future__ import annotations

from functools import cache

from .phrasings import SIDES
from .questions import Asked, matching, neighbour
from .scenes import Scene
from .words import COLOUR_NAMES, DIGITS, KINDS, PLACES, SHAPES, plural

UNKNOWN = -1  # no label here


@cache
def _names() -> dict[tuple[str, ...], str]:
    """Every way a thing or place is named, as words, and its singular name."""
    singular = [*KINDS, *(f"{colour} {shape}" for colour in COLOUR_NAMES for shape in SHAPES)]
    named = {tuple(form.split()): name for name in singular for form in (name, plural(name))}
    return named | {tuple(p.split()): p for p in PLACES} | {("things",): "things", ("number",): "number"}


def places(scene: Scene, name: str) -> int:
    """The places, one bit each (bit 0 is top left), that `name` fits: a thing's name, a place's, "things", "number"."""
    if name in PLACES:
        return 1 << PLACES.index(name)
    if name == "things":
        there = list(scene.things)
    elif name == "number":
        there = [t for t in scene.things if t.kind.removeprefix("number ") in DIGITS]
    else:
        there = matching(scene, name)
    return sum(1 << t.place for t in there)


def mentions(scene: Scene, text: str) -> list[int]:
    """A label for each word of `text`: at a name's last word the places it fits, elsewhere UNKNOWN."""
    words, labels, at = text.split(), [], 0
    while at < len(words):
        for length in (2, 1):
            name = _names().get(tuple(words[at : at + length]))
            if name and len(words) - at >= length:
                labels += [UNKNOWN] * (length - 1) + [places(scene, name)]
                at += length
                break
        else:
            labels.append(UNKNOWN)
            at += 1
    return labels


def subject(scene: Scene, asked: Asked) -> int:
    """The places, one bit each, of what the answer to `asked` is about."""
    said, question = mentions(scene, asked.answer), mentions(scene, asked.text)
    if asked.cannot_tell or scene.setting != "scene":
        return 0
    if asked.skill == "beside":
        return _beside(scene, asked.text, question)
    known = [p for p in said if p != UNKNOWN] if asked.skill not in ("at", "exists", "count") else []
    about = 0
    for place in known or [p for p in question if p != UNKNOWN]:
        about |= place
    return about


def _beside(scene: Scene, text: str, question: list[int]) -> int:
    side = next(side for side, forms in SIDES.items() if any(f" {form} " in text for form in forms))
    there = question[-1].bit_length() - 1
    found = next((neighbour(scene, t, side) for t in scene.things if t.place == there), None)
    return 1 << found.place if found else 0
