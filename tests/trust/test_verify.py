# SPDX-License-Identifier: Apache-2.0
"""The ten steps: a sound record passes them, and each thing that can be wrong has its own word."""

import base64
import gzip
import hashlib
import hmac
import json
import os
import random
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ophamin.trust.verify
from ophamin import rate, scenario
from ophamin.core.canonical import content_hash
from ophamin.core.dsse import IN_TOTO_TYPE, Envelope, Signature, parse_envelope, sign
from ophamin.core.environment import git_facts
from ophamin.core.keyring import KeyRing, RingKey
from ophamin.core.keys import generate_key
from ophamin.core.signing import DEFAULT_SIGN_KEY, PUBLIC_KEYS
from ophamin.measuring.lock_claims import Lock, LockedClaim
from ophamin.measuring.plan import Plan
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.statements import AUDIT, HEAD, Subject, make_statement, proof_statement
from ophamin.trust.verification import STEP_NAMES, Code, exit_code
from ophamin.trust.verify import verify_paths, verify_record

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "golden"
COMMIT, TREE, OTHER = "ab" * 20, "cd" * 20, "ef" * 20
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MADE = "2026-11-23T10:00:00+00:00"
SEAL, SELF, STRANGER = generate_key(), generate_key("ecdsa-p256"), generate_key()
RING = KeyRing((RingKey(SEAL.public, frozenset({"seal"})), RingKey(SELF.public, frozenset({"self"}))))
STRICT = TrustPolicy(ring=RING)
MILD = TrustPolicy.lenient(RING)


def trial_of(*, wrong=0.2, bar=0.5, name="a.b", seed=1):
    def test_it(trial):
        """Is it right?"""

    script = declaration_of(scenario("few are wrong", rate("wrong") <= bar)(test_it)).compile(test_it, name=name)
    trial = Trial(script, Situation("command", Path(__file__).parent, now=lambda: MADE))
    trial.open()
    rng = random.Random(seed)
    for _ in range(120):
        trial.observe(wrong=rng.random() < wrong)
    return trial.conclude()[0]


ONE = trial_of()
REFUTED = trial_of(wrong=0.8)


def write(folder, one, signers=(SEAL,), *, commit=COMMIT, tree=TREE, dirty=False, record=None, made=proof_statement):
    record = record or one.record
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "proof.json").write_text(record.dumps(), encoding="ascii")
    (folder / "observations.json.gz").write_bytes(one.observations)
    if signers:
        digest = record.evidence[0].detail["observations_sha256"]
        statement = made(record, digest, commit, tree, dirty=dirty)
        (folder / "proof.dsse.json").write_bytes(sign(statement.data, IN_TOTO_TYPE, signers).to_bytes())
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "scientific" / "a-b" / ONE.proof_id[:12], ONE)


HERE = git_facts(Path(__file__).parent).commit or None
"""What an unsigned record states, since it was made here."""


def check(folder, policy=STRICT, *, commit=COMMIT, tree=TREE, now=NOW, **more):
    return verify_record(folder, policy, commit=commit, tree=tree, now=now, **more)


def states(answer):
    return [step.state for step in answer.steps]


def failed(answer):
    """Number of the failing step, with all steps before it passed or not applicable and none after it reached."""
    (number,) = [step.number for step in answer.steps if step.state == "fail"]
    assert not {"fail", "not reached"} & set(states(answer)[: number - 1])
    assert set(states(answer)[number:]) <= {"not reached"}
    assert answer.words == answer.steps[number - 1].words != ""
    return number


# --- what passes


def test_a_sound_record_passes_every_step(folder):
    answer = check(folder)
    assert (answer.code, answer.level, answer.outcome) == (Code.OK, "L2", "VALIDATED")
    assert states(answer) == ["pass"] * 7 + ["not applicable", "pass", "not applicable"]
    assert [step.name for step in answer.steps] == list(STEP_NAMES)
    assert answer.proof_id == ONE.proof_id
    assert answer.signed_by == (SEAL.public.key_id,)


def test_a_sound_refutation_is_ok(tmp_path):
    answer = check(write(tmp_path / "r", REFUTED))
    assert (answer.code, answer.outcome) == (Code.OK, "REFUTED")


def test_its_file_and_its_envelope_name_the_record_too(folder):
    assert check(folder / "proof.json").code is check(folder / "proof.dsse.json").code is Code.OK


def test_who_measured_gives_level_1(tmp_path):
    folder = write(tmp_path / "r", ONE, [SELF])
    assert (check(folder, MILD).code, check(folder, MILD).level) == (Code.OK, "L1")
    assert check(folder).code is Code.UNKNOWN_KEY


def test_an_unsigned_record_is_verified_as_far_as_it_goes(tmp_path):
    folder = write(tmp_path / "r", ONE, ())
    answer = check(folder, MILD, commit=HERE)
    assert (answer.code, answer.level) == (Code.OK, "L0")
    assert states(answer)[4] == states(answer)[5] == states(answer)[8] == "pass"
    assert HERE is None or check(folder, MILD, commit=OTHER).code is Code.MISMATCH


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_record_of_another_tool_passes_at_level_0(tmp_path, version):
    record = EmpiricalProofRecord.from_json(GOLDEN / f"proof-{version}.json")
    record.signature, record.provenance = "", {}
    record.to_json(tmp_path / "other.json")
    answer = check(tmp_path / "other.json", MILD, commit=None, tree=None, now=datetime(2100, 1, 1, tzinfo=UTC))
    assert (answer.code, answer.level) == (Code.OK, "L0"), answer.words
    assert answer.steps[8].state == "not applicable"


def test_an_answer_is_no_yes_or_no(folder):
    with pytest.raises(TypeError, match="compare its code"):
        bool(check(folder))


# --- steps 1 and 2: read, type


def bend(path, change):
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data))


def test_a_folder_without_a_record_is_malformed(tmp_path):
    answer = check(tmp_path)
    assert (answer.code, failed(answer)) == (Code.MALFORMED, 1)


@pytest.mark.parametrize("name", ["proof.json", "proof.dsse.json", "observations.json.gz"])
def test_links_are_not_followed(folder, tmp_path, name):
    shutil.move(folder / name, tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    answer = check(folder)
    assert answer.code in {Code.MALFORMED, Code.INCOMPLETE}
    assert "link" in answer.words


@pytest.mark.parametrize("name", ["proof.json", "proof.dsse.json", "observations.json.gz"])
def test_a_pipe_is_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert check(folder).code in {Code.MALFORMED, Code.INCOMPLETE}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"{" * 5000,
        b'{"payload": "fR==", "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "AA=="}]}',
        b'{"payload": "e30=", "payload": "e30=", "payloadType": "x", "signatures": [{"sig": "AA=="}]}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_envelope_is_malformed(folder, data):
    (folder / "proof.dsse.json").write_bytes(data)
    answer = check(folder)
    assert (answer.code, failed(answer)) == (Code.MALFORMED, 1)


def test_a_foreign_payload_is_of_the_wrong_type(folder):
    (folder / "proof.dsse.json").write_bytes(sign(b"{}", "text/plain", [SEAL]).to_bytes())
    answer = check(folder)
    assert (answer.code, failed(answer)) == (Code.WRONG_TYPE, 2)


# --- step 3: signatures


def test_an_envelope_without_a_signature_is_unsigned(folder):
    bend(folder / "proof.dsse.json", lambda data: data.update(signatures=[]))
    answer = check(folder)
    assert (answer.code, failed(answer)) == (Code.UNSIGNED, 3)


def test_a_record_without_an_envelope_is_unsigned_where_a_level_is_demanded(tmp_path):
    answer = check(write(tmp_path / "r", ONE, ()))
    assert (answer.code, answer.level, failed(answer)) == (Code.UNSIGNED, "L0", 3)


def test_a_key_that_is_not_in_the_ring_is_unknown(tmp_path):
    folder = write(tmp_path / "r", ONE, [STRANGER])
    for policy in (STRICT, MILD, TrustPolicy()):
        assert (check(folder, policy).code, check(folder, policy).level) == (Code.UNKNOWN_KEY, "L0")


def test_a_changed_payload_is_a_bad_signature(folder):
    path = folder / "proof.dsse.json"
    envelope = parse_envelope(path.read_bytes())
    changed = envelope.payload.replace(b'"VALIDATED"', b'"REFUTED"')
    assert changed != envelope.payload
    path.write_bytes(replace(envelope, payload=changed).to_bytes())
    answer = check(folder)
    assert (answer.code, failed(answer)) == (Code.BAD_SIGNATURE, 3)


def test_an_hmac_made_with_the_text_of_the_public_key_is_a_bad_signature(folder):
    path = folder / "proof.dsse.json"
    envelope = parse_envelope(path.read_bytes())
    forged = hmac.digest(SEAL.public.to_pem().encode(), envelope.payload, "sha256")
    signature = Signature(forged, SEAL.public.key_id)
    path.write_bytes(Envelope(envelope.payload, envelope.payload_type, (signature,)).to_bytes())
    assert check(folder).code is Code.BAD_SIGNATURE


def test_one_key_that_signs_twice_is_one_key(tmp_path):
    second = generate_key()
    ring = KeyRing((*RING.keys, RingKey(second.public, frozenset({"seal"}))))
    policy = replace(STRICT, ring=ring, thresholds={"seal": 2})
    assert check(write(tmp_path / "twice", ONE, [SEAL, SEAL]), policy).code is Code.UNKNOWN_KEY
    assert check(write(tmp_path / "both", ONE, [SEAL, second]), policy).code is Code.OK


# --- step 3 for old seals


SECRET = bytes(range(1, 33))


def sealed(tmp_path, key):
    record = EmpiricalProofRecord.from_dict(ONE.record.to_dict()).sign(key)
    return write(tmp_path / "sealed", ONE, (), record=record)


def test_an_hmac_seal_gives_level_1_and_says_so(tmp_path):
    answer = check(sealed(tmp_path, SECRET), MILD, commit=HERE, secrets=[b"another", SECRET])
    assert (answer.code, answer.level, answer.signed_by) == (Code.OK, "L1", ("legacy-hmac",))


@pytest.mark.parametrize("key", sorted(PUBLIC_KEYS))
@pytest.mark.parametrize("policy", [STRICT, MILD], ids=["strict", "mild"])
def test_t01_a_seal_with_a_published_key_is_key_public(tmp_path, key, policy):
    answer = check(sealed(tmp_path, key), policy, secrets=[key])
    assert (answer.code, answer.level) == (Code.KEY_PUBLIC, "L0")
    assert exit_code([answer.code]) == 4


@pytest.mark.parametrize("key", [b"short", b"k" * 64])
def test_t01_a_seal_with_a_weak_key_is_key_public(tmp_path, key):
    assert check(sealed(tmp_path, key), MILD, secrets=[key]).code is Code.KEY_PUBLIC


def test_a_seal_needs_its_secret(tmp_path):
    folder = sealed(tmp_path, SECRET)
    assert check(folder, MILD).code is Code.UNKNOWN_KEY
    assert check(folder, MILD, secrets=[b"x" * 31 + b"y"]).code is Code.BAD_SIGNATURE
    assert check(folder, STRICT, secrets=[SECRET]).code is Code.UNSIGNED
    answer = check(folder, replace(MILD, allow_hmac="never"), commit=HERE, secrets=[SECRET])
    assert (answer.code, answer.level) == (Code.OK, "L0")
    assert check(folder, replace(MILD, allow_hmac="never", min_level="L1"), secrets=[SECRET]).code is Code.UNSIGNED


def test_a_seal_beside_an_envelope_changes_nothing(tmp_path):
    record = EmpiricalProofRecord.from_dict(ONE.record.to_dict()).sign(DEFAULT_SIGN_KEY)
    assert check(write(tmp_path / "r", ONE, record=record)).level == "L2"


# --- step 4: keys in time


@pytest.mark.parametrize(
    ("dates", "code"),
    [
        ({"valid_until": NOW - timedelta(days=1)}, Code.KEY_EXPIRED),
        ({"valid_from": NOW + timedelta(days=1)}, Code.KEY_EXPIRED),
        ({"revoked_at": NOW + timedelta(days=1)}, Code.KEY_REVOKED),
        ({"revoked_at": NOW - timedelta(days=1), "valid_until": NOW - timedelta(days=2)}, Code.KEY_REVOKED),
        ({"valid_until": NOW + timedelta(days=1), "valid_from": NOW - timedelta(days=1)}, Code.OK),
    ],
)
def test_a_key_counts_only_in_its_time(folder, dates, code):
    policy = replace(STRICT, ring=KeyRing((RingKey(SEAL.public, frozenset({"seal"}), **dates),)))
    answer = check(folder, policy)
    assert answer.code is code
    if code is not Code.OK:
        assert (failed(answer), answer.level) == (4, "L0")


# --- step 5: content


def envelope_of(folder, statement):
    (folder / "proof.dsse.json").write_bytes(sign(statement.data, IN_TOTO_TYPE, [SEAL]).to_bytes())


@pytest.mark.parametrize("kind", [AUDIT, HEAD, "urn:other:v1"])
def test_t13_another_kind_of_statement_is_of_the_wrong_type(folder, kind):
    envelope_of(folder, make_statement(kind, [Subject("a", {"sha256": "ab" * 32})], {}))
    answer = check(folder)
    assert (answer.code, failed(answer)) == (Code.WRONG_TYPE, 5)


def payload_with(folder, change):
    data = json.loads(parse_envelope((folder / "proof.dsse.json").read_bytes()).payload)
    change(data)
    raw = json.dumps(data).encode()
    (folder / "proof.dsse.json").write_bytes(sign(raw, IN_TOTO_TYPE, [SEAL]).to_bytes())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: data.update(_type="https://in-toto.io/Statement/v2"), Code.MALFORMED),
        (lambda data: data["predicate"]["record"].update(schema_version="2.0"), Code.WRONG_TYPE),
        (lambda data: data["predicate"]["record"].update(proof_id="0" * 64), Code.MALFORMED),
        (lambda data: data["predicate"]["record"].pop("verdict"), Code.MALFORMED),
        (lambda data: data["predicate"].pop("record"), Code.MALFORMED),
        (lambda data: data["predicate"].update(observations_sha256="0" * 64), Code.MISMATCH),
        (lambda data: data.update(subject=data["subject"][:2]), Code.MISMATCH),
    ],
)
def test_a_signed_payload_is_read_strictly(folder, change, code):
    payload_with(folder, change)
    answer = check(folder)
    assert (answer.code, failed(answer)) == (code, 5)


def test_fields_of_a_later_version_are_shown(folder):
    payload_with(folder, lambda data: data.update(ofNextYear=1))
    answer = check(folder)
    assert answer.code is Code.OK
    assert "ofNextYear" in answer.steps[4].words


def test_an_unsigned_record_of_next_year_is_told_apart_from_a_damaged_one(tmp_path):
    folder = write(tmp_path / "r", ONE, ())
    bend(folder / "proof.json", lambda data: data.update(schema_version="2.0"))
    assert check(folder, MILD).code is Code.WRONG_TYPE
    bend(folder / "proof.json", lambda data: data.update(schema_version="1.0", created_at=1))
    assert check(folder, MILD).code is Code.MALFORMED


# --- step 6: subjects


@pytest.mark.parametrize("how", [{"commit": OTHER}, {"tree": OTHER}])
def test_t11_a_record_of_another_commit_is_a_mismatch(folder, how):
    answer = check(folder, **how)
    assert (answer.code, failed(answer)) == (Code.MISMATCH, 6)


def test_without_git_nothing_is_compared(folder):
    assert check(folder, commit=None, tree=None).code is Code.OK


def test_t11_a_record_that_names_every_commit_is_a_mismatch(folder):
    def change(data):
        data["subject"].insert(0, {"name": "commit", "digest": {"gitCommit": OTHER}})

    payload_with(folder, change)
    assert check(folder).code is Code.MISMATCH


def test_a_signed_record_that_names_no_commit_is_a_mismatch_where_one_is_asked_for(tmp_path):
    folder = write(tmp_path / "r", ONE, commit=None, tree=None)
    assert check(folder).code is Code.MISMATCH
    assert check(folder, commit=None, tree=None).code is Code.OK


def test_a_dirty_tree_is_no_evidence_for_a_merge_and_is_shown_elsewhere(tmp_path):
    folder = write(tmp_path / "r", ONE, dirty=True)
    assert check(folder).code is Code.MISMATCH
    answer = check(folder, MILD)
    assert answer.code is Code.OK
    assert "differed" in answer.steps[5].words


def test_t12_the_files_of_two_records_exchanged_are_a_mismatch(tmp_path):
    one, other = write(tmp_path / "a", ONE), write(tmp_path / "b", REFUTED)
    for name in ("proof.json", "observations.json.gz"):
        mine, theirs = (one / name).read_bytes(), (other / name).read_bytes()
        (one / name).write_bytes(theirs)
        assert (check(one).code, failed(check(one))) == (Code.MISMATCH, 6)
        (one / name).write_bytes(mine)
    assert check(one).code is Code.OK


def test_a_space_in_the_file_is_a_mismatch(folder):
    with (folder / "proof.json").open("ab") as handle:
        handle.write(b" ")
    assert check(folder).code is Code.MISMATCH


def test_a_file_in_another_order_that_was_signed_as_such_is_the_record(folder):
    data = json.dumps(ONE.record.to_dict(), sort_keys=True).encode()
    (folder / "proof.json").write_bytes(data)
    assert check(folder).code is Code.MISMATCH

    def change(payload):
        (named,) = [one for one in payload["subject"] if one["name"] == "proof.json"]
        named["digest"]["sha256"] = hashlib.sha256(data).hexdigest()

    payload_with(folder, change)
    assert check(folder).code is Code.OK


def test_a_signed_file_that_is_another_record_than_the_predicate_is_a_mismatch(folder):
    data = REFUTED.record.dumps().encode()
    (folder / "proof.json").write_bytes(data)

    def change(payload):
        (named,) = [one for one in payload["subject"] if one["name"] == "proof.json"]
        named["digest"]["sha256"] = hashlib.sha256(data).hexdigest()

    payload_with(folder, change)
    assert (check(folder).code, failed(check(folder))) == (Code.MISMATCH, 6)


@pytest.mark.parametrize("name", ["proof.json", "observations.json.gz"])
def test_a_removed_file_is_incomplete(folder, name):
    (folder / name).unlink()
    answer = check(folder)
    assert (answer.code, failed(answer)) == (Code.INCOMPLETE, 6)


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b"{}"), gzip.compress(bytes(64 * 2**20))])
def test_observations_that_cannot_be_read_are_malformed(folder, data):
    (folder / "observations.json.gz").write_bytes(data)
    answer = check(folder)
    assert (answer.code, failed(answer)) == (Code.MALFORMED, 6)


# --- step 7: freshness


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (NOW + timedelta(hours=69), Code.OK),
        (NOW + timedelta(hours=71), Code.STALE),
        (NOW - timedelta(hours=2, minutes=4), Code.OK),
        (NOW - timedelta(hours=2, minutes=6), Code.STALE),
    ],
)
def test_t11_a_record_has_an_age(folder, now, code):
    answer = check(folder, now=now)
    assert answer.code is code
    if code is Code.STALE:
        assert failed(answer) == 7


def test_a_record_that_stands_twice_is_replayed(tmp_path):
    for name in ("a", "b", "c"):
        write(tmp_path / name, REFUTED if name == "c" else ONE)
    answers = list(verify_paths([tmp_path], STRICT, commit=COMMIT, tree=TREE, now=NOW))
    assert [one.code for one in answers] == [Code.OK, Code.REPLAYED, Code.OK]
    assert "a/proof.json" in answers[1].words
    assert failed(answers[1]) == 7


# --- step 8: registration


def lock_of(one, **changes):
    plan = Plan.from_config(json.loads(one.record.provenance["entity"]["ophamin:scenario"]["ophamin:config"]))
    return Lock((LockedClaim.of_plan(replace(plan, **changes), corpus_digest=""),))


def test_a_claim_in_the_lock_is_registered(folder):
    answer = check(folder, lock=lock_of(ONE))
    assert (answer.code, states(answer)[7]) == (Code.OK, "pass")
    assert answer.claim_id == lock_of(ONE).claims[0].id


def test_a_claim_that_is_not_in_the_lock_is_exploratory(folder):
    answer = check(folder, lock=Lock())
    assert (answer.code, failed(answer)) == (Code.UNREGISTERED, 8)
    assert exit_code([answer.code]) == 3


def test_t06_a_bar_that_was_moved_is_not_the_registered_one(folder):
    answer = check(folder, lock=lock_of(ONE, value=0.1))
    assert answer.code is Code.UNREGISTERED
    assert "goalposts moved" in answer.words
    assert "0.1 -> 0.5" in answer.words


# --- step 9: the verdict


def edited(record, change):
    data = record.to_dict()
    change(data)
    data["proof_id"] = content_hash({k: v for k, v in data.items() if k not in {"proof_id", "signature"}})
    return EmpiricalProofRecord.from_dict(data)


def claims_validated(data):
    data["verdict"]["outcome"] = "VALIDATED"


def claims_better(data):
    claims_validated(data)
    data["verdict"]["observed_value"] = data["evidence"][0]["statistic_value"] = 0.1


@pytest.mark.parametrize("change", [claims_validated, claims_better])
@pytest.mark.parametrize("signers", [(SEAL,), ()], ids=["signed", "unsigned"])
def test_t03_a_verdict_that_the_observations_refute_is_a_contradiction_whoever_signed_it(tmp_path, change, signers):
    folder = write(tmp_path / "r", REFUTED, signers, record=edited(REFUTED.record, change))
    answer = check(folder, STRICT) if signers else check(folder, MILD, commit=HERE)
    assert (answer.code, failed(answer)) == (Code.CONTRADICTION, 9)
    assert exit_code([answer.code]) == 4


def test_a_plan_that_cannot_be_read_leaves_the_record_undecided(tmp_path):
    def change(data):
        entity = data["provenance"]["entity"]["ophamin:scenario"]
        entity["ophamin:config"] = json.dumps({**json.loads(entity["ophamin:config"]), "of_next_year": 1})
        data["preregistration"]["config_hash"] = hashlib.sha256(entity["ophamin:config"].encode()).hexdigest()

    answer = check(write(tmp_path / "r", ONE, record=edited(ONE.record, change)))
    assert (answer.code, failed(answer)) == (Code.INCOMPLETE, 9)


# --- many records


def test_a_removed_record_is_seen_by_its_envelope(tmp_path):
    write(tmp_path / "a", ONE)
    write(tmp_path / "b", REFUTED)
    (tmp_path / "a" / "proof.json").unlink()
    answers = list(verify_paths([tmp_path], STRICT, commit=COMMIT, tree=TREE, now=NOW))
    assert [one.code for one in answers] == [Code.INCOMPLETE, Code.OK]


def test_several_processes_give_the_same_answers_in_the_same_order(tmp_path, monkeypatch):
    for number in range(40):
        write(tmp_path / f"{number:03}", ONE if number % 3 else REFUTED, [SEAL] if number % 5 else [STRANGER])
    verify = partial(verify_paths, [tmp_path], STRICT, commit=COMMIT, tree=TREE, now=NOW, lock=lock_of(ONE))
    alone = list(verify())
    monkeypatch.setattr(ophamin.trust.verify, "MANY", 10)
    assert list(verify(jobs=2)) == alone
    assert {one.code for one in alone} == {Code.OK, Code.REPLAYED, Code.UNKNOWN_KEY}


def test_a_path_with_nothing_is_an_error(tmp_path):
    with pytest.raises(LookupError, match="no such file"):
        list(verify_paths([tmp_path / "none"], MILD, commit=None, tree=None, now=NOW))


# --- anything at all


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_one_byte_is_found(tmp_path_factory, data):
    folder = write(tmp_path_factory.mktemp("r"), ONE)
    name = data.draw(st.sampled_from(["proof.json", "proof.dsse.json"]))
    raw = bytearray((folder / name).read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(raw)
    before = parse_envelope((write(tmp_path_factory.mktemp("s"), ONE) / "proof.dsse.json").read_bytes())
    answer = check(folder)
    if answer.code is Code.OK:  # the key id is a hint that nobody signed, and some bytes of the form mean the same
        assert name == "proof.dsse.json"
        assert parse_envelope(bytes(raw)).payload == before.payload


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["proof.json", "proof.dsse.json", "observations.json.gz"]))
def test_files_of_any_content_give_an_answer_and_never_ok(tmp_path_factory, content, name):
    folder = write(tmp_path_factory.mktemp("r"), ONE)
    (folder / name).write_bytes(content)
    assert check(folder).code is not Code.OK


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_an_unsigned_record_with_any_value_anywhere_gives_an_answer(tmp_path_factory, data):
    folder = write(tmp_path_factory.mktemp("r"), ONE, ())
    wire = ONE.record.to_dict()
    place = wire
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not (isinstance(place[key], (dict, list)) and place[key]) or data.draw(st.booleans()):
            break
        place = place[key]
    before, place[key] = place[key], data.draw(JSON)
    same = json.dumps(before) == json.dumps(place[key])
    wire["proof_id"] = content_hash_or_none({k: v for k, v in wire.items() if k not in {"proof_id", "signature"}})
    (folder / "proof.json").write_text(json.dumps(wire))
    answer = check(folder, MILD, commit=None, tree=None)
    assert same or answer.code in set(Code)


def content_hash_or_none(value):
    try:
        return content_hash(value)
    except ValueError:
        return "0" * 64


def test_the_plain_form_of_an_answer_is_json(folder):
    plain = json.loads(json.dumps(check(folder).to_dict()))
    assert (plain["code"], plain["level"], plain["redecided"], len(plain["steps"])) == ("OK", "L2", "same", 10)


def test_base64_of_the_other_alphabet_is_read(folder):
    path = folder / "proof.dsse.json"

    def change(data):
        data["payload"] = base64.urlsafe_b64encode(base64.b64decode(data["payload"])).decode()

    bend(path, change)
    assert check(folder).code is Code.OK


@pytest.mark.parametrize("name", [["a"], None, 1, {"a": 1}])
def test_a_plan_with_anything_for_a_name_is_exploratory(tmp_path, name):
    def change(data):
        entity = data["provenance"]["entity"]["ophamin:scenario"]
        plan = json.loads(entity["ophamin:config"]) | {"name": name}
        entity["ophamin:config"] = json.dumps(plan, sort_keys=True, separators=(",", ":"))
        data["preregistration"]["config_hash"] = hashlib.sha256(entity["ophamin:config"].encode()).hexdigest()

    answer = check(write(tmp_path / "a", ONE, record=edited(ONE.record, change)), lock=lock_of(ONE))
    assert (answer.code, failed(answer)) == (Code.UNREGISTERED, 8)
