"""Where the models and samples that ship lie, in a checkout and in an installed package alike."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def models_folder() -> Path:
    """The folder of the models that ship, one folder a model."""
    return _shipped("models")


def assets_folder() -> Path:
    """The folder of sample pictures, sample questions, icons and sounds."""
    return _shipped("assets")


def _shipped(name: str) -> Path:
    """Inside the package where a wheel put it, else beside the package, as in a checkout."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name
