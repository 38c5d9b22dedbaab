# SPDX-License-Identifier: Apache-2.0
"""A system against itself: the noise floor, where it is kept, and what it refuses."""

import json

from _pytest.config import ExitCode

NOISY = '''
    from ophamin import difference

    @scenario("most are fine", rate("fine") >= 0.5, budget=50)
    def test_fine(trial, rng):
        """Is it fine?"""
        while not trial.decided:
            trial.observe(fine=bool(rng.random() < 0.8))

    def test_ordinary():
        raise AssertionError("an A/A session runs scenarios alone")
'''
COMPARED = '''
    import zlib
    from ophamin import difference

    class Noisy:
        """A score with noise that no two instances share."""

        def __init__(self):
            self.calls = 0

        def __call__(self, text):
            self.calls += 1
            return {{"score": zlib.crc32(f"{{id(self)}} {{self.calls}} {{text}}".encode()) % 1000 / 1000}}

    @scenario(
        "head is no worse",
        difference(mean("score", bounds=(0, 1)), "head", "base") >= {bar},
        corpus="sentences",
        substrates={{"base": Noisy(), "head": Noisy()}},
        {more}
    )
    def test_head(arms, stream):
        """Is head as good as base?"""
        for record in stream:
            arms.run(record)
'''


def floors(project):
    return [json.loads(path.read_text()) for path in sorted((project.path / "proofs/aa").glob("*.json"))]


def test_every_scenario_runs_against_itself_at_the_planned_number_of_units(both):
    both.write(NOISY)
    result = both.run("--ophamin-aa")
    assert result.ret == ExitCode.OK
    assert result.parseoutcomes()["passed"] == 40
    result.stdout.fnmatch_lines(["test_claims.test_fine rate(fine): 0.* (20 pairs of runs of 50 units each) in *"])
    (floor,) = floors(both)
    assert len(floor["estimates"]) == 20
    assert len({tuple(pair) for pair in floor["estimates"]}) > 5, "each run draws seeds of its own"
    assert not list((both.path / "proofs").glob("latest/*/*/*"))


def test_another_claim_shows_the_floor_and_is_tried(project):
    project.write(NOISY.replace('raise AssertionError("an A/A session runs scenarios alone")', "pass"))
    project.run("--ophamin-aa")
    result = project.run("-v")
    result.stdout.fnmatch_lines(["*noise floor 0.*two runs of the same system differ*"])
    assert project.record().evidence[0].detail["noise_floor"] > 0


def test_a_difference_that_asks_for_less_than_the_noise_is_refused(project):
    project.write(COMPARED.format(bar=-0.5, more=""))
    assert project.run("--ophamin-aa").parseoutcomes() == {"passed": 40}
    assert project.run().ret == ExitCode.OK
    for bar, more in ((-0.001, ""), (-0.2, "mde=0.001, budget=60,")):
        project.write(COMPARED.format(bar=bar, more=more))
        result = project.run()
        assert result.ret == ExitCode.INTERRUPTED
        assert "below the noise floor" in result.stdout.str()


def test_a_time_that_fails_on_another_machine_than_its_floor_is_undecided(project):
    project.write('''
        @scenario("it is quick", median("wall_time_s") <= 1e-9, substrate=len, budget=60)
        def test_quick(substrate, trial):
            """Is it quick?"""
            while not trial.decided:
                substrate.run_cycle("x")
    ''')
    project.run("--ophamin-aa")
    assert project.run().parseoutcomes() == {"failed": 1}
    (path,) = (project.path / "proofs/aa").glob("*.json")
    floor = json.loads(path.read_text())
    floor["machine"]["cpu"] = "another processor"
    from ophamin.core.machine import machine_class

    if "machine_class" in floor:
        floor["machine_class"] = machine_class(floor["machine"])
    path.write_text(json.dumps(floor, indent=2, sort_keys=True) + "\n")
    result = project.run()
    assert result.parseoutcomes() == {"inconclusive": 1}
    assert "another processor" in project.record().evidence[0].detail["inconclusive"][0]


def test_a_damaged_floor_is_said_and_not_used(project):
    project.write(NOISY)
    project.run("--ophamin-aa")
    (path,) = (project.path / "proofs/aa").glob("*.json")
    path.write_text("{")
    result = project.run("-k", "fine")
    result.stdout.fnmatch_lines(["noise floors: *"])
    assert result.ret == ExitCode.OK


def test_runs_that_broke_leave_no_floor(project):
    project.write('''
        @scenario("most are fine", rate("fine") >= 0.5, budget=50)
        def test_fine(trial):
            """Is it fine?"""
            raise OSError("no cable")
    ''')
    result = project.run("--ophamin-aa")
    assert result.parseoutcomes() == {"failed": 40}
    result.stdout.fnmatch_lines(["no run of a scenario came to its end*"])
