# SPDX-License-Identifier: Apache-2.0
"""The strict reader against documents that have no single meaning, and against documents that are only large."""

from __future__ import annotations

import json
import math
import os
import socket
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.strictjson import MAX_BYTES, StrictJSONError, load, loads
from ophamin.errors import OphaminError

LONG = 2**16
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        (b"", "syntax", "line 1, column 1"),
        (b"{", "syntax", "line 1, column 2"),
        (b"[1,]", "syntax", "column 4"),
        (b"{} {}", "syntax", "Extra data"),
        (b"'a'", "syntax", "Expecting value"),
        (b"[01]", "syntax", ""),
        (b'"a\nb"', "syntax", "control character at line 1"),
        (b'"open', "syntax", "Unterminated"),
        (b'"\\x"', "syntax", "escape"),
        (b"]]]]", "syntax", ""),
        (b"\xef\xbb\xbf{}", "encoding", "without a mark"),
        ('{"a": 1}'.encode("utf-16"), "encoding", "UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "encoding", "UTF-8"),
        ('{"a": 1}'.encode("utf-32"), "encoding", "UTF-8"),
        (b'"\xff"', "encoding", "byte 1"),
        (b'"\xc0\xaf"', "encoding", "byte 1"),
        (b'"\xed\xa0\x80"', "encoding", "byte 1"),
        (b'{"a": 1, "b": 2, "a": 3}', "duplicate_key", "'a'"),
        (b'{"a": 1, "\\u0061": 3}', "duplicate_key", "'a'"),
        (b'[{"x": {"k": 1, "k": 1}}]', "duplicate_key", "'k'"),
        (b"NaN", "not_finite", "NaN"),
        (b"[Infinity]", "not_finite", "Infinity"),
        (b'{"a": -Infinity}', "not_finite", "-Infinity"),
        (b"1e999", "not_finite", "1e999"),
        (b"-1e999", "not_finite", "write null"),
        (b"9007199254740993", "big_integer", "write it as text"),
        (b"-12345678901234567", "big_integer", "-12345678901234567"),
        (b'"\\ud800"', "surrogate", "surrogate"),
        (b'["ok", {"\\udfff": 1}]', "surrogate", "surrogate"),
        (b'"\\ude00\\ud83d"', "surrogate", "surrogate"),
        (b'["' + b"a" * (LONG + 1) + b'"]', "long_string", "65537"),
        (b'{"' + b"a" * (LONG + 1) + b'": 1}', "long_string", "65536"),
        ('"{}"'.format("é" * (LONG // 2 + 1)).encode(), "long_string", "65538"),
        (b"[" * 65 + b"]" * 65, "too_deep", "65 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep", "64"),
    ],
)
def test_t17_a_document_without_a_single_meaning_is_refused_with_its_reason(data, reason, says):
    with pytest.raises(StrictJSONError) as caught:
        loads(data)
    assert caught.value.reason == reason
    assert says in str(caught.value)


HOSTILE = {
    "nested lists": b"[" * 10_000 + b"]" * 10_000,
    "nested and never closed": b'{"a":' * 200_000,
    "closings alone": b"]" * 1_000_000,
    "a string of escapes that is never closed": b'"' + b'\\"' * (MAX_BYTES // 2 - 1),
    "empty strings": b"[" + b'"",' * (MAX_BYTES // 3 - 1) + b"0]",
    "strings that end in an escape": b'["' + b'\\\\","' * (MAX_BYTES // 6) + b'"]',
    "empty objects": b"[" + b"{}," * (MAX_BYTES // 3 - 2) + b"0]",
    "members": b"{" + b",".join(b'"%d":{}' % n for n in range(500_000)) + b"}",
    "digits": b"1" * MAX_BYTES,
    "digits of an exponent": b"1e" + b"9" * (MAX_BYTES - 2),
    "lone surrogates": b'"' + b"\\ud800" * (MAX_BYTES // 6 - 1) + b'"',
    "one string": b'"' + b"a" * (MAX_BYTES - 2) + b'"',
    "spaces": b" " * MAX_BYTES,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_t18_a_hostile_document_is_refused_in_64_mebibytes(name):
    data = HOSTILE[name]
    assert len(data) <= MAX_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(StrictJSONError):
            loads(data)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


def test_one_byte_above_the_limit_is_refused_and_the_limit_is_not():
    assert loads(b"[1, 2]", max_bytes=6) == [1, 2]
    with pytest.raises(StrictJSONError, match=r"7 bytes; the limit is 6.*raise max_bytes") as caught:
        loads(b"[1, 2] ", max_bytes=6)
    assert caught.value.reason == "too_large"


def test_more_values_than_memory_is_meant_for_are_refused_whatever_their_size():
    many = b"[" + b"0," * 2000 + b"0]"
    with pytest.raises(StrictJSONError, match="values") as caught:
        loads(many, max_bytes=len(many))
    assert caught.value.reason == "too_large"
    assert len(loads(many)) == 2001


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"9007199254740992", 2**53),
        (b"-9007199254740992", -(2**53)),
        (b"-0", 0),
        (b"1e308", 1e308),
        (b"5e-324", 5e-324),
        (b"[" * 64 + b"]" * 64, None),
        (b'"[[[[{{{{"', "[[[[{{{{"),
        (b'"\\"[" ', '"['),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"' + b"a" * LONG + b'"', "a" * LONG),
        (b' {"a" : [ ] , "b":[{}]}\n', {"a": [], "b": [{}]}),
        (b'[{"a": 1}, {"a": 1}]', [{"a": 1}, {"a": 1}]),
    ],
)
def test_a_document_at_the_limit_is_read(data, value):
    read = loads(data)
    assert value is None or read == value


def test_brackets_inside_strings_do_not_count_as_levels():
    assert loads(json.dumps(["[" * 500, '"' * 99, "\\" * 7 + "["]).encode()) == ["[" * 500, '"' * 99, "\\" * 7 + "["]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(alphabet='"\\[]{},:a', max_size=9), min_size=1, max_size=9), st.integers(0, 9))
def test_levels_are_counted_beyond_any_strings(texts, shift):
    """Also where a block of the scan ends inside a string or between a backslash and what it escapes."""
    strings = json.dumps([" " * (2**16 - 30 + shift), *texts, "a"]).encode()
    assert loads(b"[" + strings + b"," + b"[" * 63 + b"]" * 63 + b"]")[0][1:-1] == texts
    with pytest.raises(StrictJSONError) as caught:
        loads(b"[" + strings + b"," + b"[" * 64 + b"]" * 64 + b"]")
    assert caught.value.reason == "too_deep"


@settings(max_examples=80, deadline=None)
@given(PLAIN, st.sampled_from([None, 2]), st.booleans())
def test_a_plain_document_reads_as_the_standard_library_reads_it(value, indent, ascii_only):
    data = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert loads(data) == json.loads(data) == value


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\u0dD8e1.-NaNtrue \n', max_size=60).map(str.encode))
def test_whatever_is_read_is_what_the_standard_library_reads_and_all_else_is_one_error(data):
    try:
        value = loads(data)
    except StrictJSONError:
        return
    assert value == json.loads(data)
    json.dumps(value, allow_nan=False).encode()


def test_a_float_that_is_read_is_the_nearest_one():
    assert loads(b"0.1000000000000000055511151231257827021181583404541015625") == 0.1
    assert math.copysign(1, loads(b"-0.0")) == -1


def test_the_error_is_of_the_house_and_a_value_error():
    assert issubclass(StrictJSONError, OphaminError)
    assert issubclass(StrictJSONError, ValueError)


def test_the_message_names_the_document_and_shows_no_control_character():
    with pytest.raises(StrictJSONError) as caught:
        loads(b'{"\\u001b[2J": 1, "\\u001b[2J": 1}', what="a\x1b.json")
    assert str(caught.value).startswith("a\\x1b.json: ")
    assert "\x1b" not in str(caught.value)


def test_a_file_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": [1.5]}')
    assert load(path) == {"a": [1.5]}


def test_a_file_that_is_refused_is_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"[NaN]")
    with pytest.raises(StrictJSONError, match=r"a\.json: NaN") as caught:
        load(path)
    assert caught.value.reason == "not_finite"


def test_a_file_of_20_megabytes_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "large.json"
    with path.open("wb") as handle:
        handle.truncate(20_000_000)
    monkeypatch.setattr("ophamin.core.strictjson.open", lambda *_a, **_k: pytest.fail("read"), raising=False)
    with pytest.raises(StrictJSONError, match=r"large\.json: 20000000 bytes; the limit is 8388608") as caught:
        load(path)
    assert caught.value.reason == "too_large"


def test_a_file_that_grows_after_it_was_measured_is_read_to_the_limit_only(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_bytes(b" " * 5000)
    measured = os.stat_result((0o100644, 0, 0, 1, 0, 0, 10, 0, 0, 0))
    monkeypatch.setattr("ophamin.core.strictjson.os.fstat", lambda _descriptor: measured)
    with pytest.raises(StrictJSONError, match="101 bytes; the limit is 100"):
        load(path, max_bytes=100)


@pytest.mark.parametrize("name", ["missing.json", "no/such/folder.json", "a\0b", "x" * 300])
def test_a_name_that_cannot_be_opened_is_unreadable(tmp_path, name):
    with pytest.raises(StrictJSONError) as caught:
        load(tmp_path / name)
    assert caught.value.reason == "unreadable"
    assert "give a file that can be read" in str(caught.value)


def test_a_folder_is_unreadable(tmp_path):
    with pytest.raises(StrictJSONError, match="a folder; give a regular file") as caught:
        load(tmp_path)
    assert caught.value.reason == "unreadable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StrictJSONError, match="a pipe, socket or device"):
        load(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets with a name here")
def test_a_socket_is_unreadable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(StrictJSONError) as caught:
            load(Path("s"))
    assert caught.value.reason == "unreadable"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_an_endless_device_is_refused():
    with pytest.raises(StrictJSONError, match="device"):
        load(Path("/dev/zero"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors cannot be counted here")
def test_no_descriptor_stays_open(tmp_path):
    (tmp_path / "bad.json").write_bytes(b"[NaN]")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (tmp_path, tmp_path / "bad.json", Path("/dev/zero")):
        with pytest.raises(StrictJSONError):
            load(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
