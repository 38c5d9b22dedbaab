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
from typing import Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.process import GUARD, Walk, ville
from ophamin.measuring.inference.rate_walk import count_processes
from ophamin.measuring.inference.recursion_band import (
    LARGEST,
    Characteristics,
    Law,
    Places,
    absorb,
    characteristics,
    quantile,
)
from ophamin.measuring.inference.recursion_fixed import FixedPlan, fixed_plan, wald_bound
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

__all__ = [
    "Characteristics",
    "Ends",
    "FixedPlan",
    "calibrate",
    "counts_to_follow",
    "edges_of",
    "fixed_plan",
    "follow",
    "wald_bound",
]

_CLOSE: Final = 0.9992
_FINE: Final = 1e-4
_ERROR_BITS: Final = 40  # 1e-12
_LONGEST: Final = 1 << 16  # a walk without a cap is taken to last this long


@dataclass(frozen=True, slots=True)
class Ends:
    """Every place where a walk can end, and how likely each is under the reference rate.

    Attributes:
        reference: the rate under which ``chances`` were computed.
        units: n of each end, growing.
        successes: count of successes at each end.
        sides: 1 for above, -1 for below, 0 for open at the cap.
        chances: probability of each end under the reference.
        truths: the lowest and the highest rate that may be asked.
    """

    reference: float
    units: Sequence[int]
    successes: Sequence[int]
    sides: Sequence[int]
    chances: Sequence[float]
    truths: tuple[float, float] = (0.0, 1.0)

    def at(self, truth: float) -> Characteristics:
        """The operating characteristics at one true rate, 0 to 1.

        Raises:
            ValueError: where the truth lies outside ``truths``.

        Example:
            >>> walk = Sprt(mde=0.1, cap=536).start(Bar(">=", 0.5))
            >>> there = follow(walk, 0.5).at(0.6)
            >>> round(there.above, 3), round(there.undecided, 3), round(there.expected_n), there.n95
            (0.983, 0.017, 150, 391)
        """
        return characteristics(truth, self._places(), self.weighted(truth))

    def quantile(self, truth: float, share: float) -> int:
        """The smallest n by which a share of the walks has ended, the cap counted as an end."""
        return quantile(self.units, self.weighted(truth), share)

    def weighted(self, truth: float) -> list[float]:
        """Probability of each end at one true rate.

        Raises:
            ValueError: where the truth lies outside ``truths``.
        """
        if not self.truths[0] <= truth <= self.truths[1]:
            raise ValueError(
                f"the truth is {truth!r}; a rate lies within 0 and 1, and these ends were followed for rates from "
                f"{self.truths[0]!r} to {self.truths[1]!r}"
            )
        ends = zip(self.units, self.successes, self.chances, strict=True)
        if truth == 0.0:
            return [chance * (1.0 - self.reference) ** -n if k == 0 else 0.0 for n, k, chance in ends]
        if truth == 1.0:
            return [chance * self.reference**-n if k == n else 0.0 for n, k, chance in ends]
        up, down = _tilts(truth, self.reference)
        return self._places().tilted(up - down, down)

    def _places(self) -> Places:
        return Places(self.units, self.successes, self.sides, self.chances)


def follow(walk: Walk, reference: float, *, truths: tuple[float, float] = (0.0, 1.0)) -> Ends:
    """Follow a fresh walk over 0/1 units to every place where it can end.

    Every probability at a truth within ``truths`` is a lower bound that misses less than 1e-12, but for the rounding
    of sums. Truths near the reference need fewer digits and take less than half the time.

    Args:
        walk: its boundaries, look schedule and cap; it is read, not moved.
        reference: a rate between 0 and 1, both excluded; best where the walk lasts longest. It is moved to a binary
            fraction nearby.
        truths: the lowest and the highest rate that will be asked.

    Raises:
        ClaimError: where the walk is not one over 0/1 units, or has no cap and is not over after 6e7 counts.
    """
    bits = _fraction_bits(walk.cap or _LONGEST, reference)
    successes = min(max(1, round(math.ldexp(reference, bits))), (1 << bits) - 1)
    reference = math.ldexp(successes, -bits)
    law = Law(((1 << bits) - successes, successes), bits)
    places = absorb(law, edges_of(walk), kept=_bits_to_keep(walk, reference, truths), every=walk.every, cap=walk.cap)
    return Ends(reference, places.units, places.counts, places.sides, places.chances, truths)


def edges_of(walk: Walk) -> Callable[[int], tuple[int, int]]:
    """For growing looks n: the smallest count of successes that ends a walk above, the largest that ends it below.

    Raises:
        ClaimError: where the walk is not one over 0/1 units.

    Example:
        >>> edges = edges_of(Sprt(mde=0.1).start(Bar(">=", 0.5)))
        >>> edges(16), edges(17), edges(30)
        ((17, -1), (17, 0), (24, 6))
    """
    low, high = count_processes(walk)
    low_at, high_at = low.at, high.at
    accept, reject = walk.accept + GUARD, walk.reject + GUARD
    upper, lower = 0, -1

    def edges(n: int) -> tuple[int, int]:
        nonlocal upper, lower
        while upper <= n and low_at(upper, n - upper) < accept:
            upper += 1
        while lower < n and high_at(lower + 1, n - lower - 1) >= reject:
            lower += 1
        return (upper, lower) if lower < upper else _part(walk, n, upper, lower)

    return edges


def counts_to_follow(walk: Walk) -> int:
    """About how many counts `follow` has to visit for a walk with a cap; 1e7 take one or two tenths of a second.

    Raises:
        ClaimError: where the walk is not one over 0/1 units, or has no cap.

    Example:
        >>> counts_to_follow(Sprt(mde=0.05, cap=2000).start(Bar(">=", 0.5)))
        262000
    """
    if walk.cap is None:
        raise ClaimError("the walk has no cap, so that nothing says how long it lasts; give cap")
    upper, lower = _edges_at(walk, walk.cap)
    return walk.cap * max(1, upper - lower)


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
        ends = follow(walk, 0.5 * (nulls[0] + nulls[1]), truths=nulls)
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


def _tilts(truth: float, reference: float) -> tuple[float, float]:
    """Log-likelihood ratios of one success, and of one failure."""
    return math.log(truth / reference), math.log1p((reference - truth) / (1.0 - reference))


def _fraction_bits(units: int, reference: float) -> int:
    """Bits of a fraction so close to the reference that so many units hardly tell the two apart."""
    smaller = min(reference, 1.0 - reference)
    close = 0.5 * math.log2(units / (4.0 * reference * (1.0 - reference)))
    return max(4, math.ceil(close), math.ceil(-math.log2(smaller)) + 1)


def _bits_to_keep(walk: Walk, reference: float, truths: tuple[float, float]) -> int:
    """Bits of a chance under the reference that leave an error below 1e-12 at each of the truths.

    A cut loses at most one last bit, times the likelihood ratio of the truth to the reference. Along a straight
    boundary the best log ratio is a maximum of straight lines, so that it is largest at an end: at the unbroken run
    that decides, or at the cap.
    """
    low, high = count_processes(walk)
    limit, visits = walk.cap or _LONGEST, LARGEST
    lowest, highest = (min(max(truth, 1e-300), 1.0 - 1e-16) for truth in truths)
    ups = bisect_left(range(1, limit), True, key=lambda n: low.at(n, 0) >= walk.accept) + 1
    downs = bisect_left(range(1, limit), True, key=lambda n: high.at(0, n) >= walk.reject) + 1
    places = [(ups + walk.every, 0), (0, downs + walk.every)]
    if walk.cap is not None:
        top, bottom = _edges_at(walk, limit)
        places += [(top + walk.every, limit - top), (bottom, limit - bottom + walk.every)]
        visits = min(visits, limit * (max(top - bottom, ups + downs) + walk.every))
    ratio = 0.0
    for successes, failures in places:
        up, down = _tilts(min(max(successes / (successes + failures), lowest), highest), reference)
        ratio = max(ratio, successes * up + failures * down)
    return visits.bit_length() + _ERROR_BITS + math.ceil(ratio / math.log(2.0))


def _edges_at(walk: Walk, n: int) -> tuple[int, int]:
    """The counts between which a look at n leaves the walk open: the first above, the first that is open."""
    low, high = count_processes(walk)
    upper = bisect_left(range(n + 1), True, key=lambda k: low.at(k, n - k) >= walk.accept)
    return upper, bisect_left(range(n + 1), True, key=lambda k: high.at(k, n - k) < walk.reject)


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
        if lower <= 0.0:  # no walk has such a boundary
            step *= 0.5
            continue
        trial = (lower, pair[1]) if side == 0 else (pair[0], lower)
        attained = ratios(trial)
        if max(attained) > 1.0:
            step *= 0.5
            continue
        pair = trial
        if attained[side] > _CLOSE:
            break
    return pair
