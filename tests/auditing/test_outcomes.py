# SPDX-License-Identifier: Apache-2.0
"""What follows from findings is decided in one place: only what was seen whole passes."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.baseline_update import make_baseline
from ophamin.auditing.findings import Finding, FindingSeverity
from ophamin.auditing.outcomes import AuditOutcome, ToolOutcome, judge, judge_result, worst_outcome
from ophamin.auditing.ratchet import compare_to_baseline
from ophamin.auditing.results import PillarResult
from ophamin.auditing.states import PillarState

SEVERITIES = list(FindingSeverity)
PASSED, FAILED, UNDECIDED = AuditOutcome.PASSED, AuditOutcome.FAILED, AuditOutcome.UNDECIDED


def of(state=PillarState.OK, severities=(), name="ruff", version="1"):
    found = tuple(Finding(name, "X1", severity, "a thing", f"{at}.py", 1) for at, severity in enumerate(severities))
    return PillarResult(
        name, name, version, state.status, "src", found, error_message="why", extra={"state": state.value}
    )


# -- by severity ------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(list(PillarState)), st.lists(st.sampled_from(SEVERITIES), max_size=4), st.sampled_from(SEVERITIES)
)
def test_grave_findings_fail_and_what_was_not_seen_whole_never_passes(state, severities, fail_on):
    result = of(state, severities)
    judged = judge_result(result, fail_on)
    grave = [severity for severity in severities if severity.rank <= fail_on.rank]
    expected = FAILED if grave else PASSED if result.may_pass else UNDECIDED
    assert judged.outcome is expected
    assert len(judged.findings) == len(grave)


def test_the_gravest_finding_is_told_first():
    judged = judge_result(of(PillarState.FINDINGS, ["low", "critical", "high"]), FindingSeverity.LOW)
    assert [finding.severity.value for finding in judged.findings] == ["critical", "high", "low"]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (of(), "0 findings of severity high or worse"),
        (of(PillarState.FINDINGS, ["low"]), "0 findings of severity high or worse; 1 milder"),
        (of(PillarState.FINDINGS, ["high", "low"]), "1 finding of severity high or worse"),
        (of(PillarState.UNAVAILABLE), "unavailable: why"),
        (of(PillarState.PARTIAL, ["low"]), "partial: why"),
    ],
    ids=["clean", "mild", "grave", "missing", "partial"],
)
def test_the_reason_is_one_sentence(result, reason):
    assert judge_result(result).reason == reason


# -- against a baseline -----------------------------------------------------------------------------------------------


def against(tmp_path, before, now):
    baseline = make_baseline(before, root=tmp_path)
    ratchet = compare_to_baseline(now, baseline, today=date(2026, 3, 1), root=tmp_path)
    return {one.tool: one for one in judge(now, ratchet=ratchet)}


def test_with_a_baseline_known_findings_pass_however_grave(tmp_path):
    grave = of(PillarState.FINDINGS, ["critical"])
    judged = against(tmp_path, [grave], [grave])
    assert {one.outcome for one in judged.values()} == {PASSED}
    assert judged["ruff"].reason == "nothing new, 1 known"


def test_with_a_baseline_a_new_finding_fails_however_mild(tmp_path):
    judged = against(tmp_path, [of()], [of(PillarState.FINDINGS, ["info"])])["ruff"]
    assert (judged.outcome, judged.reason) == (FAILED, "1 finding that the baseline does not hold")
    assert len(judged.findings) == 1


def test_a_finding_that_is_gone_is_told_and_passes(tmp_path):
    judged = against(tmp_path, [of(PillarState.FINDINGS, ["high"])], [of()])["ruff"]
    assert judged.outcome is PASSED
    assert judged.reason.startswith("nothing new, 0 known; 1 of the baseline")


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ([of(version="2")], "re-baseline needed: ruff is not what the baseline was made with"),
        ([of(PillarState.TIMEOUT)], "undecided: ruff did not see everything (why)"),
        ([], "undecided: ruff is in the baseline and was not run"),
    ],
    ids=["another-version", "timeout", "left-out"],
)
def test_what_cannot_be_compared_is_undecided(tmp_path, now, told):
    judged = against(tmp_path, [of(PillarState.FINDINGS, ["high"])], now)["ruff"]
    assert judged.outcome is UNDECIDED
    assert judged.reason.startswith(told)


def test_a_tool_that_did_not_see_everything_fails_on_what_it_saw(tmp_path):
    judged = against(tmp_path, [of()], [of(PillarState.PARTIAL, ["low"])])["ruff"]
    assert judged.outcome is FAILED


# -- all together -----------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(list(AuditOutcome)), max_size=5))
def test_the_worst_of_all_tools_counts_and_nothing_judged_is_undecided(outcomes):
    told = worst_outcome([ToolOutcome("x", outcome, "") for outcome in outcomes])
    expected = FAILED if FAILED in outcomes else PASSED if set(outcomes) == {PASSED} else UNDECIDED
    assert told is expected
