# SPDX-License-Identifier: Apache-2.0
"""The lock at the merge base is read out of git; where git cannot say what it was, that is told and nothing counts."""

import os
import subprocess
from pathlib import Path

import pytest

from ophamin.measuring.lock_base import base_lock
from ophamin.measuring.lock_fields import absent_terms
from ophamin.measuring.lockfile import LOCK_NAME, Lock, LockedClaim, write_lock

pytestmark = pytest.mark.needs("git")

WHO = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Bob Example",
    "GIT_COMMITTER_EMAIL": "bob@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}


def lock_with(threshold):
    told = {
        "scenario": "a.b", "statement": "s", "statistic": "rate(x)", "metric": "x", "kind": "rate", "comparator": "<=",
        "operationalization": "o", "h0": "h0", "h1": "h1", "method": "auto", "alpha": 0.05, "beta": 0.05,
    }  # fmt: skip
    return Lock((LockedClaim(absent_terms() | told | {"threshold": threshold}, (), "a" * 64, "b" * 64),))


class Repository:
    """A repository that is made by git itself; each commit is a minute after the one before."""

    def __init__(self, path, branch="main"):
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.minute = 0
        self("init", "-q", "-b", branch)

    def __call__(self, *arguments):
        date = f"2026-01-02T03:{self.minute:02d}:00+02:00"
        done = subprocess.run(
            ["git", "-C", self.path, *arguments],
            env={**WHO, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, threshold=None, folder="", **files):
        """Commit a lock with this threshold, and other files; gives the commit."""
        self.minute += 1
        if threshold is not None:
            write_lock(self.path / folder / LOCK_NAME, lock_with(threshold))
        for name, text in files.items():
            (self.path / name).write_text(text)
        self("add", "--all")
        self("commit", "-q", "--allow-empty", "-m", f"number {self.minute}")
        return self("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "project")


def clone(repository, target, *options):
    subprocess.run(
        ["git", "clone", "-q", *options, f"file://{repository.path}", target], env=WHO, check=True, capture_output=True
    )
    copy = Repository.__new__(Repository)
    copy.path, copy.minute = Path(target), repository.minute
    return copy


def threshold_at(found):
    assert (found.state, found.problem) == ("read", "")
    return found.lock.claims[0].terms["threshold"]


# -- what stood there -------------------------------------------------------------------------------------------------


def test_a_lock_loosened_on_a_branch_is_read_as_it_was_before(repository):
    base = repository.commit(0.1)
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5)
    write_lock(repository.path / LOCK_NAME, lock_with(0.9))  # and again, not even committed
    found = base_lock(repository.path, "main")
    assert threshold_at(found) == 0.1
    assert found.commit == base


def test_what_the_protected_branch_did_later_is_not_what_was_agreed_on(repository):
    repository.commit(0.1)
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5)
    repository("switch", "-q", "main")
    later = repository.commit(0.2)
    repository("switch", "-q", "feature")
    assert threshold_at(base_lock(repository.path, "main")) == 0.1
    repository("merge", "-q", "-s", "ours", "main")
    found = base_lock(repository.path, "main")
    assert (threshold_at(found), found.commit) == (0.2, later)


def test_on_the_protected_branch_itself_the_newest_lock_counts(repository):
    repository.commit(0.1)
    repository.commit(0.2)
    assert threshold_at(base_lock(repository.path, "main")) == 0.2
    old = repository("rev-parse", "HEAD~1")
    repository("checkout", "-q", old)
    assert threshold_at(base_lock(repository.path, "main")) == 0.1


@pytest.mark.parametrize("ahead", [0, 1, 2, 5])
def test_a_commit_that_was_only_a_part_of_a_merge_was_never_agreed_on(repository, ahead):
    """Loosened and tightened again inside one merged branch: the commit between is an ancestor of main, and no tip."""
    repository.commit(0.4)
    start = repository.commit(0.1)
    repository("switch", "-q", "-c", "long")
    between = repository.commit(0.9)
    repository.commit(0.1)
    repository("switch", "-q", "main")
    for number in range(ahead):
        repository.commit(0.1, other=str(number))
    repository("merge", "-q", "--no-ff", "long")
    repository("checkout", "-q", between)
    assert repository("merge-base", "HEAD", "main") == between  # what git alone would say
    found = base_lock(repository.path, "main")
    assert (threshold_at(found), found.commit) == (0.1, start)


@pytest.mark.parametrize("commits", [1, 12])  # git's walk by date gives up after a few that are out of order
def test_backdated_commits_change_nothing(repository, commits):
    repository.commit(0.3)
    base = repository.commit(0.1)
    repository("switch", "-q", "-c", "feature")
    env = {**WHO, "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z"}
    write_lock(repository.path / LOCK_NAME, lock_with(0.5))
    for _ in range(commits):
        command = ["git", "-C", repository.path, "commit", "-qam", "long ago", "--allow-empty"]
        subprocess.run(command, env=env, check=True)
    repository("switch", "-q", "main")
    repository.commit(0.2)
    repository("switch", "-q", "feature")
    found = base_lock(repository.path, "main")
    assert (threshold_at(found), found.commit) == (0.1, base)


def test_the_branch_of_the_remote_goes_before_a_local_one_that_anybody_can_move(repository, tmp_path):
    repository.commit(0.1)
    copy = clone(repository, tmp_path / "copy")
    copy.commit(0.5)  # on the local main
    assert threshold_at(base_lock(copy.path, "main")) == 0.1
    assert threshold_at(base_lock(copy.path, "origin/main")) == 0.1
    assert threshold_at(base_lock(copy.path, "refs/heads/main")) == 0.5
    assert threshold_at(base_lock(copy.path)) == 0.1


def test_a_tag_with_the_name_of_the_branch_is_not_the_branch(repository):
    repository.commit(0.1)
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5)
    repository("tag", "main")
    assert threshold_at(base_lock(repository.path, "main")) == 0.1


def test_a_replaced_commit_is_not_looked_through(repository):
    base = repository.commit(0.1)
    repository("switch", "-q", "-c", "feature")
    loose = repository.commit(0.5)
    repository("replace", base, loose)
    assert threshold_at(base_lock(repository.path, "main")) == 0.1


def test_the_base_may_be_given_as_the_id_of_a_commit(repository):
    base = repository.commit(0.1)
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5)
    assert threshold_at(base_lock(repository.path, base)) == 0.1


def test_a_project_in_a_folder_of_its_repository_has_its_own_lock(repository):
    repository.commit(0.3)
    repository.commit(0.1, folder="deep/project")
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5, folder="deep/project")
    assert threshold_at(base_lock(repository.path / "deep" / "project", "main")) == 0.1
    assert threshold_at(base_lock(repository.path, "main")) == 0.3
    assert base_lock(repository.path / "deep", "main").state == "absent"


def test_a_second_work_tree_of_a_repository_is_one_too(repository, tmp_path):
    repository.commit(0.1)
    repository("worktree", "add", "-q", "-b", "feature", str(tmp_path / "tree"))
    write_lock(tmp_path / "tree" / LOCK_NAME, lock_with(0.5))
    assert threshold_at(base_lock(tmp_path / "tree", "main")) == 0.1


@pytest.mark.parametrize("name", ["main", "master"])
def test_the_default_branch_needs_no_name(tmp_path, name):
    repository = Repository(tmp_path / "project", name)
    repository.commit(0.1)
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5)
    assert threshold_at(base_lock(repository.path)) == 0.1


def test_the_default_branch_of_the_remote_may_have_any_name(tmp_path):
    repository = Repository(tmp_path / "project", "trunk")
    repository.commit(0.1)
    copy = clone(repository, tmp_path / "copy")
    copy("switch", "-q", "-c", "main")
    copy.commit(0.5)
    assert threshold_at(base_lock(copy.path)) == 0.1
    copy("remote", "set-head", "origin", "--delete")
    assert base_lock(copy.path).state == "no_branch"  # a local main is not guessed where there is a remote


def test_nothing_in_the_repository_is_touched(repository):
    repository.commit(0.1)
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5)
    (repository.path / LOCK_NAME).touch()  # so that git would like to refresh its index

    def state():
        files = [path for path in repository.path.rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()
    assert threshold_at(base_lock(repository.path, "main")) == 0.1
    assert state() == before


# -- what is in the way -----------------------------------------------------------------------------------------------


def problem_of(found, state):
    assert (found.state, found.lock) == (state, None)
    return found.problem


def test_a_shallow_clone_is_told_as_such_though_it_holds_the_lock(repository, tmp_path):
    repository.commit(0.1)
    repository.commit(0.2)
    copy = clone(repository, tmp_path / "copy", "--depth", "1")
    assert (copy.path / LOCK_NAME).is_file()
    found = base_lock(copy.path, "main")
    assert "shallow" in problem_of(found, "shallow")
    assert "git fetch --unshallow" in found.problem
    assert found.commit == ""
    copy("fetch", "-q", "--unshallow")
    assert threshold_at(base_lock(copy.path, "main")) == 0.2


def test_a_detached_head_without_the_branch_is_told_as_such(repository):
    commit = repository.commit(0.1)
    repository("checkout", "-q", "--detach")
    assert threshold_at(base_lock(repository.path, "main")) == 0.1  # the branch is there
    repository("branch", "-D", "main")
    told = problem_of(base_lock(repository.path, "main"), "no_branch")
    assert "no branch 'main' in this clone, and HEAD is detached; run git fetch origin main" in told
    assert "refs/heads has no main and no master" in problem_of(base_lock(repository.path), "no_branch")
    assert threshold_at(base_lock(repository.path, commit)) == 0.1


def test_no_lock_at_the_base_is_a_state_of_its_own(repository):
    base = repository.commit(README="nothing yet")
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5)
    found = base_lock(repository.path, "main")
    assert f"no ophamin.lock stood at the merge base {base[:12]}" in problem_of(found, "absent")
    assert found.commit == base


@pytest.mark.parametrize("text", ["schema = 2\n", "<<<<<<< HEAD\n", "", "\xff"])
def test_a_lock_at_the_base_that_cannot_be_read_is_no_lock(repository, text):
    base = repository.commit(**{LOCK_NAME: text})
    repository("switch", "-q", "-c", "feature")
    repository.commit(0.5)
    found = base_lock(repository.path, "main")
    assert problem_of(found, "unreadable").startswith(f"ophamin.lock at {base[:12]}: ")
    assert found.commit == base


def test_a_link_at_the_base_is_not_followed(repository):
    write_lock(repository.path / "other", lock_with(0.1))
    (repository.path / LOCK_NAME).symlink_to("other")
    repository.commit()
    assert base_lock(repository.path, "main").state == "unreadable"


def test_a_folder_in_the_place_of_the_lock_is_no_lock(repository):
    (repository.path / LOCK_NAME).mkdir()
    (repository.path / LOCK_NAME / "x").touch()
    repository.commit()
    assert "git cat-file" in problem_of(base_lock(repository.path, "main"), "failed")


def test_a_lock_at_the_base_is_not_read_beyond_the_limit(repository):
    repository.commit(**{LOCK_NAME: "#" * (5 * 2**20)})
    assert "more than 4194304 bytes" in problem_of(base_lock(repository.path, "main"), "unreadable")


def test_a_repository_without_a_commit_is_told_as_such(repository):
    assert "HEAD is no commit yet" in problem_of(base_lock(repository.path, "main"), "no_commit")


def test_a_history_of_its_own_has_no_base(repository):
    repository.commit(0.1)
    repository.commit(0.2)
    repository("switch", "-q", "--orphan", "other")
    repository.commit(0.5)
    assert "have no commit in common" in problem_of(base_lock(repository.path, "main"), "unrelated")


def test_a_head_that_holds_only_what_was_merged_from_outside_has_no_base(repository):
    """Two histories joined by a merge: HEAD's is an ancestor of main, and none of it was ever main."""
    repository("switch", "-q", "--orphan", "imported")
    imported = repository.commit(0.5)
    repository("switch", "-q", "--orphan", "main")
    repository.commit(0.1)
    repository("merge", "-q", "-s", "ours", "--allow-unrelated-histories", "imported")
    repository("checkout", "-q", imported)
    assert "was ever a tip of the protected branch" in problem_of(base_lock(repository.path, "main"), "unrelated")


def test_a_folder_that_is_no_repository_is_told_as_such(tmp_path):
    assert "is in no git repository" in problem_of(base_lock(tmp_path, "main"), "no_git")


def test_a_machine_without_git_is_told_as_such(repository, monkeypatch, tmp_path):
    repository.commit(0.1)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in problem_of(base_lock(repository.path, "main"), "no_git")


def test_a_git_that_fails_is_told_with_its_own_words(repository, monkeypatch, tmp_path):
    repository.commit(0.1)
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'out of \033[2Jluck' >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))
    told = problem_of(base_lock(repository.path, "main"), "failed")
    assert "ended with status 3: out of \\x1b[2Jluck" in told


def test_two_branches_that_may_both_be_protected_are_not_guessed_between(repository):
    repository.commit(0.1)
    repository("branch", "master")
    assert "main and master may both be" in problem_of(base_lock(repository.path), "no_branch")
    assert threshold_at(base_lock(repository.path, "master")) == 0.1


HOSTILE = [
    "",
    "-x",
    "--output=x",
    "main~1",
    "main^{/x}",
    "main@{1}",
    "a..b",
    "main:x",
    "ma\nin",
    "x" * 300,
    ":/x",
    "HEAD",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_name_of_a_branch_is_not_handed_to_git(repository, name):
    repository.commit(0.1)
    repository.commit(0.2)
    found = base_lock(repository.path, name)
    assert problem_of(found, "no_branch")
    assert "\n" not in found.problem
    assert len(found.problem) < 200


def test_a_commit_that_is_not_here_is_no_base(repository):
    repository.commit(0.1)
    assert "is not in this clone; fetch it" in problem_of(base_lock(repository.path, "0" * 40), "no_branch")
