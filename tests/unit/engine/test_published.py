"""Step-Audio-TTS-3B whole, in the release's layout with small random networks: a text goes in, sound comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from sviqa_app.checkpoints import pickles
from sviqa_app.checkpoints.campplus import FILE
from sviqa_app.engine.published import COMMON, MUSIC, SPEAKERS, TOKENIZER, PublishedVoice, clone
from sviqa_app.errors import EngineError, ModelError
from sviqa_app.manner import Manner
from sviqa_app.media.audio import write_wav
from sviqa_app.model.config import Step1Config
from sviqa_app.model.decode import Stop
from sviqa_app.model.flow import Flow
from sviqa_app.model.hift import Hift
from sviqa_app.model.step1 import Step1
from sviqa_app.model.voice_tags import parse
from sviqa_app.saying import Clone, list_voices, published
from sviqa_app.turn import Recording
from tests.unit.checkpoints.step_audio_folder import needs, write_campplus, write_tokenizer
from tests.unit.checkpoints.test_cosyvoice import normed, recipe, write
from tests.unit.checkpoints.test_step1 import SIZES, pieces, write_config, write_shards
from tests.unit.model.test_flow import CONFIG as FLOW
from tests.unit.model.test_hift import CONFIG as HIFT

VOCABULARY = 74752
__all__ = ["pieces"]


def vocoder(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    flow = replace(FLOW, vocab_size=5120, token_rate=125 / 3)
    text = recipe(flow, HIFT).replace("vocab_size: 4096", "vocab_size: 5120")
    write(folder, Flow(flow).state_dict(), normed(Hift(HIFT).state_dict()), text)
    write_campplus(folder / FILE)


@pytest.fixture
def folder(tmp_path: Path, pieces: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two folders as they lie side by side after an install."""
    needs("onnxruntime", "funasr", "onnx")
    monkeypatch.setattr(pickles, "_run", pickles.convert)
    write_tokenizer(tmp_path / TOKENIZER)
    folder = tmp_path / "Step-Audio-TTS-3B"
    folder.mkdir()
    write_config(folder, vocab_size=VOCABULARY)
    torch.manual_seed(0)
    sizes = Step1Config(VOCABULARY, SIZES["hidden_size"], SIZES["intermediate_size"], 2, 8, 4)
    write_shards(folder, Step1(sizes).state_dict())
    (folder / "tokenizer.model").write_bytes(pieces)
    for seed, name in enumerate((COMMON, MUSIC)):
        vocoder(folder / name, seed)
    return folder


def recording(seconds: float = 1.5) -> Recording:
    time = np.arange(int(seconds * 16000)) / 16000
    return Recording((np.sin(800 * time) * np.sin(7 * time) / 3).astype(np.float32), 16000)


def after(tokens: int) -> Stop:
    """Stops a voice whose random weights never would."""
    asked = count(1)
    return lambda: next(asked) > tokens


def test_a_text_becomes_sound_as_it_is_written(folder: Path) -> None:
    voice = PublishedVoice.load(folder)
    pieces = list(voice.talk(parse("(fast) The train leaves."), clone(recording(), "the train"), after(40)))
    assert len(pieces) > 1 and voice.sample_rate == 22050
    sound = np.concatenate(pieces)
    assert sound.dtype == np.float32 and np.isfinite(sound).all() and sound.std() > 0
    assert len(sound) / 22050 == pytest.approx(40 * 3 / 125, abs=0.02)
    again = np.concatenate(
        list(voice.talk(parse("(fast) The train leaves."), clone(recording(), "the train"), after(40)))
    )
    np.testing.assert_array_equal(sound, again)


def test_music_goes_to_the_vocoder_of_music(folder: Path) -> None:
    voice, sample = PublishedVoice.load(folder), clone(recording(), "the train")
    list(voice.talk(parse("(RAP) The train leaves."), sample, after(15)))
    assert "singing" in vars(voice) and "common" not in vars(voice)


def test_speakers_that_came_with_the_voice(folder: Path) -> None:
    voice = PublishedVoice.load(folder)
    with pytest.raises(EngineError, match="no recording of Tingting") as refused:
        voice.sample(parse("Hello."), "")
    assert "--clone" in refused.value.next
    (folder / SPEAKERS).mkdir()
    (folder / SPEAKERS / "speakers_info.json").write_text(json.dumps({"Tingting": "the train", "TingtingRAP": 1}))
    write_wav(folder / SPEAKERS / "Tingting_prompt.wav", recording().samples, 16000)
    sample = voice.sample(parse("Hello."), "")
    assert sample.transcript == "the train" and sample.speaker == "Tingting" and sample.recording.seconds > 1
    with pytest.raises(EngineError, match="no recording of Anna"):
        voice.sample(parse("Hello."), "Anna")


def test_the_command_speaks_through_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PublishedVoice, "talk", lambda self, asked, sample: iter([np.zeros(5, np.float32)]))
    speech = published("(whisper) Hello.", Manner(), folder, Clone(recording(), "the train"))
    assert speech.rate == 22050 and len(next(speech.sound)) == 5
    assert "no whisper" in speech.remarks[0]
    with pytest.raises(EngineError, match="nothing to say"):
        published("(fast) ", Manner(), folder, Clone(recording(), "the train"))
    assert "Step-Audio-TTS-3B" in list_voices(str(folder))[0]


def test_a_clone_without_its_words_is_refused() -> None:
    with pytest.raises(ModelError, match="what is said"):
        clone(recording(), "  ")


def test_without_the_tokenizer_s_folder(folder: Path) -> None:
    (folder.parent / TOKENIZER).rename(folder.parent / "elsewhere")
    with pytest.raises(ModelError, match=TOKENIZER):
        list(PublishedVoice.load(folder).talk(parse("Hello."), clone(recording(), "the train"), after(5)))
