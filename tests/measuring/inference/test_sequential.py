# SPDX-License-Identifier: Apache-2.0
"""Which sequential rule decides which claim, and what is refused."""

import pytest

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.difference import PairedDifference
from ophamin.measuring.inference.effect import EffectSprt
from ophamin.measuring.inference.gaussian import TSprt
from ophamin.measuring.inference.kendall import KendallTau
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.poisson import PoissonRate
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.sequential import SEQUENTIAL_KINDS, Schedule, choose_sequential
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

OPTIONS = {
    "rate": {},
    "mean": {"bounds": (0.0, 10.0), "model": None, "sigma": None},
    "quantile": {"q": 0.9},
    "difference": {"bounds": (0.0, 1.0)},
    "count_rate": {"exposure": 2.0},
    "rank_correlation": {},
    "effect_size": {},
}


@pytest.mark.parametrize(
    ("kind", "schedule", "rule"),
    [
        ("rate", Schedule(mde=0.05), Sprt(mde=0.05)),
        ("rate", Schedule(), BetaMixture()),
        ("rate", Schedule(method="mixture", mde=0.05), BetaMixture()),
        ("rate", Schedule(method="betting", mde=0.05), BettingMean(0.0, 1.0, 0.05, "centred")),
        ("rate", Schedule(method="betting"), BettingMean(0.0, 1.0)),
        ("rate", Schedule(design="acceptance", margin=0.05), Sprt(None, "acceptance", 0.05)),
        ("rate", Schedule("two_sprt", None, 0.05, "acceptance"), TwoSprt(0.05)),
        ("rate", Schedule(mde=0.05, batch=10, cap=500), Sprt(mde=0.05, batch=10, cap=500)),
        ("mean", Schedule(mde=1.0), BettingMean(0.0, 10.0, 1.0)),
        ("quantile", Schedule(mde=0.02), SequentialQuantile(0.9, Sprt(mde=0.02))),
        ("quantile", Schedule(), SequentialQuantile(0.9, BetaMixture())),
        ("difference", Schedule(mde=0.1), PairedDifference(0.0, 1.0, 0.1)),
        ("count_rate", Schedule(mde=0.5), PoissonRate(0.5, None, 2.0)),
        ("count_rate", Schedule(), PoissonRate(None, 1.5, 2.0)),
        ("rank_correlation", Schedule(mde=0.2), KendallTau(Sprt(mde=0.1))),
        ("rank_correlation", Schedule(), KendallTau(BetaMixture())),
        ("effect_size", Schedule(mde=0.5), EffectSprt(0.5)),
        ("effect_size", Schedule(), EffectSprt(0.3)),
    ],
)
def test_a_claim_gets_the_rule_that_its_form_asks_for(kind, schedule, rule):
    assert choose_sequential(kind, schedule, **OPTIONS[kind]) == rule


def test_a_gaussian_mean_aims_in_the_guessed_standard_deviations():
    rule = choose_sequential("mean", Schedule(mde=3.0), bounds=None, model="gaussian", sigma=10.0)
    assert rule == TSprt(0.3)


@pytest.mark.parametrize(
    ("kind", "schedule", "options", "told"),
    [
        ("mean", Schedule(mde=3.0), {"model": "gaussian", "sigma": None}, "give a guess of them"),
        ("mean", Schedule("sprt", 0.1), OPTIONS["mean"], "'betting' does"),
        ("rate", Schedule("t_sprt", 0.1), {}, "'sprt' or 'two_sprt' or 'mixture' or 'betting'"),
        ("rate", Schedule("two_sprt", 0.1), {}, "needs|acceptance design"),
        ("rate", Schedule("mixture", None, 0.05, "acceptance"), {}, "needs method 'sprt' or 'two_sprt'"),
        ("mean", Schedule("auto", None, 0.05, "acceptance"), OPTIONS["mean"], "belongs to 0/1 units"),
        ("count_rate", Schedule("auto", None, 0.05, "acceptance"), {}, "0/1 units"),
        ("observed", Schedule(mde=0.1), {}, "no sequential test"),
    ],
)
def test_what_no_rule_tests_is_refused_with_the_way_out(kind, schedule, options, told):
    with pytest.raises(ClaimError, match=told):
        choose_sequential(kind, schedule, **options)


@pytest.mark.parametrize("kind", SEQUENTIAL_KINDS)
def test_every_kind_has_a_rule_that_opens_a_walk(kind):
    bar = Bar(">=", {"mean": 5.0, "count_rate": 2.0}.get(kind, 0.5))
    walk = choose_sequential(kind, Schedule(cap=100), **OPTIONS[kind]).start(bar)
    assert (walk.n, walk.cap, walk.side) == (0, 100, None)
