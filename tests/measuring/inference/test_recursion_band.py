# SPDX-License-Identifier: Apache-2.0
"""Chances in the slots of one whole number: against exact fractions, and what cutting their bits may cost."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.errors import ClaimError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.recursion import edges_of, follow
from ophamin.measuring.inference.recursion_band import Law, Places, absorb, characteristics
from ophamin.measuring.inference.recursion_fixed import last_true, least_information, normal_quantile
from ophamin.measuring.inference.sprt import Sprt, TwoSprt


def _exactly(law, edges, every, cap):
    """The same places by fractions that are never rounded."""
    step = [Fraction(weight, 1 << law.bits) for weight in law.weights]
    band, places = {0: Fraction(1)}, {}
    for n in range(1, cap + 1):
        after = {}
        for k, chance in band.items():
            for j, weight in enumerate(step):
                after[k + j] = after.get(k + j, 0) + chance * weight
        band = after
        if n % every and n != cap:
            continue
        top, bottom = edges(n)
        for k in [k for k in band if k >= top or k <= bottom]:
            places[n, k, 1 if k >= top else -1] = band.pop(k)
    return {**places, **{(cap, k, 0): chance for k, chance in band.items()}}


laws = (
    st.lists(st.integers(0, 60), min_size=2, max_size=5)
    .filter(any)
    .map(lambda weights: Law(tuple(weights), max(1, (sum(weights) - 1).bit_length())))
)


@settings(max_examples=120, deadline=None)
@given(laws, st.integers(1, 4), st.integers(1, 14), st.floats(0.2, 3.0), st.integers(0, 6), st.integers(0, 6))
def test_the_places_are_those_of_exact_fractions_but_for_the_bits_that_were_cut(law, every, cap, slope, up, down):
    def edges(n):
        return math.ceil(n * slope) + up, math.floor(n * slope) - down - 1

    exact = _exactly(law, edges, every, cap)
    for kept in (30, 90):
        places = absorb(law, edges, kept=kept, every=every, cap=cap)
        found = dict(zip(zip(places.units, places.counts, places.sides, strict=True), places.chances, strict=True))
        assert set(found) <= {place for place, chance in exact.items() if chance}
        lost = 200 * 2.0**-kept
        for place, chance in exact.items():
            assert float(chance) - lost <= found.get(place, 0.0) <= float(chance) * (1.0 + 1e-15)


def test_bits_are_cut_and_never_rounded_up():
    law, cap = Law((171, 85), 8), 300
    totals = [sum(absorb(law, lambda n: (n + 1, -1), kept=kept, cap=cap).chances) for kept in (12, 20, 30, 60)]
    assert totals == sorted(totals)
    assert totals[0] < 0.9  # 300 units cut 12 bits again and again
    assert totals[-1] == pytest.approx(1.0, abs=1e-12)
    assert max(totals) <= 1.0 + 1e-15


def test_a_unit_that_is_certain_fills_its_slot_to_the_brim():
    for law in (Law((0, 2), 1), Law((0, 256), 8)):
        places = absorb(law, lambda n: (n + 1, -1), kept=60, cap=200)
        assert (places.counts, places.chances) == ((200,), (1.0,))


def test_a_walk_that_never_ends_is_given_up():
    with pytest.raises(ClaimError, match="no cap; give cap"):
        absorb(Law((1, 1), 1), lambda n: (n + 1, -1), kept=60)


def test_a_walk_ends_of_itself_where_its_edges_meet():
    places = absorb(Law((1, 1), 1), lambda n: (4, n - 5), kept=60)
    assert places.units[-1] == 8
    assert sum(places.chances) == 1.0


def test_a_place_out_of_reach_of_the_reference_does_not_overflow():
    places = Places((1, 3), (0, 3), (-1, 1), (1.0, 0.0))
    assert places.tilted(500.0, 0.0) == [1.0, 0.0]
    there = characteristics(0.5, places, [0.25, 0.75])
    assert (there.above, there.below, there.undecided, there.expected_n, there.n95) == (0.75, 0.25, 0.0, 2.5, 3)


@pytest.mark.parametrize(("rule", "bar"), [
    (Sprt(0.004, cap=3000), Bar(">=", 0.02)), (Sprt(0.05, cap=400, batch=40), Bar("<", 0.93)),
    (BetaMixture(cap=300), Bar(">=", 0.99)), (TwoSprt(0.01, cap=900), Bar("<=", 0.05)),
    (Sprt(0.3, cap=2000), Bar(">=", 0.5, 1e-9, 0.3)),
], ids=str)  # fmt: skip
def test_no_truth_loses_more_than_1e_12(rule, bar):
    walk = rule.start(bar)
    for truths in ((0.0, 1.0), (0.5 * bar.value, 0.5 + 0.5 * bar.value), (bar.value, bar.value)):
        ends = follow(walk, bar.value, truths=truths)
        for i in range(41):
            truth = truths[0] + (truths[1] - truths[0]) * (i / 40)
            there = ends.at(truth)
            assert there.above + there.below + there.undecided == pytest.approx(1.0, abs=2e-12)


def test_a_truth_beyond_those_that_were_followed_is_refused():
    ends = follow(Sprt(0.1, cap=50).start(Bar(">=", 0.5)), 0.5, truths=(0.4, 0.6))
    assert ends.at(0.4).truth == 0.4
    with pytest.raises(ValueError, match=r"rates from 0\.4 to 0\.6"):
        ends.at(0.61)


def test_the_edges_are_the_first_counts_at_which_the_walk_itself_ends():
    walk = Sprt(0.1, cap=120).start(Bar(">=", 0.3))
    edges = edges_of(walk)
    for n in range(1, 121):
        top, bottom = edges(n)
        for k in range(n + 1):
            above = walk.low.at(k, n - k) >= walk.accept + 1e-12
            below = walk.high.at(k, n - k) >= walk.reject + 1e-12
            assert (k >= top, k <= bottom) == (above, below)


@given(st.integers(-1, 400), st.integers(0, 300), st.floats(-50.0, 800.0))
def test_the_last_true_number_is_found_from_any_guess(start, extra, guess):
    asked = []

    def test(n):
        asked.append(n)
        return n <= start + extra

    assert last_true(test, start, guess) == start + extra
    assert min(asked) > start


@pytest.mark.parametrize("share", [1e-9, 0.01, 0.05, 0.5, 0.95, 1 - 1e-6])
def test_the_normal_quantile_is_the_inverse_of_the_normal_distribution(share):
    assert 0.5 * math.erfc(-normal_quantile(share) / math.sqrt(2.0)) == pytest.approx(share, rel=1e-11)


def test_the_least_information_is_the_divergence_of_the_two_answers():
    at_low, at_high = least_information(0.01, 0.2)
    assert at_low == pytest.approx(0.01 * math.log(0.01 / 0.8) + 0.99 * math.log(0.99 / 0.2))
    assert at_high == pytest.approx(0.8 * math.log(0.8 / 0.01) + 0.2 * math.log(0.2 / 0.99))
