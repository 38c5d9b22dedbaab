# SPDX-License-Identifier: Apache-2.0
"""The two intervals that the diagnostics share: of a rate, and of a mean of values between 0 and 1.

Both hold for every n and every distribution, as long as the units are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.mean import BoundedMean
from ophamin.measuring.inference.special import betaincinv

__all__ = ["BLOCKS", "clopper_pearson", "unit_mean_interval"]

BLOCKS: Final = 20_000
"""More values than this are first averaged in blocks of neighbours, which costs a little width and no validity."""


def clopper_pearson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """The exact two-sided interval of a rate.

    Args:
        successes: 0 to n.
        n: number of independent units, at least 1.
        confidence: least probability of covering the rate.

    Source: Clopper and Pearson, Biometrika 26 (1934).

    Example:
        >>> low, high = clopper_pearson(0, 5, 0.90)
        >>> low, round(high, 4)
        (0.0, 0.4507)
    """
    level = 0.5 - 0.5 * confidence
    low = 0.0 if successes == 0 else betaincinv(successes, n - successes + 1, level)
    high = 1.0 if successes == n else betaincinv(successes + 1, n - successes, level, upper=True)
    return low, high


def unit_mean_interval(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """A two-sided interval of the mean of values between 0 and 1, by betting.

    Args:
        values: at least one, each between 0 and 1.
        confidence: least probability of covering the mean.

    Source: Waudby-Smith and Ramdas, JRSS B 86 (2024).

    Example:
        >>> low, high = unit_mean_interval([0.5, 0.7, 0.6, 0.8] * 10, 0.95)
        >>> round(low, 3), round(high, 3)
        (0.545, 0.717)
    """
    size = -(-len(values) // BLOCKS)
    if size > 1:
        values = [sum(values[start : start + size]) / size for start in range(0, len(values) - size + 1, size)]
    level = 0.5 - 0.5 * confidence
    decision = BoundedMean(0.0, 1.0).decide([min(1.0, max(0.0, one)) for one in values], Bar(">=", 0.5, level, level))
    assert decision.low is not None
    assert decision.high is not None
    return decision.low, decision.high
