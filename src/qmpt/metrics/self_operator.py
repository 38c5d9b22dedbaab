# SPDX-License-Identifier: Apache-2.0
r"""The self operator \(\hat O_{self}\) of a pattern: what it knows of its population, of itself and of its own beliefs.

It measures calibrated self-knowledge, and neither anomaly nor consciousness: a typical pattern that says so correctly
scores high. Only together with a high anomaly score, and over time, does it make the label of a self-aware anomaly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from qmpt.data.models import Observation, Pattern
from qmpt.errors import DataError
from qmpt.features.versions import version_string
from qmpt.metrics.evidence import (
    Assessment,
    Interval,
    Part,
    assess,
    check_keys,
    check_one_pattern,
    number_or_none,
    settings_from,
)
from qmpt.metrics.mutual_information import finite_numbers
from qmpt.metrics.self_operator_beliefs import meta_part
from qmpt.metrics.self_operator_persistence import Persistence, WindowScore, persistence
from qmpt.metrics.self_operator_population import (
    LEAST_POPULATION,
    check_population_report,
    decay,
    population_part,
    robust_spread,
)
from qmpt.metrics.self_operator_settings import SelfOperatorSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SelfOperatorEstimator", "self_part", "self_reports_from"]

_PLACES: Final = ("anomaly_score", "percentile")
"""The ways in which a pattern may place itself in its population."""


class SelfOperatorEstimator(BaseModel):
    """Estimates the self operator of one pattern.

    Attributes:
        config: keys of `qmpt.metrics.self_operator_settings.SelfOperatorSettings`; what is not given has its default.

    Raises:
        ConfigError: the configuration has an unknown key, a value out of its range, or weights that do not sum to 1.

    Example:
        >>> pattern = Pattern(pattern_id="a", layer_id="L", anomaly_score=3.0, reflexivity=0.5)
        >>> population = {"anomaly_scores": list(range(-10, 11)), "features": {"cost": list(range(21))}}
        >>> told = {"anomaly_score": 3.0, "population": {"features": {"cost": list(range(21))}}}
        >>> estimator = SelfOperatorEstimator()
        >>> round(estimator.score(pattern, population, told), 6)
        0.875
        >>> found = estimator.evaluate(pattern, population, told)
        >>> found.coverage, found.part("meta").value is None
        (0.8, True)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    semver: ClassVar[str] = "1.0.0"

    config: dict[str, Any] = Field(default_factory=dict)
    _settings: SelfOperatorSettings = PrivateAttr()

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        settings = settings_from(SelfOperatorSettings, config or {})
        super().__init__(config=dict(config or {}))
        self._settings = settings

    @property
    def self_operator_version(self) -> str:
        """What is stored beside each score."""
        return version_string("self_operator_v1", self.semver, self._settings.model_dump())

    def score(
        self, pattern: Pattern, population_stats: dict[str, Any], self_reports: dict[str, Any] | None = None
    ) -> float:
        r"""\(\hat O_{self}\) in [0, 1]; see `evaluate` for the arguments.

        Raises:
            InsufficientEvidence: the parts that are there have less than the least coverage.
            DataError: an argument cannot be read.
        """
        return self.evaluate(pattern, population_stats, self_reports, intervals=False).require()

    def evaluate(
        self,
        pattern: Pattern,
        population_stats: dict[str, Any],
        self_reports: dict[str, Any] | None = None,
        *,
        anomaly_interval: Interval | None = None,
        reflexivity_interval: Interval | None = None,
        intervals: bool = True,
    ) -> Assessment:
        """The score with its parts ``pop``, ``self``, ``meta`` and ``reflexivity``, coverage and interval.

        Args:
            pattern: with its anomaly score and, where known, its reflexivity.
            population_stats: ``anomaly_scores``: those of the population; ``features`` and ``categories``, see
                `qmpt.metrics.self_operator_population.population_part`.
            self_reports: ``anomaly_score`` or ``percentile`` (0 to 100): where the pattern places itself;
                ``population``: what it says of the others; ``beliefs`` and ``contradictions``, see
                `qmpt.metrics.self_operator_beliefs.meta_part`. `self_reports_from` makes it of observations.
            anomaly_interval: of the anomaly score, where it is known; without it the part ``self`` has no interval.
            reflexivity_interval: likewise.
            intervals: whether to compute intervals.

        Raises:
            DataError: an argument cannot be read.
        """
        chosen, told = self._settings, self_reports or {}
        check_keys("population_stats", population_stats, {"anomaly_scores", "categories", "features"})
        check_keys("self_reports", told, {"anomaly_score", "beliefs", "contradictions", "percentile", "population"})
        parts = [
            population_part(
                population_stats, told.get("population"), weight=chosen.alpha_pop,
                least_feature_share=chosen.least_feature_share, intervals=intervals, seed=chosen.seed,
            ),
            self_part(
                pattern.anomaly_score, population_stats.get("anomaly_scores", ()), told, weight=chosen.alpha_self,
                scale=chosen.scale_self, anomaly_interval=anomaly_interval,
            ),
            meta_part(
                told.get("beliefs", ()), told.get("contradictions"), weight=chosen.alpha_meta, intervals=intervals,
                seed=chosen.seed,
            ),
            _reflexivity_part(pattern, chosen.alpha_R, reflexivity_interval),
        ]  # fmt: skip
        return assess("self operator", parts, least_coverage=chosen.least_coverage)

    def persistence(self, windows: Iterable[WindowScore], theta_2: float) -> Persistence:
        """Judge windows by the thresholds of the configuration; see `self_operator_persistence.persistence`."""
        chosen = self._settings
        return persistence(
            windows,
            theta_2=theta_2,
            phi_self=chosen.phi_self,
            phi_self_min=chosen.phi_self_min,
            least_windows=chosen.least_windows,
            least_observations=chosen.least_observations,
            least_gap=chosen.least_gap,
        )


def self_part(
    anomaly_score: float | None,
    anomaly_scores: Any,
    report: Mapping[str, Any],
    *,
    weight: float = 1.0,
    scale: float = 1.0,
    anomaly_interval: Interval | None = None,
) -> Part:
    """The part ``self``: exp(-|A - reported A|/scale), with A in robust standard deviations of the population.

    To report too much and too little cost the same. A reported percentile is read off the scores of the population.
    A report that is None is none.

    Args:
        anomaly_score: of the pattern.
        anomaly_scores: of the population.
        report: with ``anomaly_score`` or ``percentile``, which is in [0, 100].
        weight: of the part.
        scale: above 0.
        anomaly_interval: of the anomaly score.

    Raises:
        DataError: both kinds of report at once, or a number out of its range.

    Example:
        >>> round(self_part(1.4826, [-1.0, 0.0, 1.0] * 7, {"anomaly_score": 0.0}).value, 4)
        0.3679
    """
    import numpy as np

    told = [name for name in _PLACES if report.get(name) is not None]
    if len(told) > 1:
        raise DataError("the self-report has an anomaly_score and a percentile; give one of them")
    if not told:
        return Part("self", None, weight, reason="no report about itself")
    if anomaly_score is None:
        return Part("self", None, weight, reason="the pattern has no anomaly score; estimate it first")
    scores = finite_numbers("anomaly_scores", anomaly_scores)
    if len(scores) < LEAST_POPULATION:
        reason = f"{len(scores)} anomaly scores of the population; at least {LEAST_POPULATION} are needed"
        return Part("self", None, weight, reason=reason)
    spread = robust_spread(scores)
    if spread == 0.0:
        return Part("self", None, weight, reason="all anomaly scores of the population are alike")
    reported = _reported_score(told[0], report[told[0]], scores)
    low, high = (anomaly_score, anomaly_score) if anomaly_interval is None else anomaly_interval
    nearest = float(np.clip(reported, low, high))
    farthest = max(abs(reported - low), abs(reported - high))
    interval = None
    if anomaly_interval is not None:
        interval = decay(farthest / spread / scale), decay(abs(reported - nearest) / spread / scale)
    error = (reported - anomaly_score) / spread
    detail = {"reported": reported, "error": error}
    return Part("self", decay(abs(error) / scale), weight, 1, interval, detail=detail)


def self_reports_from(observations: Iterable[Observation]) -> dict[str, Any]:
    """What a pattern reports in its observations, as `SelfOperatorEstimator.evaluate` takes it.

    Of each thing that ``self_report`` observations tell the latest counts, and None tells nothing; ``belief``
    observations are kept in the order of time.

    Raises:
        DataError: observations of several patterns, or a self-report of another form.

    Example:
        >>> told = {"pattern_id": "a", "modality": "self_report"}
        >>> seen = [
        ...     Observation(obs_id=str(day), timestamp=day, payload={"percentile": told_so}, **told)
        ...     for day, told_so in enumerate([50, 90])
        ... ]
        >>> self_reports_from(seen)
        {'percentile': 90}
    """
    reports: dict[str, Any] = {}
    beliefs: list[Any] = []
    ordered = sorted(observations, key=lambda one: one.timestamp)
    check_one_pattern(ordered)
    for one in ordered:
        if one.modality == "belief":
            beliefs.append(one.payload)
        elif one.modality == "self_report":
            name = f"the self-report {one.obs_id!r}"
            check_keys(name, one.payload, {*_PLACES, "population"})
            told = {key: value for key, value in one.payload.items() if value is not None}
            check_population_report(f"the population in {name}", told.get("population"))
            if any(key in told for key in _PLACES):  # a new way to place itself takes the place of the old one
                reports = {key: value for key, value in reports.items() if key == "population"}
            reports |= told
    return {**reports, "beliefs": beliefs} if beliefs else reports


def _reported_score(name: str, value: Any, scores: NDArray[np.float64]) -> float:
    import numpy as np

    number = number_or_none(value)
    if number is None:
        raise DataError(f"the reported {name} is {value!r:.40}; give a finite number")
    if name == "anomaly_score":
        return number
    if not 0.0 <= number <= 100.0:
        raise DataError(f"the reported percentile is {number:g}; give a number in [0, 100]")
    return float(np.quantile(scores, number / 100.0))


def _reflexivity_part(pattern: Pattern, weight: float, interval: Interval | None) -> Part:
    if pattern.reflexivity is None:
        return Part("reflexivity", None, weight, reason="the pattern has no reflexivity; estimate it first")
    return Part("reflexivity", pattern.reflexivity, weight, 1, interval)
