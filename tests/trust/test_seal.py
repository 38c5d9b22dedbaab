# SPDX-License-Identifier: Apache-2.0
"""Sealing a run: everything is decided again before anything is signed, and what is signed reaches level L2."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ophamin.trust.seal_files
from ophamin import rate, scenario
from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.results import PillarResult
from ophamin.core import strictjson
from ophamin.core.dsse import IN_TOTO_TYPE, parse_envelope, sign
from ophamin.core.environment import git_facts
from ophamin.core.keyring import KeyRing, RingKey
from ophamin.core.keys import generate_key
from ophamin.measuring.proof.record import DatasetRef, EmpiricalProofRecord
from ophamin.measuring.scenarios.functions import declaration_of
from ophamin.measuring.trial import Situation, Trial
from ophamin.trust.heads import write_head
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.seal import SealError, examine_run, seal_run
from ophamin.trust.seal_files import RunFolderError, run_files
from ophamin.trust.statements import HEAD, TEST_RESULT, proof_statement, read_statement
from ophamin.trust.verification import Code, exit_code
from ophamin.trust.verify import verify_record
from ophamin.trust.verify_signatures import open_signed

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "golden"
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
SEAL, SELF, STRANGER = generate_key(), generate_key("ecdsa-p256"), generate_key()
RING = KeyRing((RingKey(SEAL.public, frozenset({"seal"})), RingKey(SELF.public, frozenset({"self"}))))
MILD, STRICT = TrustPolicy.lenient(RING), TrustPolicy(ring=RING)
OTHER = "ef" * 20


def read_audit(data):
    return AuditRecord.from_dict(strictjson.loads(data)).to_dict()


class Project:
    """A repository with one commit, and runs of claims in it."""

    def __init__(self, root):
        self.root = root
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "--allow-empty", "-m", "x")):
            subprocess.run((*GIT, *command), cwd=root, check=True)
        facts = git_facts(root)
        self.commit, self.tree = facts.commit, facts.tree

    def conclude(self, wrong=2, name="a.b"):
        def test_it(trial):
            """Is it right?"""

        script = declaration_of(scenario("few are wrong", rate("wrong") <= 0.5)(test_it)).compile(test_it, name=name)
        trial = Trial(script, Situation("command", self.root))
        trial.open()
        for number in range(40):
            trial.observe(wrong=number < wrong)
        return trial.conclude()[0]

    def write(self, folder, one, signer=None, record=None, dirty=False):
        record = record or one.record
        place = folder / "scientific" / "a-b" / record.proof_id[:12]
        place.mkdir(parents=True)
        (place / "proof.json").write_text(record.dumps(), encoding="ascii")
        (place / "observations.json.gz").write_bytes(one.observations)
        if signer is not None:
            digest = record.evidence[0].detail["observations_sha256"]
            statement = proof_statement(record, digest, self.commit, self.tree, dirty=dirty)
            (place / "proof.dsse.json").write_bytes(sign(statement.data, IN_TOTO_TYPE, [signer]).to_bytes())
        return place

    def head(self, folder, signer=None, commit=None, dirty=False, of=("proof.json",)):
        digests = [sha256(path) for name in of for path in folder.rglob(name)]
        facts = {"commit": commit or self.commit, "tree": self.tree, "dirty": dirty, "lock": None}
        return write_head(folder, digests, **facts, environ={}, signer=signer)

    def examine(self, folder, policy=MILD, **given):
        now = datetime.now(UTC)
        known = {"commit": self.commit, "tree": self.tree, "now": now, "read_audit": read_audit, **given}
        return examine_run(folder, policy, **known)

    def verify(self, place, policy=STRICT):
        return verify_record(place, policy, commit=self.commit, tree=self.tree, now=datetime.now(UTC))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def codes(examination):
    """Each kind with its code, but for what is sound."""
    return [(one.kind, one.code.value) for one in examination.files if one.code is not Code.OK]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def good(project):
    return project.conclude()


@pytest.fixture(scope="module")
def refuted(project):
    return project.conclude(wrong=38)


@pytest.fixture
def run(project, good, refuted, tmp_path):
    """A run as it comes out of CI: two records and a head, nothing signed."""
    folder = tmp_path / "latest"
    project.write(folder, good)
    project.write(folder, refuted)
    project.head(folder)
    return folder


def refuses(project, folder, *expected, policy=MILD, **given):
    """Examine, see these codes, and see that nothing can be signed and nothing is written."""
    before = files_of(folder)
    found = project.examine(folder, policy, **given)
    assert codes(found) == list(expected)
    with pytest.raises(SealError):
        seal_run(found, SEAL, read_audit=read_audit)
    assert files_of(folder) == before
    return found


# --- what is sealed


def test_a_record_that_its_own_session_signed_rises_from_level_1_to_level_2(project, good, tmp_path):
    place = project.write(tmp_path / "r", good, SELF)
    project.head(tmp_path / "r", SELF)
    assert (project.verify(place, MILD).level, project.verify(place).code) == ("L1", Code.UNKNOWN_KEY)
    seal_run(project.examine(tmp_path / "r"), SEAL, read_audit=read_audit)
    answer = project.verify(place)
    assert (answer.code, answer.level, answer.signed_by) == (Code.OK, "L2", (SEAL.public.key_id,))


def test_an_unsigned_run_is_sealed_whole_its_refutation_too(project, run):
    found = project.examine(run)
    assert found.is_sound
    assert codes(found) == []
    seal_run(found, SEAL, read_audit=read_audit)
    answers = [project.verify(path.parent) for path in sorted(run.rglob("proof.json"))]
    assert {(one.code, one.level, one.outcome) for one in answers} == {
        (Code.OK, "L2", "VALIDATED"),
        (Code.OK, "L2", "REFUTED"),
    }


def test_the_head_is_sealed_as_the_run_left_it(project, run):
    seal_run(project.examine(run), SEAL, read_audit=read_audit)
    now = datetime.now(UTC)
    git = {"commit": project.commit, "tree": project.tree}
    signed = open_signed((run / "head.dsse.json").read_bytes(), HEAD, STRICT, **git, now=now)
    assert signed.level == "L2"
    assert dict(signed.statement.predicate) == json.loads((run / "head.json").read_bytes())
    assert signed.statement.digest_of("head.json") == sha256(run / "head.json")


def test_each_verdict_is_also_told_in_the_words_of_in_toto(project, run, refuted):
    seal_run(project.examine(run), SEAL, read_audit=read_audit)
    (place,) = run.rglob(refuted.proof_id[:12])
    payload = parse_envelope((place / "test-result.dsse.json").read_bytes()).payload
    statement = read_statement(payload, predicate_types=(TEST_RESULT,))
    assert (statement.predicate["result"], statement.predicate["failedTests"]) == ("FAILED", ["a.b"])
    assert statement.digests("gitCommit") == (project.commit,)


def test_sealing_again_changes_nothing(project, run):
    seal_run(project.examine(run), SEAL, read_audit=read_audit)
    once = files_of(run)
    seal_run(project.examine(run), SEAL, read_audit=read_audit)
    assert files_of(run) == once


def test_without_git_no_commit_is_compared_and_none_is_signed(project, run):
    nowhere = {"commit": None, "tree": None}
    seal_run(project.examine(run, **nowhere), SEAL, read_audit=read_audit)
    place = next(run.rglob("proof.json")).parent
    assert not (place / "test-result.dsse.json").exists()
    assert project.verify(place).code is Code.MISMATCH
    assert verify_record(place, STRICT, **nowhere, now=datetime.now(UTC)).level == "L2"


def test_a_run_that_decided_nothing_has_a_head_that_can_be_sealed(project, tmp_path):
    folder = tmp_path / "latest"
    folder.mkdir()
    project.head(folder)
    seal_run(project.examine(folder), SEAL, read_audit=read_audit)
    assert (folder / "head.dsse.json").exists()


def test_an_audit_is_sealed_beside_the_records(project, run):
    audit = AuditRecord.from_results("src", "0a" * 32, [PillarResult("ruff", "ruff", "ruff 1", "ok", "src")], "audit")
    place = run / "audit" / audit.audit_id[:12]
    place.mkdir(parents=True)
    audit.to_json(place / "audit.json")
    project.head(run, of=("proof.json", "audit.json"))
    for _ in range(2):
        seal_run(project.examine(run), SEAL, read_audit=read_audit)
    statement = read_statement(parse_envelope((place / "audit.dsse.json").read_bytes()).payload)
    assert statement.predicate_type == "urn:ophamin:attestation:audit:v1"
    assert statement.predicate["record"] == audit.to_dict()
    audit.target_path = "other"
    audit.to_json(place / "audit.json")
    refuses(project, run, ("audit", "MISMATCH"), ("head", "MISMATCH"))


def test_t08_a_head_that_binds_audits_misses_a_removed_one(project, run):
    audit = AuditRecord.from_results("src", "0a" * 32, [PillarResult("ruff", "ruff", "ruff 1", "ok", "src")], "audit")
    place = run / "audit" / audit.audit_id[:12] / "audit.json"
    audit.to_json(place)
    project.head(run, of=("proof.json", "audit.json"))
    assert project.examine(run).is_sound
    place.unlink()
    refuses(project, run, ("head", "INCOMPLETE"))


# --- what is not sealed


def test_one_contradiction_keeps_the_whole_run_from_being_sealed(project, good, refuted, tmp_path):
    """The record says VALIDATED, with an id and a value that fit, and its observations say otherwise."""
    folder = tmp_path / "latest"
    project.write(folder, good)
    lie = replace(refuted.record.verdict, outcome="VALIDATED", observed_value=0.01)
    project.write(folder, refuted, record=with_changes(refuted.record, verdict=lie))
    project.head(folder)
    found = refuses(project, folder, ("proof", "CONTRADICTION"))
    assert exit_code(one.code for one in found.files) == 4


def test_a_verdict_that_cannot_be_decided_again_is_not_sealed(project, tmp_path):
    record = EmpiricalProofRecord.from_dict(json.loads((GOLDEN / "proof-1.0.json").read_bytes()))
    folder = tmp_path / "latest"
    folder.mkdir()
    record.sign(bytes(range(32))).to_json(folder / "proof.json")
    project.head(folder)
    found = refuses(project, folder, ("proof", "INCOMPLETE"), commit=None, tree=None, secrets=[bytes(range(32))])
    assert exit_code(one.code for one in found.files) == 3


def test_t08_a_removed_record_is_missed(project, run):
    shutil.rmtree(next(run.rglob("proof.json")).parent)
    found = refuses(project, run, ("head", "INCOMPLETE"))
    assert exit_code(one.code for one in found.files) == 3


def test_t08_a_removed_record_is_missed_when_the_head_is_removed_with_it(project, run):
    shutil.rmtree(next(run.rglob("proof.json")).parent)
    (run / "head.json").unlink()
    refuses(project, run, ("head", "INCOMPLETE"))


def test_t08_a_record_is_missed_whose_envelope_alone_is_left(project, good, tmp_path):
    folder = tmp_path / "latest"
    place = project.write(folder, good, SELF)
    project.head(folder, SELF)
    (place / "proof.json").unlink()
    refuses(project, folder, ("proof", "INCOMPLETE"), ("head", "INCOMPLETE"))


def test_t11_a_record_of_another_commit_is_a_mismatch(project, run):
    expected = [("proof", "MISMATCH"), ("proof", "MISMATCH"), ("head", "MISMATCH")]
    found = refuses(project, run, *expected, commit=OTHER, tree=OTHER)
    assert exit_code(one.code for one in found.files) == 4


def test_t11_a_record_of_no_commit_is_not_given_one(project, good, tmp_path):
    folder = tmp_path / "latest"
    provenance = json.loads(json.dumps(good.record.provenance))
    provenance["entity"]["ophamin:scenario"]["ophamin:project_commit"] = ""
    record = with_changes(good.record, provenance=provenance)
    project.write(folder, good, record=record)
    project.head(folder)
    refuses(project, folder, ("proof", "MISMATCH"))
    (place,) = folder.rglob("scientific/a-b/*")
    shutil.rmtree(place)
    project.write(folder, good, SELF, record=record)  # a session that signs it so is not believed either
    refuses(project, folder, ("proof", "MISMATCH"))


def test_t12_a_record_of_another_run_in_the_place_of_one_is_a_mismatch(project, run, good):
    place = next(path for path in run.rglob("proof.json") if good.proof_id.startswith(path.parent.name)).parent
    shutil.rmtree(place)
    project.write(run, project.conclude(wrong=3))
    found = refuses(project, run, ("head", "MISMATCH"))
    assert exit_code(one.code for one in found.files) == 4


def test_t12_a_record_more_than_the_run_wrote_is_a_mismatch(project, run):
    project.write(run, project.conclude(wrong=3))
    refuses(project, run, ("head", "MISMATCH"))


def test_t12_files_of_one_name_that_were_exchanged_are_a_mismatch(project, run):
    first, second = (path.parent / "observations.json.gz" for path in sorted(run.rglob("proof.json")))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    refuses(project, run, ("proof", "MISMATCH"), ("proof", "MISMATCH"))


def test_t12_a_copy_of_a_record_is_replayed(project, run, good):
    place = next(path for path in run.rglob("proof.json") if good.proof_id.startswith(path.parent.name)).parent
    shutil.copytree(place, run / "scientific" / "other" / place.name)
    refuses(project, run, ("head", "REPLAYED"))


def test_what_was_measured_on_a_dirty_tree_is_not_sealed(project, good, tmp_path):
    folder = tmp_path / "latest"
    project.write(folder, good, SELF, dirty=True)
    project.head(folder)
    refuses(project, folder, ("proof", "MISMATCH"))


@pytest.mark.parametrize(("signer", "code"), [(STRANGER, "UNKNOWN_KEY"), (SELF, "BAD_SIGNATURE")], ids=["who", "bad"])
def test_an_envelope_is_checked_before_the_seal_takes_its_place(project, good, tmp_path, signer, code):
    folder = tmp_path / "latest"
    place = project.write(folder, good, signer)
    project.head(folder)
    if code == "BAD_SIGNATURE":
        envelope = json.loads((place / "proof.dsse.json").read_bytes())
        envelope["payload"] = "IH" + envelope["payload"][2:]
        (place / "proof.dsse.json").write_text(json.dumps(envelope), encoding="ascii")
    refuses(project, folder, ("proof", code))


def test_a_signed_head_is_checked_before_the_seal_takes_its_place(project, run):
    project.head(run, STRANGER)
    refuses(project, run, ("head", "UNKNOWN_KEY"))
    project.head(run, SELF, dirty=True)
    refuses(project, run, ("head", "MISMATCH"))


def test_two_heads_that_differ_are_a_mismatch(project, run):
    project.head(run, SELF)
    head = json.loads((run / "head.json").read_bytes())
    (run / "head.json").write_bytes(json.dumps({**head, "attempt": 7}, sort_keys=True, separators=(",", ":")).encode())
    refuses(project, run, ("head", "MISMATCH"))


def test_an_expired_key_of_the_session_is_refused(project, good, tmp_path):
    folder = tmp_path / "latest"
    project.write(folder, good, SELF)
    project.head(folder, SELF)
    old = RingKey(SELF.public, frozenset({"self"}), valid_until=datetime.now(UTC) - timedelta(days=1))
    policy = TrustPolicy.lenient(KeyRing((old,)))
    refuses(project, folder, ("proof", "KEY_EXPIRED"), ("head", "KEY_EXPIRED"), policy=policy)


def test_a_record_that_is_too_old_for_the_policy_is_stale(project, run):
    policy = replace(MILD, max_age=timedelta(hours=1))
    refuses(
        project, run, ("proof", "STALE"), ("proof", "STALE"), policy=policy, now=datetime.now(UTC) + timedelta(hours=2)
    )


def test_another_spelling_of_a_record_is_not_signed(project, run, good):
    place = next(path for path in run.rglob("proof.json") if good.proof_id.startswith(path.parent.name))
    place.write_text(json.dumps(json.loads(place.read_bytes()), indent=1), encoding="ascii")
    project.head(run)
    refuses(project, run, ("proof", "MALFORMED"))


def test_a_record_that_no_statement_can_hold_is_refused_before_anything_is_signed(project, run, good):
    digests = [f"{number:064x}" for number in range(1100)]
    more = [DatasetRef(f"d{digest}", digest, 1, "x", "observed") for digest in digests]
    project.write(run, good, record=with_changes(good.record, datasets=[*good.record.datasets, *more]))
    project.head(run)
    (found,) = [one for one in project.examine(run).files if one.code is not Code.OK]
    assert (found.code, "1024" in found.words) == (Code.MALFORMED, True)


def test_a_file_that_changes_after_it_was_examined_is_not_signed(project, run):
    found = project.examine(run)
    last = max(run.rglob("proof.json"))
    last.write_bytes(last.read_bytes() + b" ")
    with pytest.raises(SealError, match="changed while"):
        seal_run(found, SEAL, read_audit=read_audit)
    assert not (last.parent / "proof.dsse.json").exists()
    assert not (run / "head.dsse.json").exists()


def test_an_audit_that_is_none_is_refused(project, run):
    (run / "audit.json").write_bytes(b'{"audit_id": "x"}')
    project.head(run, of=("proof.json", "audit.json"))
    refuses(project, run, ("audit", "MALFORMED"))


# --- hostile folders


def test_t22_links_and_pipes_are_refused_and_not_followed(project, run, tmp_path):
    outside = tmp_path / "outside"
    project.write(outside, project.conclude(wrong=5))
    (run / "more").symlink_to(outside)
    (run / "audit.json").symlink_to(tmp_path / "no-such-file")
    os.mkfifo(run / "proof.json")
    refuses(project, run, ("other", "MALFORMED"), ("other", "MALFORMED"), ("other", "MALFORMED"))


def test_a_folder_that_is_a_link_or_none_is_refused(project, run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    for folder in (tmp_path / "link", tmp_path / "none", run / "head.json"):
        with pytest.raises(RunFolderError):
            project.examine(folder)


def test_a_folder_without_end_is_refused(run, monkeypatch):
    monkeypatch.setattr(ophamin.trust.seal_files, "MAX_ENTRIES", 5)
    with pytest.raises(RunFolderError, match="more than 5 entries"):
        run_files(run)


def test_folders_in_folders_are_refused(tmp_path):
    (tmp_path / "a" / Path(*"bcdefghij")).mkdir(parents=True)
    with pytest.raises(RunFolderError, match="deeper than 8"):
        run_files(tmp_path / "a")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["proof.json", "proof.dsse.json", "observations.json.gz", "head.json", "head.dsse.json"]),
    seed=st.integers(0, 2**32),
    data=st.binary(max_size=200),
)
def test_t18_no_change_of_a_file_raises_or_is_sealed(project, signed_run, name, seed, data):
    """A part of a file is replaced by other bytes; whatever comes out is no sound run, unless nothing changed."""
    path = next(iter(sorted(signed_run.rglob(name))))
    kept = path.read_bytes()
    start = random.Random(seed).randrange(len(kept))
    changed = kept[:start] + data + kept[start + len(data) :]
    try:
        path.write_bytes(changed)
        found = project.examine(signed_run)
        unpacked = name != "observations.json.gz"  # some bytes of a gzip header mean nothing
        assert not (found.is_sound and unpacked) or same_json(changed, kept)
    finally:
        path.write_bytes(kept)


def same_json(one, other):
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.fixture(scope="module")
def signed_run(project, good, tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed") / "latest"
    project.write(folder, good, SELF)
    project.head(folder, SELF)
    return folder


# --- a process that dies


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from ophamin.core import strictjson
from ophamin.core.keyfiles import load_private_key
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.seal import examine_run, seal_run

folder, key, commit, tree, left = sys.argv[1:]
os_replace, calls = os.replace, []

def replace(*given, **named):
    calls.append(given)
    if len(calls) == int(left):
        os.kill(os.getpid(), signal.SIGKILL)
    os_replace(*given, **named)

os.replace = replace
now = datetime.now(UTC)
given = {"commit": commit, "tree": tree, "now": now, "read_audit": strictjson.loads}
found = examine_run(Path(folder), TrustPolicy.lenient(), **given)
seal_run(found, load_private_key(Path(key)), read_audit=strictjson.loads)
"""


@pytest.mark.parametrize("left", [1, 3, 5], ids=["first", "middle", "head"])
def test_t23_a_kill_in_the_middle_leaves_no_half_file_and_no_sealed_head(project, run, tmp_path, left):
    key = tmp_path / "seal.pem"
    key.touch(0o600)
    key.write_bytes(SEAL.to_pem())
    command = [sys.executable, "-c", KILLED, str(run), str(key), project.commit, project.tree, str(left)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    for path in run.rglob("*.dsse.json"):
        assert parse_envelope(path.read_bytes()).payload
    assert len(list(run.rglob("*.dsse.json"))) == left - 1
    assert not (run / "head.dsse.json").exists()
    seal_run(project.examine(run), SEAL, read_audit=read_audit)
    assert {project.verify(path.parent).level for path in run.rglob("proof.json")} == {"L2"}
    assert (run / "head.dsse.json").exists()


def with_changes(record, **changes):
    """The record with other parts, and an id that fits."""
    made = EmpiricalProofRecord.from_dict(record.to_dict())
    for name, value in changes.items():
        setattr(made, name, value)
    return made
