# SPDX-License-Identifier: Apache-2.0
"""Forecasts that cannot be made, and those at the edge of sense."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ophamin.errors import ClaimError
from ophamin.measuring.inference import (
    Bar,
    BinomialRate,
    BoundedMean,
    Census,
    DeclaredInterval,
    Deterministic,
    GaussianMean,
    Quantile,
)
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.difference import FixedPairedDifference, PairedDifference
from ophamin.measuring.inference.effect import EffectSprt
from ophamin.measuring.inference.gaussian import GaussianKnownSigma, TSprt
from ophamin.measuring.inference.kendall import KendallTau
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.outlook import default_cap, foresee
from ophamin.measuring.inference.poisson import ExactPoisson, PoissonRate
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.sprt import Sprt, TwoSprt


@pytest.mark.parametrize("rule", [
    Sprt(0.05), BinomialRate(), TSprt(0.3), PoissonRate(mde=0.1), GaussianMean(), Deterministic(),
])  # fmt: skip
@pytest.mark.parametrize("arguments", [
    {"mde": 0.0}, {"mde": -0.1}, {"mde": math.nan}, {"mde": math.inf}, {"mde": True}, {"mde": "much"}, {"cap": 0},
    {"cap": -3}, {"cap": 10.0}, {"cap": True}, {"cap": "all"},
], ids=str)  # fmt: skip
def test_a_distance_or_cap_that_is_none_is_refused(rule, arguments):
    with pytest.raises(ClaimError, match=r"mde is|the cap is"):
        foresee(rule, Bar(">=", 0.9), **arguments)


@pytest.mark.parametrize(("rule", "bar", "mde"), [
    (Sprt(0.2), Bar(">=", 0.9), None), (BinomialRate(), Bar(">=", 90.0), None), (BetaMixture(), Bar(">=", 1.0), None),
    (TwoSprt(0.05), Bar(">=", 0.5), 0.1), (Sprt(None, "acceptance", 0.1), Bar(">=", 0.5), 0.1),
    (Bar, Bar(">=", 0.5), None), (None, Bar(">=", 0.5), 0.1), (KendallTau(GaussianMean()), Bar(">", 0.0), 0.1),
    (SequentialQuantile(0.5, TSprt(0.3)), Bar(">", 0.0), None), (PoissonRate(mde=1.0), Bar(">=", -1.0), None),
    (BoundedMean(0.0, 1.0), Bar(">=", 2.0), None), (KendallTau(BinomialRate()), Bar(">=", 1.5), None),
    *((rule, Bar("==", 0.5), 0.1) for rule in (
        BinomialRate(), BoundedMean(0.0, 1.0), GaussianMean(), Quantile(0.9), ExactPoisson(), Sprt(0.1), BetaMixture(),
        FixedPairedDifference(0.0, 1.0), KendallTau(BinomialRate()), SequentialQuantile(0.9, Sprt(0.06)), TSprt(0.3),
        BettingMean(0.0, 1.0), PairedDifference(0.0, 1.0), PoissonRate(mde=0.1), GaussianKnownSigma(1.0, 0.5),
        EffectSprt(0.5), DeclaredInterval(),
    )), (TwoSprt(0.1), Bar("==", 0.5), None),
], ids=str)  # fmt: skip
def test_what_the_rule_cannot_test_cannot_be_foreseen(rule, bar, mde):
    with pytest.raises(ClaimError):
        foresee(rule, bar, mde=mde)


def test_a_rule_without_a_distance_has_no_default_cap():
    with pytest.raises(ClaimError, match="aims at no distance from the bar; give mde"):
        default_cap(BetaMixture(), Bar(">=", 0.9))
    with pytest.raises(ClaimError, match="no cap follows"):
        default_cap(Census("rate"), Bar(">=", 0.9), 0.05)


def test_a_distance_that_rounding_swallows_is_no_truth():
    forecast = foresee(Sprt(1e-20), Bar(">=", 0.5), cap=50)
    assert [there.truth for there in forecast.truths] == [0.5]
    assert forecast.fixed_n == (None, None)


def test_levels_and_bars_at_the_edge_of_sense_are_foreseen_all_the_same():
    for alpha, beta, value in ((1e-12, 1e-9, 0.5), (0.5, 0.5, 0.5), (0.05, 0.05, 1e-6), (0.05, 0.05, 1 - 1e-6)):
        mde = 0.4 * min(value, 1.0 - value)
        for rule in (Sprt(mde), BinomialRate(), BettingMean(0.0, 1.0, mde=mde)):
            forecast = foresee(rule, Bar(">=", value, alpha, beta), mde=mde, cap=200)
            for there in forecast.truths:
                assert there.validated + there.refuted + there.undecided == pytest.approx(1.0, abs=1e-9)


def test_boundaries_of_a_rule_are_the_ones_foreseen():
    bar, rule = Bar(">=", 0.9), Sprt(0.05, cap=596)
    lower = foresee(replace(rule, boundaries=(2.5, 2.5)), bar)
    assert lower.truths[2].expected_n < foresee(rule, bar).truths[2].expected_n
