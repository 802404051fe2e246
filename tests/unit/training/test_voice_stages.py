"""The whole recipe of the voice runs from nothing to a folder that speaks, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sviqa_app.engine.speakable import speakable
from sviqa_app.engine.talker import talk
from sviqa_app.engine.tokenizing import load_tokenizer
from sviqa_app.engine.voices import Voices
from sviqa_app.errors import TrainingError
from sviqa_app.manner import Manner
from sviqa_app.model.config import VoiceConfig
from sviqa_app.training.timbres import SHIPPED
from sviqa_app.training.voice_stages import VOICE_PRESETS, VoiceStages

from .needs import needs_chain, needs_dictionary, needs_flite, needs_world


@needs_flite
@needs_chain
@needs_dictionary
@needs_world
def test_smoke_preset_makes_a_voice_that_speaks(tmp_path: Path) -> None:
    lines: list[str] = []
    stages = VoiceStages("smoke", tmp_path, lines.append)
    for name in stages.names():
        stages.run(name)
    voices = Voices.load(tmp_path / "voice-tiny")
    assert voices.config == VoiceConfig.tiny() and load_tokenizer(voices.folder, voices.config.audio)
    assert voices.speakers.table.isfinite().all() and len(voices.speakers.table.unique(dim=0)) == 4
    voice = voices.speaking(Manner("max", "whisper"))
    stopped = iter(range(9))  # groups: an untrained voice is slow to end
    pieces = list(talk(speakable("red dog").clauses, voices.narrator, voice, stop=lambda: next(stopped, None) is None))
    sound = np.concatenate(pieces)
    assert len(sound) > 2000 and np.isfinite(sound).all()
    for stage in ("narrator 2/2", "flow 2/2", "vocoder 2/2", "export"):
        assert any(line.startswith(stage) for line in lines)
    before = (voices.folder / "vocoder.safetensors").read_bytes()
    for name in ("flow", "vocoder", "export"):
        stages.run(name)
    assert (voices.folder / "vocoder.safetensors").read_bytes() == before


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no preset 'huge'.* Choose one of smoke, tiny, base"):
        VoiceStages("huge", tmp_path, print)
    stages = VoiceStages("smoke", tmp_path, print)
    with pytest.raises(TrainingError, match="no stage 'nonsense'"):
        stages.run("nonsense")
    with pytest.raises(TrainingError, match="no lexicon yet"):
        stages.run("narrator")
    with pytest.raises(TrainingError, match="no codebooks yet"):
        stages.run("casts")
    with pytest.raises(TrainingError, match="flow has not run yet"):
        stages.run("export")


def test_the_speakers_are_the_voices_that_were_recast() -> None:
    assert sorted(VoiceConfig.tiny().speakers) == sorted(SHIPPED)
    assert all(preset.voices > len(SHIPPED) for preset in VOICE_PRESETS.values())
