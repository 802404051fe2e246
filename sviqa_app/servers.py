"""The servers that a person added: where they are, what they take, and what the person agreed to send there.

Until one is added, nothing leaves this machine. Keys are in the keyring of the system, never in the list.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import EngineError, SviqaError
from .files import unwritable
from .safekeeping import FOLDER_MODE, write_private
from .settings import settings_path
from .vault import keep_secret, read_secret

MAX_BYTES = 1_000_000
KEY_VARIABLE = "SVIQA_SERVER_KEY_"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
# Narrow, so that no two readers of addresses can take it for two hosts.
_URL = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_ENDPOINT = "/chat/completions"
_EXAMPLE = "Give for instance https://example.org/v1."


@dataclass(frozen=True)
class Server:
    """One that speaks OpenAI's protocol. `url`: what stands before /chat/completions. Raises EngineError for nonsense.

    `hears`: whether the model takes recordings. Where it does not, `transcriber` is the model there that writes them
    down; "" has this machine do it. `voice`: the voice in which the model speaks itself; "" has our voice speak.
    `agreed`: the host to which the person agreed to send.
    """

    name: str
    url: str
    model: str
    hears: bool = False
    transcriber: str = ""
    voice: str = ""
    agreed: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not (bool if field.name == "hears" else str) or len(str(value)) > 1000:
                raise EngineError(f"The server's {field.name} is not understood.", "Correct it, or add it again.")
        if not _NAME.fullmatch(self.name):
            raise EngineError(f"{self.name!r} is no name for a server.", "Use small letters, digits, dots and dashes.")
        if not all(map(str.isprintable, (self.model, self.transcriber, self.voice))):
            raise EngineError(f"The models of {self.name} have names that cannot be printed.", "Type them again.")
        _check_address(self.url)

    @property
    def host(self) -> str:
        """The machine, with the port where one is given."""
        return urlsplit(self.url).netloc

    @property
    def local(self) -> bool:
        """Whether that is this machine."""
        return _is_loopback(urlsplit(self.url).hostname or "")

    @property
    def leaving(self) -> str:
        """What is sent to it, in one sentence."""
        speech = "the recordings of what you say" if self.hears or self.transcriber else "what you say, written down"
        return f"Every question sends your picture, {speech}, and what you type to {self.host}."


def servers_path() -> Path:
    """Where this person's list of servers is kept: beside the settings."""
    return settings_path().with_name("servers.json")


def read_servers() -> dict[str, Server]:
    """The servers by name; none where none was added. Raises EngineError where the list is broken."""
    path = servers_path()
    try:
        with path.open("rb") as file:
            return _parsed(file.read(MAX_BYTES + 1))
    except FileNotFoundError:
        return {}
    except SviqaError as error:
        raise EngineError(f"In the list of servers {path}: {error.what}", error.next) from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise EngineError(
            f"The list of servers {path} cannot be read.", "Delete it, and add the servers again."
        ) from error


def find_server(name: str) -> Server:
    """A server by name. Raises EngineError where there is none."""
    servers = read_servers()
    if name not in servers:
        known = f"You added {', '.join(servers)}." if servers else f"Add it: sviqa servers add {name} URL."
        raise EngineError(f"There is no server {name}.", known)
    return servers[name]


def add_server(server: Server, key: str = "") -> None:
    """Adds a server that the person agreed to, or puts it in place of the one of its name. Raises SviqaError.

    A key belongs to the name and the host it was given for; without one, that of an earlier time is still used.
    """
    if server.agreed != server.host:
        raise EngineError(f"{server.name} was not added.", "Agree to what is sent there, or answer on this machine.")
    servers = read_servers()
    if key:
        _keep_key(server, key)
    _write(servers | {server.name: server})


def remove_server(name: str) -> Server:
    """Takes a server off the list, and its key out of the keyring. Gives what it was. Raises SviqaError."""
    server = find_server(name)
    if read_secret(_secret(server)):
        keep_secret(_secret(server), "")
    servers = read_servers()
    del servers[name]
    _write(servers)
    return server


def find_key(server: Server) -> str:
    """The key of a server: of SVIQA_SERVER_KEY_NAME, else of the keyring, "" for none. Raises EngineError."""
    return sendable(os.environ.get(key_variable(server.name)) or read_secret(_secret(server)) or "")


def key_variable(name: str) -> str:
    """The environment variable that may hold the key of a server, where there is no keyring."""
    return KEY_VARIABLE + re.sub(r"[^A-Z0-9]", "_", name.upper())


def sendable(key: str) -> str:
    """A key that can be sent. Raises EngineError: the libraries below would quote it in their complaint."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise EngineError("The key holds characters that no key has.", "Copy it again, all of it and nothing else.")
    return key


def tidy_address(url: str) -> str:
    """An address as people copy it, as the list keeps it: with the path of the protocol, and nothing after that."""
    url = url.strip().rstrip("/").removesuffix(_ENDPOINT)
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{host.lower()}/{path if slash else 'v1'}" if separator else url


def _check_address(url: str) -> None:
    """Raises EngineError for what is no address, for a secret in it, and for one without TLS beyond this machine."""
    if not _URL.fullmatch(url):
        # Not quoted: it may hold a password or a key.
        raise EngineError("The server's address is not understood.", f"{_EXAMPLE} A key does not belong into it.")
    address = urlsplit(url)
    try:
        port = address.port  # raises beyond 65535
    except ValueError:
        port = 0
    if port == 0:
        raise EngineError(f"{address.netloc} has a port that cannot be.", _EXAMPLE)
    host = address.hostname or ""
    if address.scheme != "https" and not _is_loopback(host):
        raise EngineError(
            f"{host} would be sent pictures and speech for everybody on the way to read.", "Use an https:// address."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secret(server: Server) -> str:
    """The name of the key in the keyring. With the host in it, the key cannot be sent to another."""
    return f"server {server.name} at {server.host}"


def _keep_key(server: Server, key: str) -> None:
    try:
        keep_secret(_secret(server), sendable(key))
    except EngineError:
        raise
    except SviqaError as error:
        raise SviqaError(error.what, f"{error.next} Or set {key_variable(server.name)} instead.") from None


def _parsed(content: bytes) -> dict[str, Server]:
    if len(content) > MAX_BYTES:
        raise ValueError("too large")
    known = {field.name for field in fields(Server)}
    entries: dict[str, dict[str, Any]] = json.loads(content)
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise ValueError("not a table")
    # What a newer version wrote is let be.
    return {
        name: Server(**{"name": name} | {key: value for key, value in entry.items() if key in known - {"name"}})
        for name, entry in entries.items()
    }


def _write(servers: dict[str, Server]) -> None:
    path = servers_path()
    entries = {name: asdict(server) for name, server in sorted(servers.items())}
    for entry in entries.values():
        del entry["name"]
    try:
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    write_private(path, (json.dumps(entries, indent=2) + "\n").encode())
