# SPDX-License-Identifier: Apache-2.0
"""Numbers of others, and of one exact study, that the engine must give again to the digits in print.

The numbers stand here with their source. Tables that belong to one rule alone are in the tests of that rule: the
lines of Wald's plans, the gambler's ruin, the sweep of planning pairs, Clopper-Pearson, Garwood, Wilks.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ophamin.measuring.inference import Bar, BinomialRate
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.legacy import MixtureSPRT
from ophamin.measuring.inference.mixture import BetaTail
from ophamin.measuring.inference.process import Walk
from ophamin.measuring.inference.recursion import calibrate, fixed_plan, follow, wald_bound
from ophamin.measuring.inference.sprt import Sprt

WALD, VILLE = math.log(19.0), math.log(20.0)


def _drift_free(p0, p1):
    """The rate at which the log-likelihood ratio of p1 to p0 goes neither up nor down."""
    return math.log((1 - p0) / (1 - p1)) / math.log(p1 * (1 - p0) / (p0 * (1 - p1)))


def _acceptance(p0, p1, level=0.05):
    value = 0.5 * (p0 + p1)
    return Sprt(design="acceptance", margin=(value - p0, p1 - value)), Bar(">=", value, level, level)


def _calibrated(rule, bar):
    return replace(rule, boundaries=calibrate(rule, bar)).start(bar)


@pytest.mark.parametrize(("p0", "p1", "boundary", "errors", "units", "bounds"), [
    # Exact forward recursion in doubles, alpha = beta = .05: errors and mean n at p0 and p1, and the bounds of Wald
    # and Hoeffding. Its mean n hold to ten digits: in long doubles that of .1, .2, ln 20 is 76.94288780611053.
    (0.10, 0.15, WALD, (0.043318757026375866, 0.04896823186369469), (248.72161502567124, 228.61370421710717),
     (243.20668949522863, 216.58931688689742)),
    (0.10, 0.15, VILLE, (0.041244130715393824, 0.04660563736576806), (254.22123635917112, 233.6061807025111),
     (243.20668949522863, 216.58931688689742)),
    (0.50, 0.55, WALD, (0.04798203372086788, 0.04781581029785864), (538.253601759344, 539.5758612698985),
     (527.344582286085, 529.1136137875837)),
    (0.50, 0.55, VILLE, (0.04570843516325483, 0.045553450209353995), (550.1533144895106, 551.5174032796407),
     (527.344582286085, 529.1136137875837)),
    (0.10, 0.20, WALD, (0.039169758495526306, 0.048271432801687116), (74.95086640751607, 65.46636000794105),
     (72.22660309532398, 59.68053123574146)),
    (0.10, 0.20, VILLE, (0.036993918975830896, 0.04537233543387169), (76.94288781129806, 67.09778932974598),
     (72.22660309532398, 59.68053123574146)),
    (0.90, 0.95, WALD, (0.049140853157044244, 0.03946711492980628), (140.08146979262023, 163.44305449410356),
     (128.30284662153994, 158.6205904452427)),
    (0.90, 0.95, VILLE, (0.04680837013931168, 0.037493701247989154), (143.14382822116994, 166.96793548949577),
     (128.30284662153994, 158.6205904452427)),
    (0.95, 0.99, WALD, (0.04989820188503385, 0.028855243243332024), (78.66122844666427, 112.55439849980007),
     (64.17838330788099, 107.13045886548115)),
    (0.95, 0.99, VILLE, (0.047943750154778475, 0.027623536915688703), (79.96436677567975, 114.44164825556567),
     (64.17838330788099, 107.13045886548115)),
])  # fmt: skip
def test_walds_walks_have_the_printed_errors_and_sample_numbers(p0, p1, boundary, errors, units, bounds):
    rule, bar = _acceptance(p0, p1)
    ends = follow(replace(rule, boundaries=(boundary, boundary)).start(bar), _drift_free(p0, p1))
    lower, upper = ends.at(p0), ends.at(p1)
    assert (lower.above, upper.below) == pytest.approx(errors, rel=1e-12)
    assert (lower.expected_n, upper.expected_n) == pytest.approx(units, rel=1e-10)
    assert wald_bound(p0, p1) == pytest.approx(bounds, rel=1e-12)


@pytest.mark.parametrize(("p0", "p1", "k", "alpha", "beta", "expected_n", "tails"), [
    # mixtures over a Beta density centred on the other rate, worth k units; exact recursion, boundary ln 20
    (0.10, 0.15, 100, 0.0334, 0.0400, (282, 474, 259), (701, 1104, 668)),
    (0.10, 0.15, 400, 0.0376, 0.0428, (265, 423, 244), (638, 1012, 614)),
    (0.50, 0.55, 400, 0.0395, 0.0392, (595, 1016, 597), (1496, 2402, 1498)),
])  # fmt: skip
def test_an_informed_mixture_takes_at_most_a_fifth_more_than_the_least_possible(
    p0, p1, k, alpha, beta, expected_n, tails
):
    low, high = BetaTail(p0, k * p1, k * (1 - p1), above=True), BetaTail(p1, k * p0, k * (1 - p0), above=False)
    ends = follow(Walk(low, high, accept=VILLE, reject=VILLE), _drift_free(p0, p1))
    assert (ends.at(p0).above, ends.at(p1).below) == pytest.approx((alpha, beta), abs=5e-5)
    for truth, units, tail in zip((p0, _drift_free(p0, p1), p1), expected_n, tails, strict=True):
        assert ends.at(truth).expected_n == pytest.approx(units, abs=0.6)
        assert ends.quantile(truth, 0.95) == tail
    ratios = [ends.at(p).expected_n / bound for p, bound in zip((p0, p1), wald_bound(p0, p1), strict=True)]
    assert max(ratios) < 1.2


@pytest.mark.parametrize(("p0", "p1", "of_fixed"), [  # alpha = beta = .01, ASN at p0 and p1 over the fixed sample
    (0.50, 0.60, (0.41, 0.42)),
    (0.10, 0.20, (0.45, 0.37)),
    pytest.param(0.99, 0.999, (0.29, 0.58), marks=pytest.mark.slow),
])  # fmt: skip
def test_small_levels_save_more_of_the_fixed_sample(p0, p1, of_fixed):
    rule, bar = _acceptance(p0, p1, 0.01)
    ends = follow(_calibrated(rule, bar), _drift_free(p0, p1))
    fixed = fixed_plan(p0, p1, 0.01, 0.01).n
    assert [ends.at(p).expected_n / fixed for p in (p0, p1)] == pytest.approx(of_fixed, abs=6e-3)
    assert max(ends.at(p0).above, ends.at(p1).below) <= 0.01


@pytest.mark.parametrize(("factor", "asn_v", "asn_beyond"), [
    pytest.param(1.05, 2404, 2261, marks=pytest.mark.slow),
    pytest.param(1.10, 611, 544, marks=pytest.mark.slow),
    (1.20, 157, 128),
    (1.50, 28, 19),
])  # fmt: skip
def test_a_calibrated_test_of_a_95th_percentile_takes_the_printed_number_of_values(factor, asn_v, asn_beyond):
    # lognormal values, sigma .5: the percentile at v, or at factor times v, alpha = beta = .05
    beyond = float(stats.norm.sf(stats.norm.ppf(0.95) - math.log(factor) / 0.5))
    ends = follow(_calibrated(*_acceptance(0.05, beyond)), _drift_free(0.05, beyond))
    assert [ends.at(p).expected_n for p in (0.05, beyond)] == pytest.approx([asn_v, asn_beyond], abs=1.0)


THRESHOLDS = [(0.50, 0.10), (0.50, 0.05), (0.80, 0.05), (0.90, 0.05), (0.90, 0.02), (0.95, 0.02), (0.99, 0.005)]


@pytest.mark.parametrize(("value", "mde"), THRESHOLDS)
def test_the_cap_leaves_the_printed_share_undecided(value, mde):
    fixed, bar = fixed_plan(value, value + mde).n, Bar(">=", value)
    shares = [
        follow(Sprt(mde, cap=round(times * fixed)).start(bar), value).at(value + mde).undecided
        for times in (1.0, 1.5, 2.0)
    ]
    assert 0.12 <= round(shares[0], 2) <= 0.14
    assert 0.04 <= round(shares[1], 2) <= 0.05
    assert 0.016 <= round(shares[2], 3) <= 0.019


@pytest.mark.parametrize(("value", "mde"), THRESHOLDS)
def test_reruns_contradict_each_other_at_most_seven_times_in_a_thousand(value, mde):
    fixed, bar = fixed_plan(value, value + mde).n, Bar(">=", value)
    rule, bound = Sprt(mde, cap=2 * fixed), wald_bound(value, value + mde)[1]
    for walk, worst_ratio in ((rule.start(bar), 1.18), (_calibrated(rule, bar), 1.12)):
        ends = follow(walk, value)
        there = [ends.at(t) for t in np.linspace(max(0.0, value - 2.0 * mde), min(1.0, value + 2.0 * mde), 81)]
        assert max(2.0 * t.above * t.below for t in there) <= 0.0065
        # two point hypotheses, that bar and mde beyond it, take at least `bound`
        assert 1.07 <= ends.at(value + mde).expected_n / bound <= worst_ratio
        assert ends.at(value + mde).expected_n / fixed <= 0.62
        if value + 2.0 * mde < 1.0:
            assert ends.at(value + 2.0 * mde).expected_n / fixed <= 0.25


@pytest.mark.parametrize(("value", "at_bar"), [(0.10, 0.0042), (0.50, 0.0046), (0.90, 0.0034)])
def test_reruns_of_the_fixed_sample_contradict_each_other_as_rarely(value, at_bar):
    n, bar = fixed_plan(value, value + 0.05).n, Bar(">=", value)
    outcomes = np.array([BinomialRate().decide_counts(k, n, bar).outcome for k in range(n + 1)])

    def flip(truth):
        masses = stats.binom.pmf(np.arange(n + 1), n, truth)
        return 2.0 * masses[outcomes == "VALIDATED"].sum() * masses[outcomes == "REFUTED"].sum()

    assert flip(value) == pytest.approx(at_bar, abs=5e-5)
    assert round(max(flip(t) for t in np.linspace(value - 0.06, value + 0.06, 121)), 4) <= 0.0046


# --- confseq 0.0.11 (Howard, Waudby-Smith, Ramdas), built with Boost 1.74 ------------------------------------------


@pytest.mark.parametrize(("v", "bound"), [
    # normal_mixture_bound(v, alpha=.05, v_opt=100, alpha_opt=.05, two-sided)
    (10, 12.1907531463415), (100, 30.35208990376253), (1000, 102.51228683166386), (10_000, 356.16410409188995),
])  # fmt: skip
def test_the_normal_mixture_reaches_its_level_on_the_published_boundary(v, bound):
    rho = 100.0 / (2.0 * VILLE + math.log1p(2.0 * VILLE))  # the precision that is best at v = 100
    test = MixtureSPRT(mu0=0.0, sigma=1.0, tau2=1.0 / rho)
    state = test.update_many([bound / v] * v)
    assert state.log_mixture_lr == pytest.approx(VILLE, abs=1e-10)


# 120 draws of Beta(2, 5)
SCORES = [
    0.289255, 0.192792, 0.160304, 0.281813, 0.213242, 0.091915, 0.435499, 0.373299, 0.107659, 0.241075, 0.461846,
    0.148603, 0.083398, 0.30229, 0.200651, 0.115521, 0.534931, 0.041028, 0.410356, 0.527358, 0.36383, 0.156755,
    0.268286, 0.317555, 0.056374, 0.656014, 0.36048, 0.350953, 0.174069, 0.355023, 0.033281, 0.316946, 0.582299,
    0.512319, 0.162827, 0.257611, 0.239108, 0.214558, 0.294724, 0.147691, 0.105852, 0.367894, 0.34759, 0.128331,
    0.307669, 0.216984, 0.432642, 0.424102, 0.293793, 0.398022, 0.261508, 0.096496, 0.677168, 0.26635, 0.116189,
    0.300697, 0.241053, 0.134649, 0.089076, 0.0594, 0.18857, 0.078544, 0.101959, 0.069534, 0.266903, 0.47423,
    0.277303, 0.149032, 0.170449, 0.293188, 0.147939, 0.317516, 0.341347, 0.316172, 0.496559, 0.142745, 0.217651,
    0.223374, 0.100193, 0.272765, 0.202578, 0.061148, 0.208297, 0.169671, 0.430504, 0.381457, 0.601577, 0.205636,
    0.312278, 0.135142, 0.238464, 0.596739, 0.075554, 0.157422, 0.182182, 0.481416, 0.274392, 0.087924, 0.51184,
    0.234606, 0.075257, 0.035012, 0.316524, 0.2988, 0.041167, 0.557372, 0.240661, 0.352117, 0.397669, 0.160856,
    0.168397, 0.294673, 0.115008, 0.288465, 0.120849, 0.10295, 0.40248, 0.232639, 0.057085, 0.254135,
]  # fmt: skip


@pytest.mark.parametrize(("level", "n", "bernstein", "hoeffding"), [
    # predictable plug-in empirical Bernstein and Hoeffding sequences on these scores, alpha = twice the level
    (0.05, 10, (0.0, 0.8624556087302185), (0.0, 0.6632632303976115)),
    (0.05, 40, (0.11557741836035743, 0.44016996189635316), (0.0645515195039209, 0.4729067959911688)),
    (0.05, 80, (0.17799061511789108, 0.34766902501046404), (0.1105561653560107, 0.4150815071124213)),
    (0.05, 120, (0.19943162158493424, 0.3186905218339695), (0.13168611437563446, 0.3901990153805348)),
    (0.025, 10, (0.0, 1.0), (0.0, 0.7325732454113937)),
    (0.025, 40, (0.08092005933236016, 0.4748273209243504), (0.04446167154478578, 0.4947372086367522)),
    (0.025, 80, (0.16066193560389247, 0.3649977045244627), (0.09677017544397232, 0.4297322131475757)),
    (0.025, 120, (0.18787916857560183, 0.3302429748433019), (0.12037239714875844, 0.4021331457535582)),
])  # fmt: skip
@pytest.mark.parametrize("mde", [None, 0.05])
def test_betting_on_scores_is_tighter_than_the_published_sequences(level, n, bernstein, hoeffding, mde):
    used = SCORES[:n]
    decision = BettingMean(0.0, 1.0, mde).decide(used, Bar(">=", sum(used) / n, level, level))
    assert decision.outcome is None
    for low, high in (bernstein, hoeffding):
        assert low < decision.low < 2.0 / 7.0 < decision.high < high
