# SPDX-License-Identifier: Apache-2.0
"""A pooled effect computed a second time: by the library's weighted least squares, and tau squared by another way.

The library estimates tau squared after DerSimonian and Laird. It has no restricted likelihood, and its Paule-Mandel
iteration gives 0 where rounding carries it past the root; for these two the root of the estimating equation is
bracketed here, instead of climbed to.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from ophamin.measuring.pillars.synthesis.heterogeneity import generalized_excess, restricted_score
from ophamin.measuring.pillars.synthesis.pooling import Pooled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = ["SECOND", "LibraryPooled", "by_statsmodels"]

SECOND: Final = {
    "reml": "weights and sums of our own; tau squared as the bracketed root of the restricted score",
    "dl": "weights and sums of our own; tau squared by statsmodels combine_effects",
    "pm": "weights and sums of our own; tau squared as the bracketed root of the estimating equation",
    "fixed": "weights and sums of our own",
}


class LibraryPooled(NamedTuple):
    """What the library says: the pooled effect, its standard error, and tau squared another way (None for fixed)."""

    estimate: float
    se: float
    tau2: float | None


def by_statsmodels(effects: Vector, variances: Vector, pooled: Pooled, *, frozen: bool = False) -> LibraryPooled:
    """Pool again, at the tau squared of a pooled effect.

    Args:
        effects: shape (k,), k at least 2.
        variances: shape (k,).
        pooled: of the same studies.
        frozen: whether its tau squared was fixed beforehand, so that there is nothing to estimate again.

    Example:
        >>> import numpy as np
        >>> from ophamin.measuring.pillars.synthesis.pooling import pool
        >>> y, v = np.array([0.1, 0.3, 0.35, 0.65]), np.array([0.03, 0.03, 0.05, 0.01])
        >>> again = by_statsmodels(y, v, pool(y, v))
        >>> round(again.estimate, 3), round(again.se, 3)
        (0.377, 0.122)
    """
    import numpy as np
    from statsmodels.regression.linear_model import WLS

    tau2 = pooled.tau2 or 0.0
    center = float(effects.mean())
    fit = WLS(effects - center, np.ones(len(effects)), weights=1.0 / (variances + tau2)).fit()
    se = float(fit.bse[0]) if pooled.df is not None else float(np.sqrt(fit.normalized_cov_params[0, 0]))
    again = None if frozen or pooled.method == "fixed" else _tau_squared(effects, variances, pooled.method, tau2)
    return LibraryPooled(center + float(fit.params[0]), se, again)


def _tau_squared(effects: Vector, variances: Vector, method: str, near: float) -> float:
    if method == "dl":
        from statsmodels.stats.meta_analysis import combine_effects

        with warnings.catch_warnings():
            # Where tau squared comes out below 0 the library goes on to pool with it; that part is not used.
            warnings.simplefilter("ignore", RuntimeWarning)
            return max(float(combine_effects(effects, variances, method_re="dl").tau2), 0.0)
    equation = restricted_score if method == "reml" else generalized_excess
    return _root(lambda tau2: equation(effects, variances, tau2)[0], near)


def _root(equation: Callable[[float], float], near: float) -> float:
    """The root of a falling function within a tenth of a given value, or 0 where it starts below; NaN for neither."""
    from scipy.optimize import brentq

    if near == 0.0:
        return 0.0 if equation(0.0) <= 0.0 else math.nan
    low, high = 0.9 * near, 1.1 * near
    if not equation(low) > 0.0 > equation(high):
        return math.nan
    return float(brentq(equation, low, high, xtol=1e-15 * near, rtol=1e-14))
