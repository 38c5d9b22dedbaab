# SPDX-License-Identifier: Apache-2.0
"""The self operator of each pattern of a layer, at once and in windows of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qmpt.cli.layers import FeaturedLayer
from qmpt.errors import InsufficientEvidence

if TYPE_CHECKING:
    from qmpt.data.models import Observation, Pattern
    from qmpt.metrics.evidence import Assessment
    from qmpt.metrics.reflexivity import ReflexivityEstimator
    from qmpt.metrics.self_operator import SelfOperatorEstimator
    from qmpt.metrics.self_operator_persistence import WindowScore
    from qmpt.viz.reports_models import ScoredLayer

__all__ = ["Estimators", "SelfAssessed", "assess_layer", "persistence_texts"]


@dataclass(frozen=True, slots=True)
class Estimators:
    """What the self operator is put together from.

    Attributes:
        anomaly: settings of the anomaly estimator.
        reflexivity: estimator.
        self_operator: estimator.
        features: configuration of the features, or None.
    """

    anomaly: Mapping[str, Any]
    reflexivity: ReflexivityEstimator
    self_operator: SelfOperatorEstimator
    features: Any = None


@dataclass(frozen=True, slots=True)
class SelfAssessed:
    """A layer with all that is known of its members.

    Attributes:
        scored: its anomaly scores.
        patterns: with anomaly score and reflexivity, where they have them.
        found: pattern -> self operator.
    """

    scored: ScoredLayer
    patterns: dict[str, Pattern]
    found: dict[str, Assessment]


def assess_layer(layer: FeaturedLayer, with_: Estimators, *, intervals: bool = True) -> SelfAssessed:
    """Score a layer, estimate reflexivity, and judge what each member says of itself and of the others.

    Args:
        layer: with its features and observations.
        with_: the estimators.
        intervals: whether to compute intervals.

    Raises:
        DataError: a payload cannot be read.
    """
    from qmpt.cli.population_statistics import asked_statistics, population_statistics
    from qmpt.cli.scoring import score_layer
    from qmpt.data.indexing import by_pattern
    from qmpt.metrics.self_operator import self_reports_from

    scored, versions = score_layer(layer, {**with_.anomaly, **({} if intervals else {"bootstrap": 0})})
    scores = {one.pattern_id: one for one in scored.patterns}
    groups = by_pattern(layer.observations)
    reports = {name: self_reports_from(group) for name, group in groups.items()}
    statistics = asked_statistics(population_statistics(layer.observations, layer.patterns), list(reports.values()))
    statistics["anomaly_scores"] = [one.score for one in scored.patterns]
    versions |= {
        "reflexivity_model_version": with_.reflexivity.reflexivity_model_version,
        "self_operator_version": with_.self_operator.self_operator_version,
    }
    patterns, found = {}, {}
    for name, group in groups.items():
        reflexive = with_.reflexivity.evaluate(group)
        known = scores.get(name)
        patterns[name] = layer.patterns[name].model_copy(
            update={
                "anomaly_score": None if known is None else known.score,
                "reflexivity": reflexive.value,
                "metrics_version": versions,
            }
        )
        found[name] = with_.self_operator.evaluate(
            patterns[name],
            statistics,
            reports[name],
            anomaly_interval=None if known is None else known.interval,
            reflexivity_interval=reflexive.interval,
            intervals=intervals,
        )
    return SelfAssessed(scored, patterns, found)


def persistence_texts(layer: FeaturedLayer, windows: int, with_: Estimators) -> dict[str, str]:
    """For each pattern, in words, whether it is a self-aware anomaly over time.

    The time of the layer is cut into equal windows. In each the whole population is scored anew, with the threshold of
    that window; what counts is how far a score lies above it.

    Args:
        layer: with its observations.
        windows: how many, at least 2.
        with_: the estimators.

    Raises:
        DataError: a payload cannot be read.
    """
    scores: dict[str, list[WindowScore]] = {name: [] for name in layer.patterns}
    for start, end, part in _parts(layer.observations, windows):
        for name, window in _window_scores(layer, part, start, end, with_).items():
            scores[name].append(window)
    words = {True: "self-aware anomaly", False: "no self-aware anomaly", None: "cannot be said over time"}
    texts = {}
    for name, found in scores.items():
        judged = with_.self_operator.persistence(found, theta_2=0.0)
        texts[name] = f"{words[judged.self_aware]}: {judged.reason}"
    return texts


def _parts(observations: Sequence[Observation], windows: int) -> list[tuple[float, float, list[Observation]]]:
    from qmpt.data.indexing import ObservationIndex

    index = ObservationIndex(observations)
    first, last = index.span() or (0.0, 0.0)
    if first == last:
        return []
    edges = [first + (last - first) * place / windows for place in range(windows + 1)]
    parts = []
    for start, end in pairwise(edges):
        until = None if end == edges[-1] else end  # the last window has its end in it
        parts.append((start, end, index.select(start=start, end=until)))
    return parts


def _window_scores(
    layer: FeaturedLayer, part: list[Observation], start: float, end: float, with_: Estimators
) -> dict[str, WindowScore]:
    from qmpt.cli.feature_table import compute_features
    from qmpt.errors import DataError
    from qmpt.metrics.self_operator_persistence import WindowScore

    members = {one.pattern_id for one in part}
    patterns = {name: one for name, one in layer.patterns.items() if name in members}
    try:
        table = compute_features(part, with_.features, layer.columns)
    except (DataError, InsufficientEvidence) as error:
        whole = FeaturedLayer(layer.layer_id, patterns, None, part, str(error))
    else:
        whole = FeaturedLayer(layer.layer_id, patterns, table, part)
    judged, counts = assess_layer(whole, with_, intervals=False), whole.counts()
    theta = judged.scored.thresholds[1] if judged.scored.thresholds is not None else None
    found = {}
    for name, assessment in judged.found.items():
        score = judged.patterns[name].anomaly_score
        above = None if score is None or theta is None else score - theta
        found[name] = WindowScore(start, end, assessment.value, above, counts.get(name, 0))
    return found
