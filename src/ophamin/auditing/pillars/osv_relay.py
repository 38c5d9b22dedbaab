# SPDX-License-Identifier: Apache-2.0
"""Stands between pip-audit and the OSV service for one run, and reads the answers that pass.

pip-audit takes the JSON values ``null`` and ``[]`` for "no vulnerabilities", passes over advisories of a form it does
not know, reads only the first page of an answer, and drops the severities. The relay passes on nothing but a whole
answer of the form that OSV documents, keeps the advisories for their scores, and says what was doubtful. pip-audit
itself needs no way out to the network, no proxy and no certificates. Which answer is a finding is for pip-audit.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import BaseHandler, HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["DEFAULT_OSV_URL", "MAX_ANSWER_BYTES", "OsvRelay", "OsvServiceError", "read_answer"]

DEFAULT_OSV_URL: Final = "https://api.osv.dev/v1/query"
"""The public service."""

MAX_ANSWER_BYTES: Final = 32 * 2**20
"""A longer answer is refused; OSV itself cuts answers into pages at 32 MiB."""

_MAX_QUERY_BYTES: Final = 2**16
_BLOCK: Final = 2**16


class OsvServiceError(OphaminError, OSError):
    """The service is not there, or what it says is no answer."""


class _NoRedirects(HTTPRedirectHandler):
    """A redirected question would arrive without its body."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class OsvRelay:
    """A server on the loopback interface that forwards questions to one OSV service.

    Attributes:
        service: the service without path and user, for records.
        failure: why the first question that failed got no answer, or empty.
        advisories: canonical package name to the advisories of its answer.
        doubts: canonical package name to why its answer is not whole.

    Args:
        url: of the service's query; https, or http on the loopback interface.
        seconds: how long one answer may take.

    Raises:
        OsvServiceError: the address is no such address, or no server can be opened.

    Example:
        >>> with OsvRelay("http://127.0.0.1:9/v1/query", seconds=1.0) as relay:
        ...     relay.url.startswith("http://127.0.0.1:"), relay.service
        (True, 'http://127.0.0.1:9')
    """

    def __init__(self, url: str, *, seconds: float) -> None:
        self.service, proxies = _checked(url)
        self.failure = ""
        self.advisories: dict[str, list[dict[str, Any]]] = {}
        self.doubts: defaultdict[str, list[str]] = defaultdict(list)
        self._upstream, self._seconds = url, seconds
        self._path = f"/{secrets.token_hex(16)}/query"
        self._opener: OpenerDirector = build_opener(_NoRedirects, *proxies)
        try:
            self._server = _Server(self)
        except OSError as error:
            raise OsvServiceError(f"no server could be opened on 127.0.0.1: {error.strerror}; allow that") from error

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """What pip-audit gets as the address of the service."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    def answer(self, path: str, query: bytes) -> bytes | None:
        """The service's answer to one question, or None where there is none; what it tells is kept.

        Args:
            path: where the question was asked.
            query: its body.
        """
        if path != self._path:
            return None
        try:
            name = str(json.loads(query)["package"]["name"])
            body = self._ask(query)
            advisories, doubts = read_answer(body)
        except (OsvServiceError, ValueError, LookupError, TypeError) as error:
            self.failure = self.failure or visible(f"{self.service} {error}")
            return None
        self.advisories[name] = advisories
        if doubts:
            self.doubts[name] += doubts
        return body

    def _ask(self, query: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": "ophamin"}
        request = Request(self._upstream, data=query, headers=headers)  # noqa: S310 - _checked allows http and https
        deadline = time.monotonic() + self._seconds
        body = bytearray()
        try:
            with self._opener.open(request, timeout=self._seconds) as response:
                while block := response.read1(_BLOCK):
                    body += block
                    if len(body) > MAX_ANSWER_BYTES:
                        raise OsvServiceError(f"answered with more than {MAX_ANSWER_BYTES} bytes")
                    if time.monotonic() > deadline:
                        raise TimeoutError("timed out")
                if response.length:  # of what it announced; read1 says nothing of it
                    raise OsvServiceError("broke off its answer")
        except OsvServiceError:
            raise
        except HTTPError as error:
            error.close()
            raise OsvServiceError(f"answered with status {error.code}") from error
        except TimeoutError as error:
            raise OsvServiceError(f"did not answer within {self._seconds:g} s") from error
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise OsvServiceError(f"cannot be reached: {str(reason)[:200]}") from error
        return bytes(body)


def read_answer(body: bytes) -> tuple[list[dict[str, Any]], list[str]]:
    """Read one answer of OSV's query.

    Returns:
        Its advisories, and why it may not be whole for pip-audit.

    Raises:
        OsvServiceError: it is no answer of the documented form. An empty answer is ``{}``, never ``null`` or ``[]``.

    Example:
        >>> read_answer(b"{}")
        ([], [])
        >>> read_answer(b'{"vulns": [], "next_page_token": "x"}')
        ([], ['the answer has further pages'])
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise OsvServiceError("answered with what is no JSON") from error
    if not isinstance(data, dict) or (data and "vulns" not in data):
        raise OsvServiceError("answered with JSON that is no answer of OSV")
    listed = data.get("vulns", [])
    if not isinstance(listed, list) or not all(_is_advisory(entry) for entry in listed):
        raise OsvServiceError("answered with advisories that are none of OSV")
    doubts = ["the answer has further pages"] if data.get("next_page_token") else []
    unread = (entry["id"] for entry in listed if entry.get("withdrawn") is None and not _is_read(entry))
    return listed, doubts + [f"pip-audit cannot read the advisory {visible(name)[:60]}" for name in unread]


def _is_advisory(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("id"), str)


def _is_read(entry: Mapping[str, Any]) -> bool:
    """Whether pip-audit 2.10 looks at an advisory: it leaves out other schemas, and entries that name no package."""
    return str(entry.get("schema_version", "1.0.0")).partition(".")[0] == "1" and entry.get("affected") is not None


def _checked(url: str) -> tuple[str, list[BaseHandler]]:
    """The service as it is named in records, and the handlers that the way to it needs.

    Raises:
        OsvServiceError: it is no address that answers can be believed from.
    """
    with suppress(ValueError):
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        loopback = _is_loopback(host)
        if host and (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
            shown = f"[{host}]" if ":" in host else host
            service = f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
            return visible(service), [ProxyHandler({})] if loopback else []
    shown = visible(re.sub(r"//[^/]*@", "//", url))[:80]
    raise OsvServiceError(
        f"the address of the OSV service is {shown!r}; give one with https, or with http on this machine"
    )


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a thread that waits for the service ends with its time

    def __init__(self, relay: OsvRelay) -> None:
        self.relay = relay
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: pip-audit has gone away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30.0

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > _MAX_QUERY_BYTES:
            self.send_error(413)
            return
        body = self.server.relay.answer(self.path, self.rfile.read(int(size)))
        if body is None:
            self.send_error(502)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named so where it is declared
        """Nothing: what matters is kept by the relay."""
