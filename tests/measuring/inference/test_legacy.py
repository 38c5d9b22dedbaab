# SPDX-License-Identifier: Apache-2.0
"""Wald's test and the normal-mixture test as stateful objects."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.legacy import BernoulliSPRT, GaussianSPRT, MixtureSPRT, SPRTState

numbers = st.floats(-50.0, 50.0)


def _exact(test, truth, cap=60_000):
    """Probability of accepting h1 and mean sample number, by adding up all paths."""
    success, failure = test.log_likelihood_ratio(1), test.log_likelihood_ratio(0)
    alive, accepted, mean_n = {0: 1.0}, 0.0, 0.0
    for n in range(1, cap):
        mean_n += sum(alive.values())
        after = defaultdict(float)
        for k, mass in alive.items():
            for one, share in ((1, truth), (0, 1.0 - truth)):
                llr = (k + one) * success + (n - k - one) * failure
                if llr >= test.upper:
                    accepted += mass * share
                elif llr > test.lower:
                    after[k + one] += mass * share
        alive = after
        if sum(alive.values()) < 1e-14:
            return accepted, mean_n
    raise AssertionError("the walk did not end")


def test_boundaries_of_the_default_levels_are_walds():
    state = BernoulliSPRT(0.1, 0.2).state
    assert state == SPRTState(0, 0.0, "continue", state.upper, state.lower)
    assert (state.upper, state.lower) == pytest.approx((2.7726, -1.5581), abs=5e-5)
    assert not state.terminated


@pytest.mark.parametrize(
    ("p0", "p1", "alpha_exact", "beta_exact", "asn_p0", "asn_p1"),
    [  # exact forward recursion, boundaries of Wald at alpha = beta = .05
        (0.1, 0.2, 0.039169758495526306, 0.048271432801687116, 74.95086640751607, 65.46636000794105),
        (0.9, 0.95, 0.049140853157044244, 0.03946711492980628, 140.08146979262023, 163.44305449410356),
        (0.95, 0.99, 0.04989820188503385, 0.028855243243332024, 78.66122844666427, 112.55439849980007),
    ],
)
def test_error_rates_and_sample_numbers_are_the_exact_ones(p0, p1, alpha_exact, beta_exact, asn_p0, asn_p1):
    test = BernoulliSPRT(p0, p1, beta=0.05)
    assert _exact(test, p0) == pytest.approx((alpha_exact, asn_p0), rel=1e-9)
    assert _exact(test, p1) == pytest.approx((1.0 - beta_exact, asn_p1), rel=1e-9)


def test_walds_boundary_can_overspend_alpha():
    alpha_exact, _ = _exact(BernoulliSPRT(0.99, 0.999), 0.99)
    assert alpha_exact == pytest.approx(0.0553, abs=5e-5)  # statement of the module


def test_equal_steps_give_the_ruin_probability_of_a_gambler():
    level = 1.0 / (1.0 + 1.5**6.5)  # seven steps of log 1.5 reach either boundary
    test = BernoulliSPRT(0.4, 0.6, alpha=level, beta=level)
    # ruin probability r**7 / (1 + r**7), r = 2/3, and its duration
    assert _exact(test, 0.4) == pytest.approx((0.055291576673866145, 31.129589632829376), rel=1e-9)
    assert _exact(test, 0.5) == pytest.approx((0.5, 49.0), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1), max_size=60), st.lists(st.integers(0, 1), max_size=20))
def test_a_decision_is_final(values, later):
    test = BernoulliSPRT(0.3, 0.7)
    state = test.update_many(values)
    after = [test.update(x) for x in later]
    if state.terminated:
        assert after == [state] * len(later)
    else:
        assert test.state == BernoulliSPRT(0.3, 0.7).update_many([*values, *later])


def test_update_many_stops_reading_at_the_first_decision():
    rest = iter([1] * 10)
    state = BernoulliSPRT(0.5, 0.9).update_many(rest)
    assert (state.n, state.decision, len(list(rest))) == (5, "accept_h1", 5)


def test_many_failures_accept_the_null():
    assert BernoulliSPRT(0.5, 0.9).update_many([0, 0]).decision == "accept_h0"


def test_reset_forgets_the_decision():
    test = BernoulliSPRT(0.5, 0.9)
    test.update_many([1] * 10)
    test.reset()
    assert test.state == BernoulliSPRT(0.5, 0.9).state


@settings(max_examples=60, deadline=None)
@given(numbers, st.floats(-5.0, 5.0), st.floats(0.1, 5.0))
def test_a_gaussian_step_is_the_difference_of_squared_distances(x, mu0, sigma):
    mu1 = mu0 + 0.7
    step = ((x - mu0) ** 2 - (x - mu1) ** 2) / (2.0 * sigma**2)
    assert GaussianSPRT(mu0, mu1, sigma).log_likelihood_ratio(x) == pytest.approx(step, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=30), st.floats(0.1, 3.0), st.floats(0.1, 4.0))
def test_the_mixture_ratio_is_its_closed_form(values, sigma, tau2):
    state = MixtureSPRT(0.5, sigma, tau2).update_many(values)
    n, v, mean = len(values), sigma**2, math.fsum(values) / len(values)
    exponent = n * n * tau2 * (mean - 0.5) ** 2 / (2.0 * v * (v + n * tau2))
    assert state.log_mixture_lr == pytest.approx(0.5 * math.log(v / (v + n * tau2)) + exponent, rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=30), st.sampled_from([1e-6, 1.0, 1e6]), st.floats(-9.0, 9.0))
def test_the_mixture_test_does_not_depend_on_the_unit(values, scale, shift):
    plain = MixtureSPRT(0.0, 2.0, 3.0).update_many(values)
    moved = MixtureSPRT(shift * scale, 2.0 * scale, 3.0 * scale**2)
    moved_state = moved.update_many([(x + shift) * scale for x in values])
    assert moved_state.log_mixture_lr == pytest.approx(plain.log_mixture_lr, rel=1e-6, abs=1e-6)


def test_a_ratio_beyond_the_largest_float_is_kept_as_its_log():
    state = MixtureSPRT(0.0, 1.0, 1.0).update_many([4.0] * 100)
    assert state.log_mixture_lr == pytest.approx(0.5 * math.log(1 / 101) + 1e4 * 16 / 202, rel=1e-12)
    assert (state.mixture_lr, state.running_max_lr, state.decision) == (math.inf, math.inf, "reject_h0")
    assert 0.0 <= state.always_valid_pvalue < 1e-300


def test_the_p_value_never_rises_and_a_rejection_stays():
    test = MixtureSPRT(0.0, 1.0, 1.0)
    states = [test.update(x) for x in [3.0] * 4 + [-3.0] * 8]
    p_values = [state.always_valid_pvalue for state in states]
    assert p_values == sorted(p_values, reverse=True)
    assert states[3].decision == states[-1].decision == "reject_h0"
    assert states[-1].mixture_lr < states[-1].running_max_lr
    assert test.decision(alpha=1e-9) == "continue"


def test_before_the_first_value_nothing_is_known():
    state = MixtureSPRT(1.0, 2.0).state
    assert dataclasses.astuple(state) == (0, 1.0, 1.0, 1.0, "continue", 0.0, 0.0)


def _rejections(declared, n, replicates=1500):
    rng = np.random.default_rng(20261121)
    count = 0
    for values in rng.normal(size=(replicates, n)):
        if declared:
            test = MixtureSPRT(0.0, 1.0)
        else:
            test = MixtureSPRT(float(values[: n // 10].mean()), float(values.std(ddof=1)))
        count += test.update_many(values.tolist()).decision == "reject_h0"
    return count / replicates


def test_declared_parameters_keep_the_level_where_those_of_the_series_do_not():
    # a simulation of 4000 series gave .313 for mu0 and sigma of the series, .022 to .032 for declared ones
    assert _rejections(declared=False, n=100) == pytest.approx(0.313, abs=4 * 0.014)
    assert _rejections(declared=True, n=100) < 0.05


@pytest.mark.parametrize(
    "build",
    [
        lambda: BernoulliSPRT(0.0, 0.5),
        lambda: BernoulliSPRT(0.5, 1.0),
        lambda: BernoulliSPRT(0.5, 0.5),
        lambda: BernoulliSPRT(0.1, math.nan),
        lambda: BernoulliSPRT(0.1, 0.2, alpha=0.0),
        lambda: BernoulliSPRT(0.1, 0.2, alpha=0.6, beta=0.5),
        lambda: GaussianSPRT(0.0, 1.0, 0.0),
        lambda: GaussianSPRT(1.0, 1.0, 1.0),
        lambda: GaussianSPRT(0.0, math.inf, 1.0),
        lambda: GaussianSPRT(0.0, 1e-300, 1e300),
        lambda: GaussianSPRT("0", 1.0, 1.0),
        lambda: MixtureSPRT(math.nan, 1.0),
        lambda: MixtureSPRT(0.0, -1.0),
        lambda: MixtureSPRT(0.0, 1.0, 0.0),
        lambda: MixtureSPRT(0.0, 1.0).decision(alpha=1.0),
    ],
)
def test_a_test_that_cannot_be_is_refused(build):
    with pytest.raises(ClaimError):
        build()


@pytest.mark.parametrize("x", [0.5, 2, -1, math.nan, None, "1x"])
def test_a_bernoulli_test_takes_nothing_but_zero_and_one(x):
    test = BernoulliSPRT(0.1, 0.2)
    with pytest.raises(ObservationError, match="0 or 1"):
        test.update(x)
    assert test.state.n == 0


@pytest.mark.parametrize("test", [GaussianSPRT(0.0, 1.0, 1.0), MixtureSPRT(0.0, 1.0)])
@pytest.mark.parametrize("x", [math.nan, math.inf, None, "1"])
def test_a_gaussian_test_takes_nothing_but_finite_numbers(test, x):
    with pytest.raises(ObservationError, match="finite"):
        test.update(x)
    assert test.state.n == 0


def test_the_mixture_needs_its_null_declared():
    with pytest.raises(TypeError, match="mu0"):
        MixtureSPRT()
