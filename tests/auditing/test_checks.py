# SPDX-License-Identifier: Apache-2.0
"""Every rule of a well-formed audit is found broken alone, and only where it is broken."""

from __future__ import annotations

import copy

import pytest

from ophamin.auditing.base import PillarState

FINDING = {
    "pillar_name": "mypy",
    "rule_id": "x",
    "severity": "low",
    "message": "m",
    "path": "p",
    "line": 1,
    "column": 1,
    "extra": {},
}
BAR = {"metric": "high", "comparator": "<=", "value": 0.0, "units": "findings"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"identity__ophamin_version": " "}, "ophamin_version is empty"),
        ({"identity__captured_at": "yesterday"}, "captured_at is 'yesterday', no ISO 8601 time"),
        ({"identity__captured_at": "2026-03-02T09:30:12"}, "no ISO 8601 time with an offset"),
        ({"target__target_path": ""}, "target_path is empty"),
        ({"target__target_content_hash": "\n"}, "target_content_hash is empty"),
        ({"pillars__0__finding_count": 2}, "pillars[0].finding_count is 2, but there are 3 findings"),
        ({"pillars__0__severity_histogram": {"high": 1}}, "pillars[0].severity_histogram is"),
        ({"pillars__0__severity_histogram__critical": 0}, "pillars[0].severity_histogram is"),
        ({"pillars__0__per_file_top10": []}, "pillars[0].per_file_top10 does not follow"),
        (
            {"pillars__0__per_rule_top10": [["F401", 1], ["I001", 1], ["S603", 1]]},
            "pillars[0].per_rule_top10 does not follow",
        ),
        ({"pillars__0__findings__1__pillar_name": "bandit"}, "1 of them are by another pillar ('bandit')"),
        ({"pillars__0__extra__state": "timeout"}, "pillars[0].status is ok, but extra.state 'timeout' is error"),
        ({"pillars__1__extra__state": "ok"}, "pillars[1].status is error, but extra.state 'ok' is ok"),
        ({"summary__pillars_run": ["ruff"]}, "summary.pillars_run lacks 'mypy', whose status is ok"),
        ({"summary__pillars_errored": []}, "summary.pillars_errored lacks 'bandit'"),
        ({"summary__pillars_unavailable": []}, "summary.pillars_unavailable lacks 'pip_audit'"),
        (
            {"summary__pillars_run": ["ruff", "mypy", "pip_audit"]},
            "pillars_run names 'pip_audit', whose status is unav",
        ),
        ({"summary__pillars_run": ["ruff", "mypy", "vulture"]}, "summary names the pillar 'vulture', which is not"),
        ({"summary__total_findings": 5}, "summary.total_findings is 5, but there are 4 findings"),
        ({"summary__severity_histogram": {"high": 2}}, "summary.severity_histogram is"),
        ({"summary__findings_per_pillar__ruff": 4}, "summary.findings_per_pillar is"),
        ({"summary__findings_per_pillar__vulture": 0}, "summary.findings_per_pillar is"),
        ({"summary__top_files": [["src/b.py", 1]]}, "summary.top_files does not follow"),
        ({"reproduction__command": ""}, "reproduction.command is empty"),
        ({"preregistration__data_hash": ""}, "config_hash or data_hash is empty"),
        ({"preregistration__config_hash": "0a" * 32}, "config_hash is not that of sweep_grid"),
        ({"preregistration__sweep_grid__claim__statement": "It is clean."}, "config_hash is not that of sweep_grid"),
        ({"preregistration__preregistered_at": "soon"}, "preregistered_at is no ISO 8601 time"),
        ({"preregistration__preregistered_at": "2026-03-02T09:30:12.000251+00:00"}, "is later than captured_at"),
        ({"verdict__threshold": {**BAR, "value": 1.0}}, "verdict.threshold (high <= 1.0 findings) is not the claim's"),
        ({"verdict__observed_value": 3}, "observed_value is 3, but high of this audit is 2"),
        ({"verdict__outcome": "VALIDATED"}, "VALIDATED contradicts its threshold"),
        ({"verdict__observed_value": None}, "REFUTED over an undefined value"),
        ({"signature": "x"}, "signature is 'x'"),
        ({"signature": "0a" * 32 + "\n"}, "signature is"),
    ],
)
def test_a_broken_rule_is_the_one_problem(rebuilt, changes, problem):
    problems = rebuilt(**changes).validate()
    assert len(problems) == 1, problems
    assert problem in problems[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"pillars__1__extra": {}},
        {"pillars__1__extra__state": "of another kind"},
        {"pillars__1__extra__state": ["partial"]},
        {"summary__pillars_run": ["ruff", "mypy", "bandit"], "summary__pillars_errored": ["bandit"]},
        {"pillars__0__per_rule_top10": [["S602", 1], ["I001", 1], ["F401", 1]]},
        {"summary__findings_per_pillar": {"ruff": 3, "bandit": 1, "mypy": 0, "pip_audit": 0}},
        {"verdict__outcome": "INCONCLUSIVE", "verdict__observed_value": None},
        {"preregistration__sweep_grid": {}, "preregistration__config_hash": "of another kind"},
        {"pillars__0__findings__0__line": -1},
    ],
)
def test_what_is_unusual_but_true_is_no_problem(rebuilt, changes):
    if "summary__pillars_run" in changes:
        expected = ["summary.pillars_run names 'bandit', whose status is error"]
    else:
        expected = []
    assert rebuilt(**changes).validate() == expected


@pytest.mark.parametrize("missing", ["preregistration", "pre_registered_metric", "verdict"])
def test_the_parts_of_a_claim_belong_together(golden, missing):
    setattr(golden, missing, None)
    assert golden.validate() == [
        "preregistration, pre_registered_metric and verdict belong together: one of them is missing"
    ]


def test_a_verdict_that_passes_over_an_incomplete_audit_is_a_problem(golden, claim):
    golden.attach_pre_registration(claim=claim("low", "<=", 5.0), observed_value=1, metric="low")
    assert golden.validate() == []
    golden.verdict = type(golden.verdict)("VALIDATED", 1.0, golden.verdict.threshold, "trust me")
    (problem,) = golden.validate()
    assert "VALIDATED, but not everything was looked at (bandit: partial; pip_audit: unavailable)" in problem


def test_an_audit_1_0_has_no_place_for_what_came_later(rebuilt, wire, result):
    record = rebuilt("1.0")
    record.preregistration = rebuilt().preregistration
    assert any("no place for a claim" in problem for problem in record.validate())
    record.preregistration = None
    record.pillars = [
        result("ruff", findings=record.pillars[0].findings, state=PillarState.FINDINGS),
        record.pillars[1],
    ]
    assert record.validate() == ["pillars[0].extra is not empty: an audit/1.0 record has no place for it"]


def test_one_pillar_has_one_result(rebuilt, wire):
    twice = [*wire["pillars"], copy.deepcopy(wire["pillars"][2])]
    assert rebuilt(pillars=twice).validate() == ["pillars: 'mypy' stands there 2 times: one result for each pillar"]


def test_findings_of_a_pillar_that_the_summary_leaves_out_are_found(rebuilt):
    problems = rebuilt(pillars__2__findings=[FINDING]).validate()
    assert any("summary.total_findings is 4, but there are 5" in problem for problem in problems)
    assert any("pillars[2].finding_count is 0" in problem for problem in problems)


def test_the_golden_audits_have_no_problem(rebuilt):
    assert rebuilt("1.0").validate() == rebuilt("1.1").validate() == []
