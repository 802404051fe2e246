"""Where weights go: the best place that has room, and the next one where memory runs out all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sviqa_app.checkpoints.fit import Machine, Need
from sviqa_app.engine import placing
from sviqa_app.engine.placing import Placement, placed, placements
from sviqa_app.errors import ModelError

FOLDER = Path("model")
GB = 10**9
BOTH = frozenset(("accelerate", "bitsandbytes"))


@pytest.fixture(autouse=True)
def seven_billion(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of seven billion numbers, and a torch that knows of a GPU."""
    monkeypatch.setattr(placing, "estimate", lambda _, bits: Need(7 * GB * bits // 8, 0))
    monkeypatch.setattr(placing, "has", BOTH.__contains__)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


def machine(vram: int, ram: int) -> Machine:
    return Machine(ram * GB, vram * GB, ram * GB, vram * GB)


@pytest.mark.parametrize(
    ("vram", "ram", "places"),
    [
        (24, 64, "gpu 16, gpu 8, gpu 4, split 16, cpu 32, cpu 16, cpu 8, cpu 4"),
        (12, 32, "gpu 8, gpu 4, split 16, cpu 32, cpu 16, cpu 8, cpu 4"),
        (8, 16, "gpu 4, split 16, cpu 16, cpu 8, cpu 4"),
        (4, 16, "split 16, cpu 16, cpu 8, cpu 4"),
        (0, 64, "cpu 32, cpu 16, cpu 8, cpu 4"),
        (0, 8, "cpu 4"),
        (0, 4, ""),
    ],
)
def test_best_first(vram: int, ram: int, places: str) -> None:
    found = placements(FOLDER, machine(vram, ram))
    assert [f"{p.device} {p.bits}" for p in found] == (places.split(", ") if places else [])


def test_without_the_packages_that_pack_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "has", frozenset().__contains__)
    found = placements(FOLDER, machine(24, 64))
    assert [(p.device, p.bits) for p in found] == [("gpu", 16), ("cpu", 32), ("cpu", 16)]
    monkeypatch.setattr(placing, "has", BOTH.__contains__)
    assert placements(FOLDER, machine(24, 64), plain=True) == found


def test_free_memory_that_is_not_known() -> None:
    assert [p.bits for p in placements(FOLDER, Machine(20 * GB, 0, 0, 0))] == [16, 8, 4]


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("no"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_goes_on_to_the_next_place(error: Exception) -> None:
    tried: list[Placement] = []

    def load(placement: Placement) -> str:
        tried.append(placement)
        if len(tried) < 3:
            raise error
        return "model"

    model, place = placed(FOLDER, machine(12, 32), load)
    assert (model, place.device, place.bits) == ("model", "split", 16) and len(tried) == 3


def test_what_else_goes_wrong_is_raised() -> None:
    def load(_: Placement) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        placed(FOLDER, machine(24, 64), load)


def test_nowhere() -> None:
    def load(_: Placement) -> None:
        raise MemoryError

    with pytest.raises(ModelError, match=r"model needs about 15\.9 GB of memory, and 4\.0 GB are free"):
        placed(FOLDER, machine(0, 4), load)
    with pytest.raises(ModelError, match="There is not enough memory for model"):
        placed(FOLDER, machine(24, 64), load)


def test_what_is_left_for_the_next_model() -> None:
    need = Need(9 * GB, 0)  # with all around it 10.4 GB
    assert Placement("gpu", 16, need).left(machine(24, 16)) == Machine(16 * GB, 24 * GB, 16 * GB, 13_600_000_000)
    assert Placement("split", 16, need).left(machine(8, 16)) == Machine(16 * GB, 8 * GB, 13_600_000_000, 0)
    assert Placement("cpu", 16, need).left(machine(8, 16)) == Machine(16 * GB, 8 * GB, 5_600_000_000, 8 * GB)
    assert Placement("cpu", 16, need).left(machine(0, 10)).ram_free == 1
