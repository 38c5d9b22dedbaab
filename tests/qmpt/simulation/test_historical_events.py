# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qmpt.errors import InsufficientEvidence
from qmpt.simulation.historical import complexity_integral
from qmpt.simulation.historical_events import (
    DOMAINS,
    HistorySettings,
    domain_weights,
    history_metrics,
    lag_regression,
    simulate_history,
)


def many(**given):
    return simulate_history(HistorySettings(rate=2.0, seed=1, **given))


def test_the_number_of_events_is_that_of_the_integral_of_the_rate():
    counts = [len(simulate_history(HistorySettings(rate=0.05, seed=seed)).time) for seed in range(60)]
    expected = 0.05 * (500 + 8 * complexity_integral(1600, 2100))
    assert np.mean(counts) == pytest.approx(expected, abs=4 * math.sqrt(expected / 60))


def test_under_the_null_model_the_counts_are_those_of_a_constant_rate():
    found = [history_metrics(simulate_history(HistorySettings(rate=0.2, a_c=0.0, seed=seed))) for seed in range(60)]
    assert np.mean([one["overdispersion"] for one in found]) == pytest.approx(1.0, abs=0.25)
    assert np.mean([one["chi_square"] for one in found]) == pytest.approx(9.0, abs=2.2)


@given(st.floats(0.0, 1.0))
def test_the_weights_of_the_domains_are_shares(level):
    weights = domain_weights(level)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0.0).all()


def test_physics_comes_first_and_ontology_last():
    assert [DOMAINS[int(domain_weights(level).argmax())] for level in (0.0, 1.0)] == ["phys", "ont"]
    order = history_metrics(many())["domain_order"]
    assert (order[0], order[-1]) == ("phys", "ont")


def test_connectivity_and_positive_signs_rise_and_lags_fall_with_complexity():
    history = many()
    late = history.complexity > 0.7
    early = history.complexity < 0.3
    assert history.connectivity[late].mean() > history.connectivity[early].mean() + 0.2
    assert (history.sign[late] == 1).mean() > (history.sign[early] == 1).mean() + 0.1
    lags = history.recognised - history.time
    assert lags[late].mean() < 0.6 * lags[early].mean()


def test_the_regression_finds_the_constants_of_the_lag():
    found = lag_regression(simulate_history(HistorySettings(rate=20.0, lag_i=0.0, seed=3)))
    assert found["connectivity"] == pytest.approx(-10.0, abs=5.0)
    assert found["complexity"] + found["infrastructure"] == pytest.approx(-30.0, abs=5.0)
    with pytest.raises(InsufficientEvidence, match="0 events"):
        lag_regression(simulate_history(HistorySettings(rate=0.0)))


def test_the_mean_lag_has_a_floor():
    history = many(lag=0.0, lag_floor=2.0)
    assert (history.recognised - history.time).mean() == pytest.approx(2.0, rel=0.1)


def test_a_larger_gamma_hides_more_events():
    assert many(gamma=4.0).observed.mean() < many().observed.mean() - 0.1


def test_feedback_of_positive_events_hurries_history():
    hurried = many(plus=1.0, feedback=dict.fromkeys(DOMAINS, 0.001))
    assert len(hurried.time) > 1.2 * len(many(plus=1.0).time)
    assert hurried.complexity.max() <= 1.0


def test_the_same_seed_gives_the_same_history_in_order_of_time():
    one, other = many(), many()
    assert np.array_equal(one.recognised, other.recognised)
    assert (np.diff(one.time) >= 0.0).all()


def test_counts_by_domain_and_by_sign_add_up_to_all_counts():
    found = history_metrics(many())
    for split in ("by_domain", "by_sign"):
        assert np.sum(list(found[split].values()), axis=0).tolist() == found["counts"]
    assert all(a <= b for a, b in zip(found["observed"], found["counts"], strict=True))


def test_an_empty_history_says_what_it_cannot_say():
    found = history_metrics(simulate_history(HistorySettings(rate=0.0)))
    assert (found["events"], found["domain_order"]) == (0, [])
    assert {found[name] for name in ("gini", "overdispersion", "chi_square", "positive_share")} == {None}


@pytest.mark.parametrize("wrong", [{"gamma": 0.5}, {"rate": -1.0}, {"lag_floor": 0.0}, {"rates": 1.0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        HistorySettings(**wrong)
