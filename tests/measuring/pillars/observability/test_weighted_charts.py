# SPDX-License-Identifier: Apache-2.0
"""Control charts with a memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.observability.spc import CusumChart, EwmaChart, NotFittedError
from ophamin.measuring.pillars.observability.weighted_charts import moving_average

VALUES = st.lists(st.integers(-40, 40).map(float), min_size=1, max_size=80)
REFERENCE = [0.0, 4.0, 1.0, 3.0, 2.0, 2.0]


@settings(max_examples=100, deadline=None)
@given(VALUES, st.sampled_from([0.01, 0.2, 0.5, 0.9, 1.0]))
def test_the_average_is_the_recursion_that_defines_it(values, weight):
    expected, last = [], 0.0
    for value in values:
        last = weight * value + (1 - weight) * last
        expected.append(last)
    assert moving_average(np.array(values), weight) == pytest.approx(expected, abs=1e-9)


def test_a_long_memory_is_not_cut_short():
    values = np.random.default_rng(0).normal(size=50_000)
    last = 0.0
    for value in values:
        last = 1e-4 * value + (1 - 1e-4) * last
    assert moving_average(values, 1e-4)[-1] == pytest.approx(last, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_the_sums_are_the_recursion_that_defines_them(values):
    chart = CusumChart(0.5, 4.0).fit(REFERENCE)
    result = chart.check(values)
    high = low = 0.0
    for value, drawn in zip(values, result.values, strict=True):
        z = (value - 2.0) / result.sigma
        high, low = max(0.0, high + z - 0.5), max(0.0, low - z - 0.5)
        assert abs(drawn) == pytest.approx(max(high, low), abs=1e-9)
    signals = [i for i, value in enumerate(result.values) if abs(value) > 4.0]
    assert result.out_of_control == signals


def test_ewma_limits_widen_to_where_they_settle():
    chart = EwmaChart(0.2, 3.0).fit(REFERENCE)
    result = chart.check([2.0] * 200)
    assert result.ucl[0] - result.center == pytest.approx(3 * 0.2 * result.sigma)
    assert result.ucl[-1] - result.center == pytest.approx(3 * result.sigma * math.sqrt(0.2 / 1.8))
    assert (np.diff(result.ucl) >= 0).all()
    assert result.lcl + result.ucl == pytest.approx(2 * result.center)


def test_a_weight_of_one_is_a_chart_of_single_values():
    chart = EwmaChart(1.0).fit(REFERENCE)
    result = chart.check([2.0, 20.0])
    assert list(result.values) == [2.0, 20.0]
    assert result.ucl == pytest.approx([2 + 3 * result.sigma] * 2)
    assert result.out_of_control == [1]


@pytest.mark.parametrize("chart", [EwmaChart(), CusumChart()])
def test_a_small_lasting_shift_is_found_that_single_points_hide(chart):
    rng = np.random.default_rng(8)
    result = chart.fit(rng.normal(size=500)).check(np.concatenate([rng.normal(size=50), rng.normal(size=60) + 1.0]))
    assert result.out_of_control
    assert 50 <= result.out_of_control[0] < 80


@pytest.mark.parametrize("chart", [EwmaChart, CusumChart])
@settings(max_examples=50, deadline=None)
@given(values=VALUES, scale=st.sampled_from([0.5, 8.0]), origin=st.integers(-100, 100))
def test_signals_do_not_depend_on_unit_or_origin(chart, values, scale, origin):
    here = chart().fit(REFERENCE).check(values)
    there = chart().fit(np.array(REFERENCE) * scale + origin).check(np.array(values) * scale + origin)
    assert there.out_of_control == here.out_of_control


@pytest.mark.parametrize("weight", [0.0, -0.1, 1.1, math.nan, True, "0.2"])
def test_a_weight_outside_its_range_is_refused(weight):
    with pytest.raises(ClaimError, match="weight"):
        EwmaChart(weight)


@pytest.mark.parametrize("arguments", [(0.0, 5.0), (0.5, 0.0), (math.inf, 5.0)])
def test_cusum_arguments_outside_their_range_are_refused(arguments):
    with pytest.raises(ClaimError, match="above 0"):
        CusumChart(*arguments)


@pytest.mark.parametrize("chart", [EwmaChart(), CusumChart()])
def test_no_limits_no_judgement_and_no_spread_no_limits(chart):
    with pytest.raises(NotFittedError, match="call fit"):
        chart.check([1.0])
    with pytest.raises(NotComputableError, match="does not vary"):
        chart.fit([1.0, 1.0, 1.0])
