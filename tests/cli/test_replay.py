# SPDX-License-Identifier: Apache-2.0
"""``ophamin replay``: the one record that is meant, a small table, and an exit code for each outcome."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ophamin.core import environment
from ophamin.measuring.lock_claims import LockedClaim
from ophamin.measuring.proof import codec
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.trust.redecide import recorded_plan

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
TESTS = '''
import os

import pytest

from ophamin import rate, scenario


@scenario("it is quiet outside", rate("loud") <= 0.5)
def test_outside(trial):
    """Is it quiet?"""
    for _ in range(40):
        trial.observe(loud="LOUD" in os.environ)


@pytest.mark.parametrize("kind", ["a", "b"])
@scenario("each kind is fine", rate("fine") >= 0.5)
def test_kinds(trial, kind):
    """Is it fine?"""
    for _ in range(40):
        trial.observe(fine=True)
'''


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("replay") / "shop"
    path.mkdir()
    (path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="ascii")
    (path / ".gitignore").write_text("proofs/\n.ophamin/\n__pycache__/\n.pytest_cache/\n", encoding="ascii")
    (path / "test_claims.py").write_text(TESTS, encoding="ascii")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run((*GIT, *command), cwd=path, check=True)
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR"}}
    command = [sys.executable, "-m", "pytest", "--ophamin", "-q", "-pno:randomly"]
    subprocess.run(command, cwd=path, env={**kept, "CI": "true"}, capture_output=True, check=True)
    return path


@pytest.fixture
def project(root, monkeypatch):
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "LOUD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CI", "true")
    monkeypatch.chdir(root)
    environment._git_facts.cache_clear()
    return root


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def record_of(root, statement="it is quiet outside"):
    return next(one for path in root.rglob("proof.json") if (one := codec.load(path)).claim.statement == statement)


def test_the_same_comes_out_and_is_shown_in_a_small_table(project, ophamin, temporary, capfd):
    result = ophamin("replay", "test_outside")
    assert result.exit_code == 0, result.output
    head, *rows = result.stdout.splitlines()
    assert head == "SAME: it is quiet outside"
    assert [row.split()[0] for row in rows] == ["verdict", "observed", "units", "observations"]
    assert all(row.endswith(" same") and len(row) <= 80 for row in rows)
    assert "1 passed" in capfd.readouterr().err  # what the session printed
    assert list(temporary.iterdir()) == []


def test_another_verdict_ends_with_1(project, ophamin, monkeypatch):
    monkeypatch.setenv("LOUD", "1")
    result = ophamin("replay", "test_outside", "--json")
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert told["outcome"] == "DIFFERENT"
    verdict = {"recorded": "VALIDATED", "replayed": "REFUTED", "same": False}
    assert told["compared"]["verdict"] == verdict


def test_a_new_record_is_kept_where_that_is_asked_for(project, ophamin, temporary):
    result = ophamin("replay", "test_outside", "--keep", "--json")
    folder = Path(re.search(r"kept in (\S+)", result.stderr)[1])
    (path,) = folder.rglob("proof.json")
    assert codec.load(path).proof_id == json.loads(result.stdout)["replayed_id"]


@pytest.mark.parametrize("way", ["lock", "name", "end", "id", "path", "folder"])
def test_a_claim_is_found_by_each_of_its_names(project, ophamin, monkeypatch, way):
    record = record_of(project)
    path = next(one for one in project.rglob("proof.json") if record.proof_id.startswith(one.parent.name))
    names = {
        "lock": LockedClaim.of_plan(recorded_plan(record)).id,
        "name": "test_claims.test_outside",
        "end": "test_outside",
        "id": record.proof_id[:8],
        "path": path,
        "folder": path.parent,
    }
    monkeypatch.setattr("ophamin.trust.replay.replay_record", lambda *_, **__: record)
    result = ophamin("replay", names[way])
    assert (result.exit_code, result.stdout.startswith("SAME: it is quiet outside")) == (0, True), result.output


def test_several_records_of_one_name_are_listed(project, ophamin):
    result = ophamin("replay", "test_kinds")
    assert result.exit_code == 2
    assert "test_claims.py::test_kinds[a]" in result.stderr
    assert "test_claims.py::test_kinds[b]" in result.stderr


@pytest.mark.parametrize("words", [("no_such_test",), ("test_outside", "--record", "no-such-folder")], ids=" ".join)
def test_a_claim_without_a_record_ends_with_2(project, ophamin, words):
    assert ophamin("replay", *words).exit_code == 2


def test_the_baseline_is_looked_at_where_the_last_run_has_no_such_record(project, ophamin, monkeypatch, tmp_path):
    record = record_of(project)
    other = EmpiricalProofRecord.from_dict(record.to_dict())
    other.created_at = "2026-11-01T10:00:00+00:00"
    place = project / "proofs/baseline/a/proof.json"
    other.to_json(place)
    monkeypatch.setattr("ophamin.trust.replay.replay_record", lambda *_, **__: record)
    try:
        assert ophamin("replay", other.proof_id[:12]).exit_code == 0
        latest = ophamin("replay", "test_outside", "--json")  # in both: that of the last run is meant
        assert json.loads(latest.stdout)["proof_id"] == record.proof_id
        named = ophamin("replay", "test_outside", "--record", place, "--json")
        assert json.loads(named.stdout)["proof_id"] == other.proof_id
    finally:
        place.unlink()


def test_a_foreign_command_is_never_run(project, ophamin, tmp_path):
    record = EmpiricalProofRecord.from_dict(record_of(project).to_dict())
    record.reproduction = replace(record.reproduction, command=f"touch {tmp_path}/sprung.txt")
    record.to_json(tmp_path / "proof.json")
    result = ophamin("replay", tmp_path / "proof.json")
    assert (result.exit_code, "run it by hand if you trust it" in result.stderr) == (5, True), result.output
    assert not (tmp_path / "sprung.txt").exists()


def test_text_of_a_record_cannot_act_on_the_terminal(project, ophamin, monkeypatch, tmp_path):
    record = EmpiricalProofRecord.from_dict(record_of(project).to_dict())
    record.claim = replace(record.claim, statement="few\x1b[2J are\r wrong")
    record.to_json(tmp_path / "proof.json")
    monkeypatch.setattr("ophamin.trust.replay.replay_record", lambda *_, **__: record)
    result = ophamin("replay", tmp_path / "proof.json")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output
    assert "\r" not in result.output


@pytest.mark.parametrize("width", [80, 60])
def test_the_table_fits_a_terminal(project, ophamin, monkeypatch, width):
    record = record_of(project)
    monkeypatch.setattr("ophamin.trust.replay.replay_record", lambda *_, **__: record)
    monkeypatch.setattr("ophamin.cli.replay.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = ophamin("replay", "test_outside").stdout.splitlines()
    assert len(lines) == 6
    assert all(len(line) <= width for line in lines)
