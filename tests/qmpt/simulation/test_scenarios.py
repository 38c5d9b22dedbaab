# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.config.loader import load_config
from qmpt.errors import ConfigError
from qmpt.simulation.core import SimulationConfig
from qmpt.simulation.scenarios import (
    SCENARIOS,
    baseline,
    from_legacy,
    multiple_anomalies,
    runner_from_section,
    score_of_strength,
    single_anomaly,
)

CONFIG = SimulationConfig(layer_id="L", dt=0.5, t_end=40.0)


def active(runner):
    return [len(state.macro_state["active_anomalies"]) for state in runner.run()]


def test_the_baseline_has_typical_patterns_and_no_anomaly():
    runner = baseline(CONFIG)
    assert set(active(runner)) == {0}
    assert all(0.0 <= one.anomaly_score < 1.0 for one in runner.patterns.values())


def test_several_anomalies_come_and_go_when_they_should():
    runner = multiple_anomalies(CONFIG, [{"t_on": 10, "t_off": 30}, {"t_on": 20}], typical=2)
    counts = active(runner)
    assert [counts[index] for index in (0, 19, 20, 39, 40, 59, 60, 80)] == [0, 0, 1, 1, 2, 2, 1, 1]


@given(st.floats(0.0, 0.95), st.floats(0.1, 5.0), st.floats(0.1, 5.0))
def test_the_strength_asked_for_is_the_strength_of_the_run(strength, theta_1, width):
    given = CONFIG.with_params(theta_1=theta_1, theta_2=theta_1 + width)
    forcing = single_anomaly(given, strength=strength).schedule.forcing[0]
    assert forcing.anomaly == pytest.approx(strength, abs=1e-9)


@pytest.mark.parametrize("strength", [-0.1, 0.96, 1.0, float("nan")])
def test_a_strength_that_no_score_has_is_refused(strength):
    with pytest.raises(ConfigError, match=r"from 0 to 0\.9502"):
        score_of_strength(strength, 1.0, 2.0)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_runs_from_its_name(name):
    states = runner_from_section({"scenario": name, "horizon": 60, "dt": 0.5, "recovery": True}).run()
    assert len(states) == 61
    assert all(state.macro_state["mode"] for state in states)


def test_the_packaged_configuration_runs():
    section = load_config("simulation_default").simulation
    assert len(runner_from_section(section).run()) == 81


def test_an_injected_anomaly_comes_a_third_of_the_way_or_when_told():
    first = [
        active(runner_from_section({"scenario": "anomaly_injection", "horizon": 30, **more})).index(1)
        for more in ({}, {"inject_step": 4})
    ]
    assert first == [10, 4]


def test_interventions_and_parameters_of_a_section_reach_the_run():
    section = {
        "scenario": "baseline",
        "horizon": 10,
        "seed": 5,
        "params": {"eta_s": 0.02},
        "interventions": [{"t": 3, "kind": "stress_shock", "by": 0.2}],
    }
    runner = runner_from_section(section)
    assert (runner.settings.seed, runner.settings.eta_s) == (5, 0.02)
    assert runner.run()[3].macro_state["events"][0]["kind"] == "stress_shock"


def test_older_keys_become_a_configuration():
    legacy = {
        "backend": "classical",
        "experiment_type": "layer_dynamics",
        "scenario": "baseline_layer",
        "seed": 42,
        "horizon": 80,
        "dt": 0.5,
        "layer_id": "Lk",
        "logs_dir": "logs",
        "sigma_crit": 0.8,
    }
    config = from_legacy(legacy)
    assert (config.layer_id, config.dt, config.t_end, config.params) == ("Lk", 0.5, 40.0, {"seed": 42})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"backend": "quantum", "horizon": 5}, "'quantum' is not part of qmpt"),
        ({"horizont": 5}, "did you mean 'horizon'"),
        ({}, "neither t_end nor horizon"),
    ],
)
def test_older_keys_that_cannot_be_honoured_are_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        from_legacy(given)


def test_an_unknown_scenario_or_key_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'baseline'"):
        runner_from_section({"scenario": "base_line", "horizon": 5})
    with pytest.raises(ConfigError, match="did you mean 'strength'"):
        multiple_anomalies(CONFIG, [{"strenght": 0.5}])
    with pytest.raises(ConfigError, match="typical is -1"):
        baseline(CONFIG, typical=-1)
