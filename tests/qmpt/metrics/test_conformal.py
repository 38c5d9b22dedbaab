# SPDX-License-Identifier: Apache-2.0
"""Promises about thresholds, conformal p-values and the false discovery rate."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.anomaly import AnomalyEstimator
from qmpt.metrics.anomaly_labels import Thresholds, by_p_values, find_thresholds, with_upgrades
from qmpt.metrics.conformal import benjamini_hochberg, conformal_p_values

SCORES = st.lists(st.floats(-100, 100), min_size=1, max_size=60)
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(SCORES, SCORES)
@settings(deadline=None)
def test_the_p_value_is_its_definition(calibration, scores):
    expected = [(1 + sum(known >= one for known in calibration)) / (len(calibration) + 1) for one in scores]
    assert conformal_p_values(calibration, scores).tolist() == pytest.approx(expected)


@given(SHARES, st.floats(0.01, 0.5))
@settings(deadline=None)
def test_the_rejections_are_those_of_the_step_up_procedure(p_values, level):
    m, ordered = len(p_values), sorted(p_values)
    passed = [place for place, value in enumerate(ordered, 1) if value <= level * place / m * (1 - 1e-12)]
    found = benjamini_hochberg(p_values, level)
    if passed:
        assert all(found[at] for at, value in enumerate(p_values) if value <= ordered[max(passed) - 1])
    loose = [place for place, value in enumerate(ordered, 1) if value <= level * place / m * (1 + 1e-12)]
    assert found.sum() <= max(loose, default=0) or len(set(p_values)) < m


def test_nothing_asked_is_nothing_rejected():
    assert benjamini_hochberg([], 0.1).tolist() == []


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: conformal_p_values([], [1.0]), InsufficientEvidence, "0 calibration scores"),
        (lambda: conformal_p_values([np.nan], [1.0]), DataError, "NaN"),
        (lambda: conformal_p_values([[1.0]], [1.0]), DataError, r"\(1, 1\)"),
        (lambda: benjamini_hochberg([0.5], 1.0), ConfigError, "1.0"),
        (lambda: benjamini_hochberg([1.5], 0.1), DataError, "outside"),
        (lambda: benjamini_hochberg([np.nan], 0.1), DataError, "outside"),
    ],
    ids=["empty", "nan", "table", "level", "score", "nan p"],
)
def test_scores_and_levels_that_cannot_be_used_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@given(st.integers(1, 300), st.sampled_from([0.9, 0.95, 0.99]))
@settings(deadline=None)
def test_an_exchangeable_pattern_passes_a_threshold_at_most_as_often_as_stated(n, quantile):
    found = find_thresholds(np.arange(1.0, n + 1), quantile, 0.995).theta_1
    passing = (n + 1 - found) / (n + 1)  # a new rank among n + 1 is uniform
    assert passing <= max(1.0 - quantile, 1.0 / (n + 1)) + 1e-12


@given(st.lists(st.integers(1, 6), min_size=1, max_size=150), st.sampled_from([0.9, 0.95, 0.99]))
@settings(deadline=None)
def test_equal_scores_do_not_pass_a_threshold_together_where_they_are_too_many(scores, quantile):
    found = find_thresholds(np.array(scores, dtype=float), quantile, 0.995).theta_1
    passing = sum(score >= found for score in scores)
    assert passing <= max(1.0, (len(scores) + 1) * (1.0 - quantile) + 1e-9)


def test_scores_that_do_not_vary_have_no_threshold():
    assert find_thresholds(np.zeros(100)) == Thresholds(math.inf, math.inf)
    assert find_thresholds(np.zeros(100)).categories(np.array([0.0, 9.0])).tolist() == [0, 0]


def test_labels_by_p_values_are_nested():
    p_values = np.random.default_rng(0).random(500) ** 4
    found = by_p_values(p_values, 0.1, 0.05)
    assert set(found.tolist()) == {0, 1, 2}
    assert p_values[found == 2].max() <= p_values[found == 1].min() <= p_values[found == 0].min()


def test_an_upgrade_is_given_for_evidence_of_capacity_and_for_nothing_else():
    gain, loss = [0.9, 1.1] * 20, [-0.9, 1.0] * 20
    labels = ["anomaly", "anomaly", "anomaly", "rare", "typical"]
    evidence = {"a": gain, "b": loss, "d": gain, "e": gain}
    assert with_upgrades(labels, "abcde", evidence) == ["upgrade", "anomaly", "anomaly", "rare", "typical"]
    with pytest.raises(InsufficientEvidence, match="31 pairs"):
        with_upgrades(["anomaly"], "a", {"a": [1.0] * 31})


def false_alarms(calibration, trials, draw):
    """Share of ordinary new patterns that pass theta_1 and theta_2, and false discovery proportions at 10 % and 5 %."""
    passed, proportions = [], []
    for trial in range(trials):
        config = {"calibration": calibration, "seed": trial, "w3": 0.0}
        estimator = AnomalyEstimator(config, "hist_v1", "euclidean").fit(draw.normal(size=(400, 3)))
        new = np.vstack([draw.normal(size=(180, 3)), draw.normal(size=(20, 3)) + 3.0])
        scores = estimator.batch_score(new[:180])
        passed.append(
            [(scores >= estimator.thresholds.theta_1).mean(), (scores >= estimator.thresholds.theta_2).mean()]
        )
        p_values = estimator.p_values(new)
        for level in (0.10, 0.05):
            rejected = benjamini_hochberg(p_values, level)
            proportions.append(rejected[:180].sum() / max(1, rejected.sum()))
    return np.array(passed), np.array(proportions).reshape(trials, 2)


@pytest.mark.slow
@pytest.mark.parametrize("calibration", ["split", "cross"])
def test_thresholds_and_discoveries_err_as_often_as_stated_over_200_draws(calibration):
    passed, proportions = false_alarms(calibration, 200, np.random.default_rng(11))
    error = 2.0 / np.sqrt(200)
    for column, nominal in enumerate((0.05, 0.01)):
        assert passed[:, column].mean() <= nominal + error * passed[:, column].std()
        assert passed[:, column].mean() >= nominal / 2.0
    for column, nominal in enumerate((0.10, 0.05)):
        assert proportions[:, column].mean() <= nominal + error * proportions[:, column].std()
