# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from qmpt.errors import ConfigError, InsufficientEvidence
from qmpt.metrics.anomaly import AnomalyEstimator
from qmpt.metrics.counterfactual import capacity_gain
from qmpt.simulation.core import SimulationConfig
from qmpt.simulation.counterfactual import counterfactual, pattern_impacts
from qmpt.simulation.scenarios import multiple_anomalies, single_anomaly

NOISE = {"eta_s": 0.02, "eta_p": 0.02, "eta_c": 0.01}


def config(**params):
    given = {"potential": {"rise": 3.0}, **NOISE, **params}
    return SimulationConfig(layer_id="L", dt=1.0, t_end=200.0, params=given)


def test_an_anomaly_of_no_strength_changes_nothing_at_all():
    found = counterfactual(single_anomaly(config(), strength=0.0), "anomaly-1").impact
    assert (found.trajectory_difference.mean, found.norm_difference.mean, found.modes_changed) == (0.0, 0.0, 0)
    assert set(found.capacity_change) == {0.0}


def test_a_constructive_anomaly_raises_capacity_and_a_destructive_one_lowers_it():
    gains = {
        sign: counterfactual(single_anomaly(config(), sign=sign), "anomaly-1").impact.capacity_change
        for sign in (1.0, -1.0)
    }
    assert capacity_gain(gains[1.0]) > 0.3
    assert max(gains[-1.0]) < -1.0


def test_the_runs_of_a_pair_share_their_chances():
    found = counterfactual(single_anomaly(config(), t_on=100.0), "anomaly-1")
    assert np.array_equal(found.with_pattern.stress[:, :100], found.without_pattern.stress[:, :100])
    assert not np.array_equal(found.with_pattern.stress, found.without_pattern.stress)


def test_common_random_numbers_tell_a_small_effect_from_noise_where_separate_ones_cannot():
    runner = single_anomaly(config(), strength=0.02)
    paired = np.array(counterfactual(runner, "anomaly-1").impact.capacity_change)
    apart = counterfactual(runner, "anomaly-1")
    separate = apart.with_pattern.capacity[:, -1] - np.roll(apart.without_pattern.capacity[:, -1], 1)
    assert paired.std() < 0.3 * separate.std()
    assert capacity_gain(paired.tolist()) > 0.0 > capacity_gain(separate.tolist())


def test_the_interval_of_the_mean_difference_holds_the_truth_about_as_often_as_it_says():
    truth = np.mean(
        counterfactual(single_anomaly(config()), "anomaly-1", pairs=2000, keep_every=10).impact.capacity_change
    )
    held = 0
    for seed in range(40):
        changes = counterfactual(single_anomaly(config(seed=seed)), "anomaly-1", keep_every=10).impact.capacity_change
        half = 2.04 * np.std(changes, ddof=1) / np.sqrt(32)  # Student's t with 31 degrees of freedom
        held += abs(np.mean(changes) - truth) <= half
    assert held >= 34  # of 40 at 95 %; fewer has a chance of 1 in 500


def test_fewer_than_32_pairs_are_not_compared():
    with pytest.raises(InsufficientEvidence, match="31 pairs"):
        counterfactual(single_anomaly(config()), "anomaly-1", pairs=31)


def test_pairs_without_noise_are_refused_for_they_would_all_be_the_same():
    still = SimulationConfig(layer_id="L", dt=1.0, t_end=50.0)
    with pytest.raises(ConfigError, match="would all be the same"):
        counterfactual(single_anomaly(still), "anomaly-1")


def test_an_unknown_pattern_is_refused():
    with pytest.raises(ConfigError, match="'nobody' never is in the layer"):
        counterfactual(single_anomaly(config()), "nobody")
    with pytest.raises(ConfigError, match="'nobody' is not known"):
        pattern_impacts(single_anomaly(config()), ["nobody"])


def test_a_stronger_anomaly_has_more_impact_and_a_typical_pattern_has_none():
    runner = multiple_anomalies(config(), [{"strength": 0.1}, {"strength": 0.5}])
    values = pattern_impacts(runner, ["typical-1", "anomaly-1", "anomaly-2"], keep_every=5).values
    assert values["typical-1"] == 0.0 < values["anomaly-1"] < values["anomaly-2"]


def test_the_impacts_serve_as_the_impact_of_an_anomaly_score():
    runner = single_anomaly(config(), typical=39)
    impact = pattern_impacts(runner, keep_every=10)
    rows = np.random.default_rng(0).normal(size=(40, 3))
    ids = list(runner.patterns)
    scorer = AnomalyEstimator(config={"w1": 0.0, "w2": 0.0, "w3": 1.0, "normalise": "none"})
    scores = scorer.fit(rows, ids=ids, impact=impact).scores
    assert ids[int(np.argmax(scores))] == "anomaly-1"
