"""The whole recipe runs from nothing to a model that answers, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.tokenizing import save_tokenizer
from sviqa_app.errors import ModelError, TrainingError
from sviqa_app.model.config import VoiceConfig
from sviqa_app.training.stages import Stages
from sviqa_app.turn import AudioChunk, Done, Question
from tests.unit.small_voice import write_voice

from .conftest import random_tokenizer
from .needs import needs_flite
from .test_scenes import needs_emoji


def voice(folder: Path) -> Path:
    """A voice that has learned nothing, of the sizes of the one that ships."""
    config = VoiceConfig.tiny()
    save_tokenizer(write_voice(folder / config.name, config), random_tokenizer(config.audio))
    return folder / config.name


@needs_emoji
@needs_flite
def test_smoke_preset_makes_a_model_that_answers(tmp_path: Path) -> None:
    lines: list[str] = []
    stages = Stages("smoke", tmp_path, lines.append, voice(tmp_path))
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
        Stages("huge", tmp_path, print, tmp_path)
    stages = Stages("smoke", tmp_path, print, tmp_path)
    with pytest.raises(TrainingError, match="no stage"):
        stages.run("nonsense")
    with pytest.raises(TrainingError, match="words has not run"):
        stages.student("words")
    with pytest.raises(ModelError, match="holds no codebooks"):
        stages.codes()
