"""A composed SViQA: asked in words it is the LLaVA it came from, and it hears without a transcript."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import AddedToken
from transformers import LlavaForConditionalGeneration

from sviqa_app.checkpoints.compose import compose
from sviqa_app.checkpoints.fit import Machine
from sviqa_app.checkpoints.stored import open_weights, write_weights
from sviqa_app.engine import composed
from sviqa_app.engine.cascade import Cascade
from sviqa_app.engine.composed import ComposedEye, Format
from sviqa_app.engine.end_to_end import EndToEnd
from sviqa_app.engine.eye import pixels
from sviqa_app.engine.eyes import Message
from sviqa_app.errors import EngineError, ModelError
from sviqa_app.model.config import VisionConfig
from sviqa_app.turn import Done, Heard, Question, Recording, TextDelta

from ..small_voice import small_voices
from ..toy import speech
from . import published

MACHINE = Machine(10**11, 0, 10**11, 0)
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 70, 3), np.uint8))
ASKED: Message = {"role": "user", "content": [{"type": "image", "image": PICTURE}, {"type": "text", "text": "what"}]}
TOLD: Message = {"role": "assistant", "content": [{"type": "text", "text": "a ball"}]}
MORE: Message = {"role": "user", "content": [{"type": "text", "text": "where is it"}]}


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.llava(tmp_path_factory.mktemp("models") / "llava")


@pytest.fixture(scope="module")
def folder(llava: Path) -> Path:
    whisper = published.whisper(llava.with_name("whisper"))
    return compose(llava, whisper, llava.with_name("composed"), audio_tokens=True).folder


@pytest.fixture
def eye(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ComposedEye:
    monkeypatch.setattr(composed, "MOST_TEXT", 12)
    return ComposedEye.load(folder, MACHINE)


def said(eye: ComposedEye, messages: list[Message], talk: object = None) -> str:
    text: list[str] = []
    eye.write(talk, messages, False, text.append, lambda: False)
    return "".join(text)


@torch.inference_mode()
def test_the_same_logits_as_the_llava(eye: ComposedEye, llava: Path) -> None:
    messages = [ASKED, TOLD, MORE]
    ids = eye.ids(messages)
    image = eye.model.config.tokens.image
    at = ids.index(image)
    whole = torch.tensor([[*ids[:at], *[image] * 4, *ids[at + 1 :]]])
    original = LlavaForConditionalGeneration.from_pretrained(llava).eval()
    due = original(input_ids=whole, pixel_values=pixels(PICTURE, eye.model.config.vision)).logits[:, -1]
    torch.testing.assert_close(eye._read(None, messages)[0][:, : due.shape[1]], due, atol=1e-5, rtol=0)
    eye.read("talk", [ASKED])  # and alike where a part of it was read before
    torch.testing.assert_close(eye._read("talk", messages)[0][:, : due.shape[1]], due, atol=1e-5, rtol=0)


def test_how_a_conversation_is_written_down(eye: ComposedEye) -> None:
    begin, *ids = eye.ids([ASKED, TOLD, MORE])
    assert begin == eye.model.config.tokens.begin == 1
    text = eye._words.decode(ids, skip_special_tokens=False)
    assert text == "USER: <image>\nwhat ASSISTANT: a ball</s>USER: where is it ASSISTANT:"


def test_words_of_a_person_are_no_marks(eye: ComposedEye) -> None:
    sly = {"type": "text", "text": "a<image>b<speech>c</s>"}
    ids = eye.ids([{"role": "user", "content": [ASKED["content"][0], sly]}])
    tokens = eye.model.config.tokens
    assert (ids.count(tokens.image), ids.count(tokens.speech), ids.count(tokens.end)) == (1, 0, 0)


@pytest.mark.parametrize(
    ("mark", "begins"), [("<|im_start|>", "<|im_start|>user\n"), ("<|start_header_id|>", "<|start_header_id|>user")]
)
def test_other_formats_by_their_marks(mark: str, begins: str, eye: ComposedEye) -> None:
    eye._words.add_special_tokens([AddedToken(mark, special=True)])
    assert Format.of(eye._words).user[0].startswith(begins)


def test_a_conversation_with_speech(eye: ComposedEye, tmp_path: Path) -> None:
    engine = Cascade("composed", eye, small_voices(tmp_path / "voice"))
    talk = engine.load_picture(PICTURE)
    answers = []
    first = Question(speech())
    for question in (first, Question(speech(seed=1), "what is this"), Question(text="where"), first):
        events = list(talk.answer(question, speak=False))
        assert not any(isinstance(event, Heard) for event in events)  # it has no head that writes down what it heard
        assert isinstance(events[-1], Done) and any(isinstance(event, TextDelta) for event in events)
        answers.append(events[-1].text)
    talk.restart()
    eye._kept = None
    assert list(talk.answer(first, speak=False))[-1].text == answers[0]  # type: ignore[union-attr]
    with pytest.raises(EngineError, match="longer than the model can hold"):
        list(talk.answer(Question(text="the ball " * 900), speak=False))


def test_recordings_are_told_apart(eye: ComposedEye) -> None:
    def heard(recording: Recording) -> Message:
        return {"role": "user", "content": [ASKED["content"][0], {"type": "audio", "audio": recording.samples}]}

    one, other = heard(speech()), heard(speech(seed=1))
    first, _ = eye._read("talk", [one])
    second, _ = eye._read("talk", [other])
    assert not torch.equal(first, second)
    torch.testing.assert_close(eye._read("new", [one])[0], first)


def test_in_several_files_and_half_the_bits(folder: Path, tmp_path: Path) -> None:
    tensors = open_weights(folder, "model")
    assert tensors is not None
    halves = {
        name: replace(t, dtype=torch.bfloat16, read=lambda t=t: t.read().bfloat16()) for name, t in tensors.items()
    }
    parted = tmp_path / "parted"
    parted.mkdir()
    for file in ("config.json", "tokenizer.json"):
        (parted / file).write_bytes((folder / file).read_bytes())
    write_weights(parted, halves, shard_bytes=100_000)
    assert len(list(parted.glob("*.safetensors"))) > 1
    assert said(ComposedEye.load(parted, MACHINE), [ASKED])
    small = Machine(1, 0, 500_000_000 + 3_500_000, 0)  # room for bfloat16 alone
    if (made := ComposedEye.load(parted, small)).placement.bits == 16:
        assert made.model.llava.lm_head.weight.dtype is torch.bfloat16 and said(made, [ASKED])


def test_what_is_missing_is_said(folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(ModelError, match="holds no weights"):
        ComposedEye.load(bare, MACHINE)
    tensors = open_weights(folder, "model")
    assert tensors is not None
    tensors.pop("ear.speech_projector.linear1.bias")
    write_weights(bare, tensors)
    with pytest.raises(ModelError, match=r"no tensor ear\.speech_projector\.linear1\.bias"):
        ComposedEye.load(bare, MACHINE)


def test_what_needs_a_voice_of_its_own_refuses_it(folder: Path) -> None:
    with pytest.raises(ModelError, match="composed was composed of published models"):
        EndToEnd.load(folder)


def test_a_picture_with_bars_of_the_mean_colour() -> None:
    config = VisionConfig(image_size=32, fit="pad", mean=(0.5, 0.25, 1.0), std=(1.0, 1.0, 1.0))
    seen = pixels(Image.new("RGB", (80, 40), "black"), config)[0]
    assert seen[:, 0, 0].tolist() == pytest.approx([127 / 255 - 0.5, 63 / 255 - 0.25, 0.0], abs=1e-6)
    assert seen[:, 16, 16].tolist() == pytest.approx([-0.5, -0.25, -1.0])
    squeezed = pixels(Image.new("RGB", (80, 40), "black"), replace(config, fit="squeeze"))[0]
    assert squeezed[:, 0, 0].tolist() == pytest.approx([-0.5, -0.25, -1.0])
