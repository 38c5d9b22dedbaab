# SPDX-License-Identifier: Apache-2.0
"""The exact binomial rule."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar, BinomialRate

RULE = BinomialRate()
COMPARATORS = (">=", ">", "<=", "<")
comparators = st.sampled_from(COMPARATORS)
levels = st.sampled_from([0.01, 0.05, 0.1, 0.5])
counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
shares = st.floats(0.01, 0.99)


@pytest.mark.parametrize(
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 5: exact 95 % intervals
    ("k", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_bounds_are_the_published_clopper_pearson_intervals(k, n, low, high):
    decision = RULE.decide_counts(k, n, Bar(">=", 0.5, 0.025, 0.025))
    assert (round(decision.low, 4), round(decision.high, 4)) == (low, high)


@settings(max_examples=200, deadline=None)
@given(counts, comparators, shares, levels, levels)
def test_p_values_and_bounds_agree_with_scipy(count, comparator, value, alpha, beta):
    k, n = count
    bar = Bar(comparator, value, alpha, beta)
    decision = RULE.decide_counts(k, n, bar)
    above = stats.binomtest(k, n, value, alternative="greater")
    below = stats.binomtest(k, n, value, alternative="less")
    p_values = (above.pvalue, below.pvalue) if bar.upward else (below.pvalue, above.pvalue)
    assert (decision.p_holds, decision.p_fails) == pytest.approx(p_values, rel=1e-9, abs=1e-200)
    low = above.proportion_ci(1.0 - bar.low_level, "exact").low
    high = below.proportion_ci(1.0 - bar.high_level, "exact").high
    assert (decision.low, decision.high) == pytest.approx((low, high), rel=1e-9)


@settings(max_examples=300, deadline=None)
@given(counts, comparators, st.floats(0.0, 1.0), levels, levels)
def test_the_interval_is_the_decision(count, comparator, value, alpha, beta):
    k, n = count
    bar = Bar(comparator, value, alpha, beta)
    decision = RULE.decide_counts(k, n, bar)
    above, below = decision.low >= value < k / n, decision.high <= value > k / n
    expected = "VALIDATED" if (above if bar.upward else below) else "REFUTED" if above or below else None
    assert decision.outcome == expected


@settings(max_examples=200, deadline=None)
@given(counts, st.integers(1, 63), st.sampled_from([(">=", "<="), (">", "<")]), levels, levels)
def test_failures_mirror_successes(count, sixty_fourths, mirrored, alpha, beta):
    k, n = count
    value = sixty_fourths / 64
    one = RULE.decide_counts(k, n, Bar(mirrored[0], value, alpha, beta))
    other = RULE.decide_counts(n - k, n, Bar(mirrored[1], 1.0 - value, alpha, beta))
    assert (one.outcome, one.more) == (other.outcome, other.more)
    assert (one.p_holds, one.p_fails) == pytest.approx((other.p_holds, other.p_fails), rel=1e-9)
    assert (one.low, one.high) == pytest.approx((1.0 - other.high, 1.0 - other.low), rel=1e-9, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(counts, comparators, shares)
def test_one_more_success_never_speaks_against_a_high_rate(count, comparator, value):
    k, n = count
    assume(k < n)
    bar = Bar(comparator, value)
    few, many = RULE.decide_counts(k, n, bar), RULE.decide_counts(k + 1, n, bar)
    assert (many.p_holds <= few.p_holds) is bar.upward or many.p_holds == few.p_holds
    assert many.low >= few.low
    assert many.high >= few.high


@pytest.mark.parametrize("comparator", COMPARATORS)
@pytest.mark.parametrize(("n", "value", "alpha", "beta"), [
    (5, 0.5, 0.05, 0.2), (20, 0.9, 0.05, 0.05), (20, 0.05, 0.2, 0.01), (64, 0.3, 0.1, 0.1), (150, 0.95, 0.05, 0.025),
])  # fmt: skip
def test_error_rates_hold_at_every_truth_by_summation(comparator, n, value, alpha, beta):
    bar = Bar(comparator, value, alpha, beta)
    outcomes = [RULE.decide_counts(k, n, bar).outcome for k in range(n + 1)]
    for truth in [*(i / 100 for i in range(101)), value, value - 1e-9, value + 1e-9]:
        masses = stats.binom.pmf(range(n + 1), n, truth)
        wrong, level = ("REFUTED", beta) if bar.holds(truth) else ("VALIDATED", alpha)
        assert math.fsum(m for m, outcome in zip(masses, outcomes, strict=True) if outcome == wrong) <= level + 1e-12


def test_the_test_is_not_needlessly_cautious():
    # 0.10 against 0.15 at 5 %: the exact fixed-sample plan is n = 474 with 59 or more, of size 0.0479
    outcomes = [RULE.decide_counts(k, 474, Bar(">", 0.10)).outcome for k in range(475)]
    assert outcomes.index("VALIDATED") == 59
    assert RULE.decide_counts(59, 474, Bar(">", 0.10)).p_holds == pytest.approx(0.0479, abs=5e-5)


@pytest.mark.parametrize("n", [30, 100, 1000, 10**6])
def test_no_failure_in_n_bounds_the_rate_by_three_over_n(n):
    # the rule of three: Hanley and Lippman-Hand, JAMA 249 (1983)
    high = RULE.decide_counts(0, n, Bar("<=", 0.5)).high
    assert high == pytest.approx(-math.expm1(math.log(0.05) / n), rel=1e-12)
    assert 2.85 / n < high < 3 / n


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        (Bar(">=", 0.95), (59, 2)),  # Wilks, Annals of Mathematical Statistics 12 (1941): 59
        (Bar(">=", 0.99), (299, 1)),
        (Bar("<=", 0.01), (299, 1)),
        (Bar(">=", 0.999), (2995, 1)),
        (Bar(">", 0.5, 0.0625, 0.5), (4, 1)),
        (Bar("<", 0.5, 0.05, 0.01), (5, 7)),
        (Bar("<=", 0.0), (None, 1)),
        (Bar("<", 0.0), (None, 1)),
        (Bar(">=", 1.0), (None, 1)),
        (Bar(">=", 0.0), (1, None)),
        (Bar("<=", 1.0), (1, None)),
        (Bar("<=", 1e-300), (None, 1)),
    ],
    ids=str,
)
def test_smallest_n_is_the_published_one(bar, expected):
    assert RULE.smallest_n(bar) == expected


@settings(max_examples=60, deadline=None)
@given(comparators, shares, levels, levels)
def test_smallest_n_decides_and_one_less_does_not(comparator, value, alpha, beta):
    bar = Bar(comparator, value, alpha, beta)
    for size, outcome in zip(RULE.smallest_n(bar), ("VALIDATED", "REFUTED"), strict=True):
        assert size is not None
        k_of = (lambda n: n) if bar.upward is (outcome == "VALIDATED") else (lambda n: 0)
        assert RULE.decide_counts(k_of(size), size, bar).outcome == outcome
        assert size == 1 or RULE.decide_counts(k_of(size - 1), size - 1, bar).outcome is None


@settings(max_examples=150, deadline=None)
@given(counts, comparators, shares)
def test_more_units_of_the_same_kind_decide(count, comparator, value):
    k, n = count
    bar = Bar(comparator, value)
    more = RULE.decide_counts(k, n, bar).more
    assume(more is not None and more < 10**7)
    times = math.ceil((n + more) / n)
    expected = "VALIDATED" if bar.holds(k / n) else "REFUTED"
    assert RULE.decide_counts(k * times, n * times, bar).outcome == expected


def test_more_is_not_exaggerated():
    decision = RULE.decide_counts(92, 100, Bar(">=", 0.9))
    assert decision.outcome is None
    assert RULE.decide_counts(552, 600, Bar(">=", 0.9)).outcome is None
    assert RULE.decide_counts(644, 700, Bar(">=", 0.9)).outcome == "VALIDATED"
    assert 490 < decision.more < 600


@pytest.mark.parametrize(
    ("k", "n", "bar"), [(50, 100, Bar(">=", 0.5)), (0, 20, Bar("<=", 0.0)), (9, 9, Bar(">=", 1.0))]
)
def test_an_estimate_at_the_bar_asks_for_no_number_of_units(k, n, bar):
    decision = RULE.decide_counts(k, n, bar)
    assert (decision.outcome, decision.more) == (None, None)


@pytest.mark.parametrize("comparator", [">=", ">"])
def test_one_failure_refutes_a_perfect_rate_and_one_success_a_zero_rate(comparator):
    assert RULE.decide([1, 1, 0], Bar(">=", 1.0)).outcome == "REFUTED"
    assert RULE.decide([0, 0, 1], Bar("<=", 0.0)).outcome == "REFUTED"
    assert RULE.decide([0, 0, 1], Bar(comparator, 0.0)).outcome == "VALIDATED"


def test_truth_values_and_numbers_count_alike():
    bar = Bar(">", 0.5)
    assert RULE.decide([True, False, True], bar) == RULE.decide([1.0, 0, 1], bar)


@pytest.mark.parametrize("value", [0.5, 2, -1, math.nan, math.inf, None, "1", [1]])
def test_what_is_not_zero_or_one_is_refused_with_its_place(value):
    with pytest.raises(ObservationError, match="observation 1 is"):
        RULE.decide([1, value, 0], Bar(">=", 0.5))


@pytest.mark.parametrize("value", [-0.01, 1.01, 95.0])
def test_a_bar_that_no_rate_can_meet_is_refused(value):
    with pytest.raises(ClaimError, match="percentage"):
        RULE.decide([1], Bar(">=", value))
    with pytest.raises(ClaimError, match="percentage"):
        RULE.smallest_n(Bar(">=", value))


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (1, 0)])
def test_a_count_outside_its_trials_is_refused(k, n):
    with pytest.raises(ObservationError, match="successes"):
        RULE.decide_counts(k, n, Bar(">=", 0.5))


def test_ten_million_units_are_decided_to_all_digits():
    decision = RULE.decide_counts(5_002_602, 10_000_000, Bar(">", 0.5))
    assert decision.outcome == "VALIDATED"
    assert RULE.decide_counts(5_002_601, 10_000_000, Bar(">", 0.5)).outcome is None
    assert decision.p_holds == pytest.approx(float(stats.binom.sf(5_002_601, 10_000_000, 0.5)), rel=1e-9)
