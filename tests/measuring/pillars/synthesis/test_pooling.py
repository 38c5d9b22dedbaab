# SPDX-License-Identifier: Apache-2.0
"""One effect out of several studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.synthesis import pool
from ophamin.measuring.pillars.synthesis.recomputed import by_statsmodels


@pytest.fixture(scope="module")
def trials(bcg):
    return [trial[2] for trial in bcg], [trial[3] for trial in bcg]


def rounded(*values, digits=4):
    return tuple(round(value, digits) for value in values)


def test_the_vaccine_trials_with_one_true_effect(trials):
    # metafor: -0.4303 [-0.5097, -0.3509], z = -10.6247; Q = 152.2330 on 12.
    one = pool(*trials, method="fixed")
    assert rounded(one.estimate, one.low, one.high) == (-0.4303, -0.5097, -0.3509)
    assert rounded(one.estimate / one.se, one.q) == (-10.6247, 152.2330)
    assert (one.k, one.tau2, one.prediction_low, one.df) == (13, 0.0, None, None)
    assert one.q_p < 1e-20


def test_the_vaccine_trials_by_dersimonian_and_laird(trials):
    # metafor: tau^2 .3088, -0.7141 [-1.0644, -0.3638], z = -3.9952, I^2 92.1173 %; ratio .4896 [.3449, .6950].
    one = pool(*trials, method="dl", hksj=False)
    assert rounded(one.tau2, one.estimate, one.low, one.high) == (0.3088, -0.7141, -1.0644, -0.3638)
    assert rounded(one.estimate / one.se, 100 * one.i2) == (-3.9952, 92.1173)
    assert rounded(*map(math.exp, (one.estimate, one.low, one.high))) == (0.4896, 0.3449, 0.6950)
    assert one.p_value(0.0) == pytest.approx(2 * stats.norm.sf(3.9952), rel=1e-3)


def test_the_vaccine_trials_by_restricted_likelihood(trials):
    # metafor README: tau^2 .3132, -0.7145, se .1798, z = -3.9744 [-1.0669, -0.3622]; I^2 92.22 %, H^2 12.86.
    one = pool(*trials, hksj=False)
    assert rounded(one.tau2, one.estimate, one.se, one.low, one.high) == (0.3132, -0.7145, 0.1798, -1.0669, -0.3622)
    assert rounded(one.estimate / one.se) == (-3.9744,)
    assert rounded(100 * one.i2, one.h2, digits=2) == (92.22, 12.86)


def test_the_vaccine_trials_by_hartung_and_knapp(trials):
    # metafor README, test="knha": se .1808, t = -3.9522, df 12, p .0019 [-1.1084, -0.3206]; exp: prediction .14, 1.76.
    one = pool(*trials)
    assert rounded(one.estimate, one.se, one.low, one.high) == (-0.7145, 0.1808, -1.1084, -0.3206)
    assert (round(one.estimate / one.se, 4), one.df, round(one.p_value(0.0), 4)) == (-3.9522, 12, 0.0019)
    assert rounded(math.exp(one.prediction_low), math.exp(one.prediction_high), digits=2) == (0.14, 1.76)


def test_the_laboratories_come_out_as_metafor_printed_them(kacker):
    # metafor, as statsmodels' tests quote it: PM and DL with test="knha".
    pm = pool(*kacker, method="pm", hksj=False)
    assert (pm.estimate, pm.se) == pytest.approx((62.4076199113286, 0.338030602684471), rel=1e-10)
    assert (pm.low, pm.high) == pytest.approx((61.7450921043947, 63.0701477182625), rel=1e-10)
    assert (pm.i2, pm.h2) == pytest.approx((0.837218626490482, 6.14320900751909), rel=1e-9)
    dl = pool(*kacker, method="dl")
    assert (dl.estimate, dl.se) == pytest.approx((62.3901386044504, 0.29477605699879), rel=1e-10)
    assert (dl.low, dl.high) == pytest.approx((61.710383798052, 63.0698934108488), rel=1e-10)
    assert (dl.q, dl.q_p, dl.h2) == pytest.approx((24.801897741835, 0.00167935146372742, 3.10023721772938), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["reml", "dl", "pm", "fixed"]), st.booleans())
def test_the_library_pools_to_the_same_numbers(seed, method, hksj):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 15))
    v = rng.uniform(0.01, 1.0, k)
    y = 5.0 + 0.4 * rng.normal(size=k) + np.sqrt(v) * rng.normal(size=k)
    one = pool(y, v, method=method, hksj=hksj)
    again = by_statsmodels(y, v, one)
    assert (again.estimate, again.se) == pytest.approx((one.estimate, one.se), rel=1e-9)
    if method != "fixed":
        assert again.tau2 == pytest.approx(one.tau2, rel=1e-9, abs=1e-12)
    if method == "dl" and one.tau2 > 0:
        theirs = combine_effects(y, v, method_re="dl")
        assert one.se == pytest.approx(theirs.sd_eff_w_re_hksj if hksj else theirs.sd_eff_w_re, rel=1e-9)
        assert (one.estimate, one.q) == pytest.approx((theirs.mean_effect_re, theirs.q), rel=1e-9)


def test_a_tau_squared_that_is_no_root_fails_the_second_computation(trials):
    from dataclasses import replace

    y, v = map(np.array, trials)
    one = pool(y, v)
    assert math.isnan(by_statsmodels(y, v, replace(one, tau2=10 * one.tau2)).tau2)
    assert math.isnan(by_statsmodels(y, v, replace(one, tau2=0.0)).tau2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-4, 1e4), st.floats(-100, 100))
def test_the_pooled_effect_moves_with_units_and_origin_and_not_with_order(seed, scale, shift):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.05, 1.0, 7)
    y = rng.normal(size=7)
    order = rng.permutation(7)
    one, moved = pool(y, v), pool(scale * (y[order] + shift), scale**2 * v[order])
    ends = np.array([one.estimate, one.low, one.high, one.prediction_low, one.prediction_high])
    told = [moved.estimate, moved.low, moved.high, moved.prediction_low, moved.prediction_high]
    assert told == pytest.approx(scale * (ends + shift), rel=1e-6, abs=1e-6 * scale)
    assert (moved.i2, moved.q_p) == pytest.approx((one.i2, one.q_p), rel=1e-5, abs=1e-7)
    assert one.low <= one.estimate <= one.high
    assert one.prediction_low <= one.low


def test_one_study_says_nothing_of_the_spread_between_studies():
    one = pool([0.4], [0.04])
    assert (one.estimate, one.low, one.high, one.tau2, one.i2) == (0.4, None, None, None, None)
    assert one.reason == "one study says nothing of the variance between studies"
    assert one.p_value(0.0) is None
    assert not one.excludes(0.0)
    fixed = pool([0.4], [0.04], method="fixed")
    assert (fixed.low, fixed.high) == pytest.approx((0.4 - 1.959964 * 0.2, 0.4 + 1.959964 * 0.2), rel=1e-6)


def test_studies_that_agree_to_the_last_digit_have_no_interval_of_hartung_and_knapp():
    one = pool([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])
    assert (one.estimate, one.low, one.prediction_low, one.floored) == (0.5, None, None, True)
    assert "agree to the last digit" in one.reason
    assert pool([0.5, 0.5, 0.5], [0.1, 0.2, 0.3], hksj=False).low < 0.5


def test_a_tau_squared_that_is_given_is_not_estimated(trials):
    assert pool(*trials, tau2=0.3087603).estimate == pytest.approx(pool(*trials, method="dl").estimate, rel=1e-6)


@pytest.mark.parametrize(
    ("effects", "variances", "reason"),
    [
        ([], [], "0 effects and 0 variances"),
        ([1.0, 2.0], [1.0], "2 effects and 1 variances"),
        ([1.0, 2.0], [1.0, 0.0], "study 2 has the effect 2.0 with the variance 0.0"),
        ([1.0, 2.0], [1.0, -1.0], "study 2 has"),
        ([1.0, 2.0], [1.0, math.inf], "study 2 has"),
        ([1.0, 2.0], [1.0, math.nan], "study 2 has"),
        ([1.0, math.nan], [1.0, 1.0], "study 2 has"),
        ([1.0, 2.0], [1.0, 1e-320], "study 2 has"),
        (["x"], [1.0], "effects and variances are numbers"),
    ],
)
def test_studies_that_cannot_be_weighted_are_refused(effects, variances, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        pool(effects, variances)
    assert isinstance(caught.value, NotComputableError)
