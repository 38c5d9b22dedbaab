# SPDX-License-Identifier: Apache-2.0
"""Changing a baseline: it falls by itself, and rises only where somebody says so."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date

import pytest

from ophamin.auditing.baseline import Baseline, ToolIdentity
from ophamin.auditing.baseline_text import BaselineError, baseline_bytes, parse_baseline, read_baseline
from ophamin.auditing.baseline_update import (
    UpdateRefusedError,
    accept,
    check_may_update,
    lowered,
    make_baseline,
    rises,
    write_baseline,
)
from ophamin.auditing.findings import Finding
from ophamin.auditing.fingerprints import Fingerprint
from ophamin.auditing.results import PillarResult
from ophamin.auditing.states import PillarState
from ophamin.core.environment import GitFacts

SOURCE = ["a = f(1)", "b = f(2)", "c = f(3)"]
HEAD = "5f" * 20


def result(*lines, tool="ruff", version="1", state=PillarState.FINDINGS, path="a.py"):
    found = tuple(Finding(tool, "R1", "low", "call", path, line, 5) for line in lines)
    return PillarResult(tool, tool, version, state.status, ".", found, extra={"state": state.value})


@pytest.fixture
def root(tmp_path):
    (tmp_path / "a.py").write_text("\n".join(SOURCE))
    return tmp_path


@pytest.mark.parametrize("state", [state for state in PillarState if not state.may_pass])
def test_no_baseline_is_made_of_a_run_that_did_not_see_everything(root, state):
    with pytest.raises(UpdateRefusedError, match="mypy did not see everything") as caught:
        make_baseline([result(1), result(tool="mypy", state=state)], root=root)
    assert caught.value.reason == "incomplete"


def test_a_baseline_names_what_it_was_made_of(root):
    (root / "ruff.toml").write_text("line-length = 100")
    made = make_baseline([result(1, 2)], root=root, base_commit=HEAD)
    assert [one.tool for one in made.tools] == ["ruff", "suppressions"]
    assert (made.base_commit, list(made.config), len(made.known)) == (HEAD, ["ruff.toml"], 2)


def test_a_baseline_falls_and_nothing_new_comes_in(root):
    baseline = make_baseline([result(1, 2)], root=root)
    lower = lowered(baseline, [result(2, 3)], root=root, base_commit=HEAD)
    assert lower.known == make_baseline([result(2)], root=root).known
    assert lower.base_commit == HEAD
    assert rises(baseline, lower) == []


def test_findings_that_moved_are_kept_where_they_are_now(root):
    baseline = make_baseline([result(2)], root=root)
    (root / "a.py").rename(root / "b.py")
    lower = lowered(baseline, [result(2, path="b.py")], root=root)
    assert [one.path for one in lower.known] == ["b.py"]
    assert rises(baseline, lower) == []


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(None, id="not-run"),
        pytest.param(result(tool="mypy", state=PillarState.UNAVAILABLE), id="unavailable"),
        pytest.param(result(1, tool="mypy", state=PillarState.PARTIAL), id="partial"),
        pytest.param(result(1, tool="mypy", version="2"), id="other-version"),
    ],
)
def test_a_tool_that_cannot_be_compared_keeps_its_lines(root, second):
    baseline = make_baseline([result(1, 2), result(1, 2, tool="mypy")], root=root)
    baseline = accept(baseline, baseline.known_of("mypy")[0], owner="ann", reason="because", expires=date(2027, 1, 1))
    lower = lowered(baseline, [result(1), *([second] if second else [])], root=root)
    assert (lower.known_of("mypy"), lower.accepted_of("mypy")) == (
        baseline.known_of("mypy"),
        baseline.accepted_of("mypy"),
    )
    assert lower.tools == baseline.tools
    assert len(lower.known_of("ruff")) == 1


def test_acceptances_stay_until_what_they_cover_is_gone(root):
    baseline = make_baseline([result(1, 2)], root=root)
    for one in baseline.known:
        baseline = accept(baseline, one, owner="ann", reason="because", expires=date(2020, 1, 1))
    (root / "a.py").write_text("\n".join(["import f", *SOURCE]))
    lower = lowered(baseline, [result(2)], root=root)
    (kept,) = lower.accepted
    assert (kept.owner, kept.expires, kept.count) == ("ann", date(2020, 1, 1), 1)
    assert kept.fingerprint == make_baseline([result(2)], root=root).known[0]


def test_accepting_again_replaces_what_was_accepted():
    one = Fingerprint("ruff", "R1", "a.py", "", "0a" * 16)
    baseline = Baseline((ToolIdentity("ruff", "1"),), (one, one, one))
    some = accept(baseline, one, owner="ann", reason="because", expires=date(2027, 1, 1), count=2)
    assert (len(some.known), some.counts()) == (1, {"ruff": 3})
    again = accept(some, one, owner="eve", reason="because", expires=date(2027, 1, 1))
    assert [acceptance.owner for acceptance in again.accepted] == ["eve"]


@pytest.mark.parametrize(("owners", "lines"), [(("ann", "ann"), 1), (("ann", "eve"), 2)])
def test_acceptances_whose_findings_became_equal_can_be_written(root, owners, lines):
    (root / "a.py").write_text("x\nf()\ny\nz\nf()\nw\n")
    baseline = make_baseline([result(2, 5)], root=root)
    for one, owner in zip(baseline.known, owners, strict=True):
        baseline = accept(baseline, one, owner=owner, reason="because", expires=date(2027, 1, 1))
    (root / "a.py").write_text("x\nf()\ny\nx\nf()\ny\n")
    lower = lowered(baseline, [result(2, 5)], root=root)
    assert len({one.fingerprint for one in lower.accepted}) == 1
    assert (len(lower.accepted), lower.counts()["ruff"]) == (lines, 2)
    assert parse_baseline(baseline_bytes(lower)) == lower


def test_a_suppression_on_an_edited_line_does_not_rise(root):
    (root / "a.py").write_text("x = 1  # nosec\n")
    baseline = make_baseline([result()], root=root)
    (root / "a.py").write_text("x = 2  # nosec\n")
    lower = lowered(baseline, [result()], root=root)
    assert lower.known != baseline.known
    assert rises(baseline, lower) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"known": 3}, "ruff: 1 finding more"),
        ({"version": "2"}, "ruff: version '1', now '2'"),
        ({"tool": "mypy"}, "ruff: left out"),
        ({"fingerprint_version": "0"}, "fingerprints of version '0' after '1'"),
    ],
)
def test_what_a_baseline_tolerates_more_is_told_and_not_written(tmp_path, change, told):
    def some(known=2, tool="ruff", version="1", fingerprint_version="1"):
        one = Fingerprint(tool, "R1", "a.py", "", "0a" * 16)
        return Baseline((ToolIdentity(tool, version),), (one,) * known, fingerprint_version=fingerprint_version)

    file = tmp_path / "x.baseline"
    write_baseline(file, some())
    assert any(told in phrase for phrase in rises(some(), some(**change)))
    with pytest.raises(BaselineError) as caught:
        write_baseline(file, some(**change))
    assert caught.value.reason == "rise"
    assert read_baseline(file) == some()
    write_baseline(file, some(known=1))
    write_baseline(file, some(**change), may_rise=True)
    assert read_baseline(file) == some(**change)


def test_an_accepted_finding_is_no_rise_and_no_fall(tmp_path):
    one = Fingerprint("ruff", "R1", "a.py", "", "0a" * 16)
    baseline = Baseline((ToolIdentity("ruff", "1"),), (one, one))
    accepted = accept(baseline, one, owner="ann", reason="because", expires=date(2027, 1, 1))
    assert rises(baseline, accepted) == rises(accepted, baseline) == []


def test_a_broken_baseline_is_replaced_only_where_that_is_asked_for(tmp_path):
    file = tmp_path / "x.baseline"
    file.write_text("<<<<<<< HEAD\n")
    with pytest.raises(BaselineError) as caught:
        write_baseline(file, Baseline())
    assert caught.value.reason == "conflict"
    write_baseline(file, Baseline(), may_rise=True)
    assert read_baseline(file) == Baseline()


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_a_link_in_the_place_of_a_baseline_is_not_taken_for_none(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(BaselineError) as caught:
        write_baseline(tmp_path / "link", Baseline())
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize(
    ("change", "agreed", "reason"),
    [
        ({"dirty": True}, HEAD, "dirty"),
        ({"dirty": None}, HEAD, "no_commit"),
        ({"commit": ""}, "", "no_commit"),
        ({"shallow": True}, HEAD, "shallow"),
        ({}, "0a" * 20, "not_merged"),
        ({}, "", "not_merged"),
    ],
)
def test_a_baseline_is_lowered_in_a_clean_tree_that_is_merged_and_nowhere_else(change, agreed, reason):
    facts = GitFacts(HEAD, dirty=False, shallow=False)
    check_may_update(facts, HEAD)
    with pytest.raises(UpdateRefusedError) as caught:
        check_may_update(replace(facts, **change), agreed)
    assert caught.value.reason == reason
