# SPDX-License-Identifier: Apache-2.0
"""Promises of the simulated layer as a system under test."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.checks import check_substrate
from ophamin.errors import ClaimError
from ophamin.seeing.substrate.base import SUBSTRATES, make_substrate
from qmpt.bridge import LayerSubstrate
from qmpt.errors import ConfigError
from qmpt.metrics.layer_regimes import MODES
from qmpt.simulation.core import SimulationConfig
from qmpt.simulation.scenarios import single_anomaly

NOISY = {"eta_s": 0.05, "eta_p": 0.02, "eta_c": 0.01}


def layer(**options):
    return LayerSubstrate("single_anomaly", **{"t_end": 60.0, "dt": 1.0, **NOISY, **options})


def test_it_keeps_the_promises_of_a_system_under_test():
    report = check_substrate(layer(), stimuli=["1", "2", '{"seed": 3, "anomaly_level": 0.2}'], failing="one")
    report.raise_if_failed()
    assert {result.outcome for result in report.results} == {"passed"}


def test_the_numbers_are_those_of_the_simulation():
    config = SimulationConfig(layer_id="Lk", dt=1.0, t_end=60.0, params={"seed": 7, **NOISY})
    states = single_anomaly(config, strength=0.6).run()
    raw = layer(anomaly_level=0.6).run_cycle("7").raw
    last = states[-1]
    assert (raw["stress"], raw["protection"]) == (last.stress, last.protection)
    assert (raw["capacity"], raw["novelty"]) == (last.macro_state["capacity"], last.macro_state["novelty"])
    assert raw["peak_stress"] == max(state.stress for state in states)
    assert raw["lowest_protection"] == min(state.protection for state in states)
    modes = [state.macro_state["mode"] for state in states]
    assert {mode: raw[f"share_{mode}"] for mode in MODES} == {mode: modes.count(mode) / 61 for mode in MODES}
    assert raw["seed"] == 7


def test_a_reset_and_every_change_of_regime_are_told():
    raw = layer(
        anomaly_level=0.6, t_end=400.0, potential={"rise": 3.0}, b_s=0.0, b0=3.0, reset_hazard=5.0, dt=0.5
    ).run_cycle(1)
    assert raw.raw["resets"] >= 1
    assert raw.raw["regimes"][0][1] == 0.0
    assert [mode for mode, _ in raw.raw["regimes"]].count("collapse") >= 1
    assert raw.halt_mode == raw.raw["mode"] == raw.raw["regimes"][-1][0]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_run_and_another_seed_another(seed):
    system = layer(t_end=10.0)
    first = system.run_cycle(str(seed))
    assert system.run_cycle({"seed": seed}) == first == layer(t_end=10.0).run_cycle(seed)
    assert system.run_cycle(seed + 1).raw["stress"] != first.raw["stress"]


def test_what_a_cycle_varies_wins_over_the_stimulus_and_that_over_the_substrate():
    system = layer(seed=1)
    assert system.run_cycle({}).raw["seed"] == 1
    assert system.run_cycle({"seed": 2}).raw["seed"] == 2
    assert system.run_cycle({"seed": 2}, {"seed": 3}).raw["seed"] == 3
    told = {"params": {"tau_s": 2.0}}
    assert system.run_cycle(told) == system.run_cycle(told, {"seed": 1}) == system.run_cycle({}, told)
    assert system.run_cycle(told, {"params": {"tau_s": 3.0}}) == layer(seed=1, tau_s=3.0).run_cycle({})


def test_constants_are_added_and_labels_are_left_alone():
    quiet = {"params": dict.fromkeys(NOISY, 0.0), "arm": "still", "topic": 3}
    still, again = (layer().run_cycle(seed, quiet).raw for seed in (5, 6))
    assert still["stress"] == again["stress"] != layer().run_cycle(5).raw["stress"]
    assert layer(tau_s=2.0).run_cycle(5, quiet).raw["stress"] != still["stress"]


def test_interventions_and_a_horizon_in_steps_are_honoured():
    shocked = layer().run_cycle(
        json.dumps({"seed": 4, "interventions": [{"t": 30, "kind": "stress_shock", "by": 0.5}]})
    )
    assert shocked.raw["peak_stress"] > layer().run_cycle(4).raw["peak_stress"] + 0.1
    assert layer().run_cycle({"horizon": 5}).raw["regimes"] == layer(t_end=5.0).run_cycle(0).raw["regimes"]


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        ("one", "'one' is no JSON"),
        ("", "'' is no JSON"),
        (None, "NoneType; give a seed"),
        (True, "bool; give a seed"),
        ("1.5", "float; give a seed"),
        ("[" * 100_000, "no JSON"),
        ("-1", "seed"),
        ({"sede": 1}, "did you mean 'seed'"),
        ({"scenario": "singel_anomaly"}, "did you mean 'single_anomaly"),
        ({"params": {"eta": 1}}, "eta"),
        ({"params": 3}, "int"),
    ],
    ids=["text", "empty", "none", "bool", "float", "deep", "negative", "key", "scenario", "constant", "params"],
)
def test_a_stimulus_that_cannot_be_honoured_gives_an_error_and_no_number(stimulus, message):
    result = layer().run_cycle(stimulus)
    assert result.failed_to_measure
    assert result.raw == {}
    assert message in result.error


def test_what_cannot_be_built_is_refused_at_once():
    with pytest.raises(ConfigError, match="did you mean 'baseline'"):
        LayerSubstrate("basline")
    with pytest.raises(ConfigError, match="did you mean 'eta_s'"):
        layer(eta_ss=0.1)


def test_the_revision_is_that_of_model_and_settings():
    assert layer().git_commit() == layer().git_commit()
    assert layer().git_commit().startswith("relax_v1@")
    assert layer(tau_s=4.0).git_commit() != layer().git_commit()
    assert layer(model_id="linear_v1").git_commit().startswith("linear_v1@")


def test_it_is_built_from_a_text_as_on_the_command_line():
    SUBSTRATES.register(LayerSubstrate, "qmpt-layer-in-a-test")
    try:
        system = make_substrate("qmpt-layer-in-a-test:scenario=single_anomaly,t_end=60,dt=1,eta_s=0.05")
        assert system.run_cycle("3") == layer(eta_p=0.0, eta_c=0.0).run_cycle("3")
        with pytest.raises(ClaimError, match="eta_ss"):
            make_substrate("qmpt-layer-in-a-test:eta_ss=1")
    finally:
        SUBSTRATES.unregister("qmpt-layer-in-a-test")
