# SPDX-License-Identifier: Apache-2.0
"""Statement and file read as one: the same as the full reading of the payload, or left to it."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin import rate, scenario
from ophamin.core.canonical import content_hash
from ophamin.core.records import record_text
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.trust.statements import AUDIT, PROOF, StatementError, proof_record, proof_statement, read_statement
from ophamin.trust.verify_content import MOST_BYTES, read_together


def tried():
    def test_it(trial):
        """Is it right?"""

    claim = scenario("few are wrong — \u2028 even here", rate("wrong") <= 0.5)
    trial = Trial(
        declaration_of(claim(test_it)).compile(test_it, name="a.b"), Situation("command", Path(__file__).parent)
    )
    trial.open()
    rng = random.Random(1)
    for _ in range(80):
        trial.observe(wrong=rng.random() < 0.2)
    return trial.conclude()[0].record


RECORD = tried()
DIGEST = RECORD.evidence[0].detail["observations_sha256"]
STATEMENT = proof_statement(RECORD, DIGEST, "ab" * 20, "cd" * 20)
PAYLOAD, FILE = STATEMENT.data, RECORD.dumps().encode("ascii")
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
PLAIN = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


def fully(payload):
    """What reading the payload alone gives; None where that is refused."""
    try:
        statement = read_statement(payload)
        return statement, proof_record(statement)
    except StatementError:
        return None


def together(payload, file=FILE):
    return read_together(payload, file, predicate_types=(PROOF, AUDIT))


def same_text(one, other):
    """Equal to the last digit and the kind of each number, which ``==`` does not tell apart."""
    return record_text(dict(one.predicate)) == record_text(dict(other.predicate))


def test_a_record_of_ours_is_read_once_and_is_the_same():
    statement, record = together(PAYLOAD)
    whole, alone = fully(PAYLOAD)
    assert statement == whole
    assert same_text(statement, whole)
    assert record == alone
    assert record_text(record.to_dict()) == record_text(alone.to_dict())
    assert record.dumps().encode() == FILE  # its free maps are in the order of the file


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"claim":', b'"claim":1,"claim":'),
        (b'"record":', b'"record":1,"record":'),
        (b'"subject":', b'"subject":[],"subject":'),
        (b'"subject":', b'"predicate":{},"subject":'),
        (b'"predicate":', b'"predicate": '),
        (b'"few are', b'"\\u0066ew are'),
        (b'"_type"', b'"_\\u0074ype"'),
        (b"0.5", b"5e-1"),
        (b"0.5", b"0.50"),
        (b"0.05", b"1e999"),
        (b"0.05", b"NaN"),
        (b"null", b'"\\ud800"'),
        (b"80", b"9007199254740993"),
        (b"80", b"80.0"),
        (b"null", b"-0"),
        (b"null", b"null,"),
    ],
)
def test_a_payload_in_any_other_form_is_left_to_the_full_reading(old, new):
    bent = PAYLOAD.replace(old, new, 1)
    assert bent != PAYLOAD
    assert together(bent) is None
    behind = PAYLOAD[: PAYLOAD.index(b'},"predicateType"')] + PAYLOAD[PAYLOAD.index(b'},"predicateType"') :].replace(
        old, new
    )
    assert together(behind) is None or together(behind) == fully(behind)


@pytest.mark.parametrize("tail", [b" ", b"\n", b"x", b"{}", b"\x00", b"\xff", b"null"])
def test_what_follows_the_statement_is_read_strictly(tail):
    assert (together(PAYLOAD + tail) is None) is (fully(PAYLOAD + tail) is None)


def test_a_record_that_stands_in_a_text_of_the_statement_is_not_taken_for_its_record():
    text = record_text(RECORD.to_dict()).encode()
    hidden = PAYLOAD.replace(text, b'null,"x":"a' + text + b'b"')
    assert fully(hidden) is None
    assert together(hidden) is None


def test_a_payload_near_the_limits_is_left_to_the_full_reading():
    padded = PAYLOAD + b" " * (MOST_BYTES - len(PAYLOAD))
    assert together(padded) == fully(padded)
    assert together(padded + b" ") is None
    assert fully(padded + b" ") is not None


@pytest.mark.parametrize("kinds", [(), (AUDIT,)])
def test_a_kind_that_is_not_taken_is_left_to_the_full_reading(kinds):
    assert read_together(PAYLOAD, FILE, predicate_types=kinds) is None


def edited(path, value):
    """The file and the payload of a record with one value put elsewhere, its id its own."""
    data = RECORD.to_dict()
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    data["proof_id"] = content_hash({key: part for key, part in data.items() if key not in {"proof_id", "signature"}})
    whole = json.loads(PAYLOAD)
    whole["predicate"]["record"] = data
    return json.dumps(data, indent=2).encode(), json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


PLACES = [path for path in places(RECORD.to_dict()) if path]


@given(st.sampled_from(PLACES), PLAIN)
@settings(max_examples=150, deadline=None)
def test_any_value_anywhere_gives_what_the_full_reading_gives(path, value):
    file, payload = edited(path, value)
    found, whole = together(payload, file), fully(payload)
    if whole is None:
        assert found is None or fails_later(found[0])
        return
    if found is None:  # only where record and statement name different observations
        assert path[-1] in {"evidence", 0, "detail", "observations_sha256"}
        return
    assert found == whole
    assert same_text(found[0], whole[0])
    assert record_text(found[1].to_dict()) == record_text(whole[1].to_dict())


def fails_later(statement):
    """Whether the subjects of a statement contradict it, which is looked at after the reading."""
    try:
        proof_record(statement)
    except StatementError:
        return True
    return False


@given(st.sampled_from(PLACES), PLAIN)
@settings(max_examples=100, deadline=None)
def test_a_file_that_says_anything_else_is_not_taken_for_the_predicate(path, value):
    file, payload = edited(path, value)
    for one, other in ((PAYLOAD, file), (payload, FILE)):
        if (found := together(one, other)) is not None:
            assert same_text(found[0], read_statement(one))


@given(st.integers(0, len(PAYLOAD) - 1), st.binary(min_size=1, max_size=2))
@settings(max_examples=300, deadline=None)
def test_any_change_of_bytes_gives_what_the_full_reading_gives_or_nothing(at, data):
    bent = PAYLOAD[:at] + data + PAYLOAD[at + len(data) :]
    if (found := together(bent)) is not None and not fails_later(found[0]):
        assert found == fully(bent)


def test_the_text_of_a_record_is_the_canonical_text_of_its_wire_form():
    for record in (RECORD, EmpiricalProofRecord.from_dict(RECORD.to_dict()).sign(bytes(range(32)))):
        again, text = EmpiricalProofRecord.with_text(record.to_dict())
        assert again == record
        assert text == record_text(record.to_dict())
    attested = RECORD.to_dict() | {
        "attestation": {"author": "é", "algorithm": "ed25519", "public_key": "0" * 64, "signature": "1" * 128}
    }
    assert EmpiricalProofRecord.with_text(attested)[1] == record_text(attested)
