# SPDX-License-Identifier: Apache-2.0
"""The one-sided Beta mixtures."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.mixture import BetaMixture, BetaTail
from ophamin.measuring.inference.special import betainc

UNITS = st.lists(st.booleans(), max_size=300)
BARS = [Bar(">=", 0.5), Bar("<=", 0.75), Bar(">", 0.25, 0.01, 0.1), Bar("<", 0.9, 0.2, 0.01)]
NULLS = [0.001, 0.1, 0.5, 0.9, 0.999]
SHAPES = [(0.5, 0.5), (1.0, 1.0), (15.0, 85.0), (0.5, 3.0)]


@pytest.mark.parametrize(
    # confseq 0.0.11 (Howard, Waudby-Smith, Ramdas): bernoulli_confidence_interval(successes, trials, alpha=.05,
    # t_opt=500). Its two-sided mixture is a Beta density centred on the tested rate; the two one-sided ones,
    # weighted by their shares of that density, must add up to 1/alpha at each end.
    ("successes", "trials", "end"),
    [
        (300, 1000, 0.25675986446108245), (300, 1000, 0.34540838236423493), (5, 100, 0.006704636185230584),
        (5, 100, 0.16112908148892874), (0, 50, 0.19167719311883502),
    ],
)  # fmt: skip
def test_both_sides_together_are_the_published_two_sided_mixture(successes, trials, end):
    doubled = 2.0 * math.log(20.0)
    spread = end * (1.0 - end)
    r = max(500.0 * spread / (doubled + math.log1p(doubled)) - spread, 1e-3 * spread)
    a, b = r / (1.0 - end), r / end
    upper = betainc(b, a, 1.0 - end)
    above, below = (
        math.exp(BetaTail(end, a, b, above=side).at(successes, trials - successes)) for side in (True, False)
    )
    assert upper * above + (1.0 - upper) * below == pytest.approx(20.0, rel=1e-9)


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize(("a", "b"), SHAPES)
@pytest.mark.parametrize("above", [True, False])
def test_the_mixture_is_a_martingale_at_its_null_and_none_gains_beyond_it(null, a, b, above):
    n, process = 12, BetaTail(null, a, b, above=above)
    at = [math.exp(process.at(k, n - k)) for k in range(n + 1)]

    def mean(p):
        return math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) * e for k, e in enumerate(at))

    assert mean(null) == pytest.approx(1.0, abs=1e-11)
    for i in range(1, 10):
        beyond = null * i / 10 if above else null + (1 - null) * i / 10
        assert mean(beyond) <= 1.0


@pytest.mark.parametrize("null", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("a", "b"), SHAPES)
@pytest.mark.parametrize(("successes", "failures"), [(0, 0), (3, 1), (1, 30), (20, 5), (45, 55)])
def test_the_mixture_is_the_average_ratio_over_the_truncated_density(null, a, b, successes, failures):
    density = stats.beta(a, b)

    def ratio(p):
        log_ratio = successes * math.log(p / null) + failures * math.log((1 - p) / (1 - null))
        return math.exp(log_ratio) * density.pdf(p)

    for above, ends, share in ((True, (null, 1.0), density.sf(null)), (False, (0.0, null), density.cdf(null))):
        expected = integrate.quad(ratio, *ends, epsabs=0.0, epsrel=1e-9, limit=400)[0] / share
        process = BetaTail(null, a, b, above=above)
        assert math.exp(process.at(successes, failures)) == pytest.approx(expected, rel=1e-6)


def test_a_flat_density_at_one_half_has_a_closed_form():
    process = BetaTail(0.5, 1.0, 1.0, above=True)
    for n in (1, 10, 1000):
        # the average of (2p)**n over 1/2 to 1
        expected = math.log(2.0 / (n + 1)) + n * math.log(2.0) + math.log1p(-(0.5 ** (n + 1)))
        assert process.at(n, 0) == pytest.approx(expected, rel=1e-13)
        assert process.at(0, n) == pytest.approx(-math.log(n + 1), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(NULLS), st.sampled_from(SHAPES), st.booleans(), st.sampled_from([None, 0.0, 0.2, 1.0]),
    st.integers(0, 99),
)  # fmt: skip
def test_the_recurrence_and_the_integral_agree(null, shapes, above, truth, seed):
    process, rng = BetaTail(null, *shapes, above=above), random.Random(seed)
    for n in range(1, 600):
        process.update(rng.random() < (null if truth is None else truth))
        if n % 17 == 0:
            assert process.log_e == pytest.approx(process.at(process.successes, process.failures), rel=1e-10, abs=1e-10)


def test_a_million_units_keep_their_digits():
    process = BetaTail(0.3, 0.5, 0.5, above=True)
    k, n = 300_500, 1_000_000
    density = stats.beta(k + 0.5, n - k + 0.5)
    log_likelihood = k * math.log(0.3) + (n - k) * math.log(0.7)
    log_beta = math.lgamma(k + 0.5) + math.lgamma(n - k + 0.5) - math.lgamma(n + 1.0)
    expected = log_beta + density.logsf(0.3) - log_likelihood - math.log(math.pi) - stats.beta(0.5, 0.5).logsf(0.3)
    assert process.at(k, n - k) == pytest.approx(expected, abs=1e-6)
    assert process.at(0, n) < 0.0
    assert math.isfinite(process.at(0, n))
    assert math.isfinite(process.at(n, 0))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(BARS), UNITS.filter(len))
def test_the_interval_is_the_decision(bar, values):
    decision = BetaMixture().decide(values, bar)
    above, below = decision.low >= bar.value, decision.high <= bar.value
    assert decision.outcome == (None if not above and not below else "VALIDATED" if above is bar.upward else "REFUTED")


@pytest.mark.parametrize(("k", "n"), [(1, 1), (1, 40), (20, 40), (39, 40), (40, 40), (700, 1000)])
def test_every_bar_below_the_lower_bound_is_excluded_and_none_above_it(k, n):
    low, high = BetaMixture().bounds(k, n, Bar(">=", 0.5))
    for i in range(1, 400):
        null = i / 400
        crossed = BetaTail(null, 0.5, 0.5, above=True).at(k, n - k) >= math.log(20.0)
        assert crossed is (null <= low)
        crossed = BetaTail(null, 0.5, 0.5, above=False).at(k, n - k) >= math.log(20.0)
        assert crossed is (null >= high)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(">=", "<="), (">", "<")]), st.sampled_from([0.25, 0.5, 0.75]), UNITS)
def test_failures_mirror_successes(mirrored, value, values):
    one = BetaMixture(0.5, 2.0).decide(values, Bar(mirrored[0], value, 0.05, 0.125))
    other = BetaMixture(2.0, 0.5).decide([not unit for unit in values], Bar(mirrored[1], 1.0 - value, 0.05, 0.125))
    assert (one.outcome, one.n) == (other.outcome, other.n)
    assert (one.p_holds, one.p_fails) == pytest.approx((other.p_holds, other.p_fails), rel=1e-9)
    if one.low is not None:
        assert (one.low, one.high) == pytest.approx((1.0 - other.high, 1.0 - other.low), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(UNITS.filter(len), st.integers(0, 299))
def test_one_more_success_never_speaks_for_a_lower_rate(values, index):
    raised = list(values)
    raised[index % len(raised)] = True
    before, after = BetaMixture().start(BARS[0]), BetaMixture().start(BARS[0])
    for unit, other in zip(values, raised, strict=True):
        before.update(unit)
        after.update(other)
    assert before.side != "above" or after.side == "above"
    assert after.side != "below" or before.side == "below"


def test_false_verdicts_stay_rare_at_the_bar_under_constant_peeking():
    rng, bar = random.Random(20261121), Bar(">=", 0.3)
    sides = []
    for _ in range(300):
        walk = BetaMixture(cap=400).start(bar)
        for _ in range(400):
            if walk.update(rng.random() < 0.3):
                break
        sides.append(walk.side)
    # 15 expected at most of each, standard deviation 3.8
    assert sides.count("above") <= 28
    assert sides.count("below") <= 28
    assert sides.count(None) < 300


@pytest.mark.parametrize("bar", BARS, ids=str)
def test_smallest_n_decides_and_one_less_does_not(bar):
    rule = BetaMixture()
    for size, outcome in zip(rule.smallest_n(bar), ("VALIDATED", "REFUTED"), strict=True):
        unit = bar.upward is (outcome == "VALIDATED")
        assert rule.decide([unit] * size, bar).outcome == outcome
        assert rule.decide([unit] * (size - 1), bar).outcome is None


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.5), (0.5, -1.0), (math.nan, 1.0), (math.inf, 1.0), ("1", 1.0)])
def test_shapes_outside_their_range_are_refused(a, b):
    with pytest.raises(ClaimError, match="shapes"):
        BetaMixture(a, b)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_bar_at_the_end_of_the_range_names_the_method_that_can(value):
    with pytest.raises(ClaimError, match="method='exact'"):
        BetaMixture().start(Bar(">=", value))


def test_what_is_not_zero_or_one_is_refused_with_its_place():
    with pytest.raises(ObservationError, match=r"observation 1 is 0\.5"):
        BetaMixture().decide([1, 0.5], Bar(">=", 0.5))
