"""The ways a question is put: templates with alternatives, expanded, of which 15 % are held out for measuring.

In a template `(a|b|)` is a choice; `{x}` is "a dog", `{the}` "the dog", `{xs}` "dogs", `{y}` another thing,
`{place}` one of the nine places, `{side}` a direction.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache

TEMPLATES: dict[str, tuple[str, ...]] = {
    "exists": (
        "is there {x} (in the picture|in the image|here|in this picture|anywhere|)",
        "(do|can) you see {x} (in the picture|here|anywhere|)",
        "does the (picture|image) (have|show|contain) {x}",
        "is {x} in the (picture|image)",
        "are there any {xs} (in the picture|here|in the image|)",
        "(do|can) you see any {xs}",
        "tell me if there is {x}",
        "(can you find|is it showing|did you find) {x}",
        "i want to know if there is {x}",
    ),
    "count": (
        "how many {xs} (are there|do you see|can you see|are in the picture|are in the image|are shown|are here|)",
        "(count the|what is the number of|tell me the number of|please count the) {xs}",
        "(tell me how many|i want to know how many) {xs} there are",
        "how many {xs} does the (picture|image) (have|show)",
    ),
    "color": (
        "what (color|colour) is the {x}",
        "(what is|tell me) the (color|colour) of the {x}",
        "which (color|colour) (is the {x}|does the {x} have)",
        "the {x} is what (color|colour)",
        "(can you tell me|say) what (color|colour) the {x} is",
    ),
    "at": (
        "what is (at|in) the {place}",
        "what is in the {place} (corner|part|area)",
        "(what do you see|what can you see|what is shown) (at|in) the {place}",
        "(which thing|what thing) is (at|in) the {place}",
        "tell me what is (at|in) the {place}",
        "name the thing (at|in) the {place}",
    ),
    "where": (
        "where is {the} (in the picture|in the image|)",
        "(where can i find|where do you see|where can you see|find|locate) {the}",
        "in (which|what) part (of the picture|of the image|) is {the}",
        "(tell me|can you tell me|i want to know) where {the} is",
        "what is the (place|position) of {the}",
    ),
    "beside": (
        "what is {side} {the}",
        "(which thing|what thing) is {side} {the}",
        "(what do you see|what can you see|what is there|what is shown) {side} {the}",
        "(tell me|can you tell me) what is {side} {the}",
        "name the thing {side} {the}",
    ),
    "compare": (
        "(are there|do you see|can you see) more {xs} or (more|) {ys}",
        "(which is there|what is there|which are there) more of {xs} or {ys}",
        "which (is|one is) (bigger|larger) {the} or {the_y}",
        "(what|which thing) is bigger {the} or {the_y}",
        "is {the} (bigger|larger|smaller) than {the_y}",
    ),
    "read": (
        "(which|what) number (is shown|is there|do you see|is in the picture|can you see|is it|is written|)",
        "(read|tell me|say|please read) the number",
        "what (does the number say|is the number shown|number is here)",
        "(can you read|what is) the number (in the picture|in the image|)",
    ),
    "light": (
        "is (it|the picture|the image|the background) (bright or dark|dark or bright|light or dark)",
        "what (color|colour) is the background",
        "(what is|tell me) the (color|colour) of the background",
        "which (color|colour) (is the background|does the background have)",
    ),
    "describe": (
        "(describe|tell me about|please describe) (the picture|the image|this picture|this)",
        "(what is in|what is shown in|what do you see in) (the picture|the image|this picture)",
        "what (do you see|can you see|is there|is here)",
        "(list|name) (what is there|everything|all things|the things|everything you see)",
        "what things (are there|do you see|are in the picture)",
    ),
}

SIDES = {
    "left": ("to the left of", "left of", "on the left of"),
    "right": ("to the right of", "right of", "on the right of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "beneath"),
}

# Questions that no picture of this world answers; every fifth is held out.
BEYOND = (
    "what is the weather tomorrow",
    "who is the president",
    "what time is it",
    "how old are you",
    "what is your name",
    "what is the price of it",
    "who made this",
    "why is the sky blue",
    "what day is it today",
    "how far is the station",
    "can you sing a song",
    "what did i eat",
    "when was this taken",
    "who is that person",
    "what is she saying",
    "how much does it cost",
    "where was this made",
    "what does the man want",
    "is the woman happy",
    "what is behind the wall",
    "how heavy is it",
    "what is the name of the street",
    "where do you live",
    "play some music",
    "what is the capital of france",
    "how do i get home",
    "what is the meaning of life",
    "who won the game",
    "what is my password",
    "call my mother",
    "what language is this",
    "is it raining outside",
    "how long is the river",
    "what is the temperature",
    "who wrote the letter",
    "is he married",
    "what kind of wood is it",
    "what will happen next",
    "how fast is it going",
    "what is the brand",
)


@cache
def phrasings(skill: str) -> tuple[str, ...]:
    """Every phrasing of a skill, with its slots unfilled."""
    found: list[str] = []
    for template in TEMPLATES[skill]:
        for text in _expand(template):
            if text not in found:
                found.append(text)
    return tuple(found)


def _expand(template: str) -> list[str]:
    choice = re.search(r"\(([^)]*)\)", template)
    if not choice:
        return [" ".join(template.split())]
    before, after = template[: choice.start()], template[choice.end() :]
    return [text for option in choice[1].split("|") for text in _expand(before + option + after)]


def _draw(phrasing: str) -> int:
    return hashlib.sha256(phrasing.encode()).digest()[0]


@cache
def split(skill: str, which: str) -> tuple[str, ...]:
    """The phrasings of a skill for "train", "held-out" or "all".

    About 15 % are held out, at least one a skill, by their spelling, so the choice never moves.
    """
    if which == "all":
        return phrasings(skill)
    kept = {p for p in phrasings(skill) if _draw(p) < 0.15 * 256} or {min(phrasings(skill), key=_draw)}
    return tuple(p for p in phrasings(skill) if (p in kept) == (which == "held-out"))
