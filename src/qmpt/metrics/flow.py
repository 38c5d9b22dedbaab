# SPDX-License-Identifier: Apache-2.0
"""``flow_v1``: a normalizing flow that needs numpy and scipy only, by iterative Gaussianization.

Each layer bends every axis until its marginal is normal and then rotates; the density is that of a standard normal at
the end, times the Jacobian on the way. More layers fit the sample ever better and the population ever worse, so the
number of layers is chosen by the likelihood of rows that were held out.

Source: Laparra, Camps-Valls and Malo, IEEE Transactions on Neural Networks 22 (2011).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError
from qmpt.metrics.population import PrincipalAxes

__all__ = ["GaussianizationFlow", "MarginalMap"]

Array = NDArray[np.float64]

_HELD_OUT: Final = 0.2
_PATIENCE: Final = 2
_LEAST_SLOPE: Final = 0.05
_MOST_SLOPE: Final = 20.0
_LEAST_SPREAD: Final = 1e-3
_CUT: Final = 10.0
_KNOTS: Final = (5, 60)
_LOG_NORMAL: Final = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class MarginalMap:
    """A monotone piecewise linear map per column, under which the column is close to standard normal.

    Its knots are quantiles; slopes are kept between 0.05 and 20, so that ties and gaps have a finite density, and the
    end slopes continue outward, which gives Gaussian tails.

    Attributes:
        knots: shape (knots, d), increasing in each column.
        levels: the normal quantile of each knot, shape (knots, d).

    Example:
        >>> bend = MarginalMap.fit(np.random.default_rng(0).exponential(size=(1000, 1)), 15)
        >>> bent, log_slopes = bend.apply(np.array([[math.log(2.0)]]))  # the median
        >>> abs(bent.item()) < 0.1
        True
    """

    knots: Array
    levels: Array

    @classmethod
    def fit(cls, rows: Array, knots: int) -> MarginalMap:
        """Read the quantiles of rows, shape (n, d)."""
        from scipy.special import ndtri

        shares = (np.arange(knots) + 0.5) / knots
        levels = np.asarray(ndtri(shares), dtype=np.float64)
        steps = np.diff(levels)[:, None]
        at = np.quantile(rows, shares, axis=0)
        gaps = np.clip(np.diff(at, axis=0), steps / _MOST_SLOPE, steps / _LEAST_SLOPE)
        moved = np.vstack((np.zeros(rows.shape[1]), np.cumsum(gaps, axis=0)))
        middle = knots // 2
        placed = moved - moved[middle] + at[middle]
        return cls(placed, np.tile(levels[:, None], rows.shape[1]))

    def apply(self, rows: Array) -> tuple[Array, Array]:
        """Bent rows, shape (n, d), and the sum of the log slopes of each row, shape (n,)."""
        slopes = np.diff(self.levels, axis=0) / np.diff(self.knots, axis=0)
        logs, last = np.log(slopes), len(slopes) - 1
        bent, total = np.empty_like(rows), np.zeros(len(rows))
        for column in range(rows.shape[1]):
            values, knots = rows[:, column], self.knots[:, column]
            cell = np.clip(np.searchsorted(knots, values, side="right") - 1, 0, last)
            bent[:, column] = self.levels[cell, column] + slopes[cell, column] * (values - knots[cell])
            total += logs[cell, column]
        return bent, total


@dataclass(frozen=True, slots=True)
class Whitening:
    """Principal axes divided by their spread, with the log of the Jacobian.

    Attributes:
        axes: the rotation.
        spread: standard deviation on each axis, at least 0.001 robust units, shape (d,).

    Example:
        >>> white, log_slopes = Whitening.fit(np.array([[-2.0], [0.0], [2.0]])).apply(np.array([[2.0]]))
        >>> round(white.item(), 3), round(log_slopes, 3)  # the standard deviation is 1.633
        (1.225, -0.49)
    """

    axes: PrincipalAxes
    spread: Array

    @classmethod
    def fit(cls, rows: Array) -> Whitening:
        """Read rows, shape (n, d)."""
        axes = PrincipalAxes.fit(rows, rows.shape[1])
        return cls(axes, np.maximum(axes.project(np.clip(rows, -_CUT, _CUT)).std(axis=0), _LEAST_SPREAD))

    def apply(self, rows: Array) -> tuple[Array, float]:
        """Whitened rows, shape (n, d), and the log Jacobian, which is the same for all."""
        return self.axes.project(rows) / self.spread, float(-np.log(self.spread).sum())


@dataclass(slots=True)
class GaussianizationFlow:
    """Layers of marginal Gaussianization and whitening.

    Layers are added until two in a row do not raise the mean log density of a held-out fifth of the rows, or there are
    ``most_layers``; then the best number is fitted to all rows. No layer leaves one Gaussian. The rows are reduced to
    min(d, n // 10, ``most_axes``) principal axes first, and the density is the one on these axes.

    Attributes:
        most_layers: the largest number of layers tried, at least 0.
        most_axes: the largest number of principal axes, at least 1.
        seed: of the split.
        layers: the number that was chosen, after ``fit``.

    Raises:
        ConfigError: where a field lies outside its range.

    Example:
        >>> rows = np.random.default_rng(0).exponential(size=(400, 2))
        >>> GaussianizationFlow().fit(rows).layers > 0
        True
    """

    name: ClassVar[str] = "flow_v1"
    version: ClassVar[str] = "flow_v1@1.0.0"

    most_layers: int = 10
    most_axes: int = 32
    seed: int = 0
    layers: int = field(init=False)
    _start: PrincipalAxes | None = field(init=False, repr=False)
    _white: Whitening = field(init=False, repr=False)
    _steps: list[tuple[MarginalMap, Whitening]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.most_layers < 0 or self.most_axes < 1:
            raise ConfigError(
                f"most_layers and most_axes are {self.most_layers} and {self.most_axes}; give at least 0 and 1"
            )

    def fit(self, rows: Array) -> GaussianizationFlow:
        """Choose the number of layers and fit them, rows of shape (n, d), n at least 5."""
        n = len(rows)
        order = np.random.default_rng(self.seed).permutation(n)
        held, kept = np.split(order, [max(1, round(_HELD_OUT * n))])
        self.layers = self._best_number(rows[kept], rows[held])
        at = self._begin(rows)
        self._steps = list(islice(_grow(at), self.layers))
        return self

    def score_samples(self, rows: Array) -> Array:
        """Log densities, shape (n,)."""
        if not self._steps:
            return self._gaussian(rows)
        at = self._reduced(rows)
        total = np.zeros(len(rows))
        for step in self._steps:
            at, gained = _pass(step, at)
            total += gained
        return total + _standard_normal(at)

    def _best_number(self, kept: Array, held: Array) -> int:
        """How many layers make the held-out rows likeliest; the search ends after two that do not."""
        at = self._begin(kept)
        best, chosen = _trimmed_mean(self._gaussian(held)), 0
        held_at, total = self._reduced(held), np.zeros(len(held))
        for number, step in enumerate(islice(_grow(at), self.most_layers), 1):
            held_at, gained = _pass(step, held_at)
            total += gained
            likelihood = _trimmed_mean(total + _standard_normal(held_at))
            if likelihood > best:
                best, chosen = likelihood, number
            elif number - chosen >= _PATIENCE:
                break
        return chosen

    def _begin(self, rows: Array) -> Array:
        """Fit the reduction and the single Gaussian; the reduced rows."""
        n, d = rows.shape
        limit = max(1, min(d, n // 10, self.most_axes))
        self._start = PrincipalAxes.fit(rows, limit) if limit < d else None
        at = self._reduced(rows)
        self._white = Whitening.fit(at)
        self._steps = []
        return at

    def _gaussian(self, rows: Array) -> Array:
        white, scale = self._white.apply(self._reduced(rows))
        return _standard_normal(white) + scale

    def _reduced(self, rows: Array) -> Array:
        return rows if self._start is None else self._start.project(rows)


def _grow(at: Array) -> Iterator[tuple[MarginalMap, Whitening]]:
    """Layers without end, each fitted to what the ones before made of the rows."""
    knots = int(np.clip(len(at) ** (1.0 / 3.0), *_KNOTS))
    while True:
        bend = MarginalMap.fit(at, knots)
        bent, _slopes = bend.apply(at)
        white = Whitening.fit(bent)
        at, _scale = white.apply(bent)
        yield bend, white


def _pass(step: tuple[MarginalMap, Whitening], rows: Array) -> tuple[Array, Array]:
    bent, slopes = step[0].apply(rows)
    white, scale = step[1].apply(bent)
    return white, slopes + scale


def _standard_normal(rows: Array) -> Array:
    density: Array = -0.5 * (rows**2).sum(axis=1) - rows.shape[1] * _LOG_NORMAL
    return density


def _trimmed_mean(scores: Array) -> float:
    """The mean without the lowest 5 %, which a few far rows would rule."""
    return float(scores[scores >= np.quantile(scores, 0.05)].mean())
