# SPDX-License-Identifier: Apache-2.0
"""Cognitive inertia is defined where change was asked for, and nowhere else."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.shapes import CycleResult
from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.pillars.base import library_version
from ophamin.measuring.pillars.diagnostics import CognitiveInertiaMeter, inertia
from ophamin.measuring.pillars.diagnostics.intervals import clopper_pearson
from ophamin.measuring.pillars.diagnostics.responsiveness import PILLAR
from ophamin.protocols import Pillar

positive = st.floats(1e-3, 1e3)
pushes = st.lists(st.tuples(positive, st.floats(-10, 1e3), st.floats(-10, 1e3), st.booleans()), min_size=1, max_size=40)


def _meter(rows, **settings_):
    meter = CognitiveInertiaMeter(**settings_)
    for row in rows:
        meter.observe(*row)
    return meter.report()


@settings(max_examples=80, deadline=None)
@given(pushes)
def test_the_report_is_the_definition(rows):
    report = _meter(rows)
    shares = [max(0.0, min(1.0, observed / expected)) for _, expected, observed, _ in rows if expected > 0]
    rejection = sum(not accepted for *_, accepted in rows) / len(rows)
    assert report.rejection == pytest.approx(rejection)
    if shares:
        adaptation = math.fsum(shares) / len(shares)
        assert report.adaptation == pytest.approx(adaptation, abs=1e-12)
        assert report.inertia == pytest.approx(1 - adaptation, abs=1e-12)
        assert report.balance == pytest.approx(adaptation - rejection, abs=1e-12)
        assert report.inertia_low - 1e-12 <= report.inertia <= report.inertia_high + 1e-12
        assert report.stagnant is (report.inertia >= 0.8 or report.rejection >= 0.8)
    else:
        assert (report.adaptation, report.inertia, report.balance, report.weighted_inertia) == (None, None, None, None)


@settings(max_examples=50, deadline=None)
@given(pushes, st.floats(1e-3, 1e3))
def test_the_unit_of_change_and_the_scale_of_strength_do_not_matter(rows, factor):
    scaled = [(strength * factor, *(one * factor for one in change), accepted) for strength, *change, accepted in rows]
    one, other = _meter(rows), _meter(scaled)
    assert (one.inertia, one.weighted_inertia) == pytest.approx((other.inertia, other.weighted_inertia), abs=1e-9)


def test_strength_weighs_the_weighted_inertia_alone():
    report = _meter([(1.0, 1.0, 1.0, True), (3.0, 1.0, 0.0, True)])
    assert (report.inertia, report.weighted_inertia) == (0.5, 0.75)
    assert _meter([(0.0, 1.0, 0.5, True)]).weighted_inertia is None


def test_more_change_than_asked_is_full_adaptation_and_the_other_way_is_none():
    assert _meter([(1, 1.0, 5.0, True)]).inertia == 0.0
    assert _meter([(1, 1.0, -5.0, True)]).inertia == 1.0


def test_no_data_is_undefined_and_not_adaptive():
    report = CognitiveInertiaMeter().report()
    assert (report.n, report.inertia, report.rejection, report.balance, report.stagnant) == (0, None, None, None, None)
    assert report.reason == "no rows; observe at least one"


def test_no_change_asked_leaves_inertia_open_but_not_rejection():
    report = _meter([(1, 0.0, 0.3, True), (1, -1.0, 0.3, True)])
    assert (report.inertia, report.rejection, report.stagnant) == (None, 0.0, None)
    assert "none of 2 rows calls for change" in report.reason
    assert _meter([(1, 0.0, 0.3, False)]).stagnant is True


@pytest.mark.parametrize(("came", "stagnant"), [(0.2, True), (0.3, False)])
def test_the_threshold_belongs_to_stagnation(came, stagnant):
    assert _meter([(1, 1.0, came, True)]).stagnant is stagnant
    assert _meter([(1, 1.0, 1.0, came > 0.25)]).stagnant is stagnant


def test_huge_and_tiny_numbers_do_not_overflow():
    assert _meter([(1e308, 1e-300, 1e300, True), (1e308, 1e300, 1e-300, True)]).inertia == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((math.nan, 1, 1, True), "observation 0 is nan"),
        ((1, math.inf, 1, True), "observation 1 is inf"),
        ((1, 1, "much", True), "observation 2 is 'much'"),
        ((-1, 1, 1, True), "strength is -1.0"),
        ((1, 1, 1, 0.5), "accepted is 0.5"),
        ((1, 1, 1, None), "accepted is None"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_and_not_counted(row, said):
    meter = CognitiveInertiaMeter()
    with pytest.raises(ObservationError, match=said):
        meter.observe(*row)
    assert meter.report().n == 0


@pytest.mark.parametrize("threshold", [0, 1.1, math.nan, "high", True])
def test_a_threshold_outside_its_range_is_refused(threshold):
    with pytest.raises(ClaimError, match="stagnant_threshold"):
        CognitiveInertiaMeter(threshold)


def _rows(n=40, **columns):
    given_ = {"asked": [1.0] * n, "came": [0.25, 0.75] * (n // 2), "taken": [True] * (n - 1) + [False], **columns}
    return [CycleResult(row, True, {name: values[row] for name, values in given_.items()}) for row in range(n)]


NAMES = {"expected": "asked", "observed": "came", "accepted": "taken"}


def test_the_pillar_reads_columns_and_says_what_it_computed():
    pillar = inertia(**NAMES, strength="push")
    row = pillar.compute(_rows(push=[1, 3] * 20), [])
    assert (row.pillar, row.library) == ("diagnostics.inertia", "numpy")
    assert row.library_version == library_version("numpy")
    assert (row.statistic_value, row.detail["weighted_inertia"]) == (0.5, 0.375)
    assert row.ci_low < 0.5 < row.ci_high
    assert [row.detail["rejection_low"], row.detail["rejection_high"]] == list(clopper_pearson(1, 40, 0.95))
    assert pillar.columns == ("asked", "came", "taken", "push")
    assert inertia(**NAMES).columns == ("asked", "came", "taken")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no row carries 'asked'"),
        (_rows(asked=[0.0] * 40), "none of 40 rows calls for change"),
        (_rows(came=["a"] * 40), "finite numbers alone"),
        (_rows(came=[math.nan] * 40), "finite numbers alone"),
        (_rows(taken=[0.5] * 40), "more than True and False"),
        (_rows(push=[-1.0] * 40), "strength below 0"),
    ],
)
def test_a_run_that_does_not_allow_it_gives_a_reason_and_no_number(rows, said, capfd):
    strength = "push" if rows and "push" in rows[0].raw else None
    row = inertia(**NAMES, strength=strength).compute(rows, [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert said in row.detail["reason"]
    assert capfd.readouterr() == ("", "")


def test_a_column_that_is_not_named_is_refused():
    with pytest.raises(ClaimError, match="observed is ''"):
        inertia(expected="a", observed="", accepted="b")


def test_the_registered_pillar_says_how_to_declare_one():
    row = PILLAR.compute(_rows(), [])
    assert (row.statistic_value, row.cross_check) == (None, "skipped")
    assert "inertia(expected=" in row.detail["reason"]
    assert isinstance(PILLAR, Pillar)
    assert PILLAR.columns == ()
