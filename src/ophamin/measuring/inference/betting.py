# SPDX-License-Identifier: Apache-2.0
"""Wealth of sixteen constant bets against "the mean of values in [0, 1] is at most m".

A bettor who stakes the share c of the wealth multiplies it by 1 + c (y / m - 1) at each value y, which is 1
or less on average when the mean is at most m. The average wealth of several bettors reaches 1 / level with
probability at most ``level`` (Markov). Fixed sample: the wealth is read once, after the last value, and does
not depend on their order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ophamin.measuring.inference.decision import smallest_deciding

__all__ = ["BETS", "Tally", "further_units", "largest_excluded_mean", "log_mixture", "log_wealths"]

BETS: Final = tuple(0.95 * 2.0 ** (-j / 2) for j in range(16))
"""Shares of wealth at stake, of equal weight: from nearly all down to half a percent."""

_TOLERANCE: Final = 5e-10
_LARGEST_LOG: Final = 600.0
_NEGLIGIBLE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Values in [0, 1] grouped: each single value once, each repeated value with its count, sorted.

    Attributes:
        n: number of values.
        mean: their mean.
        deviation: their standard deviation with divisor n.
        single: the values that occur once.
        repeated: the other values with their counts.
    """

    n: int
    mean: float
    deviation: float
    single: tuple[float, ...]
    repeated: tuple[tuple[float, int], ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Tally:
        """Group the values, of which there must be at least one."""
        counts = sorted(Counter(values).items())
        n = sum(count for _, count in counts)
        mean = math.fsum(value * count for value, count in counts) / n
        variance = math.fsum(count * (value - mean) ** 2 for value, count in counts) / n
        return cls(
            n, mean, math.sqrt(variance),
            tuple(value for value, count in counts if count == 1),
            tuple((value, count) for value, count in counts if count > 1),
        )  # fmt: skip

    def log_product(self, t: float) -> float:
        """Sum of log(1 + t y) over the values, in products short enough not to overflow."""
        length = max(1, int(_LARGEST_LOG / math.log1p(t)))
        parts = [
            math.log(math.prod([1.0 + t * value for value in self.single[start : start + length]]))
            for start in range(0, len(self.single), length)
        ]
        parts.extend(count * math.log1p(t * value) for value, count in self.repeated)
        return math.fsum(parts)


def log_wealths(tally: Tally, m: float) -> list[float]:
    """Natural log of every bettor's wealth against "the mean is at most ``m``", m from 0 to 1.

    In the order of `BETS` reversed. The log is concave in the stake and 0 at stake 0, so once it falls
    steeply the larger stakes are lost too: from where they could not add one part in 1e26 they stand at minus
    infinity.

    >>> [round(log, 3) for log in log_wealths(Tally.of([0.5, 1.0]), 0.5)[-2:]]
    [0.514, 0.668]
    """
    if m < 1e-290:  # only zeros have mean 0
        return [math.inf if tally.mean > 0.0 else 0.0] * len(BETS)
    logs: list[float] = []
    stake_before = log_before = 0.0
    largest, slope = -math.inf, math.inf
    for stake in reversed(BETS):
        if log_before + slope * (stake - stake_before) < largest - _NEGLIGIBLE:
            break
        # 1 + c (y / m - 1) = (1 - c) (1 + t y)
        log = tally.n * math.log1p(-stake) + tally.log_product(stake / (m * (1.0 - stake)))
        slope = (log - log_before) / (stake - stake_before)
        stake_before, log_before, largest = stake, log, max(largest, log)
        logs.append(log)
    return logs + [-math.inf] * (len(BETS) - len(logs))


def log_mixture(logs: Sequence[float]) -> float:
    """Log of the bettors' average wealth.

    >>> log_mixture([0.0] * 16)
    0.0
    """
    largest = max(logs)
    if math.isinf(largest):
        return largest
    return largest + math.log(math.fsum(math.exp(log - largest) for log in logs) / len(logs))


def largest_excluded_mean(tally: Tally, level: float) -> float:
    """The largest m for which "the mean is at most m" is rejected at ``level``; 0 where none is.

    The wealth falls as m grows and is at most 1 at the sample mean, so there is one crossing below it.
    Against the distance from the mean, sqrt(log wealth) is nearly straight, and regula falsi (Illinois) needs
    few turns.
    """
    mean, target = tally.mean, _TOLERANCE - math.log(level)
    shift = math.log(len(BETS))
    goal = math.sqrt(target + shift)
    near, near_gap = 0.0, -goal
    far, far_gap = mean, math.inf
    distance = min(0.9 * mean, tally.deviation * goal * math.sqrt(2.0 / tally.n) + 0.5 * mean / tally.n)
    side = 0
    while near < distance < far:
        log = log_mixture(log_wealths(tally, mean - distance))
        if abs(log - target) <= _TOLERANCE:
            return mean - distance
        gap = math.sqrt(max(0.0, log + shift)) - goal
        if gap < 0.0:
            near, near_gap, far_gap = distance, gap, far_gap / 2.0 if side < 0 else far_gap
        else:
            far, far_gap, near_gap = distance, gap, near_gap / 2.0 if side > 0 else near_gap
        side = -1 if gap < 0.0 else 1
        if math.isinf(far_gap):
            middle, grown = 0.5 * (near + far), goal + near_gap
            distance = min(1.05 * near * goal / grown, middle) if grown > 0.0 else middle
        else:
            distance = near + (far - near) * near_gap / (near_gap - far_gap)
    return mean - far


def further_units(logs: Sequence[float], n: int, level: float) -> int | None:
    """How many more values let the wealth reach 1 / level, if all values were repeated equally often.

    >>> further_units([0.01] * 16, 100, 0.05)
    29862
    """
    target = -math.log(level)
    if not 0.0 < max(logs) < math.inf:
        return None
    enough = smallest_deciding(lambda size: log_mixture([log * (size / n) for log in logs]) >= target, n)
    return None if enough is None else enough - n
