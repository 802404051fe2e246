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
