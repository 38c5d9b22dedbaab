# SPDX-License-Identifier: Apache-2.0
"""Corrections for several tests at once, on p-values and on e-values.

One claim is wrongly VALIDATED at most at the rate alpha; among twenty, one soon is by chance. A correction says which
rejections stand when all are read together. It knows numbers alone; what they mean for verdicts is in
`ophamin.comparing.families`.

Sources: Holm, Scandinavian Journal of Statistics 6 (1979); Benjamini and Hochberg, JRSS B 57 (1995); Wang and Ramdas,
JRSS B 84 (2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat

from ophamin.errors import ClaimError
from ophamin.measuring.inference.values import shown

__all__ = [
    "Correction",
    "FalseRed",
    "benjamini_hochberg",
    "bonferroni",
    "chance_of_false_red",
    "e_bh",
    "holm",
    "require_level",
    "require_within",
]


@dataclass(frozen=True, slots=True)
class Correction:
    """What a correction makes of m hypotheses.

    Attributes:
        method: ``bonferroni``, ``holm``, ``bh`` or ``e-bh``.
        level: the error rate that is held over all of them.
        rejected: in the order of the input; true exactly where the adjusted value is at most ``level``.
        adjusted: in the order of the input, the smallest level at which the hypothesis would be rejected, at most 1;
            None where nothing was tested. Below the smallest float it is 0.0.
        thresholds: by rank: what the smallest p-value (for ``e-bh`` the largest e-value) is compared with, then the
            next, m in all.
    """

    method: str
    level: float
    rejected: tuple[bool, ...]
    adjusted: tuple[float | None, ...]
    thresholds: tuple[float, ...]


def bonferroni(p_values: Sequence[float | None], alpha: float = 0.05) -> Correction:
    """Reject where m p is at most ``alpha``; `holm` promises the same and rejects at least as much.

    Args:
        p_values: one for each hypothesis, in [0, 1]; None where nothing was tested, which counts in m.
        alpha: the chance of any false rejection, between 0 and 1, under every dependence.

    Raises:
        ClaimError: a value or the level lies outside its range.

    Example:
        >>> bonferroni([0.01, 0.02, None]).adjusted
        (0.03, 0.06, None)
    """
    ps, level = _p_values(p_values), require_level("alpha", alpha)
    m = len(ps)
    adjusted = [None if p is None else min(1.0, m * p) for p in ps]
    return _correction("bonferroni", level, adjusted, [level / m for _ in ps])


def holm(p_values: Sequence[float | None], alpha: float = 0.05) -> Correction:
    """Step down from the smallest p-value; holds the chance of any false rejection (FWER) under every dependence.

    With anytime p-values, 1 over the largest e-value so far, it may be asked as often as one likes, and what it has
    rejected stays rejected: such p-values only fall.

    Args:
        p_values: one for each hypothesis, in [0, 1]; None where nothing was tested, which counts in m.
        alpha: the chance of any false rejection, between 0 and 1.

    Raises:
        ClaimError: a value or the level lies outside its range.

    Example:
        >>> correction = holm([0.01, 0.04, 0.03, 0.005])
        >>> correction.rejected, correction.adjusted
        ((True, False, False, True), (0.03, 0.06, 0.06, 0.02))
    """
    ps, level = _p_values(p_values), require_level("alpha", alpha)
    m, highest = len(ps), 0.0
    adjusted: list[float | None] = [None] * m
    for rank, (p, index) in enumerate(_ascending(ps)):
        adjusted[index] = highest = max(highest, min(1.0, (m - rank) * p))
    return _correction("holm", level, adjusted, [level / (m - rank) for rank in range(m)])


def benjamini_hochberg(p_values: Sequence[float | None], q: float = 0.05) -> Correction:
    """Step up from the largest p-value; holds the expected share of false ones among the rejected (FDR).

    Only for p-values of one look at a sample whose size was fixed, and for hypotheses that are independent or
    positively dependent. Over claims that were looked at again and again, use `holm` or `e_bh`.

    Args:
        p_values: one for each hypothesis, in [0, 1]; None where nothing was tested, which counts in m.
        q: the expected share, between 0 and 1.

    Raises:
        ClaimError: a value or the level lies outside its range.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.005]).adjusted
        (0.02, 0.04, 0.04, 0.02)
    """
    ps, level = _p_values(p_values), require_level("q", q)
    m = len(ps)
    return _correction("bh", level, _stepped_up(ps), [level * rank / m for rank in range(1, m + 1)])


def e_bh(e_values: Sequence[float | None], q: float = 0.05, *, logs: bool = False) -> Correction:
    """Reject the k largest e-values for the largest k whose k-th is at least m / (k q); holds the FDR.

    It holds under every dependence, at one stopping time, for the *current* e-values at that time. The largest value
    so far is no e-value, and with it the promise is lost: a rejection must be given up when the e-values fall again.
    A moment chosen by looking at several streams is a stopping time of each only where the streams share no chance,
    such as a seed.

    Args:
        e_values: one for each hypothesis, at least 0, infinity allowed; None where nothing was tested, which counts
            in m.
        q: the expected share of false ones among the rejected, between 0 and 1.
        logs: the values are natural logarithms of e-values, however large. Thresholds stay e-values.

    Raises:
        ClaimError: a value or the level lies outside its range.

    Example:
        >>> correction = e_bh([90.0, 30.0, 0.5], q=0.1)
        >>> correction.rejected, correction.thresholds
        ((True, True, False), (30.0, 15.0, 10.0))
        >>> e_bh([1e5, 0.0], logs=True).rejected
        (True, False)
    """
    level, m = require_level("q", q), len(e_values)
    low, what = (-math.inf, "log e-value") if logs else (0.0, "e-value")
    inverses: list[float | None] = [None] * m
    for index, value in enumerate(e_values):
        if value is not None:
            e = require_within(value, what, low, math.inf)
            # e-values up to 1 are never rejected, so that nothing is lost where their inverse is cut at 1
            inverses[index] = math.exp(-max(0.0, e)) if logs else 1.0 / max(1.0, e)
    return _correction("e-bh", level, _stepped_up(inverses), [m / rank / level for rank in range(1, m + 1)])


@dataclass(frozen=True, slots=True)
class FalseRed:
    """The chance that at least one of several true claims is wrongly REFUTED.

    Attributes:
        independent: where the claims are independent and each errs at its full rate.
        at_most: a bound under every dependence.
    """

    independent: float
    at_most: float


def chance_of_false_red(betas: Sequence[float]) -> FalseRed:
    """How likely it is that a suite is red by chance alone: 1 - prod(1 - beta), and min(1, sum of betas).

    Args:
        betas: for each claim the rate at which it is REFUTED although it holds, in [0, 1].

    Raises:
        ClaimError: a rate lies outside [0, 1].

    Example:
        >>> chance = chance_of_false_red([0.05] * 20)
        >>> round(chance.independent, 4), chance.at_most
        (0.6415, 1.0)
    """
    rates = [require_within(beta, "beta", 0.0, 1.0) for beta in betas]
    log_none = -math.inf if 1.0 in rates else math.fsum(math.log1p(-rate) for rate in rates)
    return FalseRed(abs(math.expm1(log_none)), min(1.0, math.fsum(rates)))


def require_within(value: object, what: str, low: float, high: float) -> float:
    """The value as a float.

    Raises:
        ClaimError: it is no number, or lies outside ``low`` to ``high``, both included.

    Example:
        >>> require_within(1, "p-value", 0.0, 1.0)
        1.0
    """
    try:
        number = float(value) if isinstance(value, SupportsFloat) and not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not low <= number <= high:
        raise ClaimError(f"the {what} is {shown(value)}; give a number from {low:g} to {high:g}")
    return number


def require_level(name: str, level: object) -> float:
    """An error rate as a float.

    Raises:
        ClaimError: it does not lie between 0 and 1, both excluded.

    Example:
        >>> require_level("alpha", 0.05)
        0.05
    """
    number = require_within(level, name, 0.0, 1.0)
    if not 0.0 < number < 1.0:
        raise ClaimError(f"{name} is {shown(level)}; an error rate lies between 0 and 1, both excluded, such as 0.05")
    return number


def _stepped_up(ps: Sequence[float | None]) -> list[float | None]:
    """For the k-th smallest p-value the least of m p / k over its rank and all later ones, each rounded once."""
    m, lowest = len(ps), 1.0
    adjusted: list[float | None] = [None] * m
    for rank, (p, index) in reversed([*enumerate(_ascending(ps), start=1)]):
        numerator, denominator = p.as_integer_ratio()
        adjusted[index] = lowest = min(lowest, (numerator * m) / (denominator * rank))
    return adjusted


def _correction(method: str, level: float, adjusted: Sequence[float | None], thresholds: Sequence[float]) -> Correction:
    rejected = tuple(value is not None and value <= level for value in adjusted)
    return Correction(method, level, rejected, tuple(adjusted), tuple(thresholds))


def _ascending(ps: Sequence[float | None]) -> list[tuple[float, int]]:
    """The p-values that there are, from the smallest, each with its place."""
    return sorted((p, index) for index, p in enumerate(ps) if p is not None)


def _p_values(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else require_within(value, "p-value", 0.0, 1.0) for value in values]
