# SPDX-License-Identifier: Apache-2.0
"""Channels from a state to its prediction whose ratio I/H is known exactly, to try the estimators on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qmpt.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = ["gaussian_channel", "gaussian_quantile_ratio", "symmetric_channel", "symmetric_ratio"]


def symmetric_channel(n: int, states: int, error: float, *, seed: int = 0) -> tuple[list[int], list[int]]:
    """Equally likely states, each predicted wrongly with probability ``error``, as any other state alike.

    An error of (states - 1)/states makes state and prediction independent.

    Args:
        n: pairs.
        states: at least 2.
        error: in [0, 1].
        seed: of the draw.

    Example:
        >>> symmetric_channel(5, 2, 0.0, seed=1)
        ([0, 1, 1, 1, 0], [0, 1, 1, 1, 0])
    """
    import numpy as np

    _check_symmetric(states, error)
    rng = np.random.default_rng(seed)
    truth = rng.integers(states, size=n)
    shift = np.where(rng.random(n) < error, rng.integers(1, states, size=n), 0)
    return truth.tolist(), ((truth + shift) % states).tolist()


def symmetric_ratio(states: int, error: float) -> float:
    """I/H of `symmetric_channel`: 1 - (h(e) + e log(k - 1)) / log k.

    Cover and Thomas, Elements of Information Theory (2006), 7.2.

    Example:
        >>> round(symmetric_ratio(8, 0.3), 3), symmetric_ratio(2, 0.5)
        (0.426, 0.0)
    """
    _check_symmetric(states, error)
    noise = -sum(share * math.log(share) for share in (error, 1.0 - error) if share > 0.0)
    return 1.0 - (noise + error * math.log(states - 1)) / math.log(states)


def gaussian_channel(n: int, correlation: float, *, seed: int = 0) -> tuple[Vector, Vector]:
    """Standard normal states and predictions with a correlation in [-1, 1].

    Example:
        >>> state, prediction = gaussian_channel(1000, 0.8)
        >>> state.shape
        (1000,)
    """
    import numpy as np

    if not -1.0 <= correlation <= 1.0:
        raise DataError(f"correlation is {correlation}; give a number in [-1, 1]")
    rng = np.random.default_rng(seed)
    state, noise = rng.normal(size=(2, n))
    return state, correlation * state + math.sqrt(1.0 - correlation**2) * noise


def gaussian_quantile_ratio(correlation: float, bins: int) -> float:
    """I/H of `gaussian_channel` after both sides were cut into that many equally likely classes.

    The probability of a class of predictions is integrated over the states of each class by Gauss-Legendre quadrature.

    Args:
        correlation: strictly between -1 and 1.
        bins: at least 2.

    Example:
        >>> round(gaussian_quantile_ratio(0.8, 2), 4), abs(gaussian_quantile_ratio(0.0, 4)) < 1e-12
        (0.2685, True)
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    if not -1.0 < correlation < 1.0 or bins < 2:
        raise DataError(f"correlation is {correlation} and bins {bins}; give (-1, 1) and at least 2")
    levels = np.arange(bins + 1) / bins
    edges = ndtri(levels)
    points, weights = np.polynomial.legendre.leggauss(400)
    joint = np.empty((bins, bins))
    for place in range(bins):
        # uniform in probability, so that the classes of the states need no tail of their own
        share = levels[place] + (points + 1.0) / (2.0 * bins)
        below = ndtr((edges[:, None] - correlation * ndtri(share)) / math.sqrt(1.0 - correlation**2))
        joint[place] = np.diff(below, axis=0) @ weights / (2.0 * bins)
    used = joint[joint > 0.0]
    return float((used * np.log(used * bins**2)).sum() / math.log(bins))


def _check_symmetric(states: int, error: float) -> None:
    if states < 2 or not 0.0 <= error <= 1.0:
        raise DataError(f"states is {states} and error {error}; give at least 2 states and an error in [0, 1]")
