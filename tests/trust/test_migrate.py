# SPDX-License-Identifier: Apache-2.0
"""Old records wrapped as subjects: what is said of a seal, and that the statement fits this very file alone."""

import json
from pathlib import Path

import pytest

from ophamin.auditing.audit_record import AuditRecord
from ophamin.core.signing import PUBLIC_KEYS
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust.migrate import (
    MIGRATION,
    MigrationError,
    OldRecord,
    SealState,
    check_migration,
    migration_statement,
    seal_state,
    secret_id,
)
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.statements import PROOF, Subject, WrongPredicateError, make_statement, proof_record, read_statement

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = sorted((ROOT / ".." / "shared" / "data" / "records").glob("*.json"))
SECRET = bytes(range(32))
TIME = "2026-11-23T09:30:00+00:00"


@pytest.fixture
def record():
    return EmpiricalProofRecord.from_dict(json.loads((ROOT / "fixtures/golden/proof-1.0.json").read_bytes()))


def wrapped(record, state, name="proof.json"):
    old = OldRecord("proof", record.schema_version, record.proof_id, record, record.dumps().encode("ascii"))
    return migration_statement(name, old, state, wrapped_at=TIME, wrapped_by="ophamin 0"), old.data


def test_a_seal_is_verified_under_the_secret_that_made_it(record):
    found = seal_state(record.sign(SECRET), [b"another secret of thirty-two bytes", SECRET])
    assert found == SealState("verified", secret_id(SECRET))


def test_an_unsigned_record_and_one_without_a_secret_are_told_apart(record):
    assert seal_state(record.sign(SECRET), []) == SealState("unverifiable")
    object.__setattr__(record, "signature", "")
    assert seal_state(record, [SECRET]) == SealState("unsigned")


@pytest.mark.parametrize("key", sorted(PUBLIC_KEYS), ids=lambda key: key.decode())
def test_t01_a_published_key_is_named_whether_it_is_given_or_not(record, key):
    assert seal_state(record.sign(key), []) == SealState("KEY_PUBLIC", secret_id(key))
    assert seal_state(record, [SECRET]).state == "KEY_PUBLIC"


@pytest.mark.parametrize("key", [b"x" * 64, b"hunter2", bytes(range(31))], ids=["repeated", "short", "31-bytes"])
def test_t01_a_secret_that_can_be_guessed_is_public_and_gets_no_id(record, key):
    assert seal_state(record.sign(key), [key]) == SealState("KEY_PUBLIC", "")


def test_a_seal_that_fits_no_given_secret_is_refused(record):
    with pytest.raises(MigrationError, match="fits none of the secrets"):
        seal_state(record.sign(SECRET), [b"another secret of thirty-two bytes"])


def test_the_statement_says_what_was_there_and_nothing_of_what_it_claims(record):
    statement, data = wrapped(record, SealState("verified", secret_id(SECRET)))
    said = check_migration(read_statement(statement.data, predicate_types=(MIGRATION,)), data)
    assert said == {
        "format": "ophamin.proof",
        "schema_version": "1.0",
        "id": record.proof_id,
        "seal": {"algorithm": "hmac-sha256", "state": "verified", "key": secret_id(SECRET)},
        "wrapped_at": TIME,
        "wrapped_by": "ophamin 0",
    }
    assert record.verdict.outcome.encode() not in statement.data


@pytest.mark.parametrize("place", [0, 100, -1])
def test_any_other_byte_of_the_file_is_another_file(record, place):
    statement, data = wrapped(record, SealState("unsigned"))
    changed = bytearray(data)
    changed[place] ^= 1
    with pytest.raises(MigrationError, match="another file"):
        check_migration(statement, bytes(changed))


def test_two_subjects_are_not_taken_for_one(record):
    statement, data = wrapped(record, SealState("unsigned"))
    more = make_statement(MIGRATION, [*statement.subjects, Subject("b", {"sha256": "ab" * 32})], statement.predicate)
    with pytest.raises(MigrationError):
        check_migration(more, data)


def test_t13_a_migration_is_no_proof_and_a_proof_is_no_migration(record):
    statement, data = wrapped(record, SealState("unsigned"))
    with pytest.raises(WrongPredicateError):
        read_statement(statement.data, predicate_types=TrustPolicy().predicate_types)
    with pytest.raises(WrongPredicateError):
        proof_record(statement)
    with pytest.raises(MigrationError, match="wraps no old record"):
        check_migration(make_statement(PROOF, statement.subjects, statement.predicate), data)


@pytest.mark.parametrize("file", PUBLISHED or [None], ids=lambda file: file.stem if file else "none")
def test_every_published_record_is_sealed_with_a_key_that_everybody_has(file):
    if file is None:
        pytest.skip("no published records beside this repository (looked in ../shared/data/records)")
    kind = AuditRecord if file.name.startswith("audit_") else EmpiricalProofRecord
    assert seal_state(kind.from_dict(json.loads(file.read_bytes())), []).state == "KEY_PUBLIC"
