# SPDX-License-Identifier: Apache-2.0
"""Every rule of a well-formed record is found broken alone, and only where it is broken."""

from __future__ import annotations

import pytest

from ophamin.measuring.proof.record import Verdict

THRESHOLD = {"metric": "blocked", "comparator": "<=", "value": 0.1, "units": "fraction"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"claim__statement": ""}, "claim.statement is empty"),
        ({"claim__statement": " \n"}, "claim.statement is empty"),
        ({"claim__h0": ""}, "claim.h0 or claim.h1 is empty"),
        ({"claim__h1": ""}, "claim.h0 or claim.h1 is empty"),
        ({"preregistration__config_hash": ""}, "config_hash or data_hash is empty"),
        ({"preregistration__data_hash": ""}, "config_hash or data_hash is empty"),
        ({"preregistration__config_hash": "0A" * 32}, "64 lower-case hex digits"),
        ({"preregistration__config_hash": "0a" * 32 + "\n"}, "64 lower-case hex digits"),
        ({"preregistration__preregistered_at": "2026-03-02T09:30:12.000251+00:00"}, "is later than created_at"),
        ({"preregistration__preregistered_at": "2026-03-02T09:30:13-00:01"}, "is later than created_at"),
        ({"preregistration__preregistered_at": "yesterday"}, "no ISO 8601 time"),
        ({"preregistration__preregistered_at": "2026-03-02T09:29:11"}, "no ISO 8601 time with an offset"),
        ({"identity__created_at": ""}, "no ISO 8601 time"),
        ({"data__datasets": []}, "data.datasets is empty"),
        ({"data__datasets__0__content_hash": ""}, r"datasets[0].content_hash is empty"),
        ({"data__datasets__0__n_records": 0}, r"datasets[0].n_records is 0"),
        ({"data__datasets__0__n_records": -1}, r"datasets[0].n_records is -1"),
        ({"data__substrate_git_commit": ""}, "substrate_git_commit is empty"),
        ({"evidence": []}, "evidence is empty"),
        ({"evidence__1__library": ""}, "evidence[1] has no library"),
        ({"evidence__0__library_version": " "}, "evidence[0] has no library"),
        ({"evidence__0__statistic_value": None}, "evidence[0].statistic_value is undefined"),
        ({"verdict__outcome": "REFUTED"}, "REFUTED contradicts its threshold"),
        ({"verdict__observed_value": 0.11}, "VALIDATED contradicts its threshold"),
        ({"verdict__observed_value": None, "verdict__outcome": "INCONCLUSIVE"}, "takes a 1.1 record"),
        ({"verdict__threshold": {**THRESHOLD, "value": 0.2}}, "verdict.threshold"),
        ({"claim__threshold": {**THRESHOLD, "metric": "other"}}, "verdict.threshold"),
        ({"claim__threshold": {**THRESHOLD, "units": "percent"}}, "verdict.threshold"),
        ({"reproduction__command": ""}, "reproduction.command is empty"),
        ({"reproduction__environment": {}}, "reproduction.environment is empty"),
        ({"identity__ophamin_version": ""}, "ophamin_version is empty"),
        ({"signature": "x"}, "signature is 'x'"),
        ({"signature": "0a" * 32 + "\n"}, "signature is"),
        ({"schema_version": "1.1", "verdict__outcome": "INCONCLUSIVE"}, "nothing is undefined"),
    ],
)
def test_a_broken_rule_is_the_one_problem(rebuilt, changes, problem):
    problems = rebuilt(**changes).validate()
    assert len(problems) == 1, problems
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"verdict__outcome": "VALIDATED"}, ["over an undefined value", "in a 1.1 record"]),
        ({"verdict__outcome": "REFUTED"}, ["over an undefined value", "in a 1.1 record"]),
        ({"verdict__outcome": "VALIDATED", "verdict__observed_value": 0.05}, ["in a 1.1 record"]),
        (
            {"schema_version": "1.0"},
            ["datasets is empty", "statistic_value is undefined", "observed_value is undefined"],
        ),
    ],
)
def test_an_undefined_record_is_1_1_and_inconclusive(rebuilt, changes, expected):
    problems = rebuilt("1.1", **changes).validate()
    assert len(problems) == len(expected), problems
    assert all(text in problem for text, problem in zip(expected, problems, strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict__observed_value": 0.05},
        {"evidence__0__statistic_value": 0.05},
        {"verdict__observed_value": 0.05, "evidence__0__statistic_value": 0.05},
    ],
)
def test_one_undefined_thing_is_enough_for_1_1(rebuilt, changes):
    assert rebuilt("1.1", **changes).validate() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"preregistration__preregistered_at": "2026-03-02T09:30:12.000250+00:00"},
        {"preregistration__preregistered_at": "2026-03-02T10:30:12.000250+01:00"},
        {"verdict__outcome": "INCONCLUSIVE"},
        {"verdict__outcome": "REFUTED", "verdict__observed_value": 0.2},
        {"signature": ""},
        {"identity__ophamin_git_commit": ""},
        {"provenance": {}},
        {"reproduction__lineage_chain": []},
    ],
)
def test_what_is_allowed_is_no_problem(rebuilt, changes):
    assert rebuilt(**changes).validate() == []


def test_a_record_with_problems_is_not_valid(rebuilt):
    assert not rebuilt(claim__statement="").is_valid


def test_every_problem_is_listed(rebuilt):
    broken = rebuilt(claim__statement="", evidence=[], reproduction__command="", identity__ophamin_version="")
    assert len(broken.validate()) == 4


def test_a_decided_verdict_never_contradicts_its_threshold(golden):
    threshold = golden.claim.threshold
    for observed in (0.0, 0.1, 0.10000000000000002, 1.0):
        golden.verdict = Verdict.decide(observed, threshold)
        assert golden.validate() == []


def test_a_long_foreign_text_is_cut_in_a_problem(rebuilt):
    problems = rebuilt(signature="x" * 5000).validate()
    assert len(problems[0]) < 200
