# SPDX-License-Identifier: Apache-2.0
"""Claims are registered before they run: what the lock catches, and what it lets pass."""

import subprocess

import pytest
from _pytest.config import ExitCode

from ophamin.core import environment

CLAIMS = '''
    @scenario("it is fine", rate("wrong") <= {bar}{more})
    def test_one(trial):
        """Is it fine?"""
        for n in range(40):
            trial.observe(wrong={wrong})

    @scenario("the other is fine", rate("wrong") <= 0.5)
    def test_two(trial):
        """Is it fine?"""
        for n in range(40):
            trial.observe(wrong=False)
'''
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")


def write(project, bar=0.2, more="", wrong="False"):
    project.write(CLAIMS.format(bar=bar, more=more, wrong=wrong))


@pytest.fixture
def locked(project):
    """A project whose two claims are registered."""
    write(project)
    assert project.run("--ophamin-register").ret == ExitCode.OK
    return project


def level(record):
    return record.provenance["entity"]["ophamin:scenario"]["ophamin:registration"]


def test_registering_writes_the_lock_and_runs_nothing(project):
    project.write('''
        @scenario("it is fine", rate("wrong") <= 0.2)
        def test_one(trial):
            """Is it fine?"""
            raise AssertionError("it must not run")
    ''')
    result = project.run("--ophamin-register")
    assert result.ret == ExitCode.OK
    result.stdout.fnmatch_lines(["ophamin.lock: 1 claim, 1 locked*"])
    assert "threshold = 0.2" in (project.path / "ophamin.lock").read_text()
    assert not (project.path / "proofs").exists()
    before = (project.path / "ophamin.lock").read_bytes()
    project.run("--ophamin-register").stdout.fnmatch_lines(["*nothing changed*"])
    assert (project.path / "ophamin.lock").read_bytes() == before


def test_what_was_registered_runs_and_its_records_say_so(locked):
    result = locked.run()
    assert result.ret == ExitCode.OK
    result.stdout.fnmatch_lines(["lock: ophamin.lock, 2 claims*"])
    assert {level(record) for record in locked.records()} == {"declared"}


def test_without_a_lock_records_are_of_no_level(project):
    write(project)
    project.run().stdout.fnmatch_lines(["lock: none, so all claims are exploratory*"])
    assert {level(record) for record in project.records()} == {"none"}


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ({"bar": 0.3}, "0.2", "0.3"),
        ({"more": ", alpha=0.2"}, "0.05", "0.2"),
        ({"more": ", budget=500"}, "", "500"),
        ({"more": ", method='mixture'"}, "auto", "mixture"),
        ({"more": ", errors='fail'"}, "exclude", "fail"),
        ({"more": ", corpus='sentences'"}, "", "sentences"),
    ],
)
def test_a_changed_claim_is_goalposts_moved_and_is_not_tried(locked, change, old, new):
    write(locked, **change)
    result = locked.run()
    assert result.ret == 81
    text = result.stdout.str()
    assert "GOALPOSTS MOVED" in text
    assert old in text
    assert new in text
    assert [record.claim.statement for record in locked.records()] == ["the other is fine"]


def test_a_change_needs_a_reason_and_is_then_registered_with_it(locked):
    write(locked, bar=0.3)
    refused = locked.run("--ophamin-register")
    assert refused.ret == ExitCode.USAGE_ERROR
    assert "--ophamin-reason" in refused.stderr.str() + refused.stdout.str()
    assert locked.run("--ophamin-register", "--ophamin-reason=the bar was a typo").ret == ExitCode.OK
    assert "the bar was a typo" in (locked.path / "ophamin.lock").read_text()
    assert locked.run().ret == ExitCode.OK


def test_a_changed_body_is_shown_and_is_no_goalpost(locked):
    write(locked, wrong="n == 99")
    result = locked.run_apart()  # this process remembers the lines of the file as it was
    assert result.ret == ExitCode.OK
    assert "BODY CHANGED" in result.stdout.str()


def test_a_comment_changes_nothing(locked):
    source = (locked.path / "test_claims.py").read_text()
    (locked.path / "test_claims.py").write_text(source.replace("for n in range(40):", "for n in range(40):  # forty"))
    result = locked.run()
    assert "CHANGED" not in result.stdout.str()


def test_a_locked_claim_that_is_gone_is_missing(locked):
    locked.write('''
        @scenario("it is fine", rate("wrong") <= 0.2)
        def test_one(trial):
            """Is it fine?"""
            for n in range(40):
                trial.observe(wrong=False)
    ''')
    result = locked.run()
    assert result.ret == 81
    assert "MISSING" in result.stdout.str()


@pytest.mark.parametrize("arguments", [("-k", "one"), ("test_claims.py",), ("--deselect", "test_claims.py::test_two")])
def test_a_part_of_the_suite_looks_for_nothing_missing(locked, arguments):
    result = locked.run(*arguments)
    assert result.ret == ExitCode.OK
    assert "MISSING" not in result.stdout.str()


def test_a_new_claim_is_exploratory_and_is_tried(locked):
    locked.claims(file="test_more.py", more=0)
    result = locked.run()
    assert result.ret == ExitCode.OK
    result.stdout.fnmatch_lines(["*exploratory: not in the lock*"])
    assert sorted(level(record) for record in locked.records()) == ["declared", "declared", "none"]


def test_two_workers_find_the_same(spread):
    write(spread)
    spread.arguments = [one for one in spread.arguments if one not in {"-n", "2"}]
    assert spread.run("--ophamin-register").ret == ExitCode.OK
    write(spread, bar=0.3)
    result = spread.run("-n", "2")
    assert result.ret == 81
    assert "GOALPOSTS MOVED" in result.stdout.str()


def test_a_claim_that_stood_at_the_merge_base_is_of_level_base(locked):
    for command in (("init", "-qb", "main"), ("add", "-A"), ("commit", "-qm", "x"), ("checkout", "-qb", "change")):
        subprocess.run((*GIT, *command), cwd=locked.path, check=True)
    environment._git_facts.cache_clear()
    locked.run()
    assert {level(record) for record in locked.records()} == {"base"}


def test_a_lock_is_insisted_on(project):
    write(project)
    result = project.run("--ophamin-locked")
    assert result.ret == ExitCode.USAGE_ERROR
    assert "--ophamin-register" in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[: len(text) // 2], "ophamin.lock"),
        (lambda text: "<<<<<<< HEAD\n" + text, "merge"),
        (lambda text: text.replace("schema = 1", "schema = 9"), "9"),
    ],
)
def test_a_damaged_lock_ends_the_session_with_a_clear_word(locked, damage, told):
    path = locked.path / "ophamin.lock"
    path.write_text(damage(path.read_text()))
    result = locked.run()
    assert result.ret == ExitCode.USAGE_ERROR
    assert told in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--ophamin-reason=x",), "--ophamin-register"), (("--ophamin-register", "-n", "2"), "leave out -n")],
)
def test_options_that_make_no_sense_together_are_refused(project, arguments, told):
    write(project)
    result = project.run(*arguments)
    assert result.ret == ExitCode.USAGE_ERROR
    assert told in result.stderr.str() + result.stdout.str()


def test_the_command_compares_with_the_merge_base(locked, monkeypatch):
    from typer.testing import CliRunner

    from ophamin.cli.app import app

    monkeypatch.chdir(locked.path)
    (locked.path / "pytest.ini").write_text("[pytest]\n")
    for command in (("init", "-qb", "main"), ("add", "-A"), ("commit", "-qm", "x"), ("checkout", "-qb", "change")):
        subprocess.run((*GIT, *command), cwd=locked.path, check=True)
    run = CliRunner().invoke
    assert run(app, ["lock", "check"]).exit_code == 0
    path = locked.path / "ophamin.lock"
    path.write_text(path.read_text().replace("threshold = 0.2", "threshold = 0.4"))
    by_hand = run(app, ["lock", "check"])
    assert by_hand.exit_code == 1
    assert "0.4" in by_hand.stdout
