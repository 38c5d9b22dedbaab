# SPDX-License-Identifier: Apache-2.0
"""The pillar O.spc over whole runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import resolve_pillars
from ophamin.measuring.pillars.observability.spc import KINDS, SPC, ControlChart, control_chart

SUBGROUPS = {"xbar_r": 5, "xbar_s": 5, "p": 5}
STEADY = [10.0, 12.0, 11.0, 13.0, 12.0, 11.0] * 10


def in_control(kind, n=300, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "p":
        return (rng.random(n) < 0.3).astype(int).tolist()
    return rng.poisson(9, size=n).tolist() if kind == "c" else rng.normal(size=n).tolist()


def test_the_piston_rings_of_a_run_signal_where_published(run_of, piston_rings):
    samples = np.repeat(np.arange(1, 41), 5).tolist()
    run = run_of(diameter=piston_rings.ravel().tolist(), sample=samples)
    chart = control_chart("diameter", "xbar_r", "sample", reference=25, rules="shewhart")
    row = chart.compute(run, [])
    assert (row.pillar, row.library, row.statistic_name, row.statistic_value) == (
        "O.spc", "numpy", "points out of control", 3.0,
    )  # fmt: skip
    assert row.detail["out_of_control"] == [36, 37, 38]  # samples 37, 38, 39 of 1 to 40
    assert (row.detail["phase"], row.detail["reference_points"], row.detail["points"]) == ("II", 25, 15)
    assert round(row.detail["center"], 5) == 74.00118
    assert round(row.detail["dispersion"]["ucl"], 5) == 0.04813
    assert row.detail["run_length"] == 370.40
    assert row.detail["notes"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_computes_and_says_what_it_did(run_of, kind):
    chart = control_chart("x", kind, SUBGROUPS.get(kind))
    row = chart.compute(run_of(x=in_control(kind)), [])
    assert row.statistic_value is not None
    assert row.cross_check == "n/a"
    for key in ("metric", "kind", "center", "ucl", "lcl", "sigma", "phase", "points", "run_length", "notes"):
        assert key in row.detail
    assert row.detail["false_alarms_expected"] == pytest.approx(
        row.detail["points"] / row.detail["run_length"], rel=1e-3
    )
    assert "warnings" not in row.detail
    assert resolve_pillars([chart]) == (chart,)


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_judged_on_limits_of_the_reference_alone(run_of, kind):
    chart = control_chart("x", kind, SUBGROUPS.get(kind), reference=30)
    values = in_control(kind)
    high = 1 if kind == "p" else 1000
    shifted = values[:150] + [high] * 150
    here, there = (chart.compute(run_of(x=one), []).detail for one in (values, shifted))
    assert (here["process_center"], here["sigma"]) == (there["process_center"], there["sigma"])
    assert there["out_of_control_count"] > here["out_of_control_count"]


def test_a_run_judged_on_its_own_limits_says_so(run_of):
    detail = control_chart("x", reference="all").compute(run_of(x=STEADY), []).detail
    assert detail["phase"] == "I"
    assert (detail["points"], detail["reference_points"]) == (60, 60)
    assert any("set by the points they judge" in note for note in detail["notes"])


@pytest.mark.parametrize(
    ("reference", "cut"), [(None, 30), (7, 7), (0.25, 15), (0.9, 54), (59, 59)], ids=lambda value: str(value)
)
def test_the_reference_is_the_first_part_of_the_run(run_of, reference, cut):
    detail = control_chart("x", reference=reference).compute(run_of(x=STEADY), []).detail
    assert (detail["reference_points"], detail["points"]) == (cut, 60 - cut)
    assert any("fewer than 25" in note for note in detail["notes"]) == (cut < 25)


def test_indices_count_from_the_start_of_the_run(run_of):
    run = run_of(x=[*STEADY[:40], 99.0, *STEADY[:9]])
    detail = control_chart("x", reference=30, rules="shewhart").compute(run, []).detail
    assert detail["out_of_control"] == [40]
    assert detail["violations"] == [
        {"rule": 1, "rule_set": "shewhart", "point": 40, "description": "one point beyond a control limit"}
    ]


def test_a_long_list_of_signals_is_cut_and_its_length_told(run_of):
    detail = control_chart("x", reference=30).compute(run_of(x=STEADY[:30] + [50.0] * 500), []).detail
    assert detail["out_of_control_count"] == 500
    assert detail["out_of_control"] == list(range(30, 50))
    assert len(detail["violations"]) == 20


def test_dependence_in_the_reference_is_told(run_of):
    noise = np.random.default_rng(4).normal(size=400)
    wandering = np.convolve(noise, [0.5**k for k in range(12)], mode="valid").tolist()
    detail = control_chart("x").compute(run_of(x=wandering), []).detail
    assert any("lag-1 correlation 0." in note for note in detail["notes"])
    detail = control_chart("x").compute(run_of(x=noise.tolist()), []).detail
    assert detail["notes"] == []


def test_a_key_names_subgroups_in_the_order_in_which_they_appear(run_of):
    values = [1.0, 5.0, 2.0, 6.0, 3.0, 5.5, 2.5, 6.5]
    keyed = control_chart("x", "xbar_r", "shift", reference=1)
    detail = keyed.compute(run_of(x=values, shift=["late", "early"] * 4), []).detail
    assert (detail["center"], detail["subgroup_size"], detail["points"]) == (2.125, 4, 1)
    assert keyed.columns == ("x", "shift")


def test_shares_by_key_may_differ_in_size_and_means_may_not(run_of):
    run = run_of(x=[0, 1, 0, 1, 1, 0, 0, 0, 1], lot=["a"] * 2 + ["b"] * 3 + ["c"] * 4)
    detail = control_chart("x", "p", "lot", reference=2).compute(run, []).detail
    assert (detail["center"], detail["subgroup_size"], detail["lcl"], detail["ucl"]) == (0.6, 4, 0.0, 1.0)
    varying = control_chart("x", "p", "lot", reference=1).compute(run, []).detail
    assert (varying["subgroup_size"], varying["run_length"]) == (None, None)
    assert "not known" in varying["run_length_reason"]
    assert varying["lcl"][0] <= varying["lcl"][1]
    skipped = control_chart("x", "xbar_s", "lot", reference=2).compute(run, [])
    assert "2 to 4 rows" in skipped.detail["reason"]


def test_counts_are_summed_over_a_subgroup(run_of):
    detail = control_chart("x", "c", 2, reference=2).compute(run_of(x=[1, 2, 3, 4, 5, 6, 7]), []).detail
    assert (detail["center"], detail["points"], detail["rows_dropped"]) == (5.0, 1, 1)


def test_rows_that_could_not_be_measured_are_left_out_and_counted(run_of):
    run = run_of({3: "timeout"}, x=[*STEADY, None])
    detail = control_chart("x").compute(run, []).detail
    assert (detail["rows_left_out"], detail["reference_points"] + detail["points"]) == (2, 59)


def test_the_registered_pillar_takes_the_only_numeric_column(run_of):
    assert isinstance(SPC, ControlChart)
    assert SPC.columns == ()
    assert SPC.compute(run_of(phi=STEADY, note=["x"] * 60), []).detail["metric"] == "phi"
    assert "2 columns hold numbers (phi, psi)" in SPC.compute(run_of(phi=STEADY, psi=STEADY), []).detail["reason"]
    assert "no column of the run holds numbers" in SPC.compute(run_of(note=["x"] * 60), []).detail["reason"]
    plain = [CycleResult(i, True, {"phi": value, "wall_time_s": 0.1}) for i, value in enumerate(STEADY)]
    assert SPC.compute(plain, []).detail["metric"] == "phi"


@pytest.mark.parametrize(
    ("columns", "chart", "reason"),
    [
        ({"x": [1.0]}, control_chart("x"), "the run holds 1 points"),
        ({"x": [1.0, 2.0]}, control_chart("x"), "2 of them for the limits leave 0"),
        ({"x": [3.0] * 60}, control_chart("x"), "does not vary"),
        ({"x": [3.0] * 60}, control_chart("x", "cusum"), "does not vary"),
        ({"x": [*STEADY, math.nan]}, control_chart("x"), "'nan' in row 60"),
        ({"x": [*STEADY, "fast"]}, control_chart("x"), "'fast' in row 60"),
        ({"x": [*STEADY, 10**400]}, control_chart("x"), "no float can hold"),
        ({"x": [5e307, -5e307] * 30}, control_chart("x"), "too large"),
        ({"x": STEADY}, control_chart("y"), "no row carries 'y'"),
        ({"x": []}, control_chart("x"), "no row carries 'x'"),
        ({}, control_chart(), "no column"),
        ({"x": STEADY}, control_chart("x", reference=60), "60 of them for the limits leave 0"),
        ({"x": STEADY}, control_chart("x", "xbar_r", 100), "too few for one subgroup"),
        ({"x": STEADY}, control_chart("x", "p", 5), "more than 0 and 1"),
        ({"x": [0, 0] * 30}, control_chart("x", "p", 5), "share in the reference is 0"),
        ({"x": [0.5, 0.25] * 30}, control_chart("x", "c"), "no whole number"),
        ({"x": STEADY, "k": [[1, 2, 3]] * 60}, control_chart("x", "xbar_r", "k"), "label is a list"),
    ],
)
def test_an_undefined_chart_has_a_reason_and_no_number(run_of, capfd, columns, chart, reason):
    row = chart.compute(run_of(**columns), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert reason in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "xbar"}, "did you mean 'xbar_"),
        ({"kind": "xbar_r"}, "needs subgroup="),
        ({"kind": "xbar_r", "subgroup": 1}, "too small"),
        ({"kind": "xbar_r", "subgroup": 2.5}, "number of rows or the key"),
        ({"kind": "individuals", "subgroup": 5}, "leave subgroup= out"),
        ({"kind": "ewma", "rules": "nelson"}, "no runs rules"),
        ({"kind": "ewma", "weight": 2.0}, "weight"),
        ({"kind": "cusum", "decision_interval": 0.0}, "decision_interval"),
        ({"rules": "nelsn"}, "did you mean 'nelson'"),
        ({"sigma_limit": -1}, "sigma_limit"),
        ({"reference": 0}, "reference"),
        ({"reference": 1.0}, "reference"),
        ({"reference": True}, "reference"),
        ({"reference": "half"}, "reference"),
    ],
)
def test_a_chart_that_cannot_be_is_refused_where_it_is_declared(arguments, message):
    with pytest.raises(ClaimError, match=message):
        control_chart("x", **arguments)


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.integers(-30, 30).map(float), min_size=8, max_size=60),
    scale=st.sampled_from([0.25, 4.0]),
    kind=st.sampled_from(["individuals", "ewma", "cusum"]),
)
def test_the_number_of_signals_does_not_depend_on_the_unit(run_of, values, scale, kind):
    chart = control_chart("x", kind)
    here, there = (chart.compute(run_of(x=one), []) for one in (values, [value * scale for value in values]))
    assert here.statistic_value == there.statistic_value


def test_nothing_is_written_anywhere(run_of, capfd):
    for kind in KINDS:
        control_chart("x", kind, SUBGROUPS.get(kind)).compute(run_of(x=in_control(kind)), [])
    assert capfd.readouterr() == ("", "")
