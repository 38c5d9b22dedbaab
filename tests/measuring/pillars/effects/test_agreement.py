# SPDX-License-Identifier: Apache-2.0
"""Two implementations of one number."""

from __future__ import annotations

import math

from ophamin.core.evidence import PillarEvidence
from ophamin.measuring.pillars.effects.agreement import cross_checked


def test_numbers_within_the_stated_tolerance_agree():
    assert cross_checked({"f": (1.0, 1.0 + 0.9e-9)}, "by hand")[0] == "passed"
    outcome, told = cross_checked({"f": (1.0, 1.0 + 1.1e-9), "g": (2.0, 2.0)}, "by hand")
    assert outcome == "failed"
    assert told["differ"] == {"f": [1.0, 1.0 + 1.1e-9]}
    assert told["tolerance"] == 1e-9


def test_a_number_near_0_is_compared_on_the_scale_that_is_given_for_it():
    pair = {"slope": (1e-15, -1e-15)}
    assert cross_checked(pair, "by hand")[0] == "failed"
    assert cross_checked(pair, "by hand", {"slope": 1.0})[0] == "passed"


def test_a_number_that_is_not_finite_never_agrees_and_stays_recordable():
    for odd in (math.nan, math.inf):
        outcome, told = cross_checked({"f": (1.0, odd)}, "by hand")
        assert outcome == "failed"
        PillarEvidence("M.mea", "F", 1.0, "statsmodels", "0", cross_check=outcome, detail=told)
