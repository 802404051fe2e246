"""Managing models from the command line: what is said about them, and how an install is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .checkpoints.catalog import Entry, find_entry, installable, load_catalog, size_words
from .checkpoints.fit import Machine, place, this_machine
from .checkpoints.installed import Manifest, installed, models_home, remove, verify
from .errors import ModelError
from .resources import models_folder

_PLACES = {"gpu": "on the GPU", "cpu": "on the CPU", "slow": "CPU, slowly", "no": "too large", "server": "on a server"}


def show_models(as_json: bool) -> None:
    """Prints every model: whether it is installed, where it fits, what it takes, its licence and what it does."""
    rows = model_rows()
    if as_json:
        machine = this_machine()
        print(json.dumps({"ram": machine.ram, "vram": machine.vram, "models": rows}, indent=2))
        return
    print(f"{machine_words()} Models are kept in {models_home()}.\n")
    for row in rows:
        mark = "*" if row["installed"] else " "
        size = size_words(row["size"]) if row["size"] else ""
        print(f"{mark} {row['name']:<24} {size:>7}  {_PLACES[row['fits']]:<12} {row['licence']}")
        print(f"    {row['about']}")
    print("\n* is installed. sviqa models install NAME fetches one.")


def machine_words() -> str:
    """The memory of this machine, in a sentence."""
    machine = this_machine()
    gpu = f", and a GPU with {size_words(machine.vram)}" if machine.vram else ""
    return f"This machine has {size_words(machine.ram)} of memory{gpu}."


def model_rows(home: Path | None = None) -> list[dict[str, Any]]:
    """One dictionary a model, as `--json` prints it: those that ship, those installed, then the catalog."""
    catalog, have, machine = load_catalog(), installed(home), this_machine()
    rows = [
        _shipped_row(folder)
        for folder in sorted(models_folder().glob("*/"))
        if (folder / "model.safetensors").is_file()
    ]
    begun = {path.parents[1].name for path in (home or models_home()).glob(".installing/*/*/*")}
    rows += [_row(entry, have, machine, begun) for entry in catalog.values()]
    rows += [_unlisted_row(manifest) for name, manifest in have.items() if name not in catalog]
    return sorted(rows, key=lambda row: not row["installed"])


def install_model(name: str, folder: Path | None) -> None:
    """Fetches a model, or its parts, from the hub or from a folder, and shows how far it is. Raises SviqaError."""
    from .checkpoints.folder import Folder
    from .checkpoints.install import install

    entries = installable(load_catalog(), name)
    for entry in entries:
        source = Folder(folder / entry.name if len(entries) > 1 else folder) if folder else None
        print(f"{entry.name}: about {size_words(entry.size)} from {folder or entry.repo}. Licence: {entry.licence}.")
        try:
            place = install(entry, source, _show)
        except KeyboardInterrupt:
            _end_line()
            print("Stopped. What was downloaded is kept: the same command goes on.", file=sys.stderr)
            raise SystemExit(130) from None
        finally:
            _end_line()
        print(f"{entry.name} is installed in {place}.")


def verify_model(name: str) -> None:
    """Hashes the files of an installed model, or of its parts, and says that they are whole. Raises ModelError."""
    for part in installed_parts(name):
        manifest = verify(part, lambda done, total: _line(f"{done / (total or 1):4.0%}"))
        _end_line()
        print(f"{part}: {len(manifest.files)} files, {size_words(manifest.size)}, all as they were installed.")


def remove_model(name: str) -> None:
    """Deletes an installed model, or the parts of a set that are installed. Raises SviqaError."""
    if (models_folder() / name / "config.json").is_file():
        raise ModelError(f"{name} ships with the app and cannot be removed.")
    for part in installed_parts(name):
        print(f"{part} is removed: {size_words(remove(part))} are free again.")


def installed_parts(name: str) -> list[str]:
    """The installed models that a name stands for: itself, or for a set its parts."""
    catalog, have = load_catalog(), installed()
    if name in have or name not in catalog:
        return [name]
    return [part for part in find_entry(catalog, name).parts if part in have] or [name]


def _row(entry: Entry, have: dict[str, Manifest], machine: Machine, begun: Collection[str] = ()) -> dict[str, Any]:
    """`begun`: the names of installs that can be gone on with."""
    manifest = have.get(entry.name)
    there = manifest is not None or (bool(entry.parts) and all(part in have for part in entry.parts))
    fits = "server" if entry.engine == "remote" else place(entry.ram, entry.vram, machine)
    return {
        "name": entry.name,
        "about": entry.about,
        "role": entry.role,
        "engine": entry.engine,
        "installed": there,
        "begun": not there and any(part in have or part in begun for part in entry.parts or (entry.name,)),
        "ships": False,
        "fits": fits,
        "size": manifest.size if manifest else entry.size,
        "ram": entry.ram,
        "vram": entry.vram,
        "licence": entry.licence,
        "languages": list(entry.languages),
        "parts": list(entry.parts),
        "repo": entry.repo,
        "verified": entry.verified,
    }


def _shipped_row(folder: Path) -> dict[str, Any]:
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    entry = Entry(folder.name, "Answers about drawn scenes; ships with the app.", "whole", "end-to-end", "Apache-2.0")
    return _row(entry, {}, Machine(1, 0, 0, 0)) | {"installed": True, "ships": True, "size": size, "languages": ["en"]}


def _unlisted_row(manifest: Manifest) -> dict[str, Any]:
    entry = Entry(manifest.name, "Installed, and no longer in the catalog.", "part", "cascade", manifest.licence)
    return _row(entry, {manifest.name: manifest}, this_machine())


def _show(progress: Any) -> None:
    """How far an install is, on one line that is written over."""
    share = progress.done / (progress.total or 1)
    rate = f", {progress.rate / 1e6:.1f} MB/s" if progress.rate else ""
    _line(f"{share:4.0%} of {size_words(progress.total)}{rate}  {progress.file[-40:]}")


def _line(words: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{words:<79}", end="", file=sys.stderr, flush=True)


def _end_line() -> None:
    if sys.stderr.isatty():
        print(f"\r{'':<79}\r", end="", file=sys.stderr, flush=True)
