"""Which engine answers, from what a person calls it.

A name is a model that ships, one that is installed, one of the catalog, or a folder; "server:NAME" is a server that was
added; "best" is best for this machine: the largest installed model that sees, with an ear if it needs one, and runs on
it quickly, else the one that ships. A model that only sees is given the largest installed ear that fits beside it and
is quick, and our voice.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..checkpoints.catalog import Entry, load_catalog
from ..checkpoints.fit import QUICK, Machine, place, this_machine
from ..checkpoints.installed import find_parts, installed, installed_folder
from ..errors import ModelError
from ..resources import models_folder

if TYPE_CHECKING:
    from .base import Engine
    from .composed import ComposedEye
    from .eyes import Eye

BEST, SERVER = "best", "server:"
SHIPPED, VOICE = "sviqa-tiny", "voice-tiny"
_LISTED = "sviqa models lists those that see."


def load_engine(name: str) -> Engine:
    """The engine of what a person calls `name`, ready to answer.

    Raises ModelError where there is none, it is not whole, or this machine has no room for it; EngineError for a
    server that cannot be used.
    """
    if name.startswith(SERVER):
        from .remote import load_server

        return load_server(name.removeprefix(SERVER))
    name = best_for_this_machine() if name == BEST else name
    return _of_folders(name, *find_folders(name))


def best_for_this_machine(home: Path | None = None) -> str:
    """The name of the model that "best" stands for. Raises ModelError where the catalog is broken."""
    catalog, have, machine = load_catalog(), installed(home), this_machine()
    ears = any(entry.role == "ear" and entry.name in have for entry in catalog.values())
    ready = [
        entry
        for entry in catalog.values()
        if (entry.role == "whole" or (entry.role == "eye" and ears))
        and all(part in have for part in entry.parts or (entry.name,))
        and place(entry.ram, entry.vram, machine) in ("gpu", "cpu")
    ]
    return max(ready, key=lambda entry: entry.ram).name if ready else SHIPPED


def find_folders(name: str, home: Path | None = None) -> tuple[Path, Path | None]:
    """The folders of what sees and, where the name stands for several models, of what hears. Raises ModelError."""
    catalog = load_catalog()
    ships = (models_folder() / name / "config.json").is_file()
    if ships or name not in catalog:
        from ..checkpoints.native import find_model

        return find_model(name), None
    parts = find_parts(catalog, name, home)
    seeing = parts.get("whole") or parts.get("eye")
    if seeing is None:
        raise ModelError(f"{name} does not see.", _LISTED)
    return seeing, parts.get("ear")


def best_ear(machine: Machine, home: Path | None = None) -> Path | None:
    """The folder of the largest installed ear that still fits and is quick; None where there is none."""
    have = installed(home)

    def fits(entry: Entry) -> bool:
        return entry.vram <= machine.vram_free or entry.ram <= min(QUICK, machine.ram_free or machine.ram)

    ears = [e for e in load_catalog().values() if e.role == "ear" and e.name in have and fits(e)]
    return installed_folder(max(ears, key=lambda entry: entry.ram).name, home) if ears else None


def _of_folders(name: str, folder: Path, ear: Path | None) -> Engine:
    """The engine for what lies in a folder, told by its config.json."""
    from ..checkpoints.outside import read_json

    config = read_json(folder / "config.json")
    kind = str(config.get("model_type", ""))
    name = folder.name if Path(name).is_dir() else name
    if not kind:
        return _ours(name, folder)
    if "mm_vision_tower" in config:
        raise ModelError(
            f"{folder} holds a LLaVA of the original code.", f"Run: sviqa models convert {folder} --out FOLDER"
        )
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    from .eyes import Eye
    from .omni import OMNIS

    if kind in OMNIS:
        return _cascade(name, OMNIS[kind], folder, None)
    if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return _cascade(name, Eye, folder, ear)
    raise ModelError(f"{folder} holds a model of the kind {kind[:40]!r}, which cannot answer about pictures.", _LISTED)


def _ours(name: str, folder: Path) -> Engine:
    """Our own model, or one composed of a LLaVA and a Whisper."""
    from ..checkpoints.native import read_config

    if not read_config(folder).tokens.rows:
        from .end_to_end import EndToEnd

        return EndToEnd.load(folder)
    from .composed import ComposedEye

    return _cascade(name, ComposedEye, folder, None)


def _cascade(name: str, kind: type[Eye] | type[ComposedEye], folder: Path, ear: Path | None) -> Engine:
    """What sees, with the ear it is given or finds, where it needs one, and our voice."""
    from ..checkpoints.native import find_model
    from .cascade import Cascade
    from .ears import Ear
    from .voices import Voices

    eye = kind.load(folder, this_machine())
    machine = eye.placement.left(this_machine())
    ear = None if kind.hears else ear or best_ear(machine)
    hearing = None if ear is None else Ear.load(ear, machine)
    voices = Voices.load(find_model(VOICE))
    _ = voices.narrator  # now, so that no answer waits for it
    return Cascade(name, eye, voices, hearing)
