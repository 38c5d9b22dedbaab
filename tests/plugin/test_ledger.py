# SPDX-License-Identifier: Apache-2.0
"""Reruns of one commit: what stands is given back, what is open goes on, and a new attempt is counted."""

import json
import signal
import subprocess
import textwrap

import pytest
from _pytest.config import ExitCode

from ophamin.core import environment

COMMIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")

NOTE = """
def note(text):
    with open("runs.log", "a") as log:
        log.write(text)

"""
FINE = '''
    @scenario("most are fine", rate("fine") >= 0.5, budget=20)
    def test_fine(trial):
        """Is it fine?"""
        note("x")
        while not trial.decided:
            trial.observe(fine=True)
'''
OPEN = '''
    @scenario("most are fine", rate("fine") >= 0.9, corpus="sentences", budget={budget})
    def test_open(trial, stream):
        """Is it fine?"""
        for record in stream:
            note(record.id + "\\n")
            trial.observe(fine=True)
'''


@pytest.fixture
def repository(project):
    """A project under git, whose sessions each ask git anew."""

    class Repository:
        def commit(self, source, name="test_claims.py"):
            project.write(NOTE + textwrap.dedent(source), name)
            project.write("runs.log\nproofs/latest/\n__pycache__/\n", ".gitignore")
            for command in (("git", "init", "-q"), ("git", "add", "-A"), (*COMMIT, "commit", "-qm", "x")):
                subprocess.run(command, cwd=project.path, check=True)

        def run(self, *arguments):
            environment._git_facts.cache_clear()
            return project.run(*arguments)

        def runs(self):
            log = project.path / "runs.log"
            return log.read_text() if log.exists() else ""

        def entries(self):
            (path,) = (project.path / ".ophamin/ledger").glob("*/*/attempts.jsonl")
            return [json.loads(line) for line in path.read_text().splitlines()]

        path = project.path
        record = staticmethod(project.record)
        records = staticmethod(project.records)

    yield Repository()
    environment._git_facts.cache_clear()


def test_a_verdict_of_the_same_commit_stands_and_its_body_does_not_run_again(repository):
    repository.commit(FINE)
    assert repository.run().ret == ExitCode.OK
    first = repository.record()
    again = repository.run()
    assert again.ret == ExitCode.OK
    again.stdout.fnmatch_lines(["VALIDATED*n=6 of 20 (stored 20*"])
    assert repository.runs() == "x"
    assert repository.record() == first


def test_a_refutation_of_the_same_commit_stands_however_often_it_is_run(repository):
    repository.commit(
        '''
        import random

        @scenario("it is fine", rate("fine") >= 0.9, budget=40)
        def test_fine(trial):
            """Is it fine?"""
            note("x")
            while not trial.decided:
                trial.observe(fine=False)
        '''
    )
    for _ in range(3):
        result = repository.run()
        assert result.ret == ExitCode.TESTS_FAILED
        assert "attempt  " not in result.stdout.str()
    assert repository.runs() == "x"


def test_a_new_commit_begins_anew(repository):
    repository.commit(FINE)
    repository.run()
    repository.commit("# another commit\n", "other.py")
    repository.run()
    assert repository.runs() == "xx"


def test_a_fresh_attempt_is_counted_and_draws_other_seeds(repository):
    repository.commit(FINE)
    repository.run()
    result = repository.run("--ophamin-fresh")
    result.stdout.fnmatch_lines(["*(attempt 2)*"])
    first, second = repository.entries()
    assert (second["number"], second["fresh"]) == (2, True)
    assert first["seed"] != second["seed"]


def test_an_undecided_claim_stands_until_it_is_resumed_with_unused_records(repository):
    repository.commit(OPEN.format(budget=20))
    first = repository.run()
    first.stdout.fnmatch_lines(["*go on: pytest --ophamin --ophamin-resume *test_open"])
    assert first.parseoutcomes() == {"inconclusive": 1}
    assert repository.run().parseoutcomes() == {"inconclusive": 1}
    used = repository.runs().split()
    assert len(used) == len(set(used)) == 20
    (before,) = repository.records()
    resumed = repository.run("--ophamin-resume")
    assert resumed.parseoutcomes() == {"passed": 1}
    resumed.stdout.fnmatch_lines(["VALIDATED*n=36 of 40*(attempt 2)*"])
    everything = repository.runs().split()
    assert len(everything) == len(set(everything)) == 36, "no record may be used twice"
    record = repository.record()
    assert record.reproduction.lineage_chain == [before.proof_id]
    assert record.evidence[0].detail["n_rows"] == 36, "all observations lie beside the record that rests on them"
    assert repository.run().parseoutcomes() == {"passed": 1}


def test_a_body_that_broke_goes_on_from_what_it_saw(repository):
    repository.commit(
        '''
        import pathlib

        @scenario("most are fine", rate("fine") >= 0.9, corpus="sentences", budget=50)
        def test_open(trial, stream):
            """Is it fine?"""
            flag = pathlib.Path("runs.log")
            for n, record in enumerate(stream):
                trial.observe(fine=True)
                if n == 9 and not flag.exists():
                    flag.write_text("broke")
                    raise OSError("the cable came out")
        '''
    )
    assert repository.run().parseoutcomes() == {"failed": 1}
    assert repository.run().parseoutcomes() == {"passed": 1}
    assert repository.record().evidence[0].detail["n_rows"] == 36
    assert [entry["kind"] for entry in repository.entries()] == ["broken", "verdict"]


def test_a_fixed_plan_cannot_be_resumed_and_says_why(repository):
    repository.commit(
        '''
        @scenario("most are fine", rate("fine") >= 0.9)
        def test_open(trial):
            """Is it fine?"""
            for _ in range(10):
                trial.observe(fine=True)
        '''
    )
    assert repository.run().parseoutcomes() == {"inconclusive": 1}
    result = repository.run("--ophamin-resume")
    assert result.parseoutcomes() == {"inconclusive": 1}
    assert "cannot be resumed" in result.stdout.str()
    assert len(repository.entries()) == 1


def test_calibrated_boundaries_cannot_be_resumed(repository):
    repository.commit(
        '''
        @scenario("it is fine", rate("fine") >= 0.9, budget=70, mde=0.05, method="sprt", boundaries="calibrated")
        def test_open(trial):
            """Is it fine?"""
            for n in range(70):
                trial.observe(fine=n % 10 != 0)
        '''
    )
    repository.run()
    result = repository.run("--ophamin-resume")
    assert "calibrated for a" in result.stdout.str()
    assert len(repository.entries()) == 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: (path / "test_claims.py").write_text((path / "test_claims.py").read_text() + "\n#\n"), "changes"),
        (lambda path: (path / "helper.py").write_text("X = 1\n"), "helper.py is not tracked by git"),
    ],
    ids=["changed", "untracked"],
)
def test_a_tree_that_is_no_commit_uses_no_ledger_and_says_why(repository, spoil, reason):
    repository.commit(FINE)
    repository.run()
    spoil(repository.path)
    result = repository.run()
    result.stdout.fnmatch_lines([f"ledger: off, *{reason}*"])
    assert repository.runs() == "xx"


def test_without_git_there_is_no_ledger(project):
    project.write(FINE)
    project.run().stdout.fnmatch_lines(["ledger: off, no commit is known*"])
    assert not (project.path / ".ophamin").exists()


def test_a_damaged_ledger_is_an_error_that_names_the_file_and_the_claim_is_not_decided(repository):
    repository.commit(FINE)
    repository.run()
    (path,) = (repository.path / ".ophamin/ledger").glob("*/*/1.proof.json")
    path.write_bytes(path.read_bytes().replace(b"most are fine", b"most are FINE"))
    result = repository.run()
    assert result.parseoutcomes() == {"failed": 1}
    assert "1.proof.json" in result.stdout.str()
    assert repository.record().verdict.outcome == "INCONCLUSIVE"


def test_a_ledger_of_another_version_is_refused(repository):
    repository.commit(FINE)
    repository.run()
    (path,) = (repository.path / ".ophamin/ledger").glob("*/*/key.json")
    path.write_text(path.read_text().replace("ophamin-history/1", "ophamin-history/9"))
    result = repository.run()
    assert result.parseoutcomes() == {"failed": 1}
    assert "ophamin-history/9" in result.stdout.str()


def test_two_sessions_at_once_do_not_try_one_claim_twice(repository, project):
    repository.commit(
        '''
        import os, pathlib

        @scenario("most are fine", rate("fine") >= 0.5, budget=20)
        def test_fine(trial):
            """Is it fine?"""
            if not pathlib.Path("runs.log").exists():
                os.mkfifo("waits.fifo")
                pathlib.Path("runs.log").write_text("begun")
                pathlib.Path("waits.fifo").read_text()
            while not trial.decided:
                trial.observe(fine=True)
        '''
    )
    (repository.path / ".gitignore").write_text("runs.log\nwaits.fifo\nproofs/\n__pycache__/\n")
    subprocess.run((*COMMIT, "commit", "-qam", "x"), cwd=repository.path, check=True)
    other = project.start("--ophamin-dir=proofs/other")
    try:
        while not (repository.path / "runs.log").exists():
            assert other.poll() is None
        result = repository.run()
        assert result.parseoutcomes() == {"failed": 1}
        assert f"process {other.pid}" in result.stdout.str() or str(other.pid) in result.stdout.str()
        (repository.path / "waits.fifo").write_text("go on")
        assert other.wait(60) == 0
    finally:
        other.kill()
    assert repository.run().parseoutcomes() == {"passed": 1}, "what the other one found stands"


def test_a_killed_session_leaves_the_ledger_as_it_was(repository, project):
    repository.commit(
        '''
        import os, pathlib, signal

        @scenario("most are fine", rate("fine") >= 0.5, budget=20)
        def test_fine(trial):
            """Is it fine?"""
            flag = pathlib.Path("runs.log")
            if not flag.exists():
                flag.write_text("begun")
                os.kill(os.getpid(), signal.SIGKILL)
            while not trial.decided:
                trial.observe(fine=True)
        '''
    )
    other = project.start()
    assert other.wait(60) == -signal.SIGKILL
    assert repository.run().parseoutcomes() == {"passed": 1}
    assert [entry["number"] for entry in repository.entries()] == [1]


def test_resume_and_fresh_exclude_each_other(repository):
    repository.commit(FINE)
    result = repository.run("--ophamin-resume", "--ophamin-fresh")
    assert result.ret == ExitCode.USAGE_ERROR
    assert "give one of them" in result.stderr.str()


def test_reruns_within_a_session_change_nothing(repository):
    repository.commit(FINE.replace("fine=True", "fine=False"))
    result = repository.run("-p", "rerunfailures", "--reruns", "3")
    assert result.parseoutcomes()["failed"] == 1
    assert repository.runs() == "x"


TWO = '''
    @scenario("both hold", rate("bad") <= 0.1, rate("coin") >= 0.5, budget=60)
    def test_two(trial, rng):
        """Do both hold?"""
        note("x")
        for n in range(60):
            trial.observe(bad=True, coin=n % 2 == 0)
            if trial.decided:
                break
'''


def test_a_decided_claim_stands_while_another_of_the_same_test_is_resumed(repository):
    repository.commit(TWO)
    assert repository.run().ret == ExitCode.TESTS_FAILED
    (first,) = [one for one in repository.records() if one.verdict.outcome == "REFUTED"]
    for _ in range(2):
        assert repository.run("--ophamin-resume").ret == ExitCode.TESTS_FAILED
        (again,) = [one for one in repository.records() if one.verdict.outcome == "REFUTED"]
        assert again == first
    coin = next(one for one in repository.records() if one.verdict.outcome == "INCONCLUSIVE")
    assert coin.evidence[0].detail["n_rows"] > 100, "the undecided claim goes on from what it has"


def test_systems_that_are_named_alike_are_cases_of_their_own(repository):
    repository.commit(
        '''
        class Answers:
            def __init__(self, value):
                self.value = value

            def __call__(self, text):
                return self.value

        @scenario("few are wrong", rate("value") <= 0.3, corpus="sentences",
                  substrates={"good": Answers(False), "evil": Answers(True)})
        def test_system(substrate, stream):
            """Is it good?"""
            for record in stream:
                substrate.run_cycle(record.content)
        '''
    )
    for _ in range(2):
        outcomes = repository.run().parseoutcomes()
        assert (outcomes["passed"], outcomes["failed"]) == (1, 1)


def test_a_fixed_body_that_breaks_off_never_gets_another_sample(repository):
    repository.commit(
        '''
        @scenario("heads are rare", rate("heads") <= 0.2)
        def test_coin(trial, rng):
            """Is it rare?"""
            drawn = [bool(rng.random() < 0.5) for _ in range(40)]
            note(str(sum(drawn)) + " ")
            raise OSError("that did not suit me")
        '''
    )
    for _ in range(3):
        assert repository.run().parseoutcomes() == {"failed": 1}
    assert len(set(repository.runs().split())) == 1


def test_an_error_in_the_evidence_fails_again_and_buys_no_budget(repository):
    repository.commit(
        '''
        @scenario("both hold", rate("bad") <= 0.5, rate("typo") <= 0.5, budget=20)
        def test_two(trial):
            """Do both hold?"""
            for n in range(20):
                trial.observe(bad=n % 2 == 0)
        '''
    )
    for _ in range(3):
        assert repository.run().parseoutcomes() == {"failed": 1}
        assert {one.evidence[0].detail["n_rows"] for one in repository.records()} == {20}


def test_caches_beside_a_corpus_do_not_turn_the_ledger_off(repository):
    repository.commit(FINE)
    (repository.path / ".ophamin_lines_count").write_text("3")
    repository.run().stdout.fnmatch_lines(["ledger: .ophamin/ledger*"])
