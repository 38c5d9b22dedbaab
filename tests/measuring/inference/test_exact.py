# SPDX-License-Identifier: Apache-2.0
"""Deterministic observations, declared intervals, censuses."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar, Census, DeclaredInterval, Deterministic, Estimate
from ophamin.measuring.inference.exact import NO_INTERVAL

COMPARATORS = [">=", "<=", ">", "<", "=="]


@pytest.mark.parametrize("comparator", COMPARATORS)
@pytest.mark.parametrize("value", [2, 3, 4])
def test_a_deterministic_value_is_compared_as_it_is(comparator, value):
    bar = Bar(comparator, 3)
    decision = Deterministic().decide([value] * 4, bar)
    assert decision.outcome == ("VALIDATED" if bar.holds(value) else "REFUTED")
    assert (decision.estimate, decision.low, decision.high, decision.n) == (value, value, value, 4)
    assert decision.p_holds is None


def test_values_that_differ_are_undecided_and_named():
    decision = Deterministic().decide([3, 5, 3, 4], Bar("<=", 10))
    assert decision.outcome is None
    assert decision.reason.endswith("differ: 3, 5, 4")


def test_many_differing_values_are_named_by_the_first_five():
    assert Deterministic().decide(list(range(9)), Bar("<=", 10)).reason.endswith("0, 1, 2, 3, 4 and 4 others")


def test_large_integers_are_compared_without_rounding():
    assert Deterministic().decide([2**53 + 1], Bar("==", 2**53)).outcome == "REFUTED"
    assert Deterministic().decide([2**53 + 1, 2**53], Bar("<=", 2**60)).outcome is None


@pytest.mark.parametrize(
    ("comparator", "low", "high", "outcome"),
    [
        (">=", 0.5, 0.7, "VALIDATED"), (">", 0.5, 0.7, None), (">=", 0.3, 0.5, None), (">", 0.3, 0.5, "REFUTED"),
        (">=", 0.3, 0.49, "REFUTED"), ("<=", 0.3, 0.5, "VALIDATED"), ("<", 0.3, 0.5, None), ("<", 0.5, 0.7, "REFUTED"),
        ("<=", 0.5, 0.7, None), ("<=", 0.3, 0.7, None), (">", 0.3, 0.7, None),
    ],
)  # fmt: skip
def test_a_declared_interval_decides_where_it_lies_on_one_side(comparator, low, high, outcome):
    decision = DeclaredInterval().decide([Estimate((low + high) / 2, low, high)], Bar(comparator, 0.5))
    assert decision.outcome == outcome
    assert (decision.low, decision.high) == (low, high)
    assert bool(decision.reason) is (outcome is None)


def test_a_bare_number_has_no_interval():
    decision = DeclaredInterval().decide([0.9], Bar(">=", 0.5))
    assert (decision.outcome, decision.reason, decision.estimate, decision.low) == (None, NO_INTERVAL, 0.9, None)


def test_several_estimates_are_undecided():
    decision = DeclaredInterval().decide([Estimate(0.9, 0.8, 1.0)] * 2, Bar(">=", 0.5))
    assert decision.outcome is None
    assert "2 estimates" in decision.reason


@pytest.mark.parametrize(
    "numbers", [(0.5, 0.6, 0.7), (0.5, 0.3, 0.4), (0.5, 0.7, 0.3), (math.nan, 0, 1), (0.5, -math.inf, 1), ("a", 0, 1)]
)
def test_an_estimate_outside_its_interval_or_not_finite_is_refused(numbers):
    with pytest.raises(ObservationError):
        Estimate(*numbers)


@pytest.mark.parametrize("value", [None, "0.5", math.nan])
def test_what_is_neither_estimate_nor_number_is_refused(value):
    with pytest.raises(ObservationError, match="observation 0"):
        DeclaredInterval().decide([value], Bar(">=", 0.5))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_mean_of_a_census_is_rounded_once(values):
    exact = sum(map(Fraction, values)) / len(values)
    assert Census("mean").decide(values, Bar(">=", 0.0)).estimate == float(exact)


def test_a_census_of_decimal_values_meets_its_decimal_bar():
    assert Census("mean").decide([0.1, 0.2, 0.3], Bar(">=", 0.2)).outcome == "VALIDATED"
    assert Census("rate").decide([1] * 9 + [0], Bar("==", 0.9)).outcome == "VALIDATED"


@pytest.mark.parametrize("comparator", COMPARATORS)
def test_a_census_compares_exactly(comparator):
    for value in (0.25, 0.5, 0.75):
        bar = Bar(comparator, value)
        decision = Census("rate").decide([1, 0], bar)
        assert decision.outcome == ("VALIDATED" if bar.holds(0.5) else "REFUTED")
        assert decision.guarantee == "exact"


def test_the_quantile_of_a_census_is_a_value_of_the_population():
    assert Census("quantile", 0.95).decide([float(i) for i in range(1, 101)], Bar("==", 95.0)).outcome == "VALIDATED"


@pytest.mark.parametrize(
    ("kind", "q", "words"),
    [("median", None, "has no census"), ("observed", None, "has no census"), ("mean", 0.5, "takes none"),
     ("quantile", None, "both excluded"), ("quantile", 1.0, "both excluded"), (None, None, "has no census")],
)  # fmt: skip
def test_a_census_of_something_else_is_refused(kind, q, words):
    with pytest.raises(ClaimError, match=words):
        Census(kind, q)


@pytest.mark.parametrize(("kind", "value"), [("rate", 0.5), ("rate", None), ("mean", math.nan), ("mean", "x")])
def test_a_census_refuses_values_that_do_not_fit(kind, value):
    with pytest.raises(ObservationError, match="observation 1"):
        Census(kind).decide([1, value], Bar(">=", 0.5))


@pytest.mark.parametrize("rule", [Deterministic(), DeclaredInterval(), Census("rate")], ids=lambda rule: rule.name)
def test_one_unit_is_enough_where_nothing_is_inferred(rule):
    assert rule.smallest_n(Bar(">=", 0.5)) == (1, 1)
