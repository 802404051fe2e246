"""Model folders: what is written is read back; what is broken or hostile is refused before harm is done."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sviqa_app import resources
from sviqa_app.checkpoints import native
from sviqa_app.checkpoints.native import (
    check_weights,
    find_model,
    load_weights,
    read_config,
    save_weights,
    write_config,
)
from sviqa_app.errors import ModelError, OutputError
from sviqa_app.model.config import SpeechConfig, SviqaConfig

SHAPES = {"layer.weight": (3, 4), "layer.bias": (3,), "steps": ()}


def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "layer.weight": torch.randn(3, 4, generator=generator),
        "layer.bias": torch.randn(3, generator=generator),
        "steps": torch.tensor(7),
    }


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_weights(path, tensors())
    return path


def raw(path: Path, header: object, data: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_written_and_read_back(weights: Path) -> None:
    read = load_weights(weights, SHAPES)
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors().items())
    assert list(weights.parent.iterdir()) == [weights]
    assert check_weights(weights) == SHAPES


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_on_disk_are_floats_in_memory(dtype: torch.dtype, tmp_path: Path) -> None:
    save_weights(tmp_path / "w", tensors(), dtype)
    read = load_weights(tmp_path / "w", SHAPES)
    assert read["layer.weight"].dtype == torch.float32 and read["steps"].dtype == torch.int64
    torch.testing.assert_close(read["layer.weight"], tensors()["layer.weight"], atol=0.02, rtol=0)


def test_tensors_that_share_memory_or_are_views_can_be_written(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    save_weights(tmp_path / "w", {"a": base, "b": base.t(), "c": base[1:]})
    read = load_weights(tmp_path / "w", {"a": (3, 4), "b": (4, 3), "c": (2, 4)})
    assert torch.equal(read["b"], base.t()) and torch.equal(read["c"], base[1:])


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (SHAPES | {"other.bias": (3,)}, "no tensor other.bias"),
        (SHAPES | {"layer.weight": (4, 3)}, "layer.weight with shape 3x4, expected 4x3"),
        (SHAPES | {"steps": (1,)}, "steps with shape scalar, expected 1"),
        ({"layer.weight": (3, 4), "steps": ()}, "does not know: layer.bias"),
    ],
)
def test_names_and_shapes_must_be_as_expected(expected: dict[str, tuple[int, ...]], words: str, weights: Path) -> None:
    with pytest.raises(ModelError, match=words):
        load_weights(weights, expected)


def test_missing_empty_and_truncated(weights: Path) -> None:
    whole = weights.read_bytes()
    for size in (0, 5, 8, 100, len(whole) - 1):
        weights.write_bytes(whole[:size])
        with pytest.raises(ModelError) as caught:
            load_weights(weights, SHAPES)
        assert caught.value.next
    weights.write_bytes(whole + b"more")
    with pytest.raises(ModelError, match="damaged"):
        load_weights(weights, SHAPES)
    weights.unlink()
    with pytest.raises(ModelError, match=r"holds no model\.safetensors"):
        load_weights(weights, SHAPES)


def entry(begin: object, end: object, shape: object = (2,), dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": entry(0, 8), "b": entry(4, 12)},
        {"a": entry(0, 8), "b": entry(12, 20)},
        {"a": entry(0, 4)},
        {"a": entry(-8, 0)},
        {"a": entry(0, 8, (-1, -2))},
        {"a": entry(0, 8, (2.0,))},
        {"a": entry(0, 8, (True, 2))},
        {"a": entry(0, 8, "ab")},
        {"a": entry(0, 8, (2**62, 2**62))},
        {"a": entry(0, 8, dtype="F33")},
        {"a": entry(0, 8, dtype=["F32"])},
        {"a": {"dtype": "F32"}},
        {"a": 3},
        ["a"],
        3,
    ],
)
def test_headers_that_lie(header: object, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"broken|damaged"):
        load_weights(raw(tmp_path / "w", header, bytes(8)), {"a": (2,)})


def test_a_huge_header_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(ModelError, match="not a safetensors file"):
        load_weights(path, {})


def test_a_header_as_long_as_a_pickle_begins_is_read(tmp_path: Path) -> None:
    text = b"{}".ljust(0x0480)  # the length is written 80 04, as protocol 4 begins
    (tmp_path / "w").write_bytes(struct.pack("<Q", len(text)) + text)
    assert load_weights(tmp_path / "w", {}) == {}


def test_deep_json_is_refused(tmp_path: Path) -> None:
    text = b'{"a":' * 50_000
    (tmp_path / "w").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(ModelError):
        load_weights(tmp_path / "w", {})


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.mkdir, (Path(str(self.mark)),)


@pytest.mark.parametrize("name", ["model.safetensors", "codebooks.safetensors"])
@pytest.mark.parametrize("form", ["zip", "old", "2", "3", "4", "5"])
def test_a_planted_pickle_never_runs(name: str, form: str, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    path = tmp_path / name
    if form in ("zip", "old"):
        torch.save({"a": Trap(mark)}, path, _use_new_zipfile_serialization=form == "zip")
    else:
        path.write_bytes(pickle.dumps({"a": Trap(mark)}, protocol=int(form)))
    with pytest.raises(ModelError, match="pickle"):
        load_weights(path, {"a": (2,)})
    assert not mark.exists()


def test_a_pickle_beside_the_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, a Python pickle"):
        load_weights(tmp_path / "model.safetensors", SHAPES)


def test_weights_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        save_weights(tmp_path / "no" / "w", tensors())
    assert not list(tmp_path.iterdir())


@given(
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    cut=st.one_of(st.none(), st.integers(0, 400)),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_weights_load_or_are_refused(
    changes: list[tuple[int, int]], cut: int | None, weights: Path, tmp_path: Path
) -> None:
    data = bytearray(weights.read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    mutated = tmp_path / "mutated"
    mutated.write_bytes(data[:cut])
    try:
        read = load_weights(mutated, SHAPES)
    except ModelError as error:
        assert error.what and error.next
    else:
        assert {name: tuple(tensor.shape) for name, tensor in read.items()} == SHAPES


def test_config_written_and_read_back(tmp_path: Path) -> None:
    config = SviqaConfig(name="other", speech=SpeechConfig.whisper("large-v3"))
    write_config(tmp_path, config)
    assert read_config(tmp_path) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"name": NaN}', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "no section"),
        ('{"nmae": "x"}', "does not know: nmae"),
        ('{"text": {"class_path": "os.system"}}', "does not know: class_path"),
        ('{"text": {"layers": "six"}}', "layers the value 'six'"),
        ('{"text": {"layers": 1000000000000}}', "impossible size"),
        ('{"text": {"layers": 1e400}}', "impossible size"),
    ],
)
def test_broken_configs(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=words):
        read_config(tmp_path)


def test_config_missing_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        read_config(tmp_path / "none")
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_bytes(b" " * (native.MAX_CONFIG_BYTES + 1))
    with pytest.raises(ModelError, match="too large"):
        read_config(tmp_path)


def test_models_are_found_by_name_and_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "models" / "sviqa-tiny"
    shipped.mkdir(parents=True)
    (shipped.parent / "catalog.toml").touch()
    (shipped / "config.json").write_text("{}")
    monkeypatch.setattr(native, "models_folder", lambda: shipped.parent)
    assert find_model("sviqa-tiny") == shipped
    assert find_model(str(tmp_path)) == tmp_path
    assert find_model(shipped) == shipped
    with pytest.raises(ModelError, match=r"no model sviqa-tinny.*installed: sviqa-tiny"):
        find_model("sviqa-tinny")
    with pytest.raises(ModelError, match="is a file"):
        find_model(shipped / "config.json")


def test_shipped_folders_are_found_in_a_checkout_and_in_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "sviqa_app"
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.models_folder() == tmp_path / "models"
    (package / "_models").mkdir(parents=True)
    (package / "_assets").mkdir()
    assert resources.models_folder() == package / "_models"
    assert resources.assets_folder() == package / "_assets"
