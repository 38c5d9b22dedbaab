# SPDX-License-Identifier: Apache-2.0
"""Split conformal prediction covers what its theorem says, and its report means what its names say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression

from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.diagnostics import ConformalPredictor, FailureLimit
from ophamin.measuring.pillars.diagnostics.conformal import _gap_p_value, conformal_rank, smallest_calibration


class Zero(RegressorMixin, BaseEstimator):
    """Predicts 0, so that an error is the outcome itself."""

    def fit(self, *_):
        return self

    def predict(self, rows):
        return np.zeros(len(rows))


def _calibrated(values, confidence=0.9, fraction=0.4):
    rows = np.zeros((len(values), 1))
    return ConformalPredictor(Zero(), confidence).calibrate(rows, values, fraction)


@pytest.mark.parametrize(
    ("n", "confidence", "rank"),
    [
        (50, 0.9, 46),
        (200, 0.9, 181),
        (500, 0.9, 451),
        (1000, 0.95, 951),
        (69, 0.9, 63),
        (19, 0.95, 19),
        (18, 0.95, 19),
        (99, 0.55, 55),
    ],
)
def test_the_rank_is_exact(n, confidence, rank):
    # ceil((n + 1) c): 46 / 51 = 0.9020 is the mean coverage at n = 50; 100 * 0.55 is 55 and no more
    assert conformal_rank(n, confidence) == rank


@pytest.mark.parametrize(("confidence", "n"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_fewer_calibration_rows_than_the_theorem_needs_give_an_infinite_interval(confidence, n):
    assert smallest_calibration(confidence) == n
    assert conformal_rank(n, confidence) <= n
    assert conformal_rank(n - 1, confidence) > n - 1


def test_an_infinite_interval_is_said_and_not_a_number():
    predictor = _calibrated(np.arange(45.0), confidence=0.95)  # 18 rows calibrate
    assert (predictor.n_calibration, predictor.half_width) == (18, math.inf)
    _, low, high = predictor.predict_interval([[0.0]])
    assert (low[0], high[0]) == (-math.inf, math.inf)
    assert predictor.classify([[0.0]], [1e9]) == ["success"]
    with pytest.raises(NotComputableError, match=r"18 calibration rows; at confidence 0\.95 the interval is infinite"):
        predictor.assess([[0.0]], [1.0])
    assert math.isfinite(_calibrated(np.arange(48.0), confidence=0.95).half_width)  # 19 rows calibrate


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=23, max_size=80), st.sampled_from([0.5, 0.8, 0.9]))
def test_the_half_width_is_the_order_statistic_of_the_definition(values, confidence):
    predictor = _calibrated(values, confidence)
    errors = sorted(abs(one) for one in predictor.calibration_rows[1].tolist())
    assert predictor.half_width == errors[math.ceil((len(errors) + 1) * confidence - 1e-9) - 1]


def test_neither_fit_nor_calibration_rows_are_used_twice():
    predictor = ConformalPredictor(seed=4)
    rows = np.arange(50.0).reshape(-1, 1)
    predictor.calibrate(rows, np.arange(50.0) ** 2)
    held = {int(one) for one in predictor.calibration_rows[0][:, 0]}
    fitted = LinearRegression().fit(*(np.delete(a, sorted(held), axis=0) for a in (rows, np.arange(50.0) ** 2)))
    assert len(held) == 20
    assert predictor.estimator.coef_ == pytest.approx(fitted.coef_)


def test_the_estimator_that_is_given_is_not_fitted():
    model = LinearRegression()
    ConformalPredictor(model).calibrate(np.arange(20.0).reshape(-1, 1), np.arange(20.0))
    assert not hasattr(model, "coef_")


def test_classes_are_what_their_names_say():
    predictor = _calibrated(np.linspace(-1, 1, 100))
    limit = FailureLimit(below=-0.5, above=5.0)
    assert 0.5 < predictor.half_width < 1
    assert predictor.classify([[0]] * 4, [0.1, -0.6, 2.0, -7.0], limit) == [
        "success", "known_failure", "ood_anomaly", "ood_anomaly",
    ]  # fmt: skip
    report = predictor.assess([[0]] * 4, [0.1, -0.6, 2.0, -7.0], limit)
    assert report.counts == {"success": 1, "known_failure": 1, "ood_anomaly": 2}
    assert (report.empirical_miscoverage, report.mae) == (0.5, pytest.approx(2.425))
    # the model says 0, no failure, in each row: two failures missed, none falsely announced
    assert (report.missed_failures, report.false_alarms) == (2, 0)


def test_false_alarms_are_failures_that_were_predicted_and_did_not_come():
    predictor = _calibrated(np.linspace(-1, 1, 100))
    report = predictor.assess([[0]] * 4, [0.1, 0.2, 2.0, -7.0], FailureLimit(below=0.15))
    assert (report.missed_failures, report.false_alarms) == (0, 2)


def test_without_a_failure_limit_failures_are_undefined_and_not_zero():
    report = _calibrated(np.linspace(-1, 1, 100)).assess([[0]] * 3, [0.1, 0.2, 9.0])
    assert report.counts == {"success": 2, "known_failure": None, "ood_anomaly": 1}
    assert (report.missed_failures, report.false_alarms) == (None, None)


def test_the_gap_is_not_the_miscoverage():
    report = _calibrated(np.linspace(-1, 1, 125)).assess([[0]] * 40, [0.0] * 20 + [9.0] * 20)
    assert report.n_calibration == 50
    assert report.expected_miscoverage == pytest.approx(5 / 51)
    assert report.world_model_gap == pytest.approx(0.5 - 5 / 51)
    assert report.miscoverage_low < 0.5 < report.miscoverage_high
    assert report.gap_p_value < 1e-4


@settings(max_examples=30, deadline=None)
@given(st.integers(9, 60), st.integers(1, 40), st.data())
def test_the_p_value_of_the_gap_is_the_binomial_tail_averaged_over_the_beta_law(n_calibration, n, data):
    missed = data.draw(st.integers(0, n))
    rank = conformal_rank(n_calibration, 0.9)
    law = stats.beta(n_calibration + 1 - rank, rank)
    expected, _ = quad(lambda p: stats.binom.sf(missed - 1, n, p) * law.pdf(p), 0, 1, limit=200)
    assert _gap_p_value(missed, n, n_calibration, rank) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "confidence", "low", "share_below", "mean"),
    # given n calibration rows the coverage is Beta(n + 1 - l, l), l = floor((n + 1)(1 - confidence)) (Vovk 2012);
    # columns: a coverage, the exact probability of less than it, the exact mean coverage
    [(50, 0.9, 0.88, 0.2680, 0.90196), (200, 0.9, 0.88, 0.1638, 0.90050), (1000, 0.95, 0.93, 0.0040, 0.95005)],
)
def test_the_coverage_follows_its_beta_law(n, confidence, low, share_below, mean):
    rng = np.random.default_rng(20261123)
    runs = 4000
    history = round(n / 0.4)
    coverage = np.empty(runs)
    for run in range(runs):
        predictor = _calibrated(rng.normal(size=history), confidence)
        assert predictor.n_calibration == n
        coverage[run] = math.erf(predictor.half_width / math.sqrt(2))
    misses = n + 1 - conformal_rank(n, confidence)
    law = stats.beta(n + 1 - misses, misses)
    assert (law.cdf(low), law.mean()) == (pytest.approx(share_below, abs=5e-5), pytest.approx(mean, abs=5e-6))
    assert stats.kstest(coverage, law.cdf).pvalue > 0.001
    assert (coverage < low).mean() == pytest.approx(share_below, abs=4 * math.sqrt(share_below / runs))
    assert coverage.mean() == pytest.approx(mean, abs=4 * law.std() / math.sqrt(runs))


@pytest.mark.slow
def test_the_gap_p_value_keeps_its_level_for_exchangeable_rows_and_finds_a_shift():
    rng = np.random.default_rng(20261123)
    levels = dict.fromkeys((0.0, 1.5), 0)
    for shift in levels:
        for _ in range(2000):
            predictor = _calibrated(rng.normal(size=125))
            later = rng.normal(size=50) + shift
            levels[shift] += predictor.assess(np.zeros((50, 1)), later).gap_p_value <= 0.05
    assert levels[0.0] / 2000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
    assert levels[1.5] / 2000 > 0.8


@pytest.mark.parametrize(
    ("rows", "outcomes", "said"),
    [
        ([[0.0]] * 7, [0.0] * 7, "7 rows of history; at least 8"),
        ([[0.0]] * 9, [0.0] * 8, "shape"),
        ([0.0] * 9, [0.0] * 9, "shape"),
        ([], [], "shape"),
        ([["a"]] * 9, [0.0] * 9, "numbers alone"),
        ([[0.0]] * 9, ["a"] * 9, "numbers alone"),
        ([[math.nan]] * 9, [0.0] * 9, "not finite"),
        ([[0.0]] * 9, [math.inf] * 9, "not finite"),
    ],
)
def test_a_history_that_cannot_be_used_gives_a_reason(rows, outcomes, said):
    with pytest.raises(NotComputableError, match=said):
        ConformalPredictor().calibrate(rows, outcomes)


def test_nothing_is_predicted_before_the_calibration():
    for ask in (lambda p: p.predict_interval([[0.0]]), lambda p: p.assess([[0.0]], [0.0])):
        with pytest.raises(NotComputableError, match="nothing has been calibrated"):
            ask(ConformalPredictor())


def test_a_model_that_fails_or_predicts_nonsense_gives_a_reason():
    class Broken(Zero):
        def fit(self, *_):
            raise MemoryError("too large")

    class Nan(Zero):
        def predict(self, rows):
            return np.full(len(rows), np.nan)

    for model, said in ((Broken(), "MemoryError: too large"), (Nan(), "one finite number per row")):
        with pytest.raises(NotComputableError, match=said):
            ConformalPredictor(model).calibrate([[0.0]] * 9, [0.0] * 9)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("linear", 0.0), "confidence_level is 0.0"),
        (("linear", 1.0), "confidence_level is 1.0"),
        (("logistic", 0.9), "predicts classes"),
        (("liner", 0.9), "did you mean 'linear'"),
    ],
)
def test_a_predictor_that_makes_no_sense_is_refused(arguments, said):
    with pytest.raises(ClaimError, match=said):
        ConformalPredictor(*arguments)


@pytest.mark.parametrize("limits", [(None, None), (math.nan, None), (1.0, 0.0), ("a", None), (True, None)])
def test_failure_limits_leave_room_for_success(limits):
    with pytest.raises(ClaimError):
        FailureLimit(*limits)
