"""OpenAI's protocol, as vLLM, llama.cpp, transformers serve and hosted ones speak it. Every failure is one plain line.

Redirects are not followed: where they lead, the person did not agree to send anything.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx2

from .. import __version__
from ..errors import EngineError
from ..servers import Server, key_variable
from .chat_events import Delta, complaint, parse_delta, plain

CONNECT, QUIET, LONGEST = 15.0, 300.0, 1200.0
"""Seconds for a connection to stand, between two pieces of an answer, and for all of it."""
MAX_TEXT = 50_000  # characters of an answer
MAX_SOUND = 60_000_000  # bytes of its sound: twenty minutes
MAX_EVENT = 16_000_000  # an answer's sound may come in one piece
MAX_REPLY = 1_000_000
_QUOTED = 200
_PIECE_OF_KEY = 6
_AGAIN = "Ask again; if that does not help, look at the server."

Message = dict[str, Any]


class Line:
    """Requests to one server. The key goes to its address alone, and into no message."""

    def __init__(self, server: Server, key: str) -> None:
        self._server = server
        self._key = key

    async def chat(self, messages: list[Message], speak: bool) -> AsyncIterator[str | bytes]:
        """Words and sound of the answer, as they come. Raises EngineError."""
        body: dict[str, Any] = {"model": self._server.model, "messages": messages, "stream": True}
        if speak:
            body |= {"modalities": ["text", "audio"], "audio": {"voice": self._server.voice, "format": "pcm16"}}
        async with self._asked("POST", "chat/completions", json=body) as response:
            self._expect(response, "text/event-stream")
            async for delta in self._deltas(response):
                if delta.text:
                    yield delta.text
                if delta.sound:
                    yield delta.sound

    async def transcribe(self, wav: bytes) -> AsyncIterator[str]:
        """The words in a WAV file, all at once. Raises EngineError."""
        files = {"file": ("question.wav", wav, "audio/wav")}
        data = {"model": self._server.transcriber}
        async with self._asked("POST", "audio/transcriptions", files=files, data=data) as response:
            reply = await self._reply(response)
            if not isinstance(reply, dict) or not isinstance(reply.get("text"), str):
                raise self._nonsense()
            yield plain(reply["text"]).strip()[:MAX_TEXT]

    async def models(self) -> AsyncIterator[str]:
        """The names of the models that are there. Raises EngineError."""
        async with self._asked("GET", "models") as response:
            reply = await self._reply(response)
            try:
                names = [plain(entry["id"])[:_QUOTED] for entry in reply["data"]]
            except (TypeError, KeyError) as error:
                raise self._nonsense() from error
            for name in names:
                yield name

    async def _deltas(self, response: httpx2.Response) -> AsyncIterator[Delta]:
        """The events of an answer until it is whole, and no more than an answer has."""
        text = sound = 0
        whole = False
        response.encoding = "utf-8"  # the protocol has no other
        async for event in httpx2.EventSource(response, MAX_EVENT):
            if event.data.strip() == "[DONE]":
                return
            try:
                delta = parse_delta(event.data)
            except ValueError as error:
                raise self._nonsense() from error
            if delta.fault:
                raise EngineError(f"{self._host} could not answer{self._quoted(delta.fault)}.", _AGAIN)
            whole |= delta.last
            text += len(delta.text)
            sound += len(delta.sound)
            if text > MAX_TEXT or sound > MAX_SOUND:
                raise EngineError(f"The answer of {self._host} does not end.", _AGAIN)
            yield delta
        if not whole:
            raise EngineError(f"{self._host} stopped in the middle of the answer.", _AGAIN)

    @asynccontextmanager
    async def _asked(self, method: str, path: str, **content: Any) -> AsyncIterator[httpx2.Response]:
        """The reply to a request, read while the block lasts. Raises EngineError for whatever goes wrong."""
        headers = {"user-agent": f"sviqa/{__version__}", "accept-encoding": "identity"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        try:
            async with (
                asyncio.timeout(LONGEST),
                self._client() as client,
                client.stream(method, f"{self._server.url}/{path}", headers=headers, **content) as response,
            ):
                if response.status_code != 200:
                    raise await self._refusal(response)
                yield response
        except TimeoutError as error:
            raise EngineError(f"The answer of {self._host} does not end.", _AGAIN) from error
        except httpx2.TimeoutException as error:
            raise EngineError(f"{self._host} does not answer.", "Look whether it is busy, and ask again.") from error
        except (httpx2.ConnectError, httpx2.ProxyError) as error:
            raise self._unreached(error) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, UnicodeError) as error:
            reason = self._quoted(str(error) or type(error).__name__)
            raise EngineError(f"The line to {self._host} broke{reason}.", _AGAIN) from error

    def _client(self) -> httpx2.AsyncClient:
        """Raises EngineError where the proxy that the environment names cannot be used."""
        timeout = httpx2.Timeout(QUIET, connect=CONNECT)
        trust_env = not self._server.local  # what stays on this machine goes through no proxy
        try:
            return httpx2.AsyncClient(verify=_trusted(), timeout=timeout, trust_env=trust_env, follow_redirects=False)
        except (ValueError, ImportError) as error:  # not quoted: the address of a proxy may hold a password
            raise EngineError(
                "The proxy that HTTPS_PROXY or ALL_PROXY names cannot be used.", "Give one as http://HOST:PORT."
            ) from error

    async def _reply(self, response: httpx2.Response) -> Any:
        """The JSON of a reply that comes whole."""
        self._expect(response, "application/json")
        try:
            return json.loads(await _start(response, MAX_REPLY))
        except (ValueError, RecursionError) as error:
            raise self._nonsense() from error

    def _expect(self, response: httpx2.Response, kind: str) -> None:
        found = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        coding = response.headers.get("content-encoding", "identity")
        if found != kind or coding != "identity":  # nothing is unpacked: a little could become very much
            raise EngineError(
                f"{self._host} answers with {plain(found)[:50] or 'something unnamed'} in place of {kind}.",
                f"Check that {self._server.url} is the address of its OpenAI-compatible interface.",
            )

    async def _refusal(self, response: httpx2.Response) -> EngineError:
        """What a status other than 200 means."""
        status, name, host = response.status_code, self._server.name, self._host
        if status in (401, 403):  # not quoted: servers repeat the key, or a part of it
            what = "does not accept the key" if self._key else "wants a key"
            return EngineError(
                f"{host} {what}.", f"Run sviqa servers add again with --key, or set {key_variable(name)}."
            )
        if 300 <= status < 400:
            return EngineError(
                f"{host} sends on to another address, to which nothing is sent.",
                "If you trust it, add the server again with the address it has now.",
            )
        if status == 413:
            return EngineError(f"{host} takes no picture or recording as large as this.", "Give a smaller one.")
        if status == 429 or (status == 503 and "retry-after" in response.headers):
            wait = response.headers.get("retry-after", "")
            when = f"in {int(wait)} seconds" if re.fullmatch(r"[0-9]{1,6}", wait) else "later"
            return EngineError(f"{host} is asked too much, or your quota is used up.", f"Ask again {when}.")
        said = self._quoted(complaint(await _start(response, MAX_REPLY)))
        if status == 404:
            return EngineError(
                f"{host} has no model {self._server.model}, or nothing at this address{said}.",
                f"Run sviqa servers test {name}: it lists its models.",
            )
        if status >= 500:
            return EngineError(f"{host} failed with the error {status}{said}.", _AGAIN)
        return EngineError(
            f"{host} refuses the question with the error {status}{said}.",
            "Check that its model takes what is sent: sviqa servers lists that.",
        )

    def _unreached(self, error: Exception) -> EngineError:
        reason = self._quoted(_deepest(error))
        if _is_tls(error):
            return EngineError(
                f"{self._host} cannot prove who it is, so nothing was sent{reason}.",
                "Check the address; a certificate of your own belongs into this system's, or into SSL_CERT_FILE.",
            )
        return EngineError(
            f"{self._host} cannot be reached{reason}.", "Check that it runs, and the network, and the address."
        )

    def _nonsense(self) -> EngineError:
        return EngineError(
            f"What {self._host} answers is not understood.",
            f"Check that {self._server.url} is the address of its OpenAI-compatible interface.",
        )

    @property
    def _host(self) -> str:
        return self._server.host

    def _quoted(self, words: str) -> str:
        """Words of a server or a library in brackets, on one line; nothing where they hold a piece of the key."""
        words = re.sub(r"\s+", " ", plain(words)).strip(" .")[:_QUOTED]
        pieces = (self._key[at : at + _PIECE_OF_KEY] for at in range(max(1, len(self._key) - _PIECE_OF_KEY + 1)))
        return "" if not words or any(piece and piece in words for piece in pieces) else f" ({words})"


async def _start(response: httpx2.Response, most: int) -> bytes:
    """The first bytes of a reply, as many as one may have."""
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > most:
            break
    return bytes(content)


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that this system trusts; reading them takes a while."""
    return httpx2.create_ssl_context()


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _is_tls(error: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLError) for cause in _chain(error))


def _deepest(error: BaseException) -> str:
    """The last words of a connection that failed: why the system or the other side refused."""
    for cause in reversed(_chain(error)):
        if isinstance(cause, ssl.SSLError):
            return getattr(cause, "verify_message", "") or cause.reason or ""
        if isinstance(cause, OSError) and cause.strerror:
            # asyncio puts words of its own in place of the system's; a name that is not found has no other.
            return os.strerror(cause.errno or 0) if cause.errno in errno.errorcode else cause.strerror
    return str(error)
