# SPDX-License-Identifier: Apache-2.0
"""The sequential quantile: a rate rule on the values up to the bar."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar, Quantile
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.process import outcome_of
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

COMPARATORS = [">=", ">", "<=", "<"]
TIED = st.lists(st.integers(0, 4).map(float), max_size=150)
INNER = [Sprt(0.125), BetaMixture(), Sprt(0.0625, batch=6)]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(COMPARATORS), st.sampled_from(INNER), TIED)
def test_it_is_the_rate_rule_on_the_indicators(comparator, inner, values):
    bar = Bar(comparator, 2.0, 0.05, 0.125)
    rule = SequentialQuantile(0.75, inner)
    indicators = [value <= 2.0 if comparator in {"<=", ">"} else value < 2.0 for value in values]
    share_bar = Bar({"<=": ">=", "<": ">", ">=": "<=", ">": "<"}[comparator], 0.75, 0.05, 0.125)
    decision, share = rule.decide(values, bar), inner.decide(indicators, share_bar)
    assert (decision.n, decision.p_holds, decision.p_fails) == (share.n, share.p_holds, share.p_fails)
    assert decision.outcome in {share.outcome, None}
    assert decision.outcome == share.outcome or "on the other side" in decision.reason


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(COMPARATORS), st.sampled_from(INNER), TIED)
def test_the_interval_is_the_decision(comparator, inner, values):
    bar = Bar(comparator, 2.0, 0.05, 0.125)
    decision = SequentialQuantile(0.75, inner).decide(values, bar)
    validating, refuting = (decision.low, decision.high) if bar.upward else (decision.high, decision.low)
    if validating is not None and bar.holds(validating):
        assert decision.outcome == "VALIDATED"
    elif refuting is not None and not bar.holds(refuting):
        assert decision.outcome == "REFUTED"
    else:
        assert decision.outcome is None


def _outcome(rule, values, bar):
    walk = rule.start(bar)
    for value in values:
        walk.update(value)
    return outcome_of(walk.side, bar)


@pytest.mark.parametrize("comparator", COMPARATORS)
def test_error_rates_hold_for_tied_populations_by_enumeration(comparator):
    q, n, bar = 0.5, 8, Bar(comparator, 2.0, 0.3, 0.2)
    rule = SequentialQuantile(q, Sprt(0.25))
    decided = {values: _outcome(rule, values, bar) for values in itertools.product((1.0, 2.0, 3.0), repeat=n)}
    assert {"VALIDATED", "REFUTED"} <= set(decided.values())
    for first, second in itertools.product(range(11), repeat=2):
        shares = {1.0: first / 10, 2.0: second / 10, 3.0: (10 - first - second) / 10}
        if shares[3.0] < 0.0:
            continue
        truth = 1.0 if first >= 5 else 2.0 if first + second >= 5 else 3.0
        wrong, level = ("REFUTED", bar.beta) if bar.holds(truth) else ("VALIDATED", bar.alpha)
        rate = math.fsum(
            math.prod(shares[value] for value in values) for values, outcome in decided.items() if outcome == wrong
        )
        assert rate <= level + 1e-12, shares


def test_the_estimate_is_that_of_the_fixed_rule_over_the_units_that_were_used():
    values = [float(i % 7) for i in range(200)]
    bar = Bar("<=", 20.0)
    decision = SequentialQuantile(0.95, Sprt(0.02)).decide(values, bar)
    assert (decision.outcome, decision.n) == ("VALIDATED", 144)
    assert decision.estimate == Quantile(0.95).decide(values[:144], bar).estimate
    assert decision.detail["at_or_below_bar"] == 144


@pytest.mark.parametrize("inner", [TwoSprt(0.03), Sprt(0.03, boundaries=(2.8, 2.8))])
def test_a_rule_without_bounds_at_q_gives_none(inner):
    decision = SequentialQuantile(0.95, inner).decide([1.0] * 300, Bar("<=", 2.0))
    assert (decision.outcome, decision.low, decision.high) == ("VALIDATED", None, None)


@pytest.mark.parametrize("comparator", COMPARATORS)
def test_smallest_n_decides_and_one_less_does_not(comparator):
    rule, bar = SequentialQuantile(0.75, Sprt(0.125)), Bar(comparator, 10.0, 0.05, 0.125)
    for size, outcome in zip(rule.smallest_n(bar), ("VALIDATED", "REFUTED"), strict=True):
        value = 11.0 if bar.upward is (outcome == "VALIDATED") else 9.0
        assert rule.decide([value] * size, bar).outcome == outcome
        assert rule.decide([value] * (size - 1), bar).outcome is None


def test_it_takes_the_name_of_the_method_that_decides():
    assert SequentialQuantile(0.95, Sprt(0.02)).name == "sprt"
    assert SequentialQuantile(0.95, BetaMixture()).decide([1.0], Bar("<=", 2.0)).method == "mixture"


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "fast", 10**400])
def test_what_is_no_finite_number_is_refused_with_its_place(value):
    with pytest.raises(ObservationError, match="observation 2 is"):
        SequentialQuantile(0.5, BetaMixture()).decide([1.0, 2.0, value], Bar("<=", 3.0))


@pytest.mark.parametrize("q", [0.0, 1.0, -0.5, 95, math.nan, None])
def test_a_share_outside_zero_to_one_is_refused(q):
    with pytest.raises(ClaimError, match="both excluded"):
        SequentialQuantile(q, BetaMixture())


def test_an_mde_that_leaves_the_range_of_a_share_is_refused():
    with pytest.raises(ClaimError, match=r"give mde below 0\.05"):
        SequentialQuantile(0.95, Sprt(0.1)).start(Bar("<=", 200.0))
