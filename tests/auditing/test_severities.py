# SPDX-License-Identifier: Apache-2.0
"""The severity table: what its version stands for, whole prefixes only, and nothing dropped."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.base import FindingSeverity
from ophamin.auditing.severities import (
    SARIF_LEVELS,
    SECURITY_SEVERITIES,
    SEVERITIES,
    SEVERITY_TABLE_VERSION,
    SeverityOverrideError,
    SeverityTable,
    bandit_twin,
)
from ophamin.core.canonical import content_hash

# Levels of the blacklists of bandit 1.9.4 (bandit/blacklists/calls.py, imports.py).
BLACKLISTS = {
    "HIGH": [304, 312, 321, 401, 402, 411, 412, 413, 415],
    "MEDIUM": [301, 302, 303, 305, 306, 307, 308, 310, *range(313, 320), 323],
    "LOW": [311, 403, 404, *range(405, 410)],
}
# The worst severity that each plugin of bandit 1.9.4 reports (bandit/plugins/*.py).
PLUGINS = {
    "HIGH": [103, 201, 202, 324, 501, 502, 505, 507, 602, 605, 609, 701],
    "MEDIUM": [102, 104, 108, 113, 503, 506, 508, 509, 601, 604, 608, 610, 611, 612, 702, 704],
    "LOW": [101, 105, 106, 107, 110, 112, 504, 603, 606, 607],
}
# The rules of the linter flake8-bandit in ruff 0.17.6 (ruff rule --all).
S_RULES = """
    101 102 103 104 105 106 107 108 110 112 113 201 202 301 302 303 304 305 306 307 308 310 311 312 313 314 315 316 317
    318 319 320 321 323 324 401 402 403 404 405 406 407 408 409 410 411 412 413 415 501 502 503 504 505 506 507 508 509
    601 602 603 604 605 606 607 608 609 610 611 612 701 702 704
"""


def test_a_changed_table_is_a_new_version():
    """Where this fails, the table was changed: raise SEVERITY_TABLE_VERSION, then put the new digest here."""
    digests = {"1": "3406447a85ffe97638b8b032bcc70f4c56695fcb1b5ab6f2bc2460f2ac47bd6e"}
    assert content_hash(SEVERITIES.to_dict()) == digests[SEVERITY_TABLE_VERSION]


# ruff


@pytest.mark.parametrize(
    ("rules", "severity"),
    [
        ("S324 S501 S602 S605 invalid-syntax E999", "high"),
        ("F821 F822 F823 F632 F701 F722 B006 B904 PLE0101 ASYNC100 S608 S506", "medium"),
        ("F401 F811 F841 F502 BLE001 TRY003 SIM102 PERF401 RUF100 UP006 E902 S101 S404", "low"),
        ("I001 E501 E711 W291 D100 DOC201 N801 COM812 Q000 ERA001", "info"),
        ("XYZ999 S999 PLR0912 C901 T201 FBT001 EM101 DTZ005 pytest-fixture-autouse", "medium"),
    ],
)
def test_rules_of_ruff_get_the_severity_of_their_longest_whole_prefix(rules, severity):
    assert {rule: SEVERITIES.ruff(rule).value for rule in rules.split()} == dict.fromkeys(rules.split(), severity)


@pytest.mark.parametrize("rule", ["", "S", "602", "S602 ", "s602", "S602x", "\u0660", "S" * 10_000, "F" + "9" * 10_000])
def test_a_rule_of_an_odd_form_is_not_dropped(rule):
    assert SEVERITIES.ruff(rule) in {FindingSeverity.MEDIUM, FindingSeverity.LOW}


@given(st.from_regex(r"[A-Z]{1,6}[0-9]{0,5}", fullmatch=True))
def test_letters_that_begin_alike_are_not_one_family(rule):
    letters = rule.rstrip("0123456789")
    if letters not in {
        "S",
        "F",
        "E",
        "B",
        "PLE",
        "ASYNC",
        "BLE",
        "TRY",
        "SIM",
        "PERF",
        "RUF",
        "UP",
        "I",
        "W",
        "D",
        "N",
    }:
        assert SEVERITIES.ruff(rule) in {FindingSeverity.MEDIUM, FindingSeverity.INFO}


def test_every_s_rule_of_ruff_has_a_twin_and_its_severity():
    numbers = {int(number) for number in S_RULES.split()}
    told = {number: word for part in (BLACKLISTS, PLUGINS) for word, rules in part.items() for number in rules}
    assert {f"S{number}" for number in numbers if bandit_twin(f"S{number}") != f"B{number}"} == set()
    assert numbers - set(told) == {320, 410}  # lxml, which bandit dropped in 1.8
    assert {number: SEVERITIES.ruff(f"S{number}").value.upper() for number in told if number in numbers} == {
        number: word for number, word in told.items() if number in numbers
    }


@pytest.mark.parametrize("rule", ["SIM102", "B602", "S703", "S6020", "S60", "", "s602"])
def test_what_is_no_s_rule_has_no_twin(rule):
    assert bandit_twin(rule) is None


# bandit, mypy, pip-audit


@pytest.mark.parametrize(
    ("severity", "confidence", "expected"),
    [
        ("HIGH", "HIGH", "high"),
        ("HIGH", "MEDIUM", "high"),
        ("HIGH", "LOW", "medium"),
        ("HIGH", "UNDEFINED", "medium"),
        ("MEDIUM", "HIGH", "medium"),
        ("MEDIUM", "LOW", "medium"),
        ("LOW", "HIGH", "low"),
        ("LOW", "MEDIUM", "low"),
        ("LOW", "LOW", "info"),
        ("UNDEFINED", "HIGH", "info"),
        ("WORSE", "HIGH", "medium"),
        ("", "", "medium"),
    ],
)
def test_a_finding_of_bandit_is_graded_by_severity_and_confidence(severity, confidence, expected):
    assert SEVERITIES.bandit("B602", severity, confidence).value == expected


@pytest.mark.parametrize(
    ("code", "severity", "expected"),
    [
        ("syntax", "error", "high"),
        ("arg-type", "error", "medium"),
        (None, "error", "medium"),
        ("import-untyped", "error", "low"),
        ("import-not-found", "error", "low"),
        ("unused-ignore", "error", "low"),
        (None, "note", "info"),
        ("arg-type", "note", "info"),
        ("arg-type", "warning", "medium"),
    ],
)
def test_a_message_of_mypy_is_graded_by_code_and_kind(code, severity, expected):
    assert SEVERITIES.mypy(code, severity).value == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"cvss": 10.0}, "critical"),
        ({"cvss": 9.0}, "critical"),
        ({"cvss": 8.9}, "high"),
        ({"cvss": 7.0}, "high"),
        ({"cvss": 6.9}, "medium"),
        ({"cvss": 4.0}, "medium"),
        ({"cvss": 3.9}, "low"),
        ({"cvss": 0.0}, "low"),
        ({}, "high"),
        ({"cvss": math.nan}, "high"),
        ({"cvss": 2.0, "exploited": True}, "critical"),
        ({"cvss": 9.9, "withdrawn": True}, "info"),
    ],
)
def test_an_advisory_is_graded_by_its_score_and_an_unknown_score_is_high(facts, expected):
    assert SEVERITIES.pip_audit("PYSEC-2024-1", **facts).value == expected


def test_the_samples_of_the_real_tools_are_graded_as_expected(sample):
    bandit = {
        item["test_id"]: SEVERITIES.bandit(item["test_id"], item["issue_severity"], item["issue_confidence"]).value
        for item in json.loads(sample("bandit.json"))["results"]
    }
    assert bandit["B602"] == bandit["B324"] == "high"
    assert bandit["B404"] == bandit["B101"] == "low"
    (broken,) = {item["code"] for item in json.loads(sample("ruff_syntax_error.json"))}
    assert SEVERITIES.ruff(broken).value == "high"
    syntax = [json.loads(line) for line in sample("mypy_syntax_error.jsonl").splitlines() if line.startswith("{")]
    assert {
        SEVERITIES.mypy(item["code"], item["severity"]).value for item in syntax if item["severity"] == "error"
    } == {"high"}


# Overrides and output


def test_an_override_sets_one_rule_of_one_tool():
    table = SeverityTable.with_overrides(
        {
            "ruff": {"S101": "info"},
            "bandit": {"B101": "critical"},
            "mypy": {"misc": "low"},
            "pip-audit": {"X-1": "info"},
        }
    )
    assert table.ruff("S101").value == "info"
    assert table.ruff("S102") is SEVERITIES.ruff("S102")
    assert table.bandit("B101", "LOW", "LOW").value == "critical"
    assert table.mypy("misc", "note").value == "low"
    assert table.pip_audit("X-1", cvss=9.9).value == "info"
    assert table.of("another", "R1").value == "medium"
    assert SEVERITIES.ruff("S101").value == "low"


def test_overrides_are_in_the_identity_of_a_table():
    assert SEVERITIES.identity == SeverityTable.with_overrides({"ruff": {}}).identity == SEVERITY_TABLE_VERSION
    one = SeverityTable.with_overrides({"ruff": {"S101": "info"}})
    same = SeverityTable.with_overrides({"ruff": {"S101": "info"}})
    other = SeverityTable.with_overrides({"ruff": {"S101": "low"}})
    assert one.identity == same.identity != other.identity
    assert one.identity.startswith(f"{SEVERITY_TABLE_VERSION}+")
    assert one.to_dict()["overrides"] == {"ruff": {"S101": "info"}}


@pytest.mark.parametrize(
    "overrides",
    [
        {"ruff": {"S101": "fatal"}},
        {"ruff": {"S101": 3}},
        {"ruff": {"S101": None}},
        {"ruff": "S101"},
        {"ruff": ["S101"]},
        "x",
        None,
    ],
)
def test_an_override_of_another_form_is_refused(overrides):
    with pytest.raises(SeverityOverrideError) as caught:
        SeverityTable.with_overrides(overrides)
    assert isinstance(caught.value, ValueError)


def test_every_severity_has_a_level_and_a_score_in_the_bounds_of_code_scanning():
    assert set(SARIF_LEVELS) == set(SECURITY_SEVERITIES) == set(FindingSeverity)
    # GitHub: over 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low.
    bounds = {"critical": (9.1, 10.0), "high": (7.0, 8.9), "medium": (4.0, 6.9), "low": (0.1, 3.9)}
    for severity, (low, high) in bounds.items():
        assert low <= float(SECURITY_SEVERITIES[FindingSeverity(severity)]) <= high
    assert SECURITY_SEVERITIES[FindingSeverity.INFO] is None
    assert [SARIF_LEVELS[severity] for severity in FindingSeverity] == ["error", "error", "warning", "note", "note"]
