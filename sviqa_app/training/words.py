"""What the drawn world is made of: things, colours, places, and the words for them."""

from __future__ import annotations

SHAPES = ("circle", "square", "triangle", "diamond")

# Colour names and their middle RGB; every drawn colour is a jittered copy.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (215, 38, 40),
    "orange": (246, 138, 28),
    "yellow": (246, 220, 48),
    "green": (50, 162, 70),
    "blue": (45, 92, 212),
    "purple": (132, 60, 172),
    "pink": (246, 145, 188),
    "brown": (124, 78, 44),
    "black": (24, 24, 26),
    "white": (246, 246, 246),
    "gray": (136, 136, 138),
}

# Names and code points of the colour emoji that are drawn.
EMOJI: dict[str, str] = {
    "dog": "\U0001f436",
    "cat": "\U0001f431",
    "pig": "\U0001f437",
    "frog": "\U0001f438",
    "lion": "\U0001f981",
    "panda": "\U0001f43c",
    "fox": "\U0001f98a",
    "chicken": "\U0001f414",
    "fish": "\U0001f41f",
    "butterfly": "\U0001f98b",
    "bee": "\U0001f41d",
    "turtle": "\U0001f422",
    "apple": "\U0001f34e",
    "banana": "\U0001f34c",
    "pizza": "\U0001f355",
    "cake": "\U0001f382",
    "cheese": "\U0001f9c0",
    "carrot": "\U0001f955",
    "car": "\U0001f697",
    "bus": "\U0001f68c",
    "bicycle": "\U0001f6b2",
    "airplane": "\u2708",
    "boat": "\u26f5",
    "train": "\U0001f686",
    "ball": "\u26bd",
    "clock": "\u23f0",
    "book": "\U0001f4d5",
    "key": "\U0001f511",
    "cup": "\u2615",
    "hat": "\U0001f3a9",
    "shoe": "\U0001f45f",
    "umbrella": "\u2602",
    "guitar": "\U0001f3b8",
    "phone": "\U0001f4f1",
    "light bulb": "\U0001f4a1",
    "scissors": "\u2702",
    "bell": "\U0001f514",
    "gift": "\U0001f381",
    "crown": "\U0001f451",
    "tree": "\U0001f333",
    "flower": "\U0001f33b",
    "house": "\U0001f3e0",
    "star": "\u2b50",
    "heart": "\u2764",
    "moon": "\U0001f319",
    "sun": "\u2600",
}

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COUNTS = DIGITS[:7]

PLACES = (
    "top left",
    "top center",
    "top right",
    "middle left",
    "center",
    "middle right",
    "bottom left",
    "bottom center",
    "bottom right",
)

# Every kind of thing: a shape (with a colour of its own), an emoji, or a digit ("number seven").
KINDS = (*SHAPES, *EMOJI, *(f"number {d}" for d in DIGITS))
COLOUR_NAMES = tuple(COLOURS)

IRREGULAR = {
    "fish": "fish",
    "bus": "buses",
    "scissors": "scissors",
    "butterfly": "butterflies",
    "key": "keys",
    "cheese": "cheeses",
    "light bulb": "light bulbs",
}


def plural(noun: str) -> str:
    """More than one of them: "dogs", "red circles", "buses"."""
    head, _, last = noun.rpartition(" ")
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    many = IRREGULAR.get(last, last + ("es" if last.endswith(("s", "x", "ch")) else "s"))
    return f"{head} {many}".strip()


def article(noun: str) -> str:
    """With its article: "a dog", "an orange circle", "the number seven", "scissors"."""
    if noun.startswith("number "):
        return f"the {noun}"
    if noun == "scissors":
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
