"""Files of tensors: written one by one, read back to the bit; what is planted in a folder is named and does nothing."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from sviqa_app.checkpoints import stored as storing
from sviqa_app.checkpoints.llava import read_llava
from sviqa_app.checkpoints.outside import Values, inside, read_json, unread
from sviqa_app.checkpoints.stored import INDEX, Stored, new_folder, open_file, open_weights, write_part, write_weights
from sviqa_app.errors import ModelError, OutputError

from .models import llava_of, write


def tensors() -> dict[str, Tensor]:
    return {
        "bytes": torch.arange(3, dtype=torch.uint8),
        "weight": torch.randn(5, 7, generator=torch.Generator().manual_seed(0)),
        "half": torch.ones(3, dtype=torch.bfloat16) / 3,
        "view": torch.arange(12.0).reshape(3, 4).t(),
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 4, dtype=torch.float16),
    }


@pytest.mark.parametrize("most", [storing.SHARD_BYTES, 100, 1])
def test_written_and_read_back(most: int, tmp_path: Path) -> None:
    write_weights(tmp_path, {name: Stored.of(tensor) for name, tensor in tensors().items()}, most)
    read = open_weights(tmp_path, "model")
    assert read is not None and set(read) == set(tensors())
    for name, tensor in tensors().items():
        assert torch.equal(read[name].read(), tensor) and read[name].dtype == tensor.dtype
        assert read[name].bytes == tensor.numel() * tensor.itemsize
    files = sorted(tmp_path.glob("*.safetensors"))
    assert {name for file in files for name in load_file(file)} == set(tensors())
    assert len(files) == {storing.SHARD_BYTES: 1, 100: 3, 1: 6}[most]


def test_a_disk_without_room_is_said_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Stored((10**9, 10**6), torch.float32, lambda: torch.zeros(1))
    with pytest.raises(OutputError, match=r"The disk is full: .* needs 4000000\.0 GB"):
        write_weights(tmp_path, {"huge": huge})
    assert not list(tmp_path.iterdir())


def test_a_tensor_that_changes_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="weight changed while it was read"):
        write_weights(tmp_path, {"weight": Stored((2,), torch.float32, lambda: torch.zeros(3))})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("most", [10**9, 100])
def test_a_part_takes_the_place_of_what_was_there(most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {name: torch.full((40,), float(n)) for n, name in enumerate("abc")}
    write_weights(tmp_path, {name: Stored.of(tensor) for name, tensor in tensors.items()}, shard_bytes=most)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.safetensors")}

    def values() -> dict[str, float]:
        return {name: tensor.read()[0].item() for name, tensor in (open_weights(tmp_path, "model") or {}).items()}

    for new in (7.0, 8.0):
        write_part(tmp_path, {"b": Stored.of(torch.full((40,), new))}, "model-new.safetensors")
        assert values() == {"a": 0.0, "b": new, "c": 2.0}
    assert all(path.read_bytes() == content for path, content in before.items())

    def refuse(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storing, "_bytes", refuse)
    with pytest.raises(OutputError, match="disk is full"):
        write_part(tmp_path, {"b": Stored.of(torch.zeros(40))}, "model-new.safetensors")
    assert values()["b"] == 8.0


@pytest.mark.parametrize("index", ["{}", '{"weight_map": []}'])
def test_no_part_goes_into_a_folder_that_is_broken(index: str, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(index)
    with pytest.raises(ModelError, match="does not say in which files"):
        write_part(tmp_path, {"b": Stored.of(torch.zeros(4))}, "model-new.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == [INDEX]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "new") as folder:
        (folder / "half").touch()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with new_folder(tmp_path / "new") as folder:
        (folder / "whole").touch()
    assert (tmp_path / "new" / "whole").is_file()


@pytest.mark.parametrize(
    "name",
    ["../w.safetensors", "/etc/passwd", "a/b.safetensors", "..", ".", "", "a\\b", "C:w", "w\0", "w\n", "link", "ring"],
)
def test_names_that_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file(tensors() | {"view": torch.ones(1)}, tmp_path / "w.safetensors")
    (folder / "link").symlink_to(tmp_path / "w.safetensors")
    (folder / "ring").symlink_to(folder / "ring")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"weight": name}}))
    with pytest.raises(ModelError, match="lies outside of that folder"):
        open_weights(folder, "model")


def test_a_single_file_that_is_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    save_file({"a": torch.ones(1)}, tmp_path / "w.safetensors")
    (tmp_path / "model" / "model.safetensors").symlink_to(tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"'model\.safetensors', which lies outside"):
        open_weights(tmp_path / "model", "model")


def test_the_links_of_the_hubs_own_cache_are_followed(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0123"
    (snapshot / "connector").mkdir(parents=True)
    (tmp_path / "models--a--b" / "blobs").mkdir()
    save_file({"a": torch.ones(1)}, tmp_path / "models--a--b" / "blobs" / "cafe")
    (snapshot / "model.safetensors").symlink_to(Path("../../blobs/cafe"))
    (snapshot / "connector" / "model.safetensors").symlink_to(Path("../../../blobs/cafe"))
    assert open_weights(snapshot, "model") is not None and open_weights(snapshot / "connector", "model") is not None
    (snapshot / "other").symlink_to(Path("../../../secret"))
    with pytest.raises(ModelError, match="outside"):
        inside(snapshot, "other")


@pytest.mark.parametrize("places", [None, [], {"a": 3}, {"a": None}, "x"])
def test_an_index_that_says_nothing(places: Any, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(ModelError, match="does not say in which files"):
        open_weights(tmp_path, "model")


def test_an_index_that_promises_too_much(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "w.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "w.safetensors", "b": "w.safetensors"}}))
    with pytest.raises(ModelError, match=r"w\.safetensors has no tensor b, which"):
        open_weights(tmp_path, "model")
    index.write_text(json.dumps({"weight_map": {"a": "none.safetensors"}}))
    with pytest.raises(ModelError, match=r"holds no none\.safetensors"):
        open_weights(tmp_path, "model")


@given(data=st.binary(max_size=300))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_as_an_index(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_bytes(data)
    with pytest.raises(ModelError):
        open_weights(tmp_path, "model")


def test_a_header_of_four_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 4 << 30))
        file.truncate((4 << 30) + 100)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llava", "text_config": {}}))
    with pytest.raises(ModelError, match=r"model\.safetensors is not a safetensors file"):
        read_llava(tmp_path)


class Trap:
    """Leaves a folder behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.mkdir, (self.mark,)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_planted_pickle_never_runs(name: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llava", "text_config": {}}))
    torch.save({"a": Trap(mark)}, tmp_path / name, pickle_protocol=protocol)
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        read_llava(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps(Trap(mark), protocol=protocol))
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        read_llava(tmp_path)
    assert not mark.exists()


def test_code_in_a_folder_is_named_and_left_alone(tmp_path: Path) -> None:
    mark, model = tmp_path / "it-ran", llava_of()
    config = model.config.to_dict() | {"auto_map": {"AutoConfig": "evil.Config"}}
    folder = write(tmp_path / "m", config, model.state_dict())
    (folder / "evil.py").write_text(f"import pathlib; pathlib.Path({str(mark)!r}).mkdir()")
    (folder / "model.yaml").write_text(f"!!python/object/apply:os.mkdir ['{mark}']")
    (folder / "extra.pkl").write_bytes(pickle.dumps(Trap(mark)))
    assert read_llava(folder).notes == (
        "evil.py was not read.",
        "extra.pkl was not read.",
        "model.yaml was not read.",
        "config.json asks for code of its own (auto_map), which was not run.",
    )
    assert not mark.exists()
    assert unread(folder, {}) == read_llava(folder).notes[:3]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "not valid JSON"), ("[]", "not a table"), ('{"a": NaN}', "not valid JSON"), ("[" * 99_999, "not valid JSON")],
)
def test_broken_json(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ModelError, match=words):
        read_json(tmp_path / "x.json")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(ModelError, match="too large"):
        read_json(tmp_path / "large.json")
    with pytest.raises(ModelError, match=r"holds no none\.json"):
        read_json(tmp_path / "none.json")


def test_values_of_another_kind_are_refused() -> None:
    given = Values(Path("config.json"), {"a": True, "b": "x" * 200, "c": [1, 2], "d": None})
    for look in (
        lambda: given.size("a", 1),
        lambda: given.number("a", 1),
        lambda: given.text("a"),
        lambda: given.flag("b"),
        lambda: given.section("b"),
        lambda: given.numbers("c", (0.5,)),
        lambda: given.one_of("c", ("x",), "x"),
    ):
        with pytest.raises(ModelError, match=r"config\.json gives [abc] the value .{1,90}, which this version"):
            look()
    assert given.size("d", 3) == 3 and not given.has("d") and given.numbers("c", (0, 0)) == (1.0, 2.0)
    assert given.id("c") == 1 and given.id("b") == -1


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"hello, this is no model")
    with pytest.raises(ModelError, match=r"w\.safetensors"):
        open_file(tmp_path / "w.safetensors")
