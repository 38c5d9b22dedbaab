# SPDX-License-Identifier: Apache-2.0
"""Effect sizes of two rates, from counts: difference, ratio and odds ratio, each with an interval or a reason.

The intervals are built from the Wilson score intervals of the two rates, so that they hold for small counts and for
rates at 0 or 1. The first rate is the treated one.

Sources: Newcombe, Statistics in Medicine 17 (1998) 873, method 10, for the difference; Donner and Zou, Statistical
Methods in Medical Research 21 (2012) 347, and Fagerland and Newcombe, Statistics in Medicine 32 (2013) 2823, for the
ratios.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.confidence import require_confidence
from ophamin.measuring.pillars.effects.size import EffectSize

__all__ = ["odds_ratio", "risk_difference", "risk_ratio", "wilson_interval"]

_NO_UNITS: Final = "one arm has no units, so that its rate is undefined"


def risk_difference(k1: int, n1: int, k2: int, n2: int, *, confidence: float = 0.95) -> EffectSize:
    """k1 / n1 - k2 / n2, with Newcombe's hybrid score interval.

    Args:
        k1: events among the treated.
        n1: the treated.
        k2: events among the controls.
        n2: the controls.
        confidence: of the interval.

    Raises:
        NotComputableError: a count is no integer, or lies outside 0 to its number of units.
        ClaimError: the confidence does not lie between 0 and 1.

    Example:
        >>> size = risk_difference(56, 70, 48, 80)
        >>> round(size.value, 4), round(size.low, 4), round(size.high, 4)
        (0.2, 0.0524, 0.3339)
    """
    name = "risk difference"
    if not _counted(k1, n1, k2, n2, confidence):
        return EffectSize(name, None, None, None, confidence, _NO_UNITS)
    (l1, u1), (l2, u2) = wilson_interval(k1, n1, confidence), wilson_interval(k2, n2, confidence)
    p1, p2 = k1 / n1, k2 / n2
    low, high = p1 - p2 - math.hypot(p1 - l1, u2 - p2), p1 - p2 + math.hypot(u1 - p1, p2 - l2)
    return EffectSize(name, p1 - p2, max(low, -1.0), min(high, 1.0), confidence)


def risk_ratio(k1: int, n1: int, k2: int, n2: int, *, confidence: float = 0.95) -> EffectSize:
    """(k1 / n1) / (k2 / n2), with the interval of Donner and Zou.

    Without events among the controls the ratio is undefined; the lower end of its interval is not.

    Args:
        k1: events among the treated.
        n1: the treated.
        k2: events among the controls.
        n2: the controls.
        confidence: of the interval.

    Raises:
        NotComputableError: a count is no integer, or lies outside 0 to its number of units.
        ClaimError: the confidence does not lie between 0 and 1.

    Example:
        >>> size = risk_ratio(7, 34, 1, 34)
        >>> round(size.value, 4), round(size.low, 4), round(size.high, 4)
        (7.0, 1.1537, 41.9763)
    """
    name = "risk ratio"
    if not _counted(k1, n1, k2, n2, confidence):
        return EffectSize(name, None, None, None, confidence, _NO_UNITS)
    treated = (k1 / n1, *wilson_interval(k1, n1, confidence))
    control = (k2 / n2, *wilson_interval(k2, n2, confidence))
    return _ratio(name, treated, control, confidence, "no events among the controls: the ratio has no upper end")


def odds_ratio(k1: int, n1: int, k2: int, n2: int, *, confidence: float = 0.95) -> EffectSize:
    """The odds of an event among the treated over those among the controls; interval of Fagerland and Newcombe.

    It is undefined where the controls have no event, or the treated nothing but events.

    Args:
        k1: events among the treated.
        n1: the treated.
        k2: events among the controls.
        n2: the controls.
        confidence: of the interval.

    Raises:
        NotComputableError: a count is no integer, or lies outside 0 to its number of units.
        ClaimError: the confidence does not lie between 0 and 1.

    Example:
        >>> size = odds_ratio(9, 13, 4, 14)
        >>> round(size.value, 4), round(size.low, 4), round(size.high, 4)
        (5.625, 1.1679, 27.149)
    """
    name = "odds ratio"
    if not _counted(k1, n1, k2, n2, confidence):
        return EffectSize(name, None, None, None, confidence, _NO_UNITS)
    reason = "a cell of the table is 0: the ratio has no upper end"
    if k1 == n1 or k2 == n2:
        # Events and other outcomes change places, and with them the arms: the odds ratio stays the same.
        k1, n1, k2, n2 = n2 - k2, n2, n1 - k1, n1
    if k1 == n1 or k2 == n2:
        return EffectSize(name, None, None, None, confidence, "both arms have rates at their ends; nothing bounds it")
    treated = _odds(k1 / n1, *wilson_interval(k1, n1, confidence))
    control = _odds(k2 / n2, *wilson_interval(k2, n2, confidence))
    return _ratio(name, treated, control, confidence, reason)


def wilson_interval(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of one rate (Wilson, Journal of the American Statistical Association 22, 1927).

    Example:
        >>> [round(end, 4) for end in wilson_interval(0, 10)]
        [0.0, 0.2775]
    """
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    center, total = k + z2 / 2.0, n + z2
    half = math.sqrt(z2 * (k * (n - k) / n + z2 / 4.0))
    return (0.0 if k == 0 else (center - half) / total), (1.0 if k == n else (center + half) / total)


def _counted(k1: int, n1: int, k2: int, n2: int, confidence: float) -> bool:
    """Whether both arms have units.

    Raises:
        NotComputableError: a count is no integer, or lies outside 0 to its number of units.
        ClaimError: the confidence does not lie between 0 and 1.
    """
    require_confidence(confidence)
    for k, n in ((k1, n1), (k2, n2)):
        if type(k) is not int or type(n) is not int or not 0 <= k <= n:
            raise NotComputableError(f"{k!r} events in {n!r} units; give integers with 0 <= events <= units")
    return n1 > 0 and n2 > 0


def _odds(p: float, low: float, high: float) -> tuple[float, float, float]:
    return p / (1.0 - p), low / (1.0 - low), high / (1.0 - high)


def _ratio(
    name: str,
    treated: tuple[float, float, float],
    control: tuple[float, float, float],
    confidence: float,
    reason: str,
) -> EffectSize:
    """The ratio of two values, each given with its interval (the method of variance estimates recovery)."""
    (v1, l1, u1), (v2, l2, u2) = treated, control
    lower, upper = l1 * (2 * v1 - l1), u1 * (2 * v1 - u1)
    above, below = u2 * (2 * v2 - u2), l2 * (2 * v2 - l2)
    square = (v1 * v2) ** 2
    # The lower end in the form that does not divide by `above`, which may be 0.
    low = lower / (v1 * v2 + math.sqrt(square - lower * above)) if lower > 0.0 else 0.0
    if v2 == 0.0:
        return EffectSize(name, None, low, None, confidence, reason)
    return EffectSize(name, v1 / v2, low, (v1 * v2 + math.sqrt(square - upper * below)) / below, confidence)
