# SPDX-License-Identifier: Apache-2.0
"""The special functions against SciPy, against 50-digit sums and against printed tables."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from ophamin.measuring.inference.special import (
    betainc,
    betaincinv,
    binomial_cdf,
    binomial_sf,
    student_t_ppf,
    student_t_sf,
)

shapes = st.floats(0.05, 1e4)
probabilities = st.floats(1e-6, 1.0 - 1e-6)


@settings(max_examples=200, deadline=None)
@given(shapes, shapes, st.floats(1e-290, 1.0) | st.just(0.0))
def test_betainc_agrees_with_scipy(a, b, x):
    assert betainc(a, b, x) == pytest.approx(float(special.betainc(a, b, x)), rel=1e-10, abs=1e-280)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.5, 1e4), st.floats(0.5, 1e4), st.floats(1e-9, 0.5), st.booleans())
def test_betaincinv_agrees_with_scipy(a, b, p, upper):
    oracle = special.betainccinv if upper else special.betaincinv
    assert betaincinv(a, b, p, upper=upper) == pytest.approx(float(oracle(a, b, p)), rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**7), st.floats(0.0, 1.0), st.floats(1e-8, 0.5), st.booleans())
def test_betaincinv_undoes_betainc_up_to_ten_million_trials(n, share, p, upper):
    k = min(n, max(1, round(share * n)))
    x = betaincinv(k, n - k + 1, p, upper=upper)
    # Near 1 the last digit of x alone moves the tail by much more than the inversion's own error.
    around = (math.nextafter(x, 0.0), x, math.nextafter(x, 1.0))
    tails = [binomial_cdf(k - 1, n, at) if upper else binomial_sf(k, n, at) for at in around]
    assert min(tails) * (1 - 1e-8) <= p <= max(tails) * (1 + 1e-8)


@pytest.mark.parametrize(
    ("p", "upper", "x"), [(0.0, False, 0.0), (1.0, False, 1.0), (0.0, True, 1.0), (1.0, True, 0.0)]
)
def test_betaincinv_gives_the_ends_of_the_range_for_certain_tails(p, upper, x):
    assert betaincinv(3.0, 4.0, p, upper=upper) == x


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 10**5), st.floats(0.0, 1.0), probabilities)
def test_binomial_tails_agree_with_scipy(n, share, p):
    k = round(share * n)
    assert binomial_sf(k, n, p) == pytest.approx(float(stats.binom.sf(k - 1, n, p)), rel=1e-10, abs=1e-250)
    assert binomial_cdf(k, n, p) == pytest.approx(float(stats.binom.cdf(k, n, p)), rel=1e-10, abs=1e-250)


@pytest.mark.parametrize(
    ("k", "n", "p"),
    [(9, 5_905_006, 2.3668541252861198e-06), (2, 3_884_779, 1.85e-06), (1500, 10_000_000, 1.4e-4), (30, 100, 0.25)],
)
def test_binomial_tails_agree_with_a_50_digit_sum(k, n, p):
    with localcontext() as context:
        context.prec = 50
        share = Decimal(p)
        term = (1 - share) ** n
        total = term
        for i in range(k):
            term = term * (n - i) / (i + 1) * share / (1 - share)
            total += term
        lower, upper = float(total), float(1 - total)
    assert binomial_cdf(k, n, p) == pytest.approx(lower, rel=2e-13)
    assert binomial_sf(k + 1, n, p) == pytest.approx(upper, rel=2e-13)


@pytest.mark.parametrize("k", range(5))
def test_binomial_tails_of_a_fair_coin_are_exact(k):
    assert binomial_sf(k, 4, 0.5) == sum(math.comb(4, i) for i in range(k, 5)) / 16
    assert binomial_cdf(k, 4, 0.5) == sum(math.comb(4, i) for i in range(k + 1)) / 16


@pytest.mark.parametrize("n", [0, 1, 7, 200])
def test_binomial_tails_at_certain_shares_are_zero_or_one(n):
    assert [binomial_sf(k, n, 0.0) for k in (0, n + 1)] == [1.0, 0.0]
    assert binomial_sf(n, n, 1.0) == 1.0
    assert binomial_cdf(0, n, 0.0) == 1.0
    assert binomial_cdf(n - 1, n, 1.0) == 0.0
    assert binomial_cdf(-1, n, 0.5) == 0.0


@settings(max_examples=200, deadline=None)
@given(st.floats(-40.0, 40.0), st.floats(0.5, 1e6))
def test_student_t_sf_agrees_with_scipy(t, df):
    assert student_t_sf(t, df) == pytest.approx(float(stats.t.sf(t, df)), rel=1e-10, abs=1e-250)


def test_student_t_sf_survives_infinite_and_huge_arguments():
    assert [student_t_sf(t, 3) for t in (math.inf, -math.inf, 1e200)] == [0.0, 1.0, 0.0]


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-12, 1.0 - 1e-12).filter(lambda q: abs(q - 0.5) > 1e-6), st.floats(0.5, 1e6))
def test_student_t_ppf_is_undone_by_student_t_sf(q, df):
    assert student_t_sf(-student_t_ppf(q, df), df) == pytest.approx(q, rel=1e-10)


@pytest.mark.parametrize(
    # NIST/SEMATECH e-Handbook, table 1.3.6.7.2: upper critical values of Student's t
    ("df", "upper_tail", "critical"),
    [
        (1, 0.10, 3.078), (1, 0.05, 6.314), (2, 0.001, 22.327), (5, 0.05, 2.015), (10, 0.05, 1.812),
        (10, 0.025, 2.228), (30, 0.01, 2.457), (60, 0.005, 2.660), (100, 0.05, 1.660), (100, 0.001, 3.174),
    ],
)  # fmt: skip
def test_student_t_ppf_gives_the_nist_table(df, upper_tail, critical):
    assert round(student_t_ppf(1.0 - upper_tail, df), 3) == critical


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: betainc(0.0, 1.0, 0.5), "above 0"),
        (lambda: betainc(1.0, math.inf, 0.5), "finite"),
        (lambda: betainc(1.0, 1.0, math.nan), "from 0 to 1"),
        (lambda: betaincinv(1.0, 1.0, 1.5), "1.5"),
        (lambda: binomial_sf(1, -1, 0.5), "-1"),
        (lambda: binomial_cdf(1, 2, 1.1), "1.1"),
        (lambda: student_t_sf(1.0, 0.0), "above 0"),
        (lambda: student_t_ppf(0.0, 3.0), "both excluded"),
        (lambda: student_t_ppf(0.3, -1.0), "above 0"),
    ],
)
def test_an_argument_out_of_range_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
