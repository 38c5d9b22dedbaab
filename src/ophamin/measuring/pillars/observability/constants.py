# SPDX-License-Identifier: Apache-2.0
"""The constants of Shewhart charts, computed from their definitions instead of read from a table.

The printed tables carry three or four digits, and at least one of them carries misprints. It is not a place for
limits: those are in the charts.

Source of the definitions: Montgomery, Introduction to Statistical Quality Control, chapter 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ophamin.errors import ClaimError

__all__ = ["MAX_SUBGROUP", "ShewhartConstants", "shewhart_constants"]

MAX_SUBGROUP: Final = 1000
"""Largest subgroup; a range of more values wastes nearly all of them."""

_OUTER_NODES: Final = 160
_INNER_STEP: Final = 0.05
_TAIL: Final = 9.5
"""Beyond this many standard deviations a normal value has a probability below 2e-21."""


@dataclass(frozen=True, slots=True)
class ShewhartConstants:
    """The factors of control charts for subgroups of ``n`` independent normal values.

    Attributes:
        n: size of a subgroup.
        d2: mean of the range, in standard deviations.
        d3: standard deviation of the range, in standard deviations.
        c4: mean of the sample standard deviation, in standard deviations.
        A2: half width of the limits of the mean, in mean ranges.
        A3: the same in mean standard deviations.
        B3: lower limit of the standard deviation, in mean standard deviations.
        B4: its upper limit.
        D3: lower limit of the range, in mean ranges.
        D4: its upper limit.
        E2: half width of the limits of single values, in mean ranges.
    """

    n: int
    d2: float
    d3: float
    c4: float
    A2: float
    A3: float
    B3: float
    B4: float
    D3: float
    D4: float
    E2: float


def shewhart_constants(n: int, sigma_limit: float = 3.0) -> ShewhartConstants:
    """The constants for subgroups of ``n`` values, limits at ``sigma_limit`` standard deviations.

    Args:
        n: size of a subgroup, 2 to `MAX_SUBGROUP`.
        sigma_limit: distance of the limits from the centre, above 0, in standard deviations of what is drawn.

    Raises:
        ClaimError: an argument lies outside its range.

    Example:
        >>> five = shewhart_constants(5)
        >>> round(five.d2, 3), round(five.A2, 3), round(five.D4, 3), five.D3
        (2.326, 0.577, 2.114, 0.0)
    """
    if isinstance(n, bool) or not isinstance(n, int) or not 2 <= n <= MAX_SUBGROUP:
        raise ClaimError(f"a subgroup of {n!r} values has no chart; take 2 to {MAX_SUBGROUP}")
    if not (math.isfinite(sigma_limit) and sigma_limit > 0.0):
        raise ClaimError(f"the limits lie at {sigma_limit!r} standard deviations; take a number above 0, such as 3")
    d2, d3 = _range_moments(n)
    c4 = math.sqrt(2.0 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))
    range_width = sigma_limit * d3 / d2
    spread_width = sigma_limit * math.sqrt(1.0 - c4 * c4) / c4
    return ShewhartConstants(
        n=n, d2=d2, d3=d3, c4=c4,
        A2=sigma_limit / (d2 * math.sqrt(n)), A3=sigma_limit / (c4 * math.sqrt(n)),
        B3=max(0.0, 1.0 - spread_width), B4=1.0 + spread_width,
        D3=max(0.0, 1.0 - range_width), D4=1.0 + range_width,
        E2=sigma_limit / d2,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _range_moments(n: int) -> tuple[float, float]:
    """Mean and standard deviation of the range W of n standard normal values.

    E W and E W^2 are the integrals of 1 - F(w) and 2 w (1 - F(w)), where F(w), the integral over x of
    n phi(x) [Phi(x + w) - Phi(x)]^(n - 1), is the distribution of the range. The outer integral starts at a hard
    edge and is taken by Gauss and Legendre; the inner one fades on both sides, where equal steps converge fastest.
    """
    import numpy as np
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(_OUTER_NODES)
    w = _TAIL * (nodes + 1.0)
    x = np.arange(-_TAIL, _TAIL, _INNER_STEP)
    density = n * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi) * _INNER_STEP
    beyond = 1.0 - (ndtr(x + w[:, None]) - ndtr(x)) ** (n - 1) @ density
    mean = float(_TAIL * weights @ beyond)
    second = float(_TAIL * weights @ (2.0 * w * beyond))
    return mean, math.sqrt(second - mean * mean)
