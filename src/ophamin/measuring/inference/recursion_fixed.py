# SPDX-License-Identifier: Apache-2.0
"""What a sequential plan of a rate is measured against: the fixed sample that does the same, and Wald's bound.

Sources: Wald, Sequential Analysis (1947); Hoeffding, Annals of Mathematical Statistics 31 (1960).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.special import binomial_cdf, binomial_sf, student_t_ppf

__all__ = ["LARGEST_PLAN", "FixedPlan", "fixed_plan", "last_true", "least_information", "normal_quantile", "wald_bound"]

LARGEST_PLAN: Final = 10_000_000
_NORMAL: Final = 1e7  # degrees of freedom at which Student's t is nearly normal


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
        return last_true(lambda n: binomial_sf(c, n, p0) <= alpha, c - 1, _size(c, p0, z_alpha))

    def least(c: int) -> int:
        return last_true(lambda n: binomial_cdf(c - 1, n, p1) > beta, c - 1, _size(c, p1, -z_beta)) + 1

    z_alpha, z_beta = (-normal_quantile(level) for level in (alpha, beta))
    root = (z_alpha * math.sqrt(p0 * (1.0 - p0)) + z_beta * math.sqrt(p1 * (1.0 - p1))) / (p1 - p0)
    guess = p0 * root * root + z_alpha * math.sqrt(p0 * (1.0 - p0)) * abs(root)
    # the interval of sizes that suit a critical count grows with it; one too few may still hold no whole number
    critical = last_true(lambda c: least(c) > most(c) + 1, 0, guess) + 1
    while (n := least(critical)) > most(critical):
        critical += 1
    return FixedPlan(n, critical, binomial_sf(critical, n, p0), binomial_cdf(critical - 1, n, p1))


def wald_bound(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.05) -> tuple[float, float]:
    """The least expected n at p0 and at p1 of any test of the two with these errors (Wald and Hoeffding).

    >>> [round(bound, 1) for bound in wald_bound(0.10, 0.15)]
    [243.2, 216.6]
    """
    at_p0, at_p1 = least_information(alpha, beta)
    return at_p0 / _divergence(p0, p1), at_p1 / _divergence(p1, p0)


def least_information(alpha: float, beta: float) -> tuple[float, float]:
    """The least information, in nats at either hypothesis, that any test with these two errors gathers on average.

    >>> [round(nats, 4) for nats in least_information(0.05, 0.05)]
    [2.65, 2.65]
    """
    return _divergence(alpha, 1.0 - beta), _divergence(1.0 - beta, alpha)


def normal_quantile(share: float) -> float:
    """The value below which a share of the standard normal distribution lies.

    >>> round(normal_quantile(0.95), 12)
    1.644853626951
    """
    z = student_t_ppf(share, _NORMAL)
    # one step of Newton from the t of ten million degrees of freedom
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return z - (0.5 * math.erfc(-z / math.sqrt(2.0)) - share) / density


def last_true(test: Callable[[int], bool], start: int, guess: float) -> int:
    """Largest whole number above ``start`` for which a test that turns false once is true; ``start`` for none.

    ``start`` itself is never asked. The search goes out from the guess by doubled steps.

    >>> last_true(lambda n: n * n <= 5000, 0, guess=65.0)
    70
    """
    low, high, step = start, max(start + 1, math.floor(guess)), 1
    if test(high):
        while test(high + step):
            high, step = high + step, 2 * step
        low, high = high, high + step
    else:
        while high - step > start and not test(high - step):
            high, step = high - step, 2 * step
        low = max(start, high - step)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if test(middle) else (low, middle)
    return low


def _divergence(p: float, other: float) -> float:
    return p * math.log(p / other) + (1.0 - p) * math.log((1.0 - p) / (1.0 - other))


def _size(count: int, rate: float, z: float) -> float:
    """About the sample in which this count lies z deviations above its mean."""
    deviation = z * math.sqrt(rate * (1.0 - rate))
    root = (math.sqrt(deviation * deviation + 4.0 * rate * (count - 0.5)) - deviation) / (2.0 * rate)
    return root * root
