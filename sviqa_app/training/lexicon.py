"""How the synthesiser says words on their own, looked up many at a time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from ..files import replacing
from .voices import flite_command

AT_ONCE = 60
Lexicon = dict[str, tuple[str, ...]]


def load_lexicon(path: Path, words: Sequence[str], report: Callable[[str], None]) -> Lexicon:
    """The sounds of the words, from `path` where it was made before. Raises TrainingError, OutputError."""
    if path.exists():
        return {word: tuple(sounds.split()) for word, sounds in json.loads(path.read_text()).items()}
    lexicon: Lexicon = {}
    for first in range(0, len(words), AT_ONCE):
        lexicon |= looked_up(list(words[first : first + AT_ONCE]))
        if first // AT_ONCE % 200 == 0:
            report(f"lexicon {len(lexicon)} words")
    with replacing(path) as part:
        part.write_text(json.dumps({word: " ".join(sounds) for word, sounds in lexicon.items()}))
    return lexicon


def looked_up(words: list[str]) -> Lexicon:
    """The sounds of a few words; one that is said as several words, or not at all, is left out."""
    said = _said("; ".join(words))
    if len(said) != len(words):
        return {} if len(words) == 1 else looked_up(words[: len(words) // 2]) | looked_up(words[len(words) // 2 :])
    return dict(zip(words, said, strict=True))


def _said(text: str) -> list[tuple[str, ...]]:
    """Sounds between pauses."""
    command = [flite_command(), "-voice", "kal16", "-ps", "-t", text + ".", "none"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    parts = f" {ran.stdout.strip()} ".split(" pau ")
    return [tuple(part.split()) for part in parts if part.strip()]
