# SPDX-License-Identifier: Apache-2.0
"""Identity, support and the chance of a transfer: the few quantities that the theory names for it.

Where the theory gives a condition but no form, the form here is an open choice that keeps the condition.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from qmpt.errors import ConfigError, DataError, InsufficientEvidence

__all__ = ["identity_drift", "identity_threshold", "support", "total_correlation", "transfer_probability"]

FEWEST_WINDOWS: Final = 10
_LARGEST_EXPONENT: Final = 700.0


def identity_drift(earlier: Any, later: Any) -> float | None:
    """1 minus the cosine of two feature vectors, in [0, 2]; None where one of them is 0.

    Args:
        earlier: shape (d,).
        later: shape (d,).

    Raises:
        DataError: unequal shapes, or values that are not finite.

    Example:
        >>> identity_drift([1.0, 0.0], [1.0, 0.0]), identity_drift([1.0, 0.0], [0.0, 2.0])
        (0.0, 1.0)
    """
    one, other = np.asarray(earlier, dtype=np.float64), np.asarray(later, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise DataError(
            f"the vectors have the shapes {one.shape} and {other.shape}; give two finite rows of one length"
        )
    scales = float(np.abs(one).max(initial=0.0)), float(np.abs(other).max(initial=0.0))
    if min(scales) == 0.0:
        return None
    one, other = one / scales[0], other / scales[1]
    cosine = float(one @ other) / math.sqrt(float(one @ one) * float(other @ other))
    return min(max(1.0 - cosine, 0.0), 2.0)


def identity_threshold(windows: Any, *, seed: int = 0, pairs: int = 1000) -> float:
    """eps_id: the 95th percentile of the drift between random windows of one and the same pattern.

    Args:
        windows: feature vectors of windows in which the pattern was itself, shape (n, d), n at least 10.
        seed: of the pairs.
        pairs: of different windows, at least 1.

    Raises:
        InsufficientEvidence: fewer than 10 windows, or no pair whose drift is defined.

    Example:
        >>> identity_threshold(np.random.default_rng(0).normal(5.0, 1.0, size=(50, 4))) < 0.2
        True
    """
    rows = np.asarray(windows, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < FEWEST_WINDOWS:
        raise InsufficientEvidence(f"the windows have the shape {rows.shape}; give at least 10 of one pattern")
    draw = np.random.default_rng(seed)
    first = draw.integers(len(rows), size=pairs)
    second = (first + draw.integers(1, len(rows), size=pairs)) % len(rows)
    drifts = [identity_drift(rows[a], rows[b]) for a, b in zip(first, second, strict=True)]
    known = [drift for drift in drifts if drift is not None]
    if not known:
        raise InsufficientEvidence(f"none of {pairs} pairs of windows has a drift; the windows are 0")
    return float(np.quantile(known, 0.95))


def support(weights: Any) -> float:
    """Sigma: the sum of the activity weights of all realisations of one identity, in [0, 1].

    There is no perfect copy: the weights may not sum to more than 1.

    Args:
        weights: each in [0, 1].

    Raises:
        DataError: a weight out of range, or a sum above 1.

    Example:
        >>> support([0.25, 0.5])
        0.75
    """
    given = np.asarray(weights, dtype=np.float64).ravel()
    total = math.fsum(given.tolist())
    if not ((given >= 0.0) & (given <= 1.0)).all() or total > 1.0 + 1e-9:
        raise DataError(f"the weights sum to {total}; give weights in [0, 1] that sum to at most 1")
    return min(total, 1.0)


def transfer_probability(
    *,
    integrated_information: float,
    reflexivity: float,
    anomaly: float,
    stress: float,
    upgrading: bool,
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
    offset: float = -4.0,
) -> float:
    """P_transfer: a logistic of a linear form with weights that are not negative, so that it is monotone as demanded.

    The theory gives no form and no value. Weights and offset are open choices, and the number means nothing outside a
    comparison under the same ones.

    Args:
        integrated_information: at least 0, such as `total_correlation`, which is a proxy.
        reflexivity: in [0, 1].
        anomaly: score.
        stress: of the layer, in [0, 1]; it counts only in a regime of upgrade.
        upgrading: whether the layer is in such a regime.
        weights: of the four, each at least 0.
        offset: of the linear form.

    Raises:
        ConfigError: a negative weight, or a value that is not finite.

    Example:
        >>> low = transfer_probability(
        ...     integrated_information=0.0, reflexivity=0.1, anomaly=1.0, stress=0.5, upgrading=False
        ... )
        >>> 0.0 < low < 0.1
        True
    """
    values = (integrated_information, reflexivity, anomaly, stress if upgrading else 0.0)
    if min(weights) < 0.0 or not all(map(math.isfinite, (*weights, *values, offset))):
        raise ConfigError(
            f"the weights are {weights}, the values {values}; give finite ones, and weights of at least 0"
        )
    form = offset + math.fsum(weight * value for weight, value in zip(weights, values, strict=True))
    return (
        1.0 / (1.0 + math.exp(-form))
        if form >= 0.0
        else math.exp(max(form, -700.0)) / (1.0 + math.exp(max(form, -700.0)))
    )


def total_correlation(rows: Any) -> float:
    """What a block of features shares, in nats: minus half the log determinant of its correlations (Watanabe 1960).

    It is exact for normal features, and here a proxy of integrated information, no more.

    Args:
        rows: shape (n, d), n above d + 1 and d at least 2, finite.

    Raises:
        InsufficientEvidence: too few rows, or a constant or repeated feature.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> total_correlation(draw.normal(size=(500, 3))) < 0.02
        True
    """
    table = np.asarray(rows, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or len(table) <= table.shape[1] + 1 or not np.isfinite(table).all():
        raise InsufficientEvidence(f"the rows have the shape {table.shape}; give finite rows, two more than features")
    spread = table.std(axis=0)
    if (spread <= 1e-12 * np.maximum(np.abs(table).max(axis=0), 1e-300)).any():
        raise InsufficientEvidence("a feature is constant; leave it out")
    sign, logarithm = np.linalg.slogdet(np.corrcoef(table, rowvar=False))
    if sign <= 0.0:
        raise InsufficientEvidence("some features repeat others; leave those out")
    return max(-0.5 * float(logarithm), 0.0)
