# SPDX-License-Identifier: Apache-2.0
"""Bandit: what it prints, what of it is kept, and that nothing in a tree makes it look clean."""

from __future__ import annotations

import json
import os

import pytest

from ophamin.auditing.base import AuditOptions, PillarState
from ophamin.auditing.pillars.bandit import BanditPillar
from ophamin.auditing.pillars.bandit_output import BanditOutputError, read_output
from ophamin.auditing.pillars.bandit_scan import BanditScan
from ophamin.auditing.pillars.source_files import NOT_CHECKED_RULE
from ophamin.auditing.process import ToolRun
from ophamin.auditing.severities import SEVERITIES, SeverityTable

SHELL = "import subprocess as s\ndef f(c): s.call(c, shell=True)\n"
SECRET = "Tr0ub4dor-and-3"
DIES = (
    'password = "\\ud800"\n'  # bandit 1.9.4 quotes this in a message that it cannot encode, and ends with a traceback
)


@pytest.fixture
def pillar(tmp_path):
    """The pillar with a key of its own, over the real bandit."""
    if not BanditPillar.is_available():
        pytest.skip("needs bandit")
    return BanditPillar(cache_key_file=tmp_path / "state" / "key")


@pytest.fixture
def tree(tmp_path):
    """Make a tree of files."""

    def make(**files: str):
        root = tmp_path / "tree"
        for name, text in files.items():
            file = root / name.replace("__", "/")
            file = file.with_name(file.name + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode("utf-8", "surrogateescape"))
        return root

    return make


def rules(result):
    return [(finding.path, finding.rule_id, finding.line) for finding in result.findings]


# What bandit prints


def test_real_output_is_read_whole_without_excerpts_and_links(sample):
    reports = read_output(sample("bandit.json").encode(), b"")
    assert list(reports) == ["./pkg/app.py"]
    report = reports["./pkg/app.py"]
    assert [(issue.rule, issue.line, issue.column) for issue in report.issues] == [
        ("B404", 2, 1),
        ("B101", 8, 5),
        ("B506", 9, 12),
        ("B324", 13, 12),
        ("B602", 17, 5),
    ]
    assert (report.suppressed, report.problem) == (1, "")
    findings = [issue.finding("app.py", SEVERITIES) for issue in report.issues]
    assert [finding.severity.value for finding in findings] == ["low", "low", "medium", "high", "high"]
    assert findings[4].extra == {
        "name": "subprocess_popen_with_shell_equals_true",
        "severity": "HIGH",
        "confidence": "HIGH",
        "cwe": 78,
    }
    assert "http" not in json.dumps([finding.wire() for finding in findings])


def test_a_file_that_bandit_could_not_parse_has_a_problem(sample):
    reports = read_output(sample("bandit_syntax_error.json").encode(), b"")
    assert reports["./pkg/broken.py"].problem == "syntax error while parsing AST from file"


def test_a_rule_that_failed_inside_is_a_problem_of_its_file():
    output = {"errors": [], "results": [], "metrics": dict.fromkeys(("/a.py", "/b.py", "_totals"), COUNTS)}
    complaint = b"[tester]\tERROR\tBandit internal error running: blacklist on file /b.py at line 3: oops\nTraceback"
    reports = read_output(json.dumps(output).encode(), complaint)
    assert {name: report.problem for name, report in reports.items()} == {
        "/a.py": "",
        "/b.py": "a rule of bandit failed inside",
    }


COUNTS = {"loc": 1, "nosec": 0, "skipped_tests": 0}
ISSUE = {
    "filename": "/a.py",
    "test_id": "B602",
    "test_name": "shell",
    "issue_text": "shell",
    "issue_severity": "HIGH",
    "issue_confidence": "HIGH",
    "line_number": 1,
}


def changed(**fields):
    return {"errors": [], "metrics": {"/a.py": COUNTS}, "results": [{**ISSUE, **fields}]}


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"Traceback",
        b"[" * 100_000,
        json.dumps({"errors": [], "results": []}).encode(),
        json.dumps({"errors": {}, "results": {"a": 1}, "metrics": {}}).encode(),
        json.dumps({"errors": [{"filename": 1, "reason": "x"}], "results": [], "metrics": {}}).encode(),
        json.dumps({"errors": [], "results": [], "metrics": {"/a.py": {"loc": 1}}}).encode(),
        json.dumps({"errors": [], "results": [], "metrics": {"/a.py": {**COUNTS, "nosec": -1}}}).encode(),
        json.dumps(changed(line_number="1")).encode(),
        json.dumps(changed(line_number=True)).encode(),
        json.dumps(changed(issue_severity=None)).encode(),
        json.dumps(changed(issue_cwe=[])).replace("[]}]", '["x"]}]').encode(),
    ],
    ids=range(15),
)
def test_output_of_another_form_is_refused(output):
    with pytest.raises(BanditOutputError, match=r"bandit printed what is not known here .*; use a version from"):
        read_output(output, b"")


def test_a_new_severity_of_a_newer_bandit_is_kept_as_medium():
    report = read_output(json.dumps(changed(issue_severity="SEVERE")).encode(), b"")["/a.py"]
    assert report.issues[0].finding("a.py", SEVERITIES).severity.value == "medium"


# The real bandit


def test_findings_come_with_place_severity_and_full_coverage(pillar, tree):
    result = pillar.run(tree(a=SHELL, b="x = 1\n"))
    assert (result.state, result.coverage.listed, result.coverage.seen) == (PillarState.FINDINGS, 2, 2)
    assert rules(result) == [("a.py", "B404", 1), ("a.py", "B602", 2)]
    assert [finding.severity.value for finding in result.findings] == ["low", "high"]
    assert result.tool_version.startswith("bandit ")
    assert "\n" not in result.tool_version


def test_a_clean_tree_is_ok(pillar, tree):
    assert pillar.run(tree(a="x = 1\n")).state is PillarState.OK


def test_a_single_file_can_be_audited(pillar, tree):
    result = pillar.run(tree(a=SHELL, b=SHELL) / "a.py")
    assert {finding.path for finding in result.findings} == {"a.py"}
    assert result.may_pass


def test_a_file_that_cannot_be_parsed_makes_the_run_partial_and_is_named(pillar, tree):
    result = pillar.run(tree(a=SHELL, broken="def broken(:\n"))
    assert result.state is PillarState.PARTIAL
    assert result.coverage.missed == ["broken.py"]
    assert "broken.py: syntax error" in result.error_message
    assert ("a.py", "B602", 2) in rules(result)


def test_a_file_of_which_bandit_dies_costs_that_file_alone(pillar, tree):
    files = {f"m{index}": SHELL for index in range(5)}
    result = pillar.run(tree(**files, bad=DIES))
    assert result.state is PillarState.PARTIAL
    assert result.coverage.missed == ["bad.py"]
    assert [finding.path for finding in result.findings if finding.rule_id == NOT_CHECKED_RULE] == ["bad.py"]
    assert len([finding for finding in result.findings if finding.rule_id == "B602"]) == 5


def test_where_bandit_dies_of_every_file_it_has_crashed(pillar, tree):
    result = pillar.run(tree(bad=DIES))
    assert result.state is PillarState.CRASHED
    assert "ended with status 1" in result.error_message


def test_a_settings_file_in_the_tree_has_no_effect(pillar, tree):
    root = tree(a=SHELL)
    without = rules(pillar.run(root))
    (root / ".bandit").write_text("[bandit]\nskips = B602,B404,B603,B607\nexclude = /\n")
    (root / "pyproject.toml").write_text('[tool.bandit]\nskips = ["B602"]\n')
    assert rules(pillar.run(root)) == without
    assert rules(pillar.run(root / "a.py")) == without


def test_trusted_configuration_counts_and_is_in_the_digest(pillar, tree, tmp_path):
    root, trusted = tree(a=SHELL), tmp_path / "trusted"
    trusted.mkdir()
    plain = pillar.run(root, options=AuditOptions(config_dir=trusted))
    (trusted / "pyproject.toml").write_text('[tool.bandit]\nskips = ["B602"]\n')
    lax = pillar.run(root, options=AuditOptions(config_dir=trusted))
    assert ("a.py", "B602", 2) in rules(plain)
    assert ("a.py", "B602", 2) not in rules(lax)
    assert plain.extra["config_digest"] != lax.extra["config_digest"]


def test_what_a_trusted_configuration_excludes_is_left_out_and_told(pillar, tree, tmp_path):
    (tmp_path / "bandit.yaml").write_text("exclude_dirs: ['*/old/*']\n")
    result = pillar.run(tree(a="x = 1\n", old__b=SHELL), options=AuditOptions(config_dir=tmp_path))
    assert (result.state, result.coverage.listed) == (PillarState.OK, 1)
    assert result.extra["listing"]["left_out_names"] == {"old/b.py": "excluded by the configuration"}


def test_a_broken_trusted_configuration_is_an_error(pillar, tree, tmp_path):
    (tmp_path / "bandit.yaml").write_text("- not\n- a table\n")
    result = pillar.run(tree(a="x = 1\n"), options=AuditOptions(config_dir=tmp_path))
    assert result.state is PillarState.CRASHED
    (tmp_path / "bandit.yaml").unlink()
    (tmp_path / "pyproject.toml").write_text("[")
    assert pillar.run(tree(a="x = 1\n"), options=AuditOptions(config_dir=tmp_path)).state is PillarState.CRASHED


def test_files_in_folders_that_bandit_leaves_out_by_itself_are_looked_at(pillar, tree):
    result = pillar.run(tree(**{".github__a": SHELL, "x.egg-info__b": SHELL}))
    assert {finding.path for finding in result.findings} == {".github/a.py", "x.egg-info/b.py"}
    assert result.may_pass


def test_no_password_gets_into_a_result(pillar, tree, tmp_path):
    source = f'token = "{SECRET}"\ndef f(password="{SECRET}"): ...\nf(password="{SECRET}")\nx = {{"pwd": "{SECRET}"}}\n'
    result = pillar.run(tree(a=source), options=AuditOptions(cache_dir=tmp_path / "cache"))
    assert {finding.rule_id for finding in result.findings} == {"B105", "B106", "B107"}
    assert SECRET not in json.dumps(result.wire())
    assert {finding.message for finding in result.findings} == {"Possible hardcoded password"}
    packs = list((tmp_path / "cache").rglob("*.pack"))
    assert packs
    assert all(SECRET.encode() not in pack.read_bytes() for pack in packs)


def test_suppressed_findings_are_counted_by_file(pillar, tree):
    hidden = SHELL.replace("\n", "  # nosec\n")
    one = SHELL.replace("shell=True)", "shell=True)  # nosec B602")
    result = pillar.run(tree(a=hidden, b=one, c=SHELL))
    assert result.extra["suppressed"] == {"a.py": 2, "b.py": 1}


def test_modules_in_the_tree_are_not_imported(pillar, tree, tmp_path, monkeypatch):
    leave_a_trace = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    root = tree(json=leave_a_trace, bandit=leave_a_trace)
    monkeypatch.chdir(root)
    assert pillar.run(".").may_pass
    assert not (tmp_path / "ran").exists()


def test_odd_names_and_bytes_are_looked_at(pillar, tree):
    root = tree(**{"-x": SHELL, "a b": SHELL, "é": SHELL, "-": SHELL})
    (root / "latin.py").write_bytes("# coding: latin-1\nx = 'é'\n".encode("latin-1"))
    (root / "raw.py").write_bytes(b"x = '\xe9'\n")
    result = pillar.run(root)
    assert {"-x.py", "a b.py", "é.py", "-.py"} <= {finding.path for finding in result.findings}
    assert result.coverage.missed == ["raw.py"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_does_not_hang_it(pillar, tree):
    root = tree(a="x = 1\n")
    os.mkfifo(root / "pipe.py")
    assert pillar.run(root, options=AuditOptions(timeout_s=60)).coverage.seen == 1


def test_a_sum_of_20000_terms_makes_the_run_partial(pillar, tree):
    result = pillar.run(tree(a=SHELL, deep="x = " + "+".join(["1"] * 20_000) + "\n"))
    assert (result.state, result.coverage.missed) == (PillarState.PARTIAL, ["deep.py"])
    assert ("a.py", "B602", 2) in rules(result)


def test_an_empty_folder_is_not_clean(pillar, tmp_path):
    (tmp_path / "empty").mkdir()
    result = pillar.run(tmp_path / "empty")
    assert result.state is PillarState.PARTIAL
    assert "nothing to look at" in result.error_message


def test_a_path_that_is_not_there_is_an_error(pillar, tmp_path):
    result = pillar.run(tmp_path / "missing")
    assert (result.status, result.may_pass) == ("error", False)
    assert "give a file or a folder that is there" in result.error_message


def test_only_the_chosen_files_are_looked_at(pillar, tree):
    result = pillar.run(tree(a=SHELL, b=SHELL), options=AuditOptions(files=("b.py",)))
    assert {finding.path for finding in result.findings} == {"b.py"}
    assert result.coverage.listed == 1


def test_severities_can_be_overridden(pillar, tree):
    table = SeverityTable.with_overrides({"bandit": {"B602": "info"}})
    result = pillar.run(tree(a=SHELL), options=AuditOptions(severities=table))
    assert {finding.severity.value for finding in result.findings if finding.rule_id == "B602"} == {"info"}
    assert result.extra["severity_table"] == table.identity


def test_it_is_stopped_after_its_time_and_after_too_much_output(pillar, tree):
    root = tree(a=SHELL)
    assert pillar.run(root, options=AuditOptions(timeout_s=0.01)).state is PillarState.TIMEOUT
    assert pillar.run(root, options=AuditOptions(max_output_bytes=100)).state is PillarState.INVALID_OUTPUT


# Tools that are not bandit


def test_without_bandit_it_is_unavailable(monkeypatch, tmp_path):
    monkeypatch.setattr(BanditPillar, "resolved_binary", classmethod(lambda cls: None))
    result = BanditPillar().run(tmp_path)
    assert (result.state, result.status) == (PillarState.UNAVAILABLE, "unavailable")
    assert "pytest-ophamin[audit]" in result.error_message


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("echo '{\"new\": 1}'", PillarState.INVALID_OUTPUT),
        ("echo bandit 9; exit 1", PillarState.INVALID_OUTPUT),
        ('echo \'{"errors": [], "results": [], "metrics": {}}\'', PillarState.PARTIAL),
        ("exit 0", PillarState.INVALID_OUTPUT),
        ("echo no such option >&2; exit 2", PillarState.CRASHED),
        ("kill -SEGV $$", PillarState.CRASHED),
        ("yes", PillarState.INVALID_OUTPUT),
    ],
    ids=["other form", "text", "sees nothing", "silent", "usage", "signal", "flood"],
)
@pytest.mark.skipif(os.name != "posix", reason="the tools of this test are shell scripts")
def test_a_tool_that_is_not_understood_is_never_clean(monkeypatch, tmp_path, tree, script, state):
    fake = tmp_path / "bandit"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(BanditPillar, "resolved_binary", classmethod(lambda cls: fake))
    result = BanditPillar().run(tree(a="x = 1\n"), options=AuditOptions(max_output_bytes=10_000))
    assert result.state is state
    assert not result.may_pass


def test_a_long_list_of_files_is_given_in_parts(tmp_path):
    asked = []

    class Session:
        cwd = tmp_path

        def run(self, *arguments):
            names = arguments[arguments.index("--") + 1 :]
            asked.append(len(names))
            told = {"errors": [], "results": [], "metrics": dict.fromkeys(names, COUNTS)}
            return ToolRun(exit_code=0, stdout=json.dumps(told).encode())

    scan = BanditScan(tmp_path, Session())
    files = [f"{'x' * 200}{index}.py" for index in range(3000)]
    scan.look_at(files)
    assert scan.reports.keys() == set(files)
    assert sum(asked) == 3000
    assert len(asked) > 2
