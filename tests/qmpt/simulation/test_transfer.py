# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.simulation.scenarios import runner_from_section
from qmpt.simulation.transfer import Carrier, TransferSettings, cycle_from_section, transfer_cycle
from qmpt.simulation.transfer_identity import (
    identity_drift,
    identity_threshold,
    support,
    total_correlation,
    transfer_probability,
)

FEW = TransferSettings(replicates=32, steps=200)
UNIT = st.floats(0.0, 1.0)


def test_a_perfect_copy_diverges_by_exactly_nothing():
    found = transfer_cycle([Carrier(width=4)] * 3, FEW)
    assert (found.divergence.mean, found.divergence.low, found.divergence.high) == (0.0, 0.0, 0.0)
    assert found.excess.high < 0.0
    assert found.self_knowledge_after.mean == pytest.approx(found.self_knowledge_before.mean, abs=0.03)
    assert found.same_identity > 0.8
    assert found.same_by_chance < 0.2


def test_more_noise_and_less_room_lose_more_of_a_pattern():
    noisy = [transfer_cycle([Carrier(width=4, noise=noise)], FEW) for noise in (0.0, 0.05, 0.3)]
    narrow = [transfer_cycle([Carrier(width=width)], FEW) for width in (4, 3, 1)]
    for found in (noisy, narrow):
        assert found[0].divergence.mean < found[1].divergence.mean < found[2].divergence.mean
        assert found[0].self_knowledge_after.mean > found[1].self_knowledge_after.mean
        assert found[1].self_knowledge_after.mean > found[2].self_knowledge_after.mean


def test_what_arrives_as_noise_is_no_closer_to_the_pattern_than_its_dimension_makes_it():
    found = transfer_cycle([Carrier(width=4, noise=3.0)], FEW)
    assert found.same_identity == pytest.approx(found.same_by_chance, abs=0.1)
    assert found.self_knowledge_after.mean < 0.0


def test_replicates_are_independent_and_follow_the_seed():
    one, same, other = (
        transfer_cycle([Carrier(width=4, noise=0.1)], FEW.model_copy(update={"seed": seed})) for seed in (1, 1, 2)
    )
    assert one == same != other


def test_a_configuration_names_the_carriers():
    section = {
        "scenario": "transfer_cycle",
        "horizon": 1,
        "substrates": ["disk", "tape"],
        "substrate_noise": [0.0, 0.2],
        "params": {"replicates": 32, "steps": 200},
    }
    assert cycle_from_section(section) == transfer_cycle([Carrier(width=4), Carrier(width=4, noise=0.2)], FEW)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"scenario": "baseline"}, "this reads 'transfer_cycle'"),
        ({"scenario": "transfer_cycle"}, "0 carriers"),
        ({"scenario": "transfer_cycle", "substrates": ["a"], "params": {"replicate": 3}}, "did you mean 'replicates'"),
        ({"scenario": "transfer_cycle", "substrates": ["a"], "params": {"steps": 90}}, "give at least 96"),
        ({"scenario": "transfer_cycle", "substrates": ["a"], "params": {"width": 0}}, "width"),
    ],
)
def test_a_configuration_that_cannot_be_honoured_is_refused(section, said):
    with pytest.raises(ConfigError, match=said):
        cycle_from_section({"horizon": 1, **section})


@pytest.mark.parametrize("name", ["transfer_cycle", "historical"])
def test_a_scenario_that_is_no_run_of_a_layer_says_where_it_is(name):
    with pytest.raises(ConfigError, match=r"is no run of a layer; use qmpt\.simulation"):
        runner_from_section({"scenario": name, "horizon": 5})


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=6), st.floats(0.1, 10.0))
def test_drift_is_nothing_for_the_same_direction(vector, scale):
    drift = identity_drift(vector, [scale * value / 10 for value in vector])
    assert (drift is None) == (not any(scale * value / 10 for value in vector))
    if drift is not None:
        assert drift == pytest.approx(0.0, abs=1e-6)


def test_drift_is_one_minus_the_cosine():
    assert identity_drift([1.0, 2.0], [-1.0, -2.0]) == pytest.approx(2.0)
    assert identity_drift([1.0, 0.0], [1.0, 1.0]) == pytest.approx(1.0 - math.sqrt(0.5))
    assert identity_drift([0.0], [1.0]) is None
    with pytest.raises(DataError, match="of one length"):
        identity_drift([1.0], [1.0, 2.0])


def test_one_in_twenty_windows_of_a_pattern_drifts_beyond_its_threshold():
    windows = np.random.default_rng(0).normal(3.0, 1.0, size=(400, 6))
    threshold = identity_threshold(windows)
    beyond = [identity_drift(a, b) > threshold for a, b in zip(windows[::2], windows[1::2], strict=True)]
    assert np.mean(beyond) == pytest.approx(0.05, abs=0.05)
    with pytest.raises(InsufficientEvidence, match="at least 10"):
        identity_threshold(windows[:9])
    with pytest.raises(InsufficientEvidence, match="the windows are 0"):
        identity_threshold(np.zeros((20, 3)))


@given(st.floats(0, 100), UNIT, st.floats(-1e3, 1e3), UNIT, st.booleans(), st.integers(0, 3), st.floats(0, 10))
def test_the_chance_of_a_transfer_rises_with_each_of_its_causes(
    information, reflexivity, anomaly, stress, up, which, more
):
    names = ("integrated_information", "reflexivity", "anomaly", "stress")
    given = dict(zip(names, (information, reflexivity, anomaly, stress), strict=True))
    before = transfer_probability(**given, upgrading=up)
    after = transfer_probability(**{**given, names[which]: given[names[which]] + more}, upgrading=up)
    assert 0.0 <= before <= after <= 1.0
    if names[which] == "stress" and not up:
        assert after == before


def test_weights_that_would_break_the_monotony_are_refused():
    with pytest.raises(ConfigError, match="at least 0"):
        transfer_probability(
            integrated_information=0, reflexivity=0, anomaly=0, stress=0, upgrading=True, weights=(-1.0, 1.0, 1.0, 1.0)
        )


def test_there_is_no_perfect_copy():
    assert support([]) == 0.0
    assert support([0.1] * 10) == pytest.approx(1.0)
    for weights in ([0.6, 0.6], [-0.1, 0.5], [math.nan]):
        with pytest.raises(DataError, match="at most 1"):
            support(weights)


# For two normal features of correlation r the total correlation is the mutual information, -log(1 - r^2) / 2.
def test_the_total_correlation_of_normal_features_is_the_known_one():
    rows = np.random.default_rng(0).multivariate_normal([0.0, 5.0], [[1.0, 0.8], [0.8, 1.0]], size=20_000)
    assert total_correlation(rows) == pytest.approx(-0.5 * math.log(1 - 0.64), abs=0.02)
    for rows in (np.ones((10, 2)), np.zeros((2, 2)), np.tile(np.arange(9.0)[:, None], 2)):
        with pytest.raises(InsufficientEvidence):
            total_correlation(rows)
