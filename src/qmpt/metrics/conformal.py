# SPDX-License-Identifier: Apache-2.0
"""From scores to decisions at a stated error rate: conformal p-values and the Benjamini-Hochberg procedure.

The p-value of a new pattern is valid where it and the calibration patterns are exchangeable: drawn alike, and none of
them used to fit the score. Drift, or a calibration population that holds anomalies of its own, breaks that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qmpt.errors import ConfigError, DataError, InsufficientEvidence

__all__ = ["benjamini_hochberg", "conformal_p_values"]

Array = NDArray[np.float64]


def conformal_p_values(calibration: ArrayLike, scores: ArrayLike) -> Array:
    """Split-conformal p-values, p = (1 + #{calibration >= score}) / (n + 1).

    Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005); for outliers and the false
    discovery rate: Bates and others, Annals of Statistics 51 (2023).

    Args:
        calibration: scores of patterns that the model has not seen, shape (n,); larger is more unusual.
        scores: of the patterns in question, shape (m,).

    Returns:
        shape (m,), in [1 / (n + 1), 1].

    Raises:
        InsufficientEvidence: no calibration score.
        DataError: a score that is not a number.

    Example:
        >>> conformal_p_values([1.0, 2.0, 3.0, 4.0], [3.5, 9.0]).tolist()
        [0.4, 0.2]
    """
    known, asked = np.sort(np.asarray(calibration, dtype=np.float64)), np.asarray(scores, dtype=np.float64)
    if known.ndim != 1 or asked.ndim != 1 or np.isnan(known).any() or np.isnan(asked).any():
        raise DataError(
            f"scores of the shapes {known.shape} and {asked.shape}, with NaN or not in a row; give two rows"
        )
    if known.size == 0:
        raise InsufficientEvidence("there are 0 calibration scores; hold patterns out of the fit")
    at_least = known.size - np.searchsorted(known, asked, side="left")
    p_values: Array = np.asarray((1.0 + at_least) / (known.size + 1.0), dtype=np.float64)
    return p_values


def benjamini_hochberg(p_values: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Which hypotheses are rejected with a false discovery rate of at most ``level``.

    Source: Benjamini and Hochberg, Journal of the Royal Statistical Society B 57 (1995); the adjusted p-values are
    scipy's ``false_discovery_control``. With n calibration scores no p-value is below 1 / (n + 1), so that k
    rejections among m need at least m / (k level) - 1 of them.

    Args:
        p_values: shape (m,), in [0, 1].
        level: in (0, 1).

    Raises:
        ConfigError: ``level`` out of range.
        DataError: a p-value out of range.

    Example:
        >>> benjamini_hochberg([0.001, 0.02, 0.8], 0.05).tolist()
        [True, True, False]
    """
    from scipy.stats import false_discovery_control

    if not 0.0 < level < 1.0:
        raise ConfigError(f"the false discovery rate is {level}; it must lie in (0, 1), such as 0.1")
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise DataError("a p-value lies outside [0, 1]; give the p-values themselves, not scores")
    if values.size == 0:
        return np.zeros(0, dtype=bool)
    rejected: NDArray[np.bool_] = np.asarray(false_discovery_control(values)) <= level
    return rejected
