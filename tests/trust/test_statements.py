# SPDX-License-Identifier: Apache-2.0
"""Statements about records: what they name, exact reading, and agreement with the files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import google.protobuf.json_format as protobuf_json
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult as OtherTestResult
from in_toto_attestation.v1.statement import Statement as OtherStatement
from in_toto_attestation.v1.statement_pb2 import Statement as OtherMessage

from ophamin.core.canonical import NotCanonicalError, canonical_bytes
from ophamin.core.dsse import IN_TOTO_TYPE, MAX_ENVELOPE_BYTES, parse_envelope, sign, verify
from ophamin.core.keys import generate_key
from ophamin.errors import OphaminError
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust.chain import append
from ophamin.trust.statements import (
    AUDIT,
    HEAD,
    MAX_STATEMENT_BYTES,
    PROOF,
    STATEMENT_TYPE,
    TEST_RESULT,
    MalformedStatementError,
    StatementError,
    StatementMismatchError,
    Subject,
    WrongPredicateError,
    check_matches,
    git_subjects,
    make_statement,
    make_test_result,
    proof_record,
    proof_statement,
    read_statement,
)

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "golden"
COMMIT, TREE, OBSERVATIONS = "ab" * 20, "cd" * 20, "ef" * 32


def golden(version: str = "1.0") -> EmpiricalProofRecord:
    return EmpiricalProofRecord.from_json(GOLDEN / f"proof-{version}.json")


RECORD = golden()
SOUND = proof_statement(RECORD, OBSERVATIONS, COMMIT, TREE)


def wire() -> dict:
    """A sound statement about a proof as plain values, free to be changed."""
    return json.loads(SOUND.data)


def read(fields: dict):
    return read_statement(json.dumps(fields).encode())


# --- statements about proofs


def test_a_statement_names_everything_that_the_record_speaks_of():
    subjects = {one["name"]: one["digest"] for one in wire()["subject"]}
    assert subjects == {
        "commit": {"gitCommit": COMMIT},
        "tree": {"gitTree": TREE},
        "proof.json": {"sha256": hashlib.sha256((GOLDEN / "proof-1.0.json").read_bytes()).hexdigest()},
        "observations.json": {"sha256": OBSERVATIONS},
        **{f"data/{one.name}": {"sha256": one.content_hash} for one in RECORD.datasets},
    }
    assert len(RECORD.datasets) > 0


def test_its_predicate_is_the_whole_record_and_the_digest_of_the_observations():
    assert wire()["predicateType"] == "urn:ophamin:attestation:proof:v1"
    assert wire()["_type"] == "https://in-toto.io/Statement/v1"
    assert wire()["predicate"] == {
        "record": json.loads((GOLDEN / "proof-1.0.json").read_text()),
        "observations_sha256": OBSERVATIONS,
    }


def test_the_bytes_are_canonical_and_come_back_exactly():
    assert SOUND.data == canonical_bytes(json.loads(SOUND.data))
    again = read_statement(SOUND.data)
    assert again == SOUND
    assert again.data == SOUND.data


def test_bytes_that_are_not_canonical_are_kept_as_they_were_signed():
    data = json.dumps(wire(), indent=1).encode()
    assert read_statement(data).data == data
    assert proof_record(read_statement(data)) == RECORD


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_record_comes_back_from_the_statement_with_its_id(version):
    statement = proof_statement(golden(version), None, COMMIT, TREE)
    assert proof_record(statement) == golden(version)
    assert proof_record(statement).proof_id == json.loads((GOLDEN / f"proof-{version}.json").read_text())["proof_id"]


def test_an_integer_a_float_and_a_truth_stay_what_they_are():
    # Other tools of the trade turn every number into a double.
    made = make_statement(PROOF, git_subjects(COMMIT, TREE), {"a": [1, 1.0, True, 2**53, -0.0, 1e-07]})
    assert b'{"a":[1,1.0,true,9007199254740992,-0.0,1e-07]}' in made.data
    assert repr(read_statement(made.data).predicate["a"]) == "[1, 1.0, True, 9007199254740992, -0.0, 1e-07]"


def test_outside_a_repository_there_is_no_commit():
    statement = proof_statement(RECORD, None, None, None)
    assert statement.digests("gitCommit") == statement.digests("gitTree") == ()
    assert statement.digest_of("observations.json") is None
    assert proof_record(statement) == RECORD


@pytest.mark.parametrize(("commit", "tree"), [(COMMIT, None), (None, TREE)])
def test_commit_and_tree_belong_together(commit, tree):
    with pytest.raises(MalformedStatementError, match="give both or neither"):
        proof_statement(RECORD, None, commit, tree)


def test_a_dirty_tree_is_marked_and_a_clean_one_is_not():
    dirty = proof_statement(RECORD, None, COMMIT, TREE, dirty=True)
    assert [one.name for one in dirty.subjects if one.dirty] == ["tree"]
    assert not any(one.dirty for one in SOUND.subjects)
    assert read_statement(dirty.data).subjects == dirty.subjects


@pytest.mark.parametrize("digest", ["", "ef" * 31, "EF" * 32, "zz" * 32, "ef" * 32 + "\n"])
def test_a_digest_that_is_none_is_not_stated(digest):
    with pytest.raises(MalformedStatementError, match="no lower-case hex"):
        proof_statement(RECORD, digest, COMMIT, TREE)
    with pytest.raises(MalformedStatementError, match="no lower-case hex"):
        proof_statement(RECORD, None, digest, TREE)


def test_sha256_object_ids_of_git_are_taken():
    statement = proof_statement(RECORD, None, "ab" * 32, "cd" * 32)
    assert statement.digests("gitCommit") == ("ab" * 32,)


def test_data_that_is_not_named_by_a_digest_is_no_subject():
    record = golden()
    record.datasets = [replace(record.datasets[0], content_hash="sha256:abc")]
    statement = proof_statement(record, None, COMMIT, TREE)
    assert [one.name for one in statement.subjects] == ["commit", "tree", "proof.json"]


def test_all_commits_are_listed_so_that_a_verifier_can_ask_for_exactly_one():
    fields = wire()
    fields["subject"].append({"digest": {"gitCommit": "00" * 20}})
    assert read(fields).digests("gitCommit") == (COMMIT, "00" * 20)


# --- agreement


def test_a_file_that_is_the_signed_record_matches():
    assert check_matches(SOUND, (GOLDEN / "proof-1.0.json").read_bytes()) == RECORD


def test_any_byte_changed_in_the_file_is_noticed():
    data = (GOLDEN / "proof-1.0.json").read_bytes()
    for place in range(0, len(data), 97):
        other = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(StatementMismatchError, match="is signed; reject the file") as caught:
            check_matches(SOUND, other)
        assert caught.value.code == "MISMATCH"


@pytest.mark.parametrize("how", ["line end", "cut", "nothing", "formatted otherwise", "duplicate key"])
def test_a_file_with_the_same_content_in_other_bytes_does_not_match(how):
    data = (GOLDEN / "proof-1.0.json").read_bytes()
    other = {
        "line end": data + b"\n",
        "cut": data[:-2],
        "nothing": b"",
        "formatted otherwise": json.dumps(json.loads(data)).encode(),
        "duplicate key": b'{\n  "verdict": "VALIDATED",' + data[1:],
    }
    with pytest.raises(StatementMismatchError, match="reject the file"):
        check_matches(SOUND, other[how])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"outcome": "VALIDATED"', b'"outcome": "REFUTED"'),
        (b'"n_records": 120', b'"n_records": 120.0'),
        (b'"value": 0.1', b'"value": 0.10000000000000002'),
        (b'"signature": "', b'"override": "VALIDATED",\n  "signature": "'),
        (b'"signature": "', b'"signature": "",\n  "signature": "'),
        (b'"value": 0.1', b'"value": NaN'),
    ],
    ids=["verdict", "integer for float", "last digit", "unknown field", "duplicate key", "NaN"],
)
def test_a_statement_that_signs_one_record_and_shows_another_is_refused(old, new):
    data = (GOLDEN / "proof-1.0.json").read_bytes()
    other = data.replace(old, new)
    assert other != data
    fields = wire()
    subject = next(one for one in fields["subject"] if one["name"] == "proof.json")
    subject["digest"]["sha256"] = hashlib.sha256(other).hexdigest()
    with pytest.raises(StatementMismatchError, match=r"another record|is no record"):
        check_matches(read(fields), other)


@pytest.mark.parametrize("name", ["proof.json", "observations.json"])
@pytest.mark.parametrize("how", ["other digest", "removed", "twice"])
def test_subjects_file_and_predicate_have_to_agree(name, how):
    fields = wire()
    subject = next(one for one in fields["subject"] if one["name"] == name)
    if how == "other digest":
        subject["digest"] = {"sha256": "00" * 32}
    elif how == "removed":
        fields["subject"].remove(subject)
    else:
        fields["subject"].append({**subject, "digest": {"sha256": "00" * 32}})
    with pytest.raises(StatementMismatchError):
        check_matches(read(fields), (GOLDEN / "proof-1.0.json").read_bytes())


def test_a_statement_that_names_no_record_file_is_a_mismatch():
    fields = wire()
    fields["subject"] = [one for one in fields["subject"] if one["name"] != "proof.json"]
    with pytest.raises(StatementMismatchError, match=r"no subject is named proof\.json"):
        proof_record(read(fields))


def test_an_observations_subject_that_the_predicate_does_not_know_is_a_mismatch():
    fields = wire()
    fields["predicate"]["observations_sha256"] = None
    with pytest.raises(StatementMismatchError, match="observations None, the subjects have ef"):
        proof_record(read(fields))


def test_a_changed_record_in_the_predicate_is_no_record():
    fields = wire()
    fields["predicate"]["record"]["verdict"]["outcome"] = "INCONCLUSIVE"
    with pytest.raises(MalformedStatementError, match=r"predicate\.record: proof_id"):
        proof_record(read(fields))


@pytest.mark.parametrize(
    "change",
    [
        lambda predicate: predicate.pop("record"),
        lambda predicate: predicate.pop("observations_sha256"),
        lambda predicate: predicate.update(record=None),
        lambda predicate: predicate.update(record=[]),
        lambda predicate: predicate["record"].pop("claim"),
        lambda predicate: predicate["record"].update(override="VALIDATED"),
        lambda predicate: predicate["record"].update(schema_version="9"),
    ],
    ids=["no record", "no observations", "null", "list", "no claim", "unknown field", "unknown version"],
)
def test_a_predicate_that_is_no_proof_is_malformed(change):
    fields = wire()
    change(fields["predicate"])
    with pytest.raises(MalformedStatementError) as caught:
        proof_record(read(fields))
    assert caught.value.code == "MALFORMED"


def test_a_statement_about_something_else_is_no_proof():
    statement = make_statement(AUDIT, git_subjects(COMMIT, TREE), wire()["predicate"])
    with pytest.raises(WrongPredicateError, match="is no proof"):
        check_matches(statement, b"")


# --- strict reading


def test_unknown_fields_are_kept_and_reported():
    fields = wire()
    fields["later"] = 1
    fields["subject"][0]["flavour"] = "x"
    fields["subject"][0]["uri"] = "git+https://example.com/x"  # known to in-toto
    fields["predicate"]["note"] = "n"
    statement = read(fields)
    assert statement.unknown == ("later", "subject[0].flavour", "predicate.note")
    assert b'"later"' in statement.data
    assert SOUND.unknown == ()


def test_digests_of_other_algorithms_are_not_looked_at():
    fields = wire()
    fields["subject"][0]["digest"]["dirHash1"] = "h1:anything"
    assert read(fields).digests("gitCommit") == (COMMIT,)


@pytest.mark.parametrize("accepted", [(), (AUDIT,), (PROOF + ":", PROOF.upper())])
def test_a_kind_that_was_not_asked_for_is_wrong(accepted):
    with pytest.raises(WrongPredicateError, match="is taken here") as caught:
        read_statement(SOUND.data, predicate_types=accepted)
    assert caught.value.code == "WRONG_TYPE"


def test_by_default_only_our_own_kinds_are_taken():
    with pytest.raises(WrongPredicateError):
        read_statement(make_test_result({"a": "VALIDATED"}, [], COMMIT, TREE).data)


MALFORMED = {
    "no JSON": b"{",
    "list": b"[]",
    "empty": b"{}",
    "byte order mark": b"\xef\xbb\xbf" + SOUND.data,
    "duplicate key": b'{"_type":"x",' + SOUND.data[1:],
    "duplicate verdict": SOUND.data.replace(b'"outcome":', b'"outcome":"VALIDATED","outcome":'),
    "NaN": SOUND.data.replace(b'"predicate":{', b'"predicate":{"x":NaN,'),
    "beyond all floats": SOUND.data.replace(b'"predicate":{', b'"predicate":{"x":1e999,'),
    "beyond 2**53": SOUND.data.replace(b'"predicate":{', b'"predicate":{"x":9007199254740993,'),
    "half a surrogate": SOUND.data.replace(b'"predicate":{', b'"predicate":{"x":"\\ud800",'),
    "nested 10,000 deep": b'{"predicate":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "too large": SOUND.data + b" " * MAX_STATEMENT_BYTES,
    "version 0.1": SOUND.data.replace(b"Statement/v1", b"Statement/v0.1"),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_statement_is_malformed(data):
    with pytest.raises(MalformedStatementError) as caught:
        read_statement(data)
    assert caught.value.code == "MALFORMED"
    assert isinstance(caught.value, OphaminError)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "change",
    [
        {"_type": None},
        {"_type": 1},
        {"predicateType": ""},
        {"predicateType": ["x"]},
        {"predicate": None},
        {"predicate": []},
        {"subject": []},
        {"subject": {}},
        {"subject": None},
        {"subject": ["x"]},
        {"subject": [{}]},
        {"subject": [{"name": "x"}]},
        {"subject": [{"digest": {}}]},
        {"subject": [{"digest": "ab"}]},
        {"subject": [{"digest": {"sha256": "zz"}}]},
        {"subject": [{"digest": {"sha256": 1}}]},
        {"subject": [{"digest": {"sha256": None}}]},
        {"subject": [{"digest": {"other": 1}}]},
        {"subject": [{"digest": {"gitCommit": "ab" * 16}}]},
        {"subject": [{"digest": {"sha256": "ab" * 32}, "name": 1}]},
        {"subject": [{"digest": {"sha256": "ab" * 32}, "annotations": []}]},
        {"subject": [{"digest": {"sha256": "ab" * 32}}] * 1025},
    ],
    ids=lambda change: json.dumps(change)[:50],
)
def test_a_field_of_another_form_is_malformed(change):
    with pytest.raises(MalformedStatementError):
        read({**wire(), **change})


def test_a_hostile_name_is_shown_escaped():
    with pytest.raises(WrongPredicateError) as caught:
        read({**wire(), "predicateType": "\x1b[2J\u202e"})
    assert str(caught.value).isprintable()


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda child: (
            st.lists(child)
            | st.dictionaries(
                st.sampled_from(["_type", "subject", "predicateType", "predicate", "digest", "sha256", "name"]), child
            )
        ),
        max_leaves=10,
    )
)
def test_any_document_is_a_statement_or_a_typed_error(value):
    if isinstance(value, dict):
        value["_type"] = STATEMENT_TYPE
    with pytest.raises(StatementError):
        read_statement(json.dumps(value).encode())


def test_what_cannot_be_read_is_not_written():
    with pytest.raises(NotCanonicalError, match=r"\$\.predicate\.x"):
        make_statement(PROOF, git_subjects(COMMIT, TREE), {"x": float("nan")})
    with pytest.raises(MalformedStatementError, match="subject"):
        make_statement(PROOF, [], {})
    for value in (2**53 + 1, "\ud800", "x" * 2**17):
        with pytest.raises(MalformedStatementError):
            make_statement(PROOF, git_subjects(COMMIT, TREE), {"x": value})
    endless: dict = {}
    endless["x"] = endless
    with pytest.raises(NotCanonicalError, match="nested deeper"):
        make_statement(PROOF, git_subjects(COMMIT, TREE), endless)


def test_the_largest_statement_fits_into_an_envelope():
    filler = "x" * 65_000
    rest = make_statement(HEAD, git_subjects(COMMIT, TREE), {"x": [filler] * 137})
    assert MAX_STATEMENT_BYTES - 2**17 < len(rest.data) <= MAX_STATEMENT_BYTES
    assert len(sign(rest.data, IN_TOTO_TYPE, [generate_key()]).to_bytes()) < MAX_ENVELOPE_BYTES


def test_a_record_as_deep_as_they_may_be_can_be_stated():
    deepest = None
    record = golden()
    for depth in range(1, 64):
        nested: object = 1
        for _ in range(depth):
            nested = {"x": nested}
        try:
            record.provenance = {"x": nested}
        except ValueError:
            break
        deepest = golden()
        deepest.provenance = {"x": nested}
    assert deepest is not None
    assert depth > 10
    statement = proof_statement(deepest, None, COMMIT, TREE)
    assert proof_record(statement).provenance == deepest.provenance


# --- the way of a record through an envelope


def test_a_signed_record_is_opened_verified_and_compared_with_its_file():
    signer = generate_key()
    stored = sign(SOUND.data, IN_TOTO_TYPE, [signer]).to_bytes()
    envelope = parse_envelope(stored)
    assert verify(envelope, [signer.public]) == {signer.public.key_id}
    assert check_matches(read_statement(envelope.payload), RECORD.dumps().encode()) == RECORD


def test_a_head_is_stated_as_any_other_kind():
    head = append(None, ["ab" * 32], lock=None, attempt=1, commit=COMMIT, time="2026-11-23T09:30:00Z")
    subjects = (*git_subjects(COMMIT, TREE), Subject("head.json", {"sha256": head.digest}))
    statement = make_statement(HEAD, subjects, head.to_dict())
    assert read_statement(statement.data, predicate_types=[HEAD]).digest_of("head.json") == head.digest


# --- in the words of others


@pytest.mark.parametrize(
    ("outcomes", "result", "lists"),
    [
        ({"a": "VALIDATED"}, "PASSED", (["a"], [], [])),
        ({"a": "VALIDATED", "b": "INCONCLUSIVE"}, "WARNED", (["a"], ["b"], [])),
        ({"a": "INCONCLUSIVE", "b": "REFUTED", "c": "VALIDATED"}, "FAILED", (["c"], ["a"], ["b"])),
        ({"a": "ERROR"}, "FAILED", ([], [], ["a"])),
        ({"b": "REFUTED", "a": "ERROR"}, "FAILED", ([], [], ["b", "a"])),
    ],
)
def test_verdicts_become_passed_warned_and_failed(outcomes, result, lists):
    predicate = make_test_result(outcomes, [], COMMIT, TREE).predicate
    assert predicate["result"] == result
    assert (predicate["passedTests"], predicate["warnedTests"], predicate["failedTests"]) == lists
    assert "url" not in predicate


@pytest.mark.parametrize("outcomes", [{}, {"a": "PASSED"}, {"a": "VALIDATED", "b": ""}])
def test_a_run_without_a_known_outcome_has_no_result(outcomes):
    with pytest.raises(MalformedStatementError, match="outcomes"):
        make_test_result(outcomes, [], COMMIT, TREE)


def test_a_test_result_says_by_what_it_was_configured():
    lock = Subject("ophamin.lock", {"sha256": "ab" * 32})
    made = make_test_result({"a": "VALIDATED"}, [lock], COMMIT, TREE, dirty=True, url="https://example.com/run/1")
    assert made.predicate_type == "https://in-toto.io/attestation/test-result/v0.1"
    assert made.predicate["configuration"] == [{"name": "ophamin.lock", "digest": {"sha256": "ab" * 32}}]
    assert made.predicate["url"] == "https://example.com/run/1"
    assert [one.dirty for one in made.subjects] == [False, True]


STATEMENTS = {
    "proof": SOUND,
    "dirty": proof_statement(RECORD, None, COMMIT, TREE, dirty=True),
    "test result": make_test_result(
        {"a": "VALIDATED"}, [Subject("ophamin.lock", {"sha256": "ab" * 32})], COMMIT, TREE, url="https://example.com"
    ),
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_the_in_toto_package_takes_our_statements(statement):
    message = protobuf_json.Parse(statement.data, OtherMessage())  # refuses unknown fields
    other = OtherStatement.copy_from_pb(message)
    other.validate()
    assert other.pb.predicate_type == statement.predicate_type
    assert [dict(one.digest) for one in other.pb.subject] == [dict(one.digests) for one in statement.subjects]


def test_the_in_toto_package_takes_our_test_result():
    statement = STATEMENTS["test result"]
    other = protobuf_json.ParseDict(dict(statement.predicate), OtherTestResult())
    assert (other.result, list(other.passed_tests), list(other.failed_tests)) == ("PASSED", ["a"], [])
    assert other.configuration[0].digest["sha256"] == "ab" * 32
    assert statement.predicate_type == TEST_RESULT
