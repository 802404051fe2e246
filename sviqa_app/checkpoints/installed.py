"""The models that are installed: a folder each, which counts as one only by the manifest in it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from ..errors import ModelError, OutputError
from ..files import replacing
from .catalog import Entry, Role, installable
from .source import MANIFEST, File, check_names

MAX_BYTES = 5_000_000
_AGAIN = "Install the model again: only what is damaged is fetched."
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEXTS = ("name", "repo", "revision", "commit", "licence")


@dataclass(frozen=True)
class Manifest:
    """What was installed, and the size and SHA-256 of each of its files by name."""

    name: str
    repo: str
    revision: str
    commit: str
    licence: str
    files: Mapping[str, File] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(file.size for file in self.files.values())


def models_home() -> Path:
    """Where installed models lie, one folder a model."""
    return user_data_path("sviqa", appauthor=False) / "models"


def installed(home: Path | None = None) -> dict[str, Manifest]:
    """All models whose install is complete, by name. What is broken or half there does not count."""
    found: dict[str, Manifest] = {}
    for path in sorted((home or models_home()).glob(f"*/{MANIFEST}")):
        try:
            manifest = read_manifest(path.parent)
        except ModelError:
            continue
        if manifest.name == path.parent.name:
            found[manifest.name] = manifest
    return found


def installed_folder(name: str, home: Path | None = None) -> Path | None:
    """The folder of an installed model; None where there is none of that name."""
    home = home or models_home()
    return home / name if name in installed(home) else None


def find_parts(catalog: Mapping[str, Entry], name: str, home: Path | None = None) -> dict[Role, Path]:
    """What a model of the catalog does, and the folders that do it: one, or for a set one a part.

    Raises ModelError where a part is not installed, or where a server runs the model.
    """
    parts: dict[Role, Path] = {}
    for entry in installable(catalog, name):
        folder = installed_folder(entry.name, home)
        if folder is None:
            raise ModelError(f"{entry.name} is not installed.", f"Run: sviqa models install {name}")
        parts[entry.role] = folder
    return parts


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a folder. Raises ModelError where it is missing, broken or names what is not safe."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        return parse_manifest(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelError(f"{folder} holds no installed model.", "Install the model.") from error
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"{path} is broken.", _AGAIN) from error


def parse_manifest(content: bytes) -> Manifest:
    """The manifest in the bytes. Raises ValueError, TypeError, KeyError, RecursionError or ModelError."""
    data: Any = json.loads(content)
    texts = {key: data[key] for key in _TEXTS}
    files = {name: File(name, entry["size"], entry["sha256"]) for name, entry in dict(data["files"]).items()}
    if not all(isinstance(text, str) and len(text) <= 1000 for text in texts.values()):
        raise ValueError("a text is none")
    if not all(type(file.size) is int and file.size >= 0 and _SHA256.fullmatch(file.digest) for file in files.values()):
        raise ValueError("a file is none")
    check_names(list(files), "The manifest")
    return Manifest(**texts, files=files)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes it whole or not at all. Raises OutputError."""
    values: dict[str, Any] = {key: getattr(manifest, key) for key in _TEXTS}
    values["files"] = {file.name: {"size": file.size, "sha256": file.digest} for file in manifest.files.values()}
    with replacing(folder / MANIFEST) as temp:
        temp.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def verify(name: str, each: Callable[[int, int], None] = lambda *_: None, home: Path | None = None) -> Manifest:
    """Hashes every file of an installed model again; `each` hears the bytes done and due, and may raise.

    Raises ModelError, which names what is missing or damaged.
    """
    folder = _folder(name, home)
    manifest = read_manifest(folder)
    done = 0

    def grown(count: int) -> None:
        nonlocal done
        done += count
        each(done, manifest.size)

    if bad := [file.name for file in manifest.files.values() if not _is_there(file, folder / file.name, grown)]:
        others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise ModelError(f"{name} is damaged: {bad[0]}{others} is not as it was installed.", _AGAIN)
    return manifest


def remove(name: str, home: Path | None = None) -> int:
    """Deletes an installed model and gives the bytes freed. Raises ModelError or OutputError."""
    folder = _folder(name, home)
    size = read_manifest(folder).size
    try:
        (folder / MANIFEST).unlink()  # first: from here on it counts as gone, whatever happens
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} could not be deleted ({error.strerror or error}).", "Close what uses it and try again."
        ) from error
    return size


def _is_there(file: File, path: Path, each: Callable[[int], None]) -> bool:
    try:
        return file.is_in(path, each)
    except OSError:
        return False


def _folder(name: str, home: Path | None) -> Path:
    if folder := installed_folder(name, home):
        return folder
    raise ModelError(f"The model {name} is not installed.", "sviqa models lists those that are.")
