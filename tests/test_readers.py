# SPDX-License-Identifier: Apache-2.0
"""Every reader of foreign bytes: it gives a value or a typed error, and takes at most 64 MiB for what is small."""

import gzip
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ophamin.auditing import codec as audit_codec
from ophamin.core import dsse, keyring, keys, strictjson
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.lock_claims import Lock
from ophamin.measuring.lockfile import lock_bytes, parse_lock
from ophamin.measuring.observations import Table, pack
from ophamin.measuring.proof import codec as proof_codec
from ophamin.trust import chain, policy, statements
from ophamin.trust.redecide import unpack_bounded

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"
MOST_MEMORY = 64 * 2**20
KEY = keys.generate_key()
PEM = KEY.public.to_pem()
HEAD = chain.append(None, ["ab" * 32], lock=None, attempt=1, commit=None, time="2026-11-23T09:30:00+00:00")
STATEMENT = statements.make_statement(
    statements.HEAD, [statements.Subject("head.json", {"sha256": "ab" * 32})], HEAD.to_dict()
)
RING = f"""[[key]]
id = "{KEY.public.key_id}"
public = \'\'\'{PEM}\'\'\'
roles = ["seal"]
"""
RING_ALONE = f"schema = 1\n{RING}".encode()
POLICY = f'schema = 1\n[policy]\nmin_level = "L1"\n{RING}'
OBSERVATIONS = pack(Table(2, {"phi": [0.5, 0.25]}, {}, [0.1, 0.2], [1, 0], ["ab", "cd"]))[0]


def golden(name):
    found = sorted(GOLDEN.glob(name))
    return found[0].read_bytes() if found else b"{}"


def from_file(read):
    """A reader of files as one of bytes."""

    def read_bytes(data, folder):
        path = folder / "foreign.json"
        path.write_bytes(data)
        return read(path)

    return read_bytes


def of_bytes(read):
    return lambda data, _folder: read(data)


READERS = {
    "strict JSON": (of_bytes(strictjson.loads), b'{"a": [1, 2.5, "x", null]}'),
    "envelope": (of_bytes(dsse.parse_envelope), dsse.sign(STATEMENT.data, dsse.IN_TOTO_TYPE, [KEY]).to_bytes()),
    "statement": (of_bytes(statements.read_statement), STATEMENT.data),
    "head": (of_bytes(chain.read_head), HEAD.to_bytes()),
    "lock": (of_bytes(parse_lock), lock_bytes(Lock())),
    "policy": (of_bytes(policy.TrustPolicy.from_toml), POLICY.encode()),
    "key ring": (lambda data, _: keyring.KeyRing.from_toml(data.decode("utf-8", "surrogateescape")), RING_ALONE),
    "public key": (of_bytes(keys.read_public_key), PEM.encode()),
    "private key": (of_bytes(keys.read_private_key), KEY.to_pem()),
    "observations": (of_bytes(unpack_bounded), OBSERVATIONS),
    "proof": (from_file(proof_codec.load), golden("proof*.json")),
    "audit": (from_file(audit_codec.load), golden("audit*.json")),
}
TOKENS = [
    *(b"{", b"}", b"[", b"]", b'"', b"-", b"\r", b"\xff", b"\x00", b"\xef\xbb\xbf"),
    *(b"null", b"NaN", b"1e999", b"9" * 400, b"\\u0000", b"\\ud800", b"../"),
    *(b"[[[[[[[[" * 40, b'{"a":' * 70, b"= 1\n", b"[[key]]\n", b"<<<<<<< HEAD\n", b"''' "),
]


@st.composite
def mangled(draw, seed):
    """A document that a reader takes, with some bytes cut, doubled, exchanged or put in."""
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from([0, 1, 2, 8, 64, 2000])))
        put = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8), st.just(bytes(data[at:end]) * 2)))
        data[at:end] = put
    return bytes(data)


def answer(read, data, folder):
    """What the reader says of the data; empty where it takes them. Whatever else it raises is a crash."""
    try:
        read(data, folder)
    except OphaminError as error:
        return str(error) or "nothing"
    return ""


@pytest.mark.parametrize("name", READERS)
def test_the_document_that_is_mangled_is_one_that_is_read(name, tmp_path):
    read, seed = READERS[name]
    read(seed, tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_t18_any_bytes_give_a_value_or_a_typed_error(name, tmp_path_factory):
    read, seed = READERS[name]
    folder = tmp_path_factory.mktemp("foreign")

    @given(st.one_of(mangled(seed), st.binary(max_size=200)))
    @example(b"")
    @example(b"\x1f\x8b\x08\x00" + bytes(20))
    @settings(max_examples=150, deadline=None)
    def fuzz(data):
        assert visible(answer(read, data, folder), keep_newlines=True) == answer(read, data, folder)

    fuzz()


HOSTILE = {
    "a bomb": gzip.compress(bytes(200 * 2**20), 9, mtime=0),
    "a bomb of JSON": gzip.compress(b"[" + b"[]," * (20 * 2**20) + b"0]", 9, mtime=0),
    "depth": b"[" * 2_000_000,
    "keys": b"{" + b",".join(b'"%d":0' % number for number in range(300_000)) + b"}",
    "tables": b"[[key]]\n" * 400_000,
    "dots": b"a" + b".a" * 1_000_000 + b" = 1",
    "digits": b"x = " + b"9" * 3_000_000,
    "lines": b"\n" * 8_000_000,
    "a PEM without an end": b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 8_000_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", HOSTILE)
@pytest.mark.parametrize("name", READERS)
def test_t18_no_small_document_takes_more_than_64_mebibytes(name, attack, tmp_path):
    read, _ = READERS[name]
    data = HOSTILE[attack]
    tracemalloc.start()
    try:
        answer(read, data, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY + 2 * len(data)
