"""Questions about a scene and their answers, for every skill, with balance and hard negatives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator

from .phrasings import BEYOND, SIDES, split
from .scenes import Scene, Thing
from .words import COLOUR_NAMES, COUNTS, DIGITS, EMOJI, PLACES, SHAPES, article, plural

SKILLS = (
    "exists",
    "count",
    "color",
    "at",
    "where",
    "beside",
    "compare",
    "read",
    "light",
    "describe",
    "beyond",
)
CANNOT_TELL = "i cannot tell"


@dataclass(frozen=True)
class Asked:
    """A question and its right answer, in lower case. `skill` as in SKILLS; cannot-tell answers keep their skill."""

    skill: str
    text: str
    answer: str

    @property
    def cannot_tell(self) -> bool:
        """Whether the right answer is that it cannot be told."""
        return self.answer == CANNOT_TELL


def ask(scene: Scene, rng: Generator, which: str = "train", skill: str | None = None) -> Asked:
    """One question about the scene, in a phrasing of the split `which` ("train", "held-out" or "all")."""
    if skill is None:  # mostly questions that have an answer
        while True:
            asked = ask(scene, rng, which, SKILLS[rng.choice(len(SKILLS), p=_SHARES)])
            if not asked.cannot_tell or asked.skill == "beyond" or scene.setting != "scene" or rng.random() < 0.2:
                return asked
    chosen = skill
    if chosen == "beyond":
        pool = [q for i, q in enumerate(BEYOND) if which == "all" or (i % 5 == 0) == (which == "held-out")]
        return Asked(chosen, str(rng.choice(pool)), CANNOT_TELL)
    phrasing = str(rng.choice(split(chosen, which)))
    text, answer = _MAKERS[chosen](scene, phrasing, rng)
    return Asked(chosen, " ".join(text.split()), answer if scene.setting == "scene" else CANNOT_TELL)


_SHARES = (0.14, 0.13, 0.1, 0.1, 0.11, 0.11, 0.11, 0.06, 0.06, 0.06, 0.02)


def _random_name(rng: Generator) -> str:
    draw = rng.random()
    if draw < 0.1:
        return str(rng.choice(SHAPES))
    if draw < 0.4:
        return f"{rng.choice(COLOUR_NAMES)} {rng.choice(SHAPES)}"
    if draw < 0.45:
        return f"number {rng.choice(DIGITS)}"
    return list(EMOJI)[rng.integers(len(EMOJI))]


def matching(scene: Scene, name: str) -> list[Thing]:
    """The things a name fits: "circle" fits every circle, "red circle" the red ones."""
    return [t for t in scene.things if name in (t.name, t.kind)]


def _present(scene: Scene, rng: Generator) -> str:
    if not scene.things:
        return _random_name(rng)
    thing = scene.things[rng.integers(len(scene.things))]
    return thing.kind if thing.colour and rng.random() < 0.4 else thing.name


def _absent(scene: Scene, rng: Generator) -> str:
    """A name nothing in the scene fits; often the right shape in another colour."""
    while True:
        name = _random_name(rng)
        shapes = [t for t in scene.things if t.colour]
        if shapes and rng.random() < 0.35:
            shape = shapes[rng.integers(len(shapes))]
            other = rng.choice(COLOUR_NAMES), rng.choice(SHAPES)
            name = f"{other[0]} {shape.kind}" if rng.random() < 0.6 else f"{shape.colour} {other[1]}"
        if not matching(scene, name):
            return name


def _unique(scene: Scene, rng: Generator) -> str | None:
    names = {t.name for t in scene.things} | {t.kind for t in scene.things}
    alone = sorted(n for n in names if len(matching(scene, n)) == 1)
    return str(rng.choice(alone)) if alone else None


def _fill(phrasing: str, name: str, other: str = "", side: str = "", place: str = "") -> str:
    return phrasing.format(
        x=article(name), the=f"the {name}", xs=plural(name), ys=plural(other) if other else "",
        the_y=f"the {other}", side=side, place=place,
    )  # fmt: skip


def _exists(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    name = _present(scene, rng) if rng.random() < 0.5 else _absent(scene, rng)
    there = matching(scene, name)
    if not there:
        return _fill(phrasing, name), "no"
    more = there[0].place_name if len(there) == 1 else COUNTS[len(there)]
    return _fill(phrasing, name), f"yes , {more}"


def _count(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    draw = rng.random()
    if draw < 0.15:
        return phrasing.replace("{xs}", "things"), COUNTS[len(scene.things)]
    if draw < 0.35:
        name = _absent(scene, rng)
    else:
        name = _present(scene, rng)
        often = [n for n, k in Counter(n for t in scene.things for n in (t.name, t.kind)).items() if k > 1]
        if often and rng.random() < 0.6:
            name = str(rng.choice(sorted(set(often))))
    return _fill(phrasing, name), COUNTS[len(matching(scene, name))]


def _color(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    alone = sorted(k for k in SHAPES if len(matching(scene, k)) == 1)
    if alone and rng.random() < 0.88:
        kind = str(rng.choice(alone))
        return phrasing.format(x=kind), str(matching(scene, kind)[0].colour)
    absent = [k for k in SHAPES if not matching(scene, k)]
    if not absent:
        return phrasing.format(x="background"), scene.background
    return phrasing.format(x=rng.choice(absent)), CANNOT_TELL


def _at(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    thing = scene.things[rng.integers(len(scene.things))] if scene.things and rng.random() < 0.8 else None
    place = thing.place if thing else int(rng.integers(9))
    there = [t for t in scene.things if t.place == place]
    return _fill(phrasing, "dog", place=PLACES[place]), article(there[0].name) if there else "nothing"


def _where(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    if rng.random() < 0.1:
        return _fill(phrasing, _absent(scene, rng)), CANNOT_TELL
    name = _unique(scene, rng) if rng.random() < 0.85 else _present(scene, rng)
    name = name or _present(scene, rng)
    there = matching(scene, name)
    return _fill(phrasing, name), _joined([t.place_name for t in there]) if there else CANNOT_TELL


def neighbour(scene: Scene, thing: Thing, side: str) -> Thing | None:
    """The nearest thing in the same row (left, right) or column (above, below)."""
    row, column = divmod(thing.place, 3)
    step = {"left": (0, -1), "right": (0, 1), "above": (-1, 0), "below": (1, 0)}[side]
    places = {t.place: t for t in scene.things}
    for k in (1, 2):
        r, c = row + k * step[0], column + k * step[1]
        if 0 <= r < 3 and 0 <= c < 3 and r * 3 + c in places:
            return places[r * 3 + c]
    return None


def _beside(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    side = list(SIDES)[rng.integers(4)]
    words = str(rng.choice(SIDES[side]))
    name = _unique(scene, rng)
    if name is None or rng.random() < 0.1:
        return _fill(phrasing, _absent(scene, rng), side=words), CANNOT_TELL
    for _ in range(6):  # prefer a direction in which there is something
        found = neighbour(scene, matching(scene, name)[0], side)
        if found or rng.random() < 0.12:
            break
        side, name = list(SIDES)[rng.integers(4)], _unique(scene, rng) or name
        words = str(rng.choice(SIDES[side]))
        found = neighbour(scene, matching(scene, name)[0], side)
    return _fill(phrasing, name, side=words), article(found.name) if found else "nothing"


def _compare(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    if "{xs}" in phrasing:
        one = _present(scene, rng)
        two = _present(scene, rng) if rng.random() < 0.7 else _absent(scene, rng)
        if one == two or (one in two or two in one):
            two = _absent(scene, rng)
        if rng.random() < 0.5:
            one, two = two, one
        more = len(matching(scene, one)) - len(matching(scene, two))
        return _fill(phrasing, one, two), "the same" if more == 0 else plural(one if more > 0 else two)
    alone = [t for t in scene.things if len(matching(scene, t.name)) == 1]
    pairs = [(a, b) for a in alone for b in alone if max(a.size / b.size, b.size / a.size) > 1.2]
    if not pairs or rng.random() < 0.1:
        one, two = _present(scene, rng), _absent(scene, rng)
        if rng.random() < 0.5:
            one, two = two, one
        return _fill(phrasing, one, two), CANNOT_TELL
    a, b = pairs[rng.integers(len(pairs))]
    bigger = a if a.size > b.size else b
    text = _fill(phrasing, a.name, b.name)
    if phrasing.startswith("is "):
        return text, "yes" if (bigger is a) != ("smaller" in phrasing) else "no"
    return text, f"the {bigger.name}"


def _read(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    numbers = [t.kind.removeprefix("number ") for t in scene.things if t.kind.startswith("number ")]
    return phrasing, _joined(numbers) if numbers else CANNOT_TELL


def _light(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    if "background" in phrasing and "dark" not in phrasing:
        return phrasing, scene.background
    if scene.bright is None:
        return "what color is the background", scene.background
    return phrasing, "bright" if scene.bright else "dark"


def _describe(scene: Scene, phrasing: str, rng: Generator) -> tuple[str, str]:
    counts = Counter(t.name for t in scene.things)
    parts = [article(n) if k == 1 else f"{COUNTS[k]} {plural(n)}" for n, k in counts.items()]
    return phrasing, _joined(parts) if parts else "nothing"


def _joined(parts: list[str]) -> str:
    """ "a , b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{' , '.join(parts[:-1])} and {parts[-1]}"


_MAKERS: dict[str, Callable[[Scene, str, Generator], tuple[str, str]]] = {
    "exists": _exists,
    "count": _count,
    "color": _color,
    "at": _at,
    "where": _where,
    "beside": _beside,
    "compare": _compare,
    "read": _read,
    "light": _light,
    "describe": _describe,
}
