# SPDX-License-Identifier: Apache-2.0
"""Run lengths to a false alarm: published values, closed forms, simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from ophamin.measuring.pillars.observability.rules import Frame, chosen_rules, find_signals
from ophamin.measuring.pillars.observability.run_length import (
    TREND_RUN_LENGTHS,
    cusum_run_length,
    ewma_run_length,
    normal_run_length,
    rules_run_length,
)

FRAME = Frame(0.0, 1.0, 3.0, -3.0)


@pytest.mark.parametrize("limit", [1.0, 2.0, 3.0, 3.09, 4.0, 6.0])
def test_limits_alone_have_the_run_length_of_their_tails(limit):
    assert normal_run_length(chosen_rules("shewhart"), limit) == pytest.approx(1 / (2 * norm.sf(limit)), rel=1e-9)


def test_the_western_electric_rules_have_the_published_run_length():
    # Champ and Woodall, Technometrics 29 (1987): 91.75 for all four rules against 370.40 for the limits alone
    assert round(normal_run_length(chosen_rules("shewhart")), 2) == 370.40
    assert round(normal_run_length(chosen_rules("western_electric")), 2) == 91.75


def test_a_shift_of_one_sigma_is_found_as_soon_as_published():
    # Champ and Woodall: 43.89 for the limits alone, 9.22 with the four rules
    edges = np.array([-np.inf, -3, -2, -1, 0, 1, 2, 3, np.inf])
    shares = np.diff(norm.cdf(edges - 1.0))
    middles = np.array([-4, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 4])
    lengths = [
        rules_run_length(middles, shares, FRAME, chosen_rules(name)) for name in ("shewhart", "western_electric")
    ]
    assert [round(length, 2) for length in lengths] == [43.89, 9.22]


@pytest.mark.parametrize(
    ("weight", "limit"),
    # Montgomery, Introduction to Statistical Quality Control, table 9.11: schemes with a run length of about 500
    [(0.40, 3.054), (0.25, 2.998), (0.20, 2.962), (0.10, 2.814), (0.05, 2.615)],
)
def test_the_published_ewma_schemes_have_a_run_length_of_500(weight, limit):
    assert ewma_run_length(weight, limit, widening=False) == pytest.approx(500, abs=0.6)


def test_an_ewma_has_the_run_length_that_crowder_computed():
    # Crowder, Technometrics 29 (1987), program and table: 502.90 at weight .25 and limits of 3 sigma
    assert round(ewma_run_length(0.25, 3.0, widening=False), 1) == 502.9


def test_widening_limits_alarm_sooner_and_a_weight_of_one_is_a_shewhart_chart():
    assert ewma_run_length(0.05, 2.615) < ewma_run_length(0.05, 2.615, widening=False)
    assert ewma_run_length(1.0, 3.0) == pytest.approx(1 / (2 * norm.sf(3)))


@pytest.mark.parametrize(
    ("allowance", "interval", "published", "digits"),
    # Montgomery, tables 9.3 (168 and 465) and 9.4 (Hawkins 1993: k and h for a run length of 370)
    [(0.5, 4.0, 168, 0), (0.5, 5.0, 465, 0), (0.25, 8.01, 370, -1), (0.75, 3.34, 370, -1)],
)
def test_a_cusum_has_the_published_run_length(allowance, interval, published, digits):
    assert round(cusum_run_length(allowance, interval), digits) == published


def test_charts_at_the_edge_of_their_range_have_a_run_length_or_none():
    assert ewma_run_length(0.2, 8.0) == math.inf
    assert ewma_run_length(0.001, 3.0) is None
    assert cusum_run_length(1.0, 20.0) == math.inf
    assert cusum_run_length(0.001, 600.0) is None
    # the numbers of a coarse grid: from a weight of .4 down to .01 the run length at 3 sigma rises and rises
    lengths = [ewma_run_length(weight, 3.0, widening=False) for weight in (0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)]
    assert lengths == sorted(lengths)
    # Siegmund, Sequential Analysis (1985): the one-sided sum is exp(x) - 1 - x over 2 k^2, x = 2 k (h + 1.166)
    x = 2 * 0.01 * (200 + 1.166)
    assert cusum_run_length(0.01, 200.0) == pytest.approx((math.exp(x) - 1 - x) / (2 * 0.01**2) / 2, rel=1e-3)


def test_a_chart_of_counts_has_the_run_length_of_its_own_distribution():
    counts = np.arange(51.0)
    shares = binom.pmf(counts, 50, 0.1)
    frame = Frame(0.1, 0.0424264, 0.2272792, 0.0)
    beyond = binom.sf(11, 50, 0.1)  # 11/50 lies inside, 12/50 beyond the upper limit; none lies below 0
    assert rules_run_length(counts / 50, shares, frame, chosen_rules("shewhart")) == pytest.approx(1 / beyond, rel=1e-9)


def test_a_chart_that_cannot_signal_has_no_finite_run_length():
    inside = np.array([-0.5, 0.5])
    assert rules_run_length(inside, np.array([0.5, 0.5]), FRAME, chosen_rules("shewhart")) == math.inf


def test_rules_with_a_trend_are_simulated_or_not_known():
    assert normal_run_length(chosen_rules("nelson")) == 73.54
    assert normal_run_length(chosen_rules(["shewhart", "nelson", "western_electric"])) == 65.89
    assert normal_run_length(chosen_rules("nelson"), 2.5) is None
    assert rules_run_length(np.array([0.0]), np.array([1.0]), FRAME, chosen_rules("nelson")) is None


def first_signals(rules, runs, length, seed):
    """Point of the first signal of each set of rules, over simulated processes in control."""
    rng = np.random.default_rng(seed)
    for _ in range(runs):
        values = rng.normal(size=length)
        found = find_signals(values, FRAME, rules)
        assert found, "the simulated stream is long enough for a signal"
        yield {rule: indices[0] + 1 for rule, indices in found.items()}


@pytest.mark.slow
def test_simulated_processes_in_control_have_the_stated_run_lengths():
    sets = {
        names: chosen_rules(names) for names in (("western_electric",), ("nelson",), ("nelson", "western_electric"))
    }
    stated = {
        ("western_electric",): normal_run_length(sets["western_electric",]),
        **{tuple(sorted(names)): length for names, (length, _) in TREND_RUN_LENGTHS.items()},
    }
    runs = 10_000
    lengths = {names: [] for names in sets}
    for first in first_signals(sets["nelson", "western_electric"], runs, 2000, seed=11):
        for names, rules in sets.items():
            lengths[names].append(min(first.get(rule, math.inf) for rule in rules))
    for names, found in lengths.items():
        error = np.std(found) / math.sqrt(runs)
        assert np.mean(found) == pytest.approx(stated[names], abs=4 * error), names
        assert 4 * error < 0.06 * stated[names]


@pytest.mark.slow
def test_simulated_charts_with_memory_have_the_stated_run_lengths():
    rng = np.random.default_rng(5)
    runs = 20_000
    ewma, upper, lower = np.zeros(runs), np.zeros(runs), np.zeros(runs)
    at = {"ewma": np.zeros(runs), "cusum": np.zeros(runs)}
    for t in range(1, 5001):
        z = rng.normal(size=runs)
        ewma = 0.8 * ewma + 0.2 * z
        upper, lower = np.maximum(0, upper + z - 0.5), np.maximum(0, lower - z - 0.5)
        width = 3 * math.sqrt(0.2 / 1.8 * (1 - 0.8 ** (2 * t)))
        for name, out in (("ewma", abs(ewma) > width), ("cusum", np.maximum(upper, lower) > 5)):
            at[name][out & (at[name] == 0)] = t
    for name, stated in (("ewma", ewma_run_length(0.2, 3.0)), ("cusum", cusum_run_length(0.5, 5.0))):
        found = at[name]
        assert (found == 0).mean() < 0.001  # a geometric tail beyond 5000 points
        assert found[found > 0].mean() == pytest.approx(stated, abs=4 * found.std() / math.sqrt(runs) + 1), name
