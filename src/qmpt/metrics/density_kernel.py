# SPDX-License-Identifier: Apache-2.0
"""``kde_v1``: a Gaussian kernel density with a bandwidth chosen by leave-one-out likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError
from qmpt.metrics.population import PrincipalAxes

__all__ = ["KernelDensity"]

Array = NDArray[np.float64]

_TUNING_ROWS: Final = 1000
_FAR_SHARE: Final = 0.05
_CHUNK_CELLS: Final = 4_000_000
_FACTORS: Final = tuple(2.0**power for power in (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5))


@dataclass(slots=True)
class KernelDensity:
    """One spherical Gaussian kernel per row, on min(d, n // 10, ``most_axes``) principal axes.

    The bandwidth is the multiple, from 1/4 to 2.8, of Scott's n^(-1/(k+4)) under which each row is likeliest given the
    others; where more than 1,000 rows are given the search takes 1,000 of them, and the multiple is kept. A row is
    scored by the kernels of the others (`own_scores`): its own would hide it.

    Source: Silverman, Density Estimation (1986), 3.4.4, for likelihood cross-validation.

    Attributes:
        most_kernels: rows kept as kernels, a random choice where there are more; at least 2.
        most_axes: the largest number of principal axes, at least 1.
        seed: of that choice.

    Raises:
        ConfigError: where a field lies outside its range.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(200, 1))
        >>> near, far = KernelDensity().fit(rows).score_samples(np.array([[0.0], [9.0]]))
        >>> bool(near > far)
        True
    """

    name: ClassVar[str] = "kde_v1"
    version: ClassVar[str] = "kde_v1@1.0.0"

    most_kernels: int = 2000
    most_axes: int = 10
    seed: int = 0
    bandwidth: float = field(init=False)
    _axes: PrincipalAxes = field(init=False, repr=False)
    _kernels: Array = field(init=False, repr=False)
    _chosen: NDArray[np.intp] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.most_kernels < 2 or self.most_axes < 1:
            raise ConfigError(
                f"most_kernels and most_axes are {self.most_kernels} and {self.most_axes}; give at least 2 and 1"
            )

    def fit(self, rows: Array) -> KernelDensity:
        """Keep the kernels and choose the bandwidth, rows of shape (n, d)."""
        self._axes = PrincipalAxes.fit(rows, max(1, min(rows.shape[1], len(rows) // 10, self.most_axes)))
        reduced, draw = self._axes.project(rows), np.random.default_rng(self.seed)
        self._chosen = draw.permutation(len(reduced))[: self.most_kernels]
        self._kernels = reduced[self._chosen]
        part = self._kernels[:_TUNING_ROWS]
        self.bandwidth = max(_FACTORS, key=lambda factor: _likelihood(part, factor)) * _scott(self._kernels)
        return self

    def score_samples(self, rows: Array) -> Array:
        """Log densities on the principal axes, shape (n,)."""
        return _log_density(self._axes.project(rows), self._kernels, self.bandwidth)

    def own_scores(self, rows: Array) -> Array:
        """Log densities of the rows that were fitted, each without its own kernel, shape (n,)."""
        own = np.full(len(rows), -1)
        own[self._chosen] = np.arange(len(self._chosen))
        return _log_density(self._axes.project(rows), self._kernels, self.bandwidth, own)


def _scott(kernels: Array) -> float:
    return float(len(kernels) ** (-1.0 / (kernels.shape[1] + 4)))


def _likelihood(rows: Array, factor: float) -> float:
    """Mean leave-one-out log density without the lowest 5 %, which a few far rows would rule."""
    scores = _log_density(rows, rows, factor * _scott(rows), np.arange(len(rows)))
    return float(scores[scores >= np.quantile(scores, _FAR_SHARE)].mean())


def _log_density(rows: Array, kernels: Array, bandwidth: float, own: NDArray[np.intp] | None = None) -> Array:
    """Log density by the log of the sum of exponentials; row i goes without kernel ``own[i]``, unless that is -1."""
    n, k = kernels.shape
    own = np.full(len(rows), -1) if own is None else own
    norm = np.log(n - (own >= 0)) + k * (math.log(bandwidth) + 0.5 * math.log(2.0 * math.pi))
    size, out = max(1, _CHUNK_CELLS // n), np.empty(len(rows))
    lengths = (kernels**2).sum(axis=1)
    for start in range(0, len(rows), size):
        chunk, skip = rows[start : start + size], own[start : start + size]
        squares = (chunk**2).sum(axis=1)[:, None] + lengths - 2.0 * chunk @ kernels.T
        exponents = -0.5 * np.maximum(squares, 0.0) / bandwidth**2
        at = np.flatnonzero(skip >= 0)
        exponents[at, skip[at]] = -np.inf
        top = exponents.max(axis=1)
        out[start : start + size] = top + np.log(np.exp(exponents - top[:, None]).sum(axis=1))
    logs: Array = out - norm
    return logs
