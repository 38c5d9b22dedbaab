# SPDX-License-Identifier: Apache-2.0
"""What a record is good for: its command gives the verdict again, its observations give it without the library."""

import json
import math
import shlex
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats

COMMANDS = '''
    @pytest.mark.parametrize("case", ["plain", "it's [odd] & $HOME"])
    @scenario("half is low", rate("low") <= 0.5, corpus="sentences", budget=50, method="exact")
    def test_draw(trial, stream, rng, case):
        """Is it drawn again?"""
        for record in stream:
            trial.observe(low=bool(rng.random() < 0.3 + len(record.content) / 1000))

    @scenario("phi is high", mean("phi", bounds=(0, 2)) >= 0.5)
    def test_system(substrate):
        """Is it high?"""
        for _ in range(40):
            substrate.run_cycle("x")
'''


def same(record):
    """What a repetition must give again."""
    evidence = record.evidence[0]
    return (
        record.claim.statement,
        record.verdict.outcome,
        record.verdict.observed_value,
        (evidence.ci_low, evidence.ci_high, evidence.detail["n_units"]),
        record.preregistration.config_hash,
        record.reproduction.command,
    )


def pasted(command, project, monkeypatch):
    """Run a record's command in a shell, as a person would, with no option of ours beside it."""
    monkeypatch.setenv("PYTEST_ADDOPTS", shlex.join([*project.arguments, "-pno:cov"]))
    line = command.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
    return subprocess.run(line, shell=True, cwd=project.path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["plain", "it's [odd] & $HOME", "mock-0000003"])
def test_the_command_of_a_record_gives_the_record_again(project, monkeypatch, kind):
    project.write(COMMANDS)
    project.run("--ophamin-seed=11", "--substrate=mock", "--substrate=mock:seed=3")
    kinds = {one.preregistration.sweep_grid.get("case", one.substrate_git_commit): one for one in project.records()}
    first = kinds[kind]
    result = pasted(first.reproduction.command, project, monkeypatch)
    assert result.returncode in {0, 1}, result.stdout + result.stderr
    assert same(project.record()) == same(first)


def test_the_command_of_a_second_attempt_gives_that_attempt_again(project, monkeypatch):
    project.write('''
        @scenario("few are low", rate("low") <= 0.01)
        def test_draw(trial, rng):
            """Is it drawn again?"""
            for _ in range(40):
                trial.observe(low=bool(rng.random() < 0.5))
    ''')
    project.run("--reruns", "1")
    second = project.records()[-1]
    pasted(second.reproduction.command, project, monkeypatch)
    assert same(project.record()) == same(second)


def by_unit(project, metric):
    """Values of each unit, out of the observations file alone."""
    (proof,) = project.proofs()
    columns = project.observations(proof)
    groups = {}
    for unit, value in zip(columns["m.user"], columns[f"m.{metric}"], strict=True):
        groups.setdefault(unit, []).append(value)
    return list(groups.values())


def written(project):
    """The record as plain JSON, read without the library."""
    (proof,) = project.proofs()
    return json.loads(proof.read_text())


def test_two_parametrizations_draw_differently(project):
    project.write(COMMANDS)
    project.run("-k", "draw")
    first, second = (project.observations(proof) for proof in project.proofs())
    assert first["m.low"] != second["m.low"]
    assert first["stimulus"] != second["stimulus"]
    assert len(set(first["stimulus"])) == 50


def trial_of(project, declaration, draw):
    project.write(f'''
        @scenario("it holds", {declaration})
        def test_claim(trial, rng):
            """Does it hold?"""
            for number in range(120):
                trial.observe(user=f"user {{number % 30}}", value={draw})
    ''')
    project.run()


def outcome(shows, excludes):
    return "VALIDATED" if shows else "REFUTED" if excludes else "INCONCLUSIVE"


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_rate_is_recomputed_from_its_observations(project, share):
    trial_of(project, 'rate("value") <= 0.2, alpha=0.04, beta=0.1', f"bool(rng.random() < {share})")
    values = [value for group in by_unit(project, "value") for value in group]
    record = written(project)
    k, n = sum(values), len(values)
    assert record["verdict"]["observed_value"] == k / n
    shows = scipy.stats.binomtest(k, n, 0.2, "less").pvalue <= 0.04
    excludes = scipy.stats.binomtest(k, n, 0.2, "greater").pvalue <= 0.1
    assert record["verdict"]["outcome"] == outcome(shows, excludes)
    assert record["evidence"][0]["ci_high"] == pytest.approx(scipy.stats.beta.ppf(0.96, k + 1, n - k), rel=1e-9)
    assert record["evidence"][0]["ci_low"] == pytest.approx(scipy.stats.beta.ppf(0.1, k, n - k + 1), rel=1e-9)


@pytest.mark.parametrize("level", [4.0, 5.0, 6.0])
def test_a_gaussian_mean_of_units_is_recomputed_from_its_observations(project, level):
    trial_of(project, 'mean("value", model="gaussian") >= 5, unit="user"', f"float(rng.normal({level}, 1))")
    units = [np.mean(group) for group in by_unit(project, "value")]
    record = written(project)
    assert len(units) == 30 == record["evidence"][0]["detail"]["n_units"]
    assert record["verdict"]["observed_value"] == pytest.approx(np.mean(units), rel=1e-12)
    shows = scipy.stats.ttest_1samp(units, 5, alternative="greater").pvalue <= 0.05
    excludes = scipy.stats.ttest_1samp(units, 5, alternative="less").pvalue <= 0.05
    assert record["verdict"]["outcome"] == outcome(shows, excludes)


def log_wealth(values, m):
    """Log of the mean wealth of sixteen bets against "the mean is at most m"; source: Waudby-Smith and Ramdas, 2024."""
    stakes = 0.95 * 2.0 ** (-np.arange(16) / 2)
    logs = np.log1p(stakes[:, None] * (np.asarray(values) / m - 1)).sum(axis=1)
    return scipy.special.logsumexp(logs) - math.log(16)


@pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
def test_a_bounded_mean_of_units_is_recomputed_from_its_observations(project, level):
    draw = f"2 * float(rng.beta({10 * level}, {10 - 10 * level}))"
    trial_of(project, 'mean("value", bounds=(0, 2)) >= 1, unit="user"', draw)
    units = np.array([np.mean(group) / 2 for group in by_unit(project, "value")])
    record = written(project)
    assert record["verdict"]["observed_value"] == pytest.approx(2 * units.mean(), rel=1e-12)
    shows = log_wealth(units, 0.5) >= math.log(20)
    excludes = log_wealth(1 - units, 0.5) >= math.log(20)
    assert record["verdict"]["outcome"] == outcome(shows, excludes)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_a_quantile_is_recomputed_from_its_observations(project, scale):
    trial_of(project, 'quantile("value", 0.9) <= 2.3', f"float(rng.exponential({scale}))")
    values = np.array([value for group in by_unit(project, "value") for value in group])
    record = written(project)
    assert record["verdict"]["observed_value"] == np.quantile(values, 0.9, method="inverted_cdf")
    # the quantile is at most 2.3 where P(value <= 2.3) >= 0.9, and above where P(value <= 2.3) < 0.9
    below = int((values <= 2.3).sum())
    shows = scipy.stats.binomtest(below, len(values), 0.9, "greater").pvalue <= 0.05
    excludes = scipy.stats.binomtest(below, len(values), 0.9, "less").pvalue <= 0.05
    assert record["verdict"]["outcome"] == outcome(shows, excludes)
