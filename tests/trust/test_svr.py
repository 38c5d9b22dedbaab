# SPDX-License-Identifier: Apache-2.0
"""The decision of a gate in the words of others: in-toto's Simple Verification Result, v0.1."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.statement_pb2 import Statement as OtherMessage

from ophamin.core.dsse import IN_TOTO_TYPE, parse_envelope, sign, verify
from ophamin.core.keys import generate_key
from ophamin.trust.statements import MalformedStatementError, read_statement
from ophamin.trust.svr import PASSED, SVR, VERIFIER, make_svr

COMMIT, TREE, BASE, DIGEST = "ab" * 20, "cd" * 20, "ef" * 20, "12" * 32
NOW = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)


def made(properties=(PASSED,), **more):
    return make_svr(properties, **{"commit": COMMIT, "tree": TREE, "now": NOW, "base": BASE} | more)


def test_it_has_the_fields_of_the_published_predicate():
    """Required by svr v0.1: ``verifier.id`` (a URI), ``timeCreated`` (RFC 3339 in UTC), ``properties`` (texts)."""
    whole = json.loads(made(["B", "A"], policy=DIGEST, lock=DIGEST, event="push").data)
    assert whole["_type"] == "https://in-toto.io/Statement/v1"
    assert whole["predicateType"] == SVR == "https://in-toto.io/attestation/svr/v0.1"
    predicate = whole["predicate"]
    assert set(predicate) == {"verifier", "timeCreated", "properties"}
    assert re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", predicate["verifier"]["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", predicate["timeCreated"])
    assert predicate["properties"] == ["A", "B"]
    assert [one["digest"] for one in whole["subject"]] == [{"gitCommit": COMMIT}, {"gitTree": TREE}]


def test_policy_lock_and_base_are_extensions_of_the_verifier():
    verifier = made(policy=DIGEST, lock="34" * 32, event="push").predicate["verifier"]
    assert verifier["id"] == VERIFIER
    assert verifier["policy"] == {"digest": {"sha256": DIGEST}}
    assert verifier["lock"] == {"digest": {"sha256": "34" * 32}}
    assert verifier["base"] == {"digest": {"gitCommit": BASE}}
    assert verifier["event"] == "push"
    assert not {"policy", "lock", "event"} & set(made().predicate["verifier"])


def test_another_implementation_reads_the_statement():
    other = Parse(made().data, OtherMessage())
    assert other.predicate_type == SVR
    assert [dict(one.digest) for one in other.subject] == [{"gitCommit": COMMIT}, {"gitTree": TREE}]
    assert list(other.predicate["properties"]) == [PASSED]


def test_times_are_written_in_utc():
    there = NOW.astimezone(timezone(timedelta(hours=-7)))
    assert made(now=there).predicate["timeCreated"] == made().predicate["timeCreated"] == "2026-11-23T09:30:15Z"
    with pytest.raises(ValueError, match="offset"):
        made(now=NOW.replace(tzinfo=None))


def test_it_is_about_a_commit():
    with pytest.raises(MalformedStatementError):
        made(commit="main")


def test_signed_it_is_read_back_as_what_it_is():
    key = generate_key()
    envelope = parse_envelope(sign(made().data, IN_TOTO_TYPE, [key]).to_bytes())
    assert verify(envelope, [key.public]) == {key.public.key_id}
    assert read_statement(envelope.payload, predicate_types=(SVR,)).predicate["properties"] == [PASSED]
    with pytest.raises(ValueError, match="svr"):
        read_statement(envelope.payload)  # no proof, audit, lock or head
