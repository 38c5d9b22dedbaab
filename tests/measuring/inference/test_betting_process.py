# SPDX-License-Identifier: Apache-2.0
"""Sequential betting on a bounded mean."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.betting import Tally, log_mixture, log_wealths
from ophamin.measuring.inference.betting_process import BettingMean, ConstantBets, bets_above, bets_below
from ophamin.measuring.inference.process import Walk

LOG_20 = math.log(20.0)
scores = st.lists(st.integers(0, 64).map(lambda i: i / 64), min_size=1, max_size=80)
bars = st.integers(1, 63).map(lambda i: i / 64)
margins = st.sampled_from([None, 0.005, 0.05, 0.3])
comparators = st.sampled_from([">=", ">", "<=", "<"])
levels = st.sampled_from([0.01, 0.05, 0.5])


def _defined(values, m, margin, weights="equal"):
    """Log wealth by the definition: sixteen products of 1 + lambda (y - m), averaged."""
    j = np.arange(16)
    if margin is None:
        stakes = 0.95 * 2.0 ** (-j / 2) / m
    else:
        stakes = np.minimum(margin * 0.5 * 2.0 ** (j / 2) / (m * (1.0 - m)), 0.95 / m)
    share = np.ones(16) if weights == "equal" else 1.0 / (1 + abs(j - 2))
    logs = np.log1p(stakes[:, None] * (np.asarray(values)[None, :] - m)).sum(axis=1)
    return float(np.logaddexp.reduce(logs + np.log(share / share.sum())))


def _fed(process, values):
    for value in values:
        process.update(value)
    return process.log_e


@settings(max_examples=150, deadline=None)
@given(scores, bars, margins)
def test_wealth_is_the_mean_product_of_the_definition(values, m, margin):
    assert _fed(bets_above(m, 0.0, 1.0, margin), values) == pytest.approx(_defined(values, m, margin), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(scores, bars)
def test_centred_weights_lie_about_the_bet_of_a_rate(values, m):
    wealth = _fed(bets_above(m, 0.0, 1.0, 0.05, "centred"), values)
    assert wealth == pytest.approx(_defined(values, m, 0.05, "centred"), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(scores, bars)
def test_without_a_margin_the_wealth_is_that_of_the_fixed_sample_rule(values, m):
    fixed = log_mixture(log_wealths(Tally.of(values), m))
    assert _fed(bets_above(m, 0.0, 1.0), values) == pytest.approx(fixed, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(scores, bars, margins)
def test_bets_below_are_bets_above_on_the_mirrored_values(values, m, margin):
    mirrored = _fed(bets_above(1.0 - m, 0.0, 1.0, margin), [1.0 - value for value in values])
    assert _fed(bets_below(m, 0.0, 1.0, margin), values) == pytest.approx(mirrored, abs=1e-9)


@pytest.mark.parametrize("m", [0.001, 0.5, 0.999])
def test_wealth_beyond_the_range_of_a_float_is_kept_as_its_log(m):
    values = [1.0] * 3000 + [m / 2] * 3000 + [1.0] * 1000
    assert _fed(bets_above(m, 0.0, 1.0, 0.0005), values) == pytest.approx(_defined(values, m, 0.0005), rel=1e-9)
    assert _fed(bets_above(m, 0.0, 1.0), [0.0] * 9000) == pytest.approx(_defined([0.0] * 9000, m, None), rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.8, 1.0]), max_size=5),
    st.lists(st.integers(0, 20), min_size=5, max_size=5),
    margins,
    st.floats(0.0, 0.3),
)
def test_no_distribution_on_the_nulls_side_makes_the_wealth_grow_on_average(history, masses, margin, excess):
    assume(sum(masses))
    support = [0.0, 0.1, 0.5, 0.8, 1.0]
    mean = sum(x * mass for x, mass in zip(support, masses, strict=True)) / sum(masses)
    above, below = min(1.0, mean + excess), max(0.0, mean - excess)
    for build, null in ((bets_above, above), (bets_below, below)):
        now = math.exp(_fed(build(null, 0.0, 1.0, margin), history)) if not _disproved(null, history) else math.inf
        after = sum(
            mass / sum(masses) * math.exp(_fed(build(null, 0.0, 1.0, margin), [*history, x]))
            for x, mass in zip(support, masses, strict=True)
            if mass
        )
        assert after <= now * (1.0 + 1e-9)


def _disproved(null, history):
    return null in {0.0, 1.0} and any(x != null for x in history)


def test_the_stake_is_as_large_as_it_may_be_without_ruin():
    process = bets_above(0.3, 0.0, 1.0, margin=0.6)  # all bets at their limit but the first few
    assert math.isfinite(_fed(process, [0.0] * 500))
    process.update(1.0)
    assert math.isfinite(process.log_e)


def test_one_value_off_the_end_disproves_that_the_mean_lies_there():
    assert BettingMean(0.0, 1.0, mde=0.1).decide([0.0, 0.0, 0.25], Bar("<=", 0.0)).outcome == "REFUTED"
    assert BettingMean(0.0, 1.0, mde=0.1).decide([1.0, 1.0, 0.75], Bar(">=", 1.0)).outcome == "REFUTED"
    assert BettingMean(0.0, 1.0).decide([0.5], Bar("<", 1.0)).outcome == "VALIDATED"
    undecided = BettingMean(0.0, 1.0, mde=0.1).decide([0.0] * 50, Bar("<=", 0.0))
    assert (undecided.outcome, undecided.low, undecided.p_fails) == (None, None, 1.0)


@settings(max_examples=100, deadline=None)
@given(scores, bars, margins, comparators, levels, levels)
def test_the_bounds_stand_where_the_wealth_reaches_one_over_the_level(values, m, margin, comparator, alpha, beta):
    bar = Bar(comparator, m, alpha, beta)
    decision = BettingMean(0.0, 1.0, margin).decide(values, bar)
    used = values[: decision.n]
    if decision.low > 0.0 and decision.low != m:
        wealth = _defined(used, decision.low, margin)
        assert wealth == pytest.approx(-math.log(bar.low_level), abs=1e-6)
    if decision.high < 1.0 and decision.high != m:
        wealth = _defined([1.0 - x for x in used], 1.0 - decision.high, margin)
        assert wealth == pytest.approx(-math.log(bar.high_level), abs=1e-6)
    assert decision.low <= decision.estimate <= decision.high


@settings(max_examples=100, deadline=None)
@given(scores, bars, margins, comparators, levels, levels)
def test_the_interval_is_the_decision(values, m, margin, comparator, alpha, beta):
    bar = Bar(comparator, m, alpha, beta)
    decision = BettingMean(0.0, 1.0, margin).decide(values, bar)
    above, below = decision.low >= m, decision.high <= m
    expected = "VALIDATED" if (above if bar.upward else below) else "REFUTED" if above or below else None
    assert decision.outcome == expected


@settings(max_examples=60, deadline=None)
@given(scores, st.randoms(use_true_random=False))
def test_the_order_of_the_values_does_not_change_the_last_wealth(values, shuffler):
    other = list(values)
    shuffler.shuffle(other)
    one, two = bets_above(0.4, 0.0, 1.0, 0.1), bets_above(0.4, 0.0, 1.0, 0.1)
    assert _fed(one, values) == pytest.approx(_fed(two, other), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(scores, bars, st.sampled_from([2.0, 1000.0, 0.001]), st.sampled_from([0.0, -5.0, 300.0]))
def test_a_change_of_unit_changes_nothing(values, m, scale, shift):
    plain = bets_above(m, 0.0, 1.0, 0.05)
    high = shift + scale
    moved = bets_above(shift + scale * m, shift, high, 0.05 * scale)
    moved_values = [min(high, shift + scale * value) for value in values]
    assert _fed(moved, moved_values) == pytest.approx(_fed(plain, values), rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(scores, bars, st.sampled_from([(">=", "<="), (">", "<")]), levels)
def test_one_minus_the_scores_mirrors_the_decision(values, m, mirrored, alpha):
    rule = BettingMean(0.0, 1.0, 0.05)
    one = rule.decide(values, Bar(mirrored[0], m, alpha))
    other = rule.decide([1.0 - value for value in values], Bar(mirrored[1], 1.0 - m, alpha))
    assert (one.outcome, one.n) == (other.outcome, other.n)
    assert (one.p_holds, one.p_fails) == pytest.approx((other.p_holds, other.p_fails), rel=1e-9)
    assert (one.low, one.high) == pytest.approx((1.0 - other.high, 1.0 - other.low), rel=1e-6, abs=1e-9)


def test_observations_after_the_decision_change_nothing():
    rule, bar = BettingMean(0.0, 1.0, mde=0.1), Bar(">=", 0.5)
    first = rule.decide([0.9] * 20, bar)
    longer = rule.decide([0.9] * 20 + [0.0] * 500, bar)
    assert (first.outcome, longer.outcome) == ("VALIDATED", "VALIDATED")
    assert (first.n, first.estimate, first.low, first.high) == (longer.n, longer.estimate, longer.low, longer.high)


def test_smallest_n_is_the_n_at_which_a_run_decides():
    rule, bar = BettingMean(-1.0, 3.0, mde=0.5), Bar("<=", 0.0, alpha=0.01, beta=0.2)
    validated, refuted = rule.smallest_n(bar)
    assert rule.decide([-1.0] * validated, bar).outcome == "VALIDATED"
    assert rule.decide([-1.0] * (validated - 1), bar).outcome is None
    assert rule.decide([3.0] * refuted, bar).outcome == "REFUTED"
    assert rule.decide([3.0] * (refuted - 1), bar).outcome is None
    assert rule.smallest_n(Bar("<=", 3.0)) == (rule.smallest_n(Bar("<=", 3.0))[0], None)
    assert rule.smallest_n(Bar(">", -1.0))[0] == 1


def test_without_observations_nothing_is_said():
    decision = BettingMean(0.0, 1.0).decide([], Bar(">=", 0.5))
    assert (decision.outcome, decision.reason, decision.estimate, decision.low) == (None, "no observations", None, None)


def test_a_record_says_that_the_mean_is_biased_after_stopping():
    decision = BettingMean(0.0, 2.0, mde=0.1).decide([1.0, 0.5], Bar(">=", 0.5))
    assert decision.detail["estimate_note"] == "plain mean, biased after stopping"
    assert decision.detail["bounds"] == [0.0, 2.0]


@pytest.mark.parametrize("value", [1.5, -0.001, math.nan, math.inf, "0.5", None, [0.5]])
@pytest.mark.parametrize("bar", [Bar(">=", 0.5), Bar(">=", 1.0), Bar(">=", 0.0)])
def test_a_value_outside_the_bounds_is_refused(value, bar):
    with pytest.raises(ObservationError, match=r"declared bounds 0\.0 and 1\.0"):
        BettingMean(0.0, 1.0, mde=0.1).decide([value], bar)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0.0, 1.0, 0.0), "mde"),
        ((0.0, 1.0, -0.1), "mde"),
        ((0.0, 1.0, math.nan), "mde"),
        ((0.0, 1.0, "0.1"), "mde"),
        ((0.0, 1.0, True), "mde"),
        ((0.0, 1.0, 1.0), "mde"),
        ((1.0, 1.0), "bounds"),
        ((0.0, math.inf), "bounds"),
        ((0.0, 1.0, 0.1, "best"), "weights"),
        ((0.0, 1.0, None, "centred"), "centred"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(arguments, named):
    with pytest.raises(ClaimError, match=named):
        BettingMean(*arguments)


@pytest.mark.parametrize("bar", [Bar("==", 0.5), Bar(">=", 1.5)])
def test_a_bar_that_does_not_fit_is_refused(bar):
    with pytest.raises(ClaimError):
        BettingMean(0.0, 1.0).start(bar)


def test_bettors_of_the_same_stake_are_one():
    apart = ConstantBets(0.5, [1.0, 1.0 + 1e-15], [0.25, 0.75], 0.0, 1.0)
    assert _fed(ConstantBets(0.5, [1.0, 1.0], [0.25, 0.75], 0.0, 1.0), [0.9, 0.2]) == pytest.approx(
        _fed(apart, [0.9, 0.2]), abs=1e-12
    )


def _acceptance(null, alternative, draw, replicates, **options):
    """Share of `above` and mean n of walks between two nulls."""
    margin, above, total = alternative - null, 0, 0
    for _ in range(replicates):
        walk = Walk(
            bets_above(null, 0.0, 1.0, margin, **options),
            bets_below(alternative, 0.0, 1.0, margin, **options),
            accept=LOG_20,
            reject=LOG_20,
        )
        while walk.side is None:
            for value in draw(64):
                if walk.update(value):
                    break
        above += walk.side == "above"
        total += walk.decided_at
    return above / replicates, total / replicates


def _beta(rng, mean, concentration):
    return lambda size: rng.beta(mean * concentration, (1.0 - mean) * concentration, size).tolist()


@pytest.mark.parametrize(
    ("null", "alternative", "sd", "asn", "spread_of_n"),
    [  # ASN at the null and at the alternative, 4000 replicates; sd of one n as measured here
        (0.20, 0.25, 0.12, (68, 47), (25, 32)),
        (0.50, 0.52, 0.05, (121, 124), (30, 31)),
    ],
)
def test_error_rates_and_sample_numbers_are_those_published(null, alternative, sd, asn, spread_of_n):
    rng, replicates = np.random.default_rng(20261121), 600
    concentration = null * (1.0 - null) / sd**2 - 1.0
    for truth, expected, spread in zip((null, alternative), asn, spread_of_n, strict=True):
        above, mean_n = _acceptance(null, alternative, _beta(rng, truth, concentration), replicates)
        error = above if truth == null else 1.0 - above
        assert error <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / replicates)
        assert mean_n == pytest.approx(expected, abs=0.5 + 4.0 * spread * math.sqrt(1 / replicates + 1 / 4000))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("truth", "asn"),
    [(0.02, 484), (0.03, 391)],  # beta .02 -> .03, sd .07 at the null, 4000 replicates
)
def test_skewed_scores_take_the_published_sample_number(truth, asn):
    rng = np.random.default_rng(20261121)
    above, mean_n = _acceptance(0.02, 0.03, _beta(rng, truth, 3.0), 2000)
    assert (above if truth == 0.02 else 1.0 - above) <= 0.065
    assert mean_n == pytest.approx(asn, abs=4.0 * 285 * math.sqrt(1 / 2000 + 1 / 4000))


@pytest.mark.slow
# 0/1 values .10 -> .15, 4000 replicates
@pytest.mark.parametrize(("weights", "asn"), [("equal", (370, 327)), ("centred", (302, 269))])
def test_centred_weights_save_a_fifth_on_zeros_and_ones(weights, asn):
    rng = np.random.default_rng(20261121)
    for truth, expected in zip((0.10, 0.15), asn, strict=True):
        above, mean_n = _acceptance(
            0.10, 0.15, lambda size, p=truth: (rng.random(size) < p).astype(float).tolist(), 2000, weights=weights
        )
        assert (above if truth == 0.10 else 1.0 - above) <= 0.065
        assert mean_n == pytest.approx(expected, abs=4.0 * 240 * math.sqrt(1 / 2000 + 1 / 4000))


@pytest.mark.slow
def test_a_look_after_every_value_keeps_the_level_where_the_mean_is_the_bar():
    rng, rule, bar = np.random.default_rng(20261121), BettingMean(0.0, 1.0, mde=0.05), Bar(">", 0.3)
    outcomes = [rule.start(bar) for _ in range(600)]
    for walk in outcomes:
        for value in rng.beta(0.3, 0.7, 600).tolist():
            if walk.update(value):
                break
    for side in ("above", "below"):
        share = sum(walk.side == side for walk in outcomes) / len(outcomes)
        assert 0.0 < share <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 600)


def test_betting_needs_far_fewer_values_where_they_spread_little():
    rng = random.Random(20261121)
    tight = [rng.uniform(0.5, 0.6) for _ in range(400)]
    wide = [float(rng.random() < 0.55) for _ in range(400)]
    rule, bar = BettingMean(0.0, 1.0, mde=0.05), Bar(">", 0.5)
    assert rule.decide(tight, bar).n < 60
    assert rule.decide(wide, bar).n > 200
