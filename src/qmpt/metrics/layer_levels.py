# SPDX-License-Identifier: Apache-2.0
"""From several proxies to one level in [0, 1]: scales of a reference period, weighted means, and their resamples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qmpt.metrics.scaling import Scale, fit_scale

__all__ = ["FEWEST_REFERENCE", "FEWEST_RESAMPLED", "combine_proxies", "fit_proxy_scales", "resampled_scales"]

Array = NDArray[np.float64]

FEWEST_REFERENCE: Final = 20
"""Values of a proxy that the reference period must hold (open choice)."""
FEWEST_RESAMPLED: Final = 10
"""Values that a resample of the period must hold: where windows are empty, a resample may miss more of them."""
_LARGEST_EXPONENT: Final = 700.0


def fit_proxy_scales(
    reference: Mapping[str, Array], fewest: int = FEWEST_REFERENCE
) -> tuple[dict[str, Scale], dict[str, str]]:
    """The robust scale of each proxy in the reference period, and for the others why there is none.

    Args:
        reference: proxy -> its values in the period; NaN where it is not known.
        fewest: known values that a proxy must have.

    Example:
        >>> scales, missing = fit_proxy_scales({"error": np.arange(20.0), "conflict": np.zeros(20)})
        >>> scales["error"].center, missing
        (9.5, {'conflict': 'it is 0.0 throughout the reference period'})
    """
    scales, missing = {}, {}
    for name, values in reference.items():
        known = values[~np.isnan(values)]
        if len(known) < fewest:
            missing[name] = f"{len(known)} values in the reference period, at least {fewest} are needed"
            continue
        scale = fit_scale(known)
        if scale.basis == "constant":
            missing[name] = f"it is {scale.center} throughout the reference period"
        else:
            scales[name] = scale
    return scales, missing


def combine_proxies(
    series: Mapping[str, Array], scales: Mapping[str, Scale], weights: Mapping[str, float], n: int
) -> tuple[Array, Array]:
    """The weighted mean of the proxies that are known at each time, each as the logistic of its robust z.

    Args:
        series: proxy -> values, shape (n,).
        scales: proxy -> scale; a proxy without one is left out.
        weights: proxy -> weight, of all proxies that could be there.
        n: number of times.

    Returns:
        The level, shape (n,), NaN where nothing is known; and the share of the weight that was present, shape (n,).

    Example:
        >>> scales, _ = fit_proxy_scales({"error": np.arange(21.0)})
        >>> combine_proxies({"error": np.array([10.0, np.nan])}, scales, {"error": 1.0, "conflict": 3.0}, 2)
        (array([0.5, nan]), array([0.25, 0.  ]))
    """
    total, present = np.zeros(n), np.zeros(n)
    for name, values in series.items():
        if name in scales and weights[name] > 0.0:
            known = ~np.isnan(values)
            z = scales[name].apply(values[known])
            total[known] += weights[name] / (1.0 + np.exp(np.minimum(-z, _LARGEST_EXPONENT)))
            present[known] += weights[name]
    level = np.full(n, math.nan)
    np.divide(total, present, out=level, where=present > 0.0)
    whole = math.fsum(weights.values())
    return np.minimum(level, 1.0), present / whole if whole > 0.0 else present


def resampled_scales(
    reference: Mapping[str, Array], fitted: Mapping[str, Scale], resamples: int, block: int | None, seed: int
) -> Iterator[dict[str, Scale]]:
    """The scales that other reference periods would have given, by a moving-block bootstrap (Künsch 1989).

    All proxies are resampled together, in blocks that keep what follows what. A resample in which a fitted proxy does
    not vary, or has fewer than `FEWEST_RESAMPLED` values, is skipped.

    Args:
        reference: proxy -> its values in the reference period, equally long.
        fitted: the scales of that period.
        resamples: how many.
        block: values in a block; None for the cube root of the length, rounded up.
        seed: of the draws.

    Example:
        >>> reference = {"error": np.arange(30.0)}
        >>> len(list(resampled_scales(reference, fit_proxy_scales(reference)[0], 50, None, 0)))
        50
    """
    rows = np.array([reference[name] for name in fitted])
    n = rows.shape[1]
    length = min(block or math.ceil(n ** (1.0 / 3.0)), n)
    draw = np.random.default_rng(seed)
    for _ in range(resamples):
        starts = draw.integers(n - length + 1, size=-(-n // length))
        index = (starts[:, None] + np.arange(length)).ravel()[:n]
        scales, missing = fit_proxy_scales(dict(zip(fitted, rows[:, index], strict=True)), FEWEST_RESAMPLED)
        if not missing:
            yield scales
