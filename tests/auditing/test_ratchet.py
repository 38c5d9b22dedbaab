# SPDX-License-Identifier: Apache-2.0
"""The ratchet: only what is new fails, and what cannot be compared neither fails nor passes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.baseline import Baseline
from ophamin.auditing.baseline_update import accept, lowered, make_baseline, rises
from ophamin.auditing.findings import Finding
from ophamin.auditing.ratchet import RatchetError, compare_to_baseline
from ophamin.auditing.ratchet_report import RatchetOutcome, ToolState
from ophamin.auditing.results import PillarResult
from ophamin.auditing.states import Coverage, PillarState
from ophamin.auditing.suppressions import SUPPRESSIONS

TODAY = date(2026, 11, 23)
SOURCE = ["import os", "", "def run(command):", "    return os.system(command)", "", "print(run)"]
EXTRA = {"severity_table": "1", "rule_set_digest": "aa", "config_digest": "bb"}


def finding(line=4, path="run.py", rule="S605", tool="ruff", message="Starting a process with a shell"):
    return Finding(tool, rule, "high", message, path, line, 12)


def result(*findings, tool="ruff", version="ruff 0.17.6", state=None, **extra):
    state = state or (PillarState.FINDINGS if findings else PillarState.OK)
    kept = {"state": state.value, "coverage": Coverage(3, 3).to_dict(), **EXTRA, **extra}
    return PillarResult(tool, tool, version, state.status, ".", tuple(findings), extra=kept)


@pytest.fixture
def tree(tmp_path):
    """A tree with one file, and the means to write others."""

    class Tree:
        root = tmp_path

        def write(self, path, lines):
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(lines) + "\n")

        def baseline(self, *results):
            return make_baseline(results, root=tmp_path)

        def compare(self, baseline, *results, today=TODAY):
            return compare_to_baseline(results, baseline, today=today, root=tmp_path)

    made = Tree()
    made.write("run.py", SOURCE)
    return made


def outcome(report):
    return report.outcome


# New, known, fixed


def test_what_is_known_passes_and_what_is_new_fails(tree):
    baseline = tree.baseline(result(finding()))
    assert tree.compare(baseline, result(finding())).passed
    report = tree.compare(baseline, result(finding(), finding(1, rule="F401")))
    assert outcome(report) is RatchetOutcome.NEW
    assert [one.rule_id for one in report.new_findings()] == ["F401"]
    assert report.tool("ruff").known == 1


def test_a_second_equal_finding_is_new(tree):
    tree.write("run.py", [*SOURCE, *SOURCE])
    baseline = tree.baseline(result(finding()))
    report = tree.compare(baseline, result(finding(), finding(10)))
    assert report.tool("ruff").new_count == 1


def test_moved_lines_and_a_renamed_file_are_known(tree):
    baseline = tree.baseline(result(finding()))
    tree.write("run.py", ["# a header", "", *SOURCE])
    assert tree.compare(baseline, result(finding(6))).passed
    (tree.root / "run.py").unlink()
    tree.write("pkg/start.py", SOURCE)
    report = tree.compare(baseline, result(finding(path="pkg/start.py")))
    assert report.passed
    assert report.tool("ruff").fixed == ()


def test_a_fault_copied_into_another_file_is_new(tree):
    baseline = tree.baseline(result(finding()))
    tree.write("copy.py", SOURCE)
    report = tree.compare(baseline, result(finding(path="copy.py")))
    assert [one.path for one in report.new_findings()] == ["copy.py"]
    assert [one.path for one in report.tool("ruff").fixed] == ["run.py"]


def test_what_is_gone_is_fixed_and_passes(tree):
    baseline = tree.baseline(result(finding(), finding(1, rule="F401")))
    report = tree.compare(baseline, result(finding()))
    assert report.passed
    assert [one.rule for one in report.tool("ruff").fixed] == ["F401"]


def test_a_pin_that_was_raised_and_not_by_enough_has_no_new_advisory(tree):
    def advisory(version):
        tree.write("requirements.txt", ["attrs==26.1.0", f"jinja2=={version}"])
        one = finding(2, "requirements.txt", "PYSEC-2024-1", "pip-audit", f"jinja2 {version} has a known vulnerability")
        return result(one, tool="pip-audit", version="pip-audit 2.10.1")

    baseline = tree.baseline(advisory("3.1.2"))
    assert tree.compare(baseline, advisory("3.1.3")).passed
    two = advisory("3.1.3")
    assert not tree.compare(baseline, replace(two, findings=(*two.findings, *two.findings))).passed


def test_an_audit_record_is_compared_like_its_results(tree, audit):
    made = result(finding())
    baseline = make_baseline(audit(made), root=tree.root)
    assert baseline == tree.baseline(made)
    record = AuditRecord.from_dict(audit(made, result(tool="mypy", version="mypy 2.4.1")).to_dict())
    report = compare_to_baseline(record, baseline, today=TODAY, root=tree.root)
    assert outcome(report) is RatchetOutcome.REBASELINE


def test_two_results_of_one_pillar_are_refused(tree):
    for second in (result(), result(tool=SUPPRESSIONS)):
        with pytest.raises(RatchetError, match="two results"):
            tree.compare(tree.baseline(result()), result(), second)


# Accepted


def test_an_accepted_finding_is_told_and_an_expired_one_is_new(tree):
    baseline = tree.baseline(result(finding()))
    last = date(2026, 12, 31)
    accepted = accept(baseline, baseline.known[0], owner="ann", reason="the command is a constant", expires=last)
    report = tree.compare(accepted, result(finding()), today=last)
    assert report.passed
    (told,) = report.tool("ruff").accepted
    assert (told.acceptance.owner, told.finding) == ("ann", finding())
    report = tree.compare(accepted, result(finding()), today=last + timedelta(days=1))
    assert outcome(report) is RatchetOutcome.NEW
    assert report.tool("ruff").new == ()
    assert report.tool("ruff").expired[0].acceptance.reason == "the command is a constant"
    assert report.new_findings() == [finding()]


def test_an_acceptance_covers_as_many_as_it_says(tree):
    tree.write("run.py", [*SOURCE, *SOURCE])
    baseline = tree.baseline(result(finding()))
    accepted = accept(baseline, baseline.known[0], owner="ann", reason="because", expires=TODAY)
    assert accepted.known == ()
    report = tree.compare(accepted, result(finding(), finding(10)))
    assert (len(report.tool("ruff").accepted), len(report.tool("ruff").new)) == (1, 1)
    twice = accept(accepted, baseline.known[0], owner="ann", reason="because", expires=TODAY, count=2)
    assert len(twice.accepted) == 1
    assert tree.compare(twice, result(finding(), finding(10))).passed


def test_an_acceptance_follows_its_finding(tree):
    baseline = tree.baseline(result(finding()))
    accepted = accept(baseline, baseline.known[0], owner="ann", reason="because", expires=TODAY)
    tree.write("run.py", [*SOURCE[:2], "def run(command, *more):", *SOURCE[3:]])
    assert tree.compare(accepted, result(finding())).passed


def test_of_equal_findings_the_known_and_the_live_meet_before_the_expired(tree):
    baseline = tree.baseline(result(finding(0), finding(0)))
    one = baseline.known[0]
    for expires, passes in ((TODAY, True), (TODAY - timedelta(days=1), False)):
        some = accept(baseline, one, owner="ann", reason="because", expires=expires)
        assert (some.known, some.counts()["ruff"]) == ((one,), 2)
        assert tree.compare(some, result(finding(0), finding(0))).passed is passes
        assert tree.compare(some, result(finding(0))).passed
    other = replace(one, digest="0a" * 16)
    some = accept(accept(baseline, one, owner="ann", reason="over", expires=TODAY - timedelta(days=1), count=2),
                  other, owner="eve", reason="holds", expires=TODAY)  # fmt: skip
    moved = result(finding(0, message="worded anew"))
    assert tree.compare(some, moved).tool("ruff").accepted[0].acceptance.owner == "eve"


# What cannot be compared


@pytest.mark.parametrize("state", [state for state in PillarState if not state.may_pass])
def test_a_tool_that_did_not_see_everything_is_undecided(tree, state):
    baseline = tree.baseline(result(finding()))
    report = tree.compare(baseline, result(state=state))
    assert outcome(report) is RatchetOutcome.UNDECIDED
    assert report.tool("ruff").state is ToolState.UNDECIDED
    assert report.tool("ruff").fixed == ()
    assert not report.passed


def test_what_a_partial_run_found_is_new_all_the_same(tree):
    baseline = tree.baseline(result(finding()))
    report = tree.compare(baseline, result(finding(), finding(1, rule="F401"), state=PillarState.PARTIAL))
    assert report.tool("ruff").state is ToolState.UNDECIDED
    assert outcome(report) is RatchetOutcome.NEW
    report = tree.compare(baseline, result(finding(2), state=PillarState.PARTIAL))
    assert report.tool("ruff").fixed == ()
    assert outcome(tree.compare(baseline, result(finding(), state=PillarState.PARTIAL))) is RatchetOutcome.UNDECIDED


def test_a_tool_that_was_not_run_is_undecided_and_one_that_is_not_known_needs_a_baseline(tree):
    baseline = tree.baseline(result(finding()))
    assert outcome(tree.compare(baseline)) is RatchetOutcome.UNDECIDED
    both = tree.compare(baseline, result(finding()), result(finding(tool="mypy"), tool="mypy"))
    assert outcome(both) is RatchetOutcome.REBASELINE
    assert both.new_findings() == []


def test_an_empty_baseline_passes_nothing(tree):
    assert outcome(tree.compare(Baseline())) is RatchetOutcome.REBASELINE


def test_fingerprints_of_another_version_need_a_new_baseline(tree):
    baseline = replace(tree.baseline(result(finding())), fingerprint_version="0")
    report = tree.compare(baseline, result(finding()))
    assert outcome(report) is RatchetOutcome.REBASELINE
    assert "'0', now '1'" in report.tool("ruff").reason


def test_a_file_that_cannot_be_read_leaves_the_suppressions_undecided(tree):
    baseline = tree.baseline(result())
    report = compare_to_baseline([result()], baseline, today=TODAY, root=tree.root, files=["run.py", "gone.py"])
    assert report.tool(SUPPRESSIONS).state is ToolState.UNDECIDED
    assert outcome(report) is RatchetOutcome.UNDECIDED


# Threat rows 36 to 38


@pytest.mark.parametrize(
    ("comment", "rule"),
    [
        ("# nosec", "nosec"),
        ("# nosec B605", "nosec:B605"),
        ("# noqa", "noqa"),
        ("# noqa: S605", "noqa:S605"),
        ("# type: ignore", "type-ignore"),
        ("# type: ignore[misc]", "type-ignore:misc"),
        ("# ruff: ignore[S605]", "ruff-ignore:S605"),
        ("# ruff: noqa", "file-noqa"),
        ("# ruff: file-ignore[S605]", "ruff-file-ignore:S605"),
        ("# mypy: ignore-errors", "mypy:ignore-errors"),
    ],
)
def test_t36_a_suppression_that_is_added_is_itself_a_finding(tree, comment, rule):
    baseline = tree.baseline(result(finding()))
    tree.write("run.py", [*SOURCE[:3], f"{SOURCE[3]}  {comment}", *SOURCE[4:]])
    report = tree.compare(baseline, result())
    assert outcome(report) is RatchetOutcome.NEW
    (new,) = report.new_findings()
    assert (new.pillar_name, new.rule_id, new.path, new.line) == (SUPPRESSIONS, rule, "run.py", 4)
    assert new.severity.value == "medium"


def test_t36_bandit_tests_that_are_skipped_are_findings(tree):
    baseline = tree.baseline(result(finding()))
    tree.write(".bandit", ["[bandit]", "skips = B605"])
    report = tree.compare(baseline, result(finding()))
    assert [(one.rule_id, one.path) for one in report.new_findings()] == [("bandit-skip:B605", ".bandit")]


def test_t36_suppressions_that_were_there_are_counted_by_file(tree):
    tree.write("run.py", ["x = 1  # nosec", "y = 2"])
    baseline = tree.baseline(result())
    for lines in (["x = 3  # nosec", "y = 2"], ["", "y = 2", "x = 1  # nosec"], ["x = '# nosec'", "y = 2  # nosec"]):
        tree.write("run.py", lines)
        assert tree.compare(baseline, result()).passed
    for lines in (["x = 1  # nosec", "y = 2  # nosec"], ["x = 1  # nosec # nosec", ""], ["x = 1  # noqa", "y"]):
        tree.write("run.py", lines)
        assert len(tree.compare(baseline, result()).new_findings()) == 1
    tree.write("run.py", ["x = 1", "y = 2"])
    report = tree.compare(baseline, result())
    assert report.passed
    assert len(report.tool(SUPPRESSIONS).fixed) == 1


def test_t36_a_narrow_suppression_that_is_widened_is_new(tree):
    tree.write("run.py", ["x = 1  # noqa: E501"])
    baseline = tree.baseline(result())
    for wider in ("# noqa", "# noqa: E501, S602", "# ruff: noqa: E501"):
        tree.write("run.py", [f"x = 1  {wider}"])
        assert len(tree.compare(baseline, result()).new_findings()) == 1


def test_t36_a_file_that_is_renamed_keeps_its_suppressions(tree):
    tree.write("run.py", ["x = 1  # nosec"])
    baseline = tree.baseline(result())
    (tree.root / "run.py").unlink()
    tree.write("new.py", ["x = 1  # nosec"])
    assert tree.compare(baseline, result()).passed
    tree.write("new.py", ["secret = 1  # nosec"])
    assert not tree.compare(baseline, result()).passed


@pytest.mark.parametrize(
    ("name", "before", "after", "place"),
    [
        ("pyproject.toml", '[tool.ruff]\nselect = ["S"]', "[tool.ruff]\nselect = []", "pyproject.toml[tool.ruff]"),
        ("pyproject.toml", "[tool.mypy]\nstrict = true", "[tool.mypy]\nstrict = false", "pyproject.toml[tool.mypy]"),
        ("pyproject.toml", "[tool.bandit]", '[tool.bandit]\nexclude_dirs = ["x"]', "pyproject.toml[tool.bandit]"),
        ("ruff.toml", 'select = ["S"]', "select = []", "ruff.toml"),
        (".ruff.toml", 'select = ["S"]', "select = []", ".ruff.toml"),
        ("mypy.ini", "[mypy]\nstrict = true", "[mypy]\nstrict = false", "mypy.ini"),
        ("setup.cfg", "[mypy]\nstrict = true", "[mypy]\nstrict = false", "setup.cfg[mypy]"),
        (".bandit", "[bandit]\n", "[bandit]\nexclude = x", ".bandit"),
        ("pkg/ruff.toml", 'select = ["S"]', "select = []", "pkg/ruff.toml"),
    ],
)
def test_t37_configuration_that_is_weakened_changes_nothing_and_is_told(tree, name, before, after, place):
    tree.write(name, before.split("\n"))
    baseline = tree.baseline(result(finding()))
    unchanged = tree.compare(baseline, result(finding()))
    tree.write(name, after.split("\n"))
    report = tree.compare(baseline, result(finding()))
    assert unchanged.config_changes == ()
    assert [(one.place, one.how) for one in report.config_changes] == [(place, "changed")]
    assert report.tools == unchanged.tools
    (tree.root / name).unlink()
    assert [one.how for one in tree.compare(baseline, result(finding())).config_changes] == ["removed"]


def test_t37_configuration_that_is_added_is_told(tree):
    baseline = tree.baseline(result(finding()))
    tree.write(".bandit", ["[bandit]", "exclude = src"])
    report = tree.compare(baseline, result(finding()))
    assert [one.to_dict() for one in report.config_changes] == [{"place": ".bandit", "how": "added"}]
    assert report.passed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "ruff 0.18.0"}, "version 'ruff 0.17.6', now 'ruff 0.18.0'"),
        ({"rule_set_digest": "cc"}, "rule set 'aa', now 'cc'"),
        ({"config_digest": "cc"}, "configuration 'bb', now 'cc'"),
        ({"severity_table": "2"}, "severity table '1', now '2'"),
        ({"rule_set_digest": None}, "rule set 'aa', now ''"),
    ],
)
def test_t38_a_tool_that_changed_needs_a_new_baseline_and_neither_fails_nor_passes(tree, change, told):
    baseline = tree.baseline(result(finding()))
    for findings in ([], [finding()], [finding(), finding(1, rule="X1"), finding(3, rule="X2")]):
        report = tree.compare(baseline, result(*findings, **change))
        assert outcome(report) is RatchetOutcome.REBASELINE
        assert not report.passed
        assert report.new_findings() == []
        assert told in report.tool("ruff").reason
    anew = make_baseline([result(finding(), **change)], root=tree.root)
    assert tree.compare(anew, result(finding(), **change)).passed


def test_t38_another_tool_that_found_something_new_fails_all_the_same(tree):
    baseline = tree.baseline(result(finding()), result(tool="mypy", version="mypy 2.4.1"))
    report = tree.compare(
        baseline, result(version="ruff 0.18.0"), result(finding(tool="mypy"), tool="mypy", version="mypy 2.4.1")
    )
    assert outcome(report) is RatchetOutcome.NEW
    assert [one.pillar_name for one in report.new_findings()] == ["mypy"]


# Properties

FILES = ("b.py", "run.py")
places = st.tuples(st.integers(1, 6), st.sampled_from(["S605", "F401"]), st.sampled_from(["run.py", "b.py"]))
many = st.lists(places.map(lambda place: finding(place[0], place[2], place[1])), max_size=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    for name in ("run.py", "b.py"):
        (root / name).write_text("\n".join(SOURCE))
    return root


@given(before=many, now=many)
def test_every_finding_is_counted_once_and_the_numbers_add_up(folder, before, now):
    baseline = make_baseline([result(*before)], root=folder, files=FILES)
    tool = compare_to_baseline([result(*now)], baseline, today=TODAY, root=folder, files=FILES).tool("ruff")
    assert len(tool.new) + tool.known == len(now)
    assert len(tool.fixed) + tool.known == len(before)


@given(findings=many, shuffled=st.randoms())
def test_the_order_of_a_tool_changes_nothing(folder, findings, shuffled):
    baseline = make_baseline([result(*findings[::2])], root=folder, files=FILES)
    other = list(findings)
    shuffled.shuffle(other)
    one, two = (
        compare_to_baseline([result(*some)], baseline, today=TODAY, root=folder, files=FILES).to_dict()
        for some in (findings, other)
    )
    assert json.dumps(one) == json.dumps(two)


@given(before=many, now=many)
def test_a_lowered_baseline_never_rises_and_hides_nothing(folder, before, now):
    baseline = make_baseline([result(*before)], root=folder, files=FILES)
    lower = lowered(baseline, [result(*now)], root=folder, files=FILES)
    was = compare_to_baseline([result(*now)], baseline, today=TODAY, root=folder, files=FILES).tool("ruff")
    tool = compare_to_baseline([result(*now)], lower, today=TODAY, root=folder, files=FILES).tool("ruff")
    assert rises(baseline, lower) == []
    assert len(lower.known) == was.known <= len(before)
    assert (len(tool.new), tool.known, tool.fixed) == (len(was.new), was.known, ())


def test_a_report_has_plain_values_and_hostile_names_do_nothing(tree):
    hostile = Finding("ruff", "R\n::error::", "high", "x\x1b[2K\u202e", "a\n::b.py", 1, 1)
    report = tree.compare(tree.baseline(result()), result(hostile))
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["outcome"] == "new findings"
    assert plain["new_count"] == 1
    strange = tree.compare(tree.baseline(result()), result(version="ruff\n\x1b[2K\u202e9"))
    assert all(mark not in strange.tool("ruff").reason for mark in ("\n", "\x1b", "\u202e"))
