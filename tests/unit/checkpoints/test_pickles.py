"""Pickles become safetensors in a process of their own: numbers come out, nothing runs, and it happens once."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from sviqa_app.checkpoints import pickles
from sviqa_app.checkpoints.pickles import convert, converted
from sviqa_app.errors import ModelError, OutputError, SviqaError


def state() -> dict[str, Any]:
    shared = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    return {"a": shared, "tied": shared, "half": torch.ones(2).bfloat16(), "view": shared.t(), "step": 3, "none": None}


@pytest.mark.parametrize("zipped", [False, True])
def test_numbers_come_out_to_the_bit(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    torch.save({"dims": {"n": 3}, "model_state_dict": state()}, path, _use_new_zipfile_serialization=zipped)
    made = converted(path)
    assert made == tmp_path / "pytorch_model.bin.safetensors"
    read = load_file(made)
    due = {f"model_state_dict.{name}": v for name, v in state().items() if isinstance(v, torch.Tensor)}
    assert set(read) == set(due) and all(torch.equal(read[name], tensor) for name, tensor in due.items())


def test_it_is_made_once_and_again_when_the_pickle_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Path] = []

    def run(path: Path, target: Path, mark: str) -> None:
        runs.append(path)
        convert(path, target, mark)

    monkeypatch.setattr(pickles, "_run", run)
    path = tmp_path / "w.pt"
    torch.save({"a": torch.ones(100)}, path)
    assert converted(path) == converted(path) and len(runs) == 1
    torch.save({"a": torch.zeros(101)}, path)
    assert load_file(converted(path))["a"].shape == (101,) and len(runs) == 2
    (tmp_path / "w.pt.safetensors").write_bytes(b"damaged")
    assert load_file(converted(path))["a"].shape == (101,) and len(runs) == 3


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles.os, "access", lambda *_: False)
    monkeypatch.setattr(pickles, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(pickles, "_run", convert)
    (tmp_path / "m").mkdir()
    torch.save({"a": torch.ones(100)}, tmp_path / "m" / "w.pt")
    made = converted(tmp_path / "m" / "w.pt")
    assert made.parent == tmp_path / "cache" / "converted" and set(load_file(made)) == {"a"}
    assert [file.name for file in (tmp_path / "m").iterdir()] == ["w.pt"]


class Trap:
    """Leaves a folder behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (f"import os; os.mkdir({str(self.mark)!r})",)


def test_what_is_planted_is_named_and_never_runs(tmp_path: Path) -> None:
    path, mark = tmp_path / "w.bin", tmp_path / "it-ran"
    torch.save({"a": Trap(mark)}, path)
    with pytest.raises(ModelError, match=r"w\.bin is a Python pickle of more than tensors.*asks for .*exec") as caught:
        converted(path)
    assert "weights_only" not in str(caught.value) and not mark.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["w.bin"]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_never_run(protocol: int, tmp_path: Path) -> None:
    path, mark = tmp_path / "w.bin", tmp_path / "it-ran"
    path.write_bytes(pickle.dumps({"a": Trap(mark)}, protocol=protocol))
    with pytest.raises(ModelError, match=r"w\.bin is"):
        convert(path, tmp_path / "out", "")
    assert not mark.exists()


def test_tables_that_hold_themselves(tmp_path: Path) -> None:
    table: dict[str, Any] = {"a": torch.ones(100)}
    table["again"] = table
    torch.save({"one": table, "two": table}, tmp_path / "w.pt")
    convert(tmp_path / "w.pt", tmp_path / "out", "")
    assert [name.partition(".")[2] for name in load_file(tmp_path / "out")] == ["a"]


def test_files_that_promise_more_than_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    torch.save({"a": torch.ones(1).expand(10**12)}, path)
    with pytest.raises(ModelError, match="more numbers than it has bytes"):
        convert(path, tmp_path / "out", "")
    torch.save({"a": torch.zeros(10**6)}, path)
    with zipfile.ZipFile(path) as read, zipfile.ZipFile(tmp_path / "p.bin", "w", zipfile.ZIP_DEFLATED) as packed:
        for part in read.namelist():
            packed.writestr(part, read.read(part))
    with pytest.raises(ModelError, match=r"p\.bin is packed"):
        convert(tmp_path / "p.bin", tmp_path / "out", "")
    assert not (tmp_path / "out").exists()


def test_what_goes_wrong_in_the_process_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"none\.pt cannot be read"):
        converted(tmp_path / "none.pt")
    path = tmp_path / "w.pt"
    torch.save({"a": 3}, path)
    with pytest.raises(ModelError, match=r"w\.pt holds no tensors\. Get the model as safetensors"):
        converted(path)
    torch.save({"a": torch.ones(3)}, path)
    monkeypatch.setattr(pickles, "_place", lambda _: tmp_path / "none" / "out")
    with pytest.raises(OutputError, match="does not exist"):
        converted(path)
    monkeypatch.setattr(pickles, "_MODULE", "sviqa_app.no_such_module")
    with pytest.raises(ModelError, match="could not be converted: the process ended"):
        converted(path)


@given(
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 2000),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore")
def test_mutated_pickles_are_converted_or_refused(changes: list[tuple[int, int]], cut: int, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(state(), path)
    data = bytearray(path.read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    path.write_bytes(data[: cut or None])
    try:
        convert(path, tmp_path / "out", "")
    except SviqaError as error:
        assert error.what and "weights_only" not in error.what
