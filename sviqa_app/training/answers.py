"""Every answer of the drawn world, and how the training voice says it, worked out once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch

from ..engine.wording import sentence
from ..model.speech_tokenizer import SpeechTokenizer
from ..turn import Samples
from .questions import CANNOT_TELL, ask
from .sayings import said
from .scenes import sample_scene
from .words import COLOUR_NAMES, COUNTS, DIGITS, KINDS, PLACES, SHAPES, article, plural

FIXED = (CANNOT_TELL, "i heard nothing", "nothing", "no", "yes", "the same", "bright", "dark")


@cache
def answers(asked: int, seed: int = 0) -> tuple[str, ...]:
    """The distinct answers of `asked` random questions, the commonest first, after every name and fixed phrase."""
    found: dict[str, int] = {}
    for i in range(asked // 10):
        rng = np.random.default_rng((seed, i, 29))
        scene = sample_scene(rng)
        for _ in range(10):
            answer = ask(scene, rng).answer
            found[answer] = found.get(answer, 0) + 1
    names = [f"{c} {s}" for c in COLOUR_NAMES for s in SHAPES] + list(KINDS)
    always = [*FIXED, *COUNTS, *DIGITS, *PLACES, *COLOUR_NAMES]
    always += [f"yes , {p}" for p in (*PLACES, *COUNTS[2:])]
    always += [text for name in names for text in (article(name), f"the {name}", plural(name))]
    common = sorted(found, key=lambda text: (-found[text], text))
    return tuple(dict.fromkeys([*always, *common]))


class Codes:
    """The audio tokens of each answer in the training voice; its sound is kept in `folder` as it is first asked for."""

    def __init__(self, tokenizer: SpeechTokenizer, folder: Path) -> None:
        self.tokenizer = tokenizer
        self.folder = folder / "said"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ids: dict[str, list[int]] = {}

    def samples(self, text: str) -> Samples:
        """[n] float32 at 16 kHz."""
        path = self.folder / f"{text.replace(' ', '_')[:200]}.npy"
        if not path.exists():
            fresh = path.with_suffix(".part.npy")
            np.save(fresh, said(sentence(text)).astype(np.float16))
            fresh.replace(path)
        return np.asarray(np.load(path), np.float32)

    def __call__(self, text: str) -> list[int]:
        """Vocoder ids of the answer `text`, in whole groups."""
        if text not in self._ids:
            self._ids[text] = self.tokenizer(torch.from_numpy(self.samples(text)))
        return self._ids[text]
