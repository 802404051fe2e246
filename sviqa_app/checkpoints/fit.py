"""Whether a model fits this machine, told before a byte of it is loaded, and without the libraries that would load it.

The estimate is a rule of thumb, and errs on the large side: the weights in the kind of number they are loaded as; the
keys and values of every token of the longest conversation; a tenth of the weights for what is computed on the way; and
half a gigabyte for the libraries.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ..errors import ModelError

Place = Literal["gpu", "cpu", "slow", "no"]

LIBRARIES = 500_000_000
WORK = 0.1
USABLE = 0.9
"""The share of the memory that a model may take: the rest is the system's."""
QUICK = 4_000_000_000
"""Above this much memory, a CPU takes longer over an answer than a person likes to wait."""
TOKENS = 4096
MAX_HEADER = 100_000_000
MAX_CONFIG = 1_000_000
_LARGEST_VALUE = 10_000_000
_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
_BITS |= {"F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "U32": 32, "U64": 64}


@dataclass(frozen=True)
class Machine:
    """Memory in bytes: `ram` of the machine, `vram` of its largest GPU, and what is free of each now; 0 unknown."""

    ram: int
    vram: int
    ram_free: int
    vram_free: int


@dataclass(frozen=True)
class Need:
    """What a model takes in memory, in bytes."""

    weights: int
    cache: int

    @property
    def total(self) -> int:
        """Everything, as the rule of thumb above has it."""
        return int(self.weights * (1 + WORK)) + self.cache + LIBRARIES


def place(ram: int, vram: int, machine: Machine) -> Place:
    """Where a model runs that needs so much: on the GPU, else on the CPU, there perhaps slowly, else nowhere here."""
    if vram and vram <= USABLE * machine.vram:
        return "gpu"
    if ram > USABLE * machine.ram:
        return "no"
    return "cpu" if ram <= QUICK else "slow"


def check_room(name: str, need: Need, free: int) -> None:
    """Raises ModelError where a model would not find the memory it needs; `free` is what there is, 0 unknown."""
    if free and need.total > free:
        raise ModelError(
            f"{name} needs about {need.total / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free.",
            "Close other programs, or choose a smaller model: sviqa models shows which fit.",
        )


def estimate(folder: Path, bits: int | None = None, tokens: int = TOKENS) -> Need:
    """What the model in a folder takes; weights as they lie there, or with every fraction as `bits` bits.

    Reads config.json and the headers of the safetensors files alone. Raises ModelError where they are broken.
    """
    try:
        weights = sum(_weights(path, bits) for path in folder.glob("*.safetensors"))
        return Need(weights, _cache(folder / "config.json", tokens, bits or 16))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"The model in {folder} is broken.", "Install the model again.") from error


@cache
def this_machine() -> Machine:
    """The memory of this machine."""
    ram, ram_free = _ram()
    vram, vram_free = max(_gpus(), default=(0, 0))
    return Machine(ram, vram, ram_free, vram_free)


def _weights(path: Path, bits: int | None) -> int:
    """Bytes of the tensors in one file, from its header."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > min(MAX_HEADER, path.stat().st_size):
            raise ValueError("header")
        header = json.loads(file.read(size))
    return sum(_tensor(entry, bits) for name, entry in header.items() if name != "__metadata__") // 8


def _tensor(entry: dict[str, Any], bits: int | None) -> int:
    """Bits of one tensor."""
    shape, kind = entry["shape"], entry["dtype"]
    if not all(type(side) is int and 0 <= side <= 2**40 for side in shape):
        raise ValueError("shape")
    fraction = kind.startswith(("F", "B")) and kind != "BOOL"
    return int(math.prod(shape)) * (bits if bits and fraction else _BITS[kind])


def _cache(path: Path, tokens: int, bits: int) -> int:
    """Bytes of the keys and values of `tokens` tokens; 0 where the configuration does not tell."""
    if not path.is_file() or path.stat().st_size > MAX_CONFIG:
        return 0
    config = json.loads(path.read_bytes())
    text = next((config[key] for key in ("text_config", "thinker_config") if key in config), config)
    text = text.get("text_config", text)
    layers, heads, width = (text.get(key) for key in ("num_hidden_layers", "num_attention_heads", "hidden_size"))
    if not (layers and heads and width):
        return 0
    head = text.get("head_dim") or width // heads
    pairs = (layers, text.get("num_key_value_heads") or heads, head)
    if not all(type(value) is int and 0 < value <= _LARGEST_VALUE for value in pairs):
        raise ValueError("configuration")
    return 2 * int(math.prod(pairs)) * tokens * bits // 8


def _ram() -> tuple[int, int]:
    """All memory, and what is free of it."""
    if sys.platform == "win32":
        return _windows_ram()
    page = os.sysconf("SC_PAGE_SIZE")
    total = page * os.sysconf("SC_PHYS_PAGES")
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return total, next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):  # not on Linux
        return total, 0


def _windows_ram() -> tuple[int, int]:
    """As GlobalMemoryStatusEx tells: the length of the structure, the load in percent, then seven numbers."""
    numbers = (ctypes.c_ulonglong * 8)()
    ctypes.memmove(numbers, (ctypes.c_uint32 * 2)(ctypes.sizeof(numbers), 0), 8)
    told = getattr(ctypes, "windll").kernel32.GlobalMemoryStatusEx(ctypes.byref(numbers))  # noqa: B009
    return (numbers[1], numbers[2]) if told else (0, 0)


def _gpus() -> Iterable[tuple[int, int]]:
    """All memory and the free one of each NVIDIA GPU, asked of the driver itself: torch would take seconds."""
    try:
        driver = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        if driver.nvmlInit_v2():
            return
    except (OSError, AttributeError):  # no driver, or a very old one
        return
    count = ctypes.c_uint()
    driver.nvmlDeviceGetCount_v2(ctypes.byref(count))
    for number in range(count.value):
        device, memory = ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()
        driver.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(device))
        if not driver.nvmlDeviceGetMemoryInfo(device, memory):
            yield memory[0], memory[1]
    driver.nvmlShutdown()
