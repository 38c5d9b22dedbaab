# SPDX-License-Identifier: Apache-2.0
"""--ophamin-plan and `ophamin.plan`: what a claim would cost and promise, with nothing tried."""

import pytest
from _pytest.config import ExitCode

from ophamin import plan, rate, scenario
from ophamin.errors import ClaimError

TWO = '''
    @scenario("most are fine", rate("fine") >= 0.9, mean("score", bounds=(0, 1)) >= 0.5, mde=0.05)
    def test_fine(trial):
        """Is it fine?"""
        open("ran", "w").close()
        while not trial.decided:
            trial.observe(fine=True, score=0.9)

    def test_ordinary():
        open("ran", "w").close()
'''


def test_a_plan_runs_nothing_and_prints_each_claim(project):
    project.write(TWO)
    result = project.run("--ophamin-plan")
    assert result.ret == ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "*test_claims.py::test_fine*",
            "rate(fine) >= 0.9 fraction",
            "smallest n  VALIDATED 56, REFUTED 8",
            "fixed n     VALIDATED 298, *",
            "cap         596 units",
            "*0.95 *98.4 %*178*",
            "mean(score) >= 0.5",
            "2 claims: where all hold*",
            "*0.1 (0.098 if they are*",
            "planned only*",
        ]
    )
    told = result.outlines[result.outlines.index("rate(fine) >= 0.9 fraction") :]
    assert max(map(len, told)) <= 80
    assert not (project.path / "ran").exists()
    assert not (project.path / "proofs").exists()


def test_a_pilot_times_a_few_units_and_writes_no_record(project):
    project.write(TWO)
    result = project.run("--ophamin-plan", "--ophamin-pilot")
    result.stdout.fnmatch_lines(["cost  * expected, * at most (* a unit)"])
    assert (project.path / "ran").exists()
    assert not (project.path / "proofs").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--ophamin-pilot",), "give both"), (("--ophamin-plan", "-n", "2"), "leave out -n")],
)
def test_options_that_make_no_sense_together_are_refused(project, arguments, told):
    project.write(TWO)
    result = project.run(*arguments)
    assert result.ret == ExitCode.USAGE_ERROR
    assert told in result.stderr.str()


def test_a_claim_that_can_only_be_refuted_says_so(project):
    project.write('''
        @scenario("most are fine", rate("fine") >= 0.9, budget=20)
        def test_fine(trial):
            """Is it fine?"""
    ''')
    project.run("--ophamin-plan").stdout.fnmatch_lines(["*REFUTED*"])
    (outlook,) = plan(_scenario(budget=20))
    assert outlook.forecast.reachable == ("REFUTED",)


def test_a_claim_that_can_be_neither_is_refused_at_collection_with_the_numbers(project):
    project.write('''
        @scenario("most are fine", rate("fine") >= 0.9, budget=1)
        def test_fine(trial):
            """Is it fine?"""
    ''')
    result = project.run()
    assert result.ret == ExitCode.INTERRUPTED
    assert "neither validated nor refuted with budget=1" in result.stdout.str()
    assert "at least 2 are needed" in result.stdout.str()


def _scenario(**how):
    def test_it(trial):
        """Does it hold?"""

    return scenario("most are fine", rate("fine") >= 0.9, **how)(test_it)


def test_the_time_of_a_unit_gives_the_cost():
    (outlook,) = plan(_scenario(mde=0.05), unit_seconds=2)
    expected, most = outlook.seconds
    assert most == 1192
    assert expected == pytest.approx(2 * max(truth.expected_n for truth in outlook.forecast.truths))
    assert "cost" in str(outlook)


@pytest.mark.parametrize("unit_seconds", [0, -1, float("nan"), float("inf"), "fast"])
def test_a_time_that_is_none_is_refused(unit_seconds):
    with pytest.raises(ClaimError, match="unit_seconds"):
        plan(_scenario(mde=0.05), unit_seconds=unit_seconds)


def test_what_is_no_scenario_has_no_plan():
    with pytest.raises(ClaimError, match="is no scenario"):
        plan(len)
