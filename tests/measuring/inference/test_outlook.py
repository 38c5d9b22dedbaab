# SPDX-License-Identifier: Apache-2.0
"""What a rule will cost, said before the first sample: published figures, exact sums, properties, bad arguments."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ophamin.errors import ClaimError
from ophamin.measuring.inference import (
    Bar,
    BinomialRate,
    BoundedMean,
    Census,
    DeclaredInterval,
    Deterministic,
    GaussianMean,
    Quantile,
)
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.difference import FixedPairedDifference, PairedDifference
from ophamin.measuring.inference.effect import EffectSprt
from ophamin.measuring.inference.gaussian import GaussianKnownSigma, TSprt
from ophamin.measuring.inference.kendall import KendallTau
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.outlook import default_cap, foresee
from ophamin.measuring.inference.planning import plan_rate
from ophamin.measuring.inference.poisson import ExactPoisson, PoissonRate
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

SAMPLING = [
    (BinomialRate(), Bar(">=", 0.9), 0.05),
    (BoundedMean(0.0, 100.0), Bar("<", 20.0), 7.0),
    (GaussianMean(), Bar("<=", 10.0), 0.5),
    (Quantile(0.9), Bar("<=", 200.0), 0.05),
    (ExactPoisson(2.0), Bar(">", 1.0), 0.4),
    (FixedPairedDifference(0.0, 1.0), Bar(">", 0.1), 0.2),
    (KendallTau(BinomialRate()), Bar("<", 0.2), 0.3),
    (Sprt(0.1), Bar("<=", 0.3, 0.01, 0.1), None),
    (Sprt(None, "acceptance", (0.05, 0.1)), Bar(">=", 0.3), None),
    (TwoSprt(0.08), Bar("<", 0.5), None),
    (BetaMixture(), Bar(">=", 0.7), 0.1),
    (SequentialQuantile(0.9, Sprt(0.06)), Bar(">", 3.0), None),
    (BettingMean(-1.0, 1.0, mde=0.3), Bar(">=", 0.2), None),
    (BettingMean(0.0, 1.0), Bar("<=", 0.9), 0.08),
    (PairedDifference(0.0, 1.0, mde=0.3), Bar("<", 0.0), None),
    (KendallTau(Sprt(0.1)), Bar(">", 0.1), None),
    (PoissonRate(mde=0.5), Bar("<=", 1.0), None),
    (PoissonRate(ratio=1.6, exposure=4.0, batch=3), Bar(">", 0.5), None),
    (GaussianKnownSigma(2.0, 1.0), Bar(">=", 10.0), None),
    (TSprt(0.6), Bar(">=", 10.0), None),
    (EffectSprt(0.6), Bar("<=", 0.4), None),
]


def sixty_fourths(low, high):
    """Rates without rounding, so that 1 less one of them is exact too."""
    return st.integers(low, high).map(lambda i: i / 64)


def _name(value):
    return value.name if hasattr(value, "name") else str(value)


@pytest.mark.parametrize(("value", "mde", "smallest", "fixed", "bound", "ratio", "at_bar", "undecided"), [
    # threshold design, alpha = beta = .05, Ville, cap twice the fixed sample, exact recursion
    (0.50, 0.10, 17, 268, 132, 1.14, 500, 0.017), (0.50, 0.05, 32, 1092, 529, 1.13, 2032, 0.016),
    (0.80, 0.05, 50, 624, 316, 1.12, 1166, 0.017), (0.90, 0.05, 56, 298, 159, 1.12, 560, 0.016),
    (0.90, 0.02, 137, 2215, 1119, 1.12, 4131, 0.017), (0.95, 0.02, 144, 1036, 543, 1.12, 1942, 0.017),
    (0.99, 0.005, 595, 3137, 1713, 1.11, 5898, 0.019),
])  # fmt: skip
def test_the_forecast_is_the_published_one(value, mde, smallest, fixed, bound, ratio, at_bar, undecided):
    forecast = foresee(Sprt(mde), Bar(">=", value))
    _, middle, upper = forecast.truths
    assert (forecast.smallest_n[0], forecast.fixed_n[0], forecast.cap) == (smallest, fixed, 2 * fixed)
    assert round(forecast.wald_bound[0]) == bound
    assert round(upper.expected_n / forecast.wald_bound[0], 2) == ratio
    assert middle.expected_n == pytest.approx(at_bar, abs=0.6)
    assert round(upper.undecided, 3) == undecided
    assert (forecast.basis, forecast.mde, forecast.reasons) == ("exact", mde, ())


@pytest.mark.parametrize(("p0", "p1", "kind", "fixed", "bounds", "errors", "expected", "tails"), [
    # acceptance designs without a cap, alpha = beta = .05, boundaries of Ville, exact recursion
    (0.10, 0.15, Sprt, 474, (243.2, 216.6), (0.0412, 0.0466), (254, 234), (595, 577)),
    (0.10, 0.15, TwoSprt, 474, (243.2, 216.6), (0.0229, 0.0250), (359, 326), (633, 618)),
    (0.50, 0.55, Sprt, 1092, (527.3, 529.1), (0.0457, 0.0456), (550, 552), (1330, 1331)),
])  # fmt: skip
def test_acceptance_designs_cost_what_is_published(p0, p1, kind, fixed, bounds, errors, expected, tails):
    margin = (p1 - p0) / 2
    rule = TwoSprt(margin) if kind is TwoSprt else Sprt(None, "acceptance", margin)
    forecast = foresee(rule, Bar(">=", (p0 + p1) / 2), cap=12_000)
    lower, _, upper = forecast.truths
    assert forecast.fixed_n == (fixed, fixed)
    assert forecast.wald_bound[::-1] == pytest.approx(bounds, abs=0.06)
    assert (lower.validated, upper.refuted) == pytest.approx(errors, abs=6e-5)
    assert [round(there.expected_n) for there in (lower, upper)] == list(expected)
    assert [there.n95 for there in (lower, upper)] == pytest.approx(tails, abs=1)
    assert forecast.mde is None
    assert "an acceptance design has a margin and no mde" in forecast.reasons


@pytest.mark.parametrize(("rule", "bar", "mde"), SAMPLING, ids=_name)
def test_the_three_outcomes_are_all_there_is_and_the_errors_keep_their_levels(rule, bar, mde):
    forecast = foresee(rule, bar, mde=mde)
    assert forecast.truths is not None
    lower, middle, upper = forecast.truths
    assert lower.truth < middle.truth < upper.truth
    for there in forecast.truths:
        chances = (there.validated, there.refuted, there.undecided)
        assert all(0.0 <= chance <= 1.0 for chance in chances)
        assert sum(chances) == pytest.approx(1.0, abs=2e-6)
        assert 1.0 <= there.expected_n <= forecast.cap + 1e-6
        assert there.expected_n <= there.n95 / 0.9
        assert there.n95 <= forecast.cap
    room = 0.03 if forecast.basis.startswith("simulated") else 1e-9
    right, wrong = (upper, lower) if forecast_upward(forecast) else (lower, upper)
    assert wrong.validated <= bar.alpha + room
    assert right.refuted <= bar.beta + room
    if not (isinstance(rule, TwoSprt) or getattr(rule, "design", "threshold") == "acceptance"):
        assert middle.validated <= bar.alpha + room
        assert middle.refuted <= bar.beta + room
        # at the mde, and twice the fixed sample, nearly every run of a likelihood ratio says what is right
        assert right.validated >= 1.0 - bar.beta - 0.06
    assert forecast.reachable == ("VALIDATED", "REFUTED")
    assert forecast.cap == default_cap(rule, bar, mde)


def forecast_upward(forecast):
    """Whether VALIDATED is right at the upper truth."""
    lower, _, upper = forecast.truths
    return upper.validated > lower.validated


@pytest.mark.parametrize("bar", [
    Bar(">=", 0.9), Bar("<", 0.2, 0.01, 0.3), Bar("<=", 0.5, 0.5, 0.5), Bar(">", 0.0), Bar("<=", 1.0), Bar(">=", 1.0),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_a_fixed_sample_does_what_its_rule_says_of_every_count(bar, n):
    rules = [BinomialRate(), BoundedMean(0.0, 1.0)]
    decided = {rule: [rule.decide([1] * k + [0] * (n - k), bar).outcome for k in range(n + 1)] for rule in rules}
    for rule, outcomes in decided.items():
        forecast = foresee(rule, bar, mde=0.07, cap=n)
        assert forecast.cap == n
        for there in forecast.truths:
            mass = stats.binom.pmf(range(n + 1), n, there.truth)
            for outcome, chance in (("VALIDATED", there.validated), ("REFUTED", there.refuted)):
                expected = sum(m for m, said in zip(mass, outcomes, strict=True) if said == outcome)
                assert chance == pytest.approx(expected, abs=1e-10)
            assert (there.expected_n, there.n95) == (n, n)


@pytest.mark.parametrize("bar", [Bar("<=", 5.0), Bar("<", 5.0), Bar(">=", 5.0, 0.2, 0.01), Bar(">", 5.0)], ids=str)
def test_a_fixed_quantile_does_what_its_rule_says_of_every_share(bar):
    n, rule = 30, Quantile(0.8)
    # with values 4 and 6 a share up to the bar is a share below it
    outcomes = [rule.decide([4.0] * k + [6.0] * (n - k), bar).outcome for k in range(n + 1)]
    for there in foresee(rule, bar, mde=0.1, cap=n).truths:
        mass = stats.binom.pmf(range(n + 1), n, there.truth)
        for outcome, chance in (("VALIDATED", there.validated), ("REFUTED", there.refuted)):
            expected = sum(m for m, said in zip(mass, outcomes, strict=True) if said == outcome)
            assert chance == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("rule", "bar"), [
    (Sprt(0.2, cap=11), Bar(">=", 0.4, 0.3, 0.2)), (Sprt(0.2, batch=4, cap=10), Bar("<", 0.6, 0.4, 0.5)),
    (BetaMixture(cap=8), Bar(">=", 0.5, 0.3, 0.2)), (TwoSprt(0.2, boundaries=(0.5, 0.7), cap=11), Bar(">", 0.5)),
    (BettingMean(0.0, 1.0, mde=0.2, cap=8), Bar(">=", 0.4, 0.3, 0.2)),
    (BettingMean(0.0, 1.0, cap=8, batch=3), Bar("<", 0.7, 0.2, 0.2)),
    (BettingMean(0.0, 1.0, mde=0.2, weights="centred", cap=8), Bar("<=", 0.6, 0.3, 0.3)),
    (BettingMean(0.0, 1.0, mde=0.2, cap=8), Bar("<=", 0.0, 0.3, 0.3)),
    (BettingMean(0.0, 1.0, mde=0.2, cap=8), Bar(">=", 1.0, 0.3, 0.3)),
    (BettingMean(0.0, 1.0, cap=8), Bar(">", 0.0, 0.3, 0.3)),
    (SequentialQuantile(0.6, Sprt(0.2, cap=10)), Bar("<=", 0.5, 0.3, 0.2)),
    (SequentialQuantile(0.6, BetaMixture(cap=8)), Bar(">", 0.5, 0.3, 0.2)),
], ids=_name)  # fmt: skip
def test_a_walk_of_counts_is_the_sum_over_all_streams(rule, bar):
    """Every stream of 0 and 1 is really walked; a quantile sees a 0 as a value up to its bar of 0.5."""
    quantile = isinstance(rule, SequentialQuantile)
    forecast = foresee(rule, bar, mde=None if isinstance(rule, TwoSprt) else 0.2)
    decisions = [(values, rule.decide(values, bar)) for values in itertools.product((0, 1), repeat=forecast.cap)]
    for there in forecast.truths:
        share = 1.0 - there.truth if quantile else there.truth
        chances = {"VALIDATED": 0.0, "REFUTED": 0.0, None: 0.0}
        expected = 0.0
        for values, decision in decisions:
            weight = math.prod(share if value else 1.0 - share for value in values)
            chances[_walked_outcome(decision)] += weight
            expected += weight * decision.n
        assert (there.validated, there.refuted, there.undecided) == pytest.approx(tuple(chances.values()), abs=1e-10)
        assert there.expected_n == pytest.approx(expected, abs=1e-9)


def _walked_outcome(decision):
    """The outcome of the walk, before an estimate on the other side of the bar makes it undecided."""
    said = decision.reason.partition("the test says ")[2].partition(",")[0]
    return decision.outcome or said or None


@settings(max_examples=30, deadline=None)
@given(st.floats(0.15, 0.85), st.floats(0.02, 0.06), st.floats(1.15, 2.0), st.sampled_from([">=", "<"]))
def test_a_larger_mde_never_costs_more_where_it_is_right(value, mde, factor, comparator):
    outer = -1 if comparator == ">=" else 0
    near, far = (foresee(Sprt(distance), Bar(comparator, value)) for distance in (mde, mde * factor))
    assert far.truths[outer].expected_n <= near.truths[outer].expected_n
    assert far.fixed_n[0] <= near.fixed_n[0]
    assert far.wald_bound[0] < near.wald_bound[0]


@settings(max_examples=25, deadline=None)
@given(
    sixty_fourths(10, 54), sixty_fourths(5, 9), st.sampled_from([0.01, 0.05, 0.2]), st.integers(1, 12),
    st.sampled_from(["sprt", "mixture", "betting", "fixed"]),
)  # fmt: skip
def test_exchanging_0_and_1_mirrors_the_forecast(value, mde, beta, batch, method):
    rule = {
        "sprt": Sprt(mde, batch=batch), "mixture": BetaMixture(batch=batch), "fixed": BinomialRate(),
        "betting": BettingMean(0.0, 1.0, mde, batch=batch),
    }[method]  # fmt: skip
    assume(mde < min(value, 1.0 - value))
    bars = Bar(">=", value, 0.05, beta), Bar("<=", 1.0 - value, 0.05, beta)
    one, other = (foresee(rule, bar, mde=mde) for bar in bars)
    assert (one.cap, one.fixed_n, one.smallest_n) == (other.cap, other.fixed_n, other.smallest_n)
    assert one.wald_bound == pytest.approx(other.wald_bound, rel=1e-9)
    assert one.achievable_mde == pytest.approx(other.achievable_mde, rel=1e-6)
    for here, there in zip(one.truths, reversed(other.truths), strict=True):
        assert here.truth == pytest.approx(1.0 - there.truth)
        assert (here.validated, here.refuted, here.undecided) == pytest.approx(
            (there.validated, there.refuted, there.undecided), abs=1e-9
        )
        assert here.expected_n == pytest.approx(there.expected_n, rel=1e-9)


def test_the_forecast_of_a_rate_is_its_plan():
    for batch, cap in ((1, None), (7, 900)):
        plan = plan_rate(Bar("<=", 0.2, 0.05, 0.1), 0.06, batch=batch, cap=cap)
        forecast = foresee(Sprt(0.06, batch=batch), Bar("<=", 0.2, 0.05, 0.1), cap=cap)
        assert forecast.truths == plan.truths
        assert (forecast.cap, forecast.fixed_n) == (plan.cap, tuple(fixed.n for fixed in plan.fixed))
        assert forecast.wald_bound == pytest.approx(plan.bounds)
        assert forecast.achievable_mde == plan.achievable_mde


def test_a_claim_on_tau_is_the_claim_on_the_share_of_concordant_pairs():
    tau, share = foresee(KendallTau(Sprt(0.1)), Bar(">", 0.2)), foresee(Sprt(0.1), Bar(">", 0.6))
    assert [there.truth for there in tau.truths] == pytest.approx([0.0, 0.2, 0.4])
    assert (tau.cap, tau.fixed_n, tau.mde) == (share.cap, share.fixed_n, pytest.approx(0.2))
    for here, there in zip(tau.truths, share.truths, strict=True):
        assert here.validated == pytest.approx(there.validated, abs=1e-12)
    assert tau.achievable_mde == pytest.approx(2.0 * share.achievable_mde)
    assert foresee(KendallTau(BetaMixture()), Bar(">", 0.2), mde=0.2).cap == share.cap
    assert "pair" in tau.assumption


def test_the_truths_of_a_quantile_are_shares_up_to_the_bar():
    low = foresee(SequentialQuantile(0.95, Sprt(0.02)), Bar("<=", 200.0))
    assert [there.truth for there in low.truths] == pytest.approx([0.93, 0.95, 0.97])
    assert low.truths[2].validated > 0.98  # a large share up to the bar is a small quantile
    assert low.truth_unit == "share of values at or below the bar"
    high = foresee(SequentialQuantile(0.95, Sprt(0.02)), Bar(">=", 200.0))
    assert high.truths[0].validated > 0.9
    assert high.truth_unit == "share of values below the bar"
    assert (low.cap, low.smallest_n) == (2072, (144, 9))


def test_bounded_means_are_foreseen_in_their_own_unit():
    plain = foresee(BettingMean(0.0, 1.0, mde=0.05), Bar(">=", 0.8))
    scaled = foresee(BettingMean(-50.0, 150.0, mde=10.0), Bar(">=", 110.0))
    assert [there.truth for there in scaled.truths] == pytest.approx([100.0, 110.0, 120.0])
    assert (scaled.cap, scaled.fixed_n, scaled.smallest_n) == (plain.cap, plain.fixed_n, plain.smallest_n)
    for here, there in zip(scaled.truths, plain.truths, strict=True):
        assert here.expected_n == pytest.approx(there.expected_n, rel=1e-6)
    assert scaled.achievable_mde == pytest.approx(200.0 * plain.achievable_mde)
    assert "widest spread" in scaled.assumption
    pairs = foresee(PairedDifference(0.0, 100.0, mde=10.0), Bar(">", 0.0))
    assert pairs.cap == foresee(BettingMean(-100.0, 100.0, mde=10.0), Bar(">", 0.0)).cap


@pytest.mark.parametrize(("rule", "bar", "mde", "cap"), [
    (Sprt(0.05), Bar(">=", 0.9), None, 596), (Sprt(0.02), Bar(">=", 0.95), 0.02, 2072),
    (BetaMixture(), Bar(">=", 0.95), 0.02, 2072), (Quantile(0.95), Bar("<=", 200.0), 0.02, 1036),
    (SequentialQuantile(0.95, BetaMixture()), Bar("<=", 200.0), 0.02, 2072),
    (BettingMean(0.0, 1.0), Bar(">=", 0.9), 0.05, 596), (BettingMean(0.0, 100.0, mde=5.0), Bar(">=", 90.0), 5.0, 596),
    (TSprt(0.3), Bar("<=", 10.0), None, 244), (TSprt(0.3), Bar("<=", 10.0), 12.0, 244),
    (TwoSprt(0.025), Bar(">=", 0.125), None, 948), (PoissonRate(ratio=1.5), Bar(">=", 1.0), None, 110),
    (PoissonRate(mde=0.1), Bar(">=", 0.1), None, 326), (PoissonRate(mde=1.0), Bar(">=", 5.0), None, 122),
    (GaussianKnownSigma(1.0, 0.3), Bar(">=", 0.0), None, 242),
    (BinomialRate(), Bar(">=", 0.9), 0.05, 298), (GaussianMean(), Bar(">=", 0.0), 0.3, 122),
    (ExactPoisson(), Bar(">=", 1.0), 0.5, 55),
    (Deterministic(), Bar("==", 3.0), 1.0, 1),
    # VALIDATED needs a mean beyond the bounds, so that the cap is that of REFUTED
    (BettingMean(0.0, 1.0, mde=0.05), Bar(">=", 0.97), None, 448),
], ids=_name)  # fmt: skip
def test_the_default_cap_is_twice_the_fixed_sample_and_a_fixed_sample_itself(rule, bar, mde, cap):
    assert default_cap(rule, bar, mde) == cap
    assert foresee(rule, bar, mde=mde).cap == cap


def test_without_an_mde_the_truths_lie_at_what_the_cap_can_tell():
    forecast = foresee(BetaMixture(), Bar(">=", 0.9), cap=300)
    assert forecast.mde == forecast.achievable_mde == pytest.approx(0.0683, abs=5e-5)
    assert forecast.truths[2].truth == 0.9 + forecast.mde
    assert forecast.reasons == ("no mde was declared: the outer truths lie at what 300 units can tell",)
    assert foresee(BetaMixture(cap=300), Bar(">=", 0.9)) == forecast


@pytest.mark.parametrize("rule", [BetaMixture(), BinomialRate(), BettingMean(0.0, 1.0), GaussianMean(), ExactPoisson()])
def test_without_mde_and_cap_the_forecast_says_what_to_declare(rule):
    forecast = foresee(rule, Bar(">=", 0.9))
    assert forecast.truths is forecast.cap is forecast.achievable_mde is None
    assert forecast.fixed_n == forecast.wald_bound == (None, None)
    assert forecast.reasons[0].startswith("declare mde, a distance from the bar that matters, or cap")
    assert forecast.smallest_n[0] is not None


def test_an_outcome_out_of_reach_is_named_with_the_n_it_needs():
    forecast = foresee(Sprt(0.05), Bar(">=", 0.9), cap=50)
    assert (forecast.reachable, forecast.smallest_n) == (("REFUTED",), (56, 8))
    assert "VALIDATED needs at least 56 units, and the cap is 50" in forecast.reasons
    assert forecast.truths[2].validated == 0.0
    assert foresee(Sprt(0.05), Bar(">=", 0.9), cap=5).reachable == ()
    never = foresee(BinomialRate(), Bar(">=", 1.0), cap=10, mde=0.1)
    assert (never.reachable, never.smallest_n) == (("REFUTED",), (None, 1))
    assert "VALIDATED cannot be reached by any number of units" in never.reasons


def test_the_cap_is_a_look_even_inside_a_batch():
    rule = Sprt(0.05, batch=30, cap=58)
    forecast = foresee(rule, Bar(">=", 0.9))
    assert forecast.smallest_n == (60, 30)
    assert forecast.reachable == ("VALIDATED", "REFUTED")
    assert rule.decide([1] * 58, Bar(">=", 0.9)).outcome == "VALIDATED"
    # fewer than two failures in 58 units decide nothing but the unbroken run
    assert forecast.truths[2].validated == pytest.approx(0.95**58, abs=1e-9)


def test_a_truth_beyond_the_range_is_left_out_and_said_so():
    forecast = foresee(BettingMean(0.0, 1.0, mde=0.05), Bar(">=", 0.98))
    assert [there.truth for there in forecast.truths] == pytest.approx([0.93, 0.98])
    assert forecast.fixed_n[0] is forecast.wald_bound[0] is None
    assert forecast.reasons == ("no truth lies 0.05 above the bar: the largest is 1",)


def test_a_walk_too_long_to_be_followed_has_no_probabilities_and_keeps_the_rest():
    for rule, bar, mde in (
        (Sprt(0.002), Bar(">=", 0.5), None), (BetaMixture(), Bar(">=", 0.5), 0.004),
        (BettingMean(0.0, 1.0), Bar(">=", 0.5), 0.004),
        (PoissonRate(mde=1.0), Bar("<=", 1000.0), None), (GaussianKnownSigma(1.0, 0.01), Bar("<=", 0.0), None),
    ):  # fmt: skip
        forecast = foresee(rule, bar, mde=mde)
        assert forecast.truths is None
        assert forecast.cap == 2 * forecast.fixed_n[0]
        assert any("and the limit is" in reason for reason in forecast.reasons)
    with pytest.raises(ClaimError, match="give a cap"):
        default_cap(Sprt(1e-7), Bar(">=", 0.5))
    endless = foresee(Sprt(1e-7), Bar(">=", 0.5))
    assert (endless.cap, endless.fixed_n) == (None, (None, None))


def test_where_nothing_is_sampled_the_outcome_follows_from_the_value():
    forecast = foresee(Deterministic(), Bar("==", 3.0), mde=1.0)
    assert [there.validated for there in forecast.truths] == [0.0, 1.0, 0.0]
    assert [there.refuted for there in forecast.truths] == [1.0, 0.0, 1.0]
    assert (forecast.cap, forecast.fixed_n, forecast.achievable_mde) == (1, (None, None), None)
    assert any(reason.startswith("fixed n: nothing is sampled") for reason in forecast.reasons)
    census = foresee(Census("rate"), Bar(">=", 0.8), mde=0.3, cap=40)
    assert [(there.truth, there.validated) for there in census.truths] == [(0.5, 0.0), (0.8, 1.0)]
    assert "declare cap, the number of units" in foresee(Census("mean"), Bar(">=", 0.8), mde=0.3).reasons
    declared = foresee(DeclaredInterval(), Bar(">=", 0.8), mde=0.1)
    assert declared.truths is None
    assert "the interval is the user's own, and so are its error rates" in declared.reasons


@pytest.mark.parametrize(("rule", "bar", "mde"), SAMPLING, ids=_name)
def test_a_forecast_is_plain_json_and_always_the_same(rule, bar, mde):
    forecast = foresee(rule, bar, mde=mde, cap=60)
    assert forecast == foresee(rule, bar, mde=mde, cap=60)
    plain = forecast.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["truths"][1]["expected_n"] == forecast.truths[1].expected_n
    assert plain["method"] == rule.name


def test_foreseeing_needs_the_standard_library_alone():
    code = (
        "import sys; import ophamin.measuring.inference.outlook; "
        "print(sorted({'numpy', 'scipy', 'pandas', 'pydantic', 'pytest'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
