# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.seeing.substrate.mock import MockSubstrate

HALTS = ["commit", "commit", "commit", "selective", "exhausted"]


def reference(seed, rows, drift_rate=0.0008, base_phi=0.5, injection_effect=0.15, cells=(), entropy_below=0.02):
    """The mock written a second time, as one loop over its published description, in the order of its draws."""
    rng = np.random.default_rng(seed)
    energy, before, out = 1.0, base_phi, []
    for c, p in enumerate(rows, start=1):
        i = p.get("injection_rate", 0.0)
        bonus = 0.05 if p.get("variant") in ["treatment", "b", "B", 1, "1", True] else 0.0
        noise = rng.normal(0, 0.02)
        phi = max(0.0, base_phi + drift_rate * c + injection_effect * i + bonus + noise)
        collapsed = (
            p.get("cell") is not None and p["cell"] in cells and p.get("entropy_coefficient", 0.1) < entropy_below
        )
        if not collapsed and i > 0.8 and p.get("immune_threshold", 0.5) < 0.4:
            collapsed = rng.random() < 0.3
        halt = "amplitude_death" if collapsed else HALTS[rng.integers(0, 5)]
        energy = max(0.0, energy - 0.001 - 0.002 * i)
        latency = 5e6 + rng.exponential(1e6) + 2000 * c
        jaccard = np.clip(0.40 + 0.30 * rng.random() - 0.20 * i, 0, 1)
        row = {
            "phi": phi,
            "halt_mode": halt,
            "success": not collapsed,
            "ouroboros_energy_reserve": energy,
            "coherence": np.clip(0.81 - 0.10 * i + noise, 0, 1),
            "cycle_latency_ns": latency,
            "prime_deformation_delta": phi - before,
            "jaccard_overlap": jaccard,
            "zetetic_dissonance_gradient": 2 * abs(noise),
            "drift_score": 0.5 * abs(i - 0.5) + abs(noise),
            "params": p,
        }
        out.append(row)
        before = phi
    return out


PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "injection_rate": st.floats(0, 1),
        "immune_threshold": st.floats(0, 1),
        "entropy_coefficient": st.floats(0, 0.1),
        "cell": st.sampled_from([None, "a", "b", 3]),
        "variant": st.sampled_from(["treatment", "control", "b", "B", 1, "1", True, 0, None, 2]),
    },
)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.lists(PARAMS, min_size=1, max_size=12))
def test_every_number_is_that_of_the_published_description(seed, rows):
    mock = MockSubstrate(seed, collapse_cells=["a", 3])
    got = [mock.run_cycle("x", params).raw for params in rows]
    assert got == reference(seed, rows, cells=["a", 3])


def test_the_first_numbers_of_seed_0_are_pinned():
    # numpy.random.default_rng(0): normal(0, 0.02) gives 0.0025146044218678..., integers and the rest follow
    results = MockSubstrate(seed=0).run_batch(["a", "b", "c"])
    assert [result.raw for result in results] == reference(0, [{}, {}, {}])
    assert results[0].raw["phi"] == pytest.approx(0.5 + 0.0008 + 0.00251460442186, abs=1e-13)


def test_raw_keys_come_in_their_published_order():
    assert list(MockSubstrate().run_cycle("x").raw) == list(reference(0, [{}])[0])


def test_the_same_seed_gives_the_same_numbers_again_after_a_reset():
    mock = MockSubstrate(seed=7)
    first = [mock.run_cycle("x").raw for _ in range(5)]
    mock.reset()
    assert [mock.run_cycle("x").raw for _ in range(5)] == first


def test_other_seeds_give_other_numbers():
    assert MockSubstrate(1).run_cycle("x").raw["phi"] != MockSubstrate(2).run_cycle("x").raw["phi"]


def test_the_stimulus_has_no_influence():
    assert MockSubstrate(3).run_cycle("x").raw == MockSubstrate(3).run_cycle({"other": 1}).raw


def test_a_single_cycle_counts_from_1_and_a_batch_from_0():
    mock = MockSubstrate()
    assert [mock.run_cycle("x").cycle_index, mock.run_cycle("x").cycle_index] == [1, 2]
    assert [result.cycle_index for result in mock.run_batch("abc")] == [0, 1, 2]


def test_the_commit_shows_the_seed_in_seven_digits():
    assert MockSubstrate(seed=42).git_commit() == "mock-0000042"


def test_a_collapse_is_an_outcome_and_no_error():
    result = MockSubstrate(collapse_cells=["a"]).run_cycle("x", {"cell": "a", "entropy_coefficient": 0.01})
    assert (result.success, result.halt_mode, result.error) == (False, "amplitude_death", None)


def test_a_cell_collapse_takes_no_draw():
    collapsed = MockSubstrate(collapse_cells=["a"])
    collapsed.run_cycle("x", {"cell": "a", "entropy_coefficient": 0.0})
    rng = np.random.default_rng(0)
    rng.normal(0, 0.02), rng.exponential(1e6), rng.random()
    assert collapsed.run_cycle("x").raw["zetetic_dissonance_gradient"] == 2 * abs(rng.normal(0, 0.02))


def test_a_variant_that_cannot_be_hashed_is_a_type_error():
    with pytest.raises(TypeError):
        MockSubstrate().run_cycle("x", {"variant": []})


def test_the_params_in_raw_are_a_copy():
    params = {"injection_rate": 0.1}
    raw = MockSubstrate().run_cycle("x", params).raw
    params["injection_rate"] = 0.9
    assert raw["params"] == {"injection_rate": 0.1}


def test_the_bundle_carries_the_three_tiers():
    result = MockSubstrate(collapse_cells=["a"]).run_cycle("s", {"cell": "a", "entropy_coefficient": 0.0})
    raw = result.raw
    assert result.to_metric_bundle().flat() == {
        "t1.counter.total_cycles": 1.0,
        "t1.counter.collapses": 1.0,
        "t1.gauge.phi": raw["phi"],
        "t1.gauge.ouroboros_energy_reserve": raw["ouroboros_energy_reserve"],
        "t1.gauge.coherence": raw["coherence"],
        "t1.timer.cycle_latency_ns.mean": raw["cycle_latency_ns"],
        "t2.drift_score": raw["drift_score"],
        "t3.prime_deformation_delta": raw["prime_deformation_delta"],
        "t3.zetetic_dissonance_gradient": raw["zetetic_dissonance_gradient"],
        "t3.jaccard_overlap": raw["jaccard_overlap"],
    }
    assert (result.stimulus_id, result.metric_bundle.stimulus_id) == ("s", "s")


def test_the_state_is_that_of_the_last_cycle():
    mock = MockSubstrate(collapse_cells=["a"])
    raw = mock.run_cycle("x", {"cell": "a", "entropy_coefficient": 0.0, "injection_rate": 0.5}).raw
    assert mock.capture_state() == {"cycle": 1, "energy": 0.998, "collapses": 1, "prev_phi": raw["phi"]}


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"drift_rate": 0.1},
        {"base_phi": 0.6},
        {"injection_effect": 0.2},
        {"collapse_cells": ["a"]},
        {"collapse_entropy_below": 0.5},
        {"name": "other"},
    ],
)
def test_two_mocks_that_differ_never_look_the_same(other):
    assert MockSubstrate(**other).metadata() != MockSubstrate().metadata()


def test_metadata_are_plain_json_with_sorted_cells():
    metadata = MockSubstrate(collapse_cells=["b", 3, "a"]).metadata()
    assert json.loads(json.dumps(metadata)) == metadata
    assert metadata["collapse_cells"] == ["3", "a", "b"]
