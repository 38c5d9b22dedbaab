# SPDX-License-Identifier: Apache-2.0
"""The relay before the OSV service: nothing but a whole answer gets through."""

from __future__ import annotations

import json
import socket
import threading
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from tests.auditing.osv_server import advisory, serve_osv

from ophamin.auditing.pillars import osv_relay
from ophamin.auditing.pillars.osv_relay import OsvRelay, OsvServiceError, read_answer


@pytest.fixture
def osv():
    with serve_osv() as server:
        yield server


def ask(url, name="six", data=None):
    """What a client of the relay gets: status and body."""
    query = json.dumps({"package": {"name": name, "ecosystem": "PyPI"}, "version": "1"}).encode()
    try:
        request = Request(url, data=query if data is None else data)
        with build_opener(ProxyHandler({})).open(request, timeout=30) as response:
            return response.status, response.read()
    except HTTPError as error:
        with error:
            return error.code, b""


def test_a_whole_answer_gets_through_as_it_is_and_is_kept(osv):
    osv.answers["six"] = {"vulns": [advisory("PYSEC-1", "six")]}
    with OsvRelay(osv.url, seconds=10) as relay:
        status, body = ask(relay.url)
    assert (status, json.loads(body)) == (200, osv.answers["six"])
    assert [entry["id"] for entry in relay.advisories["six"]] == ["PYSEC-1"]
    assert (relay.failure, dict(relay.doubts)) == ("", {})
    assert osv.queries == [{"package": {"name": "six", "ecosystem": "PyPI"}, "version": "1"}]


@pytest.mark.parametrize(
    "answer",
    [
        *(None, [], "", 0, False, "no", {"code": 5, "message": "x"}, {"next_page_token": "x"}),
        *({"vulns": None}, {"vulns": {}}, {"vulns": [1]}, {"vulns": [{"id": 1}]}),
        *(b"", b"<html>", b"\xff", b"[" * 100_000),
    ],
    ids=range(16),
)
def test_what_is_no_answer_does_not_get_through(osv, answer):
    osv.answers["six"] = answer
    with OsvRelay(osv.url, seconds=10) as relay:
        assert ask(relay.url)[0] == 502
    assert relay.failure.startswith(f"{relay.service} answered with")
    assert relay.advisories == {}


@pytest.mark.parametrize("status", [201 + 99, 301, 302, 307, 400, 403, 404, 429, 500, 503])
def test_every_status_of_failure_is_a_failure(osv, status):
    osv.status = status
    osv.headers = {"Location": osv.url + "/elsewhere"}
    with OsvRelay(osv.url, seconds=10) as relay:
        assert ask(relay.url)[0] == 502
    assert relay.failure == f"{relay.service} answered with status {status}"
    assert len(osv.queries) == 1


@pytest.mark.parametrize(
    ("answer", "doubt"),
    [
        ({"vulns": [], "next_page_token": "x"}, "the answer has further pages"),
        ({"vulns": [advisory("A", "six", schema_version="2.0.0")]}, "pip-audit cannot read the advisory A"),
        ({"vulns": [advisory("A", "six", affected=None)]}, "pip-audit cannot read the advisory A"),
    ],
    ids=["pages", "schema", "no package"],
)
def test_what_pip_audit_would_pass_over_is_a_doubt(answer, doubt):
    assert read_answer(json.dumps(answer).encode())[1] == [doubt]


def test_a_withdrawn_advisory_is_no_doubt():
    entry = advisory("A", "six", affected=None, withdrawn="2024-01-01T00:00:00Z")
    assert read_answer(json.dumps({"vulns": [entry]}).encode()) == ([entry], [])


def test_a_service_that_is_not_there_is_a_failure():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        with OsvRelay(f"http://127.0.0.1:{taken.getsockname()[1]}/v1/query", seconds=10) as relay:
            assert ask(relay.url)[0] == 502
    assert "cannot be reached" in relay.failure


def test_a_service_that_hangs_is_a_failure(osv):
    osv.hang = True
    with OsvRelay(osv.url, seconds=0.2) as relay:
        assert ask(relay.url)[0] == 502
    assert relay.failure.endswith("did not answer within 0.2 s")


def test_a_service_that_drips_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as server:
        ending = threading.Event()

        def drip():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not ending.wait(0.01):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with OsvRelay(f"http://127.0.0.1:{server.getsockname()[1]}/", seconds=0.2) as relay:
            assert ask(relay.url)[0] == 502
        ending.set()
        thread.join()
    assert relay.failure.endswith("did not answer within 0.2 s")


@pytest.mark.parametrize(
    "answer",
    [b"Content-Length: 100\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", b"Content-Le"],
    ids=["body", "chunks", "head"],
)
def test_a_service_that_breaks_off_is_a_failure(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def break_off():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + answer)

        thread = threading.Thread(target=break_off, daemon=True)
        thread.start()
        with OsvRelay(f"http://127.0.0.1:{server.getsockname()[1]}/", seconds=10) as relay:
            assert ask(relay.url)[0] == 502
        thread.join()
    assert relay.failure


def test_a_huge_answer_is_a_failure(osv, monkeypatch):
    monkeypatch.setattr(osv_relay, "MAX_ANSWER_BYTES", 1000)
    osv.answers["six"] = b"{}" + b" " * 2000
    with OsvRelay(osv.url, seconds=10) as relay:
        assert ask(relay.url)[0] == 502
    assert "more than 1000 bytes" in relay.failure


def test_only_the_holder_of_the_address_is_answered(osv):
    with OsvRelay(osv.url, seconds=10) as relay:
        assert ask(relay.url.rpartition("/")[0])[0] == 502
        assert ask(relay.url, data=b"x" * 100_000)[0] == 413
    assert (osv.queries, relay.failure) == ([], "")


def test_a_question_of_another_form_is_a_failure(osv):
    with OsvRelay(osv.url, seconds=10) as relay:
        assert ask(relay.url, data=b"[]")[0] == 502
    assert relay.failure
    assert osv.queries == []


def test_a_proxy_is_not_asked_for_a_service_on_this_machine(osv, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with OsvRelay(osv.url, seconds=10) as relay:
        assert ask(relay.url)[0] == 200


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://example.org/v1/query",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "https://",
        "http://127.0.0.1:x/",
        "http://127.0.0.1.example.org/",
        "http://[::1",
        "http://user:hunter2@example.org/",
    ],
    ids=range(10),
)
def test_an_address_that_answers_cannot_be_believed_from_is_refused(url):
    with pytest.raises(OsvServiceError, match="give one with https, or with http on this machine") as refusal:
        OsvRelay(url, seconds=1)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://user:hunter2@osv.example.org/v1/query", "https://osv.example.org"),
        ("https://osv.example.org:8443/v1/query", "https://osv.example.org:8443"),
        ("http://localhost:80/v1/query", "http://localhost:80"),
        ("http://[::1]:80/v1/query", "http://[::1]:80"),
    ],
    ids=["user", "port", "name", "IPv6"],
)
def test_records_name_the_service_without_path_and_user(url, service):
    with OsvRelay(url, seconds=1) as relay:
        assert relay.service == service
