# SPDX-License-Identifier: Apache-2.0
"""What passes the gate, what does not and with which code, and that the rules come from the base alone."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.dsse import IN_TOTO_TYPE, parse_envelope, sign
from ophamin.core.keyring import KeyRing, RingKey
from ophamin.measuring.lock_claims import Lock, LockedClaim
from ophamin.measuring.lock_fields import absent_terms
from ophamin.trust.base_files import GateError
from ophamin.trust.gate_checks import CHECKS
from ophamin.trust.gate_claims import check_claims
from ophamin.trust.gate_decision import GATE_FORMAT, Checked, GateDecision, GateRow, worst_exit
from ophamin.trust.heads import retire_head
from ophamin.trust.policy import PolicyError, TrustPolicy
from ophamin.trust.redecide import Redecided, Redecision
from ophamin.trust.statements import AUDIT, Subject, git_subjects, make_statement
from ophamin.trust.verification import Code, Verification
from ophamin.trust.verify_runs import verify_run

pytestmark = pytest.mark.needs("git")

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = {
    "OPHAMIN_CLAIMS_COMPLETE",
    "OPHAMIN_GATE_PASSED",
    "OPHAMIN_NO_REFUTED",
    "OPHAMIN_NO_UNDECIDED",
    "OPHAMIN_RECORDS_TRUSTED",
    "OPHAMIN_REDECIDED",
    "OPHAMIN_RUN_WHOLE",
}


def states(decision, check="claims"):
    return [row.state for one in decision.checks if one.name == check for row in one.rows]


def policy(project, bench, rules="", events=""):
    project.on_main(**{"ophamin-trust_toml": bench.policy_text(rules, events=events)})


# --- what passes


def test_sound_records_of_all_locked_claims_pass(project, bench):
    project.run(bench.ONE, bench.TWO)
    decision = project.gate()
    assert decision.exit_code == 0
    assert states(decision) == ["VALIDATED", "VALIDATED"]
    assert set(decision.properties) == ALL
    assert decision.summary == "gate passed: 2 claims: 2 VALIDATED"
    assert (decision.commit, decision.tree) == (project.head, project.tree)
    assert decision.base == project("merge-base", "HEAD", "main")


def test_a_decision_is_no_yes_or_no(project, bench):
    project.run(bench.ONE, bench.TWO)
    with pytest.raises(TypeError, match="exit_code"):
        bool(project.gate())


def test_on_the_protected_branch_its_own_lock_counts(project, bench):
    project("switch", "-q", "main")
    project.run(bench.ONE, bench.TWO)
    assert project.gate().exit_code == 0


def test_a_detached_head_is_judged_too(project, bench):
    project("checkout", "-q", project.head)
    project.run(bench.ONE, bench.TWO)
    assert project.gate().exit_code == 0


def test_the_base_may_be_a_commit(project, bench):
    project.run(bench.ONE, bench.TWO)
    assert project.gate(branch=project("rev-parse", "main")).exit_code == 0


def test_a_folder_below_the_lock_finds_it_upwards(project, bench):
    project.on_main(docs__note_txt="a note\n")
    project.run(bench.ONE, bench.TWO)
    assert project.gate(start=project.path / "docs").exit_code == 0


def test_an_exploratory_record_is_told_and_satisfies_nothing(project, bench):
    project.run(bench.ONE, bench.TWO, bench.concluded("shop.three", wrong=0.9))
    decision = project.gate()
    assert decision.exit_code == 0
    assert states(decision, "records") == ["EXPLORATORY"]


def test_other_files_in_the_folder_are_left_alone(project, bench):
    project.run(bench.ONE, bench.TWO)
    (project.proofs / "coverage.json").write_text("{}")
    (project.proofs / "notes").mkdir()
    (project.proofs / "notes" / "test-result.dsse.json").write_text("no envelope")
    assert project.gate().exit_code == 0


# --- decided negative, undecided


def test_a_refuted_claim_ends_with_1(project, bench):
    project.run(bench.concluded("shop.one", wrong=0.8), bench.TWO)
    decision = project.gate()
    assert decision.exit_code == 1
    assert states(decision) == ["REFUTED", "VALIDATED"]
    assert "OPHAMIN_CLAIMS_COMPLETE" in decision.properties
    assert not {"OPHAMIN_NO_REFUTED", "OPHAMIN_GATE_PASSED"} & set(decision.properties)


@pytest.mark.parametrize(("rule", "exit_code"), [("fail", 3), ("warn", 0)])
def test_an_undecided_claim_fails_or_warns_as_the_policy_says(project, bench, rule, exit_code):
    policy(project, bench, f'inconclusive = "{rule}"')
    project.run(bench.concluded("shop.one", n=3), bench.TWO)
    decision = project.gate()
    assert decision.exit_code == exit_code
    assert states(decision) == ["INCONCLUSIVE", "VALIDATED"]
    assert "OPHAMIN_NO_UNDECIDED" not in decision.properties
    assert ("lets it pass" in decision.checks[0].rows[0].words) is (exit_code == 0)


def test_no_record_at_all_is_undecided(project):
    decision = project.gate()
    assert decision.exit_code == 3
    assert states(decision) == ["MISSING", "MISSING"]
    assert decision.properties == ()


def test_a_changed_body_counts_once_its_lock_is_merged(project, bench):
    other = bench.concluded("shop.one", body=1)
    lock = Lock((bench.locked(other), bench.locked(bench.TWO)))
    project.commit(lock=lock)
    project.run(other, bench.TWO)
    decision = project.gate()
    assert decision.exit_code == 3
    assert "body changed" in decision.checks[0].rows[0].words
    assert "1 body changed" in decision.checks[-1].rows[0].words


def test_a_lock_changed_in_a_change_of_its_own_passes_and_then_binds(project, bench):
    loose = bench.concluded("shop.one", wrong=0.7, bar=0.9)
    project.commit(lock=Lock((bench.locked(loose), bench.locked(bench.TWO))))
    project.run(bench.ONE, bench.TWO)  # the test is still the locked one
    assert project.gate().exit_code == 0
    project("switch", "-q", "main")
    project("merge", "-q", "--no-ff", "-m", "merged", "change")
    project("switch", "-q", "-c", "next")
    project.commit(shop_py="price = 4\n")
    shutil.rmtree(project.proofs)
    project.run(loose, bench.TWO)
    assert project.gate().exit_code == 0


# --- untrusted


def test_a_verdict_that_does_not_follow_ends_with_4(project, bench):
    def claims_better(data):
        data["verdict"]["outcome"] = "VALIDATED"
        data["verdict"]["observed_value"] = data["evidence"][0]["statistic_value"] = 0.1

    project.run(bench.edited(bench.concluded("shop.one", wrong=0.8), claims_better), bench.TWO)
    decision = project.gate()
    assert decision.exit_code == 4
    assert states(decision) == ["CONTRADICTION", "VALIDATED"]


def test_untrusted_weighs_more_than_refuted_and_that_more_than_missing(project, bench):
    project.on_main(lock=Lock((*project.lock.claims, bench.locked(bench.concluded("shop.three")))))
    project.run(bench.concluded("shop.one", wrong=0.8))
    assert project.gate().exit_code == 1  # and two are missing
    project.write(bench.TWO, "claim-1", commit="ab" * 20)
    project.write_head()
    decision = project.gate()
    assert decision.exit_code == 4
    assert sorted(states(decision)) == ["MISMATCH", "MISSING", "REFUTED"]


@pytest.mark.parametrize(("signer", "exit_code"), [("SELF", 4), ("STRANGER", 4)])
def test_a_key_without_the_role_does_not_count(project, bench, signer, exit_code):
    project.run(bench.ONE, bench.TWO, signer=getattr(bench, signer))
    assert project.gate().exit_code == exit_code


@pytest.mark.parametrize(
    ("rules", "level", "exit_code"),
    [("", None, 4), ('min_level = "L1"', None, 4), ('min_level = "L1"', "SELF", 0), ('min_level = "L0"', None, 0)],
    ids=["L2", "L1-unsigned", "L1-self", "L0-unsigned"],
)
def test_the_level_is_the_policys(project, bench, rules, level, exit_code):
    policy(project, bench, rules)
    project.run(bench.ONE, bench.TWO, signer=getattr(bench, level) if level else None)
    assert project.gate().exit_code == exit_code


def test_unsigned_records_pass_for_the_event_that_allows_them_and_for_no_other(project, bench):
    policy(project, bench, events='[event.fork_pull_request]\nmin_level = "L0"')
    project.run(bench.ONE, bench.TWO, signer=None)
    passed = project.gate(event="fork_pull_request")
    assert passed.exit_code == 0
    assert "(L0)" in passed.checks[0].rows[0].words
    refused = project.gate(event="push")
    assert refused.exit_code == 4
    assert states(refused, "rules") == ["NO_RULES"]


@pytest.mark.parametrize("rules", ["", 'min_level = "L1"'])
def test_a_dirty_tree_is_no_evidence_at_any_level(project, bench, rules):
    policy(project, bench, rules)
    project.run(bench.ONE, bench.TWO, dirty=True)
    decision = project.gate()
    assert decision.exit_code == 4
    assert states(decision, "records") == ["MISMATCH"] * 2


@pytest.mark.parametrize(
    "said", [{"project_dirty": "true"}, {"project_dirty": "unknown"}, {"project_commit": ""}], ids=str
)
def test_an_unsigned_record_has_to_say_that_it_is_of_this_clean_commit(project, bench, said):
    policy(project, bench, 'min_level = "L0"')
    clean = {"project_commit": project.head, "project_dirty": "false"}
    project.write(bench.told(bench.TWO, **clean), "claim-1", ())
    project.write(bench.told(bench.ONE, **(clean | said)), "claim-0", ())
    assert project.gate().exit_code == 4


def test_without_a_signature_no_head_is_asked_for_but_one_that_is_there_is_read(project, bench):
    policy(project, bench, 'min_level = "L0"')
    project.run(bench.ONE, bench.TWO, signer=None)
    (project.proofs / "head.json").unlink()
    assert project.gate().exit_code == 0
    project.write_head(None, commit="ab" * 20)
    assert project.gate().exit_code == 4


# --- systems under test


def test_each_system_of_a_claim_needs_its_record(project, bench):
    on_a, on_b = (bench.concluded("shop.one", substrate=name) for name in ("a", "b"))
    project.on_main(lock=Lock((bench.locked(on_a, "a", "b"), bench.locked(bench.TWO))))
    project.run(on_a, bench.TWO)
    decision = project.gate()
    assert decision.exit_code == 3
    assert [(row.facts["system"], row.state) for row in decision.checks[0].rows[:2]] == [
        ("a", "VALIDATED"),
        ("b", "MISSING"),
    ]
    project.write(on_b, "on-b")
    project.write_head()
    assert project.gate().exit_code == 0


def test_a_record_of_another_system_is_exploratory(project, bench):
    easy = bench.concluded("shop.one", substrate="easy")
    project.on_main(lock=Lock((bench.locked(easy, "model"), bench.locked(bench.TWO))))
    project.run(easy, bench.TWO)
    decision = project.gate()
    assert decision.exit_code == 3
    assert "tried on 'easy'" in decision.checks[0].rows[0].words


def test_the_stated_name_of_a_system_goes_before_its_own(project, bench):
    mock = bench.concluded("shop.one", substrate="mock")
    project.on_main(lock=Lock((bench.locked(mock, "mock:seed=1", "mock:seed=2"), bench.locked(bench.TWO))))
    project.run(*(bench.told(mock, substrate=f"mock:seed={n}") for n in (1, 2)), bench.TWO)
    assert project.gate().exit_code == 0


# --- the head of the run


def chain(project, bench, *, keep):
    """Two earlier runs at other commits, and this one."""
    for commit in ("ab" * 20, "cd" * 20):
        project.write_head(commit=commit)
        retire_head(project.proofs)
    project.run(bench.ONE, bench.TWO)
    path = project.proofs / "heads.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in keep(path.read_bytes().splitlines())))


@pytest.mark.parametrize(
    ("keep", "code"),
    [
        (lambda lines: lines, Code.OK),
        (lambda lines: lines[1:], Code.INCOMPLETE),
        (lambda lines: [], Code.INCOMPLETE),
        (lambda lines: lines[:1], Code.INCOMPLETE),
        (lambda lines: lines[::-1], Code.MISMATCH),
        (lambda lines: [lines[0], lines[1].replace(b'"attempt":1', b'"attempt":2')], Code.MISMATCH),
        (lambda lines: [b"{}"], Code.MALFORMED),
    ],
    ids=["whole", "first-gone", "all-gone", "last-gone", "reversed", "edited", "no-head"],
)
def test_the_heads_form_a_chain_where_they_are_here(project, bench, keep, code):
    chain(project, bench, keep=keep)
    found = verify_run(
        project.proofs,
        TrustPolicy.lenient(project_ring(bench)),
        commit=project.head,
        tree=project.tree,
        now=bench.NOW,
    )
    assert found.code is code
    decision = project.gate()
    assert decision.exit_code == {Code.OK: 0, Code.INCOMPLETE: 3}.get(code, 4)


def project_ring(bench):
    return KeyRing((RingKey(bench.SEAL.public, frozenset({"seal"})),))


def test_earlier_heads_of_this_commit_are_attempts(project, bench):
    project.write_head()
    retire_head(project.proofs)
    project.run(bench.ONE, bench.TWO)
    decision = project.gate()
    assert decision.exit_code == 3
    assert states(decision, "run") == ["ATTEMPTS"]


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200), name=st.sampled_from(["head.json", "head.dsse.json", "heads.jsonl"]))
def test_a_head_of_any_content_gives_an_answer_and_never_ok(tmp_path_factory, content, name):
    folder = tmp_path_factory.mktemp("run")
    (folder / name).write_bytes(content)
    found = verify_run(folder, TrustPolicy.lenient(), commit=None, tree=None, now=NOW)
    assert found is None if name == "heads.jsonl" else found.code is not Code.OK


# --- audits


def audit(project, signer, *, head, data=b"{}", kind=AUDIT, commit=None, dirty=False):
    folder = project.proofs / "audit" / "0123456789ab"
    folder.mkdir(parents=True)
    (folder / "audit.json").write_bytes(data)
    subjects = [
        *git_subjects(commit or project.head, project.tree, dirty=dirty),
        Subject("audit.json", {"sha256": hashlib.sha256(b"{}").hexdigest()}),
    ]
    made = make_statement(kind, subjects, {})
    if signer:
        (folder / "audit.dsse.json").write_bytes(sign(made.data, IN_TOTO_TYPE, [signer]).to_bytes())
    project.write_head(signer=head)
    return folder


@pytest.mark.parametrize(
    ("how", "state", "exit_code"),
    [
        ({}, "OK", 0),
        ({"signer": None}, "UNSIGNED", 4),
        ({"signer": "STRANGER"}, "UNKNOWN_KEY", 4),
        ({"data": b"{ }"}, "MISMATCH", 4),
        ({"commit": "ab" * 20}, "MISMATCH", 4),
        ({"dirty": True}, "MISMATCH", 4),
        ({"kind": "urn:other:v1"}, "WRONG_TYPE", 4),
    ],
    ids=["sound", "unsigned", "stranger", "edited", "other-commit", "dirty", "other-kind"],
)
def test_audit_records_are_verified_as_far_as_their_signature_goes(project, bench, how, state, exit_code):
    project.run(bench.ONE, bench.TWO)
    signer = how.get("signer", "SEAL")
    more = {key: value for key, value in how.items() if key != "signer"}
    audit(project, signer and getattr(bench, signer), head=bench.SEAL, **more)
    decision = project.gate()
    assert (states(decision, "audits"), decision.exit_code) == ([state], exit_code)
    assert ("OPHAMIN_AUDITS_TRUSTED" in decision.properties) is (state == "OK")


def test_a_removed_audit_record_is_incomplete_and_an_unsigned_one_is_told_at_level_0(project, bench):
    policy(project, bench, 'min_level = "L0"')
    project.run(bench.ONE, bench.TWO)
    (audit(project, bench.SEAL, head=bench.SEAL) / "audit.json").unlink()
    assert project.gate().exit_code == 3
    (project.proofs / "audit" / "0123456789ab" / "audit.json").write_bytes(b"{}")
    (project.proofs / "audit" / "0123456789ab" / "audit.dsse.json").unlink()
    decision = project.gate()
    assert (states(decision, "audits"), decision.exit_code) == (["UNSIGNED"], 0)


def test_a_further_check_is_a_function_that_gives_rows(project, bench):
    def weather(given):
        assert given.baseline is None
        return Checked("weather", (GateRow("RAIN", "outside", "it rains; wait", 1),), ("OPHAMIN_DRY",))

    project.run(bench.ONE, bench.TWO)
    decision = project.gate(checks=(*CHECKS, weather))
    assert decision.exit_code == 1
    assert "1 further problem" in decision.summary


# --- what cannot be decided at all


def refused(project, **more):
    with pytest.raises(GateError) as caught:
        project.gate(**more)
    return caught.value.exit_code, str(caught.value)


def test_a_shallow_clone_is_told_as_such_and_never_passes(project, bench, tmp_path):
    project.run(bench.ONE, bench.TWO)
    project("clone", "-q", "--depth", "1", "--branch", "change", f"file://{project.path}", str(tmp_path / "shallow"))
    code, words = refused(project, start=tmp_path / "shallow")
    assert code == 3
    assert "shallow" in words
    assert "--unshallow" in words


def test_without_a_repository_there_is_nothing_to_judge(project, tmp_path):
    (tmp_path / "plain").mkdir()
    assert refused(project, start=tmp_path / "plain")[0] == 2


def test_a_branch_that_is_not_here_is_named(project):
    code, words = refused(project, branch="release")
    assert code == 2
    assert "'release'" in words


def test_histories_without_a_common_commit_are_undecided(project):
    project("switch", "-q", "--orphan", "other")
    project.commit(shop_py="price = 9\n")
    assert refused(project)[0] == 3


def test_a_first_lock_counts_once_it_is_merged(project, bench):
    project("switch", "-q", "main")
    project.commit(ophamin_lock=None)
    project("switch", "-q", "-c", "first")
    project.commit(lock=Lock((bench.locked(bench.ONE),)))
    project.run(bench.ONE)
    code, words = refused(project)
    assert code == 3
    assert "--ophamin-register" in words


@pytest.mark.parametrize(
    "text", ["<<<<<<< ours\n", "schema = 1\n", "", "schema = 9\n# end of ophamin.lock\n"],
    ids=["conflict", "half", "empty", "next-year"],
)  # fmt: skip
def test_a_lock_that_cannot_be_read_ends_with_2(project, text):
    project.on_main(ophamin_lock=text)
    code, words = refused(project)
    assert code == 2
    assert "ophamin.lock" in words


def test_a_base_without_a_policy_ends_with_2_and_says_what_to_do(project):
    project.on_main(**{"ophamin-trust_toml": None})
    code, words = refused(project)
    assert code == 2
    assert "--policy" in words


@pytest.mark.parametrize(
    "change",
    [
        {"ophamin-trust_toml": "schema = 1\n[polcy]\n"},
        {"keys__seal_pub_pem": None},
        {"keys__seal_pub_pem": "no key"},
        {"keys__seal_pub_pem": "x" * 70_000},
    ],
    ids=["unknown-table", "no-key", "broken-key", "large-key"],
)
def test_a_policy_that_cannot_be_used_is_an_error_and_no_pass(project, change):
    project.on_main(**change)
    with pytest.raises((PolicyError, GateError)):
        project.gate()


@pytest.mark.parametrize("name", ["../seal.pem", "/etc/seal.pem", "keys\\\\seal.pem", "main:keys.pem"])
def test_a_key_lies_below_its_policy(project, bench, name):
    text = bench.policy_text().replace("keys/seal.pub.pem", name)
    project.on_main(**{"ophamin-trust_toml": text})
    with pytest.raises(PolicyError, match="no file below"):
        project.gate()


def test_a_policy_from_the_work_tree_is_refused_and_one_from_outside_is_taken(project, bench, tmp_path):
    project.run(bench.ONE, bench.TWO, signer=None)
    text = 'schema = 1\n[policy]\nmin_level = "L0"\n'
    project.put("mild.toml", text)
    code, words = refused(project, policy_file=project.path / "mild.toml")
    assert code == 2
    assert "in the repository" in words
    outside = tmp_path / "mild.toml"
    outside.write_text(text)
    assert project.gate(policy_file=outside).exit_code == 0


def test_a_link_to_the_work_tree_is_no_file_from_outside(project, tmp_path):
    project.put("mild.toml", "schema = 1\n")
    (tmp_path / "link.toml").symlink_to(project.path / "mild.toml")
    assert refused(project, policy_file=tmp_path / "link.toml")[0] == 2


@pytest.mark.parametrize("path", ["findings.txt", "../findings.txt", "/etc/hostname"])
def test_a_baseline_that_did_not_stand_at_the_base_ends_with_2(project, path):
    project.commit(findings_txt="none\n")
    assert refused(project, baseline=path)[0] == 2


def test_a_folder_that_is_not_there_ends_with_2(project, tmp_path):
    project.proofs = tmp_path / "none"
    assert refused(project)[0] == 2


def test_an_empty_lock_asks_for_nothing(project):
    project.on_main(lock=Lock())
    decision = project.gate()
    assert decision.exit_code == 0
    assert "0 claims: none is locked" in decision.summary


# --- the rule about claims, on its own


def claim_of(number):
    told = {
        "scenario": f"a.b{number}", "statement": "s", "statistic": "rate(x)", "metric": "x", "kind": "rate",
        "comparator": "<=", "threshold": 0.1, "operationalization": "o", "h0": "h0", "h1": "h1", "method": "auto",
        "alpha": 0.05, "beta": 0.05,
    }  # fmt: skip
    return LockedClaim(absent_terms() | told, (), "a" * 64, "b" * 64)


CLAIMS = tuple(claim_of(number) for number in range(3))
LOCK = Lock(CLAIMS)
SAME = Redecision(Redecided.SAME, "again")


def answer(claim, outcome="VALIDATED", code=Code.OK, attempt=1, again=SAME):
    return Verification(
        f"{claim.id}/{outcome}/{attempt}", code, "L2", "why", (), proof_id="f" * 64, outcome=outcome,
        claim_id=claim.id, attempt=attempt, redecision=again,
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(
            answer,
            st.sampled_from(CLAIMS),
            st.sampled_from(["VALIDATED", "REFUTED", "INCONCLUSIVE"]),
            st.sampled_from([Code.OK, Code.OK, Code.UNREGISTERED, Code.STALE, Code.INCOMPLETE]),
            st.sampled_from([1, 1, 2, 3, 0, None]),
            st.sampled_from([SAME, SAME, None, Redecision(Redecided.NOT_RECOMPUTABLE, "no", "score")]),
        ),
        max_size=7,
    ),
    st.integers(1, 3),
)
def test_nothing_but_one_sound_validated_record_of_each_claim_passes(answers, most):
    policy = TrustPolicy(max_attempts=most)
    checked = check_claims(LOCK, answers, policy)
    exit_code = worst_exit(row.exit_code for row in checked.rows)
    assert len(checked.rows) == len(CLAIMS)
    for claim, row in zip(LOCK.claims, checked.rows, strict=True):
        mine = [one for one in answers if one.claim_id == claim.id and one.code is Code.OK]
        if row.exit_code == 0:
            assert row.state == "VALIDATED"
            assert not any(one.outcome == "REFUTED" for one in mine)
            assert all(one.redecision is SAME and 1 <= one.attempt <= most for one in mine)
            assert len({one.attempt for one in mine}) == len(mine) >= 1
    assert ("OPHAMIN_NO_REFUTED" in checked.properties) >= (exit_code == 0)
    shuffled = check_claims(LOCK, answers[::-1], policy)
    assert [(row.state, row.exit_code) for row in shuffled.rows] == [(r.state, r.exit_code) for r in checked.rows]


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"again": Redecision(Redecided.NOT_RECOMPUTABLE, "a score of its own", "score")}, "NOT_REDECIDED"),
        ({"again": None}, "NOT_REDECIDED"),
        ({"attempt": None}, "ATTEMPTS"),
        ({"attempt": 0}, "ATTEMPTS"),
        ({"attempt": 2}, "ATTEMPTS"),
    ],
    ids=["score", "none", "unstated", "zeroth", "second"],
)
def test_a_record_that_cannot_be_counted_decides_nothing(given, state):
    rest = [answer(claim) for claim in CLAIMS[1:]]
    checked = check_claims(LOCK, [answer(CLAIMS[0], **given), *rest], TrustPolicy())
    assert (checked.rows[0].state, checked.rows[0].exit_code) == (state, 3)


# --- forms of the decision


def test_the_plain_form_is_json_and_holds_every_row(project, bench):
    project.run(bench.concluded("shop.one", wrong=0.8))
    plain = json.loads(json.dumps(project.gate().to_dict()))
    assert (plain["format"], plain["exit_code"], plain["passed"]) == (GATE_FORMAT, 1, False)
    assert [one["name"] for one in plain["checks"]] == ["claims", "records", "run", "audits", "rules"]
    first, second = plain["checks"][0]["rows"]
    assert (first["state"], first["level"], first["attempt"]) == ("REFUTED", "L2", 1)
    assert (second["state"], second["exit_code"]) == ("MISSING", 3)
    assert plain["policy"]["sha256"] == hashlib.sha256(bench.policy_text().encode()).hexdigest()


def test_the_statement_speaks_of_commit_tree_and_rules(project, bench):
    project.run(bench.ONE, bench.TWO)
    decision = project.gate()
    statement = decision.statement()
    assert statement.digests("gitCommit") == (project.head,)
    assert statement.digests("gitTree") == (project.tree,)
    assert set(statement.predicate["properties"]) == ALL
    assert statement.predicate["verifier"]["policy"]["digest"]["sha256"] == decision.policy_digest
    envelope = sign(statement.data, IN_TOTO_TYPE, [bench.SEAL])
    assert parse_envelope(envelope.to_bytes()).payload == statement.data


def test_a_gate_that_failed_leaves_no_statement_of_a_pass(project):
    assert project.gate().statement().predicate["properties"] == []


def test_the_worst_reason_counts_in_the_documented_order():
    order = [2, 5, 4, 1, 3, 0]
    for place, code in enumerate(order):
        assert worst_exit(reversed(order[place:])) == code


def test_every_exit_code_of_a_decision_has_a_way_out():
    for code in (0, 1, 3, 4):
        checks = (Checked("claims", (GateRow("X", "x", "x", code),)),)
        decision = GateDecision(checks, "ab" * 20, "cd" * 20, "ef" * 20, "", "L2", "", "", NOW)
        assert bool(decision.way_out) is (code != 0)
        assert replace(decision, event="push").to_dict()["event"] == "push"
