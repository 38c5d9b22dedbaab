# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.models import LayerState
from qmpt.errors import ConfigError, DataError
from qmpt.simulation.summary import derived_metrics, run_metrics, summarise_runs


def states(stress, modes=None, **macro):
    modes = modes or [None] * len(stress)
    return [
        LayerState(
            t=t,
            stress=one,
            protection=0.5,
            macro_state={"capacity": 2.0 - one, **macro} | ({"mode": mode} if mode else {}),
        )
        for t, (one, mode) in enumerate(zip(stress, modes, strict=True))
    ]


def test_the_numbers_of_a_run_are_those_of_its_states():
    modes = ["stagnation", "collapse", "collapse", "stagnation"]
    found = run_metrics(states([0.2, 0.9, 0.85, 0.1], modes))
    assert (found["stress_max"], found["stress_mean"], found["time_above_critical"]) == (
        0.9,
        pytest.approx(0.5125),
        0.5,
    )
    assert (found["capacity_min"], found["capacity_final"], found["protection_min"]) == (1.1, 1.9, 0.5)
    assert (found["first_stagnation"], found["first_collapse"], found["recovery_time"]) == (0, 1, 2)


def test_what_never_happened_has_no_time():
    found = run_metrics(states([0.2, 0.9], ["stagnation", "collapse"]))
    assert (found["first_upgrade"], found["first_transition"], found["recovery_time"]) == (None, None, None)
    assert run_metrics(states([0.2]))["first_stagnation"] is None


@pytest.mark.parametrize("given", [[], [LayerState(t=0)], [LayerState(t=0, stress=0.1), LayerState(t=1)]])
def test_a_run_without_stress_has_no_numbers(given):
    with pytest.raises(DataError, match="have a stress"):
        run_metrics(given)


def test_a_critical_stress_out_of_range_is_refused():
    with pytest.raises(ConfigError, match=r"sigma_crit is 1\.5"):
        run_metrics(states([0.1]), sigma_crit=1.5)


def test_runs_are_summarised_by_those_that_have_the_number():
    runs = [{"a": 1.0, "b": None}, {"a": 2.0, "b": 5.0}, {"a": 3.0, "b": None}]
    found = summarise_runs(runs)
    assert (found["a"]["n"], found["a"]["mean"], found["a"]["sd"]) == (3, 2.0, 1.0)
    assert found["a"]["low"] <= 2.0 <= found["a"]["high"]
    assert (found["b"]["n"], found["b"]["mean"], found["b"]["low"], found["b"]["sd"]) == (1, 5.0, None, None)
    with pytest.raises(DataError, match="same numbers"):
        summarise_runs([{"a": 1.0}, {"b": 1.0}])
    with pytest.raises(DataError, match="0 runs"):
        summarise_runs([])
    with pytest.raises(ConfigError, match="level and resamples"):
        summarise_runs(runs, resamples=3)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_arithmetic_is_arithmetic(a, b):
    found = derived_metrics({"c": "(a + 2*b) - -a/4", "d": "c**2"}, {"a": a, "b": b})
    assert found["c"] == (a + 2 * b) - -a / 4
    assert found["d"] == found["c"] ** 2


def test_what_rests_on_nothing_is_nothing():
    assert derived_metrics({"c": "a + 1", "d": "-c"}, {"a": None}) == {"c": None, "d": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stres", "did you mean 'stress'"),
        ("stress.__class__", "no arithmetic"),
        ("__import__('os')", "no arithmetic"),
        ("[1][0]", "no arithmetic"),
        ("1 if stress else 2", "no arithmetic"),
        ("stress % 2", "no arithmetic"),
        ("'a'", "no arithmetic"),
        ("True", "no arithmetic"),
        ("1j", "no arithmetic"),
        ("9**99", "the exponent is 99"),
        ("(9**16)**16 ** 16", "the exponent is"),
        ("1e300 * 1e300", "finite"),
        ("(1e300)**16", "overflows"),
        ("1 / 0", "divides by 0"),
        ("(-1) ** 0.5", "finite"),
        ("stress +", "is no expression"),
        ("", "is no expression"),
        ("1" + "+1" * 60, "more than 100 parts"),
        ("1" + " " * 300, "the limit is 200"),
        ("(" * 150 + "1", "is no expression"),
    ],
)
def test_anything_but_arithmetic_is_refused(text, said):
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        derived_metrics({"c": text}, {"stress": 0.5})


def test_a_name_is_given_once():
    with pytest.raises(ConfigError, match="'a' is a number already"):
        derived_metrics({"a": "1"}, {"a": 0.5})
    assert math.isclose(derived_metrics({"b": " a "}, {"a": 0.5})["b"], 0.5)
