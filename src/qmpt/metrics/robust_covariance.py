# SPDX-License-Identifier: Apache-2.0
"""Location and scatter of a cloud of rows, with and without resistance to outliers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scatter", "ledoit_wolf", "minimum_determinant", "trimmed_ledoit_wolf"]

Array = NDArray[np.float64]

_LEAST_VARIANCE: Final = 1e-6
_START_ROWS: Final = 500
_STARTS: Final = 3
_MOST_STEPS: Final = 30
_CUT: Final = 10.0
_SINGULAR: Final = 1e-12
_SETTLED: Final = 1e-6
_INSIDE: Final = 0.975
_TRIM: Final = 0.25


@dataclass(frozen=True, slots=True)
class Scatter:
    """Where a cloud is and how it is spread.

    Attributes:
        location: shape (d,).
        covariance: shape (d, d).
        precision: its inverse; variances below 1e-6 squared robust units count as 1e-6, so that it exists where
            features repeat each other.
        whitening: a root of the precision, shape (d, d).
        log_det: log determinant of the covariance, with the same floor.

    Example:
        >>> Scatter.of(np.zeros(2), np.diag([4.0, 1.0])).distances(np.array([[2.0, 0.0], [0.0, 2.0]])).tolist()
        [1.0, 2.0]
    """

    location: Array
    covariance: Array
    precision: Array
    whitening: Array
    log_det: float

    @classmethod
    def of(cls, location: Array, covariance: Array) -> Scatter:
        """Invert a covariance by its eigenvalues."""
        values, vectors = np.linalg.eigh(covariance)
        values = np.maximum(values, _LEAST_VARIANCE)
        whitening = vectors / np.sqrt(values)
        return cls(location, covariance, whitening @ whitening.T, whitening, float(np.log(values).sum()))

    def with_variance_of(self, rows: Array) -> Scatter:
        """The same, but a direction without any variance takes the variance that ``rows`` have along it.

        It is for a robust scatter: half of a population may agree on a feature in which the rest differs, such as a
        count that is mostly 0. A distance in units of nothing would then be ruled by that feature.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        flat = values < _LEAST_VARIANCE
        if not flat.any():
            return self
        axes = vectors[:, flat]
        varied = ((rows - rows.mean(axis=0)) @ axes).var(axis=0)
        return Scatter.of(self.location, self.covariance + axes * varied @ axes.T)

    def distances(self, rows: Array) -> Array:
        """Mahalanobis distances, shape (n,)."""
        white = (rows - self.location) @ self.whitening
        lengths: Array = np.sqrt(np.einsum("ij,ij->i", white, white))
        return lengths


def ledoit_wolf(rows: Array) -> Scatter:
    """Mean and the covariance shrunk towards a sphere, which exists with more features than rows.

    Source: Ledoit and Wolf, Journal of Multivariate Analysis 88 (2004); the implementation is scikit-learn's.

    Example:
        >>> ledoit_wolf(np.eye(3)).location.round(3).tolist()
        [0.333, 0.333, 0.333]
    """
    from sklearn.covariance import ledoit_wolf as shrunk

    location = rows.mean(axis=0)
    if rows.shape[1] == 1:
        return Scatter.of(location, np.atleast_2d(rows.var()))
    covariance, _ = shrunk(rows - location, assume_centered=True)
    return Scatter.of(location, np.asarray(covariance))


def trimmed_ledoit_wolf(rows: Array) -> Scatter:
    """Ledoit-Wolf, twice refitted without the farthest quarter of the rows; for few rows with many features.

    Example:
        >>> trimmed_ledoit_wolf(np.r_[np.zeros((9, 1)), [[90.0]]]).location.tolist()
        [0.0]
    """
    found = ledoit_wolf(rows)
    for _ in range(2):
        away = found.distances(rows)
        found = ledoit_wolf(rows[away <= np.quantile(away, 1.0 - _TRIM)])
    return found.with_variance_of(rows)


def minimum_determinant(rows: Array, seed: int = 0, start: Scatter | None = None) -> Scatter:
    """Minimum covariance determinant: the half of the rows with the tightest scatter, then one reweighting.

    The search starts from scikit-learn's ``MinCovDet`` on all rows, or on three random parts where there are more than
    500; concentration steps over all rows follow, to the end for the one that is tightest after two. Where that half
    does not vary at all along a direction, the variance of all rows takes its place.

    Source: Rousseeuw and Van Driessen, Technometrics 41 (1999).

    Args:
        rows: shape (n, d), n above 5 d.
        seed: of the parts and of the search.
        start: a scatter near the answer, which replaces the search.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(100, 1))
        >>> rows[:20] = 50.0
        >>> bool(minimum_determinant(rows).distances(np.array([[50.0]]))[0] > 20.0)
        True
    """
    n, d = rows.shape
    half = (n + d + 1) // 2
    starts = [start] if start is not None else _starts(rows, seed)
    if len(starts) > 1:
        starts = [min((_concentrate(rows, one, half, steps=2) for one in starts), key=lambda one: one.log_det)]
    raw = _concentrate(rows, starts[0], half)
    return _reweighted(rows, raw).with_variance_of(rows)


def _starts(rows: Array, seed: int) -> list[Scatter]:
    n = len(rows)
    if n <= _START_ROWS:
        return [_search(rows, seed)]
    draw = np.random.default_rng(seed)
    return [_search(rows[np.sort(draw.choice(n, _START_ROWS, replace=False))], seed) for _ in range(_STARTS)]


def _search(rows: Array, seed: int) -> Scatter:
    from sklearn.covariance import MinCovDet

    center = np.median(rows, axis=0)
    away = rows - center
    cut = np.clip(away, -_CUT, _CUT)
    values, vectors = np.linalg.eigh(cut.T @ cut / len(rows))
    axes = vectors[:, values > _SINGULAR * values[-1]]
    if axes.shape[1] == 0:
        return Scatter.of(center, np.zeros((rows.shape[1], rows.shape[1])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its remarks on singular halves are answered by the floor on variances
        try:
            found = MinCovDet(random_state=seed).fit(away @ axes)
        except ValueError:  # more than half of the rows are one and the same
            return Scatter.of(center, np.zeros((rows.shape[1], rows.shape[1])))
    return Scatter.of(center + axes @ found.raw_location_, axes @ found.raw_covariance_ @ axes.T)


def _concentrate(rows: Array, found: Scatter, half: int, steps: int = _MOST_STEPS) -> Scatter:
    """Take the nearest half and its scatter, until the determinant falls no further."""
    last = np.inf
    for _ in range(steps):
        away = found.distances(rows)
        found = _scatter(rows[np.argpartition(away, half - 1)[:half]])
        if not found.log_det < last - _SETTLED:
            break
        last = found.log_det
    return found


def _reweighted(rows: Array, raw: Scatter) -> Scatter:
    """The scatter of the rows inside the 97.5 % ellipsoid, whose size is set by the median distance."""
    from scipy.stats import chi2

    d = rows.shape[1]
    away = raw.distances(rows) ** 2
    middle = float(np.median(away))
    if middle <= 0.0:
        return raw
    inside = away <= middle * chi2.ppf(_INSIDE, d) / chi2.ppf(0.5, d)
    return _scatter(rows[inside])


def _scatter(rows: Array) -> Scatter:
    location = rows.mean(axis=0)
    away = rows - location
    return Scatter.of(location, away.T @ away / len(rows))
