# SPDX-License-Identifier: Apache-2.0
"""Fitting the anomaly score to a population: who is held out, which models score each pattern, and on which scale."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.metrics.anomaly_labels import Thresholds, find_thresholds
from qmpt.metrics.anomaly_models import Models, Recipe, held_out
from qmpt.metrics.anomaly_settings import AnomalySettings
from qmpt.metrics.anomaly_terms import RawTerms, Scales, Terms
from qmpt.metrics.impact import Impact, graph_distances, graph_impact
from qmpt.metrics.population import FEWEST, RobustStandardiser, canonical_order, row_groups
from qmpt.metrics.resampling import fold_numbers

__all__ = [
    "Fit",
    "Population",
    "choose_thresholds",
    "fit_population",
    "resolve_impact",
    "resolve_steps",
    "steps_of",
]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Population:
    """What is fitted.

    Attributes:
        table: checked features, shape (n, d).
        ids: of the rows, each once.
        names: of the features.
        impact: of the patterns; None without a source.
        steps: distance of each id in the graph, for the distance mode ``graph``; else None.
    """

    table: Array
    ids: list[Hashable]
    names: list[str]
    impact: Impact | None
    steps: Mapping[Any, float] | None

    @property
    def impact_source(self) -> str:
        """Where impact comes from, or ``none``."""
        return "none" if self.impact is None else self.impact.source


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit leaves.

    Attributes:
        population: what was fitted.
        recipe: how.
        standardiser: of the features.
        rows: the population in robust standard units, in the order it was given.
        kept: rows that the models saw, in canonical order.
        models: fitted to all of them.
        scales: of the terms.
        terms: of the population; each pattern by models that did not see it where ``cross_fitted``.
        cross_fitted: whether the scores of the kept rows are cross-fitted.
        calibrating: rows whose scores give the thresholds: those held out, else all.
        calibration: their scores, for p-values; None where the models saw them.
        thresholds: on the score.
    """

    population: Population
    recipe: Recipe
    standardiser: RobustStandardiser
    rows: Array
    kept: NDArray[np.intp]
    models: Models
    scales: Scales
    terms: Terms
    cross_fitted: bool
    calibrating: NDArray[np.intp]
    calibration: Array | None
    thresholds: Thresholds


def fit_population(population: Population, recipe: Recipe) -> Fit:
    """Fit density, distance and scales, and score the population.

    Raises:
        InsufficientEvidence: too few patterns are left to fit.
        DataError: no feature varies.
    """
    settings, table = recipe.settings, population.table
    kept, held = _split(population, settings)
    standardiser = RobustStandardiser.fit(table[kept])
    rows = standardiser.transform(table)
    seen = rows[kept]
    cross_fitted = settings.cross_fit > 0 and len(kept) >= settings.cross_fit_from
    if cross_fitted:
        folds = fold_numbers(len(seen), settings.cross_fit, settings.seed)
        recipe = replace(recipe, fewest=len(seen) - int(np.bincount(folds).max()))
    models = recipe.fit(seen)
    rarity, distance = np.empty(len(rows)), np.empty(len(rows))
    if cross_fitted:
        rarity[kept], distance[kept] = held_out(recipe, seen, folds, row_groups(seen))
    else:
        rarity[kept], distance[kept] = models.terms(seen, own=True)
    if held.size:
        rarity[held], distance[held] = models.terms(rows[held])
    if population.steps is not None:
        distance = steps_of(population.steps, population.ids)
    raw = RawTerms(rarity, distance, None if population.impact is None else population.impact.of(population.ids))
    scales = Scales.fit(raw.take(kept), settings.normalise)
    terms = scales.combine(raw, settings.weights, population.impact_source)
    calibrating = held if held.size else np.arange(len(rows))
    reference = terms.score[calibrating]
    return Fit(
        population=population,
        recipe=recipe,
        standardiser=standardiser,
        rows=rows,
        kept=kept,
        models=models,
        scales=scales,
        terms=terms,
        cross_fitted=cross_fitted,
        calibrating=calibrating,
        calibration=reference if held.size or cross_fitted else None,
        thresholds=choose_thresholds(reference, settings),
    )


def choose_thresholds(scores: Array, settings: AnomalySettings) -> Thresholds:
    """The thresholds of the configuration, or those at its quantiles of the scores.

    Example:
        >>> choose_thresholds(np.arange(1.0, 101.0), AnomalySettings(theta_1=2.0, theta_2=3.0))
        Thresholds(theta_1=2.0, theta_2=3.0)
    """
    if settings.theta_1 is not None and settings.theta_2 is not None:
        return Thresholds(settings.theta_1, settings.theta_2)
    return find_thresholds(scores, settings.rare_quantile, settings.anomaly_quantile)


def _split(population: Population, settings: AnomalySettings) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to fit, in canonical order, and rows to calibrate on."""
    order = canonical_order(population.table)
    n = len(order)
    if settings.calibration == "cross":
        return order, order[:0]
    count = max(1, round(settings.calibration_share * n))
    if n - count < FEWEST:
        raise InsufficientEvidence(
            f"{n} patterns leave {n - count} to fit after {count} are held out for calibration, and {FEWEST} are the "
            "fewest; add patterns, or set calibration to 'cross'"
        )
    out = np.zeros(n, dtype=bool)
    out[_drawn_by_id(population.ids, count, settings.seed)] = True
    return order[~out[order]], order[out[order]]


def _drawn_by_id(ids: Sequence[Hashable], count: int, seed: int) -> NDArray[np.intp]:
    """Rows whose ids have the smallest digests.

    Values must have no say in who is held out: with a draw among sorted rows one seed would hold out the same ranks of
    every population, and what was held out would not be exchangeable with a new pattern.
    """
    plain = (one.item() if isinstance(one, np.generic) else one for one in ids)
    digests = [sha256(f"{seed} {one!r}".encode()).digest() for one in plain]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__)[:count])


def resolve_impact(settings: AnomalySettings, impact: Any, ids: Sequence[Hashable], graph: Any) -> Impact | None:
    """Impact from what was given and what the configuration names.

    Args:
        settings: of the estimator.
        impact: an `Impact`, a mapping from ids, or one value per row; None to follow the configuration.
        ids: of the rows.
        graph: for the sources ``graph:...``.

    Raises:
        ConfigError: a source that needs something else than what was given.
        DataError: values that cannot be used.

    Example:
        >>> resolve_impact(AnomalySettings(), [0.5, 2.0], ["a", "b"], None).values
        {'a': 0.5, 'b': 2.0}
    """
    source = settings.impact
    if source.startswith("graph:"):
        if impact is not None or graph is None:
            raise ConfigError(f"impact is {source!r}, which is computed from graph=; give a graph, and no impact=")
        return graph_impact(graph, source)
    if impact is None:
        if source != "none":
            raise ConfigError(f"impact is {source!r}, but no values were given; pass impact=, or set it to 'none'")
        return None
    if isinstance(impact, Impact):
        return impact
    label = "given" if source == "none" else source
    if isinstance(impact, Mapping):
        return Impact(label, dict(impact))
    try:
        values = np.asarray(impact, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("impact is no row of numbers; give one value per row, or a mapping from ids") from None
    if values.shape != (len(ids),):
        raise DataError(f"impact has the shape {values.shape} for {len(ids)} rows; give one value for each")
    return Impact(label, dict(zip(ids, values.tolist(), strict=True)))


def resolve_steps(settings: AnomalySettings, graph: Any) -> dict[Any, float] | None:
    """Distances in the graph for the mode ``graph``, else None.

    Raises:
        ConfigError: the mode needs a graph, and there is none.

    Example:
        >>> resolve_steps(AnomalySettings(distance_mode="graph"), [("a", "b"), ("b", "c")])["a"]
        1.0
    """
    if settings.distance_mode != "graph":
        return None
    if graph is None:
        raise ConfigError(
            "distance_mode is 'graph', but no graph was given; pass graph= and ids=, or choose another mode"
        )
    return graph_distances(graph)


def steps_of(steps: Mapping[Any, float], ids: Sequence[Hashable]) -> Array:
    """Distances in the graph in the order of ``ids``, shape (n,).

    Raises:
        DataError: where an id is no node.

    Example:
        >>> steps_of({"a": 1.0}, ["a"])
        array([1.])
    """
    missing = [one for one in ids if one not in steps]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(ids)} patterns are no nodes of the graph, such as {missing[0]!r}; pass ids= that "
            "are, or choose another distance_mode"
        )
    return np.array([steps[one] for one in ids])
