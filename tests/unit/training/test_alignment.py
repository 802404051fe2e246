"""Alignment: the projector of a composed model learns to hear, and nothing else changes."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from typer.testing import CliRunner

from sviqa_app.checkpoints import stored
from sviqa_app.checkpoints.compose import compose
from sviqa_app.checkpoints.fit import this_machine
from sviqa_app.checkpoints.stored import INDEX, open_weights
from sviqa_app.engine.composed import ComposedEye
from sviqa_app.errors import ModelError, OutputError, TrainingError
from sviqa_app.media.audio import load_recording, write_wav
from sviqa_app.media.image import load_picture
from sviqa_app.training import alignment
from sviqa_app.training.alignment import FILE, Lesson, Lessons, align
from sviqa_app.verbs.training import train

from ..engine import published
from ..toy import silence, speech

ANSWERS = ("a red ball", "what is this", "on the table", "a ball")
PROJECTOR = "ear.speech_projector."


def louden(folder: Path, times: float, part: str) -> None:
    weights = load_file(folder / "model.safetensors")
    louder = {name: times * t if part in name and t.ndim > 1 else t for name, t in weights.items()}
    save_file(louder, folder / "model.safetensors", {"format": "pt"})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    llava, whisper = published.llava(place / "llava"), published.whisper(place / "whisper")
    louden(llava, 8, "language_model")  # drawn as they are, no picture and no sound would change what they say
    louden(whisper, 20, "encoder.conv")
    return compose(llava, whisper, place / "composed", audio_tokens=True).folder


@pytest.fixture
def model(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "composed")
    return tmp_path / "composed"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four recordings, two of them about a picture, in a list that comes with a spreadsheet's marks."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(len(ANSWERS)):
        sound = speech(seed=number)
        write_wav(folder / f"{number}.wav", sound.samples, sound.rate)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 70, 3), np.uint8)).save(folder / "cat.png")
    lines = [f"{n}.wav,{'cat.png' if n % 2 else ''},{answer}" for n, answer in enumerate(ANSWERS)]
    (folder / "list.csv").write_text("\n".join(["Recording,Picture,Answer", *lines]), "utf-8-sig")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "PLAN", replace(alignment.PLAN, rate=3e-3))


def tensors(folder: Path) -> dict[str, Tensor]:
    return {name: tensor.read() for name, tensor in (open_weights(folder, "model") or {}).items()}


def learned(model: Path, data: Path, steps: int, out: Path) -> dict[str, Tensor]:
    """The projector after so many steps."""
    align(str(model), data, steps, out, lambda line: None)
    return {name: tensor for name, tensor in tensors(model).items() if name.startswith(PROJECTOR)}


def answers(model: Path, data: Path) -> list[str]:
    """What the engine's model says to each recording."""
    eye = ComposedEye.load(model, this_machine())
    heard = []
    for number in range(len(ANSWERS)):
        picture = [{"type": "image", "image": load_picture(data / "cat.png")}] if number % 2 else []
        sound = {"type": "audio", "audio": load_recording(data / f"{number}.wav").samples}
        said: list[str] = []
        eye.write(None, [{"role": "user", "content": [*picture, sound]}], False, said.append, lambda: False)
        heard.append("".join(said).strip())
    return heard


def test_the_loss_falls_the_model_answers_and_all_else_stays(model: Path, data: Path, tmp_path: Path) -> None:
    before = tensors(model)
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    told: list[str] = []
    line = align(str(model), data, 150, tmp_path / "run", told.append)
    assert re.search(r"learned from 4 rows in 150 steps, this time \d+ seconds: a token's loss went from", line)
    first, last = (float(word) for word in line.rstrip(".").split("from ")[-1].split(" to "))
    assert last < first / 2
    assert any("150/150 answer" in line for line in told)
    assert answers(model, data) == list(ANSWERS)
    after = tensors(model)
    assert set(after) == set(before)
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]) is not name.startswith(PROJECTOR), name
    assert {name: (model / name).read_bytes() for name in files} == files
    assert sorted(set(path.name for path in model.iterdir()) - set(files)) == [FILE, INDEX]


def test_resumed_equals_uninterrupted_and_a_second_time_nothing_is_learned_again(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = learned(model, data, 6, tmp_path / "whole")
    again = learned(model, data, 6, tmp_path / "whole")
    back_to_fresh(model)
    monkeypatch.setattr(alignment, "PLAN", replace(alignment.PLAN, save_every=0))
    make, steps = Lessons.batch, []

    def stopped(self: Lessons, step: int) -> list[Lesson]:
        steps.append(step)
        if len(steps) == 5:
            raise KeyboardInterrupt
        return make(self, step)

    monkeypatch.setattr(Lessons, "batch", stopped)
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        align(str(model), data, 6, tmp_path / "run", told.append)
    assert told == ["Stopped. The same command goes on; a minute is lost at most."] and not (model / FILE).exists()
    resumed = learned(model, data, 6, tmp_path / "run")
    assert steps == [0, 0, 1, 2, 3, 0, 3, 4, 5]  # the first rows are looked at before
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) and torch.equal(whole[name], again[name]) for name in whole)


def back_to_fresh(model: Path) -> None:
    for name in (FILE, INDEX):
        (model / name).unlink()


def test_aligned_again_it_begins_where_it_was(model: Path, data: Path, tmp_path: Path) -> None:
    lines = [align(str(model), data, 20, tmp_path / out, lambda line: None) for out in ("one", "two")]
    ends = [line.rstrip(".").split("from ")[-1].split(" to ") for line in lines]
    assert ends[0][1] == ends[1][0]


def test_other_rows_are_another_run(model: Path, data: Path, tmp_path: Path) -> None:
    learned(model, data, 2, tmp_path / "run")
    lines = (data / "list.csv").read_text("utf-8-sig").splitlines()
    (data / "list.csv").write_text("\n".join(lines[:-1]))
    told: list[str] = []
    align(str(model), data, 2, tmp_path / "run", told.append)
    assert "2/2" in told[-1] and len(list((tmp_path / "run").glob("align-*.state"))) == 2


def test_a_bad_row_costs_one_row_and_is_told_once(model: Path, data: Path, tmp_path: Path) -> None:
    (data / "noise.wav").write_bytes(b"RIFFnothing at all")
    quiet = silence()
    write_wav(data / "quiet.wav", quiet.samples, quiet.rate)
    rows = [
        {"audio": "noise.wav", "answer": "x"},
        {"audio": "quiet.wav", "answer": "x"},
        {"audio": "0.wav", "answer": "ball " * 900},
        {"audio": "0.wav", "image": "noise.wav", "answer": "x"},
        {"audio": "gone.wav", "answer": "x"},
        {"audio": "0.wav"},
        {"answer": "x"},
        {"audio": "0.wav", "answer": ["a ball", "a red ball", "a ball"], "question": "what is it"},
    ]
    (data / "list.csv").unlink()
    (data / "list.jsonl").write_text("\n".join([*map(json.dumps, rows), "{", '{"audio": "\\ud800", "answer": "x"}']))
    told: list[str] = []
    line = align(str(model), data, 3, tmp_path / "run", told.append)
    assert "from 5 rows" in line
    assert told[:5] == [
        f"line 5: there is no file {data}/gone.wav.",
        "line 6: it has no answer.",
        "line 7: it names no recording.",
        "line 9: it cannot be read.",
        "line 10: it holds letters that are no text.",
    ]
    opened = sorted(line for line in told[5:] if line.startswith("line"))
    assert [line.split(":")[0] for line in opened] == ["line 1", "line 2", "line 3", "line 4"]
    assert f"Nobody speaks in {data}/quiet.wav." in opened[1] and "longer than the model" in opened[2]


def test_where_no_row_can_be_opened(model: Path, data: Path, tmp_path: Path) -> None:
    for number in range(len(ANSWERS)):
        (data / f"{number}.wav").write_bytes(b"")
    with pytest.raises(TrainingError, match="None of the rows"):
        align(str(model), data, 3, tmp_path / "run", lambda line: None)
    assert not (model / FILE).exists()


def test_what_is_no_composed_model(made: Path, model: Path, data: Path, tmp_path: Path) -> None:
    for other in ("sviqa-tiny", str(made.with_name("llava")), str(data)):
        with pytest.raises(ModelError, match=r"holds no composed model\. Make one: sviqa models compose"):
            align(other, data, 1, tmp_path / "run", lambda line: None)
    with pytest.raises(ModelError, match="There is no model nowhere"):
        align("nowhere", data, 1, tmp_path / "run", lambda line: None)


@pytest.mark.parametrize("full", ["state", "weights"])
def test_a_full_disk(full: str, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    if full == "state":
        monkeypatch.setattr(Path, "write_bytes", refuse)
    else:
        monkeypatch.setattr(stored, "_bytes", refuse)
    with pytest.raises(OutputError, match="disk is full"):
        learned(model, data, 2, tmp_path / "run")
    monkeypatch.setattr(Path, "write_bytes", write)
    assert sorted(path.name for path in model.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_no_memory_is_one_line(model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(alignment, "train", refuse)
    with pytest.raises(TrainingError, match="not enough memory to learn"):
        learned(model, data, 2, tmp_path / "run")


def test_from_the_command_line(model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["align", "--model", str(model), "--data", str(data / "list.csv"), "--steps", "2"]
    ran = CliRunner().invoke(train, asked, catch_exceptions=False)
    assert ran.exit_code == 0 and ran.output.splitlines()[-1].startswith(f"The speech projector in {model} has learned")
    assert list((tmp_path / "runs" / "align").glob("align-*.state"))
    assert CliRunner().invoke(train, [*asked[:-1], "0"]).exit_code == 2
