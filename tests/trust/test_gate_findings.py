# SPDX-License-Identifier: Apache-2.0
"""What an audit found, at the gate: nothing grave, or nothing that the baseline at the base does not hold."""

from pathlib import Path

import pytest

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.base import AuditPillar, Coverage, Finding
from ophamin.auditing.baseline_text import baseline_bytes
from ophamin.auditing.baseline_update import make_baseline
from ophamin.auditing.listing import list_files
from ophamin.auditing.runner import tree_digest
from ophamin.cli.gate_findings import check_findings
from ophamin.trust.gate_checks import CHECKS


class Lint(AuditPillar):
    name = "lint"
    tool_binary = "lint"

    def run(self, target_path, *, options=None):
        raise NotImplementedError


def record(*severities, seen=1, target="."):
    found = [
        Finding("lint", "X1", severity, f"a {severity} thing", "ophamin-trust.toml", 1, 1) for severity in severities
    ]
    result = Lint().finished_result(".", found, Coverage(listed=1, seen=seen), version="lint 1")
    return AuditRecord.from_results(target, "0a" * 32, [result], "ophamin audit .")


@pytest.fixture
def gated(project, bench, monkeypatch):
    """The decision of the gate with an audit in the run."""
    monkeypatch.chdir(project.path)

    def decide(audit, **more):
        project.run(bench.ONE, bench.TWO)
        audit.target_content_hash = tree_digest(list_files(project.path))
        place = project.proofs / "audit" / audit.audit_id[:12]
        place.mkdir(parents=True)
        audit.to_json(place / "audit.json")
        return project.gate(checks=(*(one for one in CHECKS if one.__name__ != "_audits"), check_findings), **more)

    return decide


def states(decision):
    return [
        row["state"] for check in decision.to_dict()["checks"] if check["name"] == "findings" for row in check["rows"]
    ]


@pytest.mark.parametrize(
    ("audit", "state"),
    [
        (record(), "PASSED"),
        (record("low"), "PASSED"),
        (record("high"), "FAILED"),
        (record("critical", seen=0), "FAILED"),
        (record(seen=0), "UNDECIDED"),
    ],
    ids=["nothing", "mild", "grave", "grave-in-part", "in-part"],
)
def test_without_a_baseline_the_severity_decides(gated, audit, state):
    decision = gated(audit)
    assert states(decision) == [state]
    assert ("OPHAMIN_AUDIT_NO_NEW_HIGH" in decision.properties) is (state == "PASSED")


def test_with_a_baseline_only_what_is_new_fails(gated, project):
    known = record("high")
    project("switch", "-q", "main")
    project.put("ophamin-audit.baseline", baseline_bytes(make_baseline(known, root=project.path)).decode())
    project.commit()
    project("switch", "-q", "change")
    project("merge", "-q", "main")
    assert "FAILED" not in states(gated(known, baseline="ophamin-audit.baseline"))


def test_a_record_that_leads_out_of_the_tree_is_not_followed(gated, project):
    project("switch", "-q", "main")
    project.put("ophamin-audit.baseline", baseline_bytes(make_baseline(record(), root=project.path)).decode())
    project.commit()
    project("switch", "-q", "change")
    project("merge", "-q", "main")
    decision = gated(record(target="../../.."), baseline="ophamin-audit.baseline")
    assert states(decision) == ["UNREADABLE"]


def test_what_is_no_audit_is_undecided(gated, project):
    audit = record()
    gated(audit)
    Path(project.proofs / "audit" / audit.audit_id[:12] / "audit.json").write_text("{}", encoding="ascii")
    decision = project.gate(checks=(check_findings,))
    assert (states(decision), decision.exit_code) == (["UNREADABLE"], 3)


def test_an_audit_of_another_content_says_nothing_of_this_commit(gated, project):
    gated(record())
    project.put("shop.py", "import os\n")
    assert states(project.gate(checks=(check_findings,))) == ["UNREADABLE"]


def test_where_a_baseline_is_given_an_audit_is_expected(project, bench):
    project("switch", "-q", "main")
    project.put("ophamin-audit.baseline", baseline_bytes(make_baseline(record(), root=project.path)).decode())
    project.commit()
    project("switch", "-q", "change")
    project("merge", "-q", "main")
    decision = project.gate(checks=(check_findings,), baseline="ophamin-audit.baseline")
    assert (states(decision), decision.exit_code) == (["MISSING"], 3)
