# SPDX-License-Identifier: Apache-2.0
"""Claims over an audit: decided on its own counts, passed only over tools that saw everything, kept whole."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.auditing.audit_record import AuditClaimError, AuditRecord
from ophamin.auditing.base import Finding, PillarResult, PillarState
from ophamin.core.canonical import content_hash
from ophamin.core.records import RecordFieldError
from ophamin.core.signing import SealKeyError
from ophamin.core.strictjson import loads
from ophamin.measuring.proof import codec as proof_codec
from ophamin.measuring.proof.record import EmpiricalProofRecord, Threshold

KEY = b"golden-key"
NOT_PASSING = [state for state in PillarState if not state.may_pass]


def attached(record, claim, observed, **more):
    return record.attach_pre_registration(claim=claim, observed_value=observed, **more)


# Deciding


@pytest.mark.parametrize(
    ("count", "comparator", "value", "outcome"),
    [
        (0, "<=", 0.0, "VALIDATED"),
        (1, "<=", 0.0, "REFUTED"),
        (1, "<=", 1.0, "VALIDATED"),
        (1, "<", 1.0, "REFUTED"),
        (2, "==", 2.0, "VALIDATED"),
        (2, ">=", 3.0, "REFUTED"),
    ],
)
def test_over_a_complete_audit_the_threshold_decides(audit, result, found, claim, count, comparator, value, outcome):
    record = audit(result(findings=found(count), state=PillarState.FINDINGS if count else PillarState.OK))
    attached(record, claim("high", comparator, value), count, metric="high")
    assert record.verdict.outcome == outcome
    assert record.validate() == []


@pytest.mark.parametrize("state", NOT_PASSING)
def test_no_claim_of_few_findings_passes_where_a_tool_did_not_see_everything(audit, result, claim, state):
    record = attached(audit(result(), result("bandit", state)), claim(), 0)
    assert record.verdict.outcome == "INCONCLUSIVE"
    assert f"bandit: {state.value}" in record.verdict.reasoning
    assert record.validate() == []


@pytest.mark.parametrize("comparator", ["<=", "<", "=="])
def test_too_many_findings_refute_even_where_a_tool_did_not_see_everything(audit, result, found, claim, comparator):
    record = audit(result(findings=found(2), state=PillarState.FINDINGS), result("mypy", PillarState.CRASHED))
    assert attached(record, claim("high", comparator, 1.0), 2, metric="high").verdict.outcome == "REFUTED"


@pytest.mark.parametrize(("comparator", "value"), [(">=", 5.0), (">", 2.0), ("==", 3.0)])
def test_too_few_findings_refute_nothing_where_more_may_be_unseen(audit, result, found, claim, comparator, value):
    record = audit(result(findings=found(2), state=PillarState.FINDINGS), result("mypy", PillarState.TIMEOUT))
    assert attached(record, claim("high", comparator, value), 2, metric="high").verdict.outcome == "INCONCLUSIVE"


def test_a_number_of_another_name_is_no_lower_bound(audit, result, claim):
    record = audit(result(), result("mypy", PillarState.PARTIAL))
    verdict = attached(record, claim("mean severity", "<=", 1.0), 2.5, metric="mean severity").verdict
    assert verdict.outcome == "INCONCLUSIVE"


def test_the_findings_of_one_pillar_rest_on_that_pillar_alone(audit, result, claim):
    record = audit(result(), result("mypy", PillarState.TIMEOUT))
    assert attached(record, claim("ruff"), 0, metric="ruff").verdict.outcome == "VALIDATED"
    assert record.validate() == []
    assert attached(record, claim("mypy"), 0, metric="mypy").verdict.outcome == "INCONCLUSIVE"


def test_an_audit_in_which_nothing_ran_decides_nothing(audit, claim):
    record = attached(audit(), claim(), 0)
    assert record.verdict.outcome == "INCONCLUSIVE"
    assert "no pillar ran" in record.verdict.reasoning
    assert not record.is_complete


@pytest.mark.parametrize("observed", [None, math.nan, math.inf])
def test_an_undefined_value_is_inconclusive_and_not_zero(audit, result, claim, observed):
    record = attached(audit(result()), claim(), observed)
    assert (record.verdict.outcome, record.verdict.observed_value) == ("INCONCLUSIVE", None)
    assert AuditRecord.from_dict(json.loads(record.dumps())) == record


def test_a_value_that_is_not_the_metric_of_the_audit_is_refused(audit, result, found, claim):
    record = audit(result(findings=found(2), state=PillarState.FINDINGS))
    before = record.dumps()
    for metric in ("total_findings", "high", "ruff"):
        with pytest.raises(AuditClaimError, match="which is 2"):
            attached(record, claim(), 0, metric=metric)
        with pytest.raises(AuditClaimError, match="which is 2"):
            record.wrap_as_proof(claim=claim(), observed_value=0, statistic_name=metric)
    assert record.dumps() == before


@pytest.mark.parametrize("claimed", [None, "few findings", Threshold("high", "<=", 0.0)])
def test_what_is_no_claim_is_refused(audit, result, claimed):
    record = audit(result())
    with pytest.raises(AuditClaimError, match="is no claim"):
        attached(record, claimed, 0)
    assert record.preregistration is None


# Attaching


def test_attaching_gives_back_the_record_unsigned_and_with_its_claim(audit, result, claim):
    record = audit(result()).sign(KEY)
    told = claim()
    assert attached(record, told, 0) is record
    assert record.signature == ""
    assert record.claim == told
    again = AuditRecord.from_dict(json.loads(record.sign(KEY).dumps()))
    assert again.claim == told
    assert again.verify_signature(KEY)


def test_the_configuration_is_in_the_record_and_its_hash_binds_it(audit, result, claim):
    record = attached(audit(result()), claim("high"), 0, metric="high")
    registered = record.preregistration
    assert registered.config_hash == content_hash(registered.sweep_grid)
    assert registered.sweep_grid["claim"] == claim("high").to_dict()
    assert registered.sweep_grid["metric"] == record.pre_registered_metric == "high"
    assert registered.data_hash == record.target_content_hash


def test_a_claim_that_came_with_the_result_is_not_called_registered_before(audit, result, claim):
    record = attached(audit(result()), claim(), 0)
    assert record.preregistration.sweep_grid["registered"] == "with the result"
    assert record.preregistration.preregistered_at == record.captured_at


def test_a_claim_that_was_fixed_before_says_when(audit, result, claim):
    record = attached(audit(result()), claim(), 0, preregistered_at="2026-01-01T00:00:00+00:00")
    assert record.preregistration.sweep_grid["registered"] == "before the run"
    assert record.preregistration.preregistered_at == "2026-01-01T00:00:00+00:00"
    assert record.validate() == []
    late = attached(audit(result()), claim(), 0, preregistered_at="2999-01-01T00:00:00+00:00")
    assert "registered before the run" in late.validate()[0]


def test_a_claim_makes_an_audit_1_0_an_audit_1_1(rebuilt, claim):
    record = rebuilt("1.0")
    attached(record, claim("low"), 1, metric="low")
    assert record.schema_version == "audit/1.1"
    assert record.body()["pillars"][0]["extra"] == {}
    assert AuditRecord.from_dict(json.loads(record.dumps())) == record


def test_a_failed_attachment_changes_nothing(golden, claim):
    before = golden.dumps()
    with pytest.raises(RecordFieldError):
        attached(golden, claim("high"), 2, metric="high", analysis_plan=3)
    assert golden.dumps() == before


@pytest.mark.parametrize("grid", [{}, {"claim": None}, {"claim": {"statement": "x"}}, {"claim": 3}])
def test_a_registration_in_another_form_holds_no_claim(rebuilt, grid):
    assert rebuilt(preregistration__sweep_grid=grid).claim is None


# Wrapping


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_wrapped_audit_is_a_well_formed_proof_and_comes_out_byte_for_byte(golden_texts, rebuilt, claim, version):
    record = rebuilt(version)
    total = record.summary.total_findings
    proof = record.wrap_as_proof(claim=claim(value=9.0), observed_value=total, sign_key=KEY)
    assert proof.validate() == []
    assert proof.verify_signature(KEY)
    read = EmpiricalProofRecord.from_dict(loads(proof.dumps().encode()))
    assert AuditRecord.from_proof(read).dumps() == golden_texts[version]
    assert AuditRecord.from_proof(read).verify_signature(KEY)


def test_a_wrapped_audit_passes_ingest_as_a_proof(golden, claim, tmp_path):
    proof = golden.wrap_as_proof(claim=claim("high"), observed_value=2, statistic_name="high", sign_key=KEY)
    path = proof_codec.dump(proof, tmp_path / "proof.json")
    assert proof_codec.ingest(path, key=KEY, strict_signature=True) == proof
    assert proof.verdict.outcome == "REFUTED"


def test_a_wrapped_audit_names_target_auditor_command_and_lineage(golden, claim):
    proof = golden.wrap_as_proof(claim=claim("high"), observed_value=2, statistic_name="high")
    (dataset,) = proof.datasets
    assert (dataset.name, dataset.content_hash, dataset.n_records) == ("audit-target:src", "0d" * 32, 3)
    assert proof.substrate_name == "ophamin.auditing.AuditRecord"
    assert proof.substrate_git_commit == golden.ophamin_git_commit
    assert proof.reproduction.command == golden.reproduction_command
    assert proof.reproduction.lineage_chain == [golden.audit_id]
    assert proof.created_at == golden.captured_at
    assert proof.signature == ""


def test_a_wrapped_audit_without_a_commit_still_names_a_revision(rebuilt, claim):
    proof = rebuilt(identity__ophamin_git_commit="").wrap_as_proof(claim=claim(value=9.0), observed_value=4)
    assert proof.substrate_git_commit == "ophamin-0.1.0"
    assert proof.validate() == []


def test_a_proof_over_the_attached_claim_keeps_when_it_was_registered(golden):
    told = golden.claim
    proof = golden.wrap_as_proof(claim=told, observed_value=2, statistic_name="high")
    assert proof.claim == told
    assert proof.preregistration.preregistered_at == "2026-03-02T09:29:11.000000+00:00"


def test_a_proof_over_another_claim_does_not_borrow_the_registration(golden, claim):
    proof = golden.wrap_as_proof(claim=claim("low", "<=", 5.0), observed_value=1, statistic_name="low")
    assert proof.preregistration.preregistered_at == golden.captured_at


def test_without_a_stated_file_count_a_proof_counts_the_findings(audit, found, claim):
    bare = PillarResult("ruff", "ruff", "1", "ok", "src", found(2))
    assert audit(bare).wrap_as_proof(claim=claim(value=2.0), observed_value=2).datasets[0].n_records == 2
    empty = PillarResult("ruff", "ruff", "1", "ok", "src")
    assert audit(empty).wrap_as_proof(claim=claim(), observed_value=0).datasets[0].n_records == 1


@pytest.mark.parametrize(
    ("given_library", "given_version", "version"),
    [("ophamin", "", "0.1.0"), ("ophamin", "9", "9"), ("bandit", "", "bandit 1.9.4"), ("other", "2.0", "2.0")],
)
def test_the_version_of_what_counted_is_never_empty(golden, claim, given_library, given_version, version):
    told = {"library": given_library, "library_version": given_version}
    proof = golden.wrap_as_proof(claim=claim(value=9.0), observed_value=4, **told)
    assert (proof.evidence[0].library, proof.evidence[0].library_version) == (given_library, version)


@pytest.mark.parametrize("library", ["other", "pip-audit"])
def test_a_library_of_no_known_version_is_an_error(golden, claim, library):
    with pytest.raises(AuditClaimError, match="pass library_version="):
        golden.wrap_as_proof(claim=claim(value=9.0), observed_value=4, library=library)


def test_an_undefined_value_makes_a_1_1_proof(audit, result, claim):
    proof = audit(result()).wrap_as_proof(claim=claim(), observed_value=None)
    assert (proof.schema_version, proof.verdict.outcome) == ("1.1", "INCONCLUSIVE")
    assert proof.evidence[0].statistic_value is None
    assert proof.validate() == []


def test_an_incomplete_audit_makes_an_inconclusive_proof(audit, result, claim):
    proof = audit(result(), result("mypy", PillarState.PARTIAL)).wrap_as_proof(claim=claim(), observed_value=0)
    assert proof.verdict.outcome == "INCONCLUSIVE"
    assert proof.validate() == []


def test_an_empty_key_seals_no_proof(audit, result, claim):
    with pytest.raises(SealKeyError):
        audit(result()).wrap_as_proof(claim=claim(), observed_value=0, sign_key=b"")


def test_an_audit_that_does_not_fit_into_a_proof_is_refused_and_not_cut(audit, result, claim):
    long = [Finding("ruff", "X1", "low", "x" * 60_000, f"{index}.py", 1, 1) for index in range(150)]
    record = audit(result(findings=long, state=PillarState.FINDINGS))
    with pytest.raises(AuditClaimError, match="150 findings does not fit into a proof"):
        record.wrap_as_proof(claim=claim(value=1000.0), observed_value=150)


def test_a_proof_without_an_audit_gives_none(golden, claim):
    proof = golden.wrap_as_proof(claim=claim("high"), observed_value=2, statistic_name="high")
    proof.evidence[0].detail.pop("audit")
    with pytest.raises(AuditClaimError, match="holds no audit"):
        AuditRecord.from_proof(proof)


def test_an_audit_that_was_changed_inside_a_proof_is_refused(golden, claim):
    proof = golden.wrap_as_proof(claim=claim("high"), observed_value=2, statistic_name="high")
    proof.evidence[0].detail["audit"]["summary"]["total_findings"] = 0
    with pytest.raises(RecordFieldError, match="it was changed"):
        AuditRecord.from_proof(proof)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    states=st.lists(st.sampled_from(PillarState), min_size=4, max_size=4),
    comparator=st.sampled_from(["<=", "<", ">=", ">", "=="]),
    value=st.integers(0, 9),
)
def test_whatever_ran_a_validated_audit_was_complete_and_every_verdict_is_well_formed(
    audit, result, found, claim, counts, states, comparator, value
):
    made = [
        result(
            f"tool{index}", state, found(count if state is not PillarState.UNAVAILABLE else 0, "low", f"tool{index}")
        )
        for index, (count, state) in enumerate(zip(counts, states, strict=False))
    ]
    record = audit(*made)
    observed = record.observe("total_findings")
    attached(record, claim("total_findings", comparator, float(value)), observed)
    assert record.validate() == []
    if record.verdict.outcome == "VALIDATED":
        assert record.is_complete
    proof = record.wrap_as_proof(claim=record.claim, observed_value=observed)
    assert proof.verdict == record.verdict
    assert proof.validate() == []
    assert AuditRecord.from_proof(proof) == record
