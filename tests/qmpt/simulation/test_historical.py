# SPDX-License-Identifier: Apache-2.0
"""Published figures on the list of eleven events, those of a re-analysis, and the tolerances of their simulations."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.errors import ConfigError, DataError
from qmpt.simulation.historical import (
    HISTORY,
    age_statistics,
    bin_counts,
    clustering_test,
    complexity,
    complexity_integral,
    constant_rate,
    domain_complexity,
    gini,
    log_likelihood,
    rising_rate,
)

YEARS = [event.year for event in HISTORY]


def test_the_ages_are_the_published_ones():
    ages = age_statistics()
    assert ages["mean"] == pytest.approx(37.4, abs=0.05)
    assert ages["median"] == 34
    assert ages["sd"] == pytest.approx(10.1, abs=0.05)


def test_the_counts_and_their_gini_coefficient_are_the_published_ones():
    assert bin_counts(YEARS) == [0, 1, 0, 0, 0, 3, 6, 0, 1, 0]
    assert gini(bin_counts(YEARS)) == pytest.approx(0.7545, abs=1e-4)


def test_the_complexities_are_the_published_ones():
    assert [float(complexity(year)) for year in (1687, 1905, 2014)] == pytest.approx([0.0279, 0.5208, 0.8699], abs=1e-4)
    published = {"phys": 0.328, "life": 0.336, "comp": 0.662, "info": 0.690, "sys": 0.690, "ont": 0.748}
    assert domain_complexity() == pytest.approx(published, abs=1e-3)
    levels = complexity(YEARS)
    assert [int((levels < 0.3).sum()), int((levels >= 0.6).sum())] == [1, 6]


# Means and percentiles of 200,000 simulated histories; the tolerances are several standard errors of 20,000.
def test_a_constant_rate_clusters_less_than_the_list():
    found = clustering_test(YEARS, constant_rate(), seed=1)
    assert found.mean == pytest.approx(0.473, abs=0.004)
    assert (found.low, found.high) == pytest.approx((0.283, 0.667), abs=0.012)
    assert found.p_value == pytest.approx(0.0087, abs=0.003)
    assert found.expected == 11.0


def test_the_rising_rate_of_the_theory_is_rejected_more_strongly_still():
    found = clustering_test(YEARS, rising_rate(), seed=1)
    assert found.mean == pytest.approx(0.484, abs=0.004)
    assert (found.low, found.high) == pytest.approx((0.343, 0.622), abs=0.012)
    assert found.p_value == pytest.approx(0.0005, abs=0.0005)
    assert found.expected == pytest.approx(21.1, abs=0.1)


def test_holding_the_number_of_events_changes_the_answer():
    assert clustering_test(YEARS, constant_rate(), given_count=True, seed=1).p_value == pytest.approx(
        0.0005, abs=0.0005
    )
    assert clustering_test(YEARS, rising_rate(), given_count=True, seed=1).p_value == pytest.approx(0.010, abs=0.003)


def test_the_choices_of_bins_and_of_people_move_the_answer():
    moved = [gini(bin_counts(YEARS, first=1600 - shift, last=2100 - shift + 50)) for shift in range(0, 50, 5)]
    assert max(moved) - min(moved) > 0.1
    left_out = [gini(bin_counts([year for j, year in enumerate(YEARS) if j != i])) for i in range(11)]
    assert (min(left_out), max(left_out)) == pytest.approx((0.74, 0.80), abs=0.005)


def test_the_likelihoods_are_those_of_the_re_analysis():
    edges = [*range(1600, 2001, 50), 2025]
    spans = list(pairwise(edges))
    counts = [sum(a <= year < b for year in YEARS) for a, b in spans]
    flat = [b - a for a, b in spans]
    rising = [rising_rate()(a, b) for a, b in spans]
    step = [(9 / 100 if 1850 <= a < 1950 else 2 / 325) * (b - a) for a, b in spans]
    found = [log_likelihood(counts, shape) for shape in (flat, rising, step)]
    assert found == pytest.approx([-17.23, -13.84, -8.88], abs=0.005)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20).filter(any))
def test_the_gini_coefficient_is_its_definition(values):
    n, mean = len(values), sum(values) / len(values)
    pairs = sum(abs(a - b) for a in values for b in values)
    assert gini(values) == pytest.approx(pairs / (2 * n * n * mean), abs=1e-12)
    assert gini(values) == pytest.approx(gini([10 * value for value in values]))


@given(st.floats(1000, 2500), st.floats(1000, 2500))
def test_the_integral_of_complexity_adds_up(a, b):
    first, last = sorted((a, b))
    grid = np.linspace(first, last, 2001)
    assert complexity_integral(first, last) == pytest.approx(float(np.trapezoid(complexity(grid), grid)), abs=1e-3)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="runs is 99"):
        clustering_test(YEARS, constant_rate(), runs=99)
    with pytest.raises(ConfigError, match="do not fill"):
        bin_counts(YEARS, width=70)
    with pytest.raises(DataError, match="0 of 1 events"):
        clustering_test([1500], constant_rate())
    with pytest.raises(DataError, match="give one for each bin"):
        log_likelihood([1, 2], [1.0])
    with pytest.raises(DataError, match="rules them out"):
        log_likelihood([1, 2], [1.0, 0.0])
    with pytest.raises(DataError, match="not negative"):
        gini([-1.0])
