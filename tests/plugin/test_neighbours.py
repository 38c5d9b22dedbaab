# SPDX-License-Identifier: Apache-2.0
"""Other plugins that a project may have: reruns, random order, repetition, time limits, coverage."""

import json
import xml.etree.ElementTree as ET

import pytest
from _pytest.config import ExitCode

LUCKY = '''
    @scenario("few are wrong", rate("wrong") <= 0.5)
    def test_lucky(trial):
        """Does trying again help?"""
        first = trial.situation.attempt == 1
        for number in range(40):
            trial.observe(wrong={first} if first else False)
'''


def attempts(project):
    """Number of the attempt -> verdict."""
    return {project.told(record)["attempt"]: record.verdict.outcome for record in project.records()}


def test_reruns_of_a_refuted_claim_are_counted_and_all_their_records_kept(project):
    project.claims(wrong=36)
    result = project.run("--reruns", "2")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 1, "rerun": 2})
    assert attempts(project) == {1: "REFUTED", 2: "REFUTED", 3: "REFUTED"}


def test_each_attempt_draws_anew_and_its_command_says_which_it_was(project):
    project.write('''
        @scenario("few are low", rate("low") <= 0.01)
        def test_draw(trial, rng):
            """Is it drawn anew?"""
            for _ in range(40):
                trial.observe(low=bool(rng.random() < 0.5))
    ''')
    project.run("--reruns", "1", "--ophamin-seed=4")
    drawn = [tuple(project.observations(proof)["m.low"]) for proof in project.proofs()]
    assert len(set(drawn)) == 2
    seeds = {record.reproduction.command.rpartition("=")[2] for record in project.records()}
    assert seeds == {"4", "4.2"}


def test_a_rerun_cannot_better_a_refuted_claim(project):
    project.write(LUCKY.format(first="True"))
    result = project.run("--reruns", "2")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 1, "rerun": 2})
    assert attempts(project) == {1: "REFUTED", 2: "VALIDATED", 3: "VALIDATED"}
    result.stdout.fnmatch_lines(["*verdict*REFUTED", "*trying again betters nothing*"])


def test_a_rerun_cannot_better_a_gated_inconclusive_claim(project):
    project.write(LUCKY.format(first="number % 2 == 0"))
    result = project.run("--reruns", "1", "--ophamin-inconclusive=fail")
    assert (result.ret, result.parseoutcomes()) == (80, {"failed": 1, "rerun": 1})
    assert attempts(project) == {1: "INCONCLUSIVE", 2: "VALIDATED"}


def test_a_rerun_after_a_broken_attempt_may_come_to_a_verdict(project):
    project.write('''
        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_flaky(trial):
            """Does it get there?"""
            if trial.situation.attempt == 1:
                raise ConnectionError("busy")
            for number in range(40):
                trial.observe(wrong=False)
    ''')
    result = project.run("--reruns", "1")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.OK, {"passed": 1, "rerun": 1})
    assert attempts(project) == {1: "INCONCLUSIVE", 2: "VALIDATED"}


def test_reruns_are_counted_in_workers_too(pytester, spread):
    spread.arguments.remove("-pno:rerunfailures")
    spread.claims(wrong=36)
    result = spread.run("--reruns", "1")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 1, "rerun": 1})
    assert attempts(spread) == {1: "REFUTED", 2: "REFUTED"}


def test_the_junit_file_tells_each_attempt_once(project):
    project.claims(wrong=36)
    project.run("--reruns", "1", "--junitxml=junit.xml")
    told = [
        [one.get("value") for one in case.iter("property") if one.get("name") == "ophamin.verdict"]
        for case in ET.parse(project.path / "junit.xml").iter("testcase")
    ]
    assert told in ([["REFUTED"]], [["REFUTED"], ["REFUTED"]])  # older versions give one case for all attempts


def test_verdicts_and_draws_do_not_depend_on_a_random_order(project):
    project.claims(**{f"claim_{number}": 36 * (number % 2) for number in range(6)})
    project.write(
        '''
        @scenario("few are low", rate("low") <= 0.01)
        def test_draw(trial, rng):
            """Does the order matter?"""
            for _ in range(40):
                trial.observe(low=bool(rng.random() < 0.5))
    ''',
        "test_draw.py",
    )
    seen = []
    project.arguments.remove("-pno:randomly")
    for option in ("-pno:randomly", "--randomly-seed=1"):
        result = project.run(option)
        order = [report.nodeid for report in result.reprec.getreports() if report.when == "call"]
        low = [project.observations(proof)["m.low"] for proof in project.proofs() if "test_draw" in str(proof)]
        seen.append((order, project.verdicts(), low))
    assert seen[0][0] != seen[1][0]
    assert seen[0][1:] == seen[1][1:]


def test_each_repetition_is_a_trial_of_its_own(project):
    project.claims(right=0)
    assert project.run("--count", "3").parseoutcomes() == {"passed": 3}
    assert len({record.preregistration.config_hash for record in project.records()}) == 3


def test_a_body_that_is_cut_by_a_time_limit_fails_and_its_record_says_why(project):
    project.write('''
        import time

        @scenario("few are wrong", rate("wrong") <= 0.5)
        def test_endless(trial):
            """Does it end?"""
            while True:
                trial.observe(wrong=False)
                time.sleep(0.01)
    ''')
    result = project.run("--timeout=0.3", "--timeout-method=signal")
    assert (result.ret, result.parseoutcomes()) == (ExitCode.TESTS_FAILED, {"failed": 1})
    record = project.record()
    assert record.verdict.outcome == "INCONCLUSIVE"
    assert "Timeout" in record.evidence[0].detail["inconclusive"][0]
    assert record.evidence[0].detail["n_rows"] >= 1


def test_coverage_of_a_scenarios_body_is_measured(project):
    project.claims(right=0)
    result = project.run_apart("--cov=test_claims", "--cov-report=json")
    assert result.ret == ExitCode.OK
    summary = json.loads((project.path / "coverage.json").read_text())["files"]["test_claims.py"]["summary"]
    assert summary["percent_covered"] == 100
    assert project.verdicts() == {"right": "VALIDATED"}


@pytest.mark.parametrize("name", ["hypothesispytest", "randomly", "xdist", "rerunfailures", "asyncio"])
def test_verdicts_do_not_need(project, name):
    project.claims(right=0, wrong=36)
    result = project.run(f"-pno:{name}")
    assert result.ret == ExitCode.TESTS_FAILED
    assert project.verdicts() == {"right": "VALIDATED", "wrong": "REFUTED"}
