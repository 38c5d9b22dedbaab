# SPDX-License-Identifier: Apache-2.0
"""The pillar diagnostics.assumptions says who may speak."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars import diagnostics
from ophamin.measuring.pillars.base import library_version
from ophamin.measuring.pillars.diagnostics import assumptions, entitlement
from ophamin.measuring.pillars.diagnostics.entitlement import NEEDS, PILLAR, judge
from ophamin.measuring.pillars.diagnostics.series import Check
from ophamin.protocols import Pillar


def _rows(values):
    return [CycleResult(row, True, {"phi": value}) for row, value in enumerate(values)]


def _noise(n=300, seed=3):
    return np.random.default_rng(seed).normal(size=n).tolist()


def test_white_noise_lets_every_pillar_speak():
    row = assumptions("phi").compute(_rows(_noise()), [])
    assert row.detail["entitled"] == {"gaussian": True, "independent": True, "stationary": True}
    assert set(row.detail["pillars"].values()) == {True}
    assert row.detail["verdict"].endswith("every pillar may speak of it")
    assert (row.library, row.library_version) == ("statsmodels", library_version("statsmodels"))
    assert row.cross_check == "passed"
    assert row.statistic_name == "effective sample size of phi"
    assert row.statistic_value == pytest.approx(300, rel=0.2)
    assert (assumptions("phi").columns, row.detail["rows"]) == (("phi",), 300)


@pytest.mark.parametrize(
    ("values", "entitled"),
    [
        (np.cumsum(_noise()).tolist(), {"independent": False, "stationary": False}),
        ([one + 0.02 * i for i, one in enumerate(_noise())], {"independent": False, "stationary": False}),
        (np.exp(_noise()).tolist(), {"gaussian": False, "independent": True, "stationary": True}),
        ([float(one > 0) for one in _noise()], {"gaussian": False, "independent": True, "stationary": True}),
        (sorted(_noise()), {"independent": False}),
    ],
)
def test_a_clear_departure_is_found(values, entitled):
    told = assumptions("phi").compute(_rows(values), []).detail["entitled"]
    assert entitled.items() <= told.items()


def test_a_pillar_speaks_only_where_all_it_needs_is_given():
    told = assumptions("phi").compute(_rows(np.exp(_noise()).tolist()), []).detail
    assert {name: all(told["entitled"][need] for need in needs) for name, needs in NEEDS.items()} == told["pillars"]
    assert told["pillars"]["A.msprt"] is False
    assert told["pillars"]["A.sprt"] is True
    assert "not entitled to speak of it: A.msprt, M.mea, O.spc" in told["verdict"]


def test_a_short_series_leaves_stationarity_open():
    told = assumptions("phi").compute(_rows(_noise(25)), []).detail
    assert told["entitled"]["stationary"] is None
    assert told["pillars"]["O.spc"] is None
    assert "unknown: O.spc, diagnostics.anticipatory" in told["verdict"]
    assert "at least 30" in told["checks"]["adf"]["note"]


@pytest.mark.parametrize(
    ("p_values", "entitled"),
    [
        ({}, (True, True, True)),
        ({"normality": 0.024}, (False, True, True)),
        ({"dagostino": 0.024}, (False, True, True)),
        ({"normality": 0.026}, (True, True, True)),
        ({"lag1": 0.024}, (True, False, True)),
        ({"ljung_box": 0.024}, (True, False, True)),
        ({"adf": 0.06}, (True, True, False)),
        ({"kpss": 0.04}, (True, True, False)),
        ({"adf": None}, (True, True, None)),
        ({"adf": None, "kpss": 0.01}, (True, True, False)),
        ({"normality": None}, (None, True, True)),
    ],
)
def test_each_assumption_is_judged_by_its_own_checks(p_values, entitled):
    passing = {"normality": 0.5, "dagostino": 0.5, "lag1": 0.5, "ljung_box": 0.5, "adf": 0.001, "kpss": 0.1}
    checks = {name: Check(name, 1.0, p_value, "") for name, p_value in {**passing, **p_values}.items()}
    assert tuple(judge(checks, 0.05).values()) == entitled


@pytest.mark.slow
def test_each_assumption_is_denied_to_white_noise_about_as_often_as_declared():
    rng = np.random.default_rng(20261123)
    runs = 400
    denied = dict.fromkeys(("gaussian", "independent", "stationary"), 0)
    for _ in range(runs):
        told = assumptions("phi").compute(_rows(rng.normal(size=120).tolist()), []).detail["entitled"]
        for name, answer in told.items():
            denied[name] += answer is False
    # binomial, 3 standard errors of a rate of 0.05 are 0.033
    assert all(count / runs < 0.05 + 0.033 for count in denied.values()), denied
    assert denied["independent"] > 0
    assert denied["stationary"] > 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no row carries 'phi'"),
        (_rows([1.0]), "1 values"),
        (_rows([2.5] * 50), "equal up to rounding"),
        (_rows(["a"] * 50), "finite numbers alone"),
        (_rows([float("nan")] * 50), "finite numbers alone"),
        (_rows([float("inf")] * 50), "finite numbers alone"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_reason_and_no_number(rows, said, capfd):
    row = assumptions("phi").compute(rows, [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert said in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


def test_no_warning_of_a_library_reaches_the_row():
    assert "warnings" not in assumptions("phi").compute(_rows(_noise()), []).detail


def test_a_second_opinion_that_differs_fails_the_cross_check(monkeypatch):
    real = entitlement.check_series

    def off(series, correlations):
        checks = real(series, correlations)
        own = checks["ljung_box"]
        return {**checks, "ljung_box": Check(own.test, own.statistic * 1.01, own.p_value, own.null)}

    monkeypatch.setattr(entitlement, "check_series", off)
    assert assumptions("phi").compute(_rows(_noise()), []).cross_check == "failed"


def test_a_long_series_skips_the_second_opinion():
    assert assumptions("phi").compute(_rows(_noise(5001)), []).cross_check == "skipped"


def test_without_the_library_there_is_a_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.stattools", None)
    row = assumptions("phi").compute(_rows(_noise()), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "statsmodels" in row.detail["reason"]


@pytest.mark.parametrize("alpha", [0.009, 0.11, 0, "0.05", True, float("nan")])
def test_alpha_stays_within_the_table_of_the_kpss_test(alpha):
    with pytest.raises(ClaimError, match=r"from 0\.01 to 0\.1"):
        assumptions("phi", alpha=alpha)


def test_a_metric_that_is_not_named_is_refused():
    with pytest.raises(ClaimError, match="the metric is ''"):
        assumptions("")


def test_the_registered_pillar_says_how_to_declare_one():
    row = PILLAR.compute(_rows(_noise()), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "assumptions('phi')" in row.detail["reason"]
    assert isinstance(PILLAR, Pillar)
    assert PILLAR.columns == ()


def test_every_exported_name_is_there_and_no_other():
    assert all(getattr(diagnostics, name) is not None for name in diagnostics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'assumption'"):
        _ = diagnostics.assumption
