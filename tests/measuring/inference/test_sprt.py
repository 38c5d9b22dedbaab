# SPDX-License-Identifier: Apache-2.0
"""Wald's test and the 2-SPRT of a rate."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.process import GUARD
from ophamin.measuring.inference.rate_walk import count_processes
from ophamin.measuring.inference.sprt import LikelihoodRatio, Sprt, TwoSprt

UNITS = st.lists(st.booleans(), max_size=300)
ACCEPTANCE = Sprt(design="acceptance", margin=0.125)
RULES = [Sprt(0.125), Sprt(0.0625, batch=7, cap=150), ACCEPTANCE, TwoSprt(0.125), TwoSprt(0.0625, batch=4, cap=90)]
BARS = [Bar(">=", 0.5), Bar("<=", 0.75), Bar(">", 0.25, 0.01, 0.1), Bar("<", 0.5, 0.2, 0.01)]


@pytest.mark.parametrize(
    # lines of the sequential plan: NIST/SEMATECH e-Handbook 6.2.6 (.01, .10) and Montgomery, Introduction to
    # Statistical Quality Control, chapter 15 (.01, .06), both alpha = .05, beta = .10, with Wald's boundaries
    ("p1", "p2", "h1", "h2", "slope"),
    [(0.01, 0.10, 0.939, 1.205, 0.0397), (0.01, 0.06, 1.22, 1.57, 0.028)],
)
def test_the_decision_lines_are_the_published_ones(p1, p2, h1, h2, slope):
    process = LikelihoodRatio(p2, p1)
    width = process.up - process.down
    digits = 3 if h1 < 1.0 else 2
    assert round(math.log(0.95 / 0.10) / width, digits) == h1
    assert round(math.log(0.90 / 0.05) / width, digits) == h2
    assert round(-process.down / width, len(str(slope)) - 2) == slope


@pytest.mark.parametrize("null", [0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_ratio_is_a_martingale_at_its_null_and_none_gains_beyond_it(null, share):
    n = 14
    for alternative, beyond in ((null + share * (1 - null), 0.7 * null), (null * share, 1 - 0.7 * (1 - null))):
        process = LikelihoodRatio(alternative, null)
        at = [math.exp(process.at(k, n - k)) for k in range(n + 1)]

        def mean(p, at=at):
            return math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) * e for k, e in enumerate(at))

        assert mean(null) == pytest.approx(1.0, abs=1e-12)
        assert mean(beyond) <= 1.0


def test_the_threshold_design_tests_one_point_on_each_side_against_the_bar():
    walk = Sprt(0.05).start(Bar("<=", 0.1, alpha=0.01, beta=0.2))
    for value in (1, 0, 0):
        walk.update(value)
    assert walk.log_low == pytest.approx(math.log(0.15 / 0.10) + 2 * math.log(0.85 / 0.90))
    assert walk.log_high == pytest.approx(math.log(0.05 / 0.10) + 2 * math.log(0.95 / 0.90))
    assert (walk.accept, walk.reject) == pytest.approx((math.log(5), math.log(100)))


def test_the_acceptance_design_reads_one_ratio_both_ways():
    rule = Sprt(design="acceptance", margin=(0.02, 0.03))
    assert rule.nulls(Bar(">=", 0.12)) == pytest.approx((0.10, 0.15))
    walk = rule.start(Bar(">=", 0.12))
    for value in (1, 0, 0, 1):
        walk.update(value)
        assert walk.log_low == pytest.approx(-walk.log_high, abs=1e-14)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(RULES), st.sampled_from(BARS), UNITS)
def test_the_interval_is_the_decision(rule, bar, values):
    decision = rule.decide(values, bar)
    if not values or rule.start(bar).every > len(values):
        assert decision.outcome is None
        return
    low_null, high_null = rule.nulls(bar)
    above, below = decision.low >= low_null, decision.high <= high_null
    if not above and not below:
        assert decision.outcome is None
    elif not (above and below):
        side = "VALIDATED" if above is bar.upward else "REFUTED"
        assert decision.outcome == side or "on the other side" in decision.reason


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(RULES[:1] + RULES[2:4]),
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
def test_the_bounds_are_where_the_processes_reach_their_boundaries(rule, counts):
    k, n = counts
    bar = Bar(">=", 0.5)
    low, high = rule.bounds(k, n, bar)
    assert 0.0 <= low <= k / n <= high <= 1.0
    (null, other), walk = rule.nulls(bar), rule.start(bar)
    up, down = count_processes(walk)
    distance = (rule.third(bar) - null) if isinstance(rule, TwoSprt) else 0.125 if rule.mde else 0.25
    back = (other - rule.third(bar)) if isinstance(rule, TwoSprt) else distance
    near = 1e-7  # held in the bound itself: close to 0 and 1 the evidence is steep
    if near < low < 1.0 - distance - near:
        above, below = (LikelihoodRatio(at + distance, at).at(k, n - k) for at in (low - near, low + near))
        assert below <= walk.accept <= above
    if back + near < high < 1.0 - near:
        above, below = (LikelihoodRatio(at - back, at).at(k, n - k) for at in (high + near, high - near))
        assert below <= walk.reject <= above
    assert (low >= null) is (up.at(k, n - k) >= walk.accept) or abs(low - null) < 1e-12
    assert (high <= other) is (down.at(k, n - k) >= walk.reject) or abs(high - other) < 1e-12


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(RULES), st.sampled_from([(">=", "<="), (">", "<")]), st.sampled_from([0.25, 0.5, 0.75]), UNITS)
def test_failures_mirror_successes(rule, mirrored, value, values):
    one = rule.decide(values, Bar(mirrored[0], value, 0.05, 0.125))
    other = rule.decide([not unit for unit in values], Bar(mirrored[1], 1.0 - value, 0.05, 0.125))
    assert (one.outcome, one.n, one.more) == (other.outcome, other.n, other.more)
    assert (one.p_holds, one.p_fails) == pytest.approx((other.p_holds, other.p_fails), rel=1e-9)
    if one.low is not None:
        assert (one.low, one.high) == pytest.approx((1.0 - other.high, 1.0 - other.low), abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(RULES), UNITS.filter(len), st.integers(0, 299))
def test_one_more_success_never_speaks_for_a_lower_rate(rule, values, index):
    raised = list(values)
    raised[index % len(raised)] = True
    before, after = rule.start(BARS[0]), rule.start(BARS[0])
    for unit, other in zip(values, raised, strict=True):
        before.update(unit)
        after.update(other)
    if before.side == "above":
        assert after.side == "above"
        assert after.decided_at <= before.decided_at
    assert after.side != "below" or before.side == "below"


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(RULES), st.sampled_from(BARS), UNITS, st.integers(1, 50))
def test_a_streaming_caller_and_a_collecting_one_get_the_same_answer(rule, bar, values, size):
    walk = rule.start(bar)
    for start in range(0, len(values), size):
        for value in values[start : start + size]:
            walk.update(value)
    decision = rule.decide(values, bar)
    assert decision.detail["decided_at"] == walk.decided_at
    assert decision.detail["log_e_low"] == walk.log_low
    assert decision.n == walk.used


@pytest.mark.parametrize(("value", "mde", "expected"), [
    # ceil(ln(1/alpha) / ln((v + mde) / v)) for unbroken successes
    (0.5, 0.1, 17), (0.5, 0.05, 32), (0.8, 0.05, 50), (0.9, 0.05, 56), (0.9, 0.02, 137), (0.95, 0.02, 144),
    (0.99, 0.005, 595),
])  # fmt: skip
def test_the_earliest_verdict_is_that_of_an_unbroken_run(value, mde, expected):
    bar = Bar(">=", value)
    assert Sprt(mde).smallest_n(bar)[0] == expected
    assert Sprt(mde).decide([1] * expected, bar).outcome == "VALIDATED"
    assert Sprt(mde).decide([1] * (expected - 1), bar).outcome is None


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("bar", BARS, ids=str)
def test_smallest_n_decides_and_one_less_does_not(rule, bar):
    for size, unit in zip(rule.smallest_n(bar), (bar.upward, not bar.upward), strict=True):
        walk = rule.start(bar)
        for _ in range(400 if size is None else size - 1):
            walk.update(unit)
        assert walk.side is None
        if size is not None:
            assert walk.update(unit) is True


def test_a_batch_or_a_cap_moves_the_earliest_verdict_to_its_look():
    bar = Bar(">=", 0.9)
    assert Sprt(0.05, batch=10).smallest_n(bar) == (60, 10)
    assert Sprt(0.05, batch=10, cap=58).smallest_n(bar) == (58, 10)
    assert Sprt(0.05, cap=40).smallest_n(bar) == (None, 8)


def test_no_walk_of_the_2_sprt_is_longer_than_its_last_look():
    rule, bar = TwoSprt(0.125, boundaries=(2.2, 2.3)), Bar(">=", 0.5)
    last = rule.last_look(bar)
    walk = rule.start(bar)
    low, high = count_processes(walk)

    def is_open(k, n):
        return low.at(k, n - k) < walk.accept + GUARD and high.at(k, n - k) < walk.reject + GUARD

    assert any(is_open(k, last - 1) for k in range(last))
    assert not any(is_open(k, last) for k in range(last + 1))
    rng = random.Random(1)
    for _ in range(50):
        walk = rule.start(bar)
        ended = next(n for n in itertools.count(1) if walk.update(rng.random() < 0.5))
        assert ended <= last


@pytest.mark.parametrize(
    # the calibrated 2-SPRT ends within 1.58 to 1.64 of the exact fixed samples, 474 and 1092
    ("value", "boundaries", "times_fixed"),
    [(0.125, (2.2288, 2.2895), 1.58 * 474), (0.525, (2.2800, 2.2791), 1.64 * 1092)],
)
def test_the_last_look_is_the_published_multiple_of_the_fixed_sample(value, boundaries, times_fixed):
    assert TwoSprt(0.025, boundaries).last_look(Bar(">=", value)) == pytest.approx(times_fixed, rel=0.005)


def test_calibrated_boundaries_give_no_interval():
    decision = Sprt(0.05, boundaries=(2.8, 2.9)).decide([1] * 60, Bar(">=", 0.9))
    assert (decision.outcome, decision.low, decision.high) == ("VALIDATED", None, None)
    assert decision.n == 52
    assert TwoSprt(0.05, (2.8, 2.9)).decide([1] * 60, Bar(">=", 0.9)).low is None


def test_a_long_acceptance_walk_whose_estimate_contradicts_it_is_undecided():
    # between p0 and p1 the two slopes differ from the bar, so that the ratio may favour p1 below the bar
    rule, bar = Sprt(design="acceptance", margin=(0.01, 0.2)), Bar("<=", 0.2)
    decision = rule.decide(([0] * 3 + [1]) * 200, bar)
    assert decision.outcome is None
    assert "on the other side" in decision.reason


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sprt(0.0), lambda: Sprt(-0.1), lambda: Sprt(math.nan), lambda: Sprt(None), lambda: Sprt(True),
        lambda: Sprt(0.1, "treshold"), lambda: Sprt(0.1, "acceptance"), lambda: Sprt(0.1, margin=0.1),
        lambda: Sprt(0.1, "acceptance", 0.1), lambda: Sprt(design="acceptance", margin=(0.1,)),
        lambda: Sprt(design="acceptance", margin=(0.0, 0.0)), lambda: Sprt(design="acceptance", margin=(-0.1, 0.1)),
        lambda: TwoSprt(0.0), lambda: Sprt(0.1, boundaries=(0.0, 1.0)), lambda: Sprt(0.1, boundaries="wald"),
        lambda: Sprt(0.1, boundaries=(1.0,)), lambda: Sprt(0.1, batch=0), lambda: Sprt(0.1, cap=0),
        lambda: Sprt(0.1, batch=1.5),
    ],
)  # fmt: skip
def test_a_plan_that_makes_no_sense_is_refused(make):
    with pytest.raises(ClaimError):
        make()


@pytest.mark.parametrize(
    ("rule", "value"), [(Sprt(0.05), 0.97), (Sprt(0.05), 0.05), (TwoSprt(0.2), 0.1), (Sprt(0.5), 0.5)]
)
def test_a_distance_that_leaves_the_range_of_a_rate_is_refused_with_the_room_there_is(rule, value):
    with pytest.raises(ClaimError, match=r"a rate lies between 0 and 1; give .* below"):
        rule.start(Bar(">=", value))


def test_equality_and_percentages_are_refused():
    with pytest.raises(ClaimError, match="equality"):
        Sprt(0.05).start(Bar("==", 0.5))
    with pytest.raises(ClaimError, match="percentage"):
        Sprt(0.05).start(Bar(">=", 95))


@pytest.mark.parametrize("value", [0.5, 2, -1, math.nan, None, "1"])
def test_what_is_not_zero_or_one_is_refused_with_its_place(value):
    with pytest.raises(ObservationError, match="observation 1 is"):
        Sprt(0.05).decide([1, value], Bar(">=", 0.5))
