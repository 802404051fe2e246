"""Files of a folder that somebody else made: found only inside it, read with a limit, taken as data and never run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ..errors import ModelError
from .native import MAX_SIZE

MAX_JSON_BYTES = 10_000_000

_AGAIN = "Install the model again."
_CODE = (".py", ".yaml", ".yml", ".pkl", ".pickle", ".so")
T = TypeVar("T")


def inside(folder: Path, name: str) -> Path:
    """The file `name` of `folder`. Raises ModelError where the name, or a link of that name, leads out of it.

    The links that the Hub's own cache makes, from `snapshots/REVISION` to the `blobs` beside, are followed.
    """
    path = folder / name
    homes = {folder.resolve()}
    homes |= {(up.parent / "blobs").resolve() for up in folder.parents if up.name == "snapshots"}
    plain = name.isprintable() and not set("/\\:") & set(name) and name not in ("", ".", "..")
    try:
        stays = plain and path.resolve().parent in homes
    except (OSError, RuntimeError):  # a ring of links
        stays = False
    if not stays:
        raise ModelError(f"{folder} names the file {name!r}, which lies outside of that folder.", _AGAIN)
    return path


def read_json(path: Path) -> dict[str, Any]:
    """The table in a JSON file. Raises ModelError where it is missing, too large or not one."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ModelError(f"{path} is too large to be read.", _AGAIN)
        values = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except FileNotFoundError as error:
        raise ModelError(f"The folder {path.parent} holds no {path.name}.", "Give the folder of a model.") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read.", "Check that you may read it.") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON.", _AGAIN) from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} is not a table of names and values.", _AGAIN)
    return values


def unread(folder: Path, config: dict[str, Any]) -> tuple[str, ...]:
    """What in `folder` could run code, in a sentence each: it is named, and left alone."""
    notes = [f"{file.name} was not read." for file in sorted(folder.iterdir()) if file.suffix in _CODE]
    if "auto_map" in config:
        notes.append("config.json asks for code of its own (auto_map), which was not run.")
    return tuple(notes)


class Values:
    """A table of somebody else's configuration; what is null counts as missing. Each look raises ModelError."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self.path = path
        self.all = {key: value for key, value in values.items() if value is not None}

    def has(self, key: str) -> bool:
        """Whether the key has a value."""
        return key in self.all

    def size(self, key: str, default: int, least: int = 1) -> int:
        """A whole number that memory could be asked for."""
        return self._get(key, default, lambda value: type(value) is int and least <= value <= MAX_SIZE)

    def number(self, key: str, default: float) -> float:
        """A number above zero."""
        return float(self._get(key, default, lambda v: type(v) in (int, float) and 0 < v <= 1e12))

    def text(self, key: str, default: str = "") -> str:
        """Words."""
        return self._get(key, default, lambda value: isinstance(value, str))

    def flag(self, key: str, default: bool = False) -> bool:
        """Yes or no."""
        return self._get(key, default, lambda value: isinstance(value, bool))

    def one_of(self, key: str, known: tuple[str, ...], default: str) -> str:
        """One of the names that are known."""
        return self._get(key, default, lambda value: value in known)

    def numbers(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        """As many numbers as `default` has."""

        def is_like(value: Any) -> bool:
            return (
                isinstance(value, list) and len(value) == len(default) and all(type(v) in (int, float) for v in value)
            )

        return tuple(float(value) for value in self._get(key, default, is_like))

    def id(self, key: str) -> int:
        """An id of the vocabulary, the first where there are several; -1 where there is none."""
        value = self.all.get(key, -1)
        value = value[0] if isinstance(value, list) and value else value
        return value if type(value) is int and 0 <= value <= MAX_SIZE else -1

    def section(self, key: str) -> Values:
        """A table within; an empty one where it is missing."""
        return Values(self.path, self._get(key, {}, lambda value: isinstance(value, dict)))

    def refuse(self, key: str) -> NoReturn:
        """The key's value is none that this version knows."""
        raise ModelError(
            f"{self.path} gives {key} the value {str(self.all.get(key))[:80]!r}, which this version does not know."
        )

    def _get(self, key: str, default: T, fits: Callable[[Any], bool]) -> T:
        if key not in self.all:
            return default
        value: T = self.all[key]
        return value if fits(value) else self.refuse(key)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")
