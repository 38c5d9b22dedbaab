# SPDX-License-Identifier: Apache-2.0
"""The words an author builds a claim from: ``rate``, ``mean``, ``quantile``, ``difference`` and their kin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ophamin.errors import ClaimError
from ophamin.measuring.metrics.estimators import Estimator

if TYPE_CHECKING:
    from ophamin.measuring.inference import Estimate

__all__ = [
    "count_rate", "difference", "effect_size", "estimate", "mean", "median", "observed", "quantile", "rank_correlation",
    "rate",
]  # fmt: skip


def rate(metric: str, *, units: str = "fraction") -> Estimator:
    """The share of units in which ``metric`` is true (0/1 or bool); decided by the exact binomial test.

    >>> str(rate("blocked") <= 0.10)
    'rate(blocked) <= 0.1'
    """
    return Estimator("rate", metric, units=units)


def mean(
    metric: str,
    *,
    bounds: tuple[float, float] | None = None,
    model: str | None = None,
    sigma: float | None = None,
    units: str = "",
) -> Estimator:
    """The mean of ``metric``; needs its ``bounds``, or ``model="gaussian"``.

    Without either no test of a mean has a guarantee for every distribution (Bahadur and Savage, 1956), so such a
    claim is refused when it is collected. With a model, ``sigma`` is a guess of the standard deviation that turns an
    ``mde`` into standard deviations; a wrong guess costs samples and no error rate.

    >>> str(mean("phi", bounds=(0, 1)) >= 0.55)
    'mean(phi) >= 0.55'
    """
    if sigma is not None and not (isinstance(sigma, (int, float)) and 0 < sigma < math.inf):
        raise ClaimError(f"sigma is a guess of the standard deviation, above 0; got {sigma!r}")
    return Estimator("mean", metric, bounds=bounds, model=model, sigma=sigma, units=units)


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


def difference(of: Estimator, first: str, second: str, *, by: str = "arm") -> Estimator:
    """The mean of ``first`` minus the mean of ``second``, over pairs: two systems, or two arms of one run.

    With the fixture ``arms`` a pair is one record through both systems. Otherwise it is the k-th row of either arm,
    in order of arrival; ``by`` names the key that tells the arms apart. Needs the bounds of the values.

    Args:
        of: ``mean(name, bounds=(lo, hi))`` or ``rate(name)``.
        first: name of the arm that counts positively, such as ``"head"``.
        second: name of the other, such as ``"base"``.
        by: the key that carries the name of the arm.

    Raises:
        ClaimError: not a rate or a mean with bounds, or not two different arms.

    >>> str(difference(mean("score", bounds=(0, 1)), "head", "base") >= -0.01)
    'difference(score, head - base) >= -0.01'
    """
    bounds = (0.0, 1.0) if of.kind == "rate" else of.bounds
    if of.kind not in {"rate", "mean"} or bounds is None:
        raise ClaimError(
            f"a difference of {of.label} has no test that holds for every distribution; "
            "use rate(name), or mean(name, bounds=(lo, hi))"
        )
    if first == second or not all(isinstance(arm, str) and arm for arm in (first, second)):
        raise ClaimError(f"a difference has two arms of different names, got {first!r} and {second!r}")
    return Estimator("difference", of.metric, bounds=bounds, arms=(first, second), by=by, units=of.units)


def count_rate(metric: str, *, exposure: float = 1.0, units: str = "") -> Estimator:
    """Events per unit of exposure; ``metric`` is a count (0, 1, 2, ...) and each count has the same ``exposure``.

    Decided by exact Poisson tests: valid where events come independently at a constant rate.

    >>> str(count_rate("errors", exposure=0.5, units="per hour") <= 2)
    'count_rate(errors) <= 2'
    """
    if not (isinstance(exposure, (int, float)) and 0 < exposure < math.inf):
        raise ClaimError(f"the exposure of one count is a number above 0, got {exposure!r}")
    return Estimator("count_rate", metric, exposure=float(exposure), units=units)


def rank_correlation(metric: str, other: str) -> Estimator:
    """Kendall's tau between two metrics of the same row, from -1 to 1; exact for any distribution.

    >>> str(rank_correlation("judge_score", "human_score") >= 0.4)
    'rank_correlation(judge_score, human_score) >= 0.4'
    """
    if metric == other or not isinstance(other, str) or not other:
        raise ClaimError(f"a rank correlation has two different metrics, got {metric!r} and {other!r}")
    return Estimator("rank_correlation", metric, other=other)


def effect_size(metric: str) -> Estimator:
    """The mean of ``metric`` in standard deviations (Cohen's d of one sample), under a Gaussian model.

    Of a gain, such as a paired difference, it is the standardised effect; ``mde`` is in standard deviations.

    >>> str(effect_size("gain") > 0)
    'effect_size(gain) > 0'
    """
    return Estimator("effect_size", metric, model="gaussian", units="standard deviations")


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
