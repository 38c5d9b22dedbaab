# SPDX-License-Identifier: Apache-2.0
"""The intervals of a rate and of a mean between 0 and 1."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from ophamin.measuring.pillars.diagnostics import intervals
from ophamin.measuring.pillars.diagnostics.intervals import clopper_pearson, unit_mean_interval


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.5, 0.999))
def test_the_rate_interval_is_that_of_scipy(successes, failures, confidence):
    n = successes + failures
    if n == 0:
        return
    expected = binomtest(successes, n).proportion_ci(confidence, method="exact")
    assert clopper_pearson(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_five_clean_runs_bound_a_rate_by_0_45_and_59_by_0_05_on_one_side():
    # one-sided 0.95 is two-sided 0.90; 1 - 0.05 ** (1 / n) in closed form
    assert clopper_pearson(0, 5, 0.90)[1] == pytest.approx(0.4507, abs=5e-5)
    assert clopper_pearson(0, 59, 0.90)[1] == pytest.approx(0.0495, abs=5e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_mean_interval_holds_the_mean_and_stays_within_0_and_1(values):
    low, high = unit_mean_interval(values, 0.95)
    assert 0.0 <= low <= sum(values) / len(values) + 1e-12
    assert sum(values) / len(values) - 1e-12 <= high <= 1.0


def test_a_long_series_is_averaged_in_blocks_and_loses_little(monkeypatch):
    rng = random.Random(20261123)
    values = [rng.betavariate(2, 5) for _ in range(6001)]
    low, high = unit_mean_interval(values, 0.95)
    monkeypatch.setattr(intervals, "BLOCKS", 2000)
    blocked_low, blocked_high = unit_mean_interval(values, 0.95)
    assert blocked_low < 2 / 7 < blocked_high
    assert blocked_high - blocked_low == pytest.approx(high - low, rel=0.1)


def test_values_that_fill_no_block_are_left_out(monkeypatch):
    whole = unit_mean_interval([1.0] * 667, 0.95)
    monkeypatch.setattr(intervals, "BLOCKS", 1000)
    assert unit_mean_interval([1.0] * 2002, 0.95) == whole  # 667 blocks of 3, and one value over
