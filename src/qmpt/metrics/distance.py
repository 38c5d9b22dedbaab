# SPDX-License-Identifier: Apache-2.0
"""How far a pattern lies from what is typical, in five ways.

Distance to the centre and distance to the nearest typical patterns are different things, and both are offered: the
modes ``mahalanobis_robust``, ``mahalanobis`` and ``euclidean`` measure the first, ``knn_typical`` the second. ``graph``
measures how far a pattern stands from the centre of who interacts with whom, and does not look at features at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, nearest_name
from qmpt.metrics.anomaly_settings import DistanceMode
from qmpt.metrics.population import PrincipalAxes
from qmpt.metrics.robust_covariance import Scatter, ledoit_wolf, minimum_determinant, trimmed_ledoit_wolf

__all__ = ["DistanceModel", "ScatterDistance", "TracedDistance", "TypicalDistance", "fit_distance"]

Array = NDArray[np.float64]

_MOST_AXES: Final = 128
_ROWS_PER_FEATURE: Final = 5
_CHUNK: Final = 8192


@runtime_checkable
class DistanceModel(Protocol):
    """Distances of rows to what is typical."""

    def distances(self, rows: Array, *, own: bool = False) -> Array:
        """Distances of rows, shape (n,), not negative; ``own`` where they are the rows that were fitted."""
        ...


@runtime_checkable
class TracedDistance(DistanceModel, Protocol):
    """A distance of which each feature's part is known."""

    def feature_distances(self, rows: Array) -> Array:
        """Parts of the distances, shape (n, d); each row sums to its distance."""
        ...


@dataclass(frozen=True, slots=True)
class ScatterDistance:
    """Distance to a centre in units of a scatter.

    The part of feature j is (x - m)_j (S^-1 (x - m))_j over the distance. Times the distance that is the Shapley value
    of feature j for the squared distance, when an absent feature stands at the centre (Mayrhofer and Filzmoser,
    Econometrics and Statistics, 2023). A part can be negative.

    Attributes:
        scatter: location and covariance, on the axes if there are any.
        axes: principal axes, or None for the features themselves.

    Example:
        >>> away = ScatterDistance(Scatter.of(np.zeros(2), np.eye(2)))
        >>> away.feature_distances(np.array([[3.0, 4.0]])).round(6).tolist()
        [[1.8, 3.2]]
    """

    scatter: Scatter
    axes: PrincipalAxes | None = None

    def distances(self, rows: Array, *, own: bool = False) -> Array:
        """Distances, shape (n,)."""
        out = np.empty(len(rows))
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            out[start : start + _CHUNK] = self.scatter.distances(self.axes.project(part) if self.axes else part)
        return out

    def feature_distances(self, rows: Array) -> Array:
        """Parts, shape (n, d)."""
        if self.axes is None:
            away = rows - self.scatter.location
            pull = away @ self.scatter.precision
        else:
            away = rows - (self.axes.center + self.axes.axes @ self.scatter.location)
            pull = away @ self.axes.axes @ self.scatter.precision @ self.axes.axes.T
        parts = away * pull
        length = np.sqrt(np.maximum(parts.sum(axis=1), 0.0))
        shared: Array = np.divide(parts, length[:, None], out=np.zeros_like(parts), where=length[:, None] > 0.0)
        return shared


@dataclass(frozen=True, slots=True)
class TypicalDistance:
    """Mean Euclidean distance to the nearest members of the typical set: the patterns of highest density.

    Attributes:
        members: rows of the typical set, shape (m, d).
        positions: at which fitted row each member stood, shape (m,).
        neighbours: how many of the nearest are averaged.

    Example:
        >>> near = TypicalDistance(np.array([[0.0], [2.0]]), np.array([0, 1]), 1)
        >>> near.distances(np.array([[0.5]])).tolist()
        [0.5]
    """

    members: Array
    positions: NDArray[np.intp]
    neighbours: int

    def distances(self, rows: Array, *, own: bool = False) -> Array:
        """Distances, shape (n,); a member does not count itself where ``own`` is true."""
        from sklearn.neighbors import NearestNeighbors

        m = len(self.members)
        count = min(self.neighbours, m - own)
        away, found = NearestNeighbors(n_neighbors=count + own).fit(self.members).kneighbors(rows)
        if own:
            itself = self.positions[found] == np.arange(len(rows))[:, None]
            drop = np.where(itself.any(axis=1), itself.argmax(axis=1), count)
            keep = np.arange(count + 1) != drop[:, None]
            away = away[keep].reshape(len(rows), count)
        nearest: Array = away.mean(axis=1)
        return nearest


def fit_distance(
    rows: Array,
    mode: str,
    *,
    log_density: Array,
    typical_quantile: float = 0.5,
    neighbours: int = 5,
    seed: int = 0,
    start: Scatter | None = None,
    fewest: int | None = None,
    whole: Array | None = None,
) -> DistanceModel:
    """Fit a distance to rows in robust standard units.

    ``mahalanobis_robust`` uses the minimum covariance determinant where there are more than 5 rows a feature, else a
    trimmed Ledoit-Wolf estimate. The three modes with a centre use at most 128 principal axes.

    Args:
        rows: shape (n, d).
        mode: one of the modes of the module, except ``graph``, which needs a graph: `qmpt.metrics.impact`.
        log_density: of each row, shape (n,); ``knn_typical`` takes its typical set from it.
        typical_quantile: the typical set is what lies at or above this quantile of density, in [0, 1).
        neighbours: how many typical patterns ``knn_typical`` averages over, at least 1.
        seed: of the search for the robust scatter.
        start: a robust scatter near the answer, which replaces that search.
        fewest: rows of the smallest of several parts that are fitted alike, of which these are one; None for n.
        whole: the population of which ``rows`` are a part, for the variance of features that do not vary in the part;
            None where they are all of it.

    Raises:
        ConfigError: an unknown mode.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(100, 2))
        >>> model = fit_distance(rows, "euclidean", log_density=np.zeros(100))
        >>> bool(model.distances(np.array([[9.0, 0.0]]))[0] > 8.0)
        True
    """
    if mode == "knn_typical":
        positions = np.flatnonzero(log_density >= np.quantile(log_density, typical_quantile))
        return TypicalDistance(rows[positions], positions, neighbours)
    if mode not in ("mahalanobis_robust", "mahalanobis", "euclidean"):
        known = [name for name in get_args(DistanceMode) if name != "graph"]
        raise ConfigError(f"distance_mode is {mode!r}; {nearest_name(mode, known)}")
    d = rows.shape[1]
    axes = PrincipalAxes.fit(rows, _MOST_AXES) if d > _MOST_AXES else None
    reduced = axes.project(rows) if axes else rows
    k = reduced.shape[1]
    if mode == "euclidean":
        return ScatterDistance(Scatter.of(reduced.mean(axis=0), np.eye(k)), axes)
    if mode == "mahalanobis":
        return ScatterDistance(ledoit_wolf(reduced), axes)
    enough = (len(rows) if fewest is None else fewest) > _ROWS_PER_FEATURE * k
    robust = minimum_determinant(reduced, seed, start) if enough else trimmed_ledoit_wolf(reduced)
    if whole is not None:
        robust = robust.with_variance_of(axes.project(whole) if axes else whole)
    return ScatterDistance(robust, axes)
