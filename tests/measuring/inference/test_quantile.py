# SPDX-License-Identifier: Apache-2.0
"""The order-statistics rule."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar, Quantile

comparators = st.sampled_from([">=", ">", "<=", "<"])
dyadic_shares = st.integers(1, 31).map(lambda i: i / 32)
tied_values = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=120)


@settings(max_examples=200, deadline=None)
@given(tied_values, dyadic_shares)
def test_the_estimate_is_numpys_inverted_cdf_quantile(values, q):
    estimate = Quantile(q).decide(values, Bar("<=", 2.0)).estimate
    assert estimate == np.quantile(values, q, method="inverted_cdf")


def test_the_estimate_does_not_trip_over_rounded_products():
    # 100 * 0.07 is 7.000000000000001, and 7 of 100 values are a share of 0.07
    assert Quantile(0.07).decide([float(i) for i in range(1, 101)], Bar("<=", 50.0)).estimate == 7.0


@settings(max_examples=300, deadline=None)
@given(
    tied_values, dyadic_shares, comparators, st.sampled_from([0.0, 1.0, 1.5, 2.0, 4.0]), st.sampled_from([0.05, 0.5])
)
def test_the_interval_is_the_decision(values, q, comparator, value, alpha):
    bar = Bar(comparator, value, alpha, 0.2)
    decision = Quantile(q).decide(values, bar)
    validating, refuting = (decision.low, decision.high) if bar.upward else (decision.high, decision.low)
    if validating is not None and bar.holds(validating):
        assert decision.outcome == "VALIDATED"
    elif refuting is not None and not bar.holds(refuting):
        assert decision.outcome == "REFUTED"
    else:
        assert decision.outcome is None


def _compositions(total, parts):
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _compositions(total - first, parts - 1):
            yield (first, *rest)


@pytest.mark.parametrize("comparator", [">=", ">", "<=", "<"])
@pytest.mark.parametrize("value", [1.0, 1.5, 2.0, 3.0])
def test_error_rates_hold_for_tied_populations_by_summation(comparator, value):
    q, n, bar = 0.6, 9, Bar(comparator, value, 0.2, 0.1)
    decided = {
        counts: Quantile(q)
        .decide([x for x, c in zip((1.0, 2.0, 3.0), counts, strict=True) for _ in range(c)], bar)
        .outcome
        for counts in _compositions(n, 3)
    }
    for twentieths in _compositions(20, 3):
        shares = [t / 20 for t in twentieths]
        truth = 1.0 if shares[0] >= q else 2.0 if twentieths[2] <= 8 else 3.0
        wrong, level = ("REFUTED", bar.beta) if bar.holds(truth) else ("VALIDATED", bar.alpha)
        rate = math.fsum(
            math.factorial(n) * math.prod(p**c / math.factorial(c) for p, c in zip(shares, counts, strict=True))
            for counts, outcome in decided.items()
            if outcome == wrong
        )
        assert rate <= level + 1e-12, (shares, truth)


@pytest.mark.parametrize("comparator", ["<=", ">"])
def test_error_rates_hold_for_a_lognormal_p95_by_simulation(comparator):
    rng = random.Random(20261121)
    bar = Bar(comparator, math.exp(1.6448536269514722), 0.05, 0.05)  # the true p95
    runs = [Quantile(0.95).decide([rng.lognormvariate(0, 1) for _ in range(200)], bar).outcome for _ in range(1500)]
    # both claims sit on the edge: each outcome is at its level, 75 expected at most, standard deviation 8.4
    assert runs.count("VALIDATED") <= 105
    assert runs.count("REFUTED") <= 105
    assert len(runs) - runs.count(None) >= 60


@pytest.mark.parametrize(
    ("q", "bar", "expected"),
    [
        (0.95, Bar("<=", 200.0), (59, 2)),  # Wilks, Annals of Mathematical Statistics 12 (1941): 59
        (0.95, Bar(">", 200.0), (2, 59)),
        (0.99, Bar("<", 200.0), (299, 1)),
        (0.5, Bar("<=", 3.0), (5, 5)),
        (0.5, Bar(">=", 3.0, 0.0625, 0.01), (4, 7)),
    ],
)
def test_smallest_n_is_wilks_number(q, bar, expected):
    assert Quantile(q).smallest_n(bar) == expected


@settings(max_examples=60, deadline=None)
@given(st.floats(0.02, 0.98), comparators)
def test_smallest_n_decides_and_one_less_does_not(q, comparator):
    bar = Bar(comparator, 10.0, 0.05, 0.1)
    for size, outcome in zip(Quantile(q).smallest_n(bar), ("VALIDATED", "REFUTED"), strict=True):
        value = 11.0 if bar.upward is (outcome == "VALIDATED") else 9.0
        assert Quantile(q).decide([value] * size, bar).outcome == outcome
        assert size == 1 or Quantile(q).decide([value] * (size - 1), bar).outcome is None


def test_the_bounds_of_a_median_are_the_textbook_ranks():
    # sign-test intervals: n = 10 at one-sided 2.5 %, ranks 2 and 9 (coverage 97.9 %); n = 20, ranks 6 and 15 (95.9 %)
    bar = Bar("<=", 0.0, 0.025, 0.025)
    assert Quantile(0.5).decide([float(i) for i in range(10)], bar).detail["ranks"] == [2, 9]
    assert Quantile(0.5).decide([float(i) for i in range(20)], bar).detail["ranks"] == [6, 15]


def test_a_small_sample_has_no_bound_on_the_far_side():
    decision = Quantile(0.95).decide([1.0, 2.0, 3.0, 4.0, 5.0], Bar("<=", 100.0))
    assert (decision.outcome, decision.high) == (None, None)
    assert decision.low == 4.0


def test_ties_at_the_bar_count_for_at_most_and_not_for_below():
    values = [200.0] * 59
    assert Quantile(0.95).decide(values, Bar("<=", 200.0)).outcome == "VALIDATED"
    assert Quantile(0.95).decide(values, Bar(">", 200.0)).outcome == "REFUTED"
    assert Quantile(0.05).decide(values, Bar(">=", 200.0)).outcome == "VALIDATED"
    assert Quantile(0.05).decide(values, Bar("<", 200.0)).outcome == "REFUTED"


@settings(max_examples=150, deadline=None)
@given(tied_values, dyadic_shares, comparators)
def test_more_units_of_the_same_kind_decide(values, q, comparator):
    rule, bar = Quantile(q), Bar(comparator, 2.0, 0.05, 0.1)
    more = rule.decide(values, bar).more
    assume(more is not None and more < 20_000)
    times = math.ceil((len(values) + more) / len(values))
    assert rule.decide(values * times, bar).outcome == (
        "VALIDATED" if bar.holds(rule.decide(values, bar).estimate) else "REFUTED"
    )


@settings(max_examples=100, deadline=None)
@given(tied_values, dyadic_shares, st.sampled_from([(">=", "<="), ("<", ">")]), st.randoms())
def test_order_does_not_matter_and_growing_functions_move_the_bounds_along(values, q, mirrored, rng):
    bar = Bar(mirrored[0], 2.0, 0.1, 0.2)
    decision = Quantile(q).decide(values, bar)
    mixed = list(values)
    rng.shuffle(mixed)
    assert Quantile(q).decide(mixed, bar) == decision
    cubed = Quantile(q).decide([value**3 for value in values], Bar(mirrored[0], 8.0, 0.1, 0.2))
    assert cubed.outcome == decision.outcome
    assert [cubed.estimate, cubed.low, cubed.high] == [
        None if number is None else number**3 for number in (decision.estimate, decision.low, decision.high)
    ]


@settings(max_examples=100, deadline=None)
@given(tied_values, st.integers(0, 119), dyadic_shares, comparators)
def test_a_larger_value_never_speaks_for_a_smaller_quantile(values, index, q, comparator):
    bar = Bar(comparator, 2.0)
    raised = list(values)
    raised[index % len(raised)] += 1.0
    before, after = Quantile(q).decide(values, bar), Quantile(q).decide(raised, bar)
    assert after.estimate >= before.estimate
    assert after.p_holds <= before.p_holds if bar.upward else after.p_holds >= before.p_holds


@pytest.mark.parametrize("q", [0.0, 1.0, -0.5, 95, math.nan, None, "0.5", True])
def test_a_share_outside_zero_to_one_is_refused(q):
    with pytest.raises(ClaimError, match="both excluded"):
        Quantile(q)


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "fast", 10**400, 1j])
def test_what_is_no_finite_number_is_refused_with_its_place(value):
    with pytest.raises(ObservationError, match="observation 2 is"):
        Quantile(0.5).decide([1.0, 2.0, value], Bar("<=", 3.0))
