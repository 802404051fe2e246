"""A real HTTP server on the loopback, for as long as a test needs it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments: object) -> None:
        """A client that was killed or hangs up is nothing to speak of."""


@contextmanager
def loopback(handler: type[BaseHTTPRequestHandler], over: threading.Event, cert: Path | None = None) -> Iterator[str]:
    """The server's address while the block lasts, over TLS with a certificate and its key in one file; `over` is set
    at the end, before the server waits for its requests."""
    server = _Server(("127.0.0.1", 0), handler)
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http{'s' if cert else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
