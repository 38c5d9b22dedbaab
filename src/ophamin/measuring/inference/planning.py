# SPDX-License-Identifier: Apache-2.0
"""What a sequential plan for a rate or a quantile costs and promises, known before the first unit.

Every probability comes from the exact recursion of `recursion`. It plans for independent 0/1 units; it does not
look at data, and it decides nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.process import Walk
from ophamin.measuring.inference.quantile_process import SequentialQuantile
from ophamin.measuring.inference.rate import runs_needed
from ophamin.measuring.inference.recursion import (
    Ends,
    FixedPlan,
    calibrate,
    counts_to_follow,
    fixed_plan,
    follow,
    wald_bound,
)
from ophamin.measuring.inference.special import betaincinv, binomial_sf
from ophamin.measuring.inference.sprt import Sprt, TwoSprt
from ophamin.measuring.inference.values import shown

__all__ = [
    "LARGEST_EXACT",
    "METHODS",
    "Outlook",
    "PlannedRule",
    "RatePlan",
    "plan_quantile",
    "plan_rate",
    "reach_of_sample",
]

LARGEST_EXACT: Final = 60_000_000
_COUNTS_PER_MIXTURE: Final = 8000  # two integrals and their edges take as long as this many counts
METHODS: Final = ("mixture", "sprt", "two_sprt")

PlannedRule: TypeAlias = Sprt | TwoSprt | BetaMixture


@dataclass(frozen=True, slots=True)
class Outlook:
    """What will happen if one rate is the truth.

    Attributes:
        truth: the true rate.
        validated: probability of VALIDATED.
        refuted: probability of REFUTED.
        undecided: probability that the cap comes first.
        expected_n: expected number of units.
        n95: number of units that 95 % of the runs do not exceed.
    """

    truth: float
    validated: float
    refuted: float
    undecided: float
    expected_n: float
    n95: int


@dataclass(frozen=True, slots=True)
class RatePlan:
    """A sequential plan of a rate, in numbers.

    Each pair speaks of VALIDATED first and REFUTED second. Their alternatives are the bar and the mde beyond it on
    the side where the claim holds, and on the side where it fails; in an acceptance design both are p0 and p1.

    Attributes:
        bar: the bar; for a quantile, that of the share of values up to it.
        rule: the rule to walk, with boundaries, batch and cap of this plan.
        truths: outlooks at the lower alternative, at the bar and at the upper alternative; None with a reason.
        smallest: the n at which the plan can say VALIDATED, and REFUTED, within the cap; None for not.
        smallest_of_any: the same for any test at these levels.
        fixed: the exact fixed-sample plans.
        bounds: least expected n of any test of the two alternatives (Wald and Hoeffding).
        cap: the largest number of units that is looked at.
        boundaries: the log boundaries, above and below.
        achievable_mde: the smallest mde whose default cap is within this cap; None with a reason.
        reasons: why a field is None, one sentence each.
    """

    bar: Bar
    rule: PlannedRule
    truths: tuple[Outlook, Outlook, Outlook] | None
    smallest: tuple[int | None, int | None]
    smallest_of_any: tuple[int | None, int | None]
    fixed: tuple[FixedPlan, FixedPlan]
    bounds: tuple[float, float]
    cap: int
    boundaries: tuple[float, float]
    achievable_mde: float | None
    reasons: tuple[str, ...]


def plan_rate(
    bar: Bar,
    mde: float | None = None,
    *,
    design: str = "threshold",
    margin: float | tuple[float, float] | None = None,
    method: str = "sprt",
    calibrated: bool = False,
    cap: int | None = None,
    batch: int = 1,
) -> RatePlan:
    """Plan a sequential test of a rate.

    Args:
        bar: the claim's bar, between 0 and 1.
        mde: distance from the bar at which a verdict is wanted; for the threshold design.
        design: ``threshold`` or ``acceptance``.
        margin: distance of p0 and p1 from the bar, or the two distances; for the acceptance design.
        method: ``sprt``, ``two_sprt`` (acceptance only) or ``mixture`` (threshold only; the mde is then asked of the
            plan alone).
        calibrated: move the boundaries so that the exact errors meet the levels. They hold for this cap and batch
            alone: a plan that is changed later must not be calibrated.
        cap: largest number of units; twice the fixed sample of VALIDATED where it is left out.
        batch: a look is taken after every so many units.

    Raises:
        ClaimError: where the arguments do not fit, or where the cap leaves neither VALIDATED nor REFUTED in reach.

    Example:
        >>> plan = plan_rate(Bar(">=", 0.95), 0.02)
        >>> plan.fixed[0].n, plan.cap, round(plan.truths[2].expected_n), round(plan.bounds[0])
        (1036, 2072, 606, 543)
        >>> plan.smallest, plan.smallest_of_any, round(plan.truths[2].undecided, 3)
        ((144, 9), (59, 2), 0.017)
    """
    rule = _rule(mde, design, margin, method, batch)
    pairs = _pairs(bar, mde, rule)
    fixed = [fixed_plan(*pair, bar.low_level, bar.high_level) for pair in pairs]
    cap = 2 * fixed[0].n if cap is None else cap
    rule = replace(rule, cap=cap)
    smallest = rule.smallest_n(bar)
    reasons = _unreachable(replace(rule, cap=None).smallest_n(bar), smallest, cap)
    too_long = _too_long(rule.start(bar), rule)
    if calibrated and not too_long:
        rule = _calibrated(rule, bar)
        smallest = rule.smallest_n(bar)
    walk = rule.start(bar)
    achievable, why = _achievable_mde(bar, cap, mde)
    return RatePlan(
        bar, rule, None if too_long else _truths(walk, bar, pairs), smallest, _smallest_of_any(bar, pairs),
        (fixed[0], fixed[1]), _wald_bounds(bar, pairs), cap, (walk.accept, walk.reject), achievable,
        (*reasons, *too_long, *why),
    )  # fmt: skip


def plan_quantile(
    q: float,
    bar: Bar,
    mde: float | None = None,
    *,
    design: str = "threshold",
    margin: float | tuple[float, float] | None = None,
    method: str = "sprt",
    calibrated: bool = False,
    cap: int | None = None,
    batch: int = 1,
) -> RatePlan:
    """Plan a sequential test of a quantile through the share of values up to the bar.

    Args:
        q: which quantile, 0 to 1, both excluded.
        bar: the claim's bar, in the unit of the values.
        mde: distance of that share from q at which a verdict is wanted, a probability.
        design: as in `plan_rate`.
        margin: as in `plan_rate`, in probability.
        method: as in `plan_rate`.
        calibrated: as in `plan_rate`.
        cap: as in `plan_rate`.
        batch: as in `plan_rate`.

    Returns:
        The plan of the share; ``SequentialQuantile(q, plan.rule)`` walks it over the values. Its truths are shares:
        the upper one is where the quantile lies below the bar.

    Raises:
        ClaimError: as `plan_rate`.

    Example:
        >>> plan = plan_quantile(0.95, Bar("<=", 200.0), 0.02)
        >>> str(plan.bar), plan.fixed[0].n, round(plan.truths[2].validated, 3)
        ('>= 0.95', 1036, 0.983)
    """
    share = SequentialQuantile(q, BetaMixture()).rate_bar(bar)
    return plan_rate(
        share, mde, design=design, margin=margin, method=method, calibrated=calibrated, cap=cap, batch=batch
    )


def reach_of_sample(bar: Bar, n: int) -> float | None:
    """The smallest distance from the bar, on the side where a claim on a rate holds, that ``n`` units can tell.

    Returns:
        The distance at which the fixed-sample test at alpha misses with probability beta, by inverting both of its
        tails; None where no rate is far enough.

    Example:
        >>> round(reach_of_sample(Bar(">=", 0.9), 298), 4)
        0.0495
    """
    share = bar.value if bar.upward else 1.0 - bar.value
    critical = bisect_left(range(n + 1), True, key=lambda c: binomial_sf(c, n, share) <= bar.alpha)
    if critical > n:
        return None
    # a hair more, so that rounding does not ask for one unit too many
    return (betaincinv(critical, n - critical + 1, bar.beta, upper=True) - share) * (1.0 + 1e-9)


def _rule(
    mde: float | None, design: str, margin: float | tuple[float, float] | None, method: str, batch: int
) -> PlannedRule:
    if method not in METHODS:
        raise ClaimError(f"{shown(method)} is not a method that plans; {nearest_name(str(method), METHODS)}")
    if method == "two_sprt":
        if margin is None or mde is not None:
            raise ClaimError(f"two_sprt has an acceptance design, and mde is {shown(mde)}; give margin alone")
        return TwoSprt(margin, batch=batch)
    rule = Sprt(mde, design, margin, batch=batch)
    if method == "sprt":
        return rule
    if mde is None:
        raise ClaimError("a mixture is planned for the threshold design; give mde, at which the plan is computed")
    return BetaMixture(batch=batch)


def _pairs(bar: Bar, mde: float | None, rule: PlannedRule) -> tuple[tuple[float, float], tuple[float, float]]:
    """The two alternatives that VALIDATED, and that REFUTED, tells apart."""
    if mde is None:
        low, high = rule.nulls(bar)
        return (low, high), (low, high)
    high, low = Sprt(mde).alternatives(bar)
    above, below = (bar.value, high), (low, bar.value)
    return (above, below) if bar.upward else (below, above)


def _wald_bounds(bar: Bar, pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Each bound at the alternative where its own outcome is right."""
    validated = wald_bound(*pairs[0], bar.low_level, bar.high_level)[1 if bar.upward else 0]
    refuted = wald_bound(*pairs[1], bar.low_level, bar.high_level)[0 if bar.upward else 1]
    return validated, refuted


def _smallest_of_any(bar: Bar, pairs: Sequence[tuple[float, float]]) -> tuple[int | None, int | None]:
    lowest, highest = pairs[0] if pairs[0] == pairs[1] else (bar.value, bar.value)
    above = runs_needed(lowest, bar.low_level)
    below = runs_needed(highest, bar.high_level, failures=True)
    return (above, below) if bar.upward else (below, above)


def _unreachable(
    needed: tuple[int | None, int | None], smallest: tuple[int | None, int | None], cap: int
) -> tuple[str, ...]:
    reasons = tuple(
        f"{outcome} needs at least {enough} units, and the cap is {cap}"
        for outcome, enough, reached in zip(("VALIDATED", "REFUTED"), needed, smallest, strict=True)
        if reached is None
    )
    if len(reasons) == 2:
        raise ClaimError(f"{reasons[0]}; {reasons[1]}: no verdict is possible. Raise the cap, or give a larger mde")
    return reasons


def _calibrated(rule: PlannedRule, bar: Bar) -> PlannedRule:
    if isinstance(rule, BetaMixture):
        raise ClaimError("calibrated is True, but a mixture keeps Ville's boundaries; use sprt or leave it out")
    return replace(rule, boundaries=calibrate(rule, bar))


def _too_long(walk: Walk, rule: PlannedRule) -> tuple[str, ...]:
    counts = counts_to_follow(walk)
    if isinstance(rule, BetaMixture):
        counts += _COUNTS_PER_MIXTURE * (walk.cap or 0)
    if counts <= LARGEST_EXACT:
        return ()
    return (f"exact probabilities would take {counts:.0e} steps of {LARGEST_EXACT:.0e}; give a larger mde or less cap",)


def _truths(
    walk: Walk, bar: Bar, pairs: tuple[tuple[float, float], tuple[float, float]]
) -> tuple[Outlook, Outlook, Outlook]:
    low, high = min(map(min, pairs)), max(map(max, pairs))
    reference = 0.5 * (low + high) if pairs[0] == pairs[1] else bar.value
    ends = follow(walk, reference, truths=(low, high))
    return _outlook(ends, low, bar), _outlook(ends, bar.value, bar), _outlook(ends, high, bar)


def _outlook(ends: Ends, truth: float, bar: Bar) -> Outlook:
    there = ends.at(truth)
    validated, refuted = (there.above, there.below) if bar.upward else (there.below, there.above)
    return Outlook(truth, validated, refuted, there.undecided, there.expected_n, there.n95)


def _achievable_mde(bar: Bar, cap: int, mde: float | None) -> tuple[float | None, tuple[str, ...]]:
    """The distance that a fixed sample of half the cap tells from the bar."""
    if mde is None:
        return None, ("an acceptance design has a margin and no mde",)
    distance = reach_of_sample(bar, cap // 2)
    if distance is None:
        return None, (f"a sample of half the cap, {cap // 2} units, cannot say VALIDATED at any rate",)
    return distance, ()
