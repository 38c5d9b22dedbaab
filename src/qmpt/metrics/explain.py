# SPDX-License-Identifier: Apache-2.0
"""Which features make a pattern unusual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qmpt.metrics.anomaly_fit import Fit
from qmpt.metrics.anomaly_labels import LABELS
from qmpt.metrics.anomaly_models import Models, checked_scores
from qmpt.metrics.anomaly_terms import Scales, Terms
from qmpt.metrics.density import TracedDensity
from qmpt.metrics.distance import TracedDistance

__all__ = ["Explanation", "FeaturePart", "explain_row", "feature_parts"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FeaturePart:
    """What one feature adds to the score.

    Attributes:
        feature: its name.
        value: as it was given.
        z: in robust standard units: (value - median) / (IQR / 1.349).
        rarity: nats of rarity beyond those of the median value.
        distance: part of the distance; may be negative.
        part: both in units of the score, with its weights; features are ordered by it. A score by tails is no sum over
            features; the parts are then in robust standard deviations of each term.
    """

    feature: str
    value: float
    z: float
    rarity: float
    distance: float
    part: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one pattern scores as it does.

    Attributes:
        score: the anomaly score.
        label: ``typical``, ``rare`` or ``anomaly``, by the thresholds.
        terms: what rarity, distance and, where it has a source, impact add to the score; largest first.
        top_features: the features that add most, largest first.
        impact_source: where impact comes from, or ``none``.
        notes: what a reader must know, such as a feature that the reference population does not vary in.
    """

    score: float
    label: str
    terms: dict[str, float]
    top_features: tuple[FeaturePart, ...]
    impact_source: str
    notes: tuple[str, ...]

    @property
    def top_term(self) -> str:
        """The term that adds most."""
        return next(iter(self.terms))


def feature_parts(models: Models, row: Array) -> tuple[Array, Array]:
    """Parts of rarity and of distance by feature, each of shape (d,).

    The parts are exact where the models tell them: ``hist_v1`` is a sum over features, and the distances with a centre
    are split by Shapley values (`qmpt.metrics.distance.ScatterDistance`). Otherwise the part of a feature is the change
    when it alone is set to its median.

    Args:
        models: the fitted density and distance.
        row: one row in robust standard units, shape (d,).

    Example:
        >>> from qmpt.metrics.anomaly_models import Recipe
        >>> from qmpt.metrics.anomaly_settings import AnomalySettings
        >>> models = Recipe("hist_v1", AnomalySettings()).fit(np.random.default_rng(0).normal(size=(200, 3)))
        >>> rarity, distance = feature_parts(models, np.array([0.0, 6.0, 0.0]))
        >>> int(rarity.argmax()), int(distance.argmax())
        (1, 1)
    """
    density, distance = models.density, models.distance
    if isinstance(density, TracedDensity):
        here, median = density.feature_scores(np.vstack((row, np.zeros_like(row))))
        rarity: Array = median - here
    else:
        rarity = _one_at_a_time(lambda rows: -checked_scores(density, rows), row)
    if distance is None:
        return rarity, np.zeros(len(row))
    if isinstance(distance, TracedDistance):
        return rarity, distance.feature_distances(row[None])[0]
    return rarity, _one_at_a_time(distance.distances, row)


def _one_at_a_time(measure: Callable[[Array], Array], row: Array) -> Array:
    changed = np.tile(row, (len(row), 1))
    np.fill_diagonal(changed, 0.0)
    values = measure(np.vstack((row, changed)))
    parts: Array = values[0] - values[1:]
    return parts


def explain_row(fit: Fit, row: Array, terms: Terms, position: int, top: int) -> Explanation:
    """Explain one row by the models of a fit.

    Args:
        fit: the fitted population.
        row: its features, shape (d,).
        terms: its terms, among others.
        position: where it stands in ``terms``.
        top: the most features to name.
    """
    known = fit.standardiser
    z = known.transform(row[None])[0]
    rarity, distance = feature_parts(fit.models, z)
    scales = fit.scales if fit.scales.rarity.mode != "tail" else Scales.fit(fit.terms.raw.take(fit.kept), "robust_z")
    parts = terms.weights[0] * rarity / scales.rarity.spread + terms.weights[1] * distance / scales.distance.spread
    best = [int(at) for at in np.argsort(-parts, kind="stable")[: max(0, top)]]
    features = tuple(
        FeaturePart(
            fit.population.names[known.kept[at]],
            float(row[known.kept[at]]),
            float(z[at]),
            float(rarity[at]),
            float(distance[at]),
            float(parts[at]),
        )
        for at in best
    )
    score = terms.score[position]
    label = LABELS[int(fit.thresholds.categories(np.array([score]))[0])]
    return Explanation(
        float(score), label, terms.weighted(position), features, terms.impact_source, tuple(_notes(fit, row, terms))
    )


def _notes(fit: Fit, row: Array, terms: Terms) -> list[str]:
    notes = []
    for column, constant in zip(fit.standardiser.dropped, fit.standardiser.constants, strict=True):
        if row[column] != constant:
            name = fit.population.names[column]
            notes.append(f"{name} is {row[column]:g}, and {constant:g} in the whole population; it is not in the score")
    if terms.impact_source == "none":
        notes.append("impact has no source and is not in the score")
    if not fit.cross_fitted and fit.calibration is None:
        notes.append(f"the {len(fit.rows)} patterns were scored by models that saw them, which understates outliers")
    return notes
