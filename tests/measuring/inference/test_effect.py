# SPDX-License-Identifier: Apache-2.0
"""The sequential test of a standardised effect."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.effect import EffectRatio, EffectSprt
from ophamin.measuring.inference.gaussian import TSprt


@pytest.mark.parametrize(("alternative", "null", "n"), [(0.5, 0.2, 5), (0.1, 0.4, 12), (1.0, 0.0, 30)])
def test_the_ratio_is_that_of_two_noncentral_t_densities(alternative, null, n):
    values = np.random.default_rng(n).normal(0.3, 1.0, n)
    process = EffectRatio(alternative, null)
    for value in values:
        process.update(float(value))
    t = values.mean() / values.std(ddof=1) * math.sqrt(n)
    densities = [scipy.stats.nct.logpdf(t, n - 1, effect * math.sqrt(n)) for effect in (alternative, null)]
    assert process.log_e == pytest.approx(densities[0] - densities[1], abs=1e-8)


def test_against_an_effect_of_zero_it_is_the_t_test():
    values = np.random.default_rng(1).normal(0.4, 1.0, 40).tolist()
    effect = EffectSprt(0.3).decide(values, Bar(">", 0.0))
    t = TSprt(0.3).decide(values, Bar(">", 0.0))
    assert (effect.outcome, effect.n, effect.p_holds) == (t.outcome, t.n, pytest.approx(t.p_holds))


@given(st.lists(st.integers(-500, 500).map(lambda x: x / 100), min_size=2, max_size=40), st.floats(0.01, 1000))
def test_the_scale_of_the_values_does_not_matter(values, scale):
    scaled = [value * scale for value in values]
    if len(set(scaled)) != len(set(values)):
        return
    one, other = (EffectSprt(0.4).decide(each, Bar(">=", 0.2)) for each in (values, scaled))
    assert (one.outcome, one.n) == (other.outcome, other.n)


@pytest.mark.parametrize("bar", [0.0, 0.3, -0.5])
@pytest.mark.parametrize("seed", range(4))
def test_the_interval_is_the_decision(bar, seed):
    values = np.random.default_rng(seed).normal(0.2, 1.0, 150).tolist()
    decision = EffectSprt(0.3, cap=150).decide(values, Bar(">=", bar))
    assert (decision.outcome == "VALIDATED") is (decision.low is not None and decision.low >= bar)
    assert (decision.outcome == "REFUTED") is (decision.high is not None and decision.high <= bar)


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.3, 0.15, 0.0, -0.3])
def test_the_level_holds_for_every_effect_that_does_not_exceed_the_bar(truth):
    """600 paths looked at after every unit; an error rate of 0.05 has a standard error of 0.009."""
    rng, bar, rule = np.random.default_rng(5), Bar(">", 0.3), EffectSprt(0.4, cap=120)
    wrong = sum(rule.decide(rng.normal(truth, 1.0, 120).tolist(), bar).outcome == "VALIDATED" for _ in range(600))
    assert wrong / 600 <= 0.05 + 3 * 0.009


@pytest.mark.parametrize("delta", [0, -1.0, math.nan, math.inf, True, "much"])
def test_a_distance_that_is_none_is_refused(delta):
    with pytest.raises(ClaimError, match="delta is"):
        EffectSprt(delta)


def test_values_that_are_all_equal_have_no_effect_size():
    decision = EffectSprt(0.3).decide([2.0] * 50, Bar(">=", 0.5))
    assert (decision.outcome, decision.estimate, decision.low) == (None, None, None)


def test_a_value_that_is_no_number_is_refused():
    with pytest.raises(ObservationError):
        EffectSprt(0.3).decide([1.0, math.nan], Bar(">=", 0.5))
