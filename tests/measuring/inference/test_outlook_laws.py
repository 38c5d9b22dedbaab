# SPDX-License-Identifier: Apache-2.0
"""The laws of units behind a forecast, against other implementations, enumeration and walks that were really walked."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ophamin.measuring.inference import Bar, GaussianMean
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.difference import PairedDifference
from ophamin.measuring.inference.effect import EffectSprt
from ophamin.measuring.inference.gaussian import GaussianKnownSigma, TSprt, log_t_ratio
from ophamin.measuring.inference.kendall import KendallTau
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.outlook import foresee
from ophamin.measuring.inference.outlook_rates import TwoPointBets
from ophamin.measuring.inference.outlook_student import _boundary, noncentral_t_sf
from ophamin.measuring.inference.poisson import ExactPoisson, PoissonRate
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

# --- bets on values at the two bounds -----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.booleans(), min_size=1, max_size=80), st.sampled_from([0.0, 0.02, 0.5, 0.9, 1.0]),
    st.sampled_from([None, 0.05, 0.4]), st.sampled_from([(0.0, 1.0), (-3.0, 5.0)]),
)  # fmt: skip
def test_the_evidence_of_the_counts_is_that_of_the_values(hits, share, mde, bounds):
    low, high = bounds
    rule = BettingMean(low, high, mde=None if mde is None else mde * (high - low))
    walk = rule.start(Bar(">=", low + share * (high - low)))
    sides = [(walk.low, True), (walk.high, False)]
    counted = [TwoPointBets(process, low, high, above=above) for process, above in sides]
    for hit in hits:
        for process, _ in sides:
            process.update(high if hit else low)
    successes = sum(hits)
    for (process, _), counts in zip(sides, counted, strict=True):
        assert counts.at(successes, len(hits) - successes) == pytest.approx(process.log_e, abs=1e-9)


def test_a_mean_at_an_end_of_its_bounds_is_told_by_the_run_that_no_other_makes():
    # one failure disproves a mean of 1: 59 successes at .95 have probability .0485, 58 have .0510; 32 at .2
    forecast = foresee(BettingMean(0.0, 2.0), Bar(">=", 1.9, 0.05, 0.2), mde=0.1)
    assert [there.truth for there in forecast.truths] == pytest.approx([1.8, 1.9, 2.0])
    assert forecast.fixed_n[0] == 59
    assert forecast.wald_bound[0] is None
    assert any("one unit can tell 1.9 from 2.0 for certain" in reason for reason in forecast.reasons)
    mirrored = foresee(BettingMean(0.0, 2.0), Bar("<=", 2.0 - 1.9, 0.05, 0.2), mde=2.0 - 1.9)
    assert mirrored.fixed_n == forecast.fixed_n
    assert mirrored.truths[0].expected_n == pytest.approx(forecast.truths[2].expected_n, rel=1e-9)


# --- Gaussian units of known sigma --------------------------------------------------------------------------------


@pytest.mark.parametrize(("effect", "batch"), [(0.3, 1), (0.5, 1), (1.0, 1), (0.5, 6)])
def test_the_lattice_is_fine_enough(effect, batch, monkeypatch):
    rule, bar = GaussianKnownSigma(2.0, 2.0 * effect, batch=batch), Bar(">=", 7.0, 0.05, 0.1)
    forecast = foresee(rule, bar)
    monkeypatch.setattr("ophamin.measuring.inference.outlook_gaussian._FINEST", 13.0 + math.sqrt(5.0))
    monkeypatch.setattr("ophamin.measuring.inference.outlook_gaussian._MOST_WORK", 1e12)
    for here, there in zip(forecast.truths, foresee(rule, bar).truths, strict=True):
        assert (here.validated, here.refuted) == pytest.approx((there.validated, there.refuted), abs=1e-3)
        assert here.expected_n == pytest.approx(there.expected_n, rel=5e-3)


def test_known_sigma_is_planned_by_the_z_test():
    # (1.6449 + 1.2816)**2 / 0.3**2 = 95.2
    forecast = foresee(GaussianKnownSigma(10.0, 3.0), Bar("<", 50.0, 0.05, 0.1))
    assert (forecast.fixed_n, forecast.cap) == ((96, 96), 192)
    assert forecast.achievable_mde == pytest.approx(10.0 * (1.644853627 + 1.281551566) / math.sqrt(96))
    # the divergence of the two answers, over that of the two means
    of_validated = 0.1 * math.log(0.1 / 0.95) + 0.9 * math.log(0.9 / 0.05)
    of_refuted = 0.95 * math.log(0.95 / 0.1) + 0.05 * math.log(0.05 / 0.9)
    assert forecast.wald_bound == pytest.approx((of_validated / 0.045, of_refuted / 0.045))


# --- Poisson ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high", "n"), [(1.0, 1.5, 55), (0.1, 0.2, 163), (5.0, 6.0, 61)])
def test_the_fixed_exposures_of_poisson_rates_are_the_published_ones(low, high, n):
    # alpha = beta = .05, exact
    assert foresee(ExactPoisson(), Bar(">", low), mde=high - low).fixed_n[0] == n


@pytest.mark.parametrize(("bar", "mde", "exposure"), [
    (Bar(">", 0.5), 0.4, 1.0), (Bar("<=", 3.0, 0.01, 0.2), 1.1, 1.0), (Bar("<", 40.0, 0.1, 0.1), 4.0, 1.0),
    (Bar(">=", 2.0, 0.2, 0.02), 0.9, 3.0), (Bar(">", 0.0), 0.3, 1.0), (Bar("<=", 1.0), 0.9, 0.2),
])  # fmt: skip
def test_no_smaller_exposure_does_what_the_fixed_one_does(bar, mde, exposure):
    forecast = foresee(ExactPoisson(exposure), bar, mde=mde)
    above, below = PoissonRate(mde).alternatives(bar.value)
    pairs = [(bar.value, above), (below, bar.value)]
    for (low, high), found in zip(pairs if bar.upward else pairs[::-1], forecast.fixed_n, strict=True):
        if low == high:
            assert found is None
            continue
        counts = np.arange(1, 2000)
        for n in range(1, found + 1):
            fits = (stats.poisson.sf(counts - 1, n * exposure * low) <= bar.low_level) & (
                stats.poisson.cdf(counts - 1, n * exposure * high) <= bar.high_level
            )
            assert fits.any() == (n == found)


def test_an_mde_beyond_the_bar_takes_the_lower_rate_of_the_rule():
    rule, bar = PoissonRate(mde=1.2), Bar("<=", 1.0)
    assert foresee(rule, bar, mde=1.2) == foresee(rule, bar)
    assert [there.truth for there in foresee(rule, bar).truths] == pytest.approx([0.1, 1.0, 2.2])
    assert foresee(rule, bar).mde is None
    assert "the truths lie 0.9 below and 1.2 above the bar, at no single mde" in foresee(rule, bar).reasons


def test_a_fixed_poisson_sample_does_what_its_rule_says_of_every_count():
    rule, bar, n = ExactPoisson(2.0), Bar("<=", 1.2, 0.05, 0.2), 4
    outcomes = [rule.decide([k, 0, 0, 0], bar).outcome for k in range(60)]
    for there in foresee(rule, bar, mde=0.6, cap=n).truths:
        mass = stats.poisson.pmf(range(60), 8.0 * there.truth)
        for outcome, chance in (("VALIDATED", there.validated), ("REFUTED", there.refuted)):
            assert chance == pytest.approx(
                sum(m for m, said in zip(mass, outcomes, strict=True) if said == outcome), abs=1e-10
            )


@pytest.mark.parametrize(("rule", "bar"), [
    (PoissonRate(mde=0.5, cap=60), Bar("<=", 1.0)),
    (PoissonRate(ratio=1.4, exposure=2.0, cap=40), Bar(">", 0.8, 0.2, 0.01)),
    (PoissonRate(mde=9.0, cap=30), Bar(">=", 120.0)), (PoissonRate(mde=0.4, batch=7, cap=50), Bar("<", 0.7)),
    (PoissonRate(mde=0.2, cap=20), Bar("<=", 0.0)),
], ids=str)  # fmt: skip
def test_a_poisson_walk_is_the_recursion_over_its_own_evidence(rule, bar):
    forecast = foresee(rule, bar)
    for there in forecast.truths:
        above, below, expected = _poisson_forward(rule, bar, there.truth)
        validated, refuted = (above, below) if bar.upward else (below, above)
        assert (there.validated, there.refuted) == pytest.approx((validated, refuted), abs=1e-7)
        assert there.expected_n == pytest.approx(expected, rel=1e-6)
    assert sum((there.validated, there.refuted, there.undecided)) == pytest.approx(1.0, abs=1e-7)


def _poisson_forward(rule, bar, truth):
    """One truth at a time, in numpy, on the evidence after so many events as the processes themselves give it."""
    walk, mean = rule.start(bar), truth * rule.exposure
    highest = int(mean * rule.cap + 12 * math.sqrt(mean * rule.cap + 1) + 60)
    steps = stats.poisson.pmf(np.arange(highest + 1), mean)
    evidence = []
    for side in (0, 1):
        process = (walk.low, walk.high)[side]
        evidence.append([_after(type(process), rule, bar, side, events) for events in range(highest + 1)])
    mass, above, below, expected = np.zeros(highest + 1), 0.0, 0.0, 0.0
    mass[0] = 1.0
    for n in range(1, rule.cap + 1):
        expected += mass.sum()
        mass = np.convolve(mass, steps)[: highest + 1]
        if n % rule.batch and n != rule.cap:
            continue
        drifts = [n * (rate - bar.value) * rule.exposure for rate in rule.alternatives(bar.value)]
        over = np.array(evidence[0]) - drifts[0] >= walk.accept
        under = np.array(evidence[1]) - drifts[1] >= walk.reject
        above, below = above + mass[over].sum(), below + mass[under].sum()
        mass[over | under] = 0.0
    return above, below, expected


def _after(kind, rule, bar, side, events):
    process = kind(rule.alternatives(bar.value)[side], bar.value, rule.exposure)
    process.update(events)
    return process.log_e + (rule.alternatives(bar.value)[side] - bar.value) * rule.exposure


# --- Student's t --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("df", [1, 2, 5, 29, 1000])
@pytest.mark.parametrize("shift", [-3.0, 0.0, 0.7, 5.0, 20.0])
def test_the_noncentral_tail_is_that_of_another_implementation(df, shift):
    for t in (-4.0, -1.0, 0.0, 0.5, 1.7, 8.0, 25.0):
        assert noncentral_t_sf(t, df, shift) == pytest.approx(stats.nct.sf(t, df, shift), abs=2e-9)


@pytest.mark.parametrize(("bar", "effect"), [
    (Bar(">=", 3.0), 0.3), (Bar("<", 3.0, 0.01, 0.2), 0.5), (Bar(">", 3.0, 0.2, 0.01), 1.1), (Bar("<=", 0.0), 3.0),
], ids=str)  # fmt: skip
def test_no_smaller_sample_does_what_the_fixed_t_test_does(bar, effect):
    forecast = foresee(GaussianMean(), bar, mde=effect)
    for found, level, miss in zip(forecast.fixed_n, (bar.alpha, bar.beta), (bar.beta, bar.alpha), strict=True):
        sizes = np.arange(2, found + 3)
        power = stats.nct.sf(stats.t.isf(level, sizes - 1), sizes - 1, effect * np.sqrt(sizes))
        assert sizes[np.argmax(power >= 1.0 - miss)] == found
    for there in forecast.truths:
        root, df = math.sqrt(forecast.cap), forecast.cap - 1
        above = stats.nct.sf(stats.t.isf(bar.low_level, df), df, there.truth * root)
        below = stats.nct.cdf(-stats.t.isf(bar.high_level, df), df, there.truth * root)
        validated, refuted = (above, below) if bar.upward else (below, above)
        assert (there.validated, there.refuted) == pytest.approx((validated, refuted), abs=1e-8)


def test_the_achievable_effect_is_the_one_of_that_size():
    achievable = foresee(GaussianMean(), Bar(">", 0.0), cap=122).achievable_mde
    assert foresee(GaussianMean(), Bar(">", 0.0), mde=achievable * (1 + 1e-9)).fixed_n[0] == 122
    assert foresee(GaussianMean(), Bar(">", 0.0), mde=achievable * (1 - 1e-6)).fixed_n[0] == 123
    one = foresee(GaussianMean(), Bar(">", 0.0), cap=1, mde=0.5)
    assert [there.undecided for there in one.truths] == [1.0, 1.0, 1.0]
    assert one.achievable_mde is None


@pytest.mark.parametrize(("null", "delta", "step"), [(0.0, 0.3, 1), (0.0, 0.05, 31), (0.6, 0.2, 3), (-0.4, 0.5, 2)])
def test_the_boundary_of_a_t_walk_lies_where_the_evidence_reaches_it(null, delta, step):
    sizes = list(range(step, 250 * step, step))
    limits = _boundary(sizes, math.log(20.0), null, delta)
    evidence = [
        log_t_ratio(n, limit / math.sqrt(n), null + delta) - log_t_ratio(n, limit / math.sqrt(n), null)
        for n, limit in zip(sizes, limits, strict=True)
        if limit < math.inf
    ]
    assert len(evidence) > 230 - 40
    assert evidence == pytest.approx([math.log(20.0)] * len(evidence), abs=5e-3)
    for n, limit in zip(sizes, limits, strict=True):
        reached = n > 1 and log_t_ratio(n, 1.0, null + delta) - log_t_ratio(n, 1.0, null) >= math.log(20.0)
        assert (limit < math.inf) == reached


def test_the_mde_of_a_t_walk_names_its_sigma():
    plain, scaled = foresee(TSprt(0.5), Bar(">=", 10.0)), foresee(TSprt(0.5), Bar(">=", 10.0), mde=4.0)
    assert [there.truth for there in plain.truths] == [-0.5, 0.0, 0.5]
    assert [there.truth for there in scaled.truths] == [6.0, 10.0, 14.0]
    assert plain.truth_unit == "standard deviations from the bar"
    assert scaled.assumption == "independent Gaussian units, sigma 8 (the mde over delta)"
    assert (plain.cap, plain.fixed_n, plain.wald_bound) == (
        scaled.cap,
        scaled.fixed_n,
        pytest.approx(scaled.wald_bound),
    )
    assert scaled.achievable_mde == pytest.approx(8.0 * plain.achievable_mde)


@pytest.mark.parametrize("looks", ["every unit", "blocks"])
def test_a_t_walk_costs_what_is_published(looks, monkeypatch):
    # delta = .3, cap twice the fixed sample of 122, Ville, 10 000 replicates: .0458 and .042 at the bar, ASN 229 and
    # 72; a standard error of 400 paths is .0105, and 2 units
    if looks == "blocks":
        monkeypatch.setattr("ophamin.measuring.inference.outlook_student._LOOKS", 40)
    forecast = foresee(TSprt(0.3), Bar(">=", 0.0))
    assert forecast.cap == 244
    assert forecast.basis == f"simulated (400 paths{', a look every 7 units' if looks == 'blocks' else ''})"
    lower, middle, upper = forecast.truths
    assert (middle.validated, middle.refuted) == pytest.approx((0.0458, 0.042), abs=0.03)
    assert middle.expected_n == pytest.approx(229, abs=7)
    assert (lower.expected_n, upper.expected_n) == pytest.approx((72, 72), abs=7)
    assert forecast.wald_bound[0] == pytest.approx(58.9, abs=0.05)


# --- walks that were really walked --------------------------------------------------------------------------------


def _bits(rate):
    return lambda rng, n: (rng.random(n) < rate).astype(int).tolist()


def _two_points(low, high):
    return lambda mean: lambda rng, n: np.where(rng.random(n) < (mean - low) / (high - low), high, low).tolist()


def _gaussian(sigma):
    return lambda mean: lambda rng, n: rng.normal(mean, sigma, n).tolist()


def _poisson(exposure):
    return lambda rate: lambda rng, n: rng.poisson(rate * exposure, n).tolist()


def _uniforms_below_the_bar(bar):
    return lambda share: lambda rng, n: (bar - share + rng.random(n)).tolist()


def _concordant(tau):
    def draw(rng, n):
        signs = np.where(rng.random(n) < 0.5 * (1.0 + tau), 1, -1)
        return [pair for sign in signs for pair in ((0.0, 0.0), (1.0, float(sign)))]

    return draw


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "bar", "mde", "stream", "replicates"), [
    (Sprt(0.1, batch=3), Bar("<=", 0.3, 0.01, 0.1), None, _bits, 800),
    (TwoSprt(0.08), Bar("<", 0.5), None, _bits, 800),
    (BetaMixture(), Bar(">=", 0.7), 0.12, _bits, 400),
    (SequentialQuantile(0.8, Sprt(0.1)), Bar("<", 3.0), None, _uniforms_below_the_bar(3.0), 600),
    (BettingMean(-1.0, 1.0, mde=0.3), Bar(">=", 0.2), None, _two_points(-1.0, 1.0), 300),
    (PairedDifference(0.0, 1.0, mde=0.3), Bar("<", 0.0), None, _two_points(-1.0, 1.0), 300),
    (KendallTau(Sprt(0.15)), Bar(">", 0.1), None, _concordant, 600),
    (PoissonRate(mde=0.8, exposure=2.0), Bar("<=", 2.0), None, _poisson(2.0), 1000),
    (GaussianKnownSigma(2.0, 1.0), Bar(">=", 10.0), None, _gaussian(2.0), 1500),
    (GaussianKnownSigma(1.0, 1.5, batch=2), Bar("<", 0.0), None, _gaussian(1.0), 3000),
    (TSprt(0.6), Bar(">=", 10.0), 3.0, _gaussian(5.0), 500),
    (EffectSprt(0.8, batch=4), Bar("<=", 0.4), None, _gaussian(1.0), 400),
], ids=lambda value: getattr(value, "name", ""))  # fmt: skip
def test_the_forecast_is_what_happens(rule, bar, mde, stream, replicates):
    forecast, rng = foresee(rule, bar, mde=mde), np.random.default_rng(20261123)
    of_paths = 1.0 / 400 if forecast.basis.startswith("simulated") else 0.0
    for there in forecast.truths:
        draw = stream(there.truth)
        walks = [_walked(rule, bar, draw(rng, forecast.cap), forecast.cap) for _ in range(replicates)]
        for outcome, chance in (("VALIDATED", there.validated), ("REFUTED", there.refuted)):
            seen = sum(said == outcome for said, _ in walks) / replicates
            error = math.sqrt(max(seen * (1.0 - seen), 0.005) * (1.0 / replicates + of_paths))
            assert chance == pytest.approx(seen, abs=4.0 * error + 0.002)
        sizes = [n for _, n in walks]
        error = float(np.std(sizes)) * math.sqrt(1.0 / replicates + of_paths)
        assert there.expected_n == pytest.approx(np.mean(sizes), abs=4.0 * error + 0.05)
        assert np.mean(np.array(sizes) <= there.n95) >= 0.95 - 0.05
        assert np.mean(np.array(sizes) < there.n95) <= 0.95 + 0.05


def _walked(rule, bar, values, cap):
    """Outcome and n of a walk that ends at the decision, or at the cap."""
    if isinstance(rule, KendallTau):
        decision = rule.decide(values, bar)
        ends = decision.detail["decided_at"]
        return decision.outcome, min(cap, ends or cap)
    walk = rule.start(bar)
    walk.cap = cap
    for n, value in enumerate(values, 1):
        walk.update(value)
        if walk.side is not None:
            return "VALIDATED" if (walk.side == "above") is bar.upward else "REFUTED", n
    return None, cap
