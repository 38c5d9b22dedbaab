# SPDX-License-Identifier: Apache-2.0
"""A service on the loopback interface that answers like OSV, or in one of the ways in which a service goes wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class OsvServer(ThreadingHTTPServer):
    """Answers every question by ``answers[package name]``, or by the answer for ``*``, or by nothing found.

    Attributes:
        answers: name to plain values, which are sent as JSON, or to bytes, which are sent as they are.
        status: the status of every answer.
        hang: do not answer before the server is closed.
        queries: what was asked.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Any] = {}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.hang = False
        self.closing = threading.Event()
        self.queries: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/query"

    def handle_error(self, request, client_address):
        """Whoever asked has gone away."""


class _Handler(BaseHTTPRequestHandler):
    server: OsvServer

    def do_POST(self):
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.queries.append(query)
        if self.server.hang:
            self.server.closing.wait(60)
            return
        answers = self.server.answers
        answer = answers.get(query["package"]["name"], answers.get("*", {}))
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Nothing on stderr."""


@contextmanager
def serve_osv() -> Iterator[OsvServer]:
    """A running server, closed at the end."""
    server = OsvServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def advisory(name: str, package: str, **fields: Any) -> dict[str, Any]:
    """An entry of the OSV schema for one package of PyPI."""
    affected = [{"package": {"name": package, "ecosystem": "PyPI"}}]
    return {"id": name, "schema_version": "1.7.0", "summary": f"a fault in {package}", "affected": affected, **fields}
