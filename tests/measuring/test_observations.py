# SPDX-License-Identifier: Apache-2.0
"""The observations file: what is written comes back, and hostile files are refused."""

import gzip
import hashlib
import json
import math
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CycleResult
from ophamin.measuring import observations
from ophamin.measuring.ledger import Ledger
from ophamin.measuring.observations import CHUNK_ROWS, FORMAT, ObservationsError, Table, pack, unpack


def same(one, other):
    return (
        one.n_rows == other.n_rows
        and one.columns == other.columns
        and one.errors == other.errors
        and list(one.success) == list(other.success)
        and list(one.stimuli) == list(other.stimuli)
        and all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one.seconds, other.seconds, strict=True))
    )


SCALARS = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ROWS = st.lists(
    st.one_of(
        st.builds(lambda value, error: ("cycle", value, error), SCALARS | st.none(), st.none() | st.text()),
        st.builds(lambda value: ("observe", value, None), SCALARS),
    ),
    max_size=20,
)


@given(ROWS)
@settings(max_examples=60)
def test_a_table_comes_back_from_its_file(rows):
    ledger = Ledger(["x"])
    for kind, value, error in rows:
        if kind == "cycle":
            ledger.admit("in", None, CycleResult(0, True, {"x": value}, error=error), 0.5)
        else:
            ledger.observe({"y": value})
    table = ledger.table()
    data, digest = pack(table)
    again, same_digest = unpack(data)
    assert same(table, again)
    assert digest == same_digest == hashlib.sha256(gzip.decompress(data)).hexdigest()


def test_a_table_of_several_chunks_comes_back():
    ledger = Ledger(["x"])
    for number in range(2 * CHUNK_ROWS + 5):
        error = "odd" if number % CHUNK_ROWS == 1 else None
        ledger.admit(str(number), None, CycleResult(0, number % 2 == 0, {"x": number / 8}, error=error), 0.5)
    table = ledger.table()
    data, _ = pack(table)
    assert gzip.decompress(data).count(b'"from":') == 3
    assert same(table, unpack(data)[0])


def test_an_empty_table_comes_back():
    assert same(unpack(pack(Table())[0])[0], Table())


def test_the_file_is_plain_json_that_a_stranger_can_read():
    ledger = Ledger(["phi"])
    ledger.admit("in", None, CycleResult(0, True, {"phi": 0.5}), 0.25)
    ledger.observe({"seen": "é"})
    assert json.loads(gzip.decompress(pack(ledger.table())[0])) == [
        {"columns": ["stimulus", "success", "wall_time_s", "m.phi", "m.seen"], "format": FORMAT, "rows": 2},
        {
            "columns": {
                "m.phi": [0.5, None],
                "m.seen": [None, "é"],
                "stimulus": [hashlib.sha256(b"in").hexdigest()[:16], None],
                "success": [True, None],
                "wall_time_s": [0.25, None],
            },
            "errors": {},
            "from": 0,
        },
    ]


def test_packing_twice_gives_the_same_bytes():
    ledger = Ledger()
    ledger.observe({"x": 1})
    assert pack(ledger.table()) == pack(ledger.table())


# -- hostile input ----------------------------------------------------------------------------------------------------


def zipped(data):
    return gzip.compress(data, mtime=0)  # a time in the header would give each worker other names of the same tests


def packed(header=None, *chunks):
    head = {"columns": ["m.x"], "format": FORMAT, "rows": 1} | (header or {})
    return zipped(json.dumps([head, *(chunks or [chunk()])]).encode())


def chunk(values=(1,), errors=None, name="m.x"):
    return {"columns": {name: values if isinstance(values, (str, dict)) else list(values)}, "errors": errors or {}}


def test_the_honest_form_of_the_hostile_files_below_is_read():
    assert unpack(packed())[0].columns == {"x": [1]}


TRUNCATED = packed()[:-12]
FLIPPED = bytearray(zipped(b"[" + b"1," * 500 + b"1]"))
FLIPPED[20] ^= 0xFF


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        b"\x1f\x8b",
        TRUNCATED,
        bytes(FLIPPED),
        zipped(b"x")[:10] + b"\xff" * 20,
        zlib.compress(b"[]"),
    ],
)
def test_what_is_no_whole_gzip_file_is_refused(data):
    with pytest.raises(ObservationsError):
        unpack(data)


def test_a_bomb_is_not_unpacked_beyond_the_limit():
    bomb = zipped(b" " * 10_000_000)
    assert len(bomb) < 20_000
    with pytest.raises(ObservationsError, match="more than 1000 bytes"):
        unpack(bomb, limit=1000)


def test_a_file_of_exactly_the_limit_is_read():
    data = packed()
    size = len(gzip.decompress(data))
    assert unpack(data, limit=size)[0].n_rows == 1
    with pytest.raises(ObservationsError, match=f"more than {size - 1} bytes"):
        unpack(data, limit=size - 1)


def test_more_brackets_than_a_trial_writes_are_refused_before_they_become_objects(monkeypatch):
    monkeypatch.setattr(observations, "MAX_BRACKETS", 20)
    with pytest.raises(ObservationsError, match="more than 20 lists or objects"):
        unpack(zipped(b"[" + b"[]," * 20 + b"[]]"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (packed({"format": "ophamin-observations/2"}), "unknown observations format"),
        (packed({"format": None}), "unknown observations format"),
        (packed({"rows": 2}), "promise 2 rows"),
        (packed({"rows": 0}), "promise 0 rows"),
        (packed({"rows": -1}), "promise -1 rows"),
        (packed({"rows": -1, "columns": []}), "promise -1 rows"),
        (packed({"rows": 10**12, "columns": []}), "promise 1000000000000 rows"),
        (packed({"rows": "1"}), "promise '1' rows"),
        (packed({"rows": True}), "promise True rows"),
        (packed({"rows": 1.0}), "promise 1.0 rows"),
        (packed({"columns": ["m.x", "m.y"]}), "KeyError"),
        (packed({"columns": 5}), "TypeError"),
        (packed({"columns": [["m.x"]]}), "TypeError"),
        (packed(None, chunk(), chunk()), "promise 1 rows"),
        (packed(None, chunk(errors={"1": "x"})), "promise 1 rows"),
        (packed(None, chunk(errors={"-1": "x"})), "promise 1 rows"),
        (packed(None, chunk(errors={"a": "x"})), "ValueError"),
        (packed(None, chunk(errors={"0": ["x"]})), "no text"),
        (packed(None, {"columns": {"m.x": [1]}}), "KeyError"),
        (packed(None, chunk("x")), "is no list"),
        (packed(None, chunk({"a": 1})), "is no list"),
        (packed(None, chunk([{}])), "holds a dict"),
        (packed(None, chunk([[1, 2]])), "holds a list"),
        (packed(None, chunk([[1, 2, "3"]])), "holds a list"),
        (packed(None, chunk([[1, 2, [3]]])), "holds a list"),
        (packed({"columns": ["success"]}, chunk([2], name="success")), "holds a int"),
        (packed({"columns": ["success"]}, chunk(["1"], name="success")), "holds a str"),
        (packed({"columns": ["wall_time_s"]}, chunk(["1"], name="wall_time_s")), "holds a str"),
        (packed({"columns": ["wall_time_s"]}, chunk([True], name="wall_time_s")), "holds a bool"),
        (packed({"columns": ["wall_time_s"]}, chunk([10**400], name="wall_time_s")), "OverflowError"),
        (packed({"columns": ["stimulus"]}, chunk([7], name="stimulus")), "holds a int"),
        (zipped(b"[]"), "ValueError"),
        (zipped(b"{}"), "ValueError"),
        (zipped(b"null"), "TypeError"),
        (zipped(b"[1]"), "TypeError"),
        (zipped(b"[{}]"), "KeyError"),
        (zipped(b"\xff\xfe["), "not in the format"),
        (zipped(b"[" * 100_000), "not in the format"),
        (zipped(b'[{"rows": ' + b"9" * 5000 + b"}]"), "ValueError"),
        (zipped(json.dumps([{"columns": [], "format": FORMAT, "rows": 0}, 5]).encode()), "TypeError"),
        (zipped(json.dumps([{"columns": ["m.x"], "format": FORMAT, "rows": 0}, []]).encode()), "TypeError"),
    ],
)
def test_a_hostile_file_is_refused_with_a_reason(data, why):
    with pytest.raises(ObservationsError, match=why):
        unpack(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data):
    for hostile in (data, zipped(data), zipped(b"[" + data + b"]")):
        with pytest.raises(ObservationsError):
            unpack(hostile)


def gzip_alone(data, monkeypatch):
    """The text by the way that takes every gzip file."""
    with monkeypatch.context() as patch:
        patch.setattr(observations, "_unpacked_at_once", lambda data, most: None)
        return outcome(data)


def outcome(data):
    try:
        table, digest = unpack(data, limit=2**19)
    except ObservationsError as error:
        return str(error)
    return table.n_rows, digest


MEMBER = pack(Table(2, {"x": [1, None]}, {}, [math.nan] * 2, [-1] * 2, [""] * 2))[0]


@pytest.mark.parametrize(
    "data",
    [
        MEMBER,
        MEMBER + gzip.compress(b""),
        gzip.compress(gzip.decompress(MEMBER)[:9]) + gzip.compress(gzip.decompress(MEMBER)[9:]),
        MEMBER + b"\0\0",
        MEMBER + b"x",
        MEMBER[:-1],
        MEMBER[:-8] + bytes(8),
        MEMBER[:3] + b"\x02" + MEMBER[4:],
        zlib.compress(gzip.decompress(MEMBER)),
        b"",
        gzip.compress(b" " * (2**18 + 1)),
        gzip.compress(b" " * 2**20),
    ],
    ids=[
        "one member", "an empty one behind", "two halves", "zeros behind", "a letter behind", "cut", "wrong sum",
        "a flag", "no gzip", "nothing", "one more than a piece", "beyond the limit",
    ],
)  # fmt: skip
def test_small_files_are_unpacked_at_once_to_the_same(data, monkeypatch):
    assert outcome(data) == gzip_alone(data, monkeypatch)


@given(st.integers(0, len(MEMBER) - 1), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_changed_byte_is_found_or_harmless_on_either_way(at, byte):
    data = MEMBER[:at] + bytes([byte]) + MEMBER[at + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        assert outcome(data) == gzip_alone(data, patch)
