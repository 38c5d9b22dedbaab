# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import kendalltau

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.layer_warning import early_warning, gaussian_detrend, phase_surrogates, rolling_moments


def autoregressive(n, coefficient, seed):
    """Values whose memory is `coefficient`, a number or one for each time."""
    draw, memory = np.random.default_rng(seed).normal(size=n), np.broadcast_to(coefficient, n)
    values = np.zeros(n)
    for t in range(1, n):
        values[t] = memory[t] * values[t - 1] + draw[t]
    return values


def test_slowing_down_raises_both_indicators():
    found = early_warning(autoregressive(400, np.linspace(0.1, 0.95, 400), 4), surrogates=199)
    for trend in (found.variance_trend, found.autocorrelation_trend):
        assert trend.tau > 0.5
        assert trend.p_value < 0.05


def test_a_steady_series_seldom_warns_even_where_it_remembers():
    draws = [early_warning(autoregressive(120, 0.6, seed), surrogates=39) for seed in range(40)]
    for name in ("variance_trend", "autocorrelation_trend"):
        warned = sum(getattr(found, name).p_value <= 0.05 for found in draws)
        assert warned <= 6  # of 40 at 5 %; more has a chance below 1 in 100
        taus = [abs(getattr(found, name).tau) for found in draws]
        assert np.mean(taus) > 0.2  # the textbook null of Kendall's tau would call most of these significant


def test_the_rolling_moments_are_those_of_each_window():
    rows = np.random.default_rng(0).normal(size=(3, 60)).cumsum(axis=1) + 1e3
    variance, correlation = rolling_moments(rows, 12)
    for row in range(3):
        for start in range(49):
            window = rows[row, start : start + 12]
            assert variance[row, start] == pytest.approx(window.var(), rel=1e-8)
            expected = np.corrcoef(window[:-1], window[1:])[0, 1]
            assert correlation[row, start] == pytest.approx(expected, abs=1e-8)


def test_a_trend_is_kendalls_tau_of_the_indicator_against_time():
    found = early_warning(autoregressive(120, 0.5, 9), surrogates=19)
    assert found.variance_trend.tau == pytest.approx(kendalltau(np.arange(61), found.variance).statistic)
    assert (found.window, len(found.variance), found.end[-1]) == (60, 61, 119)


def test_a_p_value_counts_the_series_itself_and_is_never_zero():
    swelling = np.random.default_rng(1).normal(size=200) * np.linspace(0.1, 5.0, 200)
    assert early_warning(swelling, surrogates=99).variance_trend.p_value == 0.01


def test_surrogates_have_the_mean_and_the_spectrum_of_the_series():
    for n in (64, 65):
        series = autoregressive(n, 0.7, 1) + 3.0
        made = phase_surrogates(series, 5, seed=2)
        assert np.abs(np.fft.rfft(made, axis=1)) == pytest.approx(np.tile(np.abs(np.fft.rfft(series)), (5, 1)))
        assert not np.allclose(made[0], made[1])


def test_detrending_takes_out_a_slow_trend_and_leaves_the_fluctuation():
    fluctuation = lfilter([1.0], [1.0], np.random.default_rng(5).normal(size=300))
    left = gaussian_detrend(fluctuation + np.linspace(0.0, 50.0, 300), 10.0)
    assert np.corrcoef(left[30:-30], fluctuation[30:-30])[0, 1] > 0.97


def test_the_same_seed_gives_the_same_p_values():
    series = autoregressive(100, 0.5, 3)
    assert early_warning(series, surrogates=49).variance_trend == early_warning(series, surrogates=49).variance_trend


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        (np.arange(39.0), InsufficientEvidence, "39 values; 40"),
        (np.ones(50), InsufficientEvidence, "does not vary"),
        (np.r_[np.ones(49), math.inf], DataError, "not finite"),
        (np.r_[np.ones(49), 1e200], DataError, "rescale"),
        (np.ones((50, 2)), DataError, r"shape \(50, 2\)"),
    ],
)
def test_series_that_say_nothing_are_refused(values, error, said):
    with pytest.raises(error, match=said):
        early_warning(values)


@pytest.mark.parametrize("wrong", [{"window": 0.1}, {"window": 1.0}, {"bandwidth": 0.0}, {"surrogates": 18}])
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="window, bandwidth and surrogates"):
        early_warning(np.random.default_rng(0).normal(size=60), **wrong)


def test_an_indicator_that_is_nowhere_defined_has_no_trend():
    from qmpt.metrics.layer_warning import Trend, _trend

    assert _trend(np.full(20, math.nan), np.zeros((3, 20))) == Trend(None, None)
    assert _trend(np.ones(20), np.zeros((3, 20))) == Trend(None, None)
