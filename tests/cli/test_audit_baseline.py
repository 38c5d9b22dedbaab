# SPDX-License-Identifier: Apache-2.0
"""``ophamin audit`` against a baseline: what falls, what rises, and which file it is that counts."""

import os
import subprocess
from datetime import date

import pytest

import ophamin.core.environment as environment
from ophamin.auditing.accepted import Acceptance
from ophamin.auditing.base import AuditPillar, Finding
from ophamin.auditing.baseline import Baseline
from ophamin.auditing.baseline_text import BASELINE_NAME, read_baseline, save
from ophamin.auditing.listing import list_files
from ophamin.cli.audit_baseline import BaselineDoubtError, default_baseline, find_baseline
from ophamin.registry import AUDITORS

WHO = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Bob Example",
    "GIT_COMMITTER_EMAIL": "bob@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}
needs_git = pytest.mark.needs("git")


class Marks(AuditPillar):
    """Finds every line of a Python file that says ``# FAULT severity rule``."""

    name = "marks"
    tool_binary = "marks"
    version = "marks 1"
    sees_all = True

    def run(self, target_path, *, options=None):
        listing = list_files(target_path, chosen=options.files)
        found = [
            Finding(self.name, words[2], words[1], f"a {words[1]} thing", name, number, 3)
            for name in listing.files
            for number, line in enumerate((listing.root / name).read_text().splitlines(), 1)
            if (words := line.partition("# ")[2].split())[:1] == ["FAULT"]
        ]
        coverage = listing.coverage(listing.files if self.sees_all else ())
        return self.finished_result(target_path, found, coverage, version=self.version)


class Project:
    """A project in the current folder, with one file in ``src``; outside git until `commit` is called."""

    def __init__(self, path, ophamin):
        self.path = path
        self.file = path / BASELINE_NAME
        self._ophamin = ophamin

    def write(self, text, name="src/a.py"):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        environment._git_facts.cache_clear()
        return self

    def audit(self, *words, target="src"):
        return self._ophamin("audit", target, "--tools", "marks", "--no-cache", *words)

    def git(self, *arguments):
        environment._git_facts.cache_clear()
        done = subprocess.run(["git", "-C", self.path, *arguments], env=WHO, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self):
        if not (self.path / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "a commit")
        return self

    @property
    def baseline(self) -> Baseline:
        return read_baseline(self.file)


@pytest.fixture
def project(tmp_path, monkeypatch, ophamin):
    kind = type("Changeable", (Marks,), {})
    AUDITORS.register(kind, "marks")
    monkeypatch.delenv("GITHUB_BASE_REF", raising=False)
    here = tmp_path / "project"
    here.mkdir()
    (here / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    monkeypatch.chdir(here)
    made = Project(here, ophamin)
    made.kind = kind
    yield made
    AUDITORS.unregister("marks")


ONE = "run(x)  # FAULT high X1\n"
TWO = "run(y)  # FAULT low X2\n"


# -- outside a repository ---------------------------------------------------------------------------------------------


def test_a_baseline_holds_what_there_is_and_only_new_findings_fail(project):
    written = project.write(ONE).audit("--write-baseline")
    assert written.exit_code == 0
    assert f"{BASELINE_NAME}: 1 known and 0 accepted findings (marks 1, suppressions 0)" in written.stderr
    assert project.audit().exit_code == 0
    failing = project.write(ONE + TWO).audit()
    assert failing.exit_code == 1
    assert [line.split("\t")[1] for line in failing.stdout.splitlines() if line.startswith("low")] == ["a.py:2:3"]
    assert f"against {BASELINE_NAME}: 1 new, 0 expired, 0 fixed, 0 accepted, 1 known" in failing.stderr


def test_a_moved_line_is_not_new_and_a_second_one_like_it_is(project):
    project.write(ONE).audit("--write-baseline")
    assert project.write("\n\nx = 1\n\n" + ONE).audit().exit_code == 0
    assert project.write(ONE + ONE).audit().exit_code == 1


def test_a_new_suppression_fails_as_a_finding_does(project):
    project.write("x = 1\n").audit("--write-baseline")
    result = project.write("x = 1  # noqa: E501\n").audit()
    assert result.exit_code == 1
    assert "suppressions: 1 new, 0 gone, 0 known" in result.stderr


def test_a_rise_is_refused_and_shown_and_nothing_is_written(project):
    project.write(ONE).audit("--write-baseline")
    before = project.file.read_bytes()
    result = project.write(ONE + TWO).audit("--write-baseline")
    assert result.exit_code == 1
    assert "error: the baseline was not written: marks: 1 finding more. Nothing was written" in result.stderr
    assert "a.py:2:3" in result.stdout
    assert project.file.read_bytes() == before


def test_a_rise_is_written_where_it_is_asked_for(project):
    project.write(ONE).audit("--write-baseline")
    assert project.write(ONE + TWO).audit("--write-baseline", "--may-rise").exit_code == 0
    assert project.baseline.counts() == {"marks": 2, "suppressions": 0}


def test_what_is_gone_falls_out(project):
    project.write(ONE + TWO).audit("--write-baseline")
    assert project.write(TWO).audit("--write-baseline").exit_code == 0
    assert project.baseline.counts() == {"marks": 1, "suppressions": 0}


def accepting(project, expires):
    """The first known finding of the baseline, accepted."""
    held = project.baseline
    made = Acceptance(held.known[0], "ann", "a constant", expires)
    save(project.file, Baseline(held.tools, held.known[1:], (made,), held.config))
    return made


def test_what_was_accepted_stays_accepted_when_the_baseline_is_written_anew(project):
    project.write(ONE).audit("--write-baseline")
    accepted = accepting(project, date(2999, 1, 1))
    result = project.write("\n" + ONE + TWO).audit("--write-baseline", "--may-rise")
    assert result.exit_code == 0
    (kept,) = project.baseline.accepted
    assert (kept.owner, kept.reason, kept.expires) == (accepted.owner, accepted.reason, accepted.expires)
    assert [one.rule for one in project.baseline.known] == ["X2"]


def test_an_acceptance_that_is_over_is_new_again_and_stays_in_the_file(project):
    project.write(ONE).audit("--write-baseline")
    accepting(project, date(2020, 1, 1))
    result = project.audit()
    assert result.exit_code == 1
    assert "0 new, 1 expired" in result.stderr
    project.audit("--write-baseline")
    assert len(project.baseline.accepted) == 1


def test_another_version_of_a_tool_asks_for_a_new_baseline_and_reports_nothing_new(project):
    project.write(ONE).audit("--write-baseline")
    project.kind.version = "marks 2"
    result = project.audit()
    assert result.exit_code == 3
    assert "re-baseline needed" in result.stdout
    assert "give --write-baseline --may-rise" in result.stderr
    assert project.audit("--write-baseline").exit_code == 1
    assert project.audit("--write-baseline", "--may-rise").exit_code == 0
    assert project.audit().exit_code == 0


def test_no_baseline_is_made_of_an_audit_that_did_not_see_everything(project):
    project.kind.sees_all = False
    result = project.write(ONE).audit("--write-baseline")
    assert result.exit_code == 3
    assert "marks did not see everything" in result.stderr
    assert not project.file.exists()


def test_a_change_of_the_projects_own_configuration_is_told_and_fails_nothing(project):
    project.write("x = 1\n").audit("--write-baseline", target=".")
    project.write("[project]\nname = 'x'\n[tool.ruff]\nline-length = 900\n", "pyproject.toml")
    result = project.audit(target=".")
    assert result.exit_code == 0
    assert "configuration added: pyproject.toml[tool.ruff]; the audit runs without it" in result.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [(b"format 1\n", "the last line is not"), (b"\xff", "is not UTF-8"), (b"<<<<<<< HEAD\n", "was left by a merge")],
    ids=["half", "encoding", "conflict"],
)
def test_a_broken_baseline_is_told_with_its_line(project, text, told):
    project.write(ONE)
    project.file.write_bytes(text)
    for words in ([], ["--write-baseline"]):
        result = project.audit(*words)
        assert result.exit_code == 2
        assert "line 1: " in result.stderr
        assert told in result.stderr
    assert project.file.read_bytes() == text


def test_a_broken_baseline_is_replaced_where_it_may_rise(project):
    project.write(ONE)
    project.file.write_bytes(b"nonsense")
    assert project.audit("--write-baseline", "--may-rise").exit_code == 0
    assert project.baseline.counts() == {"marks": 1, "suppressions": 0}


def test_the_baseline_can_be_left_out_and_its_file_chosen(project):
    project.write(ONE).audit("--write-baseline", "--baseline", "known/other.txt")
    assert not project.file.exists()
    assert project.audit().exit_code == 1
    assert project.audit("--baseline", "known/other.txt").exit_code == 0
    (project.path / "known/other.txt").rename(project.file)
    assert project.audit().exit_code == 0
    assert project.audit("--no-baseline").exit_code == 1


def test_a_severity_that_counts_for_nothing_is_told(project):
    project.write(ONE).audit("--write-baseline")
    assert "--fail-on counts without a baseline" in project.audit("--fail-on", "low").stderr


def test_one_file_is_held_against_a_baseline_of_its_own(project):
    project.write(ONE).write(TWO, "src/b.py").audit("--write-baseline", "--baseline", "a.txt", target="src/a.py")
    assert read_baseline(project.path / "a.txt").counts() == {"marks": 1, "suppressions": 0}
    assert project.audit("--baseline", "a.txt", target="src/a.py").exit_code == 0


def test_a_tree_whose_settings_cannot_be_read_has_its_baseline_at_its_own_top(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.pytest")
    (tmp_path / "src").mkdir()
    assert default_baseline(tmp_path / "src") == tmp_path / "src" / BASELINE_NAME


# -- in a repository --------------------------------------------------------------------------------------------------


@pytest.fixture
def merged(project):
    """A repository whose main branch holds one finding and a baseline that knows it; a branch is checked out."""
    project.write(ONE).audit("--write-baseline")
    project.commit().git("checkout", "-q", "-b", "topic")
    return project


@needs_git
def test_the_baseline_counts_as_it_stood_where_the_branch_began(merged):
    merged.write(ONE + TWO).audit("--write-baseline", "--may-rise")
    result = merged.commit().audit()
    assert result.exit_code == 1
    assert "was edited since the merge base" in result.stderr
    assert merged.audit("--no-git").exit_code == 0


@needs_git
def test_an_edit_that_is_not_even_committed_is_seen_too(merged):
    merged.write(ONE + TWO).audit("--write-baseline", "--may-rise")
    assert "was edited since the merge base" in merged.audit().stderr


@needs_git
def test_a_baseline_that_a_change_removes_counts_all_the_same(merged):
    merged.write(ONE + TWO).file.unlink()
    result = merged.commit().audit()
    assert result.exit_code == 1
    assert "was removed since the merge base" in result.stderr
    assert "1 new" in result.stderr


@needs_git
def test_a_baseline_that_a_change_brings_counts_once_it_is_merged(project):
    project.write(ONE).commit().git("checkout", "-q", "-b", "topic")
    project.audit("--write-baseline")
    result = project.commit().audit()
    assert result.exit_code == 1
    assert "it counts once it is merged" in result.stderr
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "topic")
    assert project.audit().exit_code == 0


@needs_git
def test_a_link_in_the_place_of_the_baseline_is_not_followed(merged, tmp_path):
    merged.file.rename(tmp_path / "elsewhere")
    merged.file.symlink_to(tmp_path / "elsewhere")
    assert "was removed since the merge base" in merged.audit().stderr
    assert merged.audit("--no-git").exit_code == 2


@needs_git
def test_where_git_cannot_tell_the_merge_base_it_is_undecided(merged):
    merged.git("branch", "-m", "main", "trunk")
    result = merged.audit()
    assert result.exit_code == 3
    assert "counts as it stood at the merge base, and" in result.stderr
    assert result.stdout == ""
    assert merged.audit("--base", "trunk").exit_code == 0
    assert merged.audit("--no-git").exit_code == 0


@needs_git
def test_without_a_baseline_nobody_asks_for_a_merge_base(project):
    project.write(TWO).commit().git("branch", "-m", "main", "trunk")
    assert project.audit().exit_code == 0


@needs_git
def test_a_shallow_clone_decides_nothing(merged, tmp_path):
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", f"file://{merged.path}", shallow], env=WHO, check=True, capture_output=True
    )
    with pytest.raises(BaselineDoubtError, match="fetch --unshallow"):
        find_baseline(None, shallow)


@needs_git
def test_before_the_first_commit_the_file_itself_counts(project):
    project.write(ONE).audit("--write-baseline")
    project.git("init", "-q", "-b", "main")
    assert project.audit().exit_code == 0


@needs_git
def test_a_broken_baseline_at_the_merge_base_is_told_with_the_commit(project):
    project.write(ONE).write("nonsense\n", BASELINE_NAME).commit()
    result = project.audit()
    assert result.exit_code == 2
    assert f"{BASELINE_NAME} at {project.git('rev-parse', 'HEAD')[:12]}: line 1" in result.stderr


@needs_git
def test_a_baseline_falls_on_the_protected_branch_alone(merged):
    merged.write("x = 1\n").commit()
    result = merged.audit("--write-baseline")
    assert result.exit_code == 2
    assert "is none of the protected branch; lower the baseline once it is merged" in result.stderr
    merged.git("checkout", "-q", "main")
    merged.git("merge", "-q", "topic")
    assert merged.audit("--write-baseline").exit_code == 0
    assert merged.baseline.counts() == {"marks": 0, "suppressions": 0}
    assert merged.baseline.base_commit == merged.git("rev-parse", "HEAD")


@needs_git
def test_a_baseline_does_not_fall_in_a_tree_that_differs_from_its_commit(merged):
    merged.git("checkout", "-q", "main")
    result = merged.write("x = 1\n").audit("--write-baseline")
    assert result.exit_code == 2
    assert "tracked files differ from the commit" in result.stderr


@needs_git
def test_a_baseline_in_which_nothing_changes_is_left_as_it_is(merged):
    before = merged.file.read_bytes()
    assert merged.audit("--write-baseline").exit_code == 0
    assert merged.file.read_bytes() == before
