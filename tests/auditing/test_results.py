# SPDX-License-Identifier: Apache-2.0
"""States and results: which runs may pass, what the wire says of each, and counts that follow from the findings."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.base import Coverage, Finding, FindingSeverity, PillarResult, PillarState, state_of
from ophamin.auditing.results import Counts
from ophamin.auditing.states import STATUSES
from ophamin.core.records import RecordFieldError


def test_every_state_has_one_status_on_the_wire_and_only_two_may_pass():
    assert {state.value: state.status for state in PillarState} == {
        "ok": "ok",
        "findings": "ok",
        "partial": "error",
        "unavailable": "unavailable",
        "timeout": "error",
        "crashed": "error",
        "invalid_output": "error",
    }
    assert set(STATUSES) == set(PillarState)
    assert {state for state in PillarState if state.may_pass} == {PillarState.OK, PillarState.FINDINGS}


def test_whatever_may_pass_is_ok_on_the_wire_and_nothing_else_is():
    assert all(state.may_pass == (state.status == "ok") for state in PillarState)


@pytest.mark.parametrize(
    ("listed", "seen", "missed", "complete"),
    [
        (3, 3, [], True),
        (3, 4, [], True),
        (3, 2, [], False),
        (3, 3, ["a.py"], False),
        (0, 0, [], False),
        (1, 0, [], False),
    ],
)
def test_a_run_is_complete_if_there_was_something_and_all_of_it_was_seen(listed, seen, missed, complete):
    coverage = Coverage(listed, seen, missed)
    assert coverage.complete is complete
    assert state_of([], coverage) is (PillarState.OK if complete else PillarState.PARTIAL)
    assert state_of(["x"], coverage) is (PillarState.FINDINGS if complete else PillarState.PARTIAL)


@pytest.mark.parametrize("fields", [(-1, 0), (0, -1), (1.0, 1), (True, 1), (1, 2**60)])
def test_a_coverage_holds_whole_numbers_from_zero(fields):
    with pytest.raises(RecordFieldError):
        Coverage(*fields)


@pytest.mark.parametrize(
    ("status", "findings", "extra", "state", "may_pass"),
    [
        ("ok", 0, {}, "ok", True),
        ("ok", 1, {}, "findings", True),
        ("unavailable", 0, {}, "unavailable", False),
        ("error", 0, {}, "crashed", False),
        ("error", 1, {"state": "partial"}, "partial", False),
        ("error", 0, {"state": "ok"}, "crashed", False),
        ("ok", 0, {"state": "timeout"}, "timeout", False),
        ("unavailable", 0, {"state": "findings"}, "unavailable", False),
        ("ok", 0, {"state": "something else"}, "ok", True),
        ("ok", 0, {"state": ["ok"]}, "ok", True),
        ("error", 0, {"state": None}, "crashed", False),
    ],
)
def test_a_state_that_contradicts_its_status_never_helps_to_pass(
    result, found, status, findings, extra, state, may_pass
):
    made = PillarResult("ruff", "ruff", "", status, "src", found(findings), extra=extra)
    assert (made.state.value, made.may_pass) == (state, may_pass)


@pytest.mark.parametrize("coverage", [None, 3, {}, {"listed": 1}, {"listed": 1, "seen": -1, "missed": []}])
def test_a_coverage_of_another_form_is_none(coverage):
    assert PillarResult("x", "x", "", "ok", "src", extra={"coverage": coverage}).coverage is None


def test_a_result_keeps_its_coverage():
    coverage = Coverage(3, 2, ["a.py"])
    assert PillarResult("x", "x", "", "ok", "src", extra={"coverage": coverage.to_dict()}).coverage == coverage


def test_the_counts_follow_from_the_findings():
    made = [
        Finding("x", "R2", "low", "m", "b.py"),
        Finding("x", "R1", "high", "m", "a.py"),
        Finding("x", "R2", "low", "m", "a.py"),
    ]
    result = PillarResult("x", "x", "", "ok", "src", made)
    assert result.counts == Counts(3, {"high": 1, "low": 2}, [("a.py", 2), ("b.py", 1)], [("R2", 2), ("R1", 1)])
    assert (result.finding_count, result.severity_histogram) == (3, {"high": 1, "low": 2})
    assert list(result.to_dict()) == [
        "pillar_name", "tool_name", "tool_version", "status", "target_path", "finding_count", "findings",
        "severity_histogram", "per_file_top10", "per_rule_top10", "raw_stdout_bytes", "raw_stderr_bytes", "exit_code",
        "wall_time_s", "error_message", "extra",
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(FindingSeverity), st.integers(0, 30))))
def test_the_lists_of_a_result_are_short_and_the_histogram_adds_up(made):
    findings = [Finding("x", f"R{number}", severity, "m", f"{number}.py") for severity, number in made]
    counts = PillarResult("x", "x", "", "ok", "src", findings).counts
    assert sum(counts.severity_histogram.values()) == counts.finding_count == len(findings)
    assert len(counts.per_file_top10) <= 10
    assert all(count > 0 for count in counts.severity_histogram.values())
    assert [count for _, count in counts.per_rule_top10] == sorted(dict(counts.per_rule_top10).values(), reverse=True)


def test_a_result_with_other_findings_has_their_counts_and_not_the_ones_it_was_read_with():
    read = PillarResult.from_dict({**PillarResult("x", "x", "", "ok", "src").to_dict(), "finding_count": 7})
    assert read.counts.finding_count == 7
    assert read.finding_count == 0
    assert dataclasses.replace(read, findings=()).counts.finding_count == 0


def test_a_result_whose_counts_were_read_wrong_is_not_equal_to_a_sound_one():
    sound = PillarResult("x", "x", "", "ok", "src")
    assert PillarResult.from_dict(sound.to_dict()) == sound
    assert PillarResult.from_dict({**sound.to_dict(), "finding_count": 7}) != sound


def test_a_result_takes_a_list_of_findings_and_cannot_be_changed(found):
    result = PillarResult("ruff", "ruff", "", "ok", "src", found(1))
    assert result.findings == tuple(found(1))
    with pytest.raises((AttributeError, ValueError)):
        result.status = "error"


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "clean"},
        {"findings": ["x"]},
        {"findings": "x"},
        {"raw_stdout_bytes": -1},
        {"exit_code": 1.0},
        {"wall_time_s": "fast"},
        {"error_message": None},
        {"extra": {1: "x"}},
    ],
)
def test_a_result_of_another_form_is_refused(fields):
    with pytest.raises(RecordFieldError, match=f"PillarResult.{next(iter(fields))}"):
        PillarResult(
            **{"pillar_name": "x", "tool_name": "x", "tool_version": "", "status": "ok", "target_path": "s", **fields}
        )


def test_a_severity_may_be_given_as_its_text_and_is_ordered_worst_first():
    assert Finding("x", "r", "high", "m", "p") == Finding("x", "r", FindingSeverity.HIGH, "m", "p")
    assert [severity.value for severity in sorted(FindingSeverity, key=lambda one: one.rank)] == [
        "critical", "high", "medium", "low", "info",
    ]  # fmt: skip
    with pytest.raises(RecordFieldError, match="not 'HIGH'"):
        Finding("x", "r", "HIGH", "m", "p")
