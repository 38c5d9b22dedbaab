# SPDX-License-Identifier: Apache-2.0
"""Under pytest-xdist, and when a process dies: no record is lost, half-written or removed by another."""

import time

import pytest
from _pytest.config import ExitCode

PATIENCE = 60.0  # seconds; a bound on the waiting, reached only when something is wrong


def wait_for(path, process):
    """Wait until a file is there."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None, f"the session ended with {process.returncode}"
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.01)


def test_a_worker_that_dies_leaves_an_inconclusive_record(spread):
    spread.write('''
        import os

        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_fatal(trial):
            """Does the process live?"""
            trial.observe(wrong=False)
            os._exit(1)
    ''')
    spread.claims(file="test_others.py", right=0, wrong=36)
    result = spread.run("--ophamin-seed=5")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 2, "passed": 1})
    assert spread.verdicts() == {"fatal": "INCONCLUSIVE", "right": "VALIDATED", "wrong": "REFUTED"}
    (record,) = [one for one in spread.records() if one.verdict.outcome == "INCONCLUSIVE"]
    reason = record.evidence[0].detail["inconclusive"][0]
    assert reason == "the worker process died before the claim was concluded"
    assert record.reproduction.command.endswith("test_claims.py::test_fatal --ophamin-seed=5")
    assert any("worker process died" in line for line in result.outlines)


def test_a_worker_that_dies_leaves_the_record_of_the_plan_that_was_stamped(project, spread):
    source = '''
        import os

        @pytest.mark.parametrize("case", [3])
        @scenario("few are wrong", rate("wrong") <= 0.5, mean("size", bounds=(0, 9)) <= 4, substrate="mock:seed=3")
        def test_fatal(trial, substrate, case):
            """Does the process live?

            If refuted: it does not.
            """
            {death}
    '''
    spread.write(source.format(death="os.getenv('STAY') or os._exit(1)"))
    spread.run("--ophamin-seed=5")
    dead = {record.claim.threshold.metric: record for record in spread.records()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STAY", "yes")
        project.run("--ophamin-seed=5")
    alive = {record.claim.threshold.metric: record for record in spread.records()}
    assert sorted(dead) == sorted(alive) == ["mean(size)", "rate(wrong)"]
    for metric, record in dead.items():
        plan, other = record.preregistration, alive[metric].preregistration
        assert (plan.config_hash, plan.data_hash, plan.analysis_plan, plan.sweep_grid) == (
            other.config_hash,
            other.data_hash,
            other.analysis_plan,
            other.sweep_grid,
        )
        told, others = spread.told(record), spread.told(alive[metric])
        assert (told["seed"], told["config"]) == (others["seed"], others["config"])
        assert (record.substrate_name, record.substrate_git_commit) == ("mock", "mock-0000003")


def test_a_worker_that_dies_after_the_verdict_leaves_the_verdict(spread):
    spread.write('''
        import os

        @pytest.fixture
        def fatal():
            yield
            os._exit(1)

        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_answers(fatal, trial):
            """Does the verdict stay?"""
            for _ in range(40):
                trial.observe(wrong=False)
    ''')
    assert spread.run().ret == ExitCode.TESTS_FAILED
    assert spread.verdicts() == {"answers": "VALIDATED"}


def test_no_worker_removes_what_another_wrote(spread):
    spread.claims(**{f"claim_{number}": 0 for number in range(8)})
    assert spread.run().parseoutcomes() == {"passed": 8}
    assert len(spread.records()) == 8


@pytest.mark.parametrize("options", [["-n", "0"], ["-n", "1"], ["--dist", "loadfile"]], ids=" ".join)
def test_every_way_of_spreading_gives_the_same_verdicts(spread, options):
    spread.claims(right=0, wrong=36)
    spread.claims(file="test_others.py", open=20)
    result = spread.run(*options)
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "inconclusive": 1}
    assert spread.verdicts() == {"right": "VALIDATED", "wrong": "REFUTED", "open": "INCONCLUSIVE"}


def test_numbers_of_numpy_cross_from_a_worker(spread):
    spread.write('''
        import numpy as np

        @pytest.mark.parametrize("limit", [np.float64(9.0)])
        @scenario(
            "sizes are small",
            lambda limit: (quantile("size", np.float64(0.5)) <= limit, observed("top", deterministic=True) <= limit),
            alpha=np.float64(0.05),
        )
        def test_sizes(trial, limit):
            """Are sizes small?"""
            for number in range(40):
                trial.observe(size=np.float64(number % 5), top=np.int64(4))
    ''')
    result = spread.run()
    assert result.parseoutcomes() == {"passed": 1}
    assert [record.verdict.outcome for record in spread.records()] == ["VALIDATED"] * 2


BLOCKS = '''
    import os
    import time

    @scenario("few are wrong", rate("wrong") <= 0.5)
    def test_blocking(trial):
        """Is it killed?"""
        trial.observe(wrong=False)
        open("blocked", "w").close()
        while os.path.exists("blocked"):
            time.sleep(0.01)
'''


def test_a_session_that_is_killed_leaves_every_concluded_record_whole(project):
    project.claims(file="test_a.py", right=0, wrong=36, open=20)
    project.write(BLOCKS, "test_b.py")
    session = project.start()
    try:
        wait_for(project.path / "blocked", session)
        session.kill()
        session.wait(PATIENCE)
    finally:
        (project.path / "blocked").unlink(missing_ok=True)
        session.kill()
        session.wait()
    assert project.verdicts() == {"right": "VALIDATED", "wrong": "REFUTED", "open": "INCONCLUSIVE"}
    for proof in project.proofs():
        assert len(project.observations(proof)["m.wrong"]) == 40
    assert {path.name for path in (project.path / "proofs").rglob("*") if path.is_file()} == {
        "PROOF.md",
        "observations.json.gz",
        "proof.json",
    }


def test_the_next_session_clears_up_after_a_killed_one(project):
    project.claims(file="test_a.py", right=0)
    project.write(BLOCKS, "test_b.py")
    session = project.start()
    try:
        wait_for(project.path / "blocked", session)
    finally:
        session.kill()
        session.wait(PATIENCE)
        (project.path / "blocked").unlink(missing_ok=True)
    first = project.record().proof_id
    project.run("test_a.py")
    assert project.record().proof_id != first
