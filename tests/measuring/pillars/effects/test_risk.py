# SPDX-License-Identifier: Apache-2.0
"""Effect sizes of counts: published values, the equations they solve, and what is undefined."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects import odds_ratio, risk_difference, risk_ratio
from ophamin.measuring.pillars.effects.risk import wilson_interval

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("table", "published"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10.
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
        # Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables (2017): Perondi et al. 2004.
        ((7, 34, 1, 34), (0.0189, 0.3404)),
    ],
)
def test_the_difference_of_rates_has_the_published_interval(table, published):
    one = risk_difference(*table)
    assert (round(one.low, 4), round(one.high, 4)) == published
    assert one.value == pytest.approx(table[0] / table[1] - table[2] / table[3])


def test_the_ratio_of_rates_has_the_published_interval():
    # Tests of the R package contingencytables to the same book: MOVER-R Wilson, 7.0000 (1.1537 to 41.9763).
    one = risk_ratio(7, 34, 1, 34)
    assert (round(one.value, 4), round(one.low, 4), round(one.high, 4)) == (7.0, 1.1537, 41.9763)


def test_the_score_interval_of_one_rate_is_the_published_one():
    # Newcombe, Statistics in Medicine 17 (1998) 857, table I.
    for (k, n), published in {
        (81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718),
    }.items():  # fmt: skip
        assert tuple(round(end, 4) for end in wilson_interval(k, n)) == published


@given(counts, counts)
def test_the_difference_is_that_of_statsmodels(first, second):
    one = risk_difference(*first, *second)
    low, high = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
    assert (one.low, one.high) == pytest.approx((max(low, -1.0), min(high, 1.0)), abs=1e-9)


@given(counts)
def test_the_score_interval_is_that_of_statsmodels(pair):
    assert wilson_interval(*pair) == pytest.approx(proportion_confint(*pair, method="wilson"), abs=1e-9)


@given(counts, counts)
def test_an_end_of_the_ratio_is_where_the_difference_from_its_multiple_just_reaches_0(first, second):
    (k1, n1), (k2, n2) = first, second
    assume(k2 > 0)
    one = risk_ratio(k1, n1, k2, n2)
    (l1, u1), (l2, u2) = wilson_interval(k1, n1), wilson_interval(k2, n2)
    p1, p2 = k1 / n1, k2 / n2
    assert one.low <= one.value <= one.high
    assert p1 - one.low * p2 == pytest.approx(math.hypot(p1 - l1, one.low * (u2 - p2)), abs=1e-7)
    assert one.high * p2 - p1 == pytest.approx(math.hypot(u1 - p1, one.high * (p2 - l2)), rel=1e-7, abs=1e-7)


@given(counts, counts)
def test_the_odds_ratio_does_not_change_when_arms_and_outcomes_change_places(first, second):
    (k1, n1), (k2, n2) = first, second
    one, other = odds_ratio(k1, n1, k2, n2), odds_ratio(n2 - k2, n2, n1 - k1, n1)
    assert (one.value is None) == (other.value is None)
    if one.value is not None:
        assert one.value == pytest.approx(other.value)
        assert one.value == pytest.approx(
            stats.contingency.odds_ratio([[k1, k2], [n1 - k1, n2 - k2]], kind="sample").statistic
        )
        assert one.low <= one.value <= one.high


def test_the_odds_ratio_lies_near_the_score_interval():
    one = odds_ratio(9, 13, 4, 14)
    low, high = confint_proportions_2indep(9, 13, 4, 14, method="score", compare="odds-ratio")
    assert one.value == pytest.approx(9 * 10 / (4 * 4))
    assert one.low == pytest.approx(low, rel=0.1)
    assert one.high == pytest.approx(high, rel=0.1)


@pytest.mark.parametrize("size", [risk_difference, risk_ratio, odds_ratio])
@pytest.mark.parametrize(("p1", "p2"), [(0.3, 0.2), (0.6, 0.5), (0.1, 0.4)])
def test_the_intervals_cover_about_as_often_as_they_say(size, p1, p2):
    """Summed over all tables of 25 and 30 units, each with its probability."""
    truth = {risk_difference: p1 - p2, risk_ratio: p1 / p2, odds_ratio: p1 / (1 - p1) * (1 - p2) / p2}[size]
    first, second = stats.binom.pmf(range(26), 25, p1), stats.binom.pmf(range(31), 30, p2)
    covered = 0.0
    for k1 in range(26):
        for k2 in range(31):
            one = size(k1, 25, k2, 30)
            low, high = one.low or -math.inf, math.inf if one.high is None else one.high
            covered += first[k1] * second[k2] * (low <= truth <= high)
    assert 0.935 <= covered <= 0.985


@pytest.mark.parametrize(
    ("size", "table", "low", "reason"),
    [
        (risk_difference, (0, 0, 1, 2), None, "no units"),
        (risk_ratio, (1, 2, 0, 0), None, "no units"),
        (odds_ratio, (0, 0, 0, 0), None, "no units"),
        (risk_ratio, (5, 56, 0, 29), 0.6292, "no events among the controls"),
        (odds_ratio, (5, 56, 0, 29), 0.5982, "a cell of the table is 0"),
        (odds_ratio, (10, 10, 20, 50), 3.5292, "a cell of the table is 0"),
        (odds_ratio, (10, 10, 0, 10), None, "rates at their ends"),
        (odds_ratio, (0, 10, 10, 10), None, "rates at their ends"),
    ],
)
def test_what_is_undefined_has_a_reason_and_at_most_a_lower_end(size, table, low, reason):
    one = size(*table)
    assert (one.value, one.high) == (None, None)
    assert (None if one.low is None else round(one.low, 4)) == low
    assert reason in one.reason


def test_a_ratio_of_0_is_a_value_with_an_upper_end():
    for size in (risk_ratio, odds_ratio):
        one = size(0, 16, 15, 72)
        assert (one.value, one.low) == (0.0, 0.0)
        assert 0.5 < one.high < 2.0


@pytest.mark.parametrize("size", [risk_difference, risk_ratio, odds_ratio])
def test_counts_that_cannot_be_are_refused(size):
    for bad in ((3, 2, 1, 2), (-1, 2, 1, 2), (1.0, 2, 1, 2), (True, 2, 1, 2), (1, 2, 1, "2")):
        with pytest.raises(NotComputableError, match="give integers with 0 <= events <= units"):
            size(*bad)
    with pytest.raises(ClaimError):
        size(1, 2, 1, 2, confidence=0)
