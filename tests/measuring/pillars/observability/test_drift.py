# SPDX-License-Identifier: Apache-2.0
"""The drift detectors of river, and the pillar O.drift over whole runs."""

from __future__ import annotations

import math
import random
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, resolve_pillars
from ophamin.measuring.pillars.observability.drift import (
    DETECTORS,
    DRIFT,
    FALSE_ALARMS,
    MAX_KSWIN,
    DriftMonitor,
    drift,
)

pytest.importorskip("river", reason="river is not installed (extra: drift)")


def documented_stream():
    """The stream of river's documentation: 1000 of 0 and 1, then 1000 of 4 to 7."""
    rng = random.Random(12345)
    return rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)


def shifted(n=1200, at=600, by=3.0, seed=0):
    values = np.random.default_rng(seed).normal(size=n)
    values[at:] += by
    return values.tolist()


# river's documentation of each detector prints the value at which it finds the change of that stream
PRINTED = [("adwin", {}, 1023), ("page_hinkley", {}, 1006), ("kswin", {"alpha": 0.0001, "seed": 42}, 1016)]


@pytest.mark.parametrize(("detector", "parameters", "printed"), PRINTED)
def test_the_monitor_finds_the_documented_change(detector, parameters, printed):
    report = DriftMonitor(detector, **parameters).run(documented_stream())
    assert (report.detector, report.n_observations, report.n_drifts) == (detector, 2000, 1)
    assert (report.change_points, report.warning_points) == ([printed], [])


@pytest.mark.parametrize(("detector", "parameters", "printed"), PRINTED)
def test_the_pillar_finds_the_documented_change_in_the_values_as_they_are(run_of, detector, parameters, printed):
    row = drift("x", detector, standardise=False, **parameters).compute(run_of(x=documented_stream()), [])
    assert (row.pillar, row.library, row.statistic_name, row.statistic_value) == (
        "O.drift",
        "river",
        "change points",
        1.0,
    )
    assert (row.detail["change_points"], row.detail["change_point_count"]) == ([printed], 1)
    assert (row.detail["points"], row.detail["standardised"]) == (2000, None)


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_monitor_is_rivers_own_detector_value_by_value(detector):
    from river import drift as river_drift
    from river.drift import binary

    kinds = {
        "adwin": river_drift.ADWIN, "page_hinkley": river_drift.PageHinkley, "ddm": binary.DDM, "eddm": binary.EDDM,
        "kswin": lambda: river_drift.KSWIN(seed=0),
    }  # fmt: skip
    rng = np.random.default_rng(1)
    if detector in {"ddm", "eddm"}:
        values = (rng.random(600) < np.repeat([0.1, 0.5], 300)).astype(float).tolist()
    else:
        values = (rng.normal(size=600) + np.repeat([0.0, 3.0], 300)).tolist()
    model, changes, warnings = kinds[detector](), [], []
    for index, value in enumerate(values):
        model.update(bool(value) if detector in {"ddm", "eddm"} else value)
        if model.drift_detected:
            changes.append(index)
        if getattr(model, "warning_detected", False):
            warnings.append(index)
    assert changes
    report = DriftMonitor(detector).run(values)
    assert (report.change_points, report.warning_points) == (changes, warnings)
    halves = DriftMonitor(detector)
    halves.run(values[:250])
    assert halves.run(values[250:]) == report
    single = DriftMonitor(detector)
    assert [index for index, value in enumerate(values) if single.update(value)] == changes
    assert single.report() == report


def test_errors_that_become_more_frequent_warn_and_then_signal(run_of):
    rng = np.random.default_rng(2)
    errors = (rng.random(2000) < np.repeat([0.1, 0.4], 1000)).tolist()
    detail = drift("error", "ddm").compute(run_of(error=errors), []).detail
    assert detail["change_point_count"] >= 1
    assert 1000 < detail["change_points"][-1] < 1150
    assert detail["warning_point_count"] >= 1
    assert detail["standardised"] is None


def test_the_default_finds_a_shift_and_says_what_it_stands_on(run_of):
    chart = drift("x")
    row = chart.compute(run_of(x=shifted()), [])
    assert row.detail["detector"] == "adwin"
    assert row.statistic_value >= 1
    assert 600 < row.detail["change_points"][0] < 700
    assert row.detail["standardised"]["reference_points"] == 240
    assert (row.detail["run_length"], row.detail["false_alarm_within_1000"]) == (2_100_000.0, 0.0002)
    assert resolve_pillars([chart]) == (chart,)


@pytest.mark.parametrize("detector", ["adwin", "page_hinkley"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([2.0**-30, 0.5, 4.0, 2.0**40]))
def test_the_scale_of_the_metric_changes_nothing(run_of, detector, seed, scale):
    values = shifted(600, 300, 2.0, seed)
    here, there = (
        drift("x", detector).compute(run_of(x=one), []).detail for one in (values, [value * scale for value in values])
    )
    assert here["change_points"] == there["change_points"]
    assert there["standardised"]["scale"] == here["standardised"]["scale"] * scale


def test_the_scale_is_robust_and_falls_back_where_most_values_are_equal(run_of):
    values = shifted(1000, 900, 0.0)
    spoiled = [1e6 if index in {5, 50, 120} else value for index, value in enumerate(values)]
    scaling = drift("x").compute(run_of(x=spoiled), []).detail["standardised"]
    assert scaling["scale"] == pytest.approx(1.0, abs=0.2)
    assert scaling["center"] == pytest.approx(0.0, abs=0.2)
    mostly_equal = ([0.0] * 3 + [1.0]) * 100
    scaling = drift("x", reference=80).compute(run_of(x=mostly_equal), []).detail["standardised"]
    assert scaling == {"center": 0.0, "scale": pytest.approx(0.25 * math.sqrt(math.pi / 2)), "reference_points": 80}


@pytest.mark.parametrize(("reference", "size"), [(None, 120), (50, 50), (0.5, 300)])
def test_the_reference_is_the_first_part_of_the_run(run_of, reference, size):
    detail = drift("x", reference=reference).compute(run_of(x=shifted(600)), []).detail
    assert detail["standardised"]["reference_points"] == size


@pytest.mark.parametrize("detector", DETECTORS)
def test_every_detector_says_what_is_known_of_its_false_alarms(run_of, detector):
    column = [int(value > 1) for value in shifted(400, 300)]
    detail = drift("x", detector).compute(run_of(x=column), []).detail
    run_length, error, within = FALSE_ALARMS[detector]
    assert (detail["run_length"], detail["run_length_standard_error"]) == (run_length, error)
    assert detail["false_alarm_within_1000"] == within
    assert ("run_length_reason" in detail) == (run_length is None)


def test_of_other_parameters_and_unscaled_values_nothing_is_claimed(run_of):
    run = run_of(x=shifted())
    for chart in (drift("x", delta=0.05), drift("x", standardise=False)):
        detail = chart.compute(run, []).detail
        assert (detail["run_length"], detail["false_alarm_within_1000"]) == (None, None)
        assert "run_length_reason" in detail
    assert drift("x", delta=0.05).compute(run, []).detail["parameters"] == {"delta": 0.05}


def test_kswin_gives_the_same_answer_twice(run_of):
    run = run_of(x=shifted(800, 400))
    assert drift("x", "kswin").compute(run, []) == drift("x", "kswin").compute(run, [])


def test_the_registered_pillar_takes_the_only_numeric_column(run_of):
    assert DRIFT.columns == ()
    assert (DRIFT.detector, drift("phi").columns) == ("adwin", ("phi",))
    assert DRIFT.compute(run_of(phi=shifted(), note=["x"] * 1200), []).detail["metric"] == "phi"
    assert "2 columns" in DRIFT.compute(run_of(phi=shifted(), psi=shifted()), []).detail["reason"]
    plain = [CycleResult(i, True, {"phi": value}) for i, value in enumerate(shifted())]
    assert DRIFT.compute(plain, []).statistic_value >= 1


@pytest.mark.parametrize(
    ("values", "chart", "reason"),
    [
        ([1.0], drift("x"), "the run holds 1 values"),
        (shifted(30), drift("x"), "the first 30 set centre and scale"),
        (shifted(50), drift("x", reference=50), "the first 50"),
        ([2.0] * 100, drift("x"), "do not vary"),
        ([*shifted(100), math.nan], drift("x"), "'nan' in row 100"),
        ([*shifted(100), "high"], drift("x"), "'high' in row 100"),
        ([*[1e-300, 2e-300] * 50, 1e300], drift("x"), "too far"),
        (shifted(100), drift("x", "ddm"), "takes errors, 1 or 0"),
        (shifted(100), drift("x", "eddm"), "takes errors, 1 or 0"),
        (shifted(MAX_KSWIN + 1), drift("x", "kswin"), f"the limit is {MAX_KSWIN}"),
        (shifted(100), drift("y"), "no row carries 'y'"),
        (shifted(100), drift("x", delta="small"), "river refuses the parameters of adwin"),
    ],
)
def test_an_undefined_drift_has_a_reason_and_no_number(run_of, capfd, values, chart, reason):
    row = chart.compute(run_of(x=values), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert reason in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


def test_without_river_the_row_says_what_to_install(run_of, monkeypatch):
    for name in [name for name in sys.modules if name == "river" or name.startswith("river.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "river", None)
    row = drift("x").compute(run_of(x=shifted()), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "install the extra that brings river" in row.detail["reason"]
    with pytest.raises(ImportError, match="river"):
        DriftMonitor("adwin")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"detector": "adwn"}, "did you mean 'adwin'"),
        ({"detector": "adwin", "threshold": 5}, "adwin has no parameter 'threshold'"),
        ({"reference": 1}, "reference is 1"),
        ({"reference": 1.5}, "reference is 1.5"),
        ({"reference": True}, "reference is True"),
    ],
)
def test_a_detector_that_cannot_be_is_refused_where_it_is_declared(arguments, message):
    with pytest.raises(ClaimError, match=message):
        drift("x", **arguments)


@pytest.mark.parametrize(
    ("detector", "values", "message"),
    [
        ("adwin", [1.0, math.inf], "not finite"),
        ("adwin", ["1"], "no numbers"),
        ("adwin", [[1.0]], "shape is"),
        ("ddm", [0.5], "1 or 0"),
        ("kswin", [0.0] * (MAX_KSWIN + 1), "too many for kswin"),
    ],
)
def test_values_that_a_monitor_cannot_take_are_refused_before_any_is_fed(detector, values, message):
    monitor = DriftMonitor(detector)
    with pytest.raises(NotComputableError, match=message):
        monitor.run(values)
    assert monitor.report().n_observations == 0
    assert monitor.run([]).n_observations == 0


def test_a_generator_feeds_a_monitor():
    assert DriftMonitor().run(float(value) for value in documented_stream()).change_points == [1023]


@pytest.mark.slow
@pytest.mark.parametrize(("detector", "runs"), [("page_hinkley", 1000), ("ddm", 800), ("eddm", 1500), ("kswin", 15)])
def test_streams_in_control_alarm_as_often_as_stated(detector, runs):
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(runs):
        values = rng.random(1000) < 0.1 if detector in {"ddm", "eddm"} else rng.normal(size=1000)
        alarms += DriftMonitor(detector).run(values.astype(float)).n_drifts > 0
    stated = FALSE_ALARMS[detector][2]
    assert alarms / runs == pytest.approx(stated, abs=4 * math.sqrt(stated * (1 - stated) / runs))


@pytest.mark.slow
def test_streams_in_control_run_as_long_as_stated():
    rng = np.random.default_rng(4)
    lengths = []
    for _ in range(500):
        monitor = DriftMonitor("page_hinkley")
        while not (report := monitor.run(rng.normal(size=1000))).n_drifts:
            pass
        lengths.append(1 + report.change_points[0])
    error = np.std(lengths) / math.sqrt(len(lengths))
    assert np.mean(lengths) == pytest.approx(FALSE_ALARMS["page_hinkley"][0], abs=4 * error)
    alarms = sum(DriftMonitor("adwin").run(rng.normal(size=200_000)).n_drifts for _ in range(20))
    assert alarms <= 8  # 4 million points at one alarm in 2.1 million; more than 8 has a probability of 3e-4
