"""Which model a batch asks: any that `sviqa ask` can, ours many questions at once and others one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.choosing import BEST, SERVER, best_for_this_machine, find_folders
from ..errors import SviqaError
from ..servers import find_server

if TYPE_CHECKING:
    from ..engine.base import Engine


@dataclass(frozen=True)
class Chosen:
    """A model: what `load_engine` knows it by, its `title` in the tables, and the `hash` of all that it answers with.

    `ours`: whether it is asked many questions at once, and on a cluster.
    """

    name: str
    title: str
    hash: bytes
    ours: bool = False


def choose(name: str, speak: bool) -> Chosen:
    """The model that a person calls `name`; it is not loaded. Raises SviqaError where there is none."""
    from ..checkpoints.native import read_config
    from ..checkpoints.outside import read_json
    from .reading import hash_model

    if name.startswith(SERVER):
        server = find_server(name.removeprefix(SERVER))
        return Chosen(name, f"{server.model} at {server.host}", hashlib.sha256(repr(server).encode()).digest())
    name = best_for_this_machine() if name == BEST else name
    seeing, hearing = find_folders(name)
    if not read_json(seeing / "config.json").get("model_type"):
        config = read_config(seeing)
        if not config.tokens.rows:
            return Chosen(name, config.name, hash_model(seeing, speak), ours=True)
    return Chosen(name, seeing.name if Path(name).is_dir() else name, _hash(filter(None, (seeing, hearing))))


def leaving(name: str) -> str:
    """What is sent to others, in one sentence; "" for nothing. Raises EngineError for a server that is not known."""
    return find_server(name.removeprefix(SERVER)).leaving if name.startswith(SERVER) else ""


def way_of(engine: Engine) -> Any:
    """How the engine is asked: the functions of many.py, or those of singly.py."""
    from ..engine import many, singly
    from ..engine.end_to_end import EndToEnd

    return many if isinstance(engine, EndToEnd) else singly


def _hash(folders: Iterable[Path]) -> bytes:
    """Of what lies in the folders: names, sizes and times, for published weights take minutes to read."""
    whole = hashlib.sha256()
    try:
        for file in sorted(file for folder in folders for file in folder.iterdir() if file.is_file()):
            status = file.stat()
            whole.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    except OSError as error:
        raise SviqaError("The model cannot be read.", "Install it again.") from error
    return whole.digest()
