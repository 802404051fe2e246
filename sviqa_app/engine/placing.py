"""Where the weights of a published model go on this machine, told from its files before memory is taken.

The rule: on the GPU if it has room; else packed to 8 or 4 bits there; else as much as fits there and the rest in
memory; else on the processor, in the finest numbers that fit.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch

from ..checkpoints.fit import USABLE, Machine, Need, check_room, estimate
from ..errors import ModelError

Device = Literal["gpu", "split", "cpu"]
T = TypeVar("T")

_COUNTED = {32: 32, 16: 16, 8: 10, 4: 6}
"""Bits that a number takes: in a packed model some stay as they were."""


_WHOLE = (
    r"(.*\.)?(lm_head|vision_tower|vision_model|visual|multi_modal_projector|connector|audio_tower|(token|code)2wav)"
)
"""Parts that stay as they were in a packed model: small ones, which see and speak worse when packed, or of sizes that
bitsandbytes cannot pack on a processor, as SigLIP's.
"""


@dataclass(frozen=True)
class Placement:
    """On the GPU, on the processor or split between them, with so many bits a number, for which it needs so much."""

    device: Device
    bits: int
    need: Need

    @property
    def options(self) -> dict[str, Any]:
        """What transformers' `from_pretrained` is told."""
        half = torch.float16 if self.device != "cpu" and not torch.cuda.is_bf16_supported() else torch.bfloat16
        options: dict[str, Any] = {"dtype": torch.float32 if self.bits == 32 else half}
        if self.bits < 16:
            from transformers import BitsAndBytesConfig

            options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
                load_in_8bit=self.bits == 8,
                load_in_4bit=self.bits == 4,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_compute_dtype=half,
                llm_int8_skip_modules=[_WHOLE],
            )
        if has("accelerate"):
            options["device_map"] = {"gpu": {"": 0}, "split": "auto", "cpu": {"": "cpu"}}[self.device]
        return options

    def left(self, machine: Machine) -> Machine:
        """The machine as it is with the model in its memory."""
        on_gpu = 0 if self.device == "cpu" else min(self.need.total, machine.vram_free)
        ram = ram_room(machine) - (self.need.total - on_gpu)
        return replace(machine, vram_free=machine.vram_free - on_gpu, ram_free=max(1, ram))  # 0 would be unknown


def has(package: str) -> bool:
    """Whether an optional package is installed."""
    return find_spec(package) is not None


def ram_room(machine: Machine) -> int:
    """Bytes of memory that a model may take: what is free, or where that is not known most of all there is."""
    return machine.ram_free or int(USABLE * machine.ram)


def placements(folder: Path, machine: Machine, plain: bool = False) -> list[Placement]:
    """All places where the model in a folder has room, best first; `plain` ones are neither packed nor split.

    Raises ModelError where it is broken.
    """
    packs = has("accelerate") and has("bitsandbytes") and not plain
    wishes: list[tuple[Device, int]] = [("cpu", 32), ("cpu", 16)]
    wishes += [("cpu", 8), ("cpu", 4)] if packs else []
    if machine.vram_free and torch.cuda.is_available():
        packed: list[tuple[Device, int]] = [("gpu", 8), ("gpu", 4)] if packs else []
        split: list[tuple[Device, int]] = [("split", 16)] if has("accelerate") and not plain else []
        wishes = [("gpu", 16), *packed, *split, *wishes]
    ram = ram_room(machine)
    room = {"gpu": machine.vram_free, "split": machine.vram_free + ram, "cpu": ram}
    found = [Placement(device, bits, estimate(folder, _COUNTED[bits])) for device, bits in wishes]
    return [placement for placement in found if placement.need.total <= room[placement.device]]


def placed(folder: Path, machine: Machine, load: Callable[[Placement], T], plain: bool = False) -> tuple[T, Placement]:
    """What `load` makes of the model in a folder in the best place where it goes without running out of memory.

    Raises ModelError where there is none, or what `load` raises otherwise.
    """
    for placement in placements(folder, machine, plain):
        try:
            return load(placement), placement
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        free_memory()  # here, where nothing holds on to the error and with it to what was loaded
    check_room(folder.name, estimate(folder, _COUNTED[16]), ram_room(machine))
    raise ModelError(
        f"There is not enough memory for {folder.name}.", "Close other programs, or choose a smaller model."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of whatever device, ran out."""
    words = str(error).lower()
    lacks = "out of memory" in words or "can't allocate memory" in words
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (isinstance(error, RuntimeError) and lacks)


def free_memory() -> None:
    """Gives back what nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
