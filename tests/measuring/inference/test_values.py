# SPDX-License-Identifier: Apache-2.0
"""Plain sums over observations."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ObservationError
from ophamin.measuring.inference.values import exact_mean, finite_numbers, inverted_cdf, plain_mean, shown, spread

numbers = st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30)


@pytest.mark.parametrize("value", [1, True, 1.0, Fraction(1), Decimal(1), np.float32(1), np.int64(1), np.bool_(True)])
def test_every_kind_of_number_becomes_a_float(value):
    assert finite_numbers([value]) == [1.0]


@pytest.mark.parametrize(
    "value", [None, "1", b"1", bytearray(b"1"), math.nan, np.float64("inf"), 10**400, {}, object()]
)
def test_what_is_no_finite_number_is_refused_with_its_place_and_a_way_out(value):
    with pytest.raises(ObservationError, match=r"observation 1 is .*; only finite numbers .* as an error instead"):
        finite_numbers([0.0, value])


def test_a_long_value_is_cut_in_messages():
    assert len(shown("x" * 10_000)) == 60
    assert shown(10**5000) == "an integer too large to print"


@settings(max_examples=100, deadline=None)
@given(numbers)
def test_the_exact_mean_is_that_of_fractions(values):
    assert exact_mean(values) == float(sum(map(Fraction, values)) / len(values))
    assert plain_mean(values) == pytest.approx(exact_mean(values), rel=1e-15)


def test_means_and_spreads_of_huge_values_do_not_overflow():
    assert plain_mean([1.5e308, 1.7e308]) == pytest.approx(1.6e308)
    assert spread([1e300, 3e300], 2e300) == pytest.approx(math.sqrt(2.0) * 1e300)
    assert spread([2.0, 2.0], 2.0) == 0.0


@settings(max_examples=100, deadline=None)
@given(numbers)
def test_the_spread_is_numpys_standard_deviation(values):
    assert spread(values, plain_mean(values)) == pytest.approx(float(np.std(values, ddof=1)), rel=1e-9, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.floats(0.001, 0.999))
def test_the_quantile_is_the_first_rank_whose_share_reaches_q(n, q):
    ranks = [float(i) for i in range(1, n + 1)]
    assert inverted_cdf(ranks, q) == next(rank for rank in ranks if rank / n >= q)


@pytest.mark.parametrize("hundredths", range(1, 100))
def test_decimal_shares_of_a_hundred_values_are_not_rounded_up(hundredths):
    assert inverted_cdf([float(i) for i in range(1, 101)], hundredths / 100) == hundredths
