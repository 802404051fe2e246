"""What a model takes is told from its headers; what does not fit is said before it is loaded."""

from __future__ import annotations

import ctypes
import json
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sviqa_app.checkpoints import fit
from sviqa_app.checkpoints.fit import Machine, Need, check_room, estimate, place, this_machine
from sviqa_app.errors import ModelError
from sviqa_app.resources import models_folder

GB = 10**9
TENSORS = {"a": ([10, 100], "BF16"), "b": ([50], "F32"), "c": ([7], "I64"), "d": ([], "F8_E4M3")}


def write_model(folder: Path, tensors: dict[str, Any] = TENSORS, **config: Any) -> Path:
    """Headers alone: the data is not looked at."""
    header = {name: {"shape": shape, "dtype": kind, "data_offsets": [0, 0]} for name, (shape, kind) in tensors.items()}
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_weights_as_they_lie_and_as_they_are_loaded(tmp_path: Path) -> None:
    write_model(tmp_path)
    assert estimate(tmp_path).weights == 2000 + 200 + 56 + 1
    assert estimate(tmp_path, bits=32).weights == 4000 + 200 + 56 + 4
    assert estimate(tmp_path, bits=4).weights == 500 + 25 + 56


def test_the_memory_of_the_conversation(tmp_path: Path) -> None:
    text = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1, "hidden_size": 32}
    assert estimate(write_model(tmp_path, **text), tokens=100).cache == 2 * 2 * 1 * 8 * 100 * 2
    assert estimate(write_model(tmp_path, text_config=text), tokens=100).cache == 2 * 2 * 8 * 100 * 2
    assert estimate(write_model(tmp_path, thinker_config={"text_config": text}), bits=32, tokens=1).cache == 128
    assert estimate(write_model(tmp_path, text_config=text | {"head_dim": 16}), tokens=1).cache == 128
    assert estimate(write_model(tmp_path)).cache == 0


def test_llava_7b_is_known_to_fit_24_gigabytes(tmp_path: Path) -> None:
    text = {"num_hidden_layers": 32, "num_attention_heads": 32, "hidden_size": 4096}
    need = estimate(write_model(tmp_path, {"w": ([7_063_000_000], "F16")}, text_config=text))
    assert 17 * GB < need.total < 20 * GB


def test_the_model_that_ships_is_read() -> None:
    need = estimate(models_folder() / "sviqa-tiny", bits=32)
    assert 10**7 < need.weights < GB and need.total < 2 * GB


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", struct.pack("<Q", 2**32) + b"{}"),
        ("model.safetensors", struct.pack("<Q", 2) + b"[]"),
        ("model.safetensors", struct.pack("<Q", 8) + b'{"a": 1}'),
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b'{"num_hidden_layers": 1e9, "num_attention_heads": 1, "hidden_size": 8}'),
        ("config.json", b'{"num_hidden_layers": -1, "num_attention_heads": 1, "hidden_size": 8}'),
        ("config.json", b'{"num_hidden_layers": 1, "num_attention_heads": "x", "hidden_size": 8}'),
        ("config.json", b'{"text_config": 3}'),
    ],
)
def test_what_is_broken_is_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="is broken"):
        estimate(tmp_path)


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_any_bytes_are_a_need_or_one_line(weights: bytes, config: bytes) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(weights)) + weights)
        (folder / "config.json").write_bytes(config)
        try:
            assert estimate(folder).total >= 0
        except ModelError as error:
            assert "\n" not in str(error)


def test_where_a_model_runs() -> None:
    desk = Machine(ram=16 * GB, vram=24 * GB, ram_free=0, vram_free=0)
    laptop = Machine(ram=8 * GB, vram=0, ram_free=0, vram_free=0)
    assert place(18 * GB, 18 * GB, desk) == "gpu" and place(31 * GB, 31 * GB, desk) == "no"
    assert place(GB, 0, desk) == "cpu" and place(2 * GB, 2 * GB, laptop) == "cpu"
    assert place(7 * GB, 7 * GB, laptop) == "slow" and place(8 * GB, 8 * GB, laptop) == "no"


def test_too_little_room_is_said_before_loading() -> None:
    need = Need(weights=14 * GB, cache=2 * GB)
    check_room("llava", need, 24 * GB)
    check_room("llava", need, 0)
    with pytest.raises(ModelError, match=r"llava needs about 17\.9 GB of memory, and 8\.0 GB are free") as caught:
        check_room("llava", need, 8 * GB)
    assert "sviqa models" in caught.value.next


def test_this_machine_has_memory() -> None:
    machine = this_machine()
    assert machine.ram > 10**8 and 0 <= machine.ram_free <= machine.ram


class FakeDriver:
    """Two GPUs, of which the second is the larger, and a third that does not tell."""

    sizes = ((8 * GB, 7 * GB), (24 * GB, 20 * GB), None)
    closed = False

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.closed = True
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self.sizes)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, device: Any) -> int:  # noqa: N802
        device._obj.value = number + 1
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:  # noqa: N802
        if (size := self.sizes[device.value - 1]) is None:
            return 3
        memory[0], memory[1] = size
        return 0


def test_the_largest_gpu_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    this_machine.cache_clear()
    machine = this_machine()
    this_machine.cache_clear()
    assert (machine.vram, machine.vram_free) == (24 * GB, 20 * GB) and driver.closed


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert list(fit._gpus()) == []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert list(fit._gpus()) == []


def test_windows_is_asked_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kernel:
        @staticmethod
        def GlobalMemoryStatusEx(status: Any) -> int:  # noqa: N802
            assert ctypes.cast(status, ctypes.POINTER(ctypes.c_uint32))[0] == 64
            status._obj[1], status._obj[2] = 16 * GB, 5 * GB
            return 1

    monkeypatch.setattr(ctypes, "windll", type("windll", (), {"kernel32": Kernel}), raising=False)
    assert fit._windows_ram() == (16 * GB, 5 * GB)
