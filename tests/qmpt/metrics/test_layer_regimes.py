# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.errors import ConfigError, DataError
from qmpt.metrics.layer_regimes import MODES, RegimeRules, classify_modes, mode_shares

CALM, HIGH = 0.2, 0.8


def modes(stress, protection, capacity=None, active=False, **given):
    n = len(stress)
    return classify_modes(stress, protection, capacity, np.full(n, active), **given)[0]


def test_low_stress_under_firm_protection_is_stagnation():
    assert set(modes([CALM] * 30, [0.8] * 30)) == {"stagnation"}


def test_high_stress_while_protection_falls_is_a_transition_once_it_has_lasted():
    stress = [CALM] * 20 + [HIGH] * 20
    protection = [0.8] * 20 + list(np.linspace(0.79, 0.4, 20))
    found = modes(stress, protection)
    assert found == ["stagnation"] * 25 + ["transition"] * 15


def test_a_spike_of_stress_is_no_transition():
    stress = [CALM] * 20 + [HIGH] * 5 + [CALM] * 20
    protection = [0.8] * 20 + [0.79, 0.78, 0.77, 0.76, 0.75] + [0.8] * 20
    assert set(modes(stress, protection)) == {"stagnation"}


def test_capacity_lost_by_a_third_is_a_collapse():
    capacity = [1.0] * 20 + [0.65] * 20
    assert modes([CALM] * 40, [0.8] * 40, capacity)[-1] == "collapse"
    assert modes([CALM] * 40, [0.8] * 40, None)[-1] == "stagnation"


def test_growth_is_an_upgrade_only_after_a_transition_and_with_an_anomaly():
    stress = [HIGH] * 20 + [CALM] * 20
    protection = list(np.linspace(0.9, 0.5, 20)) + [0.8] * 20
    capacity = [1.0] * 15 + list(np.linspace(1.0, 1.5, 25))
    assert "upgrade" in modes(stress, protection, capacity, active=True)
    assert "upgrade" not in modes(stress, protection, capacity, active=False)
    assert "upgrade" not in modes([CALM] * 40, [0.8] * 40, capacity, active=True)


def test_a_reset_is_a_collapse():
    reset = np.arange(40) == 20
    found = modes([CALM] * 40, [0.8] * 40, reset=reset)
    assert (found[19], found[25]) == ("stagnation", "collapse")


def test_nothing_is_known_before_the_first_regime():
    assert modes([HIGH] * 5 + [CALM] * 5, [0.8] * 10) == [None] * 5 + ["stagnation"] * 5


def test_windows_are_in_units_of_time_not_in_values():
    stress = np.repeat([CALM] * 20 + [HIGH] * 20, 4)
    protection = np.r_[np.full(80, 0.8), np.linspace(0.79, 0.4, 80)]
    assert modes(stress, protection, dt=0.25).count("transition") == 60


UNITS = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60)


@given(UNITS, st.integers(0, 2**32))
def test_a_regime_depends_on_the_past_alone(stress, seed):
    draw = np.random.default_rng(seed)
    protection, capacity = draw.uniform(size=len(stress)), draw.uniform(0.1, 3.0, size=len(stress))
    whole = modes(stress, protection, capacity, active=True)
    for end in range(1, len(stress) + 1):
        assert modes(stress[:end], protection[:end], capacity[:end], active=True) == whole[:end]


@given(UNITS, st.integers(0, 2**32))
def test_a_regime_lasts_at_least_as_long_as_it_must(stress, seed):
    draw = np.random.default_rng(seed)
    found = modes(stress, draw.uniform(size=len(stress)), draw.uniform(0.1, 3.0, size=len(stress)), active=True)
    assert set(found) <= {None, *MODES}
    first = next((index for index, mode in enumerate(found) if mode), len(found))
    changes = [index for index in range(first + 1, len(found)) if found[index] != found[index - 1]]
    assert all(b - a >= 5 for a, b in zip([first, *changes], changes, strict=False))


@given(st.integers(1, 6), st.integers(1, 20), st.integers(0, 2**32))
def test_the_shares_of_regimes_sum_to_one(runs, times, seed):
    draw = np.random.default_rng(seed)
    found = [[None if one == 4 else MODES[one] for one in draw.integers(5, size=times)] for _ in range(runs)]
    for index, shares in enumerate(mode_shares(found)):
        if shares is None:
            assert all(run[index] is None for run in found)
        else:
            assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)


def test_runs_are_classified_each_on_its_own():
    stress, protection = np.random.default_rng(3).uniform(size=(2, 7, 50))
    together = classify_modes(stress, protection, None, np.zeros(50))
    assert together == [modes(s, p) for s, p in zip(stress, protection, strict=True)]


@pytest.mark.parametrize(
    ("stress", "protection", "said"),
    [
        ([], [], "shape"),
        ([0.1, float("nan")], [0.1, 0.1], "stress holds 1 values"),
        ([0.1, 0.1], [0.1], "make equal"),
        ([[[0.1]]], [[[0.1]]], "shape"),
    ],
)
def test_series_that_cannot_be_read_are_refused(stress, protection, said):
    with pytest.raises(DataError, match=said):
        classify_modes(stress, protection, None, [False] * len(stress))


def test_rules_and_steps_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="dt is 0"):
        modes([CALM], [0.8], dt=0)
    for wrong in ({"high_stress": 1.5}, {"fall": 1.0}, {"window": 0.0}, {"settle": -1.0}, {"growth": float("nan")}):
        with pytest.raises(ConfigError):
            RegimeRules(**wrong)
    with pytest.raises(DataError, match="0 runs"):
        mode_shares([])
