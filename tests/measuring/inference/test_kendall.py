# SPDX-License-Identifier: Apache-2.0
"""Kendall's tau by disjoint pairs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference import Bar, BinomialRate
from ophamin.measuring.inference.kendall import DisjointPairs, KendallTau, concordances, rate_bar
from ophamin.measuring.inference.sprt import Sprt

points = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=60)


@pytest.mark.parametrize("ranks", list(itertools.permutations(range(4)))[::5])
def test_the_mean_over_all_pairings_is_the_full_sample_tau(ranks):
    observations = list(enumerate(ranks))
    units = [concordances(order)[0] for order in itertools.permutations(observations)]
    tau = 2.0 * np.mean(units) - 1.0
    assert tau == pytest.approx(stats.kendalltau(range(4), ranks).statistic)


@settings(max_examples=60, deadline=None)
@given(points, st.sampled_from([-0.5, 0.0, 0.3]), st.sampled_from([">", "<="]))
def test_only_ranks_count(observations, value, comparator):
    rule, bar = KendallTau(BinomialRate()), Bar(comparator, value)
    stretched = [(math.exp(x), y**3 + 2.0 * y) for x, y in observations]
    assert rule.decide(stretched, bar) == rule.decide(observations, bar)


@settings(max_examples=60, deadline=None)
@given(points)
def test_minus_y_turns_concordance_round_and_swapping_x_and_y_does_not(observations):
    units, pairs = concordances(observations)
    assert concordances((x, -y) for x, y in observations)[0] == [1 - unit for unit in units]
    assert concordances((y, x) for x, y in observations)[0] == units
    assert 2 * (len(units) + pairs.tied) + pairs.left_over == pairs.observations == len(observations)


def test_tied_pairs_are_left_out_and_counted():
    decision = KendallTau(BinomialRate()).decide([(1, 1), (1, 2), (2, 2), (3, 2), (1, 1), (2, 2), (0, 0)], Bar(">", 0))
    detail = decision.detail
    assert (decision.n, decision.estimate, detail["tied_pairs"], detail["left_over"]) == (1, 1.0, 2, 1)
    assert (detail["observations"], detail["untied_pairs"]) == (7, 1)


def test_where_every_pair_is_tied_nothing_is_said():
    decision = KendallTau(BinomialRate()).decide([(1, 1), (1, 2)] * 20, Bar(">", 0.0))
    assert (decision.outcome, decision.n, decision.estimate) == (None, 0, None)


@settings(max_examples=60, deadline=None)
@given(points, st.sampled_from([-0.5, 0.0, 0.3]), st.sampled_from([">", "<="]))
def test_a_claim_on_tau_is_the_claim_on_the_rate_of_concordant_pairs(observations, value, comparator):
    units, _ = concordances(observations)
    tau = KendallTau(BinomialRate()).decide(observations, Bar(comparator, value))
    rate = BinomialRate().decide(units, Bar(comparator, (1.0 + value) / 2.0))
    assert (tau.outcome, tau.p_holds, tau.p_fails) == (rate.outcome, rate.p_holds, rate.p_fails)
    if units:
        assert (tau.low, tau.high) == pytest.approx((2.0 * rate.low - 1.0, 2.0 * rate.high - 1.0))


def test_a_sequential_rule_for_the_rate_makes_a_sequential_test_of_tau():
    rng = np.random.default_rng(20261121)
    x = rng.normal(size=2000)
    observations = list(zip(x.tolist(), (x + rng.normal(size=2000)).tolist(), strict=True))  # tau = 1/2
    rule, bar = KendallTau(Sprt(mde=0.1)), Bar(">", 0.3)
    decision = rule.decide(observations, bar)
    walk, pairs = rule.start(bar), DisjointPairs()
    for observation in observations:
        unit = pairs.add(*observation)
        if unit is not None and walk.update(unit):
            break
    assert (decision.outcome, decision.n) == ("VALIDATED", walk.decided_at)
    assert (rule.name, rule.guarantee) == ("sprt", "exact")
    assert 0.3 <= decision.low <= decision.estimate
    assert decision.detail["rate_bar"] == 0.65


def test_the_rate_of_concordant_pairs_is_that_of_a_gaussian():
    rng = np.random.default_rng(20261121)
    x = rng.normal(size=20_000)
    y = 0.6 * x + 0.8 * rng.normal(size=20_000)
    decision = KendallTau(BinomialRate()).decide(list(zip(x.tolist(), y.tolist(), strict=True)), Bar(">", 0.0))
    tau = 2.0 / math.pi * math.asin(0.6)  # Greiner's relation
    assert decision.estimate == pytest.approx(tau, abs=4.0 * math.sqrt((1.0 - tau**2) / 10_000))


def test_smallest_n_counts_untied_pairs():
    rule, bar = KendallTau(BinomialRate()), Bar(">", 0.0)
    assert rule.smallest_n(bar) == (5, 5)
    assert rule.decide([(0, 0), (1, 1)] * 5, bar).outcome == "VALIDATED"
    assert rule.decide([(0, 0), (1, 1)] * 4, bar).outcome is None


def test_infinite_values_have_ranks():
    assert concordances([(-math.inf, 0.0), (1.0, math.inf)])[0] == [1]


@pytest.mark.parametrize("observation", [(1.0,), (1.0, 2.0, 3.0), 5.0, None, (1.0, math.nan), ("a", 1.0), "ab"])
def test_an_observation_that_is_not_two_numbers_is_refused(observation):
    with pytest.raises(ObservationError, match="observation 1"):
        concordances([(0.0, 0.0), observation])


@pytest.mark.parametrize("bar", [Bar(">", 1.5), Bar("<", -1.01)])
def test_a_bar_that_tau_cannot_reach_is_refused(bar):
    with pytest.raises(ClaimError, match="tau"):
        rate_bar(bar)


def test_equality_and_walks_of_a_fixed_sample_rule_are_refused():
    with pytest.raises(ClaimError, match="equality"):
        KendallTau(BinomialRate()).decide([(0, 0), (1, 1)], Bar("==", 0.0))
    with pytest.raises(ClaimError, match="sequential"):
        KendallTau(BinomialRate()).start(Bar(">", 0.0))
