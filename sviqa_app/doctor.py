"""What works on this machine, and how to mend what does not."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .checkpoints.native import check_weights, find_model, read_config
from .errors import SviqaError
from .media.devices import device_name, sound_library

OLDEST_PYTHON = (3, 11)
ENOUGH_DISK = 500_000_000
_REINSTALL = "Install the app again: pip install --force-reinstall sviqa."


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `remedy` says how to mend it, empty where nothing is wrong.

    What is `optional` is not needed to ask a question and hear the answer in a file.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    optional: bool = False


def examine(model: str = "sviqa-tiny") -> list[Finding]:
    """Looks at everything the app needs or can use, most important first. Never raises."""
    checks: list[tuple[str, bool, Callable[[], str]]] = [
        ("Python", False, _python),
        ("PyTorch", False, _torch),
        ("Picture library", False, lambda: _library("PIL", "pillow")),
        ("Sound files", False, lambda: _library("soundfile", "soundfile")),
        ("Resampling", False, lambda: _library("soxr", "soxr")),
        (f"Model {model}", False, lambda: _model(model)),
        ("Disk space", False, _disk),
        ("PortAudio", True, _portaudio),
        ("Loudspeaker", True, lambda: device_name("output")),
        ("Microphone", True, lambda: device_name("input")),
        ("Screen", True, _screen),
        ("Training: flite", True, lambda: _program("flite", "flite")),
        ("Training: espeak-ng", True, _espeak),
        ("Training: emoji font", True, _emoji_font),
    ]
    return [_look(name, optional, check) for name, optional, check in checks]


def healthy(findings: list[Finding]) -> bool:
    """Whether everything that is needed works."""
    return all(finding.ok or finding.optional for finding in findings)


def _look(name: str, optional: bool, check: Callable[[], str]) -> Finding:
    """Runs one check, which gives its detail or raises what is wrong."""
    try:
        return Finding(name, True, check(), optional=optional)
    except SviqaError as error:
        return Finding(name, False, error.what, error.next, optional)
    except Exception as error:  # a broken library may raise anything, and the rest is still worth a look
        return Finding(name, False, f"It fails: {error}", _REINSTALL, optional)


def _python() -> str:
    if sys.version_info < OLDEST_PYTHON:
        raise SviqaError(
            f"Python {platform.python_version()} is too old.",
            f"Install Python {'.'.join(map(str, OLDEST_PYTHON))} or later.",
        )
    return f"{platform.python_version()} on {platform.platform(terse=True)}"


def _torch() -> str:
    import torch

    torch.ones(2, 2) @ torch.ones(2, 2)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} threads"
    return f"{torch.__version__}, {device}"


def _library(module: str, package: str) -> str:
    try:
        import_module(module)
        return version(package)
    except (ImportError, OSError, PackageNotFoundError) as error:
        raise SviqaError(f"{package} does not load: {error}", _REINSTALL) from error


def _model(model: str) -> str:
    """Its configuration and the headers of its weights, without loading them."""
    folder = find_model(model)
    read_config(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise SviqaError(f"The model folder {folder} holds no weights.", "Install the model again.")
    for path in weights:
        check_weights(path)
    size = sum(path.stat().st_size for path in weights) / 1e6
    return f"{size:.0f} MB of weights in {folder}"


def _disk() -> str:
    free = shutil.disk_usage(Path.home()).free
    if free < ENOUGH_DISK:
        raise SviqaError(f"Only {free / 1e6:.0f} MB are free in {Path.home()}.", "Free some space.")
    return f"{free / 1e9:.1f} GB free"


def _portaudio() -> str:
    return str(sound_library().get_portaudio_version()[1]).split(",")[0]


def _screen() -> str:
    if sys.platform in ("win32", "darwin"):
        return "found"
    for variable in ("WAYLAND_DISPLAY", "DISPLAY"):
        if os.environ.get(variable):
            return f"{variable} {os.environ[variable]}"
    raise SviqaError("There is no screen.", "The command line works without one.")


def _program(program: str, package: str) -> str:
    if found := shutil.which(program):
        return found
    raise SviqaError(f"{program} is not installed.", _system(package))


def _espeak() -> str:
    if importlib.util.find_spec("espeakng_loader"):
        return f"espeakng-loader {version('espeakng-loader')}"
    return _program("espeak-ng", "espeak-ng")


def _emoji_font() -> str:
    from .training.scenes import emoji_font

    return str(emoji_font())


def _system(package: str) -> str:
    return f"Needed only for training. On Debian or Ubuntu: sudo apt-get install {package}."
