# SPDX-License-Identifier: Apache-2.0
"""Exact operating characteristics, calibrated boundaries, fixed plans."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ophamin.errors import ClaimError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.mixture import BetaMixture, BetaTail
from ophamin.measuring.inference.process import GUARD, Walk
from ophamin.measuring.inference.recursion import Ends, calibrate, counts_to_follow, fixed_plan, follow, wald_bound
from ophamin.measuring.inference.sprt import LikelihoodRatio, Sprt, TwoSprt

WALD = math.log(19.0)
VILLE = math.log(20.0)


def acceptance(p0, p1, boundaries="ville", kind=Sprt, **schedule):
    """A rule between two rates, and its bar in the middle."""
    value = (p0 + p1) / 2
    margin = (value - p0, p1 - value)
    if kind is TwoSprt:
        return TwoSprt(margin, boundaries, **schedule), Bar(">=", value)
    return Sprt(None, "acceptance", margin, boundaries, **schedule), Bar(">=", value)


def slope(p0, p1):
    """The rate at which the log-likelihood ratio of p1 to p0 has no drift."""
    return math.log((1 - p0) / (1 - p1)) / math.log(p1 * (1 - p0) / (p0 * (1 - p1)))


def ends_of(p0, p1, *args, **kwargs):
    rule, bar = acceptance(p0, p1, *args, **kwargs)
    return follow(rule.start(bar), slope(p0, p1))


@pytest.mark.parametrize("success", [0.45, 0.4, 0.3, 0.1])
@pytest.mark.parametrize("truth", ["lower", "upper", "half"])
@pytest.mark.parametrize("steps", [2, 5, 7, 12])
def test_it_is_the_gamblers_ruin_where_that_has_a_closed_form(success, truth, steps):
    # boundaries a whole number of steps away: Feller, An Introduction to Probability Theory I, chapter XIV
    p = {"lower": success, "upper": 1 - success, "half": 0.5}[truth]
    step = math.log((1 - success) / success)
    rule, bar = acceptance(success, 1 - success, ((steps - 0.5) * step, (steps - 0.5) * step))
    there = follow(rule.start(bar), 0.5).at(p)
    if p == 0.5:
        up, units = 0.5, steps**2
    else:
        odds = (1 - p) / p
        up = 1 / (1 + odds**steps)
        units = steps * (2 * up - 1) / (2 * p - 1)
    assert there.above == pytest.approx(up, abs=1e-12)
    assert there.expected_n == pytest.approx(units, abs=1e-8)
    assert there.above + there.below + there.undecided == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    "start",
    [
        lambda: Sprt(0.2, boundaries=(0.9, 1.1), cap=11).start(Bar(">=", 0.4)),
        lambda: Sprt(0.2, boundaries=(0.9, 1.1), cap=11, batch=3).start(Bar(">=", 0.4)),
        lambda: Sprt(0.3, boundaries=(0.2, 0.1), cap=10, batch=4).start(Bar("<", 0.6)),
        lambda: TwoSprt(0.2, boundaries=(0.5, 0.7), cap=11).start(Bar(">=", 0.5)),
        lambda: TwoSprt((0.2, 0.1), boundaries=(0.3, 0.3), cap=10, batch=5).start(Bar(">=", 0.5)),
        lambda: TwoSprt(0.2, boundaries=(0.05, 0.05), cap=12, batch=4).start(Bar(">=", 0.5)),
        lambda: TwoSprt((0.2, 0.1), boundaries=(0.05, 0.02), cap=12, batch=6).start(Bar("<=", 0.5)),
        lambda: BetaMixture(cap=11).start(Bar(">=", 0.5, 0.3, 0.2)),
        lambda: BetaMixture(2.0, 1.0, cap=11, batch=2).start(Bar("<=", 0.3, 0.2, 0.4)),
    ],
)
def test_it_is_the_sum_over_all_walks_that_were_really_walked(start):
    cap, reference = start().cap, 0.45
    ends = follow(start(), reference)
    for truth in (0.0, 0.1, 0.45, 0.8, 1.0):
        totals, expected, units = {"above": 0.0, "below": 0.0, None: 0.0}, 0.0, []
        for values in itertools.product((0, 1), repeat=cap):
            walk = start()
            for value in values:
                walk.update(value)
            weight = truth ** sum(values) * (1 - truth) ** (cap - sum(values))
            totals[walk.side] += weight
            expected += weight * walk.used
            units.append((walk.used, weight))
        there = ends.at(truth)
        assert (there.above, there.below, there.undecided) == pytest.approx(tuple(totals.values()), abs=1e-12)
        assert there.expected_n == pytest.approx(expected, abs=1e-10)
        units.sort()
        cumulated = np.cumsum([weight for _, weight in units])
        for share in (0.3, 0.77):
            assert ends.quantile(truth, share) == units[int(np.searchsorted(cumulated, share - 1e-9))][0]


@pytest.mark.parametrize(("p0", "p1", "boundaries", "kind", "alpha", "beta", "expected_n", "tails"), [
    # statistics of the two design pairs at alpha = beta = .05, exact recursion, rounded as printed
    (0.10, 0.15, (WALD, WALD), Sprt, 0.0433, 0.0490, (249, 396, 229), (586, 1039, 566)),
    (0.10, 0.15, (VILLE, VILLE), Sprt, 0.0412, 0.0466, (254, 410, 234), (595, 1073, 577)),
    (0.10, 0.15, (2.8007, 2.9169), Sprt, 0.04998, 0.04995, (243, 375, 217), (570, 982, 544)),
    (0.10, 0.15, (VILLE, VILLE), TwoSprt, 0.0229, 0.0250, (359, 495, 326), (633, 799, 618)),
    (0.10, 0.15, (2.2288, 2.2895), TwoSprt, 0.04997, 0.04999, (265, 335, 236), (478, 566, 465)),
    (0.50, 0.55, (WALD, WALD), Sprt, 0.0480, 0.0478, (538, 890, 540), (1305, 2335, 1305)),
    (0.50, 0.55, (VILLE, VILLE), Sprt, 0.0457, 0.0456, (550, 921, 552), (1330, 2415, 1331)),
    (0.50, 0.55, (2.9013, 2.8977), Sprt, 0.05000, 0.04999, (527, 863, 529), (1279, 2265, 1282)),
    (0.50, 0.55, (2.2800, 2.2791), TwoSprt, 0.05000, 0.05000, (576, 771, 577), (1086, 1307, 1087)),
])  # fmt: skip
def test_the_characteristics_of_the_design_pairs_are_the_published_ones(
    p0, p1, boundaries, kind, alpha, beta, expected_n, tails
):
    middle = slope(p0, p1)
    ends = ends_of(p0, p1, boundaries, kind)
    digits = 5 if alpha > 0.0499 else 4
    # a boundary printed to four digits may lie on the other side of a count
    places = 1e-4 if digits == 5 else 6e-5
    assert ends.at(p0).above == pytest.approx(alpha, abs=places)
    assert ends.at(p1).below == pytest.approx(beta, abs=places)
    for truth, units, tail in zip((p0, middle, p1), expected_n, tails, strict=True):
        assert ends.at(truth).expected_n == pytest.approx(units, abs=1.2)
        assert ends.quantile(truth, 0.95) == pytest.approx(tail, abs=2)


@pytest.mark.parametrize(("p0", "p1", "alpha", "beta", "expected_n", "tails"), [
    (0.10, 0.15, 0.0244, 0.0420, (351, 811, 405), (896, 1706, 997)),
    (0.50, 0.55, 0.0365, 0.0393, (966, 2190, 957), (2376, 4424, 2360)),
])  # fmt: skip
def test_the_characteristics_of_the_mixture_are_the_published_ones(p0, p1, alpha, beta, expected_n, tails):
    low, high = BetaTail(p0, 0.5, 0.5, above=True), BetaTail(p1, 0.5, 0.5, above=False)
    ends = follow(Walk(low, high, accept=VILLE, reject=VILLE), slope(p0, p1))
    assert (ends.at(p0).above, ends.at(p1).below) == pytest.approx((alpha, beta), abs=5e-5)
    for truth, units, tail in zip((p0, slope(p0, p1), p1), expected_n, tails, strict=True):
        assert ends.at(truth).expected_n == pytest.approx(units, abs=0.6)
        assert ends.quantile(truth, 0.95) == tail


@pytest.mark.parametrize(("p0", "p1", "boundary", "alpha", "beta", "asn_p0", "asn_p1"), [
    (0.10, 0.15, WALD, 0.043318757026375866, 0.04896823186369469, 248.72161502567124, 228.61370421710717),
    (0.10, 0.15, VILLE, 0.041244130715393824, 0.04660563736576806, 254.22123635917112, 233.6061807025111),
    (0.10, 0.20, WALD, 0.039169758495526306, 0.048271432801687116, 74.95086640751607, 65.46636000794105),
    (0.90, 0.95, VILLE, 0.04680837013931168, 0.037493701247989154, 143.14382822116994, 166.96793548949577),
    (0.95, 0.99, WALD, 0.04989820188503385, 0.028855243243332024, 78.66122844666427, 112.55439849980007),
    (0.95, 0.99, VILLE, 0.047943750154778475, 0.027623536915688703, 79.96436677567975, 114.44164825556567),
])  # fmt: skip
def test_the_recursion_agrees_with_an_independent_one_to_all_digits(p0, p1, boundary, alpha, beta, asn_p0, asn_p1):
    ends = ends_of(p0, p1, (boundary, boundary))
    lower, upper = ends.at(p0), ends.at(p1)
    assert (lower.above, upper.below) == pytest.approx((alpha, beta), abs=1e-11)
    assert (lower.expected_n, upper.expected_n) == pytest.approx((asn_p0, asn_p1), abs=1e-8)


@pytest.mark.parametrize(("p0", "p1", "fixed", "alpha", "beta", "ratios", "calibrated", "of_fixed"), [
    (0.01, 0.03, 521, 0.0347, 0.0502, (1.034, 1.143), (1.001, 1.014), (0.55, 0.39)),
    (0.05, 0.10, 298, 0.0395, 0.0491, (1.030, 1.092), (1.001, 1.006), (0.53, 0.43)),
    (0.10, 0.20, 135, 0.0392, 0.0483, (1.038, 1.097), (1.003, 1.009), (0.54, 0.45)),
    (0.20, 0.30, 204, 0.0428, 0.0470, (1.039, 1.065), (1.001, 1.003), (0.51, 0.46)),
    (0.50, 0.60, 268, 0.0463, 0.0458, (1.041, 1.038), (1.001, 1.001), (0.49, 0.49)),
    (0.90, 0.95, 298, 0.0491, 0.0395, (1.092, 1.030), (1.006, 1.001), (0.43, 0.53)),
    (0.95, 0.99, 181, 0.0499, 0.0289, (1.226, 1.051), (1.029, 1.003), (0.37, 0.59)),
    (0.99, 0.999, 628, 0.0511, 0.0235, (1.313, 1.055), (1.078, 1.006), (0.32, 0.63)),
])  # fmt: skip
def test_the_sweep_of_planning_pairs_is_the_published_one(p0, p1, fixed, alpha, beta, ratios, calibrated, of_fixed):
    bounds, plan = wald_bound(p0, p1), fixed_plan(p0, p1)
    assert plan.n == fixed
    ends = ends_of(p0, p1, (WALD, WALD))
    lower, upper = ends.at(p0), ends.at(p1)
    assert (lower.above, upper.below) == pytest.approx((alpha, beta), abs=6e-5)
    assert (lower.expected_n / bounds[0], upper.expected_n / bounds[1]) == pytest.approx(ratios, abs=6e-4)
    ends = ends_of(p0, p1, calibrate(*acceptance(p0, p1)))
    lower, upper = ends.at(p0), ends.at(p1)
    assert max(lower.above, upper.below) <= 0.05
    assert (lower.expected_n / bounds[0], upper.expected_n / bounds[1]) == pytest.approx(calibrated, abs=2e-3)
    assert (lower.expected_n / plan.n, upper.expected_n / plan.n) == pytest.approx(of_fixed, abs=6e-3)


@pytest.mark.parametrize(("p0", "p1", "batch", "asn_p0", "asn_p1"), [
    (0.10, 0.15, 1, 254, 234), (0.10, 0.15, 10, 276, 256), (0.10, 0.15, 20, 290, 269), (0.10, 0.15, 50, 319, 302),
    (0.10, 0.15, 100, 362, 338), (0.50, 0.55, 1, 550, None), (0.50, 0.55, 10, 582, None),
    (0.50, 0.55, 20, 597, None), (0.50, 0.55, 50, 646, None), (0.50, 0.55, 100, 693, None),
])  # fmt: skip
def test_batches_cost_the_published_number_of_samples_and_no_error(p0, p1, batch, asn_p0, asn_p1):
    ends = ends_of(p0, p1, batch=batch)
    assert round(ends.at(p0).expected_n) == asn_p0
    assert asn_p1 is None or round(ends.at(p1).expected_n) == asn_p1
    every_unit = ends_of(p0, p1)
    assert ends.at(p0).above <= every_unit.at(p0).above
    assert ends.at(p1).below <= every_unit.at(p1).below
    assert all(n % batch == 0 for n in ends.units)


@pytest.mark.parametrize(("p0", "p1", "flip", "at_p0", "of_fixed"), [
    (0.10, 0.15, 0.443, 0.094, 0.46), (0.50, 0.55, 0.446, 0.094, 0.48),
])  # fmt: skip
def test_an_acceptance_walk_contradicts_itself_between_its_rates(p0, p1, flip, at_p0, of_fixed):
    fixed, middle = fixed_plan(p0, p1).n, (p0 + p1) / 2
    ends = ends_of(p0, p1, calibrate(*acceptance(p0, p1)), cap=2 * fixed)
    assert 2.0 * ends.at(middle).above * ends.at(middle).below == pytest.approx(flip, abs=1e-3)
    assert 2.0 * ends.at(p0).above * ends.at(p0).below == pytest.approx(at_p0, abs=5e-4)
    assert ends.at(p1).expected_n / fixed == pytest.approx(of_fixed, abs=5e-3)


@pytest.mark.parametrize(("value", "of_fixed", "worst", "at_bar"), [
    (0.10, 0.53, 0.0058, 0.0042), (0.50, 0.55, 0.0044, 0.0044), (0.90, 0.60, 0.0048, 0.0038),
])  # fmt: skip
def test_reruns_of_the_threshold_design_rarely_contradict_each_other(value, of_fixed, worst, at_bar):
    fixed = fixed_plan(value, value + 0.05).n
    bar, rule = Bar(">=", value), Sprt(0.05, cap=2 * fixed)
    ends = follow(rule.start(bar), value)

    def flips(ends, truth):
        return 2.0 * ends.at(truth).above * ends.at(truth).below

    truths = np.linspace(max(value - 0.06, 0.001), min(value + 0.06, 0.999), 121)
    assert max(flips(ends, t) for t in truths) == pytest.approx(worst, abs=6e-5)
    assert flips(ends, value) == pytest.approx(at_bar, abs=1.1e-4)
    assert ends.at(value + 0.05).expected_n / fixed == pytest.approx(of_fixed, abs=5e-3)
    tight = follow(Sprt(0.05, boundaries=calibrate(rule, bar), cap=2 * fixed).start(bar), value)
    assert round(max(flips(tight, t) for t in truths), 4) <= 0.0065
    assert flips(tight, value) <= 0.005
    assert 0.505 <= tight.at(value + 0.05).expected_n / fixed <= 0.595
    assert max(tight.at(value).above, tight.at(value).below) <= 0.05


def test_a_truth_twice_as_far_ends_in_a_fifth_of_the_fixed_sample():
    for p0, p1, lower, upper in ((0.10, 0.15, 87, 88), (0.50, 0.55, 199, 199)):
        ends = ends_of(p0, p1, (WALD, WALD))
        assert [ends.at(t).expected_n for t in (p0 - 0.05, p1 + 0.05)] == pytest.approx([lower, upper], abs=0.5)


@pytest.mark.parametrize("rule", [
    Sprt(0.05, cap=300), Sprt(0.05, cap=300, batch=10), TwoSprt(0.05), Sprt(0.1, cap=90, batch=7),
])  # fmt: skip
@pytest.mark.parametrize("bar", [Bar(">=", 0.3), Bar("<=", 0.6, 0.01, 0.2)], ids=str)
def test_calibrated_boundaries_keep_their_levels_and_are_lower_than_those_of_ville(rule, bar):
    pair = calibrate(rule, bar)
    walk = rule.start(bar)
    assert pair[0] <= walk.accept
    assert pair[1] <= walk.reject
    ends = follow(replace(rule, boundaries=pair).start(bar), bar.value)
    low, high = rule.nulls(bar)
    assert 0.9 * bar.low_level < ends.at(low).above <= bar.low_level
    assert 0.9 * bar.high_level < ends.at(high).below <= bar.high_level


@pytest.mark.parametrize(("p0", "p1", "n", "critical", "alpha", "beta"), [
    (0.10, 0.15, 474, 59, 0.0479, 0.0497), (0.50, 0.55, 1092, 574, 0.0480, 0.0498),
])  # fmt: skip
def test_the_fixed_plan_is_the_published_one(p0, p1, n, critical, alpha, beta):
    plan = fixed_plan(p0, p1)
    assert (plan.n, plan.critical) == (n, critical)
    assert (plan.alpha, plan.beta) == pytest.approx((alpha, beta), abs=5e-5)


@pytest.mark.parametrize(("factor", "n"), [(1.05, 4769), (1.10, 1194), (1.20, 297), (1.50, 50)])
def test_the_fixed_plan_of_a_95th_percentile_is_the_published_one(factor, n):
    # lognormal with sigma .5: the share above the bar when the percentile is factor times it
    share = float(stats.norm.sf(stats.norm.ppf(0.95) - math.log(factor) / 0.5))
    assert fixed_plan(0.05, share).n == n


@pytest.mark.parametrize(("p0", "p1", "alpha", "beta"), [
    (0.1, 0.3, 0.05, 0.05), (0.6, 0.8, 0.05, 0.2), (0.5, 0.9, 0.01, 0.01), (0.85, 0.99, 0.1, 0.02),
    (0.02, 0.2, 0.2, 0.5), (0.3, 0.301 + 0.1, 0.5, 0.1), (0.001, 0.999, 0.4, 0.4),
])  # fmt: skip
def test_no_smaller_sample_does_what_the_fixed_plan_does(p0, p1, alpha, beta):
    plan = fixed_plan(p0, p1, alpha, beta)
    assert stats.binom.sf(plan.critical - 1, plan.n, p0) == pytest.approx(plan.alpha, rel=1e-9, abs=1e-12)
    assert stats.binom.cdf(plan.critical - 1, plan.n, p1) == pytest.approx(plan.beta, rel=1e-9, abs=1e-12)
    assert plan.alpha <= alpha
    assert plan.beta <= beta
    for n in range(plan.n):
        counts = np.arange(n + 2)
        fits = (stats.binom.sf(counts - 1, n, p0) <= alpha) & (stats.binom.cdf(counts - 1, n, p1) <= beta)
        assert not fits.any()


def test_the_bound_of_wald_and_hoeffding_is_the_published_one():
    assert wald_bound(0.10, 0.15) == pytest.approx((243.20668949522863, 216.58931688689742), rel=1e-12)
    assert wald_bound(0.50, 0.55) == pytest.approx((527.344582286085, 529.1136137875837), rel=1e-12)


@pytest.mark.parametrize(("p0", "p1"), [(0.5, 0.5), (0.6, 0.5), (0.0, 0.5), (0.5, 1.0)])
def test_rates_out_of_order_are_refused(p0, p1):
    with pytest.raises(ClaimError, match="0 < p0 < p1 < 1"):
        fixed_plan(p0, p1)


def test_a_quantile_beyond_the_rounded_sum_is_the_last_end():
    assert Ends(0.5, (1, 2), (1, 0), (1, -1), (0.5, 0.4999)).quantile(0.5, 1.0) == 2


def test_rates_too_close_for_any_sample_are_refused():
    with pytest.raises(ClaimError, match="further apart"):
        fixed_plan(0.5, 0.5 + 1e-4)


def test_a_walk_that_may_never_end_is_refused_and_not_followed_for_ever():
    with pytest.raises(ClaimError, match="has no cap; give cap"):
        follow(Sprt(0.3).start(Bar(">=", 0.5)), 0.5)
    with pytest.raises(ClaimError, match="give cap"):
        counts_to_follow(Sprt(0.3).start(Bar(">=", 0.5)))


def test_the_work_is_foretold_within_a_factor_of_three():
    walk = Sprt(0.05, cap=1500).start(Bar(">=", 0.5))
    assert counts_to_follow(walk) / 3 < _visited(walk) <= counts_to_follow(walk)


def _visited(walk):
    total = 0
    for n in range(1, walk.cap + 1):
        total += sum(walk.low.at(k, n - k) < walk.accept and walk.high.at(k, n - k) < walk.reject for k in range(n + 1))
    return total


def test_a_walk_over_other_values_cannot_be_followed():
    class Other:
        log_e = 0.0

        def update(self, value):
            raise NotImplementedError

    with pytest.raises(ClaimError, match="0/1 units"):
        follow(Walk(Other(), LikelihoodRatio(0.4, 0.5), accept=1.0, reject=1.0), 0.5)


@pytest.mark.parametrize("truth", [-0.1, 1.1, math.nan])
def test_a_truth_that_is_no_rate_is_refused(truth):
    ends = follow(Sprt(0.1, cap=5).start(Bar(">=", 0.5)), 0.5)
    with pytest.raises(ValueError, match="a rate lies within 0 and 1"):
        ends.at(truth)


def test_errors_never_exceed_the_levels_on_a_small_grid():
    rules = [
        Sprt(0.05, cap=200), BetaMixture(cap=120), Sprt(0.1, cap=100, batch=9), Sprt(None, "acceptance", 0.06, cap=300),
        TwoSprt(0.08, cap=250),
    ]  # fmt: skip
    _check_errors(rules, [
        Bar(">=", 0.5), Bar("<", 0.8, 0.01, 0.2),
    ], truths=60)  # fmt: skip


@pytest.mark.slow
def test_errors_never_exceed_the_levels_at_a_thousand_truths_of_fifty_plans():
    rules = [
        Sprt(0.005, cap=2000),
        Sprt(0.02, cap=900),
        Sprt(0.04, cap=500, batch=20),
        Sprt(0.04),
        BetaMixture(cap=600),
    ]
    bars = [
        Bar(comparator, value, alpha, beta)
        for (comparator, alpha, beta) in ((">=", 0.05, 0.05), ("<", 0.01, 0.2))
        for value in (0.05, 0.25, 0.5, 0.9, 0.95)
    ]
    assert len(rules) * len(bars) == 50
    _check_errors(rules, bars, truths=1000)


def _check_errors(rules, bars, *, truths):
    """A recursion of its own, over all truths at once, on the processes as they are."""
    for rule, bar in itertools.product(rules, bars):
        walk = rule.start(bar)
        low_null, high_null = rule.nulls(bar)
        edges = [low_null, high_null, low_null * (1.0 - 1e-12)]
        rates = np.unique(np.concatenate([np.linspace(0.0, 1.0, truths - 3), edges]))
        above, below = _forward(walk, rates, walk.cap or 400)
        assert above[rates <= low_null].max() <= bar.low_level + 1e-12
        assert below[rates >= high_null].max() <= bar.high_level + 1e-12
        ends = follow(replace(rule, cap=walk.cap or 400).start(bar), bar.value)
        for i in range(0, len(rates), max(1, len(rates) // 7)):
            there = ends.at(float(rates[i]))
            assert (there.above, there.below) == pytest.approx((above[i], below[i]), abs=1e-9)


def _forward(walk, rates, cap):
    mass = np.zeros((cap + 2, len(rates)))
    mass[0] = 1.0
    above, below = np.zeros(len(rates)), np.zeros(len(rates))
    first, last = 0, 0
    for n in range(1, cap + 1):
        band = mass[first : last + 1].copy()
        mass[first : last + 2] = 0.0
        mass[first : last + 1] = band * (1.0 - rates)
        mass[first + 1 : last + 2] += band * rates
        last += 1
        if n % walk.every and n != cap:
            continue
        while last >= first and walk.low.at(last, n - last) >= walk.accept + GUARD:
            above += mass[last]
            mass[last] = 0.0
            last -= 1
        while last >= first and walk.high.at(first, n - first) >= walk.reject + GUARD:
            below += mass[first]
            mass[first] = 0.0
            first += 1
        if last < first:
            break
    return above, below


@pytest.mark.parametrize(
    ("rule", "bar"),
    [
        (Sprt(0.1, cap=20), Bar(">=", 0.5, 0.05, 0.5)),
        (TwoSprt(0.0028, batch=10, cap=1441), Bar(">=", 0.99, 0.05, 0.2)),
    ],
)
def test_a_boundary_is_never_lowered_to_nothing(rule, bar):
    accept, reject = calibrate(rule, bar)
    assert accept > 0.0
    assert reject > 0.0
