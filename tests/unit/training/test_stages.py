"""The whole recipe runs from nothing to a model that answers, and says what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.errors import TrainingError
from sviqa_app.training.stages import Stages
from sviqa_app.turn import AudioChunk, Done, Question

from .test_scenes import needs_emoji

needs_flite = pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")


@needs_emoji
@needs_flite
def test_smoke_preset_makes_a_model_that_answers(tmp_path: Path) -> None:
    lines: list[str] = []
    stages = Stages("smoke", tmp_path, lines.append)
    for name in stages.names():
        stages.run(name)
    engine = EndToEnd.load(tmp_path / "sviqa-tiny")
    conversation = engine.load_picture(Image.new("RGB", (200, 100), "red"))
    events = list(conversation.answer(Question(text="how many dogs are there"), stop=_after(60)))
    assert isinstance(events[-1], Done) or any(isinstance(e, AudioChunk) for e in events)
    assert any("joint 2/2" in line for line in lines)


def _after(checks: int):  # type: ignore[no-untyped-def]
    """A stop that comes after so many tokens: an untrained model never ends by itself."""
    left = iter(range(checks))
    return lambda: next(left, None) is None


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no preset"):
        Stages("huge", tmp_path, print)
    stages = Stages("smoke", tmp_path, print)
    with pytest.raises(TrainingError, match="no stage"):
        stages.run("nonsense")
    with pytest.raises(TrainingError, match="words has not run"):
        stages.student("words")
    with pytest.raises(TrainingError, match="no codebooks"):
        stages.speech_tokenizer()
