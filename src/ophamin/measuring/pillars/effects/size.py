# SPDX-License-Identifier: Apache-2.0
"""Effect sizes of two samples of numbers, each with an interval, or with the reason why it is undefined.

The first sample is the treated one: a positive size means that its values are larger. The standardized differences
take both samples as normal; Cliff's delta takes the values as ordered and nothing else. For counts see `risk`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from ophamin.measuring.inference.special import student_t_ppf
from ophamin.measuring.pillars.base import NotComputableError
from ophamin.measuring.pillars.effects.confidence import require_confidence
from ophamin.measuring.pillars.effects.design import finite_column

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["EffectSize", "cliff_delta", "cohen_d", "glass_delta", "hedges_correction", "hedges_g"]

_ROUNDING: Final = 1e-14
"""A spread below this share of the values is rounding."""
_MANY: Final = 200


@dataclass(frozen=True, slots=True)
class EffectSize:
    """An effect size with its interval.

    Attributes:
        name: such as ``Cohen's d``.
        value: the size, or None where it is undefined.
        low: lower end of the interval, or None.
        high: upper end, or None; None with a value and a lower end where the interval has no upper end.
        confidence: of the interval.
        reason: why something is undefined; empty otherwise.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {field: getattr(self, field) for field in self.__slots__}


def cohen_d(treated: Sequence[float], control: Sequence[float], *, confidence: float = 0.95) -> EffectSize:
    """Difference of the means in pooled standard deviations.

    The interval inverts the noncentral t distribution and is exact for normal samples of one variance (Steiger and
    Fouladi, 1997; Kelley, Journal of Statistical Software 20, 2007).

    Args:
        treated: two or more finite numbers.
        control: two or more.
        confidence: of the interval.

    Raises:
        NotComputableError: a value is not a finite number.
        ClaimError: the confidence does not lie between 0 and 1.

    Example:
        >>> size = cohen_d([5.0, 6.0, 7.0, 8.0], [3.0, 4.0, 5.0, 6.0])
        >>> round(size.value, 4), round(size.low, 2), round(size.high, 2)
        (1.5492, -0.12, 3.13)
        >>> cohen_d([1.0, 1.0], [2.0, 2.0]).reason
        'neither sample varies, so that there is no standard deviation to measure by'
    """
    return _standardized("Cohen's d", treated, control, confidence, _pooled)


def hedges_g(treated: Sequence[float], control: Sequence[float], *, confidence: float = 0.95) -> EffectSize:
    """Cohen's d times the exact correction that makes it unbiased (Hedges, Journal of Educational Statistics 6, 1981).

    The interval is that of d, times the same factor.

    Args:
        treated: two or more finite numbers.
        control: two or more.
        confidence: of the interval.

    Raises:
        NotComputableError: a value is not a finite number.
        ClaimError: the confidence does not lie between 0 and 1.

    Example:
        >>> round(hedges_g([5.0, 6.0, 7.0, 8.0], [3.0, 4.0, 5.0, 6.0]).value, 4)
        1.3457
    """
    d = _standardized("Hedges' g", treated, control, confidence, _pooled)
    if d.value is None:
        return d
    factor = hedges_correction(len(treated) + len(control) - 2)
    low, high = (None if end is None else end * factor for end in (d.low, d.high))
    return EffectSize(d.name, d.value * factor, low, high, confidence, d.reason)


def glass_delta(treated: Sequence[float], control: Sequence[float], *, confidence: float = 0.95) -> EffectSize:
    """Difference of the means in standard deviations of the control sample (Glass, 1976).

    For treatments that change the spread. The interval inverts the noncentral t distribution with the degrees of
    freedom of the control sample and the ratio of the two variances as it was observed (Algina and Keselman,
    Educational and Psychological Measurement 63, 2003), which is an approximation.

    Args:
        treated: two or more finite numbers.
        control: two or more.
        confidence: of the interval.

    Raises:
        NotComputableError: a value is not a finite number.
        ClaimError: the confidence does not lie between 0 and 1.

    Example:
        >>> round(glass_delta([5.0, 9.0], [3.0, 4.0, 5.0, 6.0]).value, 4)
        1.9365
    """
    return _standardized("Glass' delta", treated, control, confidence, _of_control)


def hedges_correction(df: float) -> float:
    """Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)): the factor that takes the bias from Cohen's d.

    Args:
        df: degrees of freedom of the standard deviation, above 1.

    Raises:
        NotComputableError: df is not above 1.

    Example:
        >>> round(hedges_correction(98), 4)
        0.9923
    """
    if not df > 1:
        raise NotComputableError(f"the correction of Hedges takes more than 1 degree of freedom, not {df!r}")
    if df < _MANY:
        return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    # Differences of log-gammas lose their digits; the series of Gamma(x + 1/2) / Gamma(x) does not.
    x = (df - 1) / 2
    series = 1.0 - 1 / (8 * x) + 1 / (128 * x**2) + 5 / (1024 * x**3) - 21 / (32768 * x**4)
    return math.sqrt((df - 1) / df) * series


def cliff_delta(treated: Sequence[float], control: Sequence[float], *, confidence: float = 0.95) -> EffectSize:
    """Share of pairs in which the treated value is larger, less the share in which it is smaller; -1 to 1.

    The interval is the asymmetric one of Feng and Cliff (Journal of Modern Applied Statistical Methods 3, 2004) with
    the unbiased variance and quantiles of t; where every pair goes one way, its inner end is (n - t^2) / (n + t^2) for
    the smaller sample. Time grows with n log n, not with the number of pairs.

    Args:
        treated: one or more finite numbers; two or more for an interval.
        control: one or more; two or more for an interval.
        confidence: of the interval.

    Raises:
        NotComputableError: a value is not a finite number.
        ClaimError: the confidence does not lie between 0 and 1.

    Example:
        >>> cliff_delta([10, 10, 20, 20, 20, 30, 30, 30, 40, 50], [10, 20, 30, 40, 40, 50]).value
        -0.25
    """
    require_confidence(confidence)
    first, second = finite_column(list(treated), "treated"), finite_column(list(control), "control")
    if min(len(first), len(second)) < 1:
        return EffectSize("Cliff's delta", None, None, None, confidence, "a sample is empty")
    rows, ties = _dominance(first, second)
    columns = -_dominance(second, first)[0]
    n, m = len(first), len(second)
    delta = float(rows.sum()) / (n * m)
    if min(n, m) < 2:
        reason = "a sample of one value says nothing of its spread, so that there is no interval"
        return EffectSize("Cliff's delta", delta, None, None, confidence, reason)
    t = student_t_ppf(0.5 + confidence / 2, n + m - 2)
    if abs(delta) == 1.0:
        inner = (min(n, m) - t * t) / (min(n, m) + t * t)
        low, high = (inner, 1.0) if delta > 0 else (-1.0, -inner)
        return EffectSize("Cliff's delta", delta, low, high, confidence)
    spread_rows = float(((rows / m - delta) ** 2).sum())
    spread_columns = float(((columns / n - delta) ** 2).sum())
    pairs = n * m - ties - n * m * delta * delta
    variance = (m * m * spread_rows + n * n * spread_columns - pairs) / (n * m * (n - 1.0) * (m - 1.0))
    variance = max(variance, (1.0 - delta * delta) / (n * m - 1.0))  # the smallest that these marginals allow
    width = t * math.sqrt(variance) * math.sqrt((1.0 - delta * delta) ** 2 + t * t * variance)
    center, scale = delta - delta**3, 1.0 - delta * delta + t * t * variance
    return EffectSize("Cliff's delta", delta, (center - width) / scale, (center + width) / scale, confidence)


def _dominance(first: Matrix, second: Matrix) -> tuple[Matrix, int]:
    """For each value of the first sample: values of the second below it less those above; and the number of ties."""
    import numpy as np

    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="left")
    not_above = np.searchsorted(ordered, first, side="right")
    return (below - (len(ordered) - not_above)).astype(np.float64), int((not_above - below).sum())


def _pooled(treated: Matrix, control: Matrix) -> tuple[float, float, int]:
    df = len(treated) + len(control) - 2
    squares = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in (treated, control))
    return math.sqrt(squares / df), math.sqrt(1.0 / len(treated) + 1.0 / len(control)), df


def _of_control(treated: Matrix, control: Matrix) -> tuple[float, float, int]:
    scale, other = float(control.std(ddof=1)), float(treated.std(ddof=1))
    ratio = (other / scale) ** 2 if scale > 0.0 else 0.0
    return scale, math.sqrt(ratio / len(treated) + 1.0 / len(control)), len(control) - 1


def _standardized(
    name: str,
    treated: Sequence[float],
    control: Sequence[float],
    confidence: float,
    scaling: Callable[[Matrix, Matrix], tuple[float, float, int]],
) -> EffectSize:
    """A difference of means over a standard deviation, and the interval of the noncentral t distribution.

    ``scaling`` gives the standard deviation, the standard error of the size in its units, and degrees of freedom.
    """
    import numpy as np

    require_confidence(confidence)
    first, second = finite_column(list(treated), "treated"), finite_column(list(control), "control")
    if min(len(first), len(second)) < 2:
        reason = f"samples of {len(first)} and {len(second)} values; each takes 2 or more"
        return EffectSize(name, None, None, None, confidence, reason)
    scale, unit, df = scaling(first, second)
    if not scale > _ROUNDING * float(max(np.abs(first).max(), np.abs(second).max())):
        whose = "the control sample does not vary" if scaling is _of_control else "neither sample varies"
        reason = f"{whose}, so that there is no standard deviation to measure by"
        return EffectSize(name, None, None, None, confidence, reason)
    size = float(first.mean() - second.mean()) / scale
    ends = _noncentrality(size / unit, df, confidence)
    if ends is None:
        reason = f"t is {size / unit:.3g}, beyond what the noncentral t distribution can be computed for: no interval"
        return EffectSize(name, size, None, None, confidence, reason)
    return EffectSize(name, size, ends[0] * unit, ends[1] * unit, confidence)


def _noncentrality(t: float, df: int, confidence: float) -> tuple[float, float] | None:
    """The noncentralities at which the observed t is the upper, and the lower, limit of its distribution.

    T = (Z + ncp) / S is bracketed by quantiles of Z and of S. None where the library's distribution has no value.
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2, nct

    tail = (1.0 - confidence) / 2.0
    z = NormalDist().inv_cdf(1.0 - tail / 2.0)
    least, most = (math.sqrt(float(chi2.ppf(level, df)) / df) for level in (tail / 2.0, 1.0 - tail / 2.0))
    size = abs(t)

    def end(level: float) -> float:
        return float(
            brentq(lambda shift: float(nct.cdf(size, df, shift)) - level, size * least - z, size * most + z, xtol=1e-11)
        )

    try:
        low, high = end(1.0 - tail), end(tail)
    except ValueError:
        return None
    return (low, high) if t >= 0.0 else (-high, -low)
