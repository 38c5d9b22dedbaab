# SPDX-License-Identifier: Apache-2.0
"""The constants of Shewhart charts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.observability.constants import shewhart_constants

# The table of the ASTM as A. Joglekar reprints it, Statistical Methods for Six Sigma (Wiley 2003), appendix G; the
# same quantities as Montgomery, Introduction to Statistical Quality Control, appendix VI
COLUMNS = ("A2", "A3", "c4", "B3", "B4", "d2", "d3", "D3", "D4")
PRINTED = """
 2 1.880 2.659 0.7979 0.000 3.267 1.128 0.8525 0.000 3.267
 3 1.023 1.954 0.8862 0.000 2.568 1.693 0.8884 0.000 2.574
 4 0.729 1.628 0.9213 0.000 2.266 2.059 0.8798 0.000 2.282
 5 0.577 1.427 0.9400 0.000 2.089 2.326 0.8798 0.000 2.114
 6 0.483 1.287 0.9515 0.030 1.970 2.534 0.8480 0.000 2.004
 7 0.419 1.182 0.9594 0.118 1.882 2.704 0.8332 0.076 1.924
 8 0.373 1.099 0.9650 0.185 1.815 2.847 0.8198 0.136 1.864
 9 0.337 1.032 0.9693 0.239 1.761 2.970 0.8078 0.184 1.816
10 0.308 0.975 0.9727 0.284 1.716 3.078 0.7971 0.223 1.777
11 0.285 0.927 0.9754 0.321 1.679 3.173 0.7873 0.256 1.744
12 0.266 0.886 0.9776 0.354 1.646 3.258 0.7785 0.283 1.717
13 0.249 0.850 0.9794 0.382 1.618 3.336 0.7704 0.307 1.693
14 0.235 0.817 0.9810 0.406 1.594 3.407 0.7630 0.328 1.672
15 0.223 0.789 0.9823 0.428 1.572 3.472 0.7562 0.347 1.653
16 0.212 0.763 0.9835 0.448 1.552 3.532 0.7499 0.363 1.637
17 0.203 0.739 0.9845 0.466 1.534 3.588 0.7441 0.378 1.662
18 0.194 0.718 0.9854 0.482 1.518 3.640 0.7386 0.391 1.607
19 0.187 0.698 0.9862 0.497 1.503 3.689 0.7335 0.403 1.597
20 0.180 0.680 0.9869 0.510 1.490 3.735 0.7287 0.415 1.585
21 0.173 0.663 0.9876 0.523 1.477 3.778 0.7272 0.425 1.575
22 0.167 0.647 0.9882 0.534 1.466 3.819 0.7199 0.434 1.566
23 0.162 0.633 0.9887 0.545 1.455 3.858 0.1759 0.443 1.557
24 0.157 0.619 0.9892 0.555 1.445 3.895 0.7121 0.451 1.548
25 0.153 0.606 0.9896 0.565 1.435 3.931 0.7084 0.459 1.541
"""
MISPRINTS = {(5, "d3"), (17, "D4"), (18, "D4"), (21, "d3"), (23, "d3")}


def test_the_constants_are_the_printed_ones_but_for_five_misprints():
    wrong, cells = set(), 0
    for line in PRINTED.split("\n")[1:-1]:
        n, *printed = line.split()
        constants = shewhart_constants(int(n))
        for name, text in zip(COLUMNS, printed, strict=True):
            cells += 1
            unit = 10.0 ** -len(text.split(".")[1])
            if abs(getattr(constants, name) - float(text)) > unit:
                wrong.add((int(n), name))
    assert cells == 216
    assert wrong == MISPRINTS


def test_the_range_of_two_and_of_three_values_has_its_closed_form():
    assert shewhart_constants(2).d2 == pytest.approx(2 / math.sqrt(math.pi), abs=1e-11)
    assert shewhart_constants(2).d3 == pytest.approx(math.sqrt(2 - 4 / math.pi), abs=1e-11)
    assert shewhart_constants(3).d2 == pytest.approx(3 / math.sqrt(math.pi), abs=1e-11)


@pytest.mark.parametrize("n", [4, 10, 25, 100, 1000])
def test_the_mean_range_is_the_integral_that_defines_it(n):
    from scipy.integrate import quad
    from scipy.stats import norm

    mean, _ = quad(lambda x: 1 - norm.cdf(x) ** n - norm.sf(x) ** n, -9, 9, limit=200, epsabs=1e-11)
    assert shewhart_constants(n).d2 == pytest.approx(mean, abs=1e-9)


def test_the_spread_of_the_range_is_that_of_drawn_ranges():
    ranges = np.ptp(np.random.default_rng(1).normal(size=(200_000, 6)), axis=1)
    assert ranges.std() == pytest.approx(shewhart_constants(6).d3, abs=0.005)  # 0.8480, s.e. .0015


def test_the_limits_scale_with_the_sigma_limit():
    two, three = shewhart_constants(9, 2.0), shewhart_constants(9, 3.0)
    shares = [two.A2 / three.A2, (two.D4 - 1) / (three.D4 - 1), (two.B4 - 1) / (three.B4 - 1), two.E2 / three.E2]
    assert shares == pytest.approx([2 / 3] * 4)


@pytest.mark.parametrize("n", [1, 0, -3, 1001, 2.0, True, "5"])
def test_a_subgroup_of_another_size_has_no_constants(n):
    with pytest.raises(ClaimError, match="2 to 1000"):
        shewhart_constants(n)


@pytest.mark.parametrize("limit", [0.0, -3.0, math.inf, math.nan])
def test_limits_at_no_distance_are_refused(limit):
    with pytest.raises(ClaimError, match="above 0"):
        shewhart_constants(5, limit)
