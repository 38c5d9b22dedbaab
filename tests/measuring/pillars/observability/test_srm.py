# SPDX-License-Identifier: Apache-2.0
"""The pillar O.srm over whole runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import resolve_pillars
from ophamin.measuring.pillars.observability import srm as module
from ophamin.measuring.pillars.observability.sample_ratio import SequentialSRM
from ophamin.measuring.pillars.observability.srm import SRM, SampleRatio, srm


def arms(first, second):
    return ["a"] * first + ["b"] * second


def test_a_published_mismatch_fails_the_condition_and_two_implementations_agree(run_of):
    row = srm("arm", a=1, b=1).compute(run_of(arm=arms(600, 400)), [])
    assert (row.pillar, row.library, row.statistic_name, row.statistic_value) == ("O.srm", "scipy", "chi-square", 40.0)
    assert f"{row.p_value:.2e}" == "2.54e-10"  # Wikipedia, Sample ratio mismatch
    assert (row.cross_check, row.effect_size) == ("passed", pytest.approx(0.1))
    assert (row.detail["condition"], row.detail["method"], row.detail["dof"]) == ("fails", "chi_square", 1)
    assert row.detail["observed"] == {"a": 600, "b": 400}
    assert row.detail["expected"] == {"a": 500.0, "b": 500.0}
    assert SRM.condition(row) is False


def test_a_ratio_that_holds_is_a_condition_that_holds(run_of):
    chart = srm("arm", a=2, b=1)
    row = chart.compute(run_of(arm=arms(198, 102)), [])
    assert row.detail["condition"] == "holds"
    assert chart.condition(row) is True
    assert resolve_pillars([chart]) == (chart,)


def test_a_condition_that_cannot_be_told_is_none(run_of):
    row = srm("arm", a=1, b=1).compute(run_of(arm=arms(5, 5)), [])
    assert SRM.condition(SRM.compute(run_of(arm=["a"] * 9), [])) is None
    assert SRM.condition(replace(row, pillar="O.spc")) is None
    assert SRM.condition(replace(row, detail={"condition": ["holds"]})) is None


def test_undeclared_ratios_are_equal_shares_and_said_to_be(run_of):
    row = SRM.compute(run_of(arm=arms(30, 30)), [])
    assert (row.detail["condition"], row.statistic_value) == ("holds", 0.0)
    assert any("no ratio was declared" in note for note in row.detail["notes"])
    assert (SRM.columns, srm("variant").columns) == (("arm",), ("variant",))


def test_few_units_are_tested_exactly_and_checked_by_the_binomial_test(run_of):
    row = srm("arm", a=1, b=1).compute(run_of(arm=["a"] * 4), [])
    assert (row.p_value, row.cross_check) == (pytest.approx(0.125), "passed")
    assert (row.detail["method"], row.detail["observed"]) == ("exact", {"a": 4, "b": 0})
    three = srm("arm", a=1, b=1, c=2).compute(run_of(arm=["a", "b", "c", "c"]), [])
    assert (three.detail["method"], three.cross_check) == ("exact", "n/a")


def test_a_rough_chi_square_says_so(run_of):
    row = srm("arm", method="chi_square", a=1, b=9).compute(run_of(arm=arms(1, 19)), [])
    assert any("below 5" in note for note in row.detail["notes"])


def test_an_empty_arm_of_ratio_0_is_no_trouble_and_a_filled_one_a_mismatch(run_of):
    chart = srm("arm", a=50, b=50, c=0)
    clean, odd = chart.compute(run_of(arm=arms(70, 30)), []), chart.compute(run_of(arm=[*arms(50, 50), "c"]), [])
    assert clean.p_value == pytest.approx(6.33e-5, rel=1e-3)
    assert clean.detail["condition"] == "fails"
    assert (odd.statistic_value, odd.p_value, odd.detail["condition"]) == (None, 0.0, "fails")
    assert any("c should be empty" in note for note in odd.detail["notes"])
    watched = srm("arm", method="sequential", a=1, b=1, c=0).compute(run_of(arm=[*arms(50, 50), "c"]), [])
    assert (watched.statistic_value, watched.p_value, watched.detail["condition"]) == (None, 0.0, "fails")


def test_a_watched_run_is_the_watch_unit_by_unit(run_of):
    values = ["a" if u < 0.6 else "b" for u in np.random.default_rng(1).random(800)]
    row = srm("arm", alpha=0.01, method="sequential", a=1, b=1).compute(run_of(arm=values), [])
    watch, results = SequentialSRM({"a": 1, "b": 1}, alpha=0.01), []
    for n in range(1, 801):
        results.append(watch.look({"a": values[:n].count("a"), "b": values[:n].count("b")}))
    first = next(i for i, result in enumerate(results) if result.is_mismatch)
    assert (row.statistic_name, row.detail["first_mismatch"], row.detail["condition"]) == (
        "log e-value",
        first,
        "fails",
    )
    assert row.p_value == pytest.approx(results[-1].pvalue, rel=1e-9)
    assert row.detail["looks"] == "after every unit"


def test_a_watched_run_without_mismatch_holds(run_of):
    row = srm("arm", method="sequential", a=1, b=1).compute(run_of(arm=["a", "b"] * 200), [])
    assert (row.detail["condition"], row.detail["first_mismatch"]) == ("holds", None)
    assert row.statistic_value < 0 < row.p_value


@pytest.mark.parametrize("method", ["chi_square", "exact"])
@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.sampled_from("abc"), min_size=1, max_size=30), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing_at_one_look(run_of, method, values, seed):
    chart = srm("arm", method=method, a=1, b=2, c=3)
    moved = list(values)
    seed.shuffle(moved)
    assert chart.compute(run_of(arm=moved), []) == chart.compute(run_of(arm=values), [])


def test_numbers_and_flags_are_arms_by_their_text(run_of):
    flags = SampleRatio("on", ratios={"True": 1, "False": 1}).compute(run_of(on=[True, False] * 20), [])
    assert flags.detail["observed"] == {"True": 20, "False": 20}
    doses = SampleRatio("dose", ratios={1: 1, 2: 1}).compute(run_of(dose=[1, 2] * 20), [])
    assert doses.detail["observed"] == {"1": 20, "2": 20}
    plain = [CycleResult(i, True, {"arm": "ab"[i % 2]}) for i in range(40)]
    assert SRM.compute(plain, []).detail["observed"] == {"a": 20, "b": 20}


def test_a_second_implementation_that_differs_is_told_with_both_numbers(run_of, monkeypatch):
    monkeypatch.setattr(module, "chi_square_by_hand", lambda observed, expected: (40.0 + 1e-6, 2.54e-10))
    row = srm("arm", a=1, b=1).compute(run_of(arm=arms(600, 400)), [])
    assert row.cross_check == "failed"
    assert row.detail["cross_check_values"]["scipy"][0] == 40.0
    assert row.detail["cross_check_values"]["second"][0] == 40.0 + 1e-6


def test_lost_rows_are_counted(run_of):
    row = srm("arm", a=1, b=1).compute(run_of({0: "timeout"}, arm=[*arms(30, 30), None]), [])
    assert (row.detail["observed"], row.detail["rows_left_out"]) == ({"a": 29, "b": 30}, 2)


@pytest.mark.parametrize(
    ("values", "chart", "reason"),
    [
        (["a"], SRM, "one arm, 'a'"),
        (["a"] * 50, SRM, "one arm, 'a'"),
        (["a"] * 50, srm(a=1), "one arm, 'a'"),
        ([], SRM, "no row carries 'arm'"),
        (["a", "b"], srm("armm"), "did you mean 'arm'"),
        (["a", "b", "x"], srm(a=1, b=1), "without a ratio: x"),
        (["a", math.nan], srm(a=1, b=1), "'nan'"),
        (["a", [1, 2, 3]], srm(a=1, b=1), "holds a list"),
        (list(range(200)), SRM, "200 values"),
        (["a", "b", "c"] * 900, srm(method="exact"), "outcomes"),
    ],
)
def test_an_undefined_ratio_has_a_reason_and_no_number(run_of, capfd, values, chart, reason):
    row = chart.compute(run_of(arm=values), [])
    assert (row.statistic_value, row.p_value, row.cross_check) == (None, None, "skipped")
    assert reason in row.detail["reason"]
    assert chart.condition(row) is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": ""}, "by is ''"),
        ({"alpha": 0.0}, "alpha"),
        ({"method": "g_test"}, "chi_square"),
        ({"a": -1.0}, "'a' is -1.0"),
        ({"a": 0, "b": 0}, "no arm to be filled"),
    ],
)
def test_a_ratio_that_cannot_be_is_refused_where_it_is_declared(arguments, message):
    with pytest.raises(ClaimError, match=message):
        srm(**arguments)
