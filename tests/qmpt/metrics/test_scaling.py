# SPDX-License-Identifier: Apache-2.0
"""Promises about the scale of the terms, and about the rows before any model sees them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.population import (
    FewPatternsWarning,
    PrincipalAxes,
    RobustStandardiser,
    as_population,
    as_rows,
    canonical_order,
    row_groups,
)
from qmpt.metrics.scaling import fit_scale

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=60).map(np.array)
MODES = ["robust_z", "z", "tail", "none"]


@given(VALUES, VALUES)
@settings(deadline=None)
def test_every_scale_is_finite_and_never_falls(reference, asked):
    for mode in MODES:
        found = fit_scale(reference, mode).apply(np.sort(asked))
        assert np.isfinite(found).all()
        assert (np.diff(found) >= 0.0).all()


def test_the_robust_scale_is_the_standard_one_for_normal_values_and_heeds_no_outlier():
    values = np.random.default_rng(0).normal(3.0, 2.0, size=20_000)
    clean, spoilt = fit_scale(values), fit_scale(np.r_[values, [1e9] * 2000])
    assert clean.center == pytest.approx(3.0, abs=0.05)
    assert clean.spread == pytest.approx(2.0, rel=0.02)
    assert spoilt.spread == pytest.approx(clean.spread, rel=0.2)
    assert fit_scale(values, "z").spread == pytest.approx(values.std())


@pytest.mark.parametrize(
    ("values", "spread", "basis"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], 1.4826022, "mad"),
        ([0.0, 0.0, 0.0, 0.0, 4.0], 0.8 / 0.7978846, "mean deviation"),
        ([7.0] * 5, 1.0, "constant"),
        ([0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2, 0.3], 1.0, "constant"),  # rounding is no spread
    ],
    ids=["spread", "ties", "constant", "rounding"],
)
def test_the_robust_scale_says_what_its_unit_is(values, spread, basis):
    found = fit_scale(np.array(values))
    assert found.spread == pytest.approx(spread)
    assert found.basis == basis


def test_a_far_value_does_not_make_the_spread_of_the_others_vanish():
    assert fit_scale(np.r_[np.arange(50.0), 5e9]).basis == "mad"


def test_the_tail_scale_is_minus_the_log_of_the_share_at_least_as_large():
    found = fit_scale(np.array([1.0, 2.0, 3.0]), "tail").apply(np.array([0.0, 2.0, 9.0]))
    np.testing.assert_allclose(found, -np.log([4 / 4, 3 / 4, 1 / 4]))


def test_an_unknown_normalisation_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'robust_z'"):
        fit_scale(np.arange(5.0), "robustz")


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([], InsufficientEvidence, "0 patterns"),
        ([[1.0, 2.0]], InsufficientEvidence, "1 patterns, and 5"),
        (np.zeros((3, 200)), InsufficientEvidence, "3 patterns"),
        (np.zeros((40, 0)), DataError, r"\(40, 0\)"),
        (np.zeros(40), DataError, r"\(40,\)"),
        ([[1.0], [2.0, 3.0]] * 20, DataError, "equal length"),
        ([["a"]] * 40, DataError, "real numbers"),
        (np.full((40, 1), 1j), DataError, "real numbers"),
        (np.r_[np.zeros((39, 2)), [[0.0, np.nan]]], DataError, r"value at \(39, 1\) is nan \(1 of 80"),
        (np.r_[np.zeros((39, 1)), [[np.inf]]], DataError, "is inf"),
        (np.r_[np.zeros((39, 1)), [[-1.1e300]]], DataError, "beyond 1e\\+300"),
    ],
    ids=[
        "empty", "one pattern", "3 rows of 200", "no columns", "a row", "ragged", "text", "complex", "nan", "inf",
        "1.1e300",
    ],
)  # fmt: skip
def test_a_population_that_cannot_be_used_is_refused_with_the_value_and_the_way_out(values, error, message):
    with pytest.raises(error, match=message):
        as_population(values)


def test_fewer_than_thirty_patterns_are_taken_with_a_warning():
    with pytest.warns(FewPatternsWarning, match="29 patterns; below 30"):
        as_population(np.eye(29))
    as_population(np.eye(30))


def test_rows_of_another_width_are_refused():
    with pytest.raises(DataError, match=r"\(1, 3\), but the population had 2 features"):
        as_rows([[1.0, 2.0, 3.0]], 2)


def test_constant_features_are_dropped_and_recorded_and_mostly_constant_ones_are_kept():
    table = np.column_stack([np.arange(10.0), np.full(10, 7.0), [0.0] * 9 + [3.0]])
    known = RobustStandardiser.fit(table)
    assert known.dropped == (1,)
    assert known.constants == (7.0,)
    assert known.kept.tolist() == [0, 2]
    assert known.transform(table)[:, 1].max() == pytest.approx(np.sqrt(10))
    with pytest.raises(DataError, match="none of the 2 features varies among 10 patterns"):
        RobustStandardiser.fit(np.ones((10, 2)))


def test_the_largest_and_the_smallest_numbers_stay_finite():
    table = np.column_stack([np.r_[np.arange(39.0), 1e300], np.arange(40.0) * 2e298, np.arange(40.0) * 1e-320])
    rows = RobustStandardiser.fit(table).transform(table)
    assert np.isfinite(rows).all()
    assert rows[-1, 0] == 1e6


def test_standard_units_are_those_of_a_normal():
    table = np.random.default_rng(0).normal(5.0, 3.0, size=(50_000, 1))
    rows = RobustStandardiser.fit(table).transform(table)
    assert rows.std() == pytest.approx(1.0, abs=0.02)
    assert np.median(rows) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("n", "d"), [(50, 4), (4, 50)])
def test_principal_axes_are_those_of_the_singular_values(n, d):
    rows = np.random.default_rng(0).normal(size=(n, d)) * np.linspace(3.0, 1.0, d)
    axes = PrincipalAxes.fit(rows, 2)
    directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:2]
    np.testing.assert_allclose(np.abs(axes.axes.T @ directions.T), np.eye(2), atol=1e-8)
    np.testing.assert_allclose(axes.axes.T @ axes.axes, np.eye(2), atol=1e-10)


def test_one_far_row_does_not_turn_the_axes():
    rows = np.random.default_rng(0).normal(size=(300, 2)) * [3.0, 0.5]
    turned = PrincipalAxes.fit(np.r_[rows, [[0.0, 1e6]]], 1).axes
    assert abs(turned[0, 0]) > 0.99


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30), st.randoms())
@settings(deadline=None)
def test_the_order_of_rows_depends_on_what_they_are_and_not_on_where_they_stood(pairs, random):
    rows = np.array(pairs, dtype=float)
    ordered = rows[canonical_order(rows)]
    assert [tuple(row) for row in ordered.tolist()] == sorted((float(a), float(b)) for a, b in pairs)
    shuffled = list(pairs)
    random.shuffle(shuffled)
    other = np.array(shuffled, dtype=float)
    np.testing.assert_array_equal(other[canonical_order(other)], ordered)
    assert row_groups(ordered)[-1] + 1 == len(set(pairs))
