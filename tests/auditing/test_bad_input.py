# SPDX-License-Identifier: Apache-2.0
"""A whole audit over everything bad at once: each fault costs what it must, and nothing of it looks clean.

What each tool does with one bad input is tried beside that tool; here all of them meet in one record.
"""

import os
from datetime import date

import pytest

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.base import AuditOptions, AuditPillar, Coverage, Finding
from ophamin.auditing.baseline_text import baseline_bytes, parse_baseline
from ophamin.auditing.baseline_update import make_baseline
from ophamin.auditing.codec import dump, ingest
from ophamin.auditing.outcomes import AuditOutcome, judge, worst_outcome
from ophamin.auditing.pillars.bandit import BanditPillar
from ophamin.auditing.pillars.mypy import MypyPillar
from ophamin.auditing.pillars.pip_audit import PipAuditPillar
from ophamin.auditing.pillars.ruff import RuffPillar
from ophamin.auditing.ratchet import compare_to_baseline
from ophamin.auditing.runner import AuditRunner
from ophamin.auditing.sarif import to_sarif

TOOLS = (RuffPillar, BanditPillar, MypyPillar)
BOMB = "x = " + " + ".join(["1"] * 20_000) + "\n"  # ends ruff by a stack overflow, and mypy by a segmentation fault

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="the tools are run on POSIX"),
    pytest.mark.skipif(not all(tool.is_available() for tool in TOOLS), reason="needs ruff, bandit and mypy"),
]


def states(record):
    return {result.pillar_name: result.state.value for result in record.pillars}


@pytest.fixture
def evil(tmp_path):
    """Python that leaves a mark when it is run, and whether it was."""
    mark = tmp_path / "mark"
    return f"open({str(mark)!r}, 'w').close()\nraise SystemExit(0)\n", mark.exists


@pytest.mark.slow
def test_a_tree_of_everything_bad_is_audited_around_it_and_passes_nowhere(tmp_path, evil):
    source, was_run = evil
    root = tmp_path / "tree"
    root.mkdir()
    files = {
        "good.py": b"import subprocess\n\n\ndef run(x: str) -> int:\n    return subprocess.call(x, shell=True)\n",
        "broken.py": b"def f(:\n",
        "latin.py": b"x = '\xe9'\n",
        "bomb.py": BOMB.encode(),
        "json.py": source.encode(),
        "evil.py": source.encode(),
        "mypy.ini": b"[mypy]\nplugins = ./evil.py\nignore_errors = True\n",
        "ruff.toml": b"exclude = ['*']\n",
        ".bandit": b"[bandit]\nexclude = good.py\n",
    }
    for name, content in files.items():
        (root / name).write_bytes(content)
    os.mkfifo(root / "x.py")
    (root / "out.py").symlink_to("/etc/hostname")
    record = AuditRunner(TOOLS, options=AuditOptions(timeout_s=120)).run(root)
    assert not was_run()
    assert record.validate() == []
    assert not any(result.may_pass for result in record.pillars)
    found = {(result.pillar_name, one.path, one.rule_id) for result in record.pillars for one in result.findings}
    assert {("ruff", "good.py", "S602"), ("bandit", "good.py", "B602")} <= found
    assert worst_outcome(judge(record.pillars)) is AuditOutcome.FAILED
    for result in record.pillars[:2]:
        assert {"bomb.py", "latin.py"} & set(result.coverage.missed)
        assert not {"x.py", "out.py"} & {one.path for one in result.findings}


def test_an_empty_folder_passes_with_no_tool(tmp_path):
    (tmp_path / "empty").mkdir()
    record = AuditRunner([*TOOLS, PipAuditPillar]).run(tmp_path / "empty")
    assert worst_outcome(judge(record.pillars)) is AuditOutcome.UNDECIDED
    assert all(one.outcome is AuditOutcome.UNDECIDED for one in judge(record.pillars))


def test_tools_that_are_not_installed_are_undecided_and_hide_no_other(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text("import subprocess\n\nsubprocess.call('ls', shell=True)\n")
    for tool in (BanditPillar, MypyPillar, PipAuditPillar):
        monkeypatch.setattr(tool, "resolved_binary", classmethod(lambda cls: None))
    record = AuditRunner([*TOOLS, PipAuditPillar]).run(tmp_path)
    assert states(record) == {
        "ruff": "findings",
        "bandit": "unavailable",
        "mypy": "unavailable",
        "pip-audit": "unavailable",
    }
    assert [one.outcome.value for one in judge(record.pillars)] == ["failed", "undecided", "undecided", "undecided"]
    assert record.observe("ruff") > 0


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_missed_by_every_tool(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("x = 1\n")
    (tmp_path / "b.py").chmod(0)
    record = AuditRunner(TOOLS).run(tmp_path)
    assert [result.coverage.missed for result in record.pillars] == [["b.py"]] * 3


def test_a_file_that_cannot_be_read_is_missed_by_every_tool_for_whoever_runs_it(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    unreadable = AuditOptions(files=("a.py", "b.py"))  # named, and not there: as little to be read as under lock
    record = AuditRunner(TOOLS, options=unreadable).run(tmp_path)
    assert [result.coverage.missed for result in record.pillars] == [["b.py"]] * 3
    assert worst_outcome(judge(record.pillars)) is AuditOutcome.UNDECIDED


# -- 10,000 findings --------------------------------------------------------------------------------------------------

MANY = 10_000


class Many(AuditPillar):
    """Finds one thing on each line."""

    name = "many"
    tool_binary = "many"

    def run(self, target_path, *, options=None):
        found = [
            Finding("many", f"X{number % 40}", "low", f"the line {number}", f"{number % 50}.py", number // 50 + 1, 1)
            for number in range(MANY)
        ]
        return self.finished_result(target_path, found, Coverage(50, 50), version="1")


@pytest.fixture
def many(tmp_path):
    """The record of 10,000 findings, and the audited folder."""
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(50):
        (root / f"{number}.py").write_text("".join(f"x = {line}\n" for line in range(MANY // 50)))
    return AuditRunner([Many]).run(root), root


def test_ten_thousand_findings_are_one_record_that_reads_back(many, tmp_path):
    record, _ = many
    assert record.observe("total_findings") == MANY
    assert ingest(dump(record, tmp_path / "audit.json")).to_dict() == record.to_dict()
    assert isinstance(AuditRecord.from_dict(record.to_dict()).to_markdown(), str)


def test_ten_thousand_findings_are_one_sarif_run(many):
    record, root = many
    (run,) = to_sarif(record, root=root)["runs"]
    assert len(run["results"]) == MANY
    assert run["properties"]["ophamin/cut"] == 0


def test_of_ten_thousand_known_findings_none_is_new_and_one_more_is(many):
    record, root = many
    baseline = parse_baseline(baseline_bytes(make_baseline(record, root=root)))
    assert baseline.counts()["many"] == MANY
    assert compare_to_baseline(record, baseline, today=date(2026, 3, 1), root=root).passed
    more = Finding("many", "X1", "low", "the line 0", "0.py", 1, 1)
    result = record.pillars[0]
    again = type(result)(
        "many", "many", "1", "ok", "tree", (*result.findings, more), extra=dict(result.extra), wall_time_s=0.0
    )
    report = compare_to_baseline([again], baseline, today=date(2026, 3, 1), root=root)
    assert [finding.rule_id for finding in report.new_findings()] == ["X1"]
