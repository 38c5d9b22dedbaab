# SPDX-License-Identifier: Apache-2.0
"""One effect out of several studies: the pooled estimate, its interval, and how much the studies differ.

Random effects by default, with the interval of Hartung and Knapp: its t distribution and its standard error hold the
promised coverage with few studies, where the usual normal interval falls far short of it. Undefined is None, with a
reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from ophamin.measuring.inference.special import student_t_ppf, student_t_sf
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.design import LARGEST
from ophamin.measuring.pillars.synthesis.heterogeneity import TauSquared, tau_squared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = ["Pooled", "interval", "pool", "study_arrays"]


@dataclass(frozen=True, slots=True)
class Pooled:
    """What several studies say together.

    Attributes:
        k: number of studies.
        estimate: the pooled effect.
        se: its standard error, or None.
        df: degrees of freedom of the interval under Hartung and Knapp; None for a normal interval.
        low: lower end of the interval, or None.
        high: upper end, or None.
        confidence: of both intervals.
        method: estimator of tau squared, or ``fixed``.
        tau2: variance of true effects between studies, or None for one study.
        floored: whether tau squared was put to 0 because its estimator went below.
        q: Cochran's Q, or None for one study.
        q_p: its p-value under studies with one true effect.
        i2: share of the variation that lies between studies, 0 to 1.
        h2: the variation in units of what one true effect would give, 1 or more.
        prediction_low: lower end of the interval for the true effect of a new study, or None. It takes the quantile
            of t with k - 1 degrees of freedom, as Partlett and Riley do (Statistics in Medicine 36, 2017).
        prediction_high: upper end, or None.
        reason: why something is undefined; empty otherwise.
    """

    k: int
    estimate: float
    se: float | None
    df: int | None
    low: float | None
    high: float | None
    confidence: float
    method: str
    tau2: float | None = None
    floored: bool = False
    q: float | None = None
    q_p: float | None = None
    i2: float | None = None
    h2: float | None = None
    prediction_low: float | None = None
    prediction_high: float | None = None
    reason: str = ""

    def excludes(self, null: float) -> bool:
        """Whether the interval is defined and does not hold a value.

        Example:
            >>> pool([1.0, 1.2, 0.9], [0.01, 0.01, 0.01]).excludes(0.0)
            True
        """
        return self.low is not None and self.high is not None and not self.low <= null <= self.high

    def p_value(self, null: float) -> float | None:
        """Two-sided p-value of a pooled effect of ``null``; None where the standard error is undefined."""
        if self.se is None or not self.se > 0.0:
            return None
        statistic = abs(self.estimate - null) / self.se
        if self.df is not None:
            return 2.0 * student_t_sf(statistic, self.df)
        return math.erfc(statistic / math.sqrt(2.0))

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {field: getattr(self, field) for field in self.__slots__}


def pool(
    effects: Any,
    variances: Any,
    *,
    method: str = "reml",
    hksj: bool = True,
    confidence: float = 0.95,
    tau2: float | None = None,
) -> Pooled:
    """Pool the effects of studies.

    Args:
        effects: shape (k,).
        variances: shape (k,), of the effects within their studies; finite and above 0.
        method: ``reml``, ``dl``, ``pm``, or ``fixed`` for one true effect.
        hksj: the interval of Hartung and Knapp (Statistics in Medicine 20, 2001) with k - 1 degrees of freedom;
            otherwise a normal one. It has no meaning for ``fixed``, which takes the normal one.
        confidence: of the interval and of the prediction interval.
        tau2: tau squared that was fixed beforehand, instead of an estimate.

    Raises:
        NotComputableError: no studies, lengths that differ, or a variance that is not finite and above 0.
        ClaimError: an unknown method.

    Example:
        >>> result = pool([0.1, 0.3, 0.35, 0.65], [0.03, 0.03, 0.05, 0.01])
        >>> round(result.estimate, 3), round(result.low, 3), round(result.high, 3)
        (0.377, -0.011, 0.766)
    """
    y, v = study_arrays(effects, variances)
    k = len(y)
    if k == 1:
        return _alone(float(y[0]), float(v[0]), method, confidence)
    between = tau_squared(y, v, method) if tau2 is None else TauSquared(tau2, floored=False)
    weights = 1.0 / (v + between.value)
    total = float(weights.sum())
    estimate = float(weights @ y) / total
    wald = 1.0 / math.sqrt(total)
    adjusted = hksj and method != "fixed"
    se = math.sqrt(float(weights @ (y - estimate) ** 2) / ((k - 1) * total)) if adjusted else wald
    df = k - 1 if adjusted else None
    reason = (
        "" if se > 0.0 else "the studies agree to the last digit, so that the interval of Hartung and Knapp is empty"
    )
    low, high = (None, None) if reason else interval(estimate, se, df, confidence)
    q, i2, h2 = _heterogeneity(y, v, between.value, method)
    predicted: tuple[float | None, float | None] = (None, None)
    if not reason and method != "fixed":
        predicted = interval(estimate, math.sqrt(between.value + se * se), k - 1, confidence)
    return Pooled(
        k=k,
        estimate=estimate,
        se=se,
        df=df,
        low=low,
        high=high,
        confidence=confidence,
        method=method,
        tau2=between.value,
        floored=between.floored,
        q=q,
        q_p=_chi_squared_tail(q, k - 1),
        i2=i2,
        h2=h2,
        prediction_low=predicted[0],
        prediction_high=predicted[1],
        reason=reason,
    )


def interval(estimate: float, se: float, df: int | None, confidence: float) -> tuple[float, float]:
    """An interval around an estimate, of t with ``df`` degrees of freedom, or normal where that is None.

    Example:
        >>> [round(end, 4) for end in interval(-0.7145, 0.1808, 12, 0.95)]
        [-1.1084, -0.3206]
    """
    level = 0.5 + confidence / 2
    half = (NormalDist().inv_cdf(level) if df is None else student_t_ppf(level, df)) * se
    return estimate - half, estimate + half


def study_arrays(effects: Any, variances: Any) -> tuple[Vector, Vector]:
    """Effects and their variances as arrays of one length.

    Raises:
        NotComputableError: no studies, lengths that differ, or a variance that is not finite and above 0.

    Example:
        >>> study_arrays([1.0], [0.0])
        Traceback (most recent call last):
        ...
        ophamin.measuring.pillars.base.NotComputableError: study 1 has the effect 1.0 with the variance 0.0; the ...
    """
    import numpy as np

    try:
        y, v = (np.asarray(values, dtype=np.float64).ravel() for values in (effects, variances))
    except (TypeError, ValueError) as error:
        raise NotComputableError(f"effects and variances are numbers: {error}") from None
    if len(y) != len(v) or not len(y):
        raise NotComputableError(f"{len(y)} effects and {len(v)} variances; give one or more of each, as many of both")
    bad = np.flatnonzero(~((np.abs(y) <= LARGEST) & (v >= 1 / LARGEST) & (v <= LARGEST)))
    if len(bad):
        at = int(bad[0])
        raise NotComputableError(
            f"study {at + 1} has the effect {float(y[at])!r} with the variance {float(v[at])!r}; the effect must be "
            f"finite, the variance above 0 (and both within {1 / LARGEST:g} and {LARGEST:g})"
        )
    return y, v


def _alone(effect: float, variance: float, method: str, confidence: float) -> Pooled:
    """One study: an interval only where studies are taken to share one true effect."""
    se = math.sqrt(variance)
    if method != "fixed":
        reason = "one study says nothing of the variance between studies"
        return Pooled(1, effect, None, None, None, None, confidence, method, reason=reason)
    return Pooled(1, effect, se, None, *interval(effect, se, None, confidence), confidence, method, tau2=0.0)


def _heterogeneity(y: Vector, v: Vector, tau2: float, method: str) -> tuple[float, float, float]:
    """Q, I squared and H squared (Higgins and Thompson, Statistics in Medicine 21, 2002).

    With an estimate of tau squared the last two follow from it and a typical variance within studies, so that they
    agree with it; without one, from Q.
    """
    weights = 1.0 / v
    total = float(weights.sum())
    q = float(weights @ (y - float(weights @ y) / total) ** 2)
    df = len(y) - 1
    if method == "fixed":
        h2 = max(q / df, 1.0)
        return q, 1.0 - 1.0 / h2, h2
    typical = df * total / (total**2 - float((weights**2).sum()))
    return q, tau2 / (tau2 + typical), (tau2 + typical) / typical


def _chi_squared_tail(q: float, df: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(df, q))
