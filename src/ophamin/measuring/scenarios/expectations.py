# SPDX-License-Identifier: Apache-2.0
"""The words an author builds a claim from: ``rate``, ``mean``, ``quantile``, ``median``, ``observed``, ``estimate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ophamin.measuring.metrics.estimators import Estimator

if TYPE_CHECKING:
    from ophamin.measuring.inference import Estimate

__all__ = ["estimate", "mean", "median", "observed", "quantile", "rate"]


def rate(metric: str, *, units: str = "fraction") -> Estimator:
    """The share of units in which ``metric`` is true (0/1 or bool); decided by the exact binomial test.

    >>> str(rate("blocked") <= 0.10)
    'rate(blocked) <= 0.1'
    """
    return Estimator("rate", metric, units=units)


def mean(
    metric: str, *, bounds: tuple[float, float] | None = None, model: str | None = None, units: str = ""
) -> Estimator:
    """The mean of ``metric``; needs its ``bounds``, or ``model="gaussian"``.

    Without either no test of a mean has a guarantee for every distribution (Bahadur and Savage, 1956), so such a
    claim is refused when it is collected.

    >>> str(mean("phi", bounds=(0, 1)) >= 0.55)
    'mean(phi) >= 0.55'
    """
    return Estimator("mean", metric, bounds=bounds, model=model, units=units)


def quantile(metric: str, q: float, *, units: str = "") -> Estimator:
    """The ``q`` quantile of ``metric``, decided by order statistics: exact for any distribution.

    >>> str(quantile("wall_time_s", 0.95) <= 0.2)
    'quantile(wall_time_s, 0.95) <= 0.2'
    """
    return Estimator("quantile", metric, q=q, units=units)


def median(metric: str, *, units: str = "") -> Estimator:
    """The median of ``metric``: its 0.5 quantile.

    >>> str(median("score") > 3)
    'median(score) > 3'
    """
    return Estimator("quantile", metric, q=0.5, units=units)


def observed(metric: str, *, deterministic: bool = False, units: str = "") -> Estimator:
    """One value given by ``trial.observe``: exact if ``deterministic``, else it must be an `estimate`.

    >>> str(observed("findings", deterministic=True) == 0)
    'observed(findings) == 0'
    """
    return Estimator("observed", metric, deterministic=deterministic, units=units)


def estimate(value: float, low: float, high: float) -> Estimate:
    """A value with its own interval, for a statistic that the test computed itself.

    Args:
        value: the estimate.
        low: one-sided lower confidence bound at the claim's level.
        high: one-sided upper confidence bound at the claim's level.

    Raises:
        ObservationError: a bound is not finite, or ``low <= value <= high`` does not hold.

    >>> estimate(0.91, 0.88, 0.94).low
    0.88
    """
    from ophamin.measuring.inference import Estimate

    return Estimate(value, low, high)
