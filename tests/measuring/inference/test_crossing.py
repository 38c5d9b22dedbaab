# SPDX-License-Identifier: Apache-2.0
"""The inversion of a monotone test into a bound."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.measuring.inference.crossing import last_excluded


@settings(max_examples=150, deadline=None)
@given(st.floats(1e-6, 0.999), st.sampled_from([0.2, 1.0, 5.0]), st.one_of(st.none(), st.floats(-1.0, 2.0)))
def test_the_crossing_is_found_from_the_excluded_side(root, power, guess):
    found = last_excluded(lambda x: root**power - x**power, 0.0, 1.0, guess)
    assert found <= root
    assert root**power - found**power <= 1e-12 or found == pytest.approx(root, rel=1e-15)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 99.0))
def test_the_excluded_side_may_lie_above(root):
    found = last_excluded(lambda x: math.log(x / root), 100.0, 0.001)
    assert found >= root
    assert found == pytest.approx(root, rel=1e-9)


def test_a_gap_may_be_infinite():
    assert last_excluded(lambda x: math.inf if x < 0.25 else -1.0, 0.0, 1.0) == pytest.approx(0.25)


def test_without_an_excluded_point_nearby_the_far_end_is_given():
    assert last_excluded(lambda x: -1.0, 0.0, 1.0) == pytest.approx(0.0, abs=1e-50)


def test_few_readings_are_enough():
    readings = []

    def gap(x):
        readings.append(x)
        return 3.0 - 10.0 * x**1.5

    last_excluded(gap, 0.0, 1.0)
    assert len(readings) < 25
