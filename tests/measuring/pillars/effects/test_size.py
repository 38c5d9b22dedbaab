# SPDX-License-Identifier: Apache-2.0
"""Effect sizes of samples: published values, other formulas, and what is undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects import cliff_delta, cohen_d, glass_delta, hedges_g
from ophamin.measuring.pillars.effects.size import hedges_correction

# R's mtcars: miles per gallon of cars with automatic and with manual transmission (Henderson and Velleman 1981).
AUTOMATIC = [21.4, 18.7, 18.1, 14.3, 24.4, 22.8, 19.2, 17.8, 16.4, 17.3, 15.2, 10.4, 10.4, 14.7, 21.5, 15.5, 15.2]
AUTOMATIC += [13.3, 19.2]
MANUAL = [21.0, 21.0, 22.8, 32.4, 30.4, 33.9, 27.3, 26.0, 30.4, 15.8, 19.7, 15.0, 21.4]

samples = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("size", "published"),
    [
        # README of the R package effectsize: cohens_d, hedges_g and glass_delta of mpg ~ am.
        (cohen_d, (-1.48, -2.27, -0.67)),
        (hedges_g, (-1.44, -2.21, -0.65)),
        (glass_delta, (-1.17, -1.93, -0.39)),
    ],
)
def test_the_sizes_and_intervals_of_the_cars_are_the_published_ones(size, published):
    one = size(AUTOMATIC, MANUAL)
    assert (round(one.value, 2), round(one.low, 2), round(one.high, 2)) == published


def test_the_correction_of_hedges_is_exact():
    # Borenstein et al., Introduction to Meta-Analysis (2009), chapter 4: J = 0.9923 and g = 0.5924 for d = 0.5970.
    assert round(hedges_correction(98), 4) == 0.9923
    assert round(0.5970 * hedges_correction(98), 4) == 0.5924
    assert hedges_correction(2) == pytest.approx(1 / math.sqrt(math.pi))
    for df in (2, 3, 10, 199, 200, 1e3, 1e6, 1e9):
        assert hedges_correction(df) == pytest.approx(1 - 3 / (4 * df - 1), rel=0.2 / df**2 + 1e-14)
    below, above = (math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2) for df in (200, 201))
    assert (hedges_correction(200), hedges_correction(201)) == pytest.approx((below, above), rel=1e-12)
    with pytest.raises(NotComputableError, match="more than 1 degree"):
        hedges_correction(1)


def test_the_delta_of_cliff_and_its_interval_are_the_published_ones():
    # Tests of the R package effsize (Torchiano): cliff.delta(treatment, control).
    one = cliff_delta([10, 10, 20, 20, 20, 30, 30, 30, 40, 50], [10, 20, 30, 40, 40, 50])
    assert one.value == -0.25
    assert (round(one.low, 7), round(one.high, 7)) == (-0.7265846, 0.3890062)


@settings(deadline=None)
@given(samples, samples)
def test_the_delta_of_cliff_counts_all_pairs(a, b):
    signs = np.sign(np.subtract.outer(a, b))
    one = cliff_delta(a, b)
    assert one.value == pytest.approx(signs.mean(), abs=1e-12)
    assert -1.0 <= one.low <= one.value <= one.high <= 1.0
    other = cliff_delta(b, a)
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low), abs=1e-12)
    u = stats.mannwhitneyu(a, b).statistic
    assert one.value == pytest.approx(2 * u / (len(a) * len(b)) - 1, abs=1e-12)
    cubed = cliff_delta([value**3 for value in a], [value**3 for value in b])
    assert (cubed.value, cubed.low) == (one.value, one.low)


@settings(deadline=None, max_examples=40)
@given(samples, samples, st.floats(1e-3, 1e3), st.integers(-1000, 1000))
def test_a_standardized_size_has_no_units_and_no_origin(a, b, scale, shift):
    for size in (cohen_d, hedges_g, glass_delta):
        one = size(a, b)
        assume(one.value is not None)
        assert one.low < one.value < one.high
        moved = size([scale * (value + shift) for value in a], [scale * (value + shift) for value in b])
        assert (moved.value, moved.low, moved.high) == pytest.approx((one.value, one.low, one.high), rel=1e-6, abs=1e-6)
        turned = size(a[::-1], b[::-1])
        assert turned.value == pytest.approx(one.value, rel=1e-9, abs=1e-12)
    mirrored = cohen_d(b, a)
    forward = cohen_d(a, b)
    assert (mirrored.value, mirrored.low) == pytest.approx((-forward.value, -forward.high), rel=1e-7, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(samples, samples)
def test_the_interval_excludes_0_exactly_when_the_t_test_does(a, b):
    one = cohen_d(a, b)
    assume(one.value is not None)
    assume(min(len(set(a)), len(set(b))) > 1)
    p = stats.ttest_ind(a, b).pvalue
    assume(abs(p - 0.05) > 1e-6)
    assert (one.low > 0.0 or one.high < 0.0) == (p < 0.05)


def test_the_ends_of_the_interval_are_the_noncentralities_they_say():
    one = cohen_d(AUTOMATIC, MANUAL, confidence=0.9)
    unit = math.sqrt(1 / 19 + 1 / 13)
    t = one.value / unit
    assert stats.nct.sf(t, 30, one.low / unit) == pytest.approx(0.05, abs=1e-8)
    assert stats.nct.cdf(t, 30, one.high / unit) == pytest.approx(0.05, abs=1e-8)


@pytest.mark.parametrize(
    ("size", "a", "b", "reason"),
    [
        (cohen_d, [1.0, 1.0], [2.0, 2.0], "neither sample varies"),
        (cohen_d, [1e9, 1e9 + 1e-7], [1e9, 1e9], "neither sample varies"),
        (cohen_d, [1.0], [2.0, 3.0], "samples of 1 and 2 values; each takes 2 or more"),
        (hedges_g, [], [], "samples of 0 and 0 values"),
        (hedges_g, [3.0, 3.0], [3.0, 3.0], "neither sample varies"),
        (glass_delta, [1.0, 5.0], [2.0, 2.0], "the control sample does not vary"),
        (glass_delta, [1.0, 2.0], [2.0], "samples of 2 and 1 values"),
        (cliff_delta, [], [1.0], "a sample is empty"),
    ],
)
def test_what_is_undefined_has_a_reason_and_no_number(size, a, b, reason):
    one = size(a, b)
    assert (one.value, one.low, one.high) == (None, None, None)
    assert reason in one.reason


def test_a_size_may_be_defined_where_its_interval_is_not():
    one = cliff_delta([3.0], [1.0, 2.0])
    assert (one.value, one.low, one.high) == (1.0, None, None)
    assert "no interval" in one.reason
    far = cohen_d([1e12, 1e12 + 1], [0.0, 1.0])
    assert far.value > 1e11
    assert far.low is None
    assert "beyond what the noncentral t" in far.reason
    assert hedges_g([1e12, 1e12 + 1], [0.0, 1.0]).reason == far.reason


def test_samples_that_do_not_overlap_keep_an_interval():
    one = cliff_delta([5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0])
    t2 = stats.t.ppf(0.975, 5) ** 2
    assert (one.value, one.high) == (1.0, 1.0)
    assert one.low == pytest.approx((3 - t2) / (3 + t2))


@pytest.mark.parametrize("size", [cohen_d, hedges_g, glass_delta, cliff_delta])
def test_values_that_are_no_numbers_are_refused(size):
    for bad in ([1.0, float("nan")], [1.0, float("inf")], [1.0, "x"], [1.0, None]):
        with pytest.raises(NotComputableError, match="finite numbers alone"):
            size(bad, [1.0, 2.0])
    with pytest.raises(ClaimError):
        size([1.0, 2.0], [1.0, 3.0], confidence=1.0)


@pytest.mark.slow
def test_the_intervals_cover_as_often_as_they_say():
    # 600 replicates: two standard errors are .018.
    rng = np.random.default_rng(20261121)
    hits = {"d": 0, "glass": 0, "cliff": 0}
    delta = 2 * stats.norm.cdf(0.8 / math.sqrt(2)) - 1
    for _ in range(600):
        a, b = (0.8 + rng.normal(size=12)).tolist(), rng.normal(size=15).tolist()
        d, glass, cliff = cohen_d(a, b), glass_delta(a, b), cliff_delta(a, b)
        hits["d"] += d.low <= 0.8 <= d.high
        hits["glass"] += glass.low <= 0.8 <= glass.high
        hits["cliff"] += cliff.low <= delta <= cliff.high
    assert 0.93 <= hits["d"] / 600 <= 0.97
    assert 0.93 <= hits["glass"] / 600 <= 0.975
    assert 0.92 <= hits["cliff"] / 600 <= 0.98
