# SPDX-License-Identifier: Apache-2.0
"""One claim run again: at its commit, in a session of its own, and held against its record."""

import json
import os
import select
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from ophamin.core import environment
from ophamin.measuring.proof import codec
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.seeing.substrate.checkout import UnknownRefError
from ophamin.trust.replay import Outcome, Place, ReplayError, compare, place_of, replay_record

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "golden" / "proof-1.0.json"
TESTS = '''
import os
import time

from ophamin import rate, mean, scenario
from shop import LIMIT


@scenario("few are high", rate("high") <= 0.5)
def test_drawn(trial, rng):
    """Are few high?"""
    for _ in range(40):
        trial.observe(high=bool(rng.random() < LIMIT))


@scenario("it is quick", mean("seconds", bounds=(0, 60)) <= 30)
def test_timed(trial):
    """Is it quick?"""
    for _ in range(40):
        trial.observe(seconds=time.perf_counter() % 1)


@scenario("it is quiet outside", rate("loud") <= 0.5)
def test_outside(trial):
    """Is it quiet?"""
    for _ in range(40):
        trial.observe(loud="LOUD" in os.environ)


@scenario("it ends", rate("ended") >= 0.5)
def test_endless(trial):
    """Does it end?"""
    if "ENDLESS" in os.environ:
        from subprocess import Popen

        held = os.open(os.environ["ENDLESS"], os.O_WRONLY)
        os.set_inheritable(held, True)
        Popen(["sleep", "600"], close_fds=False)
        time.sleep(600)
    for _ in range(40):
        trial.observe(ended=True)


@scenario("no key is here", rate("seen") <= 0.5)
def test_keys(trial):
    """Is there a key?"""
    for _ in range(40):
        trial.observe(seen=any(name.startswith(("OPHAMIN_", "PYTEST_ADDOPTS")) for name in os.environ))
'''


class Project:
    """A repository whose claims were tried once; the package of the project lies in ``src``."""

    def __init__(self, path):
        self.path = path
        self.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        self.write(".gitignore", "proofs/\n.ophamin/\n__pycache__/\n")
        self.write(
            "conftest.py",
            "import sys\nfrom pathlib import Path\n\nsys.path.append(str(Path(__file__).parent / 'src'))\n",
        )
        self.write("src/shop.py", "LIMIT = 0.2\n")
        self.write("test_claims.py", TESTS)
        self.commit()
        command = [sys.executable, "-m", "pytest", "--ophamin", "-q", "-pno:randomly", "-pno:cacheprovider"]
        subprocess.run(command, cwd=path, env=surroundings(), capture_output=True, check=False)
        found = [codec.load(one) for one in path.rglob("proof.json")]
        self.records = {one.claim.statement: one for one in found}

    def write(self, name, text):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def commit(self):
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
            subprocess.run((*GIT, *command), cwd=self.path, check=True)
        environment._git_facts.cache_clear()


def surroundings(**variables):
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR"}}
    return {**kept, "HOME": "/nonexistent", "CI": "true", **variables}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("replay") / "shop")


def again(project, statement, folder, **variables):
    record = project.records[statement]
    environment._git_facts.cache_clear()
    with place_of(record, project.path) as place:
        return compare(record, replay_record(record, place, folder, seconds=60, environ=surroundings(**variables)))


def rebuilt(record, **changes):
    made = EmpiricalProofRecord.from_dict(record.to_dict())
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def at_commit(record, commit):
    provenance = json.loads(json.dumps(record.provenance))
    provenance["entity"]["ophamin:scenario"]["ophamin:project_commit"] = commit
    return rebuilt(record, provenance=provenance)


# --- what is compared


def test_equal_numbers_are_the_same(project):
    record = project.records["few are high"]
    found = compare(record, rebuilt(record, created_at="2026-11-23T10:00:00+00:00"))
    assert (found.outcome, [row.name for row in found.rows]) == (
        Outcome.SAME,
        ["verdict", "observed", "units", "observations"],
    )


def test_the_last_bit_of_a_number_counts(project):
    record = project.records["few are high"]
    value = record.verdict.observed_value
    other = rebuilt(record, verdict=replace(record.verdict, observed_value=value * (1 + 2**-52)))
    found = compare(record, other)
    assert found.outcome is Outcome.SAME_VERDICT
    assert [row.name for row in found.rows if not row.is_same] == ["observed"]


def test_another_verdict_is_different_whatever_else_is_equal(project):
    record = project.records["few are high"]
    other = rebuilt(record, verdict=replace(record.verdict, outcome="INCONCLUSIVE"))
    assert compare(record, other).outcome is Outcome.DIFFERENT


def test_what_is_installed_otherwise_is_named(project):
    record = project.records["few are high"]
    installed = {**record.reproduction.environment, "numpy": "0.1", "left": "1"}
    other = rebuilt(record, reproduction=replace(record.reproduction, environment=installed))
    assert compare(record, other).environment == ("left", "numpy")


# --- what is run


def test_a_claim_comes_out_the_same_in_the_work_tree_itself_where_that_is_clean(project, tmp_path):
    with place_of(project.records["few are high"], project.path) as place:
        assert place == Place(project.path, is_apart=False)
    before = sorted(project.path.rglob("*"))
    assert again(project, "few are high", tmp_path).outcome is Outcome.SAME
    assert [path for path in sorted(project.path.rglob("*")) if "cache" not in str(path)] == [
        path for path in before if "cache" not in str(path)
    ]


def test_a_claim_about_time_has_the_same_verdict_from_other_observations(project, tmp_path):
    found = again(project, "it is quick", tmp_path)
    assert found.outcome is Outcome.SAME_VERDICT
    assert [row.name for row in found.rows if row.is_same] == ["verdict", "units"]


def test_what_was_measured_under_other_circumstances_is_different(project, tmp_path):
    assert again(project, "it is quiet outside", tmp_path, LOUD="1").outcome is Outcome.DIFFERENT


def test_the_code_of_the_record_is_run_and_not_the_one_of_today(project, tmp_path):
    """The package changed since; the module path of today's work tree must not lead to it."""
    project.write("src/shop.py", "LIMIT = 0.9\n")
    try:
        found = again(project, "few are high", tmp_path, PYTHONPATH=str(project.path / "src"))
        assert found.outcome is Outcome.SAME
    finally:
        project.write("src/shop.py", "LIMIT = 0.2\n")


def test_the_work_tree_is_gone_afterwards(project):
    (project.path / "new.txt").touch()
    try:
        environment._git_facts.cache_clear()
        with place_of(project.records["few are high"], project.path) as place:
            assert place.is_apart
            assert (place.folder / "test_claims.py").exists()
            assert not (place.folder / "new.txt").exists()
        assert not place.folder.exists()
        listed = subprocess.run(("git", "worktree", "list"), cwd=project.path, capture_output=True, check=True)
        assert len(listed.stdout.splitlines()) == 1
    finally:
        (project.path / "new.txt").unlink()


def test_t02_no_key_is_passed_on(project, tmp_path):
    key = {"OPHAMIN_SIGNING_KEY": "x", "OPHAMIN_SIGNING_KEY_FILE": "/x", "OPHAMIN_HMAC_KEY_FILE": "/x"}
    found = again(project, "no key is here", tmp_path, **key, PYTEST_ADDOPTS="--no-such-option")
    assert found.outcome is Outcome.SAME


def test_a_session_that_does_not_end_is_killed_with_all_that_it_started(project, tmp_path):
    """A pipe that the session and its child hold open is at its end once both are gone."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    record = project.records["it ends"]
    try:
        with place_of(record, project.path) as place, pytest.raises(ReplayError, match="no end within 3 s"):
            replay_record(record, place, tmp_path / "new", seconds=3, environ=surroundings(ENDLESS=str(pipe)))
        assert select.select([reader], [], [], 30)[0]
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_a_test_that_is_gone_could_not_be_run(project, tmp_path):
    record = project.records["few are high"]
    command = "python -m pytest --ophamin test_claims.py::test_gone --ophamin-seed=0"
    gone = rebuilt(record, reproduction=replace(record.reproduction, command=command))
    with place_of(gone, project.path) as place, pytest.raises(ReplayError, match="status 4 and left no record"):
        replay_record(gone, place, tmp_path, seconds=60, environ=surroundings())


def test_a_record_of_another_claim_is_not_taken_for_this_one(project, tmp_path):
    record = project.records["few are high"]
    command = project.records["it is quiet outside"].reproduction.command
    other = rebuilt(record, reproduction=replace(record.reproduction, command=command))
    with place_of(other, project.path) as place, pytest.raises(ReplayError, match="gave 1 records, and 0 of this plan"):
        replay_record(other, place, tmp_path, seconds=60, environ=surroundings())


# --- what a record may not ask for


def test_a_record_without_a_commit_is_not_run(project):
    record = EmpiricalProofRecord.from_dict(json.loads(GOLDEN.read_bytes()))
    with pytest.raises(ReplayError, match="names no commit"), place_of(record, project.path):
        pass


@pytest.mark.parametrize("commit", ["master", "HEAD", "HEAD~0"])
def test_a_name_in_the_place_of_a_commit_is_not_checked_out(project, commit):
    (project.path / "new.txt").touch()
    record = at_commit(project.records["few are high"], commit)
    try:
        with pytest.raises((ReplayError, UnknownRefError)), place_of(record, project.path):
            pass
    finally:
        (project.path / "new.txt").unlink()


def test_a_commit_that_is_not_here_is_said_to_be_missing(project):
    record = at_commit(project.records["few are high"], "ab" * 20)
    with pytest.raises(UnknownRefError), place_of(record, project.path):
        pass
