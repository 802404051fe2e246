"""A hub on the loopback: a real HTTP server with the hub's endpoints, which misbehaves when told to."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from ..loopback import loopback

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 10_000
"""Files of this many bytes and more are large ones: with a SHA-256, and served from elsewhere."""

Misdeed = Literal[
    "close", "drop", "reset", "stall", "wrong", "page", "500", "429", "ignore-range", "other-range", "redirect", "loop"
]
MISDEEDS: tuple[Misdeed, ...] = Misdeed.__args__  # type: ignore[attr-defined]


def git_blob(content: bytes) -> str:
    """The number that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Served:
    """A file asked for, from which byte on, how many bytes of it were sent, and what was done wrong."""

    name: str
    start: int
    misdeed: Misdeed | None
    sent: int = 0


@dataclass
class FakeHub:
    """What the hub has, what it was asked for, and what it will do wrong: the next misdeeds, one a file request.

    `pace`: bytes a second at which a file is sent, 0 as fast as it goes. `token`: what must be shown. `elsewhere`: the
    address that large files are said to be at, this one unless told.
    """

    repos: Mapping[str, Mapping[str, bytes]]
    url: str = ""
    token: str = ""
    elsewhere: str = ""
    pace: int = 0
    misdeeds: deque[Misdeed] = field(default_factory=deque)
    served: list[Served] = field(default_factory=list)
    headers: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def starts(self) -> list[tuple[str, int]]:
        """Which files were asked for, from which byte on."""
        return [(served.name, served.start) for served in self.served]

    def listing(self, repo: str) -> dict[str, Any]:
        """As /api/models/REPO/revision/REV?blobs=true gives it."""
        siblings = [sibling(name, content) for name, content in self.repos[repo].items()]
        return {"_id": "1", "id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings}


def sibling(name: str, content: bytes) -> dict[str, Any]:
    """One file of the listing."""
    entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_blob(content)}
    if len(content) >= LARGE:
        entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry


@contextmanager
def serving(repos: Mapping[str, Mapping[str, bytes]]) -> Iterator[FakeHub]:
    """The hub, while the block lasts."""
    hub = FakeHub(repos)
    with loopback(type("Handler", (_Handler,), {"hub": hub}), hub.over) as hub.url:
        yield hub


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Nothing is said."""

    def do_HEAD(self) -> None:
        self._serve(head=True)

    def do_GET(self) -> None:
        self._serve(head=False)

    def _serve(self, head: bool) -> None:
        path = unquote(urlsplit(self.path).path)  # through a proxy the whole address is asked for
        self.hub.headers.append((path, dict(self.headers)))
        try:
            self._answer(path, head)
        except OSError:
            self.close_connection = True

    def _answer(self, path: str, head: bool) -> None:
        parts = path.strip("/").split("/")
        if parts[0] == "elsewhere":
            return self._file("/".join(parts[1:3]), "/".join(parts[3:]), head)
        if self.hub.token and self.headers.get("authorization") != f"Bearer {self.hub.token}":
            return self._refuse(401, "GatedRepo")
        if parts[:2] == ["api", "models"]:
            return self._describe("/".join(parts[2:4]), parts[4], "/".join(parts[5:]))
        repo, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        if revision not in (COMMIT, "main"):
            return self._refuse(404, "RevisionNotFound")
        if name not in self.hub.repos.get(repo, {}):
            return self._refuse(404, "EntryNotFound")
        if len(self.hub.repos[repo][name]) >= LARGE:
            return self._redirect(f"{self.hub.elsewhere}/elsewhere/{repo}/{name}", self.hub.repos[repo][name])
        return self._file(repo, name, head)

    def _describe(self, repo: str, what: str, revision: str) -> None:
        if repo not in self.hub.repos:
            return self._refuse(404, "RepoNotFound")
        if revision not in (COMMIT, "main"):
            return self._refuse(404, "RevisionNotFound")
        listing = self.hub.listing(repo)
        if what == "tree":
            listing = [  # type: ignore[assignment]
                {"type": "file", "path": s["rfilename"], "size": s["size"], "oid": s["blobId"]}
                | ({"lfs": {"oid": s["lfs"]["sha256"], "size": s["size"], "pointerSize": 130}} if "lfs" in s else {})
                for s in listing["siblings"]
            ]
        self._send(200, json.dumps(listing).encode(), {"content-type": "application/json"})

    def _file(self, repo: str, name: str, head: bool) -> None:
        content = self.hub.repos[repo][name]
        asked = self.headers.get("range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        if head:
            return self._send(200, content, self._tags(content), head=True)
        misdeed = self.hub.misdeeds.popleft() if self.hub.misdeeds else None
        served = Served(name, start, misdeed)
        self.hub.served.append(served)
        if misdeed in ("close", "reset", "500", "429", "page", "redirect", "loop"):
            return self._misbehave(misdeed)
        if misdeed == "ignore-range":
            asked, start = None, 0
        if misdeed == "other-range" and asked:
            start //= 2
        rest, headers = content[start:], self._tags(content)
        if asked:
            headers["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if misdeed == "wrong" and rest:
            middle = len(rest) // 2
            rest = rest[:middle] + bytes([rest[middle] ^ 1]) + rest[middle + 1 :]
        if misdeed in ("drop", "stall"):
            return self._break_off(206 if asked else 200, rest, headers, served)
        self._head(206 if asked else 200, headers | {"content-length": str(len(rest))})
        return self._write(rest, served)

    def _misbehave(self, misdeed: Misdeed) -> None:
        if misdeed in ("500", "429"):
            return self._send(int(misdeed), b"later", {"retry-after": "0"})
        if misdeed == "page":
            return self._send(200, b"<html>Sign in to this hotel</html>", {"content-type": "text/html"})
        if misdeed == "loop":
            self.hub.misdeeds.appendleft("loop")  # and so for ever
        if misdeed in ("redirect", "loop"):
            return self._redirect(self.path, b"")
        if misdeed == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _break_off(self, status: int, rest: bytes, headers: dict[str, str], served: Served) -> None:
        """Promises all, sends the larger half."""
        self._head(status, headers | {"content-length": str(len(rest))})
        self._write(rest[: (len(rest) + 1) // 2], served)
        if served.misdeed == "stall":
            self.hub.over.wait(30)
        self.close_connection = True

    def _redirect(self, where: str, content: bytes) -> None:
        tags = {"x-repo-commit": COMMIT, "x-linked-size": str(len(content))}
        tags["x-linked-etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        self._send(302, b"", tags | {"location": where})

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"x-error-code": code})

    def _tags(self, content: bytes) -> dict[str, str]:
        digest = hashlib.sha256(content).hexdigest() if len(content) >= LARGE else git_blob(content)
        return {"etag": f'"{digest}"', "x-repo-commit": COMMIT, "accept-ranges": "bytes"}

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], head: bool = False) -> None:
        self._head(status, {**headers, "content-length": str(len(body))})
        if not head:
            self._write(body)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def _write(self, body: bytes, served: Served | None = None) -> None:
        piece = max(1, self.hub.pace // 50) if self.hub.pace else len(body) or 1
        for start in range(0, len(body), piece):
            self.wfile.write(body[start : start + piece])
            if served:
                served.sent += len(body[start : start + piece])
            if self.hub.pace:
                time.sleep(0.02)
