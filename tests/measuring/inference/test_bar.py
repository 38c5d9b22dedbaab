# SPDX-License-Identifier: Apache-2.0
"""The bar of a claim."""

from __future__ import annotations

import math

import pytest

from ophamin.errors import ClaimError
from ophamin.measuring.inference import Bar


@pytest.mark.parametrize(
    ("comparator", "below", "at", "above"),
    [
        (">=", False, True, True),
        (">", False, False, True),
        ("<=", True, True, False),
        ("<", True, False, False),
        ("==", False, True, False),
    ],
)
def test_holds_is_the_comparator_itself(comparator, below, at, above):
    bar = Bar(comparator, 0.5)
    assert [bar.holds(x) for x in (0.4, 0.5, 0.6)] == [below, at, above]


def test_alpha_belongs_to_the_bound_that_validates():
    assert (Bar(">", 0, 0.01, 0.2).low_level, Bar(">", 0, 0.01, 0.2).high_level) == (0.01, 0.2)
    assert (Bar("<", 0, 0.01, 0.2).low_level, Bar("<", 0, 0.01, 0.2).high_level) == (0.2, 0.01)


@pytest.mark.parametrize("level", [0.0, -0.1, 0.51, math.nan, math.inf, "0.05", None, True])
@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_an_error_level_out_of_range_is_refused_by_name(name, level):
    with pytest.raises(ClaimError, match=name):
        Bar(">=", 0.5, **{name: level})


def test_an_error_level_of_one_half_is_the_largest_allowed():
    assert Bar(">=", 0.5, 0.5, 0.5).alpha == 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.5", None, True, 10**400])
def test_a_bar_that_is_no_finite_number_is_refused(value):
    with pytest.raises(ClaimError, match="finite number"):
        Bar(">=", value)


def test_an_unknown_comparator_is_answered_with_the_known_ones():
    with pytest.raises(ClaimError, match="did you mean '>='"):
        Bar("=>=", 0.5)


@pytest.mark.parametrize("comparator", [None, "!=", "", 3])
def test_what_is_no_comparator_is_refused(comparator):
    with pytest.raises(ClaimError, match="not a comparator"):
        Bar(comparator, 0.5)
