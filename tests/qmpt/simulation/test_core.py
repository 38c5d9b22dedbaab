# SPDX-License-Identifier: Apache-2.0
import copy
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.models import Layer, LayerState, Pattern
from qmpt.errors import ConfigError, DataError
from qmpt.simulation.core import SimulationConfig, SimulationRunner
from qmpt.simulation.scenarios import baseline, single_anomaly

NOISE = {"eta_s": 0.03, "eta_p": 0.03, "eta_c": 0.02}


def config(dt=0.5, t_end=20.0, model="relax_v1", **params):
    return SimulationConfig(layer_id="L", dt=dt, t_end=t_end, model_id=model, params=params)


def one_pattern(score, **metadata):
    return {"a": Pattern(pattern_id="a", layer_id="L", anomaly_score=score, metadata=metadata)}


def runner(patterns=None, given=None, interventions=(), **layer):
    patterns = patterns or {}
    return SimulationRunner(
        config=given or config(),
        layer=Layer(layer_id="L", patterns=list(patterns), **layer),
        patterns=patterns,
        interventions=list(interventions),
    )


def numbers(states):
    return [(s.t, s.stress, s.protection, s.macro_state["capacity"], s.macro_state["novelty"]) for s in states]


def test_the_fields_are_those_of_the_design():
    assert list(SimulationConfig.model_fields) == ["layer_id", "dt", "t_end", "model_id", "params"]
    assert list(SimulationRunner.model_fields) == ["config", "layer", "patterns", "interventions"]


@pytest.mark.parametrize(("dt", "t_end", "steps"), [(1.0, 3.0, 3), (1.0, 2.5, 3), (0.1, 0.7, 7), (0.1, 0.3, 3)])
def test_a_run_is_the_first_state_and_as_many_as_the_time_needs(dt, t_end, steps):
    assert len(runner(given=config(dt, t_end)).run()) == steps + 1


def test_times_are_multiples_of_the_step_without_drift():
    states = runner(given=config(0.1, 1000.0)).run()
    assert max(abs(state.t - index * 0.1) for index, state in enumerate(states)) == 0.0


@pytest.mark.parametrize("model", ["relax_v1", "replicator_v1", "linear_v1"])
def test_a_run_is_its_steps_one_after_another_but_for_the_regime(model):
    moves = [
        {"t": 3.0, "kind": "stress_shock", "by": 0.4},
        {"t": 5.2, "kind": "set_protection", "value": 0.4, "until": 9},
        {"t": 12, "kind": "remove_pattern", "pattern_id": "a"},
    ]
    made = runner(one_pattern(2.7), config(model=model, **NOISE), moves)
    states = made.run()
    for state, after in pairwise(states):
        stepped = made.step(state, state.t)
        macro = {key: value for key, value in after.macro_state.items() if key not in {"mode", "mode_probs"}}
        assert stepped.macro_state == macro
        assert (stepped.t, stepped.stress, stepped.protection) == (after.t, after.stress, after.protection)


def test_a_step_is_pure_and_needs_no_steps_before_it():
    made = runner(one_pattern(2.7), config(**NOISE))
    state = made.run()[20]
    before = state.model_copy(deep=True)
    late_first = runner(one_pattern(2.7), config(**NOISE)).step(state, state.t)
    assert made.step(state, state.t) == made.step(state, state.t) == late_first
    assert state == before


def test_a_run_changes_nothing_it_was_given():
    patterns, moves = one_pattern(2.7), [{"t": 3.0, "kind": "stress_shock", "by": 0.4}]
    layer = Layer(layer_id="L", patterns=["a"])
    given = copy.deepcopy((patterns, moves, layer))
    SimulationRunner(config=config(**NOISE), layer=layer, patterns=patterns, interventions=moves).run()
    assert (patterns, moves, layer) == given


@pytest.mark.parametrize("model", ["relax_v1", "replicator_v1", "linear_v1"])
@given(seed=st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_course_with_and_without_an_anomaly_of_no_strength(model, seed):
    given = config(model=model, seed=seed, **NOISE)
    with_one, without = runner(one_pattern(2.0), given).run(), runner({}, given).run()
    assert numbers(with_one) == numbers(without)
    assert [s.macro_state["mode"] for s in with_one] == [s.macro_state["mode"] for s in without]
    assert with_one[0].macro_state["active_anomalies"] == ["a"]


def test_seeds_and_replicates_give_different_courses():
    courses = [
        tuple(numbers(runner(given=config(seed=seed, replicate=replicate, **NOISE)).run()))
        for seed in (0, 1)
        for replicate in (0, 1)
    ]
    assert len(set(courses)) == 4


def test_a_longer_run_begins_like_a_shorter_one():
    short, long = (runner(given=config(t_end=t_end, **NOISE)).run() for t_end in (20.0, 400.0))
    assert numbers(long)[: len(short)] == numbers(short)


@pytest.mark.parametrize("score", [None, -5.0, 0.0, 1.999])
def test_a_pattern_below_the_threshold_or_without_a_score_does_not_act(score):
    assert numbers(runner(one_pattern(score)).run()) == numbers(runner().run())


@given(st.floats(2.0, 6.0), st.floats(2.0, 6.0))
def test_a_stronger_anomaly_strains_a_protected_layer_more(one, other):
    weak, strong = sorted((one, other))
    held = [{"t": 0, "kind": "set_protection", "value": 0.9}]
    stresses = [[s.stress for s in runner(one_pattern(score), None, held).run()] for score in (weak, strong)]
    assert all(a <= b + 1e-15 for a, b in zip(*stresses, strict=True))


def test_the_strength_of_an_anomaly_is_capped():
    assert numbers(runner(one_pattern(5.0)).run()) == numbers(runner(one_pattern(1e300)).run())


def test_protection_held_at_one_keeps_capacity_shares_and_novelty_as_if_there_were_no_anomaly():
    held = [{"t": 0, "kind": "set_protection", "value": 1.0}]
    given = config(t_end=200.0, fitness=[0.1, 0.0], **NOISE)
    stirred, calm = (runner(patterns, given, held).run() for patterns in (one_pattern(2.6, type=1), {}))
    for with_one, without in zip(stirred, calm, strict=True):
        assert with_one.macro_state["capacity"] == without.macro_state["capacity"]
        assert with_one.macro_state["novelty"] == without.macro_state["novelty"]
        assert with_one.macro_state["distribution"] == without.macro_state["distribution"]
    assert stirred[-1].stress > calm[-1].stress  # what is held back strains the layer


def test_a_run_starts_from_the_last_state_of_the_layer():
    last = LayerState(t=7, stress=0.6, protection=0.3, macro_state={"capacity": 2.0})
    first = runner(state_trajectory=[LayerState(t=6), last]).run()[0]
    assert (first.t, first.stress, first.protection) == (0.0, 0.6, 0.3)
    assert (first.macro_state["capacity"], first.macro_state["novelty"]) == (2.0, 0.05)


def test_a_start_in_the_parameters_comes_before_the_state_of_the_layer():
    given = config(start={"stress": 0.1})
    assert runner(given=given, state_trajectory=[LayerState(t=7, stress=0.6)]).run()[0].stress == 0.1


def test_a_last_state_that_is_out_of_range_is_refused():
    broken = LayerState(t=7, stress=0.6, macro_state={"capacity": -1.0})
    with pytest.raises(DataError, match="the last state of the layer: capacity"):
        runner(state_trajectory=[broken]).run()


def test_every_state_is_valid_and_has_the_keys_of_the_design():
    for state in runner(one_pattern(2.7), config(fitness=[0.0, 0.1], **NOISE)).run():
        assert LayerState.model_validate(state.model_dump()) == state
        keys = {"mode", "mode_probs", "capacity", "potential", "novelty", "rigidity", "active_anomalies", "events"}
        assert keys | {"distribution"} <= set(state.macro_state)
        assert sum(state.macro_state["mode_probs"].values()) == 1.0


def test_resets_are_off_by_default_and_rebuild_a_layer_that_broke_down():
    worn = {"t_end": 200.0, "potential": 50.0, "b_s": 0.0, "b0": 3.0}
    assert not any(runner(one_pattern(4.0), config(**worn)).integrate()[1])
    states = runner(one_pattern(4.0), config(reset_hazard=5.0, fitness=[0.1, 0.0], **worn)).run()
    fired = [index for index, state in enumerate(states) if {"kind": "reset"} in state.macro_state["events"]]
    assert fired
    before, after = states[fired[0] - 1], states[fired[0]]
    assert before.t >= 20.0  # stress must have been high for that long
    assert (after.stress, after.protection) == (0.4, 0.5)
    assert after.macro_state["capacity"] == pytest.approx(0.3 * before.macro_state["capacity"], rel=0.1)
    assert "collapse" in {state.macro_state["mode"] for state in states[fired[0] :]}


@pytest.mark.parametrize(
    ("t", "state_t", "said"),
    [
        (0.3, 0.3, "a multiple of 0.5"),
        (-0.5, -0.5, "from 0"),
        (20.0, 20.0, "below 20.0"),
        (1.0, 2.0, "the state is of t=2.0"),
        (float("nan"), 0.0, "t is nan"),
    ],
)
def test_a_step_begins_at_a_grid_point_before_the_end(t, state_t, said):
    state = LayerState(t=state_t, stress=0.1, protection=0.1, macro_state={"capacity": 1.0, "novelty": 0.1})
    with pytest.raises(ConfigError, match=said):
        runner().step(state, t)


@pytest.mark.parametrize("missing", ["stress", "protection", "capacity", "novelty"])
def test_a_step_from_a_state_that_lacks_a_number_is_refused_by_name(missing):
    state = runner().run()[0].model_copy(deep=True)
    if missing in {"stress", "protection"}:
        setattr(state, missing, None)
    else:
        del state.macro_state[missing]
    with pytest.raises(DataError, match=f"has no {missing}"):
        runner().step(state, 0.0)


def test_a_state_with_other_types_than_the_model_is_refused():
    state = runner(given=config(fitness=[0.0, 0.1])).run()[0]
    with pytest.raises(DataError, match="has 2 shares; give 0"):
        runner().step(state, 0.0)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: runner(given=SimulationConfig(layer_id="M", dt=1, t_end=5)), "the configuration is for 'M'"),
        (lambda: runner(given=config(0.001, 1e6)), "the limit is 10000000"),
        (lambda: runner(given=config(model="relax")), "did you mean 'relax_v1'"),
        (lambda: SimulationRunner(config=config(), layer=Layer(layer_id="L", patterns=["z"]), patterns={}), "'z'"),
        (
            lambda: SimulationRunner(config=config(), layer=Layer(layer_id="L"), patterns={"b": one_pattern(1.0)["a"]}),
            "filed under 'b'",
        ),
    ],
)
def test_a_run_that_makes_no_sense_is_refused_before_it_begins(build, said):
    with pytest.raises(ConfigError, match=said):
        build().run()


@pytest.mark.parametrize("metadata", [{"sign": 2}, {"sign": "up"}, {"sign": True}, {"type": 3}, {"type": 0.5}])
def test_a_sign_or_type_that_is_out_of_range_is_refused(metadata):
    with pytest.raises(DataError, match="of 'a' is"):
        runner(one_pattern(2.5, **metadata)).run()


def test_the_version_changes_with_every_setting():
    versions = {
        config().version(),
        config(dt=0.25).version(),
        config(seed=1).version(),
        config(tau_s=4.0).version(),
        config(model="linear_v1").version(),
    }
    assert len(versions) == 5
    assert config().version() == config(seed=0).version()


def test_leaving_out_a_pattern_leaves_the_chances_as_they_are():
    made = single_anomaly(config(**NOISE), t_on=5.0, t_off=10.0)
    assert numbers(made.without("anomaly-1").run()) == numbers(baseline(config(**NOISE)).run())
    with pytest.raises(ConfigError, match="never is in the layer"):
        made.without("nobody")
