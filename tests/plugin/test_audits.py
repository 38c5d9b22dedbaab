# SPDX-License-Identifier: Apache-2.0
"""Audits in a session: the fixture, one item for each tool, and the record beside the proofs."""

import hashlib
import json

import pytest
from _pytest.config import ExitCode

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.baseline_text import BASELINE_NAME, save
from ophamin.auditing.baseline_update import make_baseline
from ophamin.core.dsse import parse_envelope, verify
from ophamin.core.keyfiles import save_private_key
from ophamin.core.keys import generate_key
from ophamin.plugin.docket import ONLY_INCONCLUSIVE
from ophamin.trust.chain import read_head
from ophamin.trust.statements import AUDIT, read_statement

FAKE = """
from ophamin.auditing.base import AuditPillar, Coverage, Finding


class Fake(AuditPillar):
    tool_binary = "none"

    def run(self, target_path, *, options=None):
        with open("runs.txt", "a") as log:
            log.write(f"{self.name}\\n")
        return self.answer(target_path)


class ruff(Fake):
    name = "ruff"

    def answer(self, target):
        found = [Finding(self.name, "X1", severity, f"a {severity} thing", "a.py", 1, 1) for severity in FOUND]
        return self.finished_result(target, found, Coverage(listed=1, seen=SEEN), version="fake 1")


class bandit(ruff):
    name = "bandit"


class mypy(ruff):
    name = "mypy"


class pip_audit(Fake):
    name = "pip-audit"

    def answer(self, target):
        return self.unavailable_result(target, "its service does not answer")


def pytest_ophamin_register(registry):
    for kind in (ruff, bandit, mypy, pip_audit):
        registry.register_auditor(kind)
"""
SCENARIO = '''
@scenario("few are grave", observed("high", deterministic=True) <= 0)
def test_few(audit, trial):
    """Is it clean?"""
    trial.observe(high=audit("src", tools={tools}).observe("high"))
'''


@pytest.fixture
def audited(project):
    """A project with a file to audit, and tools that answer as told."""

    def set_up(*found, seen=1):
        project.write("x = 1\n", "src/a.py")
        project.write(f"FOUND, SEEN = {list(found)}, {seen}\n{FAKE}", "conftest.py")
        return project

    return set_up


def audits(project):
    return [AuditRecord.from_json(path) for path in sorted((project.path / "proofs/latest/audit").glob("*/audit.json"))]


def test_each_tool_is_an_item_and_all_leave_one_record(audited):
    project = audited("low")
    result = project.run("--ophamin-audit=src", "-rs")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "collected 4 items",
            "SKIPPED [[]1] src:1: INCONCLUSIVE: unavailable: its service does not answer",
        ]
    )
    (record,) = audits(project)
    assert [one.pillar_name for one in record.pillars] == ["ruff", "bandit", "mypy", "pip-audit"]
    assert record.validate() == []
    assert record.observe("total_findings") == 3
    assert (project.path / "proofs/latest/audit" / record.audit_id[:12] / "AUDIT.md").exists()


def test_what_a_tool_says_is_told_in_one_line_each(audited):
    audited("high").run("--ophamin-audit=src").stdout.fnmatch_lines(
        [
            "*- audit of src -*",
            "FAILED        ruff: 1 finding of severity high or worse",
            "INCONCLUSIVE  pip-audit: unavailable: its service does not answer",
        ]
    )


def test_a_grave_finding_fails_its_tool_and_is_shown(audited):
    result = audited("high", "low").run("--ophamin-audit=src")
    result.assert_outcomes(failed=3, skipped=1)
    assert result.ret == ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["1 finding of severity high or worse", "  high     a.py:1: X1 a high thing"])


def test_a_tool_that_did_not_see_everything_does_not_pass(audited):
    result = audited(seen=0).run("--ophamin-audit=src", "-rs")
    result.assert_outcomes(skipped=4)
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: partial: *"])


def test_where_the_undecided_blocks_a_missing_tool_blocks(audited):
    result = audited().run("--ophamin-audit=src", "--ophamin-inconclusive=fail")
    result.assert_outcomes(passed=3, failed=1)


def test_items_are_selected_as_any_other(audited):
    project = audited()
    project.run("--ophamin-audit=src", "-k", "bandit").assert_outcomes(passed=1, deselected=3)
    (record,) = audits(project)
    assert [one.pillar_name for one in record.pillars] == ["bandit"]
    assert (project.path / "runs.txt").read_text().split() == ["bandit"]


def test_with_two_workers_there_is_one_record_of_all_tools(audited):
    project = audited("low")
    project.run("--ophamin-audit=src", "-n", "2", "-pno:anyio", "-pno:asyncio").assert_outcomes(passed=3, skipped=1)
    (record,) = audits(project)
    assert len(record.pillars) == 4
    assert sorted((project.path / "runs.txt").read_text().split()) == ["bandit", "mypy", "pip-audit", "ruff"]


def test_a_path_with_nothing_is_said_before_anything_runs(audited):
    result = audited().run("--ophamin-audit=nowhere")
    assert result.ret == ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--ophamin-audit: nothing is at *nowhere; give a file or a folder*"])


def test_without_the_flag_it_says_what_is_missing(audited):
    result = audited().run("--ophamin-audit=src", flag=None)
    assert result.ret == ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*give --ophamin with it*"])


def test_a_claim_over_an_audit_is_decided_like_any_other(audited):
    project = audited("high")
    project.write(SCENARIO.format(tools=("ruff", "bandit")))
    project.run()
    record = project.record()
    assert record.verdict.outcome == "REFUTED"
    assert record.verdict.observed_value == 2.0


def test_an_audit_is_made_once_for_a_path_and_its_tools(audited):
    project = audited()
    project.write(SCENARIO.format(tools=("ruff",)) + SCENARIO.format(tools=("ruff",)).replace("test_few", "test_again"))
    project.run()
    assert (project.path / "runs.txt").read_text().split() == ["ruff"]
    assert len(audits(project)) == 1


def test_a_claim_over_an_audit_that_is_not_whole_is_inconclusive(audited):
    project = audited()
    project.write(SCENARIO.format(tools=("ruff", "pip-audit")))
    project.run()
    record = project.record()
    assert record.verdict.outcome == "INCONCLUSIVE"
    assert "the audit of src is not whole: pip-audit: unavailable" in record.verdict.reasoning


def test_the_doubt_about_one_audit_is_no_doubt_about_the_next_claim(audited):
    project = audited()
    first = SCENARIO.format(tools=("pip-audit",)).replace('observe("high")', "summary.total_findings")
    project.write(first + SCENARIO.format(tools=("ruff",)).replace("test_few", "test_other"))
    project.run()
    assert project.verdicts() == {"few": "INCONCLUSIVE", "other": "VALIDATED"}


def test_an_unknown_tool_is_named_with_the_nearest(audited):
    project = audited()
    project.write(SCENARIO.format(tools=("rufff",)))
    project.run().stdout.fnmatch_lines(["*no auditor is named 'rufff'; did you mean 'ruff'*"])


def test_an_audit_is_signed_and_bound_by_the_head(audited, tmp_path_factory):
    project, signer = audited("low"), generate_key()
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    save_private_key(signer, path)
    project.run("--ophamin-audit=src", f"--ophamin-key-file={path}")
    (file,) = (project.path / "proofs/latest/audit").glob("*/audit.json")
    envelope = parse_envelope((file.parent / "audit.dsse.json").read_bytes())
    assert verify(envelope, [signer.public]) == {signer.public.key_id}
    statement = read_statement(envelope.payload, predicate_types=[AUDIT])
    assert statement.predicate["record"] == json.loads(file.read_bytes())
    head = read_head((project.path / "proofs/latest/head.json").read_bytes())
    assert head.count == 1
    assert head.binds([statement.digest_of("audit.json")])


def test_the_next_session_removes_the_audit_of_the_last(audited):
    project = audited()
    project.run("--ophamin-audit=src")
    project.run()
    assert audits(project) == []


def test_the_real_tools_look_at_real_files(project):
    project.write("import subprocess\n\n\ndef run(x):\n    subprocess.call(x, shell=True)\n", "src/bad.py")
    result = project.run("--ophamin-audit=src", "-k", "ruff or bandit")
    result.assert_outcomes(failed=2, deselected=2)
    (record,) = audits(project)
    assert {one.rule_id for result in record.pillars for one in result.findings} >= {"S602", "B602"}


def test_what_the_baseline_holds_does_not_fail_again(audited):
    project = audited("high")
    project.run("--ophamin-audit=src").assert_outcomes(failed=3, skipped=1)
    (record,) = audits(project)
    save(
        project.path / BASELINE_NAME,
        make_baseline([one for one in record.pillars if one.may_pass], root=project.path / "src"),
    )
    result = project.run("--ophamin-audit=src")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["PASSED        ruff: nothing new, 1 known"])


def test_the_project_names_the_tools_that_it_wants(audited):
    project = audited()
    project.write("[pytest]\nophamin_audit = src\nophamin_audit_tools = ruff mypy\n", "pytest.ini")
    project.run().assert_outcomes(passed=2)


def test_an_undecided_tool_that_blocks_has_its_own_exit_code(audited):
    result = audited().run("--ophamin-audit=src", "--ophamin-inconclusive=fail")
    assert result.ret == ONLY_INCONCLUSIVE


def test_where_nothing_gates_findings_are_told_and_block_nothing(audited):
    result = audited("high").run("--ophamin-audit=src", "--ophamin-gate=none")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["FAILED        ruff: 1 finding of severity high or worse"])


def test_a_session_that_stops_early_records_every_tool_that_ran(audited):
    project = audited("high")
    project.run("--ophamin-audit=src", "-x").assert_outcomes(failed=1)
    (record,) = audits(project)
    assert len(record.pillars) == 4


def test_the_head_binds_what_a_worker_audited_before_it_died(audited):
    project = audited()
    project.write(SCENARIO.format(tools=("ruff",)) + "\n\ndef test_dies():\n    import os\n\n    os._exit(3)\n")
    project.run("-n", "1", "-pno:anyio", "-pno:asyncio")
    head = read_head((project.path / "proofs/latest/head.json").read_bytes())
    files = [*project.proofs(), *(project.path / "proofs/latest/audit").glob("*/audit.json")]
    assert head.binds(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
