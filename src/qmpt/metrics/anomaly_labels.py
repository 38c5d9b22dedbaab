# SPDX-License-Identifier: Apache-2.0
"""From anomaly scores to the labels ``typical``, ``rare``, ``anomaly`` and ``upgrade``."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qmpt.metrics.conformal import benjamini_hochberg
from qmpt.metrics.counterfactual import capacity_gain

__all__ = ["LABELS", "Thresholds", "by_p_values", "find_thresholds", "with_upgrades"]

Array = NDArray[np.float64]

LABELS: Final = ("typical", "rare", "anomaly")
"""Labels in ascending order; a fourth, ``upgrade``, needs evidence of more capacity."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which a pattern is rare, or an anomaly.

    Attributes:
        theta_1: at or above it a pattern is rare; above 0.
        theta_2: at or above it, an anomaly; not below ``theta_1``.

    Both are infinite where the scores do not vary enough for a threshold above 0.

    Example:
        >>> Thresholds(1.0, 2.0).categories(np.array([0.5, 1.0, 3.0])).tolist()
        [0, 1, 2]
    """

    theta_1: float
    theta_2: float

    def categories(self, scores: Array) -> NDArray[np.intp]:
        """Position in `LABELS` of each score, shape (n,)."""
        return (scores >= self.theta_1).astype(np.intp) + (scores >= self.theta_2)


def find_thresholds(scores: Array, rare_quantile: float = 0.95, anomaly_quantile: float = 0.99) -> Thresholds:
    """Thresholds that a new, exchangeable pattern passes with a probability of at most 1 - quantile.

    Each is the smallest score that at most (n + 1) (1 - quantile) of the n scores reach. Where n is too small for even
    one, it is the largest score, if that stands alone, and the probability is 1 / (n + 1).

    Example:
        >>> find_thresholds(np.arange(1.0, 101.0))
        Thresholds(theta_1=96.0, theta_2=100.0)
        >>> find_thresholds(np.array([0.0] * 90 + [7.0] * 10))
        Thresholds(theta_1=inf, theta_2=inf)
    """
    levels, counts = np.unique(scores, return_counts=True)
    reached = counts[::-1].cumsum()[::-1]

    def smallest(quantile: float) -> float:
        # a quantile such as 0.95 has no exact double; the rounding must not move the count
        most = max(1, math.floor((len(scores) + 1) * (1.0 - quantile) + 1e-9))
        passing = levels[(reached <= most) & (levels > 0.0)]
        return float(passing[0]) if passing.size else math.inf

    return Thresholds(smallest(rare_quantile), smallest(anomaly_quantile))


def by_p_values(p_values: Array, rare_fdr: float, anomaly_fdr: float) -> NDArray[np.intp]:
    """Position in `LABELS` by conformal p-values at two false discovery rates, shape (n,).

    Example:
        >>> by_p_values(np.array([0.001, 0.06, 0.9]), 0.1, 0.05).tolist()
        [2, 1, 0]
    """
    rare, anomaly = benjamini_hochberg(p_values, rare_fdr), benjamini_hochberg(p_values, anomaly_fdr)
    return rare.astype(np.intp) + anomaly


def with_upgrades(
    labels: Sequence[str], ids: Sequence[Hashable], capacity_change: Mapping[Hashable, Sequence[float]]
) -> list[str]:
    """Turn ``anomaly`` into ``upgrade`` where a simulation shows that the pattern raises capacity.

    Args:
        labels: of the patterns.
        ids: their ids, in the same order.
        capacity_change: id -> change of final capacity per pair of runs with and without the pattern; a pattern
            that is not in it keeps its label.

    Raises:
        InsufficientEvidence: fewer than 32 pairs for an anomaly.

    Example:
        >>> with_upgrades(["anomaly", "anomaly"], ["a", "b"], {"a": [0.9, 1.1] * 20})
        ['upgrade', 'anomaly']
    """
    return [
        "upgrade"
        if label == "anomaly" and one in capacity_change and capacity_gain(capacity_change[one]) > 0.0
        else label
        for label, one in zip(labels, ids, strict=True)
    ]
