# SPDX-License-Identifier: Apache-2.0
"""Shewhart charts of measured values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ophamin.errors import OphaminError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.observability.spc import IndividualsChart, NotFittedError, XbarRChart, XbarSChart

# integers as floats: sums and differences are exact, so that equivariance can be asked for exactly
TABLES = arrays(np.float64, (6, 4), elements=st.integers(-50, 50).map(float)).filter(lambda t: np.ptp(t, axis=1).any())
CHARTS = [XbarRChart, XbarSChart]


def test_the_range_chart_of_the_piston_rings_is_the_published_one(piston_rings):
    # output of the R package qcc; it divides by d2 rounded to 2.326, so that sigma and R limit differ in the 7th digit
    chart = XbarRChart(rules="shewhart").fit(piston_rings[:25])
    result, ranges = chart.check(piston_rings[25:]), chart.check_dispersion(piston_rings[25:])
    assert round(result.center, 5) == 74.00118
    assert round(result.sigma, 9) == 0.009785338
    assert result.sigma == pytest.approx(0.009785039, abs=4e-7)
    assert (round(result.lcl, 5), round(result.ucl, 4)) == (73.98805, 74.0143)
    assert (ranges.center, ranges.lcl) == (pytest.approx(0.02276), 0.0)
    assert ranges.ucl == pytest.approx(0.04812533, abs=1e-6)
    assert [26 + point for point in result.out_of_control] == [37, 38, 39]
    assert ranges.out_of_control == []


def test_the_spread_chart_of_the_piston_rings_is_the_published_one(piston_rings):
    chart = XbarSChart(rules="shewhart").fit(piston_rings[:25])
    result, spreads = chart.check(piston_rings[25:]), chart.check_dispersion(piston_rings[25:])
    assert round(result.sigma, 9) == 0.009829977
    assert round(spreads.center, 9) == 0.009240037
    assert (spreads.lcl, round(spreads.ucl, 8)) == (0.0, 0.01930242)
    assert [26 + point for point in result.out_of_control] == [37, 38, 39]


def test_the_piston_rings_violate_further_rules_sooner(piston_rings):
    result = XbarRChart().fit(piston_rings[:25]).check(piston_rings[25:])
    assert [26 + point for point in result.out_of_control] == [35, 37, 38, 39, 40]
    first = result.violations[0]
    assert (first.rule, first.rule_set, 26 + first.index) == (2, "western_electric", 35)
    assert first.description == "two of three points beyond 2 sigma on one side"
    assert result.classify() == result.classify(11) == "special"
    assert result.classify(0) == "common"


def test_the_individuals_chart_stands_on_the_mean_moving_range():
    values = [10.0, 12.0, 11.0, 15.0]
    chart = IndividualsChart().fit(values)
    result, ranges = chart.check([30.0, 12.0, 12.5]), chart.check_dispersion([30.0, 12.0, 12.5])
    moving_range = (2 + 1 + 4) / 3
    assert result.center == 12.0
    assert result.sigma == pytest.approx(moving_range * math.sqrt(math.pi) / 2)
    assert result.ucl == pytest.approx(12 + 2.6586807763582736 * moving_range)  # E2 for two values
    assert result.out_of_control == [0]
    assert ranges.ucl == pytest.approx(3.266531919288545 * moving_range)  # D4 for two values
    assert ranges.out_of_control == [0]
    assert chart.check_dispersion([30.0]) is None


def test_ten_points_cannot_leave_the_limits_of_their_own_standard_deviation():
    # why limits come from a reference: the largest of n values lies at most (n - 1) / sqrt(n) = 2.85 of their own
    # standard deviations from the mean (Thompson 1935)
    z = np.array([0.0] * 9 + [1e9])
    assert (z.max() - z.mean()) / z.std(ddof=1) == pytest.approx(9 / math.sqrt(10))
    assert IndividualsChart().fit([0.0, 1.0] * 5).check([1e9]).out_of_control == [0]


@pytest.mark.parametrize("chart", CHARTS)
@settings(max_examples=60, deadline=None)
@given(reference=TABLES, judged=TABLES, scale=st.sampled_from([0.25, 4.0]), origin=st.integers(-1000, 1000))
def test_limits_move_with_unit_and_origin_and_signals_stay(chart, reference, judged, scale, origin):
    here = chart().fit(reference).check(judged)
    there = chart().fit(reference * scale + origin).check(judged * scale + origin)
    for name in ("center", "ucl", "lcl"):
        assert getattr(there, name) == pytest.approx(getattr(here, name) * scale + origin, rel=1e-9, abs=1e-9)
    assert there.sigma == pytest.approx(here.sigma * scale, rel=1e-9)
    distance = np.abs(here.values[:, None] - here.center - here.sigma / 2 * np.arange(-3, 4)).min()
    if distance > 1e-6:  # a point on a line may fall to either side by rounding
        assert there.out_of_control == here.out_of_control


@pytest.mark.parametrize("chart", CHARTS)
@settings(max_examples=40, deadline=None)
@given(table=TABLES, order=st.permutations(range(4)), rows=st.permutations(range(6)))
def test_the_order_inside_the_reference_does_not_move_the_limits(chart, table, order, rows):
    here, there = (chart().fit(one).check(table) for one in (table, table[rows][:, order]))
    assert (there.center, there.sigma) == (pytest.approx(here.center, abs=1e-9), pytest.approx(here.sigma, rel=1e-9))


@pytest.mark.parametrize("chart", [IndividualsChart, *CHARTS])
def test_a_chart_without_limits_refuses_to_judge(chart):
    for judge in (chart().check, chart().check_dispersion):
        with pytest.raises(NotFittedError, match="call fit") as caught:
            judge([[1.0, 2.0]])
        assert isinstance(caught.value, RuntimeError)
        assert isinstance(caught.value, OphaminError)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ([1.0, 2.0], "shape is"),
        ([[1.0], [2.0]], "individuals chart"),
        ([[1.0, 2.0], [3.0]], "differ in length"),
        ([[1.0, math.nan]], "not finite"),
        ([[1.0, math.inf]], "not finite"),
        ([["a", "b"]], "no numbers"),
        ([["1", "2"]], "no numbers"),
        ([[None, 1.0]], "no numbers"),
        ([], "shape is"),
        ([[5.0, 5.0], [7.0, 7.0]], "does not vary"),
        ([[0.1, 0.1, 0.1]], "does not vary"),
        ([[1e308, -1e308], [1e308, -1e308]], "too large"),
    ],
)
@pytest.mark.parametrize("chart", CHARTS)
def test_a_reference_that_gives_no_limits_says_why(chart, reference, reason):
    with pytest.raises(NotComputableError, match=reason) as caught:
        chart().fit(reference)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ([1.0], "1 value"),
        ([3.0, 3.0], "does not vary"),
        ([1.0, math.nan], "not finite"),
        ("12", "no numbers"),
        (7, "no"),
    ],
)
def test_single_values_that_give_no_limits_say_why(reference, reason):
    with pytest.raises(NotComputableError, match="shape is" if reason == "no" else reason):
        IndividualsChart().fit(reference)


def test_subgroups_of_another_size_than_the_fitted_are_refused():
    with pytest.raises(NotComputableError, match=r"the shape is \(1, 3\); give \(n, 2\)"):
        XbarRChart().fit([[1.0, 2.0]]).check([[1.0, 2.0, 3.0]])


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf, "3", True])
def test_limits_at_no_distance_are_refused(limit):
    with pytest.raises(ValueError, match="sigma_limit"):
        XbarRChart(sigma_limit=limit)


@pytest.mark.slow
def test_few_subgroups_give_false_alarms_and_dependent_values_give_more():
    # by simulation elsewhere: a false alarm within 50 subgroups of 5 with probability .318 (limits from 5 subgroups),
    # .172 (from 25) and .126 (known limits)
    rng = np.random.default_rng(2)
    runs = 3000
    for subgroups, stated in ((5, 0.318), (25, 0.172)):
        alarms = 0
        for _ in range(runs):
            x = rng.normal(size=(subgroups + 50, 5))
            alarms += bool(XbarRChart(rules="shewhart").fit(x[:subgroups]).check(x[subgroups:]).out_of_control)
        assert alarms / runs == pytest.approx(stated, abs=0.035)
    noise = rng.normal(size=400_000)
    values = np.empty_like(noise)
    last = 0.0
    for t, shock in enumerate(noise):
        last = values[t] = 0.6 * last + shock
    chart = IndividualsChart(rules="shewhart").fit(values[:200_000])
    rate = len(chart.check(values[200_000:]).out_of_control) / 200_000
    assert rate == pytest.approx(math.erfc(3 * math.sqrt(1 - 0.6) / math.sqrt(2)), abs=0.004)  # .0578 instead of .0027
