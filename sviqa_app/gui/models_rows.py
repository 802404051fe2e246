"""What the models page says of each model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..checkpoints.catalog import size_words
from ..engine.choosing import BEST, SERVER, best_for_this_machine
from ..managing import model_rows
from ..servers import Server, find_server, read_servers

FITS = {
    "gpu": "fits, on the GPU",
    "cpu": "fits",
    "slow": "fits, but slowly",
    "no": "too large for this machine",
    "server": "needs a server",
}
_ROLES = {
    "eye": "An eye: it sees, while other models hear and speak for it.",
    "ear": "An ear: it hears for models that see.",
    "talker": "It talks, but sees no pictures.",
    "voice": "A voice: it speaks for other models.",
}
_ANSWERING = ("whole", "eye")


@dataclass(frozen=True)
class Row:
    """One model, server or choice. `name` is what the settings call it, `title` what the person does.

    `fit`, `size` and `licence` are in words, `more` is whole sentences, `parts` are the names of all that is installed
    for it. `fits` is False where it cannot run here, `answers` where nobody can put a question to it. `host` is where
    questions go and `leaving` what leaves this machine with them, "" for nowhere and nothing.
    """

    name: str
    title: str
    about: str
    fit: str = ""
    size: str = ""
    licence: str = ""
    more: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    fits: bool = True
    installed: bool = True
    begun: bool = False
    installable: bool = False
    removable: bool = False
    answers: bool = True
    host: str = ""
    leaving: str = ""

    @property
    def state(self) -> str:
        """Whether it is there; "" for what is not installed and removed."""
        if self.host or not (self.installable or self.removable):
            return ""
        return "installed" if self.installed else "partly downloaded" if self.begun else "not installed"

    @property
    def usable(self) -> bool:
        """Whether questions can be put to it now."""
        return self.installed and self.answers

    def spoken(self, doing: str, trouble: str = "") -> str:
        """As a screen reader says it. `doing`: what is going on with it, `trouble`: what went wrong, "" for nothing."""
        facts = filter(None, (self.title, doing, self.fit, self.size, self.state, self.licence))
        return f"{', '.join(facts)}: {trouble or self.about}"

    def seen(self, doing: str) -> str:
        """As it stands in the list, in two lines. The name comes first, so that typing it finds it."""
        fit = f"{'✓' if self.fits else '✗'} {self.fit}" if self.fit else ""
        facts = filter(None, (doing, fit, self.size, self.state, self.licence))
        return f"{' · '.join((self.title, *facts))}\n{self.about}"


def all_rows() -> list[Row]:
    """The choice made anew at each start, the servers, then the models, those of use first. Raises SviqaError."""
    models = [row_of(values) for values in model_rows() if values["role"] != "part"]
    models.sort(key=lambda row: not row.installed and not row.fits)
    return [best_row(), *(server_row(server) for server in read_servers().values()), *models]


def best_row() -> Row:
    """The choice made anew at each start. Raises SviqaError."""
    name = best_for_this_machine()
    return Row(BEST, "Best for this machine", f"The largest installed model that sees and is quick here, now {name}.")


def server_row(server: Server) -> Row:
    """A server that the person added."""
    return Row(
        name=SERVER + server.name,
        title=server.name,
        about=f"{server.model}, on a server. Questions go to {server.host}.",
        fit="on a server",
        more=(server.leaving,),
        removable=True,
        host=server.host,
        leaving="" if server.local else server.leaving,
    )


def row_of(values: Mapping[str, Any]) -> Row:
    """A model as `managing.model_rows` has it."""
    return Row(
        name=values["name"],
        title=values["name"],
        about=values["about"],
        fit=FITS[values["fits"]],
        size=size_words(values["size"]) if values["size"] else "",
        licence=values["licence"],
        more=tuple(filter(None, _more(values))),
        parts=tuple(values["parts"]) or (values["name"],),
        fits=values["fits"] not in ("no", "server"),
        installed=values["installed"],
        begun=values["begun"],
        installable=values["engine"] != "remote" and not values["ships"],
        removable=values["installed"] and not values["ships"],
        answers=values["role"] in _ANSWERING and values["engine"] != "remote",
    )


def _more(values: Mapping[str, Any]) -> list[str]:
    """All else that is known, a sentence each, "" for what is not."""
    ram, vram = (size_words(values[key]) if values[key] else "" for key in ("ram", "vram"))
    return [
        _ROLES.get(values["role"], ""),
        f"It takes {ram} of memory{f', or {vram} on a GPU' if vram else ''}." if ram else "",
        f"Languages: {', '.join(values['languages'])}." if values["languages"] else "",
        f"Made of {' and '.join(values['parts'])}." if values["parts"] else "",
        f"Comes from {values['repo']}." if values["repo"] else "",
        f"Licence: {values['licence']}.",
    ]


def host_of(name: str) -> str:
    """Where questions to a model go; "" where they stay on this machine. Raises SviqaError."""
    return find_server(name.removeprefix(SERVER)).host if name.startswith(SERVER) else ""
