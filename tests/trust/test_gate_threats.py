# SPDX-License-Identifier: Apache-2.0
"""The threats that a gate answers, one test each, and each with the defence taken away: then the attack passes.

The numbers are those of the project's threat model. Each attack is made against a repository and a folder of records
that pass the gate without it, by somebody who may write anything in his own branch and in the folder.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

import ophamin.measuring.registration
import ophamin.trust.base_files as base_files
import ophamin.trust.gate_checks as gate_checks
import ophamin.trust.gate_claims as gate_claims
import ophamin.trust.statements as statements
import ophamin.trust.verify_registration as verify_registration
import ophamin.trust.verify_runs as verify_runs
import ophamin.trust.verify_signatures as verify_signatures
import ophamin.trust.verify_steps as verify_steps
from ophamin.core.canonical import content_hash
from ophamin.core.dsse import IN_TOTO_TYPE, parse_envelope, sign
from ophamin.measuring.lock_base import BaseLock
from ophamin.measuring.lock_claims import Lock, Tombstone
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust.gate_decision import GateRow
from ophamin.trust.statements import AUDIT

pytestmark = pytest.mark.needs("git")


def rows(decision, check="claims"):
    """State of each row of one check, by its name."""
    (found,) = [one for one in decision.checks if one.name == check]
    return {row.name.rpartition("/")[2].rpartition("-")[0] or row.name: row.state for row in found.rows}


def states(decision, check):
    return [row.state for one in decision.checks if one.name == check for row in one.rows]


# --- 5: the change edits the rules by which it is judged


def edit_all_rules(project, bench):
    """Policy and lock of his own, and his own key in the place of the trusted one; records signed with it."""
    thief = bench.STRANGER
    loose = bench.concluded("shop.one", wrong=0.7, bar=0.9)
    project.commit(
        lock=Lock((bench.locked(loose),)),
        **{"ophamin-trust_toml": bench.policy_text('max_age = "any"', seal=thief)},
        keys__seal_pub_pem=thief.public.to_pem(),
    )
    project.run(loose, signer=thief)


def test_t05_rules_edited_in_the_change_do_not_judge_it(project, bench):
    edit_all_rules(project, bench)
    decision = project.gate()
    assert decision.exit_code == 4
    assert states(decision, "records") == ["UNKNOWN_KEY"]
    edits = [row.name for check in decision.checks if check.name == "rules" for row in check.rows]
    assert edits == ["ophamin.lock", "ophamin-trust.toml", "keys/seal.pub.pem"]


@pytest.mark.parametrize(
    ("files", "edit"),
    [
        ({"ophamin-trust_toml": "schema = 1\n"}, "ophamin-trust.toml"),
        ({"ophamin-trust_toml": None}, "ophamin-trust.toml"),
        ({"keys__seal_pub_pem": "no key\n"}, "keys/seal.pub.pem"),
        ({"ophamin_lock": None}, "ophamin.lock"),
        ({"ophamin_lock": "<<<<<<< ours\n"}, "ophamin.lock"),
        ({"findings_txt": "all is well\n"}, "findings.txt"),
    ],
    ids=["policy", "no-policy", "key", "no-lock", "broken-lock", "baseline"],
)
def test_t05_an_edit_of_a_rule_is_told_and_changes_nothing(project, bench, files, edit):
    project.on_main(findings_txt="one finding\n")
    project.commit(**files)
    project.run(bench.ONE, bench.TWO)
    decision = project.gate(baseline="findings.txt")
    assert decision.exit_code == 0
    assert [row.name for row in decision.checks[-1].rows] == [edit]
    assert {row.state for row in decision.checks[-1].rows} == {"EDITED"}


def test_t05_rules_edited_in_the_work_tree_alone_are_not_looked_at(project, bench):
    project.run(bench.ONE, bench.TWO)
    for name in ("ophamin.lock", "ophamin-trust.toml", "keys/seal.pub.pem", "pytest.ini"):
        project.put(name, "schema = 2\n")
    assert project.gate().exit_code == 0


# --- 6, 10: other terms


def other_terms(project, bench, **terms):
    """One claim is tried on other terms, and the lock of the change says so with a reason."""
    one = bench.concluded("shop.one", **terms)
    project.commit(lock=Lock((bench.locked(one), bench.locked(bench.TWO))))
    project.run(one, bench.TWO)


def loosen(project, bench):
    other_terms(project, bench, wrong=0.7, bar=0.9)


def choose_family(project, bench):
    other_terms(project, bench, multiplicity="the one that came out best")


def test_t06_a_threshold_loosened_in_the_change_leaves_the_claim_missing(project, bench):
    loosen(project, bench)
    decision = project.gate()
    assert decision.exit_code == 3
    assert rows(decision) == {"one": "MISSING", "two": "VALIDATED"}
    assert "threshold 0.5 -> 0.9" in decision.checks[0].rows[0].words
    assert states(decision, "records") == ["EXPLORATORY"]
    assert "1 goalposts moved" in decision.checks[-1].rows[0].words


def test_t10_another_family_of_claims_is_another_claim(project, bench):
    choose_family(project, bench)
    decision = project.gate()
    assert decision.exit_code == 3
    assert rows(decision) == {"one": "MISSING", "two": "VALIDATED"}


# --- 7: the claim is gone


def delete_claim(project, bench):
    stone = Tombstone(bench.locked(bench.ONE).id, "shop.one", "nobody needs it", date(2026, 11, 1))
    project.commit(lock=Lock((bench.locked(bench.TWO),), (), (stone,)))
    project.run(bench.TWO)


def rename_claim(project, bench):
    renamed = bench.concluded("shop.first", wrong=0.1)
    project.commit(lock=Lock((bench.locked(renamed), bench.locked(bench.TWO))))
    project.run(renamed, bench.TWO)


@pytest.mark.parametrize("attack", [delete_claim, rename_claim])
def test_t07_a_claim_deleted_or_renamed_in_the_change_is_missing(project, bench, attack):
    attack(project, bench)
    decision = project.gate()
    assert decision.exit_code == 3
    assert rows(decision) == {"one": "MISSING", "two": "VALIDATED"}


def test_t07_a_tombstone_at_the_base_lets_it_go(project, bench):
    stone = Tombstone(bench.locked(bench.ONE).id, "shop.one", "nobody needs it", date(2026, 11, 1))
    project.on_main(lock=Lock((bench.locked(bench.TWO),), (), (stone,)))
    project.run(bench.TWO)
    assert project.gate().exit_code == 0


# --- 8: the record that refutes is removed


def two_attempts(project, bench):
    """The policy takes two attempts; the first came out REFUTED, the second VALIDATED."""
    project.on_main(**{"ophamin-trust_toml": bench.policy_text("max_attempts = 2")})
    project.run(bench.concluded("shop.one", wrong=0.8), bench.told(bench.ONE, attempt=2), bench.TWO)


def remove_refuted(project, bench):
    two_attempts(project, bench)
    assert project.gate().exit_code == 1
    shutil.rmtree(project.proofs / "scientific" / "claim-0")


def remove_refuted_and_head(project, bench):
    remove_refuted(project, bench)
    (project.proofs / "head.dsse.json").unlink()


def test_t08_a_removed_record_is_missed_by_the_head(project, bench):
    remove_refuted(project, bench)
    decision = project.gate()
    assert decision.exit_code == 3
    assert states(decision, "run") == ["INCOMPLETE"]


@pytest.mark.parametrize("left", [(), ("head.json",)], ids=["no-head", "unsigned-head"])
def test_t08_a_removed_record_is_missed_also_where_the_head_is_removed_or_not_signed(project, bench, left):
    remove_refuted_and_head(project, bench)
    if left:
        project.write_head(None)
    else:
        (project.proofs / "head.json").unlink()
    decision = project.gate()
    assert decision.exit_code == 3
    assert states(decision, "run") == ["UNSIGNED" if left else "MISSING"]


def test_t08_the_only_record_of_a_claim_is_missed_by_the_lock(project, bench):
    project.run(bench.ONE, bench.TWO)
    shutil.rmtree(project.proofs / "scientific" / "claim-0")
    decision = project.gate()
    assert decision.exit_code == 3
    assert rows(decision)["one"] == "MISSING"


@pytest.mark.parametrize("with_head", [False, True])
def test_t08_where_the_policy_asks_for_no_completeness_it_is_only_told(project, bench, with_head):
    project.on_main(**{"ophamin-trust_toml": bench.policy_text("require_complete = false")})
    project.run(bench.concluded("shop.one", wrong=0.8), bench.TWO)
    shutil.rmtree(project.proofs / "scientific" / "claim-0")
    for name in ("head.dsse.json", "head.json") if with_head else ():
        (project.proofs / name).unlink()
    decision = project.gate()
    assert decision.exit_code == 0
    assert rows(decision)["one"] == "MISSING"
    assert states(decision, "run") == ["MISSING" if with_head else "INCOMPLETE"]


# --- 9: rerun until green


def run_again(project, bench):
    project.run(bench.told(bench.ONE, attempt=3), bench.TWO)


def run_the_job_again(project, bench):
    project.run(bench.ONE, bench.TWO, attempt=3)


def keep_both(project, bench):
    """Two runs of the same attempt, and the records of both: which one counts is left open."""
    project.run(bench.ONE, bench.concluded("shop.one", seed=9), bench.TWO)


@pytest.mark.parametrize(
    ("attack", "check", "state"),
    [(run_again, "claims", "ATTEMPTS"), (run_the_job_again, "run", "ATTEMPTS"), (keep_both, "claims", "DUPLICATE")],
)
def test_t09_an_attempt_above_the_budget_counts_for_nothing(project, bench, attack, check, state):
    attack(project, bench)
    decision = project.gate()
    assert decision.exit_code == 3
    assert state in states(decision, check)


def test_t09_a_refutation_stands_whatever_a_later_attempt_finds(project, bench):
    two_attempts(project, bench)
    decision = project.gate()
    assert decision.exit_code == 1
    assert rows(decision)["one"] == "REFUTED"


def test_t09_within_the_budget_the_last_attempt_counts(project, bench):
    project.on_main(**{"ophamin-trust_toml": bench.policy_text("max_attempts = 2")})
    project.run(bench.concluded("shop.one", n=3), bench.told(bench.ONE, attempt=2), bench.TWO, attempt=2)
    assert project.gate().exit_code == 0


# --- 11: an old record


def replay(project, bench):
    """All of the last commit's folder, head included."""
    project.run(bench.ONE, bench.TWO)
    assert project.gate().exit_code == 0
    project.commit(shop_py="price = 3\n")


def wait_a_week(project, bench):
    project.run(bench.ONE, bench.TWO)
    return {"now": bench.NOW + timedelta(days=7)}


def test_t11_records_of_the_last_commit_are_a_mismatch(project, bench):
    replay(project, bench)
    decision = project.gate()
    assert decision.exit_code == 4
    assert states(decision, "records") == ["MISMATCH"] * 2
    assert states(decision, "run") == ["MISMATCH"]


def test_t11_records_of_last_week_are_stale(project, bench):
    decision = project.gate(**wait_a_week(project, bench))
    assert decision.exit_code == 4
    assert states(decision, "records") == ["STALE"] * 2


# --- 12: records of two runs exchanged


def swap_runs(project, bench):
    """The record of another run of this commit in the place of the REFUTED one, whole and soundly signed."""
    project.run(bench.concluded("shop.one", wrong=0.8), bench.TWO)
    shutil.rmtree(project.proofs / "scientific" / "claim-0")
    project.write(bench.ONE, "claim-0")


def swap_files(project, bench):
    project.run(bench.concluded("shop.one", wrong=0.8), bench.ONE, bench.TWO)
    (refuted,), (validated,) = ((project.proofs / "scientific" / f"claim-{n}").iterdir() for n in (0, 1))
    for name in ("proof.json", "observations.json.gz"):
        shutil.copyfile(validated / name, refuted / name)
    shutil.rmtree(validated)


def add_record(project, bench):
    project.run(bench.TWO)
    project.write(bench.ONE, "claim-9")


@pytest.mark.parametrize(("attack", "check"), [(swap_runs, "run"), (swap_files, "records"), (add_record, "run")])
def test_t12_what_is_of_another_run_is_a_mismatch(project, bench, attack, check):
    attack(project, bench)
    decision = project.gate()
    assert decision.exit_code == 4
    assert "MISMATCH" in states(decision, check)


# --- 13: a statement of another kind


def offer_an_audit(project, bench):
    """A soundly signed statement that says it is an audit, in the place of a proof."""
    project.run(bench.ONE, bench.TWO)
    path = next((project.proofs / "scientific" / "claim-0").iterdir()) / "proof.dsse.json"
    data = json.loads(parse_envelope(path.read_bytes()).payload)
    data["predicateType"] = AUDIT
    path.write_bytes(sign(json.dumps(data).encode(), IN_TOTO_TYPE, [bench.SEAL]).to_bytes())


def test_t13_an_audit_is_no_proof(project, bench):
    offer_an_audit(project, bench)
    decision = project.gate()
    assert decision.exit_code == 4
    assert states(decision, "records") == ["WRONG_TYPE"]


@pytest.mark.parametrize("name", ["head.dsse.json", "audit.dsse.json"])
def test_t13_a_proof_is_no_head_and_no_audit(project, bench, name):
    project.run(bench.ONE, bench.TWO)
    proof = next((project.proofs / "scientific" / "claim-0").iterdir()) / "proof.dsse.json"
    (project.proofs / "audit.json").write_text("{}")
    shutil.copyfile(proof, project.proofs / name)
    decision = project.gate()
    assert decision.exit_code == 4
    assert "WRONG_TYPE" in states(decision, "run" if name.startswith("head") else "audits")


# --- 19: an older form


def offer_an_old_schema(project, bench):
    """A soundly signed record that says it is of a schema from before, whose rules were weaker."""
    project.run(bench.TWO)
    place = project.write(bench.ONE, "claim-old")
    data = json.loads((place / "proof.json").read_text())
    data["schema_version"] = "0.9"
    data["proof_id"] = content_hash({key: part for key, part in data.items() if key not in {"proof_id", "signature"}})
    text = json.dumps(data).encode()
    (place / "proof.json").write_bytes(text)
    statement = json.loads(parse_envelope((place / "proof.dsse.json").read_bytes()).payload)
    statement["predicate"]["record"] = data
    (named,) = [one for one in statement["subject"] if one["name"] == "proof.json"]
    named["digest"]["sha256"] = hashlib.sha256(text).hexdigest()
    signed = sign(json.dumps(statement).encode(), IN_TOTO_TYPE, [bench.SEAL])
    (place / "proof.dsse.json").write_bytes(signed.to_bytes())
    project.write_head()


def offer_an_old_seal(project, bench):
    """An HMAC seal of the 1.0 wire in the place of the signature."""
    mine = bench.told(bench.ONE, project_commit=project.head, project_dirty="false")
    mine.record.sign(bytes(range(64)))
    project.write(bench.TWO, "claim-0")
    project.write(mine, "claim-1", ())
    project.write_head()


def test_t19_a_record_of_an_older_schema_is_refused(project, bench):
    offer_an_old_schema(project, bench)
    decision = project.gate()
    assert decision.exit_code == 4
    assert states(decision, "records") == ["WRONG_TYPE"]


@pytest.mark.parametrize("rules", ["", 'min_level = "L1"', 'min_level = "L0"'], ids=["L2", "L1", "L0"])
def test_t19_an_old_seal_never_satisfies_a_claim(project, bench, rules):
    project.on_main(**{"ophamin-trust_toml": bench.policy_text(rules)})
    offer_an_old_seal(project, bench)
    decision = project.gate()
    assert decision.exit_code == 4
    assert rows(decision)["one"] in {"UNSIGNED", "UNKNOWN_KEY", "MISSING"}


# --- each of them with its defence switched off


@dataclass(frozen=True)
class Threat:
    """An attack, and the functions that take its defence away: each gets the patcher."""

    attack: object
    disarm: tuple


def base_is_head(patch):
    real = base_files.base_lock

    def read_at_head(root, branch):
        head = base_files.GitRepository(root).ask("rev-parse", "HEAD")
        found = real(root, head)
        assert found.commit == head
        return BaseLock(found.lock, head, "read")

    patch.setattr(base_files, "base_lock", read_at_head)


def no_terms_compared(patch):
    for module in (verify_registration, ophamin.measuring.registration):
        patch.setattr(module, "changes_between", lambda was, now: ())


def nothing_missing(patch):
    patch.setattr(gate_claims, "_absent", lambda name, *_: GateRow("VALIDATED", name, "as if"))


def nothing_bound(patch):
    patch.setattr(verify_runs, "_bound", lambda folder, head: "as if")


def no_head_asked_for(patch):
    patch.setattr(gate_checks, "_head_row", lambda given, answer: GateRow("OK", "head", "as if"))


def attempts_uncounted(patch):
    patch.setattr(gate_claims, "_problem", lambda counted, policy: None)


def commits_uncompared(patch):
    for module in (verify_signatures, verify_runs):
        patch.setattr(module, "check_same", lambda what, theirs, mine: None)


def ages_unasked(patch):
    patch.setattr(verify_steps.Check, "_freshness", lambda self: "as if")


def kinds_uncompared(patch):
    real = statements.read_statement

    def of_any_kind(data, *, predicate_types):
        return real(data.replace(AUDIT.encode(), statements.PROOF.encode()), predicate_types=predicate_types)

    patch.setattr(statements, "read_statement", of_any_kind)


def versions_uncompared(patch):
    real = EmpiricalProofRecord.from_dict.__func__

    def of_any_version(cls, data):
        whole = {**data, "schema_version": "1.0"}
        whole["proof_id"] = content_hash({k: v for k, v in whole.items() if k not in {"proof_id", "signature"}})
        return real(cls, whole)

    patch.setattr(EmpiricalProofRecord, "from_dict", classmethod(of_any_version))
    patch.setattr(verify_steps, "_require_known_schema", lambda raw: None)


def seals_taken(patch):
    patch.setattr(verify_steps.Check, "_seal", lambda self: "as if")


THREATS = {
    "t05": Threat(edit_all_rules, (base_is_head,)),
    "t06": Threat(loosen, (no_terms_compared,)),
    "t07_deleted": Threat(delete_claim, (nothing_missing,)),
    "t07_renamed": Threat(rename_claim, (nothing_missing,)),
    "t08": Threat(remove_refuted, (nothing_bound,)),
    "t08_with_head": Threat(remove_refuted_and_head, (no_head_asked_for,)),
    "t09_claim": Threat(run_again, (attempts_uncounted,)),
    "t09_run": Threat(run_the_job_again, (no_head_asked_for,)),
    "t09_both": Threat(keep_both, (attempts_uncounted,)),
    "t10": Threat(choose_family, (no_terms_compared,)),
    "t11_commit": Threat(replay, (commits_uncompared,)),
    "t11_age": Threat(wait_a_week, (ages_unasked,)),
    "t12_swapped": Threat(swap_runs, (nothing_bound,)),
    "t12_added": Threat(add_record, (nothing_bound,)),
    "t13": Threat(offer_an_audit, (kinds_uncompared,)),
    "t19_schema": Threat(offer_an_old_schema, (versions_uncompared,)),
    "t19_seal": Threat(offer_an_old_seal, (seals_taken,)),
}


@pytest.mark.parametrize("name", [f"{name}_needs_its_defence" for name in THREATS])
def test_without_the_defence_the_attack_passes(project, bench, monkeypatch, name):
    threat = THREATS[name.removesuffix("_needs_its_defence")]
    how = threat.attack(project, bench) or {}
    assert project.gate(**how).exit_code in {3, 4}
    for disarm in threat.disarm:
        disarm(monkeypatch)
    decision = project.gate(**how)
    assert decision.exit_code == 0, [row for check in decision.checks for row in check.rows if row.exit_code]
