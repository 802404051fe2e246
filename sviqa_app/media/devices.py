"""The sound devices of this machine, and the library that reaches them, loaded only when it is needed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Literal

from ..errors import DeviceError

Kind = Literal["input", "output"]
_NAMES = {"input": "microphone", "output": "loudspeaker"}


def sound_library() -> ModuleType:
    """The sounddevice module. Raises DeviceError where PortAudio is not installed or cannot start."""
    try:
        return import_module("sounddevice")
    except Exception as error:  # OSError without the library; PortAudioError where it cannot start
        raise DeviceError(
            "The sound library PortAudio is missing.",
            "On Debian or Ubuntu: sudo apt-get install libportaudio2.",
        ) from error


def device_name(kind: Kind) -> str:
    """The name of the microphone ("input") or loudspeaker ("output") that is used. Raises DeviceError."""
    library = sound_library()
    try:
        return str(library.query_devices(kind=kind)["name"])
    except (library.PortAudioError, ValueError) as error:
        raise DeviceError(f"There is no {_NAMES[kind]}.", "Connect one and choose it in the sound settings.") from error


def devices(kind: Kind) -> list[str]:
    """The names of the microphones or loudspeakers there are. Raises DeviceError without the sound library.

    The list is the one of the program's start: PortAudio does not see what is connected later.
    """
    return list(_numbers(kind))


def find_device(kind: Kind, name: str | None) -> int | None:
    """PortAudio's number of the device with this name; None, the one in the sound settings, for no name.

    Raises DeviceError where there is none.
    """
    if name is None:
        device_name(kind)
        return None
    try:
        return _numbers(kind)[name]
    except KeyError:
        raise DeviceError(f"There is no {_NAMES[kind]} called {name}.", "Connect it, or choose another.") from None


def _numbers(kind: Kind) -> dict[str, int]:
    """PortAudio's number of each device, by its name."""
    library = sound_library()
    try:
        # The other systems of drivers (Windows has four) list the same devices again.
        system = library.query_devices(kind=kind)["hostapi"]
    except (library.PortAudioError, ValueError):
        return {}
    numbers: dict[str, int] = {}
    for number, device in enumerate(library.query_devices()):
        if device["hostapi"] == system and device[f"max_{kind}_channels"]:
            numbers.setdefault(str(device["name"]), number)
    return numbers
