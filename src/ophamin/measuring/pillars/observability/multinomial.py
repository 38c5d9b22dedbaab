# SPDX-License-Identifier: Apache-2.0
"""Tests of counts against known shares: chi-square written out, exact, and an e-process that can be watched.

It takes counts and positive shares that sum to 1; arms, ratios and verdicts are in `srm`.

Sources: Pearson (1900); Lindon and Malek, Anytime-Valid Inference for Multinomial Count Data (NeurIPS 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ophamin.measuring.pillars.base import NotComputableError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["MAX_OUTCOMES", "chi_square_by_hand", "exact_p_value", "log_e_value", "log_e_values", "outcomes"]

MAX_OUTCOMES: Final = 1_000_000
"""Most outcomes that are enumerated, about 0.1 s and 50 MB."""

_TIE: Final = 1e-7
"""Outcomes whose probabilities differ by less, relatively, are equally likely."""


def chi_square_by_hand(observed: Sequence[float], expected: Sequence[float]) -> tuple[float, float]:
    """Pearson's statistic and its p-value for k - 1 degrees of freedom, on `math` alone.

    The tail of a chi-square with whole degrees of freedom is a finite sum.

    Args:
        observed: counts, at least two.
        expected: expected counts, above 0, of the same sum.

    Example:
        >>> chi2, p = chi_square_by_hand([600, 400], [500, 500])
        >>> chi2, f"{p:.2e}"
        (40.0, '2.54e-10')
    """
    chi2 = math.fsum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    dof, half = len(observed) - 1, chi2 / 2.0
    if half == 0.0:
        return chi2, 1.0
    odd = dof % 2
    powers = [i - odd / 2.0 for i in range(odd, dof // 2 + odd)]
    tail = math.fsum(math.exp(power * math.log(half) - half - math.lgamma(power + 1.0)) for power in powers)
    return chi2, min(1.0, tail + (math.erfc(math.sqrt(half)) if odd else 0.0))


def outcomes(total: int, arms: int) -> int:
    """How many ways there are to spread ``total`` units over some arms.

    >>> outcomes(3, 2)
    4
    """
    return math.comb(total + arms - 1, arms - 1)


def exact_p_value(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Probability of all outcomes that are no more likely than the one observed.

    Args:
        counts: one for each arm, at least one unit in all.
        shares: above 0, of sum 1.

    Raises:
        NotComputableError: there are more than `MAX_OUTCOMES` outcomes.

    Example:
        >>> round(exact_p_value([4, 0], [0.5, 0.5]), 12)
        0.125
    """
    import numpy as np
    from scipy.special import gammaln

    total, size = sum(counts), outcomes(sum(counts), len(counts))
    if size > MAX_OUTCOMES:
        raise NotComputableError(
            f"{total} units in {len(counts)} arms have {size:.3g} outcomes, more than {MAX_OUTCOMES:,} to go through; "
            "take method='chi_square'"
        )
    factorials = gammaln(np.arange(total + 1) + 1.0)
    log_p, left = np.zeros(1), np.array([total])
    for share in shares[:-1]:
        ways = left + 1
        here = np.arange(ways.sum()) - np.repeat(np.cumsum(ways) - ways, ways)
        log_p = np.repeat(log_p, ways) + here * math.log(share) - factorials[here]
        left = np.repeat(left, ways) - here
    log_p += left * math.log(shares[-1]) - factorials[left]
    seen = sum(n * math.log(s) - factorials[n] for n, s in zip(counts, shares, strict=True))
    p = np.exp(log_p - log_p.max())  # the common factor n! falls out below
    return min(1.0, float(p[log_p <= seen + _TIE].sum() / p.sum()))


def log_e_value(counts: Sequence[int], shares: Sequence[float], concentration: float) -> float:
    """Logarithm of the e-value of counts against shares: a Dirichlet mixture of multinomials over the null.

    The mixture is centred at the null. The process over a growing number of units is a martingale at the null,
    whatever the order in which the units of one look came.

    Args:
        counts: one for each arm.
        shares: above 0, of sum 1.
        concentration: of the Dirichlet, in units; a larger one looks for smaller mismatches.

    Example:
        >>> round(log_e_value([600, 400], [0.5, 0.5], 100.0), 2)
        17.1
    """
    total = sum(counts)
    prior = [concentration * share for share in shares]
    gain = math.fsum(
        math.lgamma(a + n) - math.lgamma(a) - n * math.log(s) for a, n, s in zip(prior, counts, shares, strict=True)
    )
    return gain - math.lgamma(concentration + total) + math.lgamma(concentration)


def log_e_values(arms: npt.NDArray[np.int64], shares: Sequence[float], concentration: float) -> Floats:
    """The same after every unit of a run.

    Args:
        arms: number of each unit's arm, in order, shape (n,).
        shares: above 0, of sum 1.
        concentration: of the Dirichlet, in units.

    Returns:
        Shape (n,).

    Example:
        >>> import numpy as np
        >>> log_e_values(np.array([0, 1]), [0.5, 0.5], 2.0).round(3)
        array([ 0.   , -0.405])
    """
    import numpy as np

    steps = -np.log(concentration + np.arange(len(arms), dtype=np.float64))
    for arm, share in enumerate(shares):
        rows = np.flatnonzero(arms == arm)
        steps[rows] += np.log(concentration * share + np.arange(len(rows))) - math.log(share)
    values: Floats = np.cumsum(steps)
    return values
