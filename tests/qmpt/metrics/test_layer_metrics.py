# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpt.data.models import LayerState, Observation
from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.layer_levels import fit_proxy_scales, resampled_scales
from qmpt.metrics.layer_metrics import LayerMetricsEstimator
from qmpt.metrics.layer_proxies import (
    PROTECTION_PROXIES,
    STRESS_PROXIES,
    LayerProxies,
    action_rigidity,
    flag_shares,
    rolling_instability,
    suppression_share,
)
from qmpt.metrics.layer_regimes import RegimeRules

N = 100
ALL = (*STRESS_PROXIES, *PROTECTION_PROXIES)


def series(seed=0, names=ALL, n=N):
    draw = np.random.default_rng(seed)
    return {name: draw.normal(size=n) for name in names}


def proxies(values, **given):
    stress = {name: values[name] for name in STRESS_PROXIES if name in values}
    protection = {name: values[name] for name in PROTECTION_PROXIES if name in values}
    n = len(next(iter(values.values())))
    return LayerProxies(np.arange(n), stress, protection, **given)


def fitted(values, reference=(0, 59), **config):
    return LayerMetricsEstimator(config={"resamples": 0, **config}).fit(proxies(values), reference=reference)


def test_the_usual_is_the_middle_of_the_scale():
    found = fitted(series()).evaluate(proxies({name: np.full(3, np.median(v[:60])) for name, v in series().items()}))
    assert found.stress.value == pytest.approx(0.5)
    assert found.protection.value == pytest.approx(0.5)


@given(st.sampled_from(ALL), st.floats(0.0, 1e6), st.integers(0, 2**32))
def test_levels_are_monotone_in_each_proxy_and_stay_in_range(name, rise, seed):
    values = series(seed)
    estimator = fitted(values)
    raised = estimator.evaluate(proxies({**values, name: values[name] + rise}))
    before = estimator.evaluate(proxies(values))
    for kind in ("stress", "protection"):
        low, high = getattr(before, kind).value, getattr(raised, kind).value
        assert ((high >= low - 1e-15) & (high <= 1.0) & (low >= 0.0)).all()
    own, other = ("stress", "protection") if name in STRESS_PROXIES else ("protection", "stress")
    assert (getattr(raised, other).value == getattr(before, other).value).all()
    if rise > 0.1:
        assert getattr(raised, own).value.mean() > getattr(before, own).value.mean()


def test_extreme_values_overflow_nothing():
    values = series()
    values["error"] = np.r_[values["error"][:60], np.full(20, 1e300), np.full(20, -1e300)]
    found = fitted(values).evaluate(proxies(values))
    assert (found.stress.value[60:80] > 0.25).all()
    assert np.isfinite(found.stress.value).all()


def test_what_is_missing_leaves_the_mean_to_the_others_and_lowers_the_coverage():
    values = series(names=("error", "conflict", "control"))
    values["conflict"] = np.where(np.arange(N) == 70, math.nan, values["conflict"])
    found = fitted(values).evaluate(proxies(values))
    assert found.stress.coverage[[69, 70]].tolist() == [0.4, 0.2]
    assert found.stress.missing == dict.fromkeys(("retry", "deficit", "instability"), "it is not given")
    alone = fitted({"error": values["error"]}).evaluate(proxies({"error": values["error"]}))
    assert found.stress.value[70] == alone.stress.value[70]


def test_nothing_known_is_none_and_never_a_number():
    values = series(names=("error", "control"))
    values["error"][80:] = math.nan
    found = fitted(values).evaluate(proxies(values))
    states = found.states()
    assert states[80].stress is None
    assert states[80].protection is not None
    assert "mode" not in states[80].macro_state
    assert "stress is not known at 20 of 100 times: too few proxies are" in found.reasons
    without = fitted({"error": values["error"]}).evaluate(proxies({"error": values["error"]}))
    assert {state.protection for state in without.states()} == {None}


def test_a_least_coverage_is_kept():
    values = series(names=("error", "control"))
    assert np.isnan(fitted(values, least_coverage=0.25).evaluate(proxies(values)).stress.value).all()
    assert np.isfinite(fitted(values, least_coverage=0.2).evaluate(proxies(values)).stress.value).all()


def test_weights_say_how_much_each_proxy_counts():
    values = series(names=("error", "conflict"))
    heavy = fitted(values, weights={"conflict": 0.0}).evaluate(proxies(values)).stress
    alone = fitted({"error": values["error"]}).evaluate(proxies({"error": values["error"]})).stress
    assert heavy.value == pytest.approx(alone.value)
    assert heavy.coverage[0] == pytest.approx(1 / 4)


def test_a_level_is_the_weighted_mean_of_its_proxies():
    values = series(names=("error", "conflict"))
    alone = [fitted({name: values[name]}).evaluate(proxies({name: values[name]})).stress.value for name in values]
    both = fitted(values, weights={"conflict": 3.0}).evaluate(proxies(values)).stress
    assert both.value == pytest.approx((alone[0] + 3.0 * alone[1]) / 4.0)


def test_a_proxy_that_did_not_vary_has_no_scale_and_a_reason():
    values = series(names=("error", "conflict", "control")) | {"deficit": np.zeros(N)}
    found = fitted(values).evaluate(proxies(values))
    assert found.stress.missing["deficit"] == "it is 0.0 throughout the reference period"
    with pytest.raises(InsufficientEvidence, match="no proxy can be scaled"):
        fitted({"deficit": np.zeros(N)})


def test_intervals_hold_the_value_and_narrow_with_a_longer_reference_period():
    values = series(n=600)
    widths = []
    for end in (39, 399):
        estimator = LayerMetricsEstimator().fit(proxies(values), reference=(0, end))
        level = estimator.evaluate(proxies(values)).stress
        assert ((level.low <= level.value) & (level.value <= level.high)).all()
        widths.append(float((level.high - level.low).mean()))
    assert widths[1] < 0.6 * widths[0]


def test_a_reference_period_with_gaps_has_nearly_as_many_resamples_as_one_without():
    values = np.random.default_rng(0).normal(size=24)
    values[:4] = math.nan
    scales, _ = fit_proxy_scales({"error": values})
    assert len(list(resampled_scales({"error": values}, scales, 100, None, 0))) >= 95


def test_the_shares_of_regimes_sum_to_one_and_follow_the_seed():
    values = series()
    for name in STRESS_PROXIES:
        values[name][70:] += 4.0
    for name in PROTECTION_PROXIES:
        values[name][70:] -= np.linspace(0.0, 9.0, 30)
    estimator = LayerMetricsEstimator(config={"resamples": 40}).fit(proxies(values), reference=(0, 59))
    found, again = estimator.evaluate(proxies(values)), estimator.evaluate(proxies(values))
    assert found.mode_probs == again.mode_probs
    assert all(sum(shares.values()) == pytest.approx(1.0) for shares in found.mode_probs if shares)
    assert all((shares is None) == (mode is None) for shares, mode in zip(found.mode_probs, found.modes, strict=True))
    assert found.modes[50] == "stagnation"
    assert "transition" in found.modes[70:]
    assert all(LayerState.model_validate(state.model_dump()) == state for state in found.states())


def test_collapse_and_upgrade_are_told_only_where_capacity_is_known():
    values = series()
    fallen = np.r_[np.ones(60), np.full(40, 0.5)]
    estimator = fitted(values)
    assert "collapse" in estimator.evaluate(proxies(values, capacity=fallen)).modes
    blind = estimator.evaluate(proxies(values))
    assert "collapse" not in blind.modes
    assert "no upgrade and no collapse is told where capacity is not known" in blind.reasons


def test_rules_of_ones_own_are_followed():
    values = series()
    found = fitted(values).evaluate(proxies(values), rules=RegimeRules(firm_protection=1.0, high_stress=0.0))
    assert "stagnation" not in found.modes


def test_an_estimator_that_saw_nothing_says_so():
    with pytest.raises(ConfigError, match="not fitted"):
        LayerMetricsEstimator().evaluate(proxies(series()))


@pytest.mark.parametrize(
    ("config", "error", "said"),
    [
        ({"resample": 5}, ConfigError, "did you mean 'resamples'"),
        ({"resamples": 5}, ConfigError, "resamples is 5"),
        ({"weights": {"eror": 1}}, ConfigError, "did you mean 'error'"),
        ({"weights": {"error": -1}}, ConfigError, "error"),
    ],
)
def test_a_configuration_that_cannot_be_honoured_is_refused(config, error, said):
    with pytest.raises(error, match=said):
        LayerMetricsEstimator(config=config).fit(proxies(series()), reference=(0, 59))


def test_a_reference_period_must_be_long_enough():
    with pytest.raises(InsufficientEvidence, match="19 times lie in the reference period"):
        fitted(series(), reference=(0, 18))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"times": [0]}, "at least 2"),
        ({"times": [0, 1, 1]}, "0 to 1 apart"),
        ({"times": [0, 1, 3]}, "1 to 2 apart"),
        ({"times": [0, 1, math.nan]}, "finite times"),
        ({"stress": {"eror": [1, 2, 3]}}, "did you mean 'error'"),
        ({"stress": {"control": [1, 2, 3]}}, "no proxy of stress"),
        ({"stress": {"error": [1, 2]}}, r"error has the shape \(2,\) for 3 times"),
        ({"stress": {"error": [1, 2, math.inf]}}, "1 infinite values"),
        ({"capacity": [1, 2]}, "capacity has the shape"),
        ({"active": [True]}, "active has the shape"),
    ],
)
def test_proxies_that_do_not_fit_together_are_refused(given, said):
    with pytest.raises(DataError, match=said):
        LayerProxies(**{"times": [0, 1, 2], **given})


def test_the_series_given_cannot_be_changed_afterwards():
    error = np.zeros(3)
    kept = LayerProxies([0, 1, 2], {"error": error})
    error[0] = 9.0
    assert kept.stress["error"][0] == 0.0


def behavior(t, **payload):
    return Observation(obs_id=str(t), pattern_id="a", timestamp=t, modality="behavior", payload=payload)


def test_shares_leave_out_what_a_flag_does_not_apply_to_and_windows_with_too_few():
    seen = [behavior(t, action="x", ok=t % 2 == 0) for t in range(20)] + [
        behavior(t, action="x") for t in range(30, 50)
    ]
    starts, shares = flag_shares(
        seen, {"error": lambda one: None if "ok" not in one.payload else not one.payload["ok"]}, 10.0
    )
    assert starts.tolist() == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert shares["error"][:2].tolist() == [0.5, 0.5]
    assert np.isnan(shares["error"][2:]).all()


def test_rigidity_is_one_for_one_action_and_zero_for_equal_shares():
    seen = [behavior(t, action="abcd"[t % 4]) for t in range(40)] + [behavior(t, action="a") for t in range(40, 80)]
    assert action_rigidity(seen, 40.0)[1].tolist() == [0.0, 1.0]


def test_one_kind_of_action_alone_has_no_rigidity():
    assert np.isnan(action_rigidity([behavior(t, action="a") for t in range(20)], 20.0)[1]).all()


def test_windows_of_nothing_or_of_no_width_are_refused():
    with pytest.raises(DataError, match="0 observations"):
        action_rigidity([], 5.0)
    with pytest.raises(ConfigError, match="width is 0"):
        action_rigidity([behavior(1, action="a")], 0)
    with pytest.raises(ConfigError, match="the limit is 1000000"):
        action_rigidity([behavior(0, action="a"), behavior(1e9, action="a")], 1.0)
    with pytest.raises(ConfigError, match="fewest is 0"):
        flag_shares([behavior(0, action="a")], {}, 1.0, fewest=0)


def test_suppression_is_the_share_of_the_rare_of_which_nothing_is_left():
    assert suppression_share("abcd", "bz") == 0.75
    assert suppression_share([], "a") is None


def test_instability_is_the_rolling_median_absolute_deviation():
    values = np.random.default_rng(0).normal(size=50)
    found = rolling_instability(values, 7)
    for end in range(6, 50):
        window = values[end - 6 : end + 1]
        assert found[end] == pytest.approx(np.median(np.abs(window - np.median(window))))
    assert np.isnan(found[:6]).all()
    with pytest.raises(ConfigError, match="window is 51"):
        rolling_instability(values, 51)
