"""Models that hear, and some that speak: the recording goes in as it is, and their own sound comes out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from sviqa_app.checkpoints.fit import Machine
from sviqa_app.engine import eyes, omni
from sviqa_app.engine.cascade import Cascade
from sviqa_app.engine.omni import LoraOmni, Omni, SpeakingOmni
from sviqa_app.engine.placing import has
from sviqa_app.engine.pretrained import load_model
from sviqa_app.errors import EngineError, ModelError
from sviqa_app.turn import AudioChunk, Done, Heard, Question, Recording, TextDelta

from ..small_voice import small_voices
from ..toy import silence, speech
from . import published

MACHINE = Machine(10**11, 0, 10**11, 0)
RED, BLUE = (Image.new("RGB", (70, 40), colour) for colour in ("red", "blue"))


@pytest.fixture(scope="module", params=["qwen2_5_omni", "qwen3_omni"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cascade:
    """A model whose answers are short."""
    folder = tmp_path_factory.mktemp("models")
    eye = SpeakingOmni.load(getattr(published, request.param)(folder / "qwen"), MACHINE)
    eye.model.generate = partial(eye.model.generate, talker_max_new_tokens=20)
    return Cascade("qwen", eye, small_voices(folder / "voice"))


def lacking(package: str) -> pytest.MarkDecorator:
    """Skips what takes a package that is not installed."""
    return pytest.mark.skipif(not has(package), reason=f"it takes {package}")


def thinking(folder: Path) -> Path:
    """Qwen3-Omni without a speaker."""
    return published.qwen3_omni(folder, speaks=False)


HEARING = [
    pytest.param((SpeakingOmni, thinking), id="qwen3_omni_thinking"),
    pytest.param((Omni, published.gemma4), id="gemma4"),
    pytest.param((Omni, published.gemma4_unified), id="gemma4_unified", marks=lacking("torchvision")),
    pytest.param((Omni, published.gemma3n), id="gemma3n", marks=lacking("timm")),
    pytest.param((LoraOmni, published.phi4), id="phi4", marks=lacking("torchvision")),
]


@pytest.fixture(scope="module", params=HEARING)
def mute(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cascade:
    """A model that hears and does not speak."""
    kind, write = request.param
    folder = tmp_path_factory.mktemp("models")
    return Cascade("mute", kind.load(write(folder / "mute"), MACHINE), small_voices(folder / "voice"))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyes, "MOST_TEXT", 8)
    monkeypatch.setattr(omni, "MOST_TEXT", 8)


@pytest.mark.parametrize("question", [Question(speech()), Question(speech(), "what is this"), Question(text="what")])
def test_it_hears_and_speaks_itself(question: Question, engine: Cascade) -> None:
    talk = engine.load_picture(RED)
    assert engine.sample_rate == 24_000
    for _ in range(2):
        events = list(talk.answer(question))
        assert not any(isinstance(event, Heard) for event in events)  # there is no transcript
        assert any(isinstance(event, TextDelta) for event in events)
        (sound,) = [event for event in events if isinstance(event, AudioChunk)]
        assert len(sound.samples) > 1000 and sound.rate == 24_000
        assert isinstance(events[-1], Done) and events[-1].text


def test_in_words_alone_turn_after_turn(engine: Cascade) -> None:
    talk = engine.load_picture(RED)
    for question in (Question(speech()), Question(text="what is this")):
        events = list(talk.answer(question, speak=False))
        assert not any(isinstance(event, AudioChunk) for event in events) and isinstance(events[-1], Done)


@pytest.mark.parametrize("question", [Question(speech()), Question(speech(), "what is this"), Question(text="what")])
def test_it_hears_and_leaves_the_speaking_to_our_voice(question: Question, mute: Cascade) -> None:
    talk = mute.load_picture(RED)
    for _ in range(2):
        events = list(talk.answer(question))
        assert not any(isinstance(event, Heard) for event in events)
        assert any(isinstance(event, TextDelta) for event in events)
        assert {event.rate for event in events if isinstance(event, AudioChunk)} <= {mute.voices.sample_rate}
        assert isinstance(events[-1], Done) and events[-1].text


@pytest.mark.parametrize("polls", [0, 2, 30])
def test_stopped_while_it_writes_or_speaks(polls: int, engine: Cascade) -> None:
    asked = iter(range(polls))
    talk = engine.load_picture(RED)
    *_, done = talk.answer(Question(text="what"), stop=lambda: next(asked, None) is None)
    assert isinstance(done, Done) and done.cancelled


def logits(engine: Cascade, picture: Image.Image, *recordings: Recording) -> torch.Tensor:
    """What comes first of an answer to so many spoken questions."""
    messages: list[dict[str, Any]] = []
    for recording in recordings:
        messages.append({"role": "user", "content": [{"type": "audio", "audio": recording.samples}]})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": "a ball"}]})
    messages[0]["content"].insert(0, {"type": "image", "image": picture})
    eye = engine.eye
    assert isinstance(eye, Omni)
    with torch.inference_mode():
        first: torch.Tensor = eye._writer(**eye._prepared(messages[:-1])).logits[0, -1]
    return first


def check_that_all_is_seen_and_heard(engine: Cascade) -> None:
    one, two = speech(), replace(speech(), samples=speech().samples[::-1].copy())
    answer = logits(engine, RED, one, one)
    assert torch.equal(answer, logits(engine, RED, one, one))
    for other in ((BLUE, one, one), (RED, two, one), (RED, one, two)):
        assert not torch.equal(answer, logits(engine, *other))


def test_the_picture_and_every_recording_count(engine: Cascade) -> None:
    check_that_all_is_seen_and_heard(engine)


def test_the_picture_and_every_recording_count_where_our_voice_speaks(mute: Cascade) -> None:
    check_that_all_is_seen_and_heard(mute)


@pytest.mark.parametrize("polls", [0, 2, 5])
def test_stopped_while_our_voice_speaks_for_it(polls: int, mute: Cascade) -> None:
    test_stopped_while_it_writes_or_speaks(polls, mute)


def test_what_fails_in_it_is_one_line(engine: Cascade, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ValueError("bad\nvery bad")

    eye = engine.eye
    assert isinstance(eye, Omni)
    monkeypatch.setattr(eye.model, "generate", fail)
    with pytest.raises(EngineError, match=r"^The model failed \(ValueError: bad\)\. Choose another model\.$"):
        list(engine.load_picture(RED).answer(Question(speech())))


def test_silence_is_answered_in_our_voice_at_the_rate_of_theirs(engine: Cascade) -> None:
    sounds: list[AudioChunk] = []
    for event in engine.load_picture(RED).answer(Question(silence()), stop=lambda: bool(sounds)):
        if isinstance(event, AudioChunk):
            sounds.append(event)
    assert sounds[0].rate == 24_000


def test_speakers_that_are_more_than_numbers_are_refused(tmp_path: Path) -> None:
    folder = published.qwen2_5_omni(tmp_path / "qwen")
    (folder / "spk_dict.pt").write_bytes(b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(ModelError, match=r"spk_dict\.pt"):
        SpeakingOmni.load(folder, MACHINE)


def test_a_lora_beside_the_weights_is_added_to_them(tmp_path: Path) -> None:
    folder = published.phi4(tmp_path / "phi")
    with_it = load_model(folder, LoraOmni._auto(), MACHINE)[0].state_dict()
    lora = load_file(folder / "vision-lora" / "adapter_model.safetensors")
    (folder / "vision-lora").rename(tmp_path / "elsewhere")
    without = load_model(folder, LoraOmni._auto(), MACHINE)[0].state_dict()
    (changed,) = [name for name, tensor in without.items() if not torch.equal(tensor, with_it[name])]
    assert changed == "model.layers.1.mlp.down_proj.weight"
    down, up = (lora[f"base_model.model.{changed[:-7]}.lora_{half}.weight"] for half in "AB")
    torch.testing.assert_close(with_it[changed], without[changed] + 8 / 4 * up @ down)
