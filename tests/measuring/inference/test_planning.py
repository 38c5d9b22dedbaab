# SPDX-License-Identifier: Apache-2.0
"""Plans of sequential tests."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from ophamin.errors import ClaimError
from ophamin.measuring.inference import Bar
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.planning import plan_quantile, plan_rate
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.recursion import fixed_plan
from ophamin.measuring.inference.sprt import Sprt, TwoSprt


@pytest.mark.parametrize(("value", "mde", "any_n", "own_n", "fixed", "bound", "ratio", "at_bar", "undecided"), [
    # threshold design, alpha = beta = .05, Ville, cap twice the fixed sample, exact recursion
    (0.50, 0.10, 5, 17, 268, 132, 1.14, 500, 0.017), (0.50, 0.05, 5, 32, 1092, 529, 1.13, 2032, 0.016),
    (0.80, 0.05, 14, 50, 624, 316, 1.12, 1166, 0.017), (0.90, 0.05, 29, 56, 298, 159, 1.12, 560, 0.016),
    (0.90, 0.02, 29, 137, 2215, 1119, 1.12, 4131, 0.017), (0.95, 0.02, 59, 144, 1036, 543, 1.12, 1942, 0.017),
    (0.99, 0.005, 299, 595, 3137, 1713, 1.11, 5898, 0.019),
])  # fmt: skip
def test_the_plan_is_the_published_one(value, mde, any_n, own_n, fixed, bound, ratio, at_bar, undecided):
    plan = plan_rate(Bar(">=", value), mde)
    lower, middle, upper = plan.truths
    assert (plan.smallest_of_any[0], plan.smallest[0]) == (any_n, own_n)
    assert (plan.fixed[0].n, plan.cap) == (fixed, 2 * fixed)
    assert round(plan.bounds[0]) == bound
    assert round(upper.expected_n / plan.bounds[0], 2) == ratio
    assert middle.expected_n == pytest.approx(at_bar, abs=0.6)
    assert round(upper.undecided, 3) == undecided
    assert (lower.truth, middle.truth, upper.truth) == pytest.approx((value - mde, value, value + mde))
    assert 0.53 <= upper.expected_n / plan.fixed[0].n <= 0.61
    for there in plan.truths:
        assert there.validated + there.refuted + there.undecided == pytest.approx(1.0, abs=1e-10)
    assert lower.validated <= 0.05
    assert middle.validated <= 0.05
    assert middle.refuted <= 0.05
    assert upper.refuted <= 0.05


@pytest.mark.parametrize(("value", "mde"), [(0.9, 0.05), (0.8, 0.05), (0.5, 0.1)])
def test_an_upper_bar_is_planned_as_the_mirror_of_a_lower_one(value, mde):
    one, other = plan_rate(Bar(">=", value, 0.05, 0.1), mde), plan_rate(Bar("<=", 1 - value, 0.05, 0.1), mde)
    assert (one.cap, one.smallest, one.smallest_of_any) == (other.cap, other.smallest, other.smallest_of_any)
    assert [plan.n for plan in one.fixed] == [plan.n for plan in other.fixed]
    assert one.bounds == pytest.approx(other.bounds, rel=1e-9)
    assert one.achievable_mde == pytest.approx(other.achievable_mde, rel=1e-9)
    for here, there in zip(one.truths, reversed(other.truths), strict=True):
        assert here.truth == pytest.approx(1 - there.truth)
        assert (here.validated, here.refuted, here.undecided) == pytest.approx(
            (there.validated, there.refuted, there.undecided), abs=1e-9
        )
        assert (here.expected_n, here.n95) == (pytest.approx(there.expected_n, rel=1e-9), there.n95)


def test_the_plan_foretells_what_its_own_rule_does():
    plan, rng = plan_rate(Bar(">=", 0.7), 0.1, batch=5), random.Random(20261121)
    decisions = [plan.rule.decide([rng.random() < 0.8 for _ in range(plan.cap)], plan.bar) for _ in range(300)]
    there = plan.truths[2]
    validated = sum(decision.outcome == "VALIDATED" for decision in decisions)
    assert validated / 300 == pytest.approx(there.validated, abs=0.03)
    mean = sum(decision.n for decision in decisions) / 300
    assert mean == pytest.approx(there.expected_n, rel=0.12)
    assert sum(decision.n <= there.n95 for decision in decisions) / 300 == pytest.approx(0.95, abs=0.05)


def test_a_given_cap_says_what_it_can_achieve_and_what_stays_out_of_reach():
    plan = plan_rate(Bar(">=", 0.9), 0.05, cap=50)
    assert plan.smallest == (None, 8)
    assert plan.reasons[0] == "VALIDATED needs at least 56 units, and the cap is 50"
    assert plan.truths[2].validated == 0.0
    assert plan.truths[0].refuted == pytest.approx(0.0384, abs=5e-5)
    assert plan.rule.decide([1] * 100, plan.bar).outcome is None


@pytest.mark.parametrize("bar", [Bar(">=", 0.9), Bar("<=", 0.05, 0.01, 0.1), Bar(">", 0.5, 0.1, 0.2)], ids=str)
@pytest.mark.parametrize("cap", [150, 700, 3001])
def test_the_achievable_mde_fits_the_cap_and_a_tenth_less_does_not(bar, cap):
    achievable = plan_rate(bar, 0.04, cap=cap).achievable_mde
    if achievable is None or not 0.0 < bar.value - achievable < bar.value + achievable < 1.0:
        pair = None
    else:
        pair = plan_rate(bar, achievable)
        assert pair.cap <= cap
        assert plan_rate(bar, 0.9 * achievable).cap > cap
    assert pair is not None or cap == 150


def test_a_cap_too_small_for_any_effect_says_so():
    plan = plan_rate(Bar(">=", 0.95), 0.02, cap=60)
    assert plan.achievable_mde is None
    assert any("30 units, cannot say VALIDATED at any rate" in reason for reason in plan.reasons)


def test_a_cap_below_every_verdict_is_refused_with_both_numbers():
    with pytest.raises(ClaimError, match="VALIDATED needs at least 32 units, and the cap is 20; REFUTED needs"):
        plan_rate(Bar(">=", 0.5), 0.05, cap=20)


def test_calibration_lowers_the_boundaries_and_keeps_the_levels():
    plain, tight = plan_rate(Bar(">=", 0.9), 0.05), plan_rate(Bar(">=", 0.9), 0.05, calibrated=True)
    assert tight.boundaries < plain.boundaries
    assert tight.truths[1].validated <= 0.05
    assert tight.truths[1].refuted <= 0.05
    assert tight.truths[2].expected_n < plain.truths[2].expected_n
    assert tight.rule.start(tight.bar).accept == tight.boundaries[0]


def test_an_acceptance_plan_speaks_of_its_two_rates():
    plan = plan_rate(Bar("<=", 0.125), design="acceptance", margin=0.025)
    assert [there.truth for there in plan.truths] == pytest.approx([0.10, 0.125, 0.15])
    assert plan.fixed[0] == plan.fixed[1] == fixed_plan(0.125 - 0.025, 0.125 + 0.025)
    assert plan.cap == 948
    # VALIDATED is right at p0 here, and REFUTED at p1
    assert plan.bounds == pytest.approx((243.2, 216.6), abs=0.05)
    assert (plan.truths[0].refuted, plan.truths[2].validated) == pytest.approx((0.0412, 0.0466), abs=4e-4)
    assert plan.achievable_mde is None
    assert "no mde" in plan.reasons[0]


def test_the_2_sprt_is_planned_with_its_short_tail():
    plain = plan_rate(Bar(">=", 0.125), design="acceptance", margin=0.025, calibrated=True)
    short = plan_rate(Bar(">=", 0.125), margin=0.025, design="acceptance", method="two_sprt", calibrated=True)
    assert isinstance(short.rule, TwoSprt)
    assert short.truths[1].n95 == pytest.approx(566, abs=3)
    assert short.truths[1].n95 < plain.truths[1].n95
    assert short.truths[0].expected_n == pytest.approx(265, abs=1)


@pytest.mark.parametrize("arguments", [{"mde": 0.002}, {"mde": 0.004, "method": "mixture"}])
def test_a_plan_too_long_to_be_followed_says_so_and_keeps_the_rest(arguments):
    plan = plan_rate(Bar(">=", 0.5), **arguments)
    assert plan.truths is None
    assert any("exact probabilities would take" in reason for reason in plan.reasons)
    assert plan.cap == 2 * plan.fixed[0].n > 100_000
    assert plan.smallest[0] is not None


def test_a_mixture_is_planned_at_the_mde_it_does_not_need():
    plan = plan_rate(Bar(">=", 0.9), 0.05, method="mixture")
    assert isinstance(plan.rule, BetaMixture)
    assert plan.smallest == (36, 2)
    assert plan.truths[2].expected_n > plan_rate(Bar(">=", 0.9), 0.05).truths[2].expected_n


def test_a_quantile_is_planned_by_the_share_up_to_the_bar():
    plan = plan_quantile(0.95, Bar("<=", 200.0), 0.02)
    share = plan_rate(Bar(">=", 0.95), 0.02)
    assert plan == share
    rule = SequentialQuantile(0.95, plan.rule)
    assert rule.smallest_n(Bar("<=", 200.0)) == plan.smallest
    assert plan_quantile(0.95, Bar(">", 200.0), 0.02).bar == Bar("<", 0.95)


@pytest.mark.parametrize("arguments", [
    {}, {"mde": 0.0}, {"mde": 0.2}, {"mde": 0.05, "method": "exact"}, {"mde": 0.05, "method": "two_sprt"},
    {"margin": 0.05}, {"mde": 0.05, "margin": 0.05, "design": "acceptance"}, {"mde": 0.05, "cap": 0},
    {"mde": 0.05, "batch": 0}, {"method": "mixture"}, {"mde": 0.05, "method": "mixture", "calibrated": True},
    {"margin": 0.05, "design": "acceptance", "method": "mixture"},
])  # fmt: skip
def test_arguments_that_make_no_plan_are_refused(arguments):
    with pytest.raises(ClaimError):
        plan_rate(Bar(">=", 0.9), **arguments)


def test_the_rule_of_a_plan_carries_its_schedule():
    rule = plan_rate(Bar(">=", 0.9), 0.05, batch=6, cap=300).rule
    assert rule == Sprt(0.05, batch=6, cap=300)


def test_planning_needs_the_standard_library_alone():
    code = (
        "import sys; import ophamin.measuring.inference.planning; "
        "print(sorted({'numpy', 'scipy', 'pandas', 'pydantic', 'pytest'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
