"""How a voice says the words whose letters mislead its writer: a file of its folder, `{"police": "p ax l iy s"}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..checkpoints.native import read_json
from ..errors import ModelError
from ..files import replacing
from ..model.narration import FIRST_SOUND, SOUNDS, WORD_BEGINS, word_sounds

PRONUNCIATIONS = "pronunciations.json"


def load_pronunciations(folder: Path) -> dict[str, tuple[int, ...]]:
    """Words and the ids of their sounds. Raises ModelError where the file is missing or says something else."""
    values = read_json(folder / PRONUNCIATIONS)
    try:
        return {word: word_sounds(sounds.split()) for word, sounds in values.items()}
    except (AttributeError, KeyError) as error:
        raise ModelError(f"{folder / PRONUNCIATIONS} does not say how words are said.", "Get it again.") from error


def save_pronunciations(folder: Path, words: Mapping[str, tuple[int, ...]]) -> None:
    """Write words and the ids of their sounds. Raises OutputError."""
    said = {word: " ".join(SOUNDS[(i - FIRST_SOUND) % WORD_BEGINS] for i in ids) for word, ids in words.items()}
    with replacing(folder / PRONUNCIATIONS) as temp:
        temp.write_text(json.dumps(said, indent=0) + "\n", encoding="utf-8")
