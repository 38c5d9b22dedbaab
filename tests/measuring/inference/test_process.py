# SPDX-License-Identifier: Apache-2.0
"""The walk of a pair of e-processes and its shared ending."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.process import (
    GUARD,
    Walk,
    agree_with_walk,
    decide_by_walk,
    further_units,
    outcome_of,
    ville,
)


class Sum:
    """A process that adds what it is fed, times a sign."""

    def __init__(self, sign=1.0):
        self.log_e, self.sign, self.fed = 0.0, sign, 0

    def update(self, value):
        self.log_e += self.sign * value
        self.fed += 1


class SumRule:
    name, guarantee = "sum", "exact"

    def __init__(self, **schedule):
        self.schedule = schedule

    def start(self, bar):
        accept, reject = ville(bar)
        return Walk(Sum(), Sum(-1.0), accept=accept, reject=reject, **self.schedule)

    def decide(self, values, bar):
        return decide_by_walk(
            self, values, bar, estimate=lambda used: math.fsum(used) / len(used), low=None, high=None, detail={}
        )

    def smallest_n(self, bar):
        return None, None


def walked(values, **schedule):
    walk = Walk(Sum(), Sum(-1.0), accept=3.0, reject=2.0, **schedule)
    answers = [walk.update(value) for value in values]
    return walk, answers


def state(walk):
    return (walk.log_low, walk.log_high, walk.sup_low, walk.sup_high, walk.side, walk.decided_at, walk.looked)


@pytest.mark.parametrize(("values", "side", "at"), [([1, 1, 1.5], "above", 3), ([-1, -1.5], "below", 2)])
def test_the_side_that_reaches_its_boundary_decides(values, side, at):
    walk, answers = walked(values)
    assert (walk.side, walk.decided_at) == (side, at)
    assert answers == [False] * (at - 1) + [True]


def test_a_decision_is_kept_and_later_values_are_only_counted():
    walk, _ = walked([4.0])
    before = state(walk)
    assert walk.update(-1000.0) is True
    assert state(walk) == before
    assert (walk.n, walk.used, walk.low.fed) == (2, 1, 1)


def test_a_value_after_the_decision_is_not_even_read():
    walk, _ = walked([4.0])
    assert walk.update("not a number") is True


def test_a_value_that_only_ties_the_boundary_does_not_decide():
    assert walked([3.0])[0].side is None
    assert walked([3.0 + GUARD / 2])[0].side is None
    assert walked([3.0 + 2 * GUARD])[0].side == "above"


def test_where_both_sides_cross_at_once_the_further_one_wins_and_a_tie_waits():
    class Jump:
        log_e = 0.0

        def __init__(self, to):
            self.to = to

        def update(self, value):
            self.log_e = self.to

    for low, high, side in ((5.0, 4.5, "above"), (4.5, 5.0, "below"), (5.0, 5.0, None)):
        walk = Walk(Jump(low), Jump(high), accept=3.0, reject=3.0)
        walk.update(0.0)
        assert walk.side == side


def test_a_batch_is_read_only_at_its_end():
    walk, answers = walked([4.0, 0.0, -3.5, 3.0, 0.0, 0.0], every=3)
    assert answers == [False] * 5 + [True]
    assert (walk.decided_at, walk.sup_low) == (6, 3.5)


def test_the_cap_is_a_look_and_nothing_counts_after_it():
    walk, _ = walked([0.0, 0.0, 0.0, 0.0, 9.0, 9.0], every=3, cap=5)
    assert (walk.side, walk.decided_at) == ("above", 5)
    walk, _ = walked([0.5, 0.5, 9.0], cap=2)
    assert (walk.side, walk.n, walk.used, walk.log_low) == (None, 3, 2, 1.0)


@pytest.mark.parametrize("schedule", [{"every": 0}, {"cap": 0}, {"every": -1}])
def test_a_schedule_without_looks_is_refused(schedule):
    with pytest.raises(ClaimError, match="give 1 unit or more"):
        walked([], **schedule)


def test_p_values_remember_the_best_look_and_start_at_one():
    walk, _ = walked([])
    assert (walk.p_above(), walk.p_below()) == (1.0, 1.0)
    walk, _ = walked([2.0, -3.0])
    assert walk.p_above() == pytest.approx(math.exp(-2.0))
    assert walk.p_below() == pytest.approx(math.exp(-1.0))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(-2, 2), max_size=40), st.integers(0, 40), st.sampled_from([1, 2, 5]), st.sampled_from([None, 13])
)
def test_feeding_in_pieces_changes_nothing(values, cut, every, cap):
    whole, _ = walked(values, every=every, cap=cap)
    pieces, _ = walked(values[:cut], every=every, cap=cap)
    for value in values[cut:]:
        pieces.update(value)
    assert state(pieces) == state(whole)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(-2, 2), max_size=40), st.integers(1, 40))
def test_a_cap_only_takes_decisions_away(values, cap):
    free, capped = walked(values)[0], walked(values, cap=cap)[0]
    if free.decided_at is not None and free.decided_at <= cap:
        assert state(capped) == state(free)
    else:
        assert capped.side is None


@pytest.mark.parametrize(
    ("comparator", "accept", "reject", "above", "below"),
    [
        (">=", 0.01, 0.2, "VALIDATED", "REFUTED"),
        (">", 0.01, 0.2, "VALIDATED", "REFUTED"),
        ("<=", 0.2, 0.01, "REFUTED", "VALIDATED"),
        ("<", 0.2, 0.01, "REFUTED", "VALIDATED"),
    ],
)
def test_levels_and_outcomes_follow_the_direction_of_the_claim(comparator, accept, reject, above, below):
    bar = Bar(comparator, 0.5, alpha=0.01, beta=0.2)
    assert ville(bar) == pytest.approx((-math.log(accept), -math.log(reject)))
    assert (outcome_of("above", bar), outcome_of("below", bar), outcome_of(None, bar)) == (above, below, None)


def test_a_decision_carries_the_path_and_counts_the_units_up_to_it():
    decision = SumRule().decide([2.0, 2.0, -9.0], Bar(">=", 0.5))
    assert (decision.outcome, decision.n, decision.estimate) == ("VALIDATED", 2, 2.0)
    assert decision.detail["decided_at"] == 2
    assert decision.detail["observed"] == 3
    assert decision.p_holds == pytest.approx(math.exp(-4.0))
    assert decision.p_fails == 1.0
    json.dumps(decision.detail, allow_nan=False)


def test_an_estimate_on_the_wrong_side_leaves_the_claim_undecided():
    decision = SumRule().decide([2.0, 2.0], Bar(">=", 50.0))
    assert decision.outcome is None
    assert "the estimate 2.0 is on the other side of '>= 50.0'" in decision.reason


def test_an_open_walk_says_how_far_it_is_and_how_many_units_are_missing():
    decision = SumRule().decide([0.5, 0.5], Bar(">=", 0.1))
    assert (decision.outcome, decision.more) == (None, 4)
    assert "log e 1 of 2.996 for above" in decision.reason
    assert "the cap of 2 units is reached" in SumRule(cap=2).decide([0.5, 0.5], Bar(">=", 0.1)).reason
    assert SumRule().decide([0.0], Bar(">=", 0.1)).more is None


def test_no_values_give_no_estimate():
    decision = SumRule().decide([], Bar(">=", 0.1))
    assert (decision.n, decision.estimate, decision.outcome, decision.reason) == (0, None, None, "no observations")


def test_more_never_exceeds_what_a_search_would_give_up_on():
    walk, _ = walked([1e-9])
    assert further_units(walk) is None


def test_an_infinite_e_value_decides_and_stays_out_of_the_record():
    decision = SumRule().decide([math.inf], Bar(">=", 0.1))
    assert decision.outcome == "VALIDATED"
    assert decision.detail["log_e_low"] is None
    assert decision.p_holds == 0.0


def test_bounds_are_moved_only_where_they_contradict_the_walk():
    open_walk, above, below = walked([0.0])[0], walked([9.0])[0], walked([-9.0])[0]
    assert agree_with_walk(open_walk, 0.5, 0.5, 0.5, 0.5) == (
        math.nextafter(0.5, -math.inf), math.nextafter(0.5, math.inf),
    )  # fmt: skip
    assert agree_with_walk(open_walk, 0.4, 0.6, 0.5, 0.5) == (0.4, 0.6)
    assert agree_with_walk(above, 0.4999, 0.9, 0.5, 0.5) == (0.5, 0.9)
    assert agree_with_walk(below, 0.1, 0.5001, 0.5, 0.5) == (0.1, 0.5)
    assert agree_with_walk(above, 0.4, None, None, 0.5) == (0.4, None)
