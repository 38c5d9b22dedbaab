# SPDX-License-Identifier: Apache-2.0
r"""Mutual information of two continuous variables by nearest neighbours, and the coefficient that stands for its ratio.

A continuous state has no entropy that bounds the information. In the place of the ratio stands the informational
coefficient of correlation, sqrt(1 - exp(-2 I)) (Linfoot, Information and Control 1, 1957); I is estimated by nearest
neighbours (Kraskov, Stoegbauer and Grassberger, Physical Review E 69, 2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qmpt.errors import DataError
from qmpt.metrics.mutual_information import (
    LEAST_PAIRS,
    InformationRatio,
    enough_permutations,
    finite_numbers,
    permutation_p_value,
    same_length,
    undefined_ratio,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = ["continuous_information_ratio", "nearest_neighbor_information"]


def continuous_information_ratio(
    states: Sequence[float],
    predictions: Sequence[float],
    *,
    neighbors: int | None = None,
    permutations: int = 99,
    seed: int = 0,
) -> InformationRatio:
    """sqrt(1 - exp(-2 I)) of two continuous variables, with the mean I of permuted predictions taken off I.

    For a bivariate normal distribution that is the magnitude of the correlation. Being a root it is noisy near 0:
    read the p-value there. It has no interval; cut the states into quantiles where one is needed.

    Args:
        states: finite, at least `LEAST_PAIRS`.
        predictions: finite.
        neighbors: of each point, fewer than there are points; by default n/25, but 3 to 20.
        permutations: at least 19.
        seed: of the permutations, and of the jitter that separates equal values.

    Raises:
        DataError: lengths differ, a value is not finite, or there are too few permutations or too many neighbours.

    Example:
        >>> import numpy as np
        >>> state = np.random.default_rng(0).normal(size=300)
        >>> found = continuous_information_ratio(state, state**3)
        >>> found.value > 0.97, found.p_value
        (True, 0.01)
    """
    import numpy as np

    n = same_length(states, predictions)
    enough_permutations(permutations)
    if n < LEAST_PAIRS:
        return undefined_ratio(n, "neighbors", f"{n} pairs of state and prediction; at least {LEAST_PAIRS} are needed")
    left, right = finite_numbers("states", states), finite_numbers("predictions", predictions)
    if np.ptp(left) == 0.0 or np.ptp(right) == 0.0:
        constant = "state" if np.ptp(left) == 0.0 else "prediction"
        return undefined_ratio(n, "neighbors", f"the {constant} never changes; cut both into categories instead")
    neighbors = min(20, max(3, n // 25)) if neighbors is None else neighbors
    rng = np.random.default_rng(seed)
    information = nearest_neighbor_information(left, right, neighbors=neighbors, seed=seed)
    shuffled = np.array(
        [
            nearest_neighbor_information(left, rng.permutation(right), neighbors=neighbors, seed=seed)
            for _ in range(permutations)
        ]
    )
    expected = float(shuffled.mean())
    return InformationRatio(
        value=_correlation(max(0.0, information - expected)),
        unclipped=_correlation(information - expected),
        plug_in=_correlation(max(0.0, information)),
        interval=None,
        p_value=permutation_p_value(information, shuffled),
        information=information,
        expected=expected,
        entropy=None,
        n=n,
        method="neighbors",
    )


def nearest_neighbor_information(states: Vector, predictions: Vector, *, neighbors: int = 3, seed: int = 0) -> float:
    """Mutual information of two continuous variables in nats, by nearest neighbours; may lie below 0.

    The first estimator of Kraskov, Stoegbauer and Grassberger, not clipped at 0: clipping would bias every mean near
    independence. More neighbours mean less spread and more bias. A jitter of 1e-10 of the spread separates ties.

    Args:
        states: shape (n,), finite, not constant.
        predictions: the same.
        neighbors: at least 1, below n.
        seed: of the jitter.

    Raises:
        DataError: ``neighbors`` is out of its range.
    """
    import numpy as np
    from scipy.spatial import cKDTree
    from scipy.special import digamma

    n = len(states)
    if not 1 <= neighbors < n:
        raise DataError(f"neighbors is {neighbors} for {n} pairs; give 1 to {n - 1}")
    rng = np.random.default_rng(seed)
    columns = [one / one.std() + 1e-10 * rng.standard_normal(n) for one in (states, predictions)]
    points = np.column_stack(columns)
    distances = np.asarray(cKDTree(points).query(points, k=neighbors + 1, p=np.inf)[0])[:, -1]
    reach = distances * (1.0 - 1e-10)  # or rounding counts the neighbour that sets the distance as closer
    closer = 0.0
    for column in columns:
        ordered = np.sort(column)
        # strictly closer, the point itself counted: that is the n + 1 of the paper
        first = np.searchsorted(ordered, column - reach, side="left")
        last = np.searchsorted(ordered, column + reach, side="right")
        closer += float(digamma(np.maximum(last - first, 1)).mean())
    return float(digamma(n) + digamma(neighbors)) - closer


def _correlation(information: float) -> float:
    """sqrt(1 - exp(-2 I)), with the sign of I."""
    return math.copysign(math.sqrt(-math.expm1(-2.0 * abs(information))), information)
