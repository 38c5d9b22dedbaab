# SPDX-License-Identifier: Apache-2.0
"""Rates of events per exposure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.poisson import ExactPoisson, PoissonRate, PoissonRatio, poisson_cdf, poisson_sf

counts = st.lists(st.integers(0, 12), min_size=1, max_size=40)
rates = st.sampled_from([0.2, 1.0, 3.5, 11.0])
comparators = st.sampled_from([">=", ">", "<=", "<"])
levels = st.sampled_from([0.01, 0.05, 0.5])
rules = st.sampled_from([PoissonRate(mde=0.5), PoissonRate(mde=3.0), PoissonRate(ratio=1.4), PoissonRate(ratio=3.0)])


def _fed(process, values):
    for value in values:
        process.update(value)
    return process.log_e


@settings(max_examples=60, deadline=None)
@given(counts, st.sampled_from([0.25, 1.0, 8.0]))
def test_the_ratio_is_that_of_poisson_probabilities(values, exposure):
    expected = sum(stats.poisson.logpmf(values, 1.5 * exposure) - stats.poisson.logpmf(values, 1.1 * exposure))
    assert _fed(PoissonRatio(1.5, 1.1, exposure), values) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(counts, rates, st.floats(0.0, 1.0), rules)
def test_no_rate_on_the_nulls_side_makes_the_ratio_grow_on_average(values, rate, share, rule):
    walk = rule.start(Bar(">", rate))
    for side, truth in (("low", rate * share), ("high", rate * (1.0 + share))):
        now = math.exp(_fed(getattr(rule.start(Bar(">", rate)), side), values))
        top = 200
        after = sum(
            stats.poisson.pmf(k, truth) * math.exp(_fed(getattr(rule.start(Bar(">", rate)), side), [*values, k]))
            for k in (*range(20), *range(20, top, 1))[: 60 if rate < 5 else top]
        )
        assert after <= now * (1.0 + 1e-9)
    assert walk.side is None


def _exact(rate0, rate1, truth, boundary):
    """P(above), P(below) and mean n of the walk between two rates, by adding up all paths."""
    up, down = PoissonRatio(rate1, rate0), PoissonRatio(rate0, rate1)
    up.update(0)
    down.update(1)
    drift, gain = up.log_e, -down.log_e - up.log_e
    step = stats.poisson.pmf(np.arange(int(truth + 12.0 * math.sqrt(truth) + 20)), truth)
    mass, first, n, above, below, mean_n = np.array([1.0]), 0, 0, 0.0, 0.0, 0.0
    while mass.sum() > 1e-13:
        n += 1
        mean_n += mass.sum()
        mass = np.convolve(mass, step)
        log_e = (first + np.arange(len(mass))) * gain + n * drift
        above += mass[log_e >= boundary].sum()
        below += mass[log_e <= -boundary].sum()
        alive = np.flatnonzero(abs(log_e) < boundary)
        if not len(alive):
            break
        mass, first = mass[alive[0] : alive[-1] + 1], first + alive[0]
    return above, below, mean_n


@pytest.mark.parametrize(
    ("rate0", "rate1", "asn"),
    [(1.0, 1.5, (31.0, 28.2)), (0.1, 0.2, (91, 75)), (5.0, 6.0, (33, 32))],  # simulations at Wald's boundary
)
def test_sample_numbers_are_those_published(rate0, rate1, asn):
    _, _, n0 = _exact(rate0, rate1, rate0, math.log(19.0))
    _, _, n1 = _exact(rate0, rate1, rate1, math.log(19.0))
    assert (n0, n1) == pytest.approx(asn, rel=0.025)


@pytest.mark.parametrize(("rate0", "rate1"), [(1.0, 1.5), (0.1, 0.2), (5.0, 6.0), (0.5, 3.0)])
def test_exact_error_rates_lie_within_the_levels(rate0, rate1):
    above, _, _ = _exact(rate0, rate1, rate0, math.log(20.0))
    _, below, _ = _exact(rate0, rate1, rate1, math.log(20.0))
    assert 0.005 < above <= 0.05
    assert 0.005 < below <= 0.05


def test_one_event_disproves_a_rate_of_zero():
    rule = PoissonRate(mde=0.5)
    assert rule.decide([0, 0, 1], Bar("<=", 0.0)).outcome == "REFUTED"
    assert rule.decide([0, 0, 1], Bar(">", 0.0)).n == 3
    assert rule.decide([0] * 30, Bar("<=", 0.0)).outcome is None
    assert ExactPoisson().decide([0, 0, 1], Bar("<=", 0.0)).outcome == "REFUTED"


def test_a_bar_below_the_mde_is_tested_against_a_tenth_of_it():
    rule = PoissonRate(mde=2.0)
    assert rule.alternatives(1.0) == pytest.approx((3.0, 0.1))
    assert rule.alternatives(5.0) == (7.0, 3.0)
    assert rule.decide([0] * 9, Bar("<", 1.0)).outcome == "VALIDATED"


@settings(max_examples=100, deadline=None)
@given(counts, rates, comparators, levels, levels, rules)
def test_the_bounds_stand_where_the_ratio_reaches_one_over_the_level(values, rate, comparator, alpha, beta, rule):
    bar = Bar(comparator, rate, alpha, beta)
    decision = rule.decide(values, bar)
    used = values[: decision.n]
    for bound, level, side in ((decision.low, bar.low_level, "low"), (decision.high, bar.high_level, "high")):
        if bound is None or bound == pytest.approx(rate, rel=1e-9):
            continue
        process = getattr(rule.start(Bar(comparator, bound)), side)
        assert _fed(process, used) == pytest.approx(-math.log(level), abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(counts, rates, comparators, levels, levels, st.one_of(rules, st.just(ExactPoisson())))
def test_the_interval_is_the_decision(values, rate, comparator, alpha, beta, rule):
    bar = Bar(comparator, rate, alpha, beta)
    decision = rule.decide(values, bar)
    above = decision.low is not None and decision.low >= rate
    below = decision.high is not None and decision.high <= rate
    expected = "VALIDATED" if (above if bar.upward else below) else "REFUTED" if above or below else None
    assert decision.outcome == expected
    assert decision.low is None or decision.low <= decision.estimate
    assert decision.high is None or decision.high >= decision.estimate


@settings(max_examples=60, deadline=None)
@given(counts, rates, rules, st.sampled_from([0.25, 4.0]))
def test_a_rate_per_other_exposure_is_the_same_claim(values, rate, rule, exposure):
    bar, moved_bar = Bar("<", rate), Bar("<", rate / exposure)
    mde = None if rule.mde is None else rule.mde / exposure
    moved = PoissonRate(mde, rule.ratio, exposure).decide(values, moved_bar)
    plain = rule.decide(values, bar)
    assert (moved.outcome, moved.n) == (plain.outcome, plain.n)
    assert moved.estimate == pytest.approx(plain.estimate / exposure)
    one, other = ExactPoisson(exposure).decide(values, moved_bar), ExactPoisson().decide(values, bar)
    assert (one.p_holds, one.high) == (pytest.approx(other.p_holds), pytest.approx(other.high / exposure))


def test_observations_after_the_decision_change_nothing():
    rule, bar = PoissonRate(mde=0.5), Bar(">", 1.0)
    first, longer = rule.decide([3] * 12, bar), rule.decide([3] * 12 + [0] * 200, bar)
    assert (first.outcome, first.n, first.estimate, first.low) == (
        "VALIDATED",
        longer.n,
        longer.estimate,
        longer.low,
    )
    assert first.detail["events"] == 3 * first.n
    assert first.detail["alternatives"] == [1.5, 0.5]


@pytest.mark.parametrize("rule", [PoissonRate(mde=0.5), PoissonRate(ratio=2.0), ExactPoisson(), ExactPoisson(0.5)])
def test_smallest_n_is_the_n_at_which_no_events_decide(rule):
    bar = Bar("<=", 1.5, alpha=0.02)
    validated, refuted = rule.smallest_n(bar)
    assert rule.decide([0] * validated, bar).outcome == "VALIDATED"
    assert rule.decide([0] * (validated - 1), bar).outcome is None
    assert refuted == 1
    assert rule.decide([100], bar).outcome == "REFUTED"
    assert rule.smallest_n(Bar(">=", 1.5)) == (1, rule.smallest_n(Bar(">=", 1.5))[1])


@pytest.mark.parametrize("k", [0, 1, 2, 10, 63, 1000, 100_000])
@pytest.mark.parametrize("factor", [0.3, 0.95, 1.0, 1.05, 2.0])
def test_tails_are_those_of_scipy(k, factor):
    mean = factor * (k + 0.5)
    assert poisson_cdf(k, mean) == pytest.approx(stats.poisson.cdf(k, mean), rel=1e-11, abs=1e-290)
    assert poisson_sf(k, mean) == pytest.approx(stats.poisson.sf(k - 1, mean), rel=1e-11, abs=1e-290)


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)],  # Garwood's two-sided 95 % limits
)
def test_bounds_are_garwoods(events, low, high):
    decision = ExactPoisson().decide([events], Bar("<=", 5.0, alpha=0.025, beta=0.025))
    assert (decision.low, decision.high) == pytest.approx((low, high), abs=5e-5)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 3000), st.sampled_from([0.5, 0.05, 1e-6]), st.sampled_from([0.5, 0.025, 1e-9]))
def test_bounds_are_quantiles_of_chi_square(events, alpha, beta):
    assume(events != 7)  # the bar itself
    decision = ExactPoisson(2.0).decide([events], Bar(">=", 3.5, alpha=alpha, beta=beta))
    low = stats.chi2.ppf(alpha, 2 * events) / 4 if events else 0.0
    high = stats.chi2.isf(beta, 2 * events + 2) / 4
    assert (decision.low, decision.high) == pytest.approx((low, high), rel=1e-9)


def test_more_says_how_many_units_would_decide():
    decision = ExactPoisson().decide([1, 2, 1, 2], Bar(">", 1.0))
    assert decision.outcome is None
    assert ExactPoisson().decide([1, 2] * ((4 + decision.more) // 2 + 1), Bar(">", 1.0)).outcome == "VALIDATED"
    assert ExactPoisson().decide([1, 1], Bar(">", 1.0)).more is None


def test_without_observations_nothing_is_said():
    for rule in (PoissonRate(mde=0.5), ExactPoisson()):
        decision = rule.decide([], Bar(">=", 0.5))
        assert (decision.outcome, decision.reason, decision.estimate) == (None, "no observations", None)


@pytest.mark.parametrize("value", [-1, 0.5, math.nan, math.inf, "3", None])
def test_a_value_that_is_no_count_is_refused(value):
    for rule in (PoissonRate(mde=0.5), ExactPoisson()):
        with pytest.raises(ObservationError, match=r"observation 1 .* whole count"):
            rule.decide([1, value], Bar(">=", 0.5))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"mde": 1.0, "ratio": 2.0},
        {"mde": 0.0},
        {"mde": math.nan},
        {"ratio": 1.0},
        {"ratio": math.inf},
        {"ratio": "2"},
        {"mde": 1.0, "exposure": 0.0},
        {"mde": 1.0, "exposure": True},
    ],
)
def test_a_rule_that_cannot_be_is_refused(arguments):
    with pytest.raises(ClaimError):
        PoissonRate(**arguments)


@pytest.mark.parametrize("rule", [PoissonRate(mde=0.5), ExactPoisson()])
@pytest.mark.parametrize("bar", [Bar("==", 1.0), Bar(">=", -0.5)])
def test_a_bar_that_does_not_fit_is_refused(rule, bar):
    for act in (lambda: rule.decide([1], bar), lambda: rule.smallest_n(bar)):
        with pytest.raises(ClaimError):
            act()


def test_a_ratio_of_zero_is_refused():
    with pytest.raises(ClaimError, match="give an mde"):
        PoissonRate(ratio=2.0).start(Bar("<=", 0.0))
