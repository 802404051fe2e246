"""Models from the Hugging Face hub or a mirror of it.

huggingface_hub gives the address, the token, the proxy, the offline mode and the session. Reading is ours: the hub's
own download keeps no partial file from one process to the next, compares no digests and cannot be cancelled.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
from huggingface_hub import constants, get_async_session, get_token
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented, not in __all__

from .. import __version__
from ..errors import ModelError
from ..vault import read_secret
from .catalog import Entry
from .source import PIECE, File, Listing, PassingError, wanted

MAX_LISTING = 20_000_000
MAX_WAIT = 60.0
_COMMIT, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_PASSING = {408, 416, 425, 429, 500, 502, 503, 504}
_KEPT = "Run it again: what was downloaded is kept."
_NETWORK = f"Check the network, and HTTPS_PROXY and HF_ENDPOINT where they are set. {_KEPT}"


class Hub:
    """The hub at `endpoint`, which HF_ENDPOINT may set. The token is sent over TLS and to this machine alone."""

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        """Without `token`, the one of HF_TOKEN, of the keyring or of `hf auth login` is used, where there is one."""
        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        address = urlsplit(self.endpoint)
        self.host = address.hostname or self.endpoint
        trusted = address.scheme == "https" or self.host in ("localhost", "127.0.0.1", "::1")
        self._token = _sendable(token or find_token() or "") if trusted else ""

    def open(self) -> None:
        """See Source."""
        self._session = get_async_session()

    async def close(self) -> None:
        """See Source."""
        await self._session.aclose()

    async def listing(self, entry: Entry) -> Listing:
        """See Source. The revision becomes a commit here, so that all files are of the same one."""
        url = f"{self.endpoint}/api/models/{entry.repo}/revision/{quote(entry.revision, safe='')}?blobs=true"
        content = bytearray()
        async with self._asked(url, entry) as response:
            async for piece in response.aiter_bytes(PIECE):
                content += piece
                if len(content) > MAX_LISTING:
                    raise ModelError(f"The list of files of {entry.repo} is too long.", "Check HF_ENDPOINT.")
        return parse_listing(bytes(content), entry, self.host)

    async def read(self, entry: Entry, commit: str, file: File, start: int) -> AsyncGenerator[bytes, None]:
        """See Source."""
        url = f"{self.endpoint}/{entry.repo}/resolve/{commit}/{quote(file.name)}"
        # Not compressed: a range is one of the bytes that are stored.
        headers = {"accept-encoding": "identity"} | ({"range": f"bytes={start}-"} if start else {})
        async with self._asked(url, entry, headers) as response:
            extra = start - self._begin(response, file)
            async for piece in response.aiter_raw():  # as it comes: what a buffer holds is lost when the line breaks
                if rest := piece[extra:]:
                    yield rest
                extra = max(0, extra - len(piece))

    def _begin(self, response: httpx2.Response, file: File) -> int:
        """At which byte of the file the answer begins. Raises PassingError where it is of something else."""
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("content-range", ""))
        begin, total = (int(part[1]), int(part[2])) if part else (0, file.size)
        if not part:
            total = int(response.headers.get("content-length", total))
        asked = response.request.headers.get("range", "bytes=0-")
        if total != file.size or (part and f"bytes={begin}-" != asked):
            raise PassingError(ModelError(f"{self.host} sends something else in place of {file.name}.", _NETWORK))
        return begin

    @asynccontextmanager
    async def _asked(
        self, url: str, entry: Entry, headers: dict[str, str] | None = None
    ) -> AsyncIterator[httpx2.Response]:
        """The answer to a GET, read while the block lasts. Raises PassingError for what may pass, else ModelError."""
        sent = build_hf_headers(token=self._token or False, library_name="sviqa", library_version=__version__)
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        try:
            async with self._session.stream("GET", url, headers=sent | (headers or {}), timeout=timeout) as response:
                self._check(response, entry)
                yield response
        except OfflineModeIsEnabled as error:
            raise ModelError(
                f"{entry.name} cannot be downloaded: HF_HUB_OFFLINE is set.", "Unset it, or install from a folder."
            ) from error
        except httpx2.TimeoutException as error:
            raise PassingError(ModelError(f"{self.host} does not answer any more.", _NETWORK)) from error
        except (httpx2.UnsupportedProtocol, httpx2.TooManyRedirects, httpx2.InvalidURL, UnicodeError) as error:
            raise ModelError(f"{self.host} leads nowhere ({type(error).__name__}).", "Check HF_ENDPOINT.") from error
        except (httpx2.ConnectError, httpx2.ProxyError) as error:
            raise PassingError(ModelError(f"{self.host} cannot be reached ({_reason(error)}).", _NETWORK)) from error
        except httpx2.HTTPError as error:
            raise PassingError(ModelError(f"The line to {self.host} broke ({_reason(error)}).", _NETWORK)) from error

    def _check(self, response: httpx2.Response, entry: Entry) -> None:
        """Raises PassingError or ModelError where it is no answer to go on with."""
        status = response.status_code
        if status in (200, 206):
            return
        if status in _PASSING:
            error = ModelError(f"{self.host} answers with the error {status}.", f"Wait a little. {_KEPT}")
            raise PassingError(error, _seconds(response.headers.get("retry-after", "")))
        raise self._refusal(status, response.headers.get("x-error-code", ""), entry)

    def _refusal(self, status: int, code: str, entry: Entry) -> ModelError:
        if code == "GatedRepo" or status == 403:
            return ModelError(
                f"{self.host} gives {entry.repo} only to those who accepted its licence.",
                f"Accept it at {self.endpoint}/{entry.repo}, then set HF_TOKEN or run: keyring set sviqa huggingface",
            )
        if code == "RevisionNotFound":
            return ModelError(f"{entry.repo} has no revision {entry.revision}.", "Correct the entry in the catalog.")
        if code == "RepoNotFound" or status == 401:
            return ModelError(f"{self.host} has no model {entry.repo}, or it is private.", "If so, set HF_TOKEN.")
        return ModelError(f"{self.host} refuses {entry.repo} with the error {status}.", "Check the entry.")


def find_token() -> str | None:
    """The hub's token of this person: HF_TOKEN, else the keyring's, else that of `hf auth login`."""
    return os.environ.get("HF_TOKEN") or read_secret("huggingface") or get_token()


def _sendable(token: str) -> str:
    """Refused here, because the libraries below would quote it in their complaint."""
    token = token.strip()
    if not (token.isascii() and token.isprintable()):
        raise ModelError("The hub's token holds characters that no token has.", "Correct HF_TOKEN, or the keyring's.")
    return token


def parse_listing(content: bytes, entry: Entry, host: str) -> Listing:
    """The hub's description of a model, of which only what the entry wants is looked at. Raises ModelError."""
    try:
        data = json.loads(content)
        siblings = {sibling["rfilename"]: sibling for sibling in data["siblings"]}
        names = wanted(entry, siblings, f"{host}/{entry.repo}")
        files = tuple(_file(name, siblings[name]) for name in names)
        if not _COMMIT.fullmatch(data["sha"]):
            raise ValueError("no commit")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"What {host} says about {entry.repo} is not understood.", "Check HF_ENDPOINT.") from error
    return Listing(data["sha"], files)


def _file(name: str, sibling: dict[str, Any]) -> File:
    """A large file has the SHA-256 of its content, a small one the number that git gives it."""
    large = sibling.get("lfs")
    size, digest = (large["size"], large["sha256"]) if large else (sibling["size"], sibling["blobId"])
    if type(size) is not int or size < 0 or not (_SHA256 if large else _COMMIT).fullmatch(digest):
        raise ValueError(name)
    return File(name, size, digest)


def _seconds(text: str) -> float:
    """How long the server asks to be left alone; a date is not waited for."""
    return min(float(text), MAX_WAIT) if text.isascii() and text.isdigit() else 0.0


def _reason(error: Exception) -> str:
    """The last words of what went wrong, without addresses, which may hold signatures."""
    words = str(error) or type(error).__name__
    return re.sub(r"\w+://\S+", "...", words)[:120]
