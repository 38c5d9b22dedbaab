# SPDX-License-Identifier: Apache-2.0
"""The pillar A.msprt."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ophamin.core.environment import ophamin_version
from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.adaptive import MixtureSPRT, msprt
from ophamin.measuring.pillars.adaptive.mixture import PILLAR
from ophamin.protocols import Pillar

numbers = st.lists(st.floats(-20, 20), min_size=1, max_size=50)


def _rows(values):
    return [CycleResult(row, True, {"x": value}) for row, value in enumerate(values)]


@given(numbers, st.floats(-2, 2), st.floats(0.1, 5), st.floats(0.01, 10))
def test_the_row_is_the_formula(values, mu0, sigma, tau2):
    row = msprt("x", mu0=mu0, sigma=sigma, tau2=tau2).compute(_rows(values), [])
    logs = []
    for n in range(1, len(values) + 1):
        # Johari et al. (2022), equation 3: V = sigma^2, on the log scale
        v, gap = sigma**2, sum(values[:n]) / n - mu0
        logs.append(0.5 * math.log(v / (v + n * tau2)) + n * n * tau2 * gap * gap / (2 * v * (v + n * tau2)))
    assert row.statistic_value == pytest.approx(logs[-1], rel=1e-9, abs=1e-9)
    assert row.p_value == pytest.approx(min(1.0, math.exp(-max(0.0, *logs))), rel=1e-7)


@given(numbers, st.floats(-2, 2), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_interval_holds_exactly_the_means_that_the_test_does_not_reject_now(values, mu0, alpha):
    row = msprt("x", mu0=mu0, sigma=3.0, alpha=alpha).compute(_rows(values), [])
    for end, inside in ((row.ci_low, 1), (row.ci_high, -1)):
        for step, rejected in ((1e-6 * inside, False), (-1e-6 * inside, True)):
            state = MixtureSPRT(end + step, 3.0, 9.0).update_many(values)
            assert (state.log_mixture_lr >= -math.log(alpha)) is rejected


def test_a_case_that_overflows_on_the_linear_scale_is_computed():
    # 100 values of 4 with sigma = tau2 = 1: log 789.77, beyond the largest float's 709.78
    row = msprt("x", mu0=0.0, sigma=1.0).compute(_rows([4.0] * 100), [])
    assert (round(row.statistic_value, 2), row.p_value) == (789.77, 0.0)
    assert row.detail["decision"] == "reject_h0"


def test_the_mixture_is_as_wide_as_sigma_where_nothing_else_is_said():
    one, other = (msprt("x", mu0=0.0, sigma=scale).compute(_rows([scale * 0.7] * 9), []) for scale in (1.0, 1e-3))
    assert one.statistic_value == pytest.approx(other.statistic_value)
    assert one.effect_size == pytest.approx(other.effect_size) == pytest.approx(0.7)
    assert other.detail["tau2"] == pytest.approx(1e-6)


@pytest.mark.slow
def test_declared_parameters_keep_the_level_that_estimated_ones_break():
    # stationary Gaussian series of 200: with mu0 from the first tenth and sigma from the whole series the test
    # rejects about three in ten at 0.05; with both declared it keeps its level
    rng = random.Random(20261123)
    runs, n = 1500, 200
    declared = estimated = 0
    for _ in range(runs):
        values = [rng.gauss(0, 1) for _ in range(n)]
        rows = _rows(values)
        mean = sum(values) / n
        sigma = math.sqrt(sum((one - mean) ** 2 for one in values) / (n - 1))
        declared += msprt("x", mu0=0.0, sigma=1.0).compute(rows, []).p_value <= 0.05
        estimated += msprt("x", mu0=sum(values[: n // 10]) / (n // 10), sigma=sigma).compute(rows, []).p_value <= 0.05
    assert declared / runs <= 0.05
    assert estimated / runs == pytest.approx(0.298, abs=0.05)


def test_the_row_says_by_what_it_was_computed():
    pillar = msprt("x", mu0=0.5, sigma=0.1)
    row = pillar.compute(_rows([0.5, 0.6]), [])
    assert (row.pillar, row.library, row.library_version) == ("A.msprt", "ophamin", ophamin_version())
    assert (row.detail["mu0"], row.detail["sigma"], row.detail["n"]) == (0.5, 0.1, 2)
    assert pillar.columns == ("x",)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no row carries 'x'"),
        (_rows(["a"]), "finite numbers alone"),
        (_rows([math.inf]), "finite numbers alone"),
        (_rows([1e300]), "too many sigmas"),
        ([CycleResult(0, True, {"x": 1}, error="broken")], "no row that could be measured"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_reason_and_no_number(rows, said, capfd):
    row = msprt("x", mu0=0.0, sigma=1e-3).compute(rows, [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert said in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mu0": math.nan, "sigma": 1.0}, "mu0 is nan"),
        ({"mu0": 0.0, "sigma": 0.0}, "sigma is 0.0"),
        ({"mu0": 0.0, "sigma": None}, "sigma is None"),
        ({"mu0": 0.0, "sigma": 1.0, "tau2": -1.0}, "tau2 is -1.0"),
        ({"mu0": 0.0, "sigma": 1.0, "alpha": 1.0}, "alpha is 1.0"),
    ],
)
def test_mean_and_sigma_are_declared_or_refused(arguments, said):
    with pytest.raises(ClaimError, match=said):
        msprt("x", **arguments)


def test_mean_and_sigma_have_no_default():
    with pytest.raises(TypeError, match="mu0"):
        msprt("x")


def test_a_metric_that_is_not_named_is_refused():
    with pytest.raises(ClaimError, match="the metric is None"):
        msprt(None, mu0=0.0, sigma=1.0)


def test_the_registered_pillar_says_how_to_declare_one():
    row = PILLAR.compute(_rows([1, 0]), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "msprt('phi', mu0=0.5, sigma=0.1)" in row.detail["reason"]
    assert isinstance(PILLAR, Pillar)
    assert PILLAR.columns == ()
