# SPDX-License-Identifier: Apache-2.0
"""The betting rule for bounded means and the t rule for Gaussian ones."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar, BinomialRate, BoundedMean, GaussianMean
from ophamin.measuring.inference.betting import BETS, Tally, log_mixture, log_wealths

UNIT = BoundedMean(0.0, 1.0)
comparators = st.sampled_from([">=", ">", "<=", "<"])
levels = st.sampled_from([0.01, 0.05, 0.5])
scores = st.lists(st.integers(0, 64).map(lambda i: i / 64), min_size=1, max_size=80)
bars = st.integers(1, 63).map(lambda i: i / 64)


def _wealth(values, m):
    """The definition, without any of the rearrangements."""
    stakes = 0.95 * 2.0 ** (-np.arange(16) / 2)
    factors = 1.0 + stakes[:, None] * (np.asarray(values)[None, :] / m - 1.0)
    return float(np.exp(np.log(factors).sum(axis=1)).mean())


@settings(max_examples=150, deadline=None)
@given(scores, bars)
def test_wealth_is_the_mean_product_of_the_definition(values, m):
    assert math.exp(log_mixture(log_wealths(Tally.of(values), m))) == pytest.approx(_wealth(values, m), rel=1e-9)


def test_stakes_that_are_left_out_would_have_added_nothing():
    rng = random.Random(20261121)
    values = [rng.betavariate(2, 5) for _ in range(5000)]
    logs = log_wealths(Tally.of(values), 0.28)
    assert -math.inf in logs
    assert math.exp(log_mixture(logs)) == pytest.approx(_wealth(values, 0.28), rel=1e-9)
    assert len(logs) == len(BETS) == 16


@settings(max_examples=100, deadline=None)
@given(scores, comparators, bars, levels, levels)
def test_bounds_stand_where_the_wealth_reaches_one_over_the_level(values, comparator, m, alpha, beta):
    assume(set(values) - {0.0, 1.0})
    bar = Bar(comparator, m, alpha, beta)
    decision = UNIT.decide(values, bar)
    assert _wealth(values, decision.low) == pytest.approx(1.0 / bar.low_level, rel=1e-6)
    mirrored = [1.0 - value for value in values]
    assert _wealth(mirrored, 1.0 - decision.high) == pytest.approx(1.0 / bar.high_level, rel=1e-6)
    assert decision.low < decision.estimate < decision.high


@settings(max_examples=150, deadline=None)
@given(scores, comparators, bars, levels, levels)
def test_the_interval_is_the_decision(values, comparator, value, alpha, beta):
    bar = Bar(comparator, value, alpha, beta)
    decision = UNIT.decide(values, bar)
    above, below = decision.low >= value, decision.high <= value
    expected = "VALIDATED" if (above if bar.upward else below) else "REFUTED" if above or below else None
    assert decision.outcome == expected


@settings(max_examples=100, deadline=None)
@given(scores, bars, st.sampled_from([(">=", "<="), (">", "<")]), levels)
def test_one_minus_the_scores_mirrors_the_decision(values, m, mirrored, alpha):
    one = UNIT.decide(values, Bar(mirrored[0], m, alpha))
    other = UNIT.decide([1.0 - value for value in values], Bar(mirrored[1], 1.0 - m, alpha))
    assert one.outcome == other.outcome
    assert (one.p_holds, one.p_fails) == pytest.approx((other.p_holds, other.p_fails), rel=1e-9)
    assert (one.low, one.high) == pytest.approx((1.0 - other.high, 1.0 - other.low), rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(scores, bars, comparators, st.sampled_from([2.0, 1000.0, 0.001]), st.sampled_from([0.0, -5.0, 300.0]))
def test_a_change_of_unit_moves_the_bounds_along(values, m, comparator, scale, shift):
    plain = UNIT.decide(values, Bar(comparator, m))
    rule = BoundedMean(shift, shift + scale)
    moved = rule.decide([min(rule.high, shift + scale * value) for value in values], Bar(comparator, shift + scale * m))
    assert moved.outcome == plain.outcome or min(abs(plain.p_holds - 0.05), abs(plain.p_fails - 0.05)) < 1e-6
    assert (moved.low, moved.high) == pytest.approx(
        (shift + scale * plain.low, shift + scale * plain.high), rel=1e-7, abs=1e-7 * scale
    )


@settings(max_examples=60, deadline=None)
@given(scores, bars, comparators, st.randoms())
def test_order_does_not_matter(values, m, comparator, rng):
    mixed = list(values)
    rng.shuffle(mixed)
    assert UNIT.decide(mixed, Bar(comparator, m)) == UNIT.decide(values, Bar(comparator, m))


@settings(max_examples=100, deadline=None)
@given(scores, st.integers(0, 79), bars, comparators)
def test_a_higher_score_never_speaks_against_a_high_mean(values, index, m, comparator):
    raised = list(values)
    raised[index % len(raised)] = min(1.0, raised[index % len(raised)] + 1 / 128)
    # 0/1 data is decided by a stronger test, so only like is compared with like
    assume((set(values) <= {0.0, 1.0}) == (set(raised) <= {0.0, 1.0}))
    bar = Bar(comparator, m)
    before, after = UNIT.decide(values, bar), UNIT.decide(raised, bar)
    sign = 1.0 if bar.upward else -1.0
    assert sign * (before.p_holds - after.p_holds) >= -1e-12
    assert after.low >= before.low - 1e-9
    assert after.high >= before.high - 1e-9


def _compositions(total, parts):
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _compositions(total - first, parts - 1):
            yield (first, *rest)


@pytest.mark.parametrize(("m", "middle"), [(0.5, 0.5), (0.2, 0.05), (0.85, 0.9), (0.104967, 0.4)])
def test_error_rates_hold_for_three_point_scores_by_summation(m, middle):
    # the binomial test of 24 at 0.104967 has size 0.09999: nothing is left over for the samples with inner scores
    n, bar = 24, Bar(">=", m, 0.1, 0.1)
    points = (0.0, middle, 1.0)
    validated, refuted = [], []
    for counts in _compositions(n, 3):
        outcome = UNIT.decide([x for x, c in zip(points, counts, strict=True) for _ in range(c)], bar).outcome
        ways = math.factorial(n) // math.prod(math.factorial(c) for c in counts)
        (validated if outcome == "VALIDATED" else refuted if outcome == "REFUTED" else []).append((counts, ways))
    assert validated
    assert refuted
    for share in (0.0, 1e-6, 1e-4, 1e-3, 0.004, 0.01, 0.03, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0):
        one = m - share * middle
        shares = (1.0 - share - one, share, one)
        if min(shares) < 0.0:
            continue
        for region in (validated, refuted):
            rate = math.fsum(w * math.prod(p**c for p, c in zip(shares, counts, strict=True)) for counts, w in region)
            assert rate <= 0.1 + 1e-12, shares


@pytest.mark.parametrize(("a", "b"), [(2.0, 5.0), (0.14, 6.86), (50.0, 50.0), (6.86, 0.14)])
def test_error_rates_hold_for_beta_scores_by_simulation(a, b):
    rng = random.Random(20261121)
    bar = Bar(">=", a / (a + b), 0.2, 0.2)  # the truth sits on the bar: both outcomes are errors of a close claim
    runs = [UNIT.decide([rng.betavariate(a, b) for _ in range(60)], bar).outcome for _ in range(500)]
    # 100 of 500 expected at most, standard deviation 9
    assert runs.count("VALIDATED") <= 125
    assert runs.count("REFUTED") <= 125


def test_betting_uses_a_spread_that_is_smaller_than_that_of_zero_one_data():
    # mean 0.20, standard deviation 0.12; among 200 coin flips of the same mean one half of the runs would decide
    rng = random.Random(20261121)
    runs = [UNIT.decide([rng.betavariate(2.02, 8.1) for _ in range(200)], Bar("<", 0.25)).outcome for _ in range(40)]
    assert runs.count("VALIDATED") >= 36


@pytest.mark.parametrize("comparator", [">=", "<"])
def test_zero_one_scores_are_decided_by_the_exact_binomial_rule(comparator):
    values = [1.0] * 70 + [0.0] * 10
    decision, exact = UNIT.decide(values, Bar(comparator, 0.8)), BinomialRate().decide(values, Bar(comparator, 0.8))
    assert (decision.method, decision.detail["rule"]) == ("exact_binomial", "betting")
    assert (decision.outcome, decision.p_holds, decision.p_fails) == (exact.outcome, exact.p_holds, exact.p_fails)
    assert (decision.estimate, decision.low, decision.high, decision.more) == (
        exact.estimate, exact.low, exact.high, exact.more,
    )  # fmt: skip


def test_scores_on_the_bounds_of_another_scale_are_zero_one_data_too():
    decision = BoundedMean(-1.0, 3.0).decide([3.0] * 20, Bar("<=", 3.0, 0.025, 0.025))
    # 20 of 20: exact lower limit 0.8316, the mirror of the published 0 of 20
    assert decision.low == pytest.approx(-1.0 + 4.0 * 0.8316, abs=4e-4)
    assert decision.high == 3.0
    assert decision.guarantee == "finite-sample"


@settings(max_examples=80, deadline=None)
@given(scores, bars, comparators)
def test_more_units_of_the_same_kind_decide(values, m, comparator):
    bar = Bar(comparator, m)
    decision = UNIT.decide(values, bar)
    assume(decision.more is not None and decision.more < 5000)
    times = math.ceil((len(values) + decision.more) / len(values))
    expected = "VALIDATED" if bar.holds(decision.estimate) else "REFUTED"
    assert UNIT.decide(values * times, bar).outcome == expected


def test_more_is_not_exaggerated_for_scores():
    values = [0.4, 0.5, 0.6, 0.7] * 3
    decision = UNIT.decide(values, Bar(">=", 0.5))
    enough = len(values) + decision.more
    assert 0.9 * enough > 12
    assert UNIT.decide(values * (int(0.9 * enough) // 12), Bar(">=", 0.5)).outcome is None


@pytest.mark.parametrize("m", [0.4999999, 0.5, 0.5000001])
def test_a_gap_that_no_stake_can_use_asks_for_no_number(m):
    assert UNIT.decide([0.3, 0.7, 0.5], Bar(">=", m)).more is None


@pytest.mark.parametrize(
    ("bar", "outcome"), [(Bar("<=", 0.0), "REFUTED"), (Bar(">=", 1.0), "REFUTED"), (Bar(">", 0.0), "VALIDATED")]
)
def test_one_inner_score_settles_a_bar_at_an_end(bar, outcome):
    decision = UNIT.decide([0.0, 1.0, 0.5], bar)
    assert decision.outcome == outcome


@pytest.mark.parametrize("values", [[0.5], [0.5] * 7, [1e-12, 0.0], [5e-324, 0.0, 0.25]])
def test_few_or_equal_scores_are_handled(values):
    decision = UNIT.decide(values, Bar(">=", 0.9))
    assert 0.0 <= decision.low < decision.estimate < decision.high <= 1.0


@pytest.mark.parametrize(
    ("bar", "expected"), [(Bar(">=", 95.0), (59, 2)), (Bar("<", 50.0), (5, 5)), (Bar("<=", 0.0), (None, 1))]
)
def test_smallest_n_is_that_of_scores_on_a_bound(bar, expected):
    assert BoundedMean(0.0, 100.0).smallest_n(bar) == expected


@pytest.mark.parametrize("value", [-0.1, 1.0000001, 1e308])
def test_a_score_outside_its_bounds_is_refused_with_place_and_bounds(value):
    with pytest.raises(ObservationError, match=r"observation 2 is .* outside the declared bounds 0\.0 and 1\.0"):
        UNIT.decide([0.5, 1.0, value], Bar(">=", 0.5))


@pytest.mark.parametrize("rule", [UNIT, GaussianMean()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "0.5", 10**400, [0.5]])
def test_what_is_no_finite_number_is_refused_with_its_place(rule, value):
    with pytest.raises(ObservationError, match="observation 1 is"):
        rule.decide([0.5, value], Bar(">=", 0.5))


@pytest.mark.parametrize(
    "bounds", [(1, 0), (0, 0), (0, math.inf), (math.nan, 1), (-1e308, 1e308), ("0", "1"), (None, 1), (0, 10**400)]
)
def test_bounds_that_are_no_interval_are_refused(bounds):
    with pytest.raises(ClaimError, match="two finite bounds"):
        BoundedMean(*bounds)


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_a_bar_outside_the_bounds_is_refused(value):
    with pytest.raises(ClaimError, match="check the unit"):
        UNIT.decide([0.5], Bar(">=", value))
    with pytest.raises(ClaimError, match="check the unit"):
        UNIT.smallest_n(Bar(">=", value))


def test_ten_thousand_different_scores_are_inverted_exactly():
    rng = random.Random(20261121)
    values = [rng.betavariate(2, 5) for _ in range(10_000)]
    decision = UNIT.decide(values, Bar(">=", 0.28))
    assert _wealth(values, decision.low) == pytest.approx(20.0, rel=1e-6)


gaussian_values = st.lists(st.integers(-1000, 1000).map(lambda i: i / 8), min_size=2, max_size=40).filter(
    lambda values: min(values) < max(values)
)


@settings(max_examples=150, deadline=None)
@given(gaussian_values, comparators, st.integers(-800, 800).map(lambda i: i / 8), levels, levels)
def test_the_t_rule_agrees_with_scipy(values, comparator, value, alpha, beta):
    bar = Bar(comparator, value, alpha, beta)
    decision = GaussianMean().decide(values, bar)
    above = stats.ttest_1samp(values, value, alternative="greater")
    below = stats.ttest_1samp(values, value, alternative="less")
    p_values = (above.pvalue, below.pvalue) if bar.upward else (below.pvalue, above.pvalue)
    assert (decision.p_holds, decision.p_fails) == pytest.approx(p_values, rel=1e-8, abs=1e-250)
    low = above.confidence_interval(1.0 - bar.low_level).low
    high = below.confidence_interval(1.0 - bar.high_level).high
    assert (decision.low, decision.high) == pytest.approx((low, high), rel=1e-8, abs=1e-8)


@settings(max_examples=150, deadline=None)
@given(gaussian_values, comparators, st.integers(-800, 800).map(lambda i: i / 8), levels, levels)
def test_the_t_interval_is_the_decision(values, comparator, value, alpha, beta):
    bar = Bar(comparator, value, alpha, beta)
    decision = GaussianMean().decide(values, bar)
    above, below = decision.low >= value, decision.high <= value
    if alpha == beta == 0.5:
        assume(decision.estimate != value)
    expected = "VALIDATED" if (above if bar.upward else below) else "REFUTED" if above or below else None
    assert decision.outcome == expected


def test_the_t_interval_is_the_published_one():
    # NIST/SEMATECH e-Handbook 1.3.5.2, heat flow meter: n = 195, mean 9.261460, standard deviation 0.022789,
    # 95 % interval 9.258242 to 9.264679; T against 5 is 2611.28
    values = [9.261460] + [9.261460 + 0.022789, 9.261460 - 0.022789] * 97
    decision = GaussianMean().decide(values, Bar(">", 5.0, 0.025, 0.025))
    assert (round(decision.low, 6), round(decision.high, 6)) == (
        pytest.approx(9.258242, abs=2e-6),
        pytest.approx(9.264679, abs=2e-6),
    )
    assert decision.detail["t"] == pytest.approx(2611.28, abs=0.02)
    assert decision.outcome == "VALIDATED"


@settings(max_examples=80, deadline=None)
@given(gaussian_values, st.sampled_from([0.125, 8.0, 1024.0]), st.sampled_from([0.0, -64.0, 512.0]), comparators)
def test_a_change_of_unit_moves_the_t_bounds_along(values, scale, shift, comparator):
    plain = GaussianMean().decide(values, Bar(comparator, 1.0))
    moved = GaussianMean().decide([shift + scale * value for value in values], Bar(comparator, shift + scale))
    assert (moved.p_holds, moved.p_fails) == pytest.approx((plain.p_holds, plain.p_fails), rel=1e-6, abs=1e-12)
    assert (moved.low, moved.high) == pytest.approx(
        (shift + scale * plain.low, shift + scale * plain.high), rel=1e-8, abs=1e-8 * scale
    )


@settings(max_examples=80, deadline=None)
@given(gaussian_values, comparators)
def test_minus_the_values_mirror_the_t_decision(values, comparator):
    mirrored = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}[comparator]
    one = GaussianMean().decide(values, Bar(comparator, 1.0, 0.01, 0.1))
    other = GaussianMean().decide([-value for value in values], Bar(mirrored, -1.0, 0.01, 0.1))
    assert (one.outcome, one.p_holds, one.more) == (other.outcome, other.p_holds, other.more)
    assert (one.low, one.high) == (-other.high, -other.low)


@settings(max_examples=80, deadline=None)
@given(gaussian_values, comparators)
def test_more_units_of_the_same_kind_decide_the_t_rule(values, comparator):
    bar = Bar(comparator, 1.0)
    decision = GaussianMean().decide(values, bar)
    assume(decision.more is not None and decision.more < 20_000)
    times = math.ceil((len(values) + decision.more) / len(values))
    expected = "VALIDATED" if bar.holds(decision.estimate) else "REFUTED"
    assert GaussianMean().decide(values * times, bar).outcome == expected


@pytest.mark.parametrize(("values", "words"), [([3.5], "one observation"), ([0.1] * 9, "standard deviation 0.0")])
def test_values_without_spread_are_undecided_with_their_estimate(values, words):
    decision = GaussianMean().decide(values, Bar(">=", 0.0))
    assert (decision.outcome, decision.low, decision.high, decision.p_holds) == (None, None, None, None)
    assert decision.estimate == values[0]
    assert words in decision.reason


@pytest.mark.parametrize("values", [[1e300, 1.1e300, 0.9e300], [1e-300, 2e-300, 3e-300], [-1e308, 1e308, 1.5e308]])
def test_extreme_magnitudes_do_not_break_the_t_rule(values):
    decision = GaussianMean().decide(values, Bar(">=", 0.0))
    assert math.isfinite(decision.estimate)
    assert decision.low is None or decision.low < decision.estimate < decision.high


def test_two_gaussian_units_can_decide():
    assert GaussianMean().smallest_n(Bar(">=", 0.0)) == (2, 2)
    assert GaussianMean().decide([10.0, 10.1], Bar(">=", 0.0)).outcome == "VALIDATED"
    assert GaussianMean().decide([-10.0, -10.1], Bar(">=", 0.0)).outcome == "REFUTED"
