# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from qmpt.data.models import Layer
from qmpt.errors import ConfigError
from qmpt.simulation.core import SimulationConfig, SimulationRunner
from qmpt.simulation.dynamics import ARRAYS, FLOATS, Forcing, LayerModel, LayerSettings, Rates, State
from qmpt.simulation.models import LAYER_MODELS, layer_model, register_layer_model
from qmpt.simulation.scenarios import single_anomaly
from qmpt.simulation.steps import advance

MODELS = ["relax_v1", "replicator_v1", "linear_v1"]
UNIT = st.floats(0.0, 1.0)


def a_state(stress, protection, capacity, novelty=0.05, shares=(0.7, 0.2, 0.1)):
    return State(stress, protection, capacity, novelty, protection, 0.0, shares)


def settings_of(name, **given):
    fitness = {} if name == "replicator_v1" else {"fitness": (0.0, 0.05, -0.02)}
    return layer_model(name).settings(**fitness, **given)


def moved(name, state, forcing, dt=0.1, ops=FLOATS):
    model, settings = layer_model(name), settings_of(name)
    return advance(model.rates(state, forcing, settings, ops), state, forcing, settings, dt, None, ops)


@pytest.mark.parametrize("name", MODELS)
@given(UNIT, st.floats(0.01, 5.0), UNIT, st.floats(0.0, 0.95), st.floats(-1.0, 1.0))
def test_full_protection_removes_every_anomaly_effect_on_capacity_shares_and_novelty(
    name, stress, capacity, novelty, anomaly, direction
):
    state = a_state(stress, 1.0, capacity, novelty)
    calm = moved(name, state, Forcing(0.0, 0.0, 2.0, (0.0, 0.0, 0.0)))
    stirred = moved(name, state, Forcing(anomaly, direction, 2.0, (0.0, anomaly, 0.0)))
    assert (stirred.capacity, stirred.novelty, stirred.shares) == (calm.capacity, calm.novelty, calm.shares)


@pytest.mark.parametrize("name", MODELS)
@given(UNIT, UNIT, st.floats(0.1, 2.0), st.floats(0.01, 0.95), st.floats(-1.0, 1.0))
def test_more_protection_never_lets_more_of_an_anomaly_through(name, first, second, capacity, anomaly, direction):
    weak, strong = sorted((first, second))
    inflow = (0.0, anomaly, 0.0)

    def effect(protection):
        state = a_state(0.3, protection, capacity, 0.2)
        calm = moved(name, state, Forcing(0.0, 0.0, 2.0, (0.0, 0.0, 0.0)))
        stirred = moved(name, state, Forcing(anomaly, direction, 2.0, inflow))
        gaps = [stirred.capacity - calm.capacity, stirred.novelty - calm.novelty]
        return [abs(gap) for gap in [*gaps, *np.subtract(stirred.shares, calm.shares)]]

    assert all(a >= b - 1e-12 for a, b in zip(effect(weak), effect(strong), strict=True))


@pytest.mark.parametrize("name", MODELS)
@given(UNIT, UNIT, st.floats(1e-6, 10.0), st.floats(0.0, 0.95), st.floats(-1.0, 1.0), st.floats(0.01, 10.0))
def test_a_step_stays_in_range_and_on_the_simplex(name, stress, protection, capacity, anomaly, direction, potential):
    forcing = Forcing(anomaly, direction, potential, (0.0, anomaly, 0.0))
    after = moved(name, a_state(stress, protection, capacity), forcing, dt=5.0)
    assert all(0.0 <= value <= 1.0 for value in (after.stress, after.protection, after.novelty, after.rigidity))
    assert after.capacity > 0.0
    assert sum(after.shares) == pytest.approx(1.0, abs=1e-12)
    assert min(after.shares) >= 0.0


@pytest.mark.parametrize("name", MODELS)
@given(UNIT, UNIT, st.floats(0.01, 5.0), st.floats(0.0, 0.95), st.floats(-1.0, 1.0))
def test_floats_and_arrays_take_the_same_step(name, stress, protection, capacity, anomaly, direction):
    forcing = Forcing(anomaly, direction, 2.0, (0.0, anomaly, 0.0))
    one = a_state(stress, protection, capacity)
    many = State(*(np.full(3, value) for value in one[:-1]), tuple(np.full(3, share) for share in one.shares))
    alone, together = moved(name, one, forcing), moved(name, many, forcing, ops=ARRAYS)
    for value, values in zip([*alone[:-1], *alone.shares], [*together[:-1], *together.shares], strict=True):
        assert values == pytest.approx([value] * 3, abs=1e-14)


@pytest.mark.parametrize("name", MODELS)
def test_without_noise_the_steps_converge_to_the_differential_equation_at_order_one(name):
    config = SimulationConfig(layer_id="L", dt=1.0, t_end=60, model_id=name, params={"potential": {"rise": 3.0}})
    exact = solved(single_anomaly(config))
    steps = [0.5, 0.25, 0.125, 0.0625, 0.03125]
    errors = []
    for dt in steps:
        last = single_anomaly(config.model_copy(update={"dt": dt})).integrate()[0][-1]
        errors.append(max(abs(value - other) for value, other in zip(last[:4], exact, strict=True)))
    order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order == pytest.approx(1.0, abs=0.1)
    assert errors[-1] < 2e-3


def solved(runner):
    """The end of a run by an adaptive Runge-Kutta method."""
    model, settings, start = runner.config.model(), runner.settings, runner.first_state()
    strength, direction, _, inflow, _ = runner.schedule.forcing[0]

    def slope(t, y):
        state = State(*y[:4], y[1], 0.0, tuple(y[4:]))
        forcing = Forcing(strength, direction, settings.potential.at(t), inflow)
        shares = []
        if len(y) > 4:
            mean = sum(q * f for q, f in zip(y[4:], settings.fitness, strict=True))
            shares = [
                q * (f - mean) + settings.mutation * (1 / len(inflow) - q) + (1 - y[1]) * (into - q * sum(inflow))
                for q, f, into in zip(y[4:], settings.fitness, inflow, strict=True)
            ]
        return [*model.rates(state, forcing, settings, FLOATS), *shares]

    begin = [*start[:4], *start.shares]
    return solve_ivp(slope, (0.0, runner.config.t_end), begin, rtol=1e-10, atol=1e-12).y[:4, -1]


# The replicator equation without mutation and inflow has the solution q_j(t) proportional to q_j(0) exp(f_j t).
def test_shares_follow_the_replicator_equation():
    settings = LayerSettings(fitness=(0.3, 0.1), mutation=0.0)
    state = State(0.2, 0.8, 1.0, 0.05, 0.8, 0.0, (0.2, 0.8))
    for _ in range(10_000):
        state = advance(Rates(0, 0, 0, 0), state, Forcing(0, 0, 1.0, (0.0, 0.0)), settings, 0.001, None, FLOATS)
    first, second = 0.2 * math.exp(3.0), 0.8 * math.exp(1.0)
    assert state.shares[0] == pytest.approx(first / (first + second), abs=1e-4)


def test_the_layer_is_strained_more_by_a_larger_gap_more_protection_and_stronger_anomalies():
    rates, settings = layer_model("relax_v1").rates, layer_model("relax_v1").settings()

    def strain(capacity=1.0, protection=0.5, anomaly=0.3):
        return rates(a_state(0.2, protection, capacity), Forcing(anomaly, 0.0, 2.0), settings, FLOATS).stress

    assert strain(capacity=0.8) > strain() > strain(capacity=1.5)
    assert strain(protection=0.9) > strain()
    assert strain(anomaly=0.9) > strain()


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="did you mean 'relax_v1'"):
        layer_model("relax_v2")


def test_a_model_of_ones_own_runs_like_the_shipped_ones():
    model = LayerModel("still_v1", "1.0.0", LayerSettings, lambda *_: Rates(0.0, 0.0, 0.0, 0.0))
    register_layer_model(model)
    try:
        config = SimulationConfig(layer_id="L", dt=1, t_end=5, model_id="still_v1")
        states = SimulationRunner(config=config, layer=Layer(layer_id="L"), patterns={}).run()
        assert {state.stress for state in states} == {0.25}
        with pytest.raises(ConfigError, match="registered already"):
            register_layer_model(model)
    finally:
        del LAYER_MODELS["still_v1"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"tau_ss": 1}, "did you mean 'tau_s'"),
        ({"theta_1": 3.0}, "theta_2 must be the larger"),
        ({"fitness": [1.0]}, "at least 2 types"),
        ({"s_b": 1.5}, "s_b"),
        ({"eta_s": float("nan")}, "eta_s"),
        ({"potential": {"bass": 1}}, "did you mean 'base'"),
        ({"potential": 0}, "potential.base"),
        ({"tau_s": 0.5}, "dt is 1.0, longer than the shortest"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused_by_name(params, said):
    with pytest.raises(ConfigError, match=said):
        SimulationConfig(layer_id="L", dt=1.0, t_end=5, params=params).settings()


def test_the_replicator_knows_three_types():
    with pytest.raises(ConfigError, match="fitness has 2 types"):
        SimulationConfig(
            layer_id="L", dt=1, t_end=5, model_id="replicator_v1", params={"fitness": [0.1, 0.2]}
        ).settings()


def test_an_extreme_constant_overflows_nothing():
    config = SimulationConfig(layer_id="L", dt=1, t_end=50, params={"b_s": 1e9, "b0": -1e9, "potential": 1e300})
    assert 0.0 <= single_anomaly(config).run()[-1].protection <= 1.0
