"""What the small voice learns to say: everyday sentences, answers, lists, and text from a chain of English words."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

from ..errors import TrainingError
from .questions import ask
from .sayings import EVERYDAY
from .scenes import sample_scene

SHARES = {"chain": 0.62, "talk": 0.2, "answer": 0.1, "words": 0.08}
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
LONGEST = 13  # words of a script

# Frames of everyday talk; each slot takes words of the chain.
TALK = (
    "i think the {0} is {1}",
    "please open the {0} and tell me about {1}",
    "do you know where my {0} is",
    "could you put the {0} next to the {1}",
    "he said that he would {0} it tomorrow",
    "she doesn't want any {0} today",
    "what's the difference between {0} and {1}",
    "we'll meet you at the {0} in ten minutes",
    "it's {0}, but i don't like it",
    "you can't {0} that without {1}",
    "they've been here since {0}",
    "how much does the {0} cost",
    "why is there a {0} on your {1}",
    "turn left, then walk past the {0}",
    "i'm sorry, i didn't hear the {0}",
    "there are {0} people in the {1}",
    "let's go to {0} and see the {1}",
    "my {0} would have been {1}",
    "if it rains, take the {0} with you",
    "this is the {0} that i told you about",
    "nobody {0} me about the {1}",
    "her mother's {0} looks very {1}",
    "yes, you should {0} it now",
    "no, i haven't seen {0} for years",
)
COUNTING = (  # noqa: SIM905
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million point percent "
    "dollars january february march april may june july august september october november december first second "
    "third monday tuesday wednesday thursday friday saturday sunday a b c d e f g h i j k l m n o p q r s t u v w x y z"
).split()


@cache
def chain() -> dict[str, list[str]]:
    """Word pairs and what follows them (the package essential_generators). Raises TrainingError without it."""
    try:
        import essential_generators
    except ImportError as error:
        raise TrainingError("There is no English word chain.", "Run: pip install 'sviqa[train-voice]'.") from error
    path = Path(str(essential_generators.__file__)).parent / "markov_textgen.json"
    grams = json.loads(path.read_text(encoding="utf-8"))
    return {pair: entry["transitions"] for pair, entry in grams.items()}


@cache
def _pairs() -> list[str]:
    return list(chain())


def chain_words() -> list[str]:
    """The chain's plain words in small letters, each once, sorted."""
    return sorted({word.lower() for pair in chain() for word in pair.split() if WORD.fullmatch(word)})


def dictionary_words() -> list[str]:
    """The words of the pronouncing dictionary that comes with pocketsphinx. Raises TrainingError without it."""
    try:
        import pocketsphinx
    except ImportError as error:
        raise TrainingError("There is no word list.", "Run: pip install 'sviqa[train-voice]'.") from error
    path = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    words = {line.split()[0].split("(")[0] for line in path.read_text().splitlines()}
    return sorted(word for word in words if WORD.fullmatch(word))


def script(number: int, seed: int = 0) -> str:
    """Script `number`: words in small letters with `,` inside and `.` or `?` at the end."""
    rng = np.random.default_rng((seed, number, 31))
    kind = rng.choice(list(SHARES), p=list(SHARES.values()))
    if kind == "chain":
        text = _from_chain(rng, int(rng.integers(3, LONGEST + 1)))
    elif kind == "talk":
        text = str(rng.choice(TALK)).format(*(_from_chain(rng, int(rng.integers(1, 3))) for _ in range(2)))
    elif kind == "words":
        text = " ".join(rng.choice(COUNTING, int(rng.integers(1, 9))))
    else:
        text = str(rng.choice(EVERYDAY)) if rng.random() < 0.2 else ask(sample_scene(rng), rng, "all").answer
    words = [w for w in re.split(r"\s+", text.lower()) if WORD.fullmatch(w.rstrip(","))]
    return " ".join(words).rstrip(",") + ("?" if rng.random() < 0.12 else ".") if words else "yes."


def _from_chain(rng: Generator, count: int) -> str:
    """So many plain words of the chain, walked from a random pair, with its commas."""
    grams, pairs = chain(), _pairs()
    pair = pairs[rng.integers(len(pairs))]
    words: list[str] = []
    while len(words) < count:
        following = grams.get(pair)
        if not following or rng.random() < 0.02:
            pair = pairs[rng.integers(len(pairs))]
            continue
        word = following[rng.integers(len(following))]
        pair = f"{pair.split()[-1]} {word}"
        found = WORD.search(word)
        if found and found[0] == word.strip(",.;:?!()\"'"):
            words.append(found[0] + ("," if word[-1] in ",;:" else ""))
    return " ".join(words).rstrip(",")
