# SPDX-License-Identifier: Apache-2.0
"""The checks of a series are those of the libraries, and keep their level."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.diagnostic import acorr_ljungbox, normal_ad
from statsmodels.tsa.stattools import acf, adfuller, kpss

from ophamin.measuring.inference import lag1
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.diagnostics import series as module
from ophamin.measuring.pillars.diagnostics.series import (
    autocorrelations,
    check_series,
    effective_sample_size,
    ljung_box,
    scaled_series,
)

values = st.lists(st.floats(-1e3, 1e3).map(lambda one: round(one, 3)), min_size=20, max_size=80)


def _checks(numbers):
    series = scaled_series(numbers)
    return check_series(series, autocorrelations(series))


def _ar1(phi, n, seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=n + 200)
    out = np.empty(n + 200)
    out[0] = noise[0]
    for i in range(1, n + 200):
        out[i] = phi * out[i - 1] + noise[i]
    return out[200:]


@settings(max_examples=60, deadline=None)
@given(values)
def test_autocorrelations_and_ljung_box_are_those_of_statsmodels(numbers):
    assume(np.ptp(numbers) > 0.01)
    ours = autocorrelations(scaled_series(numbers))
    assert ours[:20] == pytest.approx(acf(np.array(numbers), nlags=19, fft=False), abs=1e-9)
    lags = min(10, len(numbers) // 5)
    theirs = acorr_ljungbox(numbers, lags=[lags])
    check = ljung_box(ours)
    assert check.statistic == pytest.approx(theirs["lb_stat"].iloc[0], rel=1e-6, abs=1e-8)
    assert check.p_value == pytest.approx(theirs["lb_pvalue"].iloc[0], rel=1e-5, abs=1e-9)


def test_every_check_is_what_the_library_gives_for_the_series_as_it_is():
    numbers = (_ar1(0.4, 300, 1) * 5 + 20).tolist()
    checks = _checks(numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adf, stationary = adfuller(numbers), kpss(numbers, regression="c", nlags="auto")
    assert checks["normality"].p_value == pytest.approx(stats.shapiro(numbers).pvalue, rel=1e-6)
    assert checks["dagostino"].p_value == pytest.approx(stats.normaltest(numbers).pvalue, rel=1e-6)
    assert (checks["adf"].statistic, checks["adf"].p_value) == pytest.approx((adf[0], adf[1]), rel=1e-6)
    assert checks["kpss"].statistic == pytest.approx(stationary[0], rel=1e-6)
    assert checks["lag1"].statistic == pytest.approx(lag1(numbers).r)
    assert checks["lag1"].p_value == lag1(numbers).p_value


def test_beyond_shapiro_normality_is_judged_by_anderson_and_darling():
    numbers = np.random.default_rng(2).normal(size=5001)
    checks = _checks(numbers.tolist())
    assert checks["normality"].test == "Anderson-Darling"
    assert checks["normality"].p_value == pytest.approx(normal_ad(numbers)[1], rel=1e-6)
    assert _checks(numbers[:5000].tolist())["normality"].test == "Shapiro-Wilk"


def test_a_long_series_is_averaged_in_blocks_before_the_unit_root_tests():
    walk = np.cumsum(np.random.default_rng(3).normal(size=9000))
    noise = np.random.default_rng(4).normal(size=9000)
    for numbers, stationary in ((walk, False), (noise, True)):
        checks = _checks(numbers.tolist())
        assert "blocks of 5" in checks["adf"].note
        assert (checks["adf"].p_value < 0.05) is stationary
        assert (checks["kpss"].p_value >= 0.05) is stationary


def test_the_lag_1_p_value_of_a_very_long_series_is_about_the_exact_one(monkeypatch):
    numbers = _ar1(0.03, 5000, 5).tolist()
    exact = _checks(numbers)["lag1"]
    monkeypatch.setattr(module, "LARGEST_EXACT_LAG1", 100)
    rough = _checks(numbers)["lag1"]
    # one is of the values, the other of their ranks: compared as normal deviates
    assert stats.norm.isf(rough.p_value / 2) == pytest.approx(stats.norm.isf(exact.p_value / 2), abs=0.4)
    assert rough.note == "p-value by the normal curve"


@pytest.mark.parametrize("phi", [0.3, 0.6, 0.9])
def test_the_effective_sample_size_of_an_autoregression_is_near_the_formula(phi):
    # n (1 - phi) / (1 + phi) for the mean of an AR(1)
    found = [effective_sample_size(autocorrelations(scaled_series(_ar1(phi, 20000, s)))) for s in range(5)]
    assert np.mean(found) == pytest.approx(20000 * (1 - phi) / (1 + phi), rel=0.12)


def test_pairs_of_autocorrelations_end_where_they_are_not_positive_and_may_not_grow():
    # pairs 0.9, 1.2 (taken as 0.9), then -0.1 ends it: 2 (0.9 + 0.9) - 1 = 2.6
    found = effective_sample_size(np.array([1.0, -0.1, 0.7, 0.5, -0.1, 0.0, 0.9, 0.9]))
    assert found == pytest.approx(8 / 2.6)
    # a first pair of 0.2 is less than independence has: no gain beyond n is claimed
    assert effective_sample_size(np.array([1.0, -0.8, 0.1, -0.2])) == 4.0
    # pairs 1.5, 0.5: 2 (1.5 + 0.5) - 1 = 3
    assert effective_sample_size(np.array([1.0, 0.5, 0.3, 0.2, -0.1, 0.0])) == pytest.approx(2.0)


@settings(max_examples=60, deadline=None)
@given(values)
def test_the_effective_sample_size_lies_between_1_and_n(numbers):
    assume(np.ptp(numbers) > 0.01)
    assert 1.0 <= effective_sample_size(autocorrelations(scaled_series(numbers))) <= len(numbers)


@settings(max_examples=40, deadline=None)
@given(values, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_scale_and_level_change_nothing(numbers, factor, level):
    assume(np.ptp(numbers) > 1.0)
    one = scaled_series(numbers)
    other = scaled_series([factor * number + level for number in numbers])
    assert one == pytest.approx(other, abs=1e-6)


def test_numbers_near_the_largest_float_do_not_overflow():
    numbers = [1.7e308 * (-1) ** (i // 3) for i in range(40)]
    assert _checks(numbers)["ljung_box"].p_value < 0.001


@pytest.mark.parametrize("numbers", [[1.0] * 30, [0.0] * 30, [0.1 + 0.2, 0.3] * 15, [1e9] * 29 + [1e9 + 1e-6]])
def test_a_constant_series_is_refused_also_where_rounding_moves_it(numbers):
    with pytest.raises(NotComputableError, match="equal up to rounding"):
        scaled_series(numbers)


def test_too_short_a_series_is_refused_and_one_too_short_for_unit_roots_says_so():
    with pytest.raises(NotComputableError, match="19 values; the checks of a series need at least 20"):
        scaled_series(list(range(19)))
    checks = _checks([float(i * 7 % 11) for i in range(29)])
    assert (checks["adf"].p_value, checks["kpss"].p_value) == (None, None)
    assert "29 values; at least 30" in checks["adf"].note


def test_a_library_that_refuses_leaves_the_check_undefined(monkeypatch):
    import statsmodels.tsa.stattools as stattools

    def refuse(*_, **__):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(stattools, "adfuller", refuse)
    monkeypatch.setattr(stattools, "kpss", lambda *_, **__: (float("nan"), 0.1))
    checks = _checks(np.random.default_rng(0).normal(size=50).tolist())
    assert (checks["adf"].p_value, checks["adf"].note) == (None, "undefined: singular")
    assert (checks["kpss"].p_value, checks["kpss"].note[:10]) == (None, "undefined:")


def test_nothing_is_warned_or_printed(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _checks(np.cumsum(np.random.default_rng(0).normal(size=200)).tolist())
        _checks([0.0, 1.0] * 40)
        _checks([float(i) for i in range(60)])
    assert capfd.readouterr() == ("", "")
