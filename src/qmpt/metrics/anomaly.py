# SPDX-License-Identifier: Apache-2.0
r"""The anomaly score \(\hat A = w_1 \hat R + w_2 \hat D + w_3 \hat I\): how unusual a pattern is, and why.

A high score says that a pattern is structurally unusual for these features in this population. It says nothing about
worth, and scores of different populations cannot be compared. `qmpt.metrics.density`, `qmpt.metrics.distance` and
`qmpt.metrics.impact` hold the terms; this module fits them, brings them to one scale and adds them up.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.features.versions import version_string
from qmpt.metrics.anomaly_fit import (
    Fit,
    Population,
    choose_thresholds,
    fit_population,
    resolve_impact,
    resolve_steps,
    steps_of,
)
from qmpt.metrics.anomaly_labels import LABELS, Thresholds, by_p_values, with_upgrades
from qmpt.metrics.anomaly_models import Recipe
from qmpt.metrics.anomaly_settings import AnomalySettings
from qmpt.metrics.anomaly_terms import RawTerms, Scales, Terms
from qmpt.metrics.conformal import conformal_p_values
from qmpt.metrics.density import create_density
from qmpt.metrics.evidence import settings_from
from qmpt.metrics.explain import Explanation, explain_row
from qmpt.metrics.impact import Impact, ids_or_numbers
from qmpt.metrics.population import as_population, as_rows
from qmpt.metrics.resampling import Intervals, bootstrap_intervals

__all__ = ["AnomalyEstimator"]

Array = NDArray[np.float64]
ImpactValues = Impact | Mapping[Hashable, float] | Sequence[float] | Array


class AnomalyEstimator(BaseModel):
    """Fits a population and scores patterns against it.

    The reported scores of the population itself (`scores`, `labels`, `terms` without rows) come from models that did
    not see the pattern, from 50 patterns on. `score` and `batch_score` use the model of the whole population; give
    them patterns that were not in it.

    Attributes:
        config: keys of `qmpt.metrics.anomaly_settings.AnomalySettings`; what is not given has its default.
        density_model: name of a density, or an unfitted object with ``fit`` and ``score_samples``.
        distance_mode: see `qmpt.metrics.distance`.

    Raises:
        ConfigError: an unknown key, a value out of its range, or a name that is not known.
        MissingLibraryError: the density needs a library that is not installed.

    Example:
        >>> population = np.random.default_rng(0).normal(size=(200, 3))
        >>> estimator = AnomalyEstimator(config={"w3": 0.0}).fit(population)
        >>> estimator.score([0.0, 9.0, 0.0]) > estimator.thresholds.theta_2 > estimator.score([0.0, 0.0, 0.0])
        True
        >>> estimator.explain([0.0, 9.0, 0.0]).top_features[0].feature
        'feature 1'
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    semver: ClassVar[str] = "1.0.0"

    config: dict[str, Any] = Field(default_factory=dict)
    density_model: Any = "hist_v1"
    distance_mode: str = "mahalanobis_robust"
    _settings: AnomalySettings = PrivateAttr()
    _density_version: str = PrivateAttr()
    _fit: Fit | None = PrivateAttr(default=None)

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        density_model: Any = None,
        distance_mode: str | None = None,
    ) -> None:
        given = dict(config or {})
        for name, value in (("density_model", density_model), ("distance_mode", distance_mode)):
            if value is not None and name in given and given[name] != value:
                raise ConfigError(f"{name} is {value!r} and, in the configuration, {given[name]!r}; give it once")
        model = given.get("density_model", "hist_v1") if density_model is None else density_model
        named = {"density_model": model} if isinstance(model, str) else {}
        mode = {} if distance_mode is None else {"distance_mode": distance_mode}
        settings = settings_from(AnomalySettings, {**given, **named, **mode})
        unfitted = create_density(model, settings.density_options)
        super().__init__(config=given, density_model=model, distance_mode=settings.distance_mode)
        self._settings = settings
        self._density_version = str(getattr(unfitted, "version", f"{type(unfitted).__name__}@0"))

    # -- fitting ---------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: ArrayLike,  # noqa: N803 - the name is public
        impact: ImpactValues | None = None,
        *,
        ids: Iterable[Hashable] | None = None,
        graph: Any = None,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Fit density, distance and scales to a population, and score the population.

        Args:
            X: features, shape (n, d), finite, n at least 5.
            impact: a value per row, or per id; None for the source that the configuration names.
            ids: of the rows; row numbers without.
            graph: a networkx graph over the ids, or its edges, for the sources ``graph:...`` and the distance
                ``graph``.
            feature_names: d names for explanations.

        Returns:
            this estimator.

        Raises:
            DataError: features, ids, graph or impact cannot be used.
            InsufficientEvidence: fewer than 5 patterns.

        Warns:
            FewPatternsWarning: fewer than 30 patterns.
        """
        table = as_population(X)
        named = ids_or_numbers(ids, len(table))
        population = Population(
            table,
            named,
            _feature_names(feature_names, table.shape[1]),
            resolve_impact(self._settings, impact, named, graph),
            resolve_steps(self._settings, graph),
        )
        self._fit = fit_population(population, Recipe(self.density_model, self._settings))
        return self

    @property
    def fitted(self) -> Fit:
        """Everything the fit has left: models, scales with their constants, dropped columns.

        Raises:
            InsufficientEvidence: nothing was fitted.
        """
        if self._fit is None:
            raise InsufficientEvidence("the estimator has seen 0 patterns; call fit first")
        return self._fit

    @property
    def density_model_version(self) -> str:
        """What is stored beside each score: the density, its version, and a digest of all settings."""
        name, _, version = self._density_version.partition("@")
        model = name if isinstance(self.density_model, str) else self.density_model
        config = self._settings.model_dump() | {"density_model": model, "estimator": self.semver}
        return version_string(name, version, config)

    # -- the population itself -------------------------------------------------------------------------------------

    @property
    def scores(self) -> Array:
        """Anomaly scores of the population, in the order of its rows, shape (n,)."""
        return self.fitted.terms.score

    @property
    def thresholds(self) -> Thresholds:
        """Scores from which a pattern is rare, or an anomaly."""
        return self.fitted.thresholds

    @property
    def labels(self) -> list[str]:
        """``typical``, ``rare`` or ``anomaly`` for each pattern of the population, by the thresholds.

        Where these are quantiles of the population itself, their share is fixed beforehand: about 5 % are rare in every
        population. `classify` with p-values decides about new patterns at a stated error rate.
        """
        return [LABELS[category] for category in self.thresholds.categories(self.scores)]

    @property
    def typical(self) -> NDArray[np.bool_]:
        """Which patterns of the population belong to its typical set: the denser part, shape (n,)."""
        density = -self.fitted.terms.raw.rarity
        member: NDArray[np.bool_] = density >= np.quantile(density, self._settings.typical_quantile)
        return member

    @property
    def dropped(self) -> list[str]:
        """Names of the features that do not vary in the population, and carry nothing."""
        return [self.fitted.population.names[column] for column in self.fitted.standardiser.dropped]

    def intervals(self, n_resamples: int | None = None, level: float = 0.95) -> Intervals:
        """How far scores, ranks and labels of the population would move with another sample of it.

        Args:
            n_resamples: at least 20; None for the number of the configuration.
            level: of the percentile intervals, in (0, 1).

        Raises:
            ConfigError: a value out of its range.
        """
        fit, settings = self.fitted, self._settings
        seen = fit.rows[fit.kept]

        def rescore(draw: NDArray[np.intp]) -> Array:
            models = fit.recipe.fit(seen[draw], start=fit.models.scatter, whole=seen)
            rarity, distance = models.terms(fit.rows)
            raw = RawTerms(
                rarity, distance if fit.population.steps is None else fit.terms.raw.distance, fit.terms.raw.impact
            )
            scales = Scales.fit(raw.take(fit.kept), settings.normalise)
            return scales.combine(raw, settings.weights, fit.population.impact_source).score

        def categorise(scores: Array) -> NDArray[np.intp]:
            return choose_thresholds(scores[fit.calibrating], settings).categories(scores)

        return bootstrap_intervals(
            fit.terms.score,
            rescore,
            categorise,
            population=len(seen),
            n_resamples=settings.bootstrap if n_resamples is None else n_resamples,
            level=level,
            seed=settings.seed,
        )

    # -- patterns against the population ---------------------------------------------------------------------------

    def terms(
        self,
        rows: ArrayLike | None = None,
        impact: ImpactValues | None = None,
        *,
        ids: Iterable[Hashable] | None = None,
    ) -> Terms:
        """Rarity, distance and impact of rows, raw and rescaled, and the score.

        Args:
            rows: shape (m, d); None for the population, cross-fitted.
            impact: as in ``fit``; needed where the population was fitted with values that were given.
            ids: of the rows; needed where impact or distance come from the graph, of which they must be nodes.

        Raises:
            DataError: rows, ids or impact cannot be used.
        """
        fit = self.fitted
        if rows is None:
            return fit.terms
        table = as_rows(rows, fit.population.table.shape[1])
        named = ids_or_numbers(ids, len(table))
        rarity, distance = fit.models.terms(fit.standardiser.transform(table))
        if fit.population.steps is not None:
            distance = steps_of(fit.population.steps, named)
        raw = RawTerms(rarity, distance, self._impact_of(named, impact))
        return fit.scales.combine(raw, self._settings.weights, fit.population.impact_source)

    def batch_score(
        self,
        X: ArrayLike,  # noqa: N803 - the name is public
        impact: ImpactValues | None = None,
        *,
        ids: Iterable[Hashable] | None = None,
    ) -> Array:
        """Anomaly scores of rows, shape (m,); see `terms` for the arguments."""
        return self.terms(X, impact, ids=ids).score

    def score(self, x: ArrayLike, impact: float | None = None, *, pattern_id: Hashable | None = None) -> float:
        """The anomaly score of one pattern, shape (d,); see `terms`."""
        return float(self._one(x, impact, pattern_id).score[0])

    def p_values(
        self, rows: ArrayLike, impact: ImpactValues | None = None, *, ids: Iterable[Hashable] | None = None
    ) -> Array:
        """Conformal p-values of new patterns, shape (m,): how probable a score as high is for a pattern drawn alike.

        Exact with ``calibration: split``. With ``cross`` the calibration scores come from models of four fifths of the
        population and the new ones from the model of all of it; the p-values are then approximate.

        Raises:
            InsufficientEvidence: every pattern was scored by models that saw it.
            DataError: rows, ids or impact cannot be used.
        """
        calibration = self.fitted.calibration
        if calibration is None:
            raise InsufficientEvidence(self._unseen_by_none("p-values would be too small"))
        return conformal_p_values(calibration, self.batch_score(rows, impact, ids=ids))

    def classify(
        self,
        rows: ArrayLike,
        impact: ImpactValues | None = None,
        *,
        ids: Iterable[Hashable] | None = None,
        method: Literal["thresholds", "p_values"] = "thresholds",
        capacity_change: Mapping[Hashable, Sequence[float]] | None = None,
    ) -> list[str]:
        """Labels of new patterns.

        Args:
            rows: shape (m, d).
            impact: as in `terms`.
            ids: as in `terms`.
            method: ``thresholds``, which err on 5 % and 1 % of ordinary patterns, one by one, or on 1 in n + 1 where
                that is more, with n reference scores; or ``p_values``, which keep the expected share of errors among
                those called rare, or anomalies, below the rates of the configuration.
            capacity_change: evidence for the label ``upgrade``, see `qmpt.metrics.anomaly_labels.with_upgrades`.

        Raises:
            InsufficientEvidence: no scores by models that had not seen the pattern, or too few runs behind
                ``capacity_change``.
            DataError: rows, ids or impact cannot be used.
        """
        table = as_rows(rows, self.fitted.population.table.shape[1])
        named = ids_or_numbers(ids, len(table))
        if method == "p_values":
            found = by_p_values(
                self.p_values(table, impact, ids=named), self._settings.rare_fdr, self._settings.anomaly_fdr
            )
        elif method == "thresholds":
            if self.fitted.calibration is None and self._settings.theta_1 is None:
                raise InsufficientEvidence(self._unseen_by_none("new patterns would pass the thresholds too often"))
            found = self.thresholds.categories(self.batch_score(table, impact, ids=named))
        else:
            raise ConfigError(f"method is {method!r}; give 'thresholds' or 'p_values'")
        return with_upgrades([LABELS[category] for category in found], named, capacity_change or {})

    def explain(
        self,
        x: ArrayLike | int,
        impact: float | None = None,
        *,
        pattern_id: Hashable | None = None,
        top: int = 5,
    ) -> Explanation:
        """Why a pattern scores as it does: what each term adds, and which features add most.

        Args:
            x: one row, shape (d,); or the number of a row of the population, whose terms are then cross-fitted.
            impact: of a row that is not in the population.
            pattern_id: its id.
            top: the most features to name, at least 0.

        Raises:
            DataError: the row cannot be used, or has no such number.
        """
        fit = self.fitted
        if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
            if not 0 <= x < len(fit.rows):
                raise DataError(f"row {x} is asked for, and the population has {len(fit.rows)}; count from 0")
            return explain_row(fit, fit.population.table[x], fit.terms, int(x), top)
        terms = self._one(x, impact, pattern_id)
        return explain_row(fit, np.asarray(x, dtype=np.float64), terms, 0, top)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _unseen_by_none(self, so: str) -> str:
        return (
            f"all {len(self.scores)} patterns were scored by models that saw them, so {so}; give "
            f"{self._settings.cross_fit_from} patterns with cross_fit, or set calibration to 'split'"
        )

    def _one(self, x: ArrayLike, impact: float | None, pattern_id: Hashable | None) -> Terms:
        row = np.asarray(x)
        if row.ndim != 1:
            raise DataError(f"the pattern has the shape {row.shape}; give one row, or use batch_score for several")
        return self.terms(
            row[None], None if impact is None else [impact], ids=None if pattern_id is None else [pattern_id]
        )

    def _impact_of(self, ids: list[Hashable], impact: ImpactValues | None) -> Array | None:
        known = self.fitted.population.impact
        if known is None:
            if impact is not None:
                raise DataError(
                    "impact was given, but the population was fitted without; fit it with impact=, or leave it out"
                )
            return None
        if known.source.startswith("graph:") and impact is None:
            return known.of(ids)
        if impact is None:
            raise DataError(
                f"the population was fitted with impact from {known.source}; pass impact= for these rows too"
            )
        found = resolve_impact(self._settings.model_copy(update={"impact": "none"}), impact, ids, None)
        return None if found is None else found.of(ids)


def _feature_names(names: Sequence[str] | None, width: int) -> list[str]:
    if names is None:
        return [f"feature {column}" for column in range(width)]
    if len(names) != width:
        raise DataError(f"{len(names)} feature names for {width} features; give one for each")
    return list(names)
