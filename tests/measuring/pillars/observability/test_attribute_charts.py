# SPDX-License-Identifier: Apache-2.0
"""Control charts of counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, poisson

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.observability.spc import CChart, NotFittedError, PChart

# Montgomery, Introduction to Statistical Quality Control, example of the orange-juice cans: 30 samples of 50 cans,
# 347 nonconforming in all, limits .4102 and .0524, samples 15 and 23 (22 and 24 cans) outside
CANS = [
    12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6,
]  # fmt: skip
# the same book, nonconformities in 26 samples of 100 printed circuit boards: 516 in all, mean 19.85, limits
# 33.22 and 6.48, samples 6 and 20 outside
BOARDS = [
    21, 24, 16, 12, 15, 5, 28, 20, 31, 25, 20, 24, 16, 19, 10, 17, 13, 22, 18, 39, 30, 24, 16, 19, 17, 15,
]  # fmt: skip


def test_the_share_chart_of_the_cans_is_the_published_one():
    table = [[count, 50] for count in CANS]
    assert sum(CANS) == 347
    result = PChart(rules="shewhart").fit(table).check(table)
    assert (round(result.center, 4), round(result.ucl, 4), round(result.lcl, 4)) == (0.2313, 0.4102, 0.0524)
    assert [1 + point for point in result.out_of_control] == [15, 23]
    assert result.size == 50


def test_the_count_chart_of_the_boards_is_the_published_one():
    assert sum(BOARDS) == 516
    result = CChart(rules="shewhart").fit(BOARDS).check(BOARDS)
    assert result.center == pytest.approx(19.85, abs=0.005)
    assert (result.ucl, result.lcl) == (pytest.approx(33.22, abs=0.01), pytest.approx(6.48, abs=0.01))
    assert [1 + point for point in result.out_of_control] == [6, 20]


def test_limits_follow_the_size_of_each_subgroup():
    chart = PChart().fit([[10, 100], [30, 300]])
    result = chart.check([[18, 100], [150, 1000], [1, 4]])
    assert result.size is None
    widths = 3 * np.sqrt(0.1 * 0.9 / np.array([100, 1000, 4]))
    assert result.ucl == pytest.approx(0.1 + widths)
    assert list(result.lcl) == pytest.approx([0.01, 0.1 - widths[1], 0.0])
    assert result.out_of_control == [1]
    assert chart.run_length(result) is None


def test_limits_of_a_share_stay_between_0_and_1():
    result = PChart().fit([[1, 2], [1, 2]]).check([[2, 2], [0, 2]])
    assert (result.lcl, result.ucl, result.out_of_control) == (0.0, 1.0, [])


def test_no_limit_of_a_count_lies_below_0():
    result = CChart().fit([4, 5]).check([0])
    assert (result.lcl, result.out_of_control) == (0.0, [])


def test_run_lengths_are_those_of_the_discrete_tails():
    shares = PChart(rules="shewhart").fit([[4, 40]] * 5)  # .1 + 3 * .0474 = .2423, so that 10 of 40 signal
    assert shares.run_length(shares.check([[4, 40]])) == pytest.approx(1 / binom.sf(9, 40, 0.1), rel=1e-9)
    counts = CChart(rules="shewhart").fit([16])  # 4 and 28 lie on the limits, which is inside
    assert counts.run_length(counts.check([16])) == pytest.approx(
        1 / (poisson.cdf(3, 16) + poisson.sf(28, 16)), rel=1e-9
    )


def test_run_lengths_of_many_units_are_those_of_the_normal_distribution():
    for chart, values in ((CChart(), [10**9]), (PChart(), [[5 * 10**9, 10**10]])):
        assert chart.fit(values).run_length(chart.check(values)) == pytest.approx(91.75, abs=0.01)
    below = CChart(rules="shewhart").fit([9 * 10**7])
    assert below.run_length(below.check([10])) == pytest.approx(370.4, rel=2e-3)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([[0, 10], [0, 10]], "share in the reference is 0"),
        ([[10, 10]], "share in the reference is 1"),
        ([[11, 10]], "counts more than it inspected"),
        ([[0, 0]], "inspected nothing"),
        ([[-1, 10]], "negative"),
        ([[1.5, 10]], "no whole number"),
        ([1, 2], "shape is"),
        ([[math.nan, 10]], "not finite"),
    ],
)
def test_shares_that_give_no_limits_say_why(rows, reason):
    with pytest.raises(NotComputableError, match=reason):
        PChart().fit(rows)


@pytest.mark.parametrize(
    ("counts", "reason"), [([0, 0], "no event"), ([-1], "negative"), ([0.5], "whole"), ([], "shape")]
)
def test_counts_that_give_no_limits_say_why(counts, reason):
    with pytest.raises(NotComputableError, match=reason):
        CChart().fit(counts)


@pytest.mark.parametrize(("chart", "values"), [(PChart(), [[1, 2]]), (CChart(), [1])])
def test_a_chart_without_limits_refuses_to_judge(chart, values):
    with pytest.raises(NotFittedError, match="call fit"):
        chart.check(values)
    assert chart.check_dispersion(values) is None
