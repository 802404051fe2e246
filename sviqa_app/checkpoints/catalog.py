"""The models that can be installed, as data: the catalog that ships and a person's own, checked key by key."""

from __future__ import annotations

import re
import reprlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from platformdirs import user_config_path

from ..errors import ModelError
from ..resources import models_folder

# What a model does: all of it; the picture; the hearing; the talking without a picture; the voice; a part of another.
Role = Literal["whole", "eye", "ear", "talker", "voice", "part"]
EngineName = Literal["end-to-end", "cascade", "omni", "remote"]

MAX_BYTES = 1_000_000
MAX_SIZE = 10**13
USUAL_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
"""Weights, configuration and words of a model in the layout of transformers; never code."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,199}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Entry:
    """One model. Sizes are in bytes; `ram` and `vram` are what it takes to run, on the CPU or on a GPU.

    `verified`: somebody installed it, so the revision is a commit and the size exact; else both are hearsay.
    A model of several `parts` is a set of other entries and has no `repo` of its own. A model whose engine is
    remote is run by a server and cannot be installed here.
    """

    name: str
    about: str
    role: Role
    engine: EngineName
    licence: str
    repo: str = ""
    revision: str = "main"
    verified: bool = False
    files: tuple[str, ...] = USUAL_FILES
    size: int = 0
    ram: int = 0
    vram: int = 0
    languages: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def wants(self, name: str) -> bool:
        """Whether a file of the repository belongs to the model. A * stands for a part of a name, never for a /."""
        return any(_matches(PurePosixPath(name).parts, PurePosixPath(pattern).parts) for pattern in self.files)


def user_catalog() -> Path:
    """Where a person lists models of their own."""
    return user_config_path("sviqa", appauthor=False) / "models.toml"


def load_catalog(shipped: Path | None = None, own: Path | None = None) -> dict[str, Entry]:
    """All entries by name, in the order of the files; an entry of the person's own takes the place of a shipped one.

    Raises ModelError, which names the file, the entry and the key.
    """
    catalog: dict[str, Entry] = {}
    for path in (shipped or models_folder() / "catalog.toml", own or user_catalog()):
        if path.is_file():
            catalog |= parse_catalog(_read(path), str(path))
    return {name: _summed(entry, catalog) for name, entry in catalog.items()}


def find_entry(catalog: Mapping[str, Entry], name: str) -> Entry:
    """The entry of that name. Raises ModelError."""
    if name in catalog:
        return catalog[name]
    raise ModelError(f"There is no model {name} in the catalog.", "sviqa models lists those there are.")


def installable(catalog: Mapping[str, Entry], name: str) -> list[Entry]:
    """What has to be fetched for a model: itself, or its parts. Raises ModelError where a server runs it."""
    entry = find_entry(catalog, name)
    if entry.engine == "remote":
        raise ModelError(
            f"{name} does not run on this machine: it needs a server that runs {entry.repo}.",
            "Start one, for example with vLLM, and add its address as a remote model.",
        )
    return [catalog[part] for part in entry.parts] or [entry]


def parse_catalog(content: bytes, origin: str) -> dict[str, Entry]:
    """The entries in the bytes of a catalog; `origin` is how it is called in errors. Raises ModelError."""
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{origin} is not valid TOML ({reprlib.repr(str(error))}).", "Correct it.") from error
    models = data.pop("model", [])
    if data or not isinstance(models, list):
        raise ModelError(f"{origin} holds something other than [[model]] entries.", "Correct it.")
    entries: dict[str, Entry] = {}
    for number, values in enumerate(models, 1):
        entry = _entry(values, number, origin)
        if entry.name in entries:
            raise ModelError(f"{origin} has the entry {entry.name} twice.", "Remove one.")
        entries[entry.name] = entry
    return entries


def size_words(size: float) -> str:
    """Bytes as a person reads them: 290 MB, 1.6 GB, 265 GB."""
    if size < 999.5e6:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e9:.1f} GB" if size < 99.95e9 else f"{size / 1e9:.0f} GB"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read.", "Check that you may read it.") from error
    if len(content) > MAX_BYTES:
        raise ModelError(f"{path} is too large to be a catalog.", "Keep it under a megabyte.")
    return content


def _matches(name: Iterable[str], pattern: Iterable[str]) -> bool:
    parts, wanted = list(name), list(pattern)
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _summed(entry: Entry, catalog: Mapping[str, Entry]) -> Entry:
    """A set takes what its parts take together."""
    if not entry.parts:
        return entry
    for name in entry.parts:
        if name not in catalog or catalog[name].parts or catalog[name].engine == "remote":
            raise ModelError(f"The catalog's entry {entry.name} has the part {name}, which is no model of its own.")
    parts = [catalog[name] for name in entry.parts]
    size, ram, vram = (sum(getattr(part, key) for part in parts) for key in ("size", "ram", "vram"))
    return replace(entry, size=size, ram=ram, vram=vram)


def _entry(values: object, number: int, origin: str) -> Entry:
    """One table of the file as an Entry. Raises ModelError."""
    if not isinstance(values, dict):
        raise ModelError(f"{origin}: entry {number} is not a table.", "Correct it.")
    name = values.get("name")
    called = f"the entry {name}" if _is_name(name) else f"entry {number}"
    if unknown := sorted(set(values) - set(_RULES)):
        raise ModelError(f"{origin}: {called} has an unknown key {reprlib.repr(unknown[0])}.", "Remove it.")
    for key, (right, kind) in _RULES.items():
        if key in values and not right(values[key]):
            raise ModelError(f"{origin}: {called} has {key} = {reprlib.repr(values[key])}, not {kind}.", "Correct it.")
    entry = Entry(**{"name": "", "about": "", "role": "", "engine": "", "licence": ""} | _frozen(values))
    if fault := _fault(entry):
        raise ModelError(f"{origin}: {called} {fault}.", "Correct it.")
    return entry


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _fault(entry: Entry) -> str:
    """What is wrong with the keys taken together; "" where nothing is."""
    needed = ["name", "about", "role", "engine", "licence"]
    needed += [] if entry.parts else ["repo"] if entry.engine == "remote" else ["repo", "files", "size", "ram"]
    for key in needed:
        if not getattr(entry, key):
            return f"has no {key}"
    if entry.parts and entry.repo:
        return "has both repo and parts"
    if entry.verified and not _COMMIT.fullmatch(entry.revision):
        return f"is verified, but its revision {entry.revision} is not a commit"
    return ""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def _is_line(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 500 and value.isprintable()


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_SIZE


def _is_pattern(value: object) -> bool:
    return _is_line(value) and not {"", ".", ".."} & set(str(value).split("/")) and "\\" not in str(value)


def _like(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)) and ".." not in value


def _among(kind: object) -> tuple[Callable[[object], bool], str]:
    names = get_args(kind)
    return (lambda value: isinstance(value, str) and value in names), f"one of {', '.join(names)}"


def _each(right: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and len(value) <= 1000 and all(map(right, value))


_RULES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "name": (_is_name, "small letters, digits, dots and dashes"),
    "about": (_is_line, "a line of text"),
    "role": _among(Role),
    "engine": _among(EngineName),
    "licence": (_is_line, "a line of text"),
    "repo": (_like(_REPO), "OWNER/NAME"),
    "revision": (_like(_REVISION), "a commit, branch or tag"),
    "verified": (lambda value: isinstance(value, bool), "true or false"),
    "files": (_each(_is_pattern), "a list of file names, relative and with / between folders"),
    "size": (_is_size, "a whole number of bytes"),
    "ram": (_is_size, "a whole number of bytes"),
    "vram": (_is_size, "a whole number of bytes"),
    "languages": (_each(_is_line), "a list of languages"),
    "parts": (_each(_is_name), "a list of names"),
}
