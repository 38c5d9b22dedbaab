# SPDX-License-Identifier: Apache-2.0
"""Exact operating characteristics of walks over 0/1 units: no simulation, no normal approximation.

A walk between two boundaries is followed count by count under one reference rate. The chance of every place
where it can end is multiplied by the likelihood ratio of another rate, so that one recursion answers for every
truth. It plans; it decides nothing.

Sources: Wald, Sequential Analysis (1947), for the bounds; Aroian, Technometrics 10 (1968), for the direct method.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.process import GUARD, Walk, ville
from ophamin.measuring.inference.rate_walk import count_processes
from ophamin.measuring.inference.special import binomial_cdf, binomial_sf
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

__all__ = [
    "Characteristics",
    "Ends",
    "FixedPlan",
    "calibrate",
    "counts_to_follow",
    "fixed_plan",
    "follow",
    "wald_bound",
]

LARGEST: Final = 20_000_000
LARGEST_PLAN: Final = 10_000_000
_CLOSE: Final = 0.9992
_FINE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Characteristics:
    """What a walk does at one true rate.

    Attributes:
        truth: the true rate.
        above: probability that it ends above the bar.
        below: probability that it ends below the bar.
        undecided: probability that it is open at the cap.
        expected_n: expected number of units, the cap counted for an open walk.
    """

    truth: float
    above: float
    below: float
    undecided: float
    expected_n: float


@dataclass(frozen=True, slots=True)
class Ends:
    """Every place where a walk can end, and how likely each is under the reference rate.

    Attributes:
        reference: the rate under which ``chances`` were computed.
        units: n of each end, growing.
        successes: count of successes at each end.
        sides: 1 for above, -1 for below, 0 for open at the cap.
        chances: probability of each end under the reference.
    """

    reference: float
    units: Sequence[int]
    successes: Sequence[int]
    sides: Sequence[int]
    chances: Sequence[float]

    def at(self, truth: float) -> Characteristics:
        """The operating characteristics at one true rate, 0 to 1.

        Example:
            >>> walk = Sprt(mde=0.1, cap=536).start(Bar(">=", 0.5))
            >>> there = follow(walk, 0.5).at(0.6)
            >>> round(there.above, 3), round(there.undecided, 3), round(there.expected_n)
            (0.983, 0.017, 150)
        """
        weighted = self.weighted(truth)
        above = math.fsum(chance for chance, side in zip(weighted, self.sides, strict=True) if side > 0)
        below = math.fsum(chance for chance, side in zip(weighted, self.sides, strict=True) if side < 0)
        undecided = math.fsum(chance for chance, side in zip(weighted, self.sides, strict=True) if side == 0)
        expected = math.fsum(map(float.__mul__, weighted, map(float, self.units)))
        return Characteristics(truth, above, below, undecided, expected)

    def quantile(self, truth: float, share: float) -> int:
        """The smallest n by which a share of the walks has ended, the cap counted as an end."""
        ended = 0.0
        for n, chance in zip(self.units, self.weighted(truth), strict=True):
            ended += chance
            if ended >= share:
                return n
        return self.units[-1]

    def weighted(self, truth: float) -> list[float]:
        """Probability of each end at one true rate.

        Raises:
            ValueError: where the truth lies outside 0 to 1.
        """
        if not 0.0 <= truth <= 1.0:
            raise ValueError(f"the truth is {truth!r}; a rate lies within 0 and 1")
        ends = zip(self.units, self.successes, self.chances, strict=True)
        if truth == 0.0:
            return [chance * (1.0 - self.reference) ** -n if k == 0 else 0.0 for n, k, chance in ends]
        if truth == 1.0:
            return [chance * self.reference**-n if k == n else 0.0 for n, k, chance in ends]
        up = math.log(truth / self.reference)
        down = math.log1p((self.reference - truth) / (1.0 - self.reference))
        # an end that even the reference never reaches has no share at any truth worth asking for
        return [chance * math.exp(min(700.0, k * up + (n - k) * down)) for n, k, chance in ends]


@dataclass(frozen=True, slots=True)
class FixedPlan:
    """The smallest fixed sample that tells two rates apart, by exact binomial tails.

    Attributes:
        n: number of units.
        critical: smallest count of successes that speaks for the higher rate.
        alpha: probability of that count or more at the lower rate.
        beta: probability of a smaller count at the higher rate.
    """

    n: int
    critical: int
    alpha: float
    beta: float


def follow(walk: Walk, reference: float, *, negligible: float = 1e-16) -> Ends:
    """Follow a fresh walk over 0/1 units to every place where it can end.

    Args:
        walk: its boundaries, look schedule and cap; it is read, not moved.
        reference: a rate between 0 and 1, both excluded; best where the walk lasts longest.
        negligible: without a cap the recursion stops where less than this is left.

    Raises:
        ClaimError: where the walk is not one over 0/1 units, or has no cap and is not over after 2e7 counts.
    """
    low, high = count_processes(walk)
    accept, reject = walk.accept + GUARD, walk.reject + GUARD
    ends: list[tuple[int, int, int, float]] = []
    every, ratio, scale, seen = walk.every, 1.0 / reference - 1.0, 1.0, 0
    chances, base, upper, lower = [1.0], 0, 0, -1
    for n in count(1) if walk.cap is None else range(1, walk.cap + 1):
        chances, scale = _stepped(chances, scale, ratio, reference)
        if every > 1 and n % every and n != walk.cap:
            continue
        while upper <= n and low.at(upper, n - upper) < accept:
            upper += 1
        while lower < n and high.at(lower + 1, n - lower - 1) >= reject:
            lower += 1
        top, bottom = (upper, lower) if lower < upper else _part(walk, n, upper, lower)
        over = range(base + len(chances) - 1, max(top, base) - 1, -1)
        ends.extend((n, k, 1, chances.pop() * scale) for k in over)
        if base <= bottom:
            stop = min(bottom + 1, base + len(chances))
            ends.extend((n, k, -1, chances[k - base] * scale) for k in range(base, stop))
            del chances[: stop - base]
            base = bottom + 1
        if not chances or (walk.cap is None and sum(chances) * scale < negligible):
            break
        seen += len(chances)
        if walk.cap is None and seen > LARGEST:
            raise ClaimError(f"the walk is still open after {n} units and has no cap; give cap")
    else:
        ends.extend((n, k, 0, chance * scale) for k, chance in enumerate(chances, base))
    return Ends(reference, *zip(*ends, strict=True))


def counts_to_follow(walk: Walk) -> int:
    """About how many counts `follow` has to visit for a walk with a cap; 1e7 take some tenths of a second.

    Raises:
        ClaimError: where the walk is not one over 0/1 units, or has no cap.

    Example:
        >>> counts_to_follow(Sprt(mde=0.05, cap=2000).start(Bar(">=", 0.5)))
        262000
    """
    low, high = count_processes(walk)
    if walk.cap is None:
        raise ClaimError("the walk has no cap, so that nothing says how long it lasts; give cap")
    n = walk.cap
    upper = bisect_left(range(n + 1), True, key=lambda k: low.at(k, n - k) >= walk.accept)
    lower = bisect_left(range(n + 1), True, key=lambda k: high.at(k, n - k) < walk.reject)
    return n * max(1, upper - lower)


def calibrate(rule: Sprt | TwoSprt, bar: Bar) -> tuple[float, float]:
    """Log boundaries (accept, reject) whose exact errors come close to the levels and never exceed them.

    They hold for this batch and this cap alone. Both boundaries first move together by the logarithm of attained
    over wanted error, which is about what an error answers to its boundary; then each is lowered as far as both
    errors allow. Lowering one lowers the error of the other. The pair that comes back was verified.

    Args:
        rule: the test; its own boundaries are ignored.
        bar: the claim's bar.

    Raises:
        ClaimError: where the walk has no cap and does not end.

    Example:
        >>> accept, reject = calibrate(Sprt(design="acceptance", margin=0.05), Bar(">=", 0.15))
        >>> accept < 2.996 and reject < 2.996
        True
    """
    nulls, levels = rule.nulls(bar), (bar.low_level, bar.high_level)

    def ratios(pair: tuple[float, float]) -> tuple[float, float]:
        walk = replace(rule, boundaries=pair).start(bar)
        ends = follow(walk, 0.5 * (nulls[0] + nulls[1]), negligible=1e-12)
        return ends.at(nulls[0]).above / levels[0], ends.at(nulls[1]).below / levels[1]

    best = pair = ville(bar)
    for _ in range(10):
        attained = ratios(pair)
        if max(attained) <= 1.0:
            best = min(best, pair, key=sum)
            if min(attained) > _CLOSE:
                return best
        pair = (_met(pair[0], attained[0]), _met(pair[1], attained[1]))
    for side in (0, 1, 0, 1):
        best = _lowered(best, side, ratios)
    return best


def fixed_plan(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.05) -> FixedPlan:
    """The smallest n, and its critical count, with error at most alpha at p0 and at most beta at p1.

    Args:
        p0: the lower rate, above 0.
        p1: the higher rate, below 1.
        alpha: bound on P(count >= critical) at p0.
        beta: bound on P(count < critical) at p1.

    Raises:
        ClaimError: where the rates are not ordered, or lie so close that any test needs more than 1e7 units.

    Example:
        >>> plan = fixed_plan(0.10, 0.15)
        >>> plan.n, plan.critical
        (474, 59)
    """
    if not 0.0 < p0 < p1 < 1.0:
        raise ClaimError(f"the rates are {p0!r} and {p1!r}; give 0 < p0 < p1 < 1")
    if (least_n := max(wald_bound(p0, p1, alpha, beta))) > LARGEST_PLAN:
        raise ClaimError(
            f"to tell {p0!r} from {p1!r} takes {least_n:.1e} units or more, and the limit is {LARGEST_PLAN:.0e}; "
            "give rates further apart, such as a larger mde"
        )
    if p0 + p1 > 1.0:
        # few failures step through the sizes faster than many successes
        mirrored = fixed_plan(1.0 - p1, 1.0 - p0, beta, alpha)
        return FixedPlan(mirrored.n, mirrored.n - mirrored.critical + 1, mirrored.beta, mirrored.alpha)

    def most(c: int) -> int:
        return _last_true(lambda n: binomial_sf(c, n, p0) <= alpha, c - 1)

    def least(c: int) -> int:
        return _last_true(lambda n: binomial_cdf(c - 1, n, p1) > beta, c - 1) + 1

    # the interval of sizes that suit a critical count grows with it; one too few may still hold no whole number
    critical = _last_true(lambda c: least(c) > most(c) + 1, 0) + 1
    while (n := least(critical)) > most(critical):
        critical += 1
    return FixedPlan(n, critical, binomial_sf(critical, n, p0), binomial_cdf(critical - 1, n, p1))


def wald_bound(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.05) -> tuple[float, float]:
    """The least expected n at p0 and at p1 of any test of the two with these errors (Wald and Hoeffding).

    >>> [round(bound, 1) for bound in wald_bound(0.10, 0.15)]
    [243.2, 216.6]
    """
    at_p0, at_p1 = _divergence(alpha, 1.0 - beta), _divergence(1.0 - beta, alpha)
    return at_p0 / _divergence(p0, p1), at_p1 / _divergence(p1, p0)


def _divergence(p: float, other: float) -> float:
    return p * math.log(p / other) + (1.0 - p) * math.log((1.0 - p) / (1.0 - other))


def _stepped(chances: list[float], scale: float, ratio: float, reference: float) -> tuple[list[float], float]:
    """One more unit: the chances, and the factor that is left out of all of them to spare a product each."""
    shifted = chances[1:]
    after = [chances[0] * ratio]
    after += [a + b * ratio for a, b in zip(chances, shifted, strict=False)]
    after.append(chances[-1])
    scale *= reference
    if scale < 1e-200:
        return [chance * scale for chance in after], 1.0
    return after, scale


def _part(walk: Walk, n: int, upper: int, lower: int) -> tuple[int, int]:
    """Which of the counts at which both sides have crossed belongs to which: the further one wins."""
    low, high = count_processes(walk)

    def over(k: int) -> float:
        return (low.at(k, n - k) - (walk.accept + GUARD)) - (high.at(k, n - k) - (walk.reject + GUARD))

    top, bottom = upper, lower
    while top <= lower and not over(top) > 0.0:
        top += 1
    while bottom >= upper and not over(bottom) < 0.0:
        bottom -= 1
    return top, bottom


def _met(boundary: float, ratio: float) -> float:
    """Where the error is about to meet its level, a little inside it."""
    return max(0.5 * boundary, boundary + math.log(max(ratio, 1e-3) / (0.5 + 0.5 * _CLOSE)))


def _lowered(
    pair: tuple[float, float], side: int, ratios: Callable[[tuple[float, float]], tuple[float, float]]
) -> tuple[float, float]:
    """The pair with one boundary lowered as far as both errors stay within their levels."""
    step = -math.log(max(ratios(pair)[side], 1e-3))
    while step > _FINE:
        lower = pair[side] - step
        trial = (lower, pair[1]) if side == 0 else (pair[0], lower)
        attained = ratios(trial)
        if lower <= 0.0 or max(attained) > 1.0:
            step *= 0.5
            continue
        pair = trial
        if attained[side] > _CLOSE:
            break
    return pair


def _last_true(test: Callable[[int], bool], start: int) -> int:
    """Largest whole number above ``start`` for which a test that turns false once is true; ``start`` for none.

    ``start`` itself is never asked.
    """
    step = 1
    while test(start + step):
        step *= 2
    low, high = start + step // 2, start + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if test(middle) else (low, middle)
    return low
