# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.models import Layer, Pattern
from qmpt.errors import ConfigError
from qmpt.simulation.core import SimulationConfig, SimulationRunner
from qmpt.simulation.interventions import StressShock, parse_intervention
from qmpt.simulation.schedule import grid_index

PATTERNS = {name: Pattern(pattern_id=name, layer_id="L", anomaly_score=2.7) for name in ("a", "b")}


def run(*interventions, dt=0.1, t_end=5.0, present=("a",), **params):
    config = SimulationConfig(layer_id="L", dt=dt, t_end=t_end, params=params)
    layer = Layer(layer_id="L", patterns=list(present))
    return SimulationRunner(config=config, layer=layer, patterns=PATTERNS, interventions=list(interventions)).run()


def fired_at(states):
    return [state.t for state in states for _ in state.macro_state["events"]]


@given(st.integers(0, 50))
def test_an_event_on_a_grid_point_fires_there_and_once(index):
    states = run({"t": index * 0.1, "kind": "stress_shock", "by": 0.1})
    assert fired_at(states) == [index * 0.1]


@given(st.integers(0, 49), st.floats(0.01, 0.99))
def test_an_event_between_grid_points_fires_at_the_next_one(index, part):
    states = run({"t": (index + part) * 0.1, "kind": "stress_shock", "by": 0.1})
    assert fired_at(states) == [(index + 1) * 0.1]


@given(st.integers(1, 10**6), st.sampled_from([0.1, 0.01, 0.3, 1 / 3, 0.7, 1e-3]))
def test_the_grid_point_of_a_multiple_of_the_step_is_that_multiple(index, dt):
    assert grid_index(index * dt, dt) == index


def test_a_shock_moves_stress_at_once_and_within_its_range():
    calm, shocked = run(), run({"t": 2.0, "kind": "stress_shock", "by": 0.3})
    assert shocked[20].stress == pytest.approx(calm[20].stress + 0.3)
    assert [s.stress for s in shocked[:20]] == [s.stress for s in calm[:20]]
    assert run({"t": 2.0, "kind": "stress_shock", "by": 1.0})[20].stress == 1.0
    assert run({"t": 2.0, "kind": "stress_shock", "by": -1.0})[20].stress == 0.0


def test_two_shocks_of_one_time_both_fire():
    calm, shocked = run(), run(*[{"t": 2.0, "kind": "stress_shock", "by": 0.1}] * 2)
    assert shocked[20].stress == pytest.approx(calm[20].stress + 0.2)


def test_protection_is_held_until_it_is_let_go():
    states = run({"t": 1.0, "kind": "set_protection", "value": 0.3, "until": 2.0})
    assert {state.protection for state in states[10:21]} == {0.3}
    assert states[9].protection > 0.3 < states[21].protection


def test_protection_without_an_end_is_held_to_the_end():
    assert {state.protection for state in run({"t": 1.0, "kind": "set_protection", "value": 0.3})[10:]} == {0.3}


def test_a_shift_of_protection_is_let_go_at_once_and_does_not_move_held_protection():
    states = run({"t": 1.0, "kind": "shift_protection", "by": -0.5})
    assert states[10].protection < 0.4 < states[-1].protection
    held = {"t": 0.5, "kind": "set_protection", "value": 0.3}
    assert run(held, {"t": 1.0, "kind": "shift_protection", "by": 0.5})[10].protection == 0.3


def test_the_later_of_two_holds_counts():
    first = {"t": 1.0, "kind": "set_protection", "value": 0.3, "until": 4.0}
    states = run(first, {"t": 2.0, "kind": "set_protection", "value": 0.9, "until": 3.0})
    assert (states[15].protection, states[25].protection) == (0.3, 0.9)
    assert states[35].protection not in {0.3, 0.9}


def test_the_potential_is_constant_once_it_is_set():
    states = run({"t": 1.0, "kind": "set_potential", "value": 9.0}, potential={"rise": 3.0, "midpoint": 0.0})
    potentials = [state.macro_state["potential"] for state in states]
    assert potentials[9] < potentials[10] == potentials[-1] == 9.0


def test_patterns_come_and_go():
    states = run(
        {"t": 1.0, "kind": "add_pattern", "pattern_id": "b"},
        {"t": 2.0, "kind": "remove_pattern", "pattern_id": "a"},
        {"t": 3.0, "kind": "add_pattern", "pattern_id": "a"},
    )
    active = [states[index].macro_state["active_anomalies"] for index in (9, 10, 20, 30)]
    assert active == [["a"], ["a", "b"], ["b"], ["b", "a"]]


def test_a_pattern_may_come_with_the_intervention():
    newcomer = Pattern(pattern_id="c", layer_id="L", anomaly_score=4.0)
    states = run({"t": 1.0, "kind": "add_pattern", "pattern_id": "c", "pattern": newcomer})
    assert states[10].macro_state["active_anomalies"] == ["a", "c"]
    assert states[10].macro_state["events"] == [{"t": 1.0, "kind": "add_pattern", "pattern_id": "c"}]


def test_interventions_of_one_time_fire_in_the_order_given():
    there_and_back = [
        {"t": 1.0, "kind": "remove_pattern", "pattern_id": "a"},
        {"t": 1.0, "kind": "add_pattern", "pattern_id": "a"},
    ]
    assert run(*there_and_back)[10].macro_state["active_anomalies"] == ["a"]
    with pytest.raises(ConfigError, match="is in the layer already"):
        run(*reversed(there_and_back))


@pytest.mark.parametrize(
    ("interventions", "said"),
    [
        ([{"t": 1, "kind": "remove_pattern", "pattern_id": "b"}], "'b' is not in the layer at t=1.0"),
        ([{"t": 1, "kind": "remove_pattern", "pattern_id": "a"}] * 2, "'a' is not in the layer"),
        ([{"t": 1, "kind": "add_pattern", "pattern_id": "z"}], "'z' is not known"),
        ([{"t": 1, "kind": "add_pattern", "pattern_id": "z", "pattern": PATTERNS["a"]}], "the pattern is 'a'"),
        ([{"t": 5.01, "kind": "stress_shock", "by": 0.1}], "after the end, t=5.0"),
        ([{"t": -1, "kind": "stress_shock", "by": 0.1}], "stress_shock: t"),
        ([{"t": 1, "kind": "stress_shock", "by": 2}], "stress_shock: by"),
        ([{"t": 1, "kind": "stress_shok", "by": 0.1}], "did you mean 'stress_shock'"),
        ([{"t": 1, "kind": "stress_shock"}], "stress_shock: by is missing"),
        ([{"t": 1, "kind": "stress_shock", "by": 0.1, "bye": 0.1}], "did you mean 'by'"),
        ([{"t": 1, "kind": "set_protection", "value": 0.5, "until": 1}], "until is 1.0"),
        ([{"t": 1, "kind": "set_protection", "value": 1.5}], "set_protection: value"),
        ([{"t": 1, "kind": "set_potential", "value": 0}], "set_potential: value"),
        ([{"t": float("nan"), "kind": "stress_shock", "by": 0.1}], "stress_shock: t"),
        ([{"t": 1}], "kind of an intervention is None"),
        ([{"t": 1, "kind": ["stress_shock"]}], "kind of an intervention"),
        (["shock"], "an intervention is str"),
    ],
)
def test_an_intervention_that_cannot_be_honoured_is_refused_before_the_run(interventions, said):
    with pytest.raises(ConfigError, match=said):
        run(*interventions)


def test_an_intervention_may_be_given_as_a_model():
    shock = StressShock(t=1.0, by=0.2)
    assert parse_intervention(shock) is shock
    assert run(shock)[10].stress == run({"t": 1.0, "kind": "stress_shock", "by": 0.2})[10].stress
