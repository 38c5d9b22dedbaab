# SPDX-License-Identifier: Apache-2.0
"""Estimators of tau squared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from statsmodels.stats.meta_analysis import combine_effects

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.synthesis import heterogeneity
from ophamin.measuring.pillars.synthesis.heterogeneity import restricted_likelihood, restricted_score, tau_squared


def studies(seed, k=None, tau=0.5):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 20)) if k is None else k
    v = rng.uniform(0.01, 1.0, k)
    return tau * rng.normal(size=k) + np.sqrt(v) * rng.normal(size=k), v


@pytest.mark.parametrize(("method", "published"), [("dl", 0.3088), ("reml", 0.3132)])
def test_the_vaccine_trials_have_the_published_tau_squared(method, published, bcg):
    # metafor: rma(yi, vi, method="DL") and method="REML".
    y, v = (np.array([trial[at] for trial in bcg]) for at in (2, 3))
    assert round(tau_squared(y, v, method).value, 4) == published


@pytest.mark.parametrize(("method", "published"), [("dl", 0.288049246973751), ("pm", 0.705395309224248)])
def test_the_laboratories_have_the_published_tau_squared(method, published, kacker):
    # metafor, rma(y, v, method=..., control=list(tol=1e-9)), as statsmodels' tests quote it.
    y, v = map(np.array, kacker)
    assert tau_squared(y, v, method).value == pytest.approx(published, rel=1e-9)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("tau", [0.0, 0.2, 2.0])
def test_restricted_likelihood_has_no_better_tau_squared(seed, tau):
    y, v = studies(seed, tau=tau)
    found = tau_squared(y, v, "reml")
    best = restricted_likelihood(y, v, found.value)
    grid = [0.0, *np.geomspace(1e-6, 1e3, 200)]
    assert best >= max(restricted_likelihood(y, v, at) for at in grid) - 1e-9
    if found.value:
        score, information = restricted_score(y, v, found.value)
        assert abs(score) < 1e-8 * max(information * found.value, 1.0)
        near = minimize_scalar(
            lambda at: -restricted_likelihood(y, v, at), bounds=(0.5 * found.value, 2 * found.value), method="bounded"
        )
        assert found.value == pytest.approx(near.x, rel=1e-3)


@pytest.mark.parametrize("seed", range(40))
def test_the_moment_estimators_are_those_of_statsmodels(seed):
    y, v = studies(seed, tau=1.0)
    dl, pm = tau_squared(y, v, "dl"), tau_squared(y, v, "pm")
    raw = combine_effects(y, v, method_re="dl").tau2
    assert dl.untruncated == pytest.approx(raw, rel=1e-10)
    assert (dl.value, dl.floored) == (max(dl.untruncated, 0.0), raw < 0)
    assert pm.value == pytest.approx(combine_effects(y, v, method_re="pm").tau2, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("method", ["dl", "pm", "reml"])
def test_an_estimate_below_0_is_put_to_0_and_said(method):
    found = tau_squared(np.array([1.0, 1.01, 0.99, 1.0]), np.full(4, 0.5), method)
    assert (found.value, found.floored) == (0.0, True)


def test_one_true_effect_has_no_variance_between_studies():
    assert tau_squared(np.array([0.0, 9.0]), np.array([1.0, 1.0]), "fixed") == (0.0, False, None)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["dl", "pm", "reml"]), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_tau_squared_has_squared_units_and_no_origin_or_order(seed, method, scale, shift):
    y, v = studies(seed)
    plain = tau_squared(y, v, method)
    order = np.random.default_rng(seed).permutation(len(y))
    moved = tau_squared(scale * (y[order] + shift), scale**2 * v[order], method)
    assert moved.value == pytest.approx(scale**2 * plain.value, rel=1e-6, abs=1e-7 * scale**2)


def test_an_unknown_method_is_named():
    with pytest.raises(ClaimError, match="'sj'; it is one of reml, dl, pm, fixed"):
        tau_squared(np.array([0.0, 1.0]), np.array([1.0, 1.0]), "sj")


@pytest.mark.parametrize("method", ["pm", "reml"])
def test_an_iteration_that_does_not_end_is_no_number(method, monkeypatch):
    monkeypatch.setattr(heterogeneity, "_STEPS", 1)
    y, v = studies(1, k=8, tau=2.0)
    with pytest.raises(NotComputableError, match="did not converge"):
        tau_squared(y, v, method)
