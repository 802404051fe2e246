"""A server on the loopback that speaks OpenAI's protocol, and misbehaves when told to."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal

from ..loopback import loopback

STREAM, JSON = "text/event-stream", "application/json"
PATIENCE = 20.0  # seconds after which a test that waits has failed

Ending = Literal["end", "cut", "reset", "stall"]


@dataclass(frozen=True)
class Reply:
    """What comes back: `pieces` one after the other, then the end, half a chunk, a reset or nothing more at all."""

    pieces: tuple[bytes, ...] = ()
    status: int = 200
    kind: str = STREAM
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = "end"


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, where it is JSON."""
        values: dict[str, Any] = json.loads(self.body)
        return values


@dataclass
class FakeServer:
    """What was asked, and what will be replied. `left` is set once somebody hung up on a reply that stalls."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)
    left: threading.Event = field(default_factory=threading.Event)
    stalling: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        """With the port."""
        return self.url.split("/")[2]


def event(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One event of a streamed answer."""
    chunk = {"id": "1", "object": "chat.completion.chunk", "model": "m", **more}
    return sse(json.dumps(chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))


def sse(data: str) -> bytes:
    """One server-sent event."""
    return f"data: {data}\n\n".encode()


def words(*texts: str, ending: Ending = "end") -> Reply:
    """An answer of so many pieces, as OpenAI streams it; one that does not end is not finished."""
    begun = event({"role": "assistant", "content": ""})
    pieces = [begun, *(event({"content": text}) for text in texts)]
    return Reply((*pieces, event({}, "stop"), sse("[DONE]")) if ending == "end" else tuple(pieces), ending=ending)


def sound(data: bytes) -> bytes:
    """An event with sound, as OpenAI sends it."""
    return event({"audio": {"data": base64.b64encode(data).decode()}})


def refusal(status: int, message: str = "", **headers: str) -> Reply:
    """An error as most servers put it."""
    body = json.dumps({"error": {"message": message, "type": "x"}}).encode()
    return Reply((body,), status, JSON, {name.replace("_", "-"): value for name, value in headers.items()})


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[FakeServer]:
    """The server, while the block lasts; over TLS with a certificate and its key in one file."""
    fake = FakeServer()
    with loopback(type("Handler", (_Handler,), {"fake": fake}), fake.over, certificate) as url:
        fake.url = f"{url}/v1"
        yield fake


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Nothing is said."""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.fake.asked.append(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        reply = self.fake.replies.popleft() if self.fake.replies else words("A red circle.")
        self.close_connection = True
        if reply.ending == "stall" and not reply.pieces:
            self._stall()
            return
        self.send_response(reply.status)
        for name, value in {"content-type": reply.kind, "transfer-encoding": "chunked", **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in filter(None, reply.pieces):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self._end(reply.ending)

    def _end(self, ending: Ending) -> None:
        match ending:
            case "end":
                self.wfile.write(b"0\r\n\r\n")
            case "cut":
                self.wfile.write(b"50\r\nhalf of what was prom")
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "stall":
                self._stall()

    def _stall(self) -> None:
        """Say nothing until the other side hangs up."""
        self.fake.stalling.set()
        self.connection.settimeout(0.02)
        while not self.fake.over.is_set():
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.fake.left.set()
