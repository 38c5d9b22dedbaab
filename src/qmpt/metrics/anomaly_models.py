# SPDX-License-Identifier: Apache-2.0
"""The fitted density and distance behind an anomaly score, and scores by models that did not see the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import DataError
from qmpt.metrics.anomaly_settings import AnomalySettings
from qmpt.metrics.density import DensityModel, Reducing, create_density
from qmpt.metrics.distance import DistanceModel, ScatterDistance, fit_distance
from qmpt.metrics.robust_covariance import Scatter

__all__ = ["Models", "Recipe", "held_out"]

Array = NDArray[np.float64]

_ROWS_PER_AXIS: Final = 10


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to fit both models to rows.

    Attributes:
        density_model: a name, or an object that is copied.
        settings: of the estimator.
        fewest: rows of the smallest part that will be fitted. It decides how many principal axes a density has and
            which robust scatter is used, so that the models of all parts measure alike. None for the rows at hand.
    """

    density_model: Any
    settings: AnomalySettings
    fewest: int | None = None

    def fit(self, rows: Array, start: Scatter | None = None, *, whole: Array | None = None) -> Models:
        """Fit to rows in robust standard units, shape (n, d).

        Args:
            rows: the rows.
            start: a robust scatter near the answer, which replaces the search for one.
            whole: the population of which these rows are a part; it says how far a feature varies that does not vary
                in the part.
        """
        settings = self.settings
        density = create_density(self.density_model, settings.density_options)
        fewest = len(rows) if self.fewest is None else self.fewest
        if isinstance(density, Reducing):
            density.most_axes = max(1, min(density.most_axes, fewest // _ROWS_PER_AXIS))
        density.fit(rows)
        if settings.distance_mode == "graph":
            return Models(density, None)
        log_density = checked_scores(density, rows) if settings.distance_mode == "knn_typical" else np.empty(0)
        distance = fit_distance(
            rows,
            settings.distance_mode,
            log_density=log_density,
            typical_quantile=settings.typical_quantile,
            neighbours=settings.neighbours,
            seed=settings.seed,
            start=start,
            fewest=fewest,
            whole=whole,
        )
        return Models(density, distance)


@dataclass(frozen=True, slots=True)
class Models:
    """A fitted density and a fitted distance.

    Attributes:
        density: gives log densities.
        distance: None where the distance is that in a graph.
    """

    density: DensityModel
    distance: DistanceModel | None

    @property
    def scatter(self) -> Scatter | None:
        """The scatter behind the distance, if it has one on the features themselves."""
        return self.distance.scatter if isinstance(self.distance, ScatterDistance) and not self.distance.axes else None

    def terms(self, rows: Array, *, own: bool = False) -> tuple[Array, Array]:
        """Rarity and distance of rows, each of shape (n,); ``own`` where they are the rows that were fitted."""
        if own and hasattr(self.density, "own_scores"):
            rarity = -np.asarray(self.density.own_scores(rows), dtype=np.float64)
        else:
            rarity = -checked_scores(self.density, rows)
        return rarity, np.zeros(len(rows)) if self.distance is None else self.distance.distances(rows, own=own)


def held_out(recipe: Recipe, rows: Array, folds: NDArray[np.intp], groups: NDArray[np.intp]) -> tuple[Array, Array]:
    """Rarity and distance of each row by models that were fitted without its fold, the mean over equal rows.

    Equal rows are dealt to folds one by one: a value that many patterns have must be known to the models that score
    one of them. The mean then gives equal rows equal scores.

    Args:
        recipe: how to fit.
        rows: shape (n, d).
        folds: fold of each row, from 0, shape (n,).
        groups: of equal rows, from 0, shape (n,).
    """
    rarity, distance = np.empty(len(rows)), np.empty(len(rows))
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        rarity[out], distance[out] = recipe.fit(rows[~out], whole=rows).terms(rows[out])
    size = np.bincount(groups)
    return (np.bincount(groups, rarity) / size)[groups], (np.bincount(groups, distance) / size)[groups]


def checked_scores(density: DensityModel, rows: Array) -> Array:
    """Log densities, which must be finite.

    Raises:
        DataError: where the model answers with anything else.

    Example:
        >>> rows = np.zeros((5, 1))
        >>> checked_scores(create_density("hist_v1").fit(rows), rows).shape
        (5,)
    """
    scores = np.asarray(density.score_samples(rows), dtype=np.float64)
    if scores.shape != (len(rows),) or not np.isfinite(scores).all():
        name = getattr(density, "name", type(density).__name__)
        raise DataError(
            f"the density {name} gave {int((~np.isfinite(scores)).sum())} values that are not finite, in the shape "
            f"{scores.shape} for {len(rows)} rows; use hist_v1, or drop features"
        )
    return scores
