# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from qmpt.data.models import LayerState
from qmpt.errors import ConfigError
from qmpt.simulation.core import SimulationConfig
from qmpt.simulation.ensemble import run_ensemble, sweep
from qmpt.simulation.scenarios import baseline, single_anomaly

NOISE = {"eta_s": 0.03, "eta_p": 0.03, "eta_c": 0.02}


def config(model="relax_v1", t_end=30.0, **params):
    return SimulationConfig(layer_id="L", dt=0.5, t_end=t_end, model_id=model, params={**NOISE, **params})


@pytest.mark.parametrize("model", ["relax_v1", "replicator_v1", "linear_v1"])
@pytest.mark.parametrize("replicate", [0, 3])
def test_a_run_of_an_ensemble_is_the_single_run_of_its_number(model, replicate):
    worn = {"reset_hazard": 3.0, "reset_hold": 2.0, "potential": 9.0, "fitness": [0.1, 0.0, 0.0]}
    runner = single_anomaly(config(model, t_end=200.0, replicate=1, **worn), t_on=5.0, t_off=60.0)
    runner = runner.model_copy(
        update={"interventions": [*runner.interventions, {"t": 8, "kind": "stress_shock", "by": 1}]}
    )
    together = run_ensemble(runner, 5)
    alone = runner.with_config(runner.config.with_params(replicate=1 + replicate)).run()
    assert together.stress[replicate] == pytest.approx([s.stress for s in alone], abs=1e-9)
    assert together.protection[replicate] == pytest.approx([s.protection for s in alone], abs=1e-9)
    assert together.capacity[replicate] == pytest.approx([s.macro_state["capacity"] for s in alone], rel=1e-9)
    assert together.novelty[replicate] == pytest.approx([s.macro_state["novelty"] for s in alone], abs=1e-9)
    assert together.modes[replicate] == [s.macro_state["mode"] for s in alone]
    assert together.reset.any()


def test_runs_differ_and_their_number_changes_none_of_them():
    few, many = run_ensemble(baseline(config()), 3), run_ensemble(baseline(config()), 8)
    assert len({tuple(run) for run in many.stress}) == 8
    assert np.array_equal(few.stress, many.stress[:3])


def test_the_noise_has_the_variance_of_the_equation():
    # With stress at its target, ds = eta dW, so its variance after a short time t is eta^2 t.
    still = {"w_gap": 0.0, "w_rig": 0.0, "eta_p": 0.0, "eta_c": 0.0, "tau_s": 1e9, "start": {"stress": 0.5}}
    for dt in (0.5, 0.125):
        made = config(t_end=2.0, **still).model_copy(update={"dt": dt})
        final = run_ensemble(baseline(made), 4000).stress[:, -1]
        assert final.var() == pytest.approx(0.03**2 * 2.0, rel=0.1)
        assert final.mean() == pytest.approx(0.5, abs=0.003)


def test_the_states_of_an_ensemble_are_means_with_the_shares_of_the_regimes():
    runs = run_ensemble(single_anomaly(config(t_end=300.0, potential={"rise": 3.0}), sign=-1), 20)
    states = runs.states()
    assert all(LayerState.model_validate(state.model_dump()) == state for state in states[::50])
    for index in (0, 300, 600):
        shares = states[index].macro_state["mode_probs"]
        assert sum(shares.values()) == pytest.approx(1.0)
        at = [run[index] for run in runs.modes]
        assert shares == {mode: at.count(mode) / 20 for mode in shares}
        assert states[index].stress == pytest.approx(runs.stress[:, index].mean())
    assert states[-1].macro_state["mode"] == "collapse"


def test_keeping_fewer_states_changes_none_of_those_kept():
    runner = single_anomaly(config(), t_on=7.5)
    every, some = run_ensemble(runner, 4), run_ensemble(runner, 4, keep_every=20)
    assert np.array_equal(every.stress[:, ::20], some.stress)
    assert some.times.tolist() == [0.0, 10.0, 20.0, 30.0]
    assert [[event["kind"] for event in events] for events in some.events] == [[], ["add_pattern"], [], []]


@pytest.mark.parametrize(
    ("runs", "keep_every", "said"), [(0, 1, "runs is 0"), (2, 7, "a divisor"), (2, 0, "a divisor"), (10**8, 1, "limit")]
)
def test_an_ensemble_that_cannot_be_run_is_refused(runs, keep_every, said):
    with pytest.raises(ConfigError, match=said):
        run_ensemble(baseline(config()), runs, keep_every=keep_every)


def test_equal_runs_are_not_passed_off_as_many():
    with pytest.raises(ConfigError, match="would all be the same"):
        run_ensemble(baseline(SimulationConfig(layer_id="L", dt=1, t_end=5)), 2)
    assert run_ensemble(baseline(SimulationConfig(layer_id="L", dt=1, t_end=5)), 1).stress.shape == (1, 6)


def test_a_sweep_meets_the_same_chances_at_each_point():
    found = sweep(baseline(config()), {"tau_s": [2.0, 5.0], "g_a": [0.0, 0.1]}, 3)
    assert [point for point, _ in found] == [
        {"tau_s": 2.0, "g_a": 0.0},
        {"tau_s": 2.0, "g_a": 0.1},
        {"tau_s": 5.0, "g_a": 0.0},
        {"tau_s": 5.0, "g_a": 0.1},
    ]
    assert np.array_equal(found[0][1].stress, found[1][1].stress)  # without anomalies g_a does nothing
    assert not np.array_equal(found[0][1].stress, found[2][1].stress)


@pytest.mark.parametrize("grid", [{"tau_s": []}, {"tauu": [1]}, {"tau_s": [-1]}])
def test_a_sweep_over_nothing_or_the_unknown_is_refused(grid):
    with pytest.raises(ConfigError):
        sweep(baseline(config()), grid)
