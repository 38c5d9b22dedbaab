# SPDX-License-Identifier: Apache-2.0
"""The difference of two arms from pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.betting_process import BettingMean, bets_above, bets_below
from ophamin.measuring.inference.difference import ArrivalPairs, FixedPairedDifference, PairedDifference
from ophamin.measuring.inference.process import Walk

LOG_20 = math.log(20.0)
arms = st.lists(st.integers(0, 32).map(lambda i: i / 32), max_size=40)


@settings(max_examples=60, deadline=None)
@given(arms, arms, st.sampled_from([None, 0.1]))
def test_a_difference_is_decided_as_a_mean_between_minus_and_plus_the_width(a, b, mde):
    bar = Bar(">", 0.0)
    decision = PairedDifference(0.0, 1.0, mde).decide_arms(a, b, bar)
    plain = BettingMean(-1.0, 1.0, mde).decide([x - y for x, y in zip(a, b, strict=False)], bar)
    assert (decision.outcome, decision.n, decision.low, decision.high) == (
        plain.outcome,
        plain.n,
        plain.low,
        plain.high,
    )
    pairs = min(len(a), len(b))
    assert decision.detail["left_over"] == [len(a) - pairs, len(b) - pairs]


@settings(max_examples=60, deadline=None)
@given(arms, arms, st.sampled_from([(">", "<"), (">=", "<=")]), st.sampled_from([-0.25, 0.0, 0.125]))
def test_swapping_the_arms_mirrors_the_decision(a, b, mirrored, value):
    for rule in (PairedDifference(0.0, 1.0, 0.1), FixedPairedDifference(0.0, 1.0)):
        one = rule.decide_arms(a, b, Bar(mirrored[0], value))
        other = rule.decide_arms(b, a, Bar(mirrored[1], -value))
        assert (one.outcome, one.n) == (other.outcome, other.n)
        assert one.estimate == (None if other.estimate is None else -other.estimate)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 32).map(lambda i: i / 32)), max_size=60))
def test_units_meet_in_order_of_arrival_however_the_arms_interleave(arrivals):
    pairs = ArrivalPairs(0.0, 1.0)
    live = [d for d in (pairs.add(arm, value) for arm, value in arrivals) if d is not None]
    a, b = ([value for arm, value in arrivals if arm == name] for name in "ab")
    assert live == [x - y for x, y in zip(a, b, strict=False)]
    assert pairs.left_over == (len(a) - len(live), len(b) - len(live))


def test_a_live_walk_over_arriving_pairs_is_the_decision():
    rng = np.random.default_rng(20261121)
    a, b = rng.beta(4, 2, 200).tolist(), rng.beta(2, 4, 170).tolist()
    rule, bar = PairedDifference(0.0, 1.0, mde=0.2), Bar(">", 0.0)
    pairs, walk = ArrivalPairs(0.0, 1.0), rule.start(bar)
    for arm, values in (("a", a), ("b", b)):
        for value in values:
            difference = pairs.add(arm, value)
            if difference is not None:
                walk.update(difference)
    decision = rule.decide_arms(a, b, bar)
    assert (decision.outcome, decision.n) == ("VALIDATED", walk.decided_at)
    assert (decision.detail["left_over"], pairs.left_over) == ([30, 0], (30, 0))


def test_dependence_within_a_pair_is_used():
    rng = np.random.default_rng(20261121)
    inputs = rng.random(400) * 0.8
    a, b = (inputs + 0.05 + 0.02 * rng.random(400)).tolist(), (inputs + 0.02 * rng.random(400)).tolist()
    rule, bar = PairedDifference(0.0, 1.0, mde=0.05), Bar(">", 0.0)
    together = rule.decide_arms(a, b, bar)
    shuffled = rule.decide_arms(a, rng.permutation(b).tolist(), bar)
    assert together.outcome == "VALIDATED"
    assert together.n * 4 < shuffled.n


def test_the_fixed_rule_looks_once_at_all_pairs():
    rule, bar = FixedPairedDifference(0.0, 10.0), Bar(">=", 0.0)
    decision = rule.decide_arms([8.0, 9.0, 7.5] * 10, [3.0, 2.0, 4.5] * 10, bar)
    assert (decision.outcome, decision.n, decision.detail["left_over"]) == ("VALIDATED", 30, [0, 0])
    assert rule.smallest_n(bar)[0] == 5


def _published(p, difference, truth, replicates):
    """Walks between differences 0 and ``difference`` of independent rates, twelve bets on either side."""
    rng, above, used = np.random.default_rng(20261121), 0, []
    for _ in range(replicates):
        walk = Walk(
            bets_above(0.0, -1.0, 1.0, difference, bets=12),
            bets_below(difference, -1.0, 1.0, difference, bets=12),
            accept=LOG_20,
            reject=LOG_20,
        )
        while walk.side is None:
            pairs = (rng.random(128) < p + truth).astype(float) - (rng.random(128) < p)
            for value in pairs.tolist():
                if walk.update(value):
                    break
        above += walk.side == "above"
        used.append(walk.decided_at)
    return above / replicates, np.mean(used), np.std(used) / math.sqrt(replicates)


@pytest.mark.slow
@pytest.mark.parametrize(("truth", "asn"), [(0.0, 562), (0.025, 1110), (0.05, 670)])
def test_paired_rates_take_the_published_number_of_pairs(truth, asn):
    # rates .10 and .10 + truth, against 0 and .05; errors .016 to .033 were published
    above, mean_n, spread = _published(0.10, 0.05, truth, 600)
    assert mean_n == pytest.approx(asn, abs=5.0 * spread)
    if truth != 0.025:
        assert (above if truth == 0.0 else 1.0 - above) <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 600)


@pytest.mark.parametrize("value", [1.5, -0.1, math.nan, None, "1"])
def test_a_value_that_an_arm_cannot_have_is_refused(value):
    for act in (
        lambda: ArrivalPairs(0.0, 1.0).add("a", value),
        lambda: PairedDifference(0.0, 1.0).decide_arms([0.5], [value], Bar(">", 0.0)),
        lambda: FixedPairedDifference(0.0, 1.0).decide_arms([value], [0.5], Bar(">", 0.0)),
    ):
        with pytest.raises(ObservationError, match="either arm"):
            act()


def test_a_difference_wider_than_the_bounds_is_refused():
    with pytest.raises(ObservationError, match=r"-1\.0 and 1\.0"):
        PairedDifference(0.0, 1.0).decide([1.25], Bar(">", 0.0))
    with pytest.raises(ObservationError, match=r"-1\.0 and"):
        FixedPairedDifference(0.0, 1.0).decide([1.25], Bar(">", 0.0))


def test_arms_bounds_and_margins_that_cannot_be_are_refused():
    for act in (
        lambda: ArrivalPairs(0.0, 1.0).add("c", 0.5),
        lambda: ArrivalPairs(1.0, 0.0),
        lambda: PairedDifference(1.0, 0.0),
        lambda: PairedDifference(0.0, 1.0, mde=-0.1),
        lambda: FixedPairedDifference(0.0, math.nan),
        lambda: PairedDifference(0.0, 1.0).start(Bar(">", 1.5)),
        lambda: PairedDifference(0.0, 1.0).start(Bar("==", 0.0)),
    ):
        with pytest.raises(ClaimError):
            act()
