# SPDX-License-Identifier: Apache-2.0
"""From the features of a layer to its scores, with intervals and reasons."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from qmpt.errors import ConfigError, DataError, InsufficientEvidence
from qmpt.viz.reports_models import FeatureReason, ScoredLayer, ScoredPattern

if TYPE_CHECKING:
    from qmpt.cli.feature_table import FeatureTable
    from qmpt.cli.layers import FeaturedLayer
    from qmpt.metrics.anomaly import AnomalyEstimator
    from qmpt.metrics.anomaly_settings import AnomalySettings
    from qmpt.metrics.explain import Explanation
    from qmpt.metrics.impact import Impact
    from qmpt.metrics.resampling import Intervals

__all__ = ["anomaly_settings", "explained", "one_thread", "resolved_settings", "score_layer"]

TOP_FEATURES: Final = 5
FEW_FOR_LABELS: Final = 100
"""Patterns below which the threshold of an anomaly is the highest score itself."""


def anomaly_settings(config: Any, seed: int | None, resamples: int | None) -> dict[str, Any]:
    """The settings of the anomaly estimator that a configuration and the command line name; no defaults.

    Args:
        config: a `qmpt.config.schemas.AnomalyConfig`, or None.
        seed: of folds and resamples.
        resamples: for the intervals; 0 for none.

    Example:
        >>> anomaly_settings(None, 7, None)
        {'seed': 7}
    """
    given = {} if config is None else {name: getattr(config, name) for name in sorted(config.model_fields_set)}
    given |= {"seed": seed} if seed is not None else {}
    return given | ({"bootstrap": resamples} if resamples is not None else {})


def resolved_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with every default, for the record of a run.

    Raises:
        ConfigError: one cannot be honoured.

    Example:
        >>> resolved_settings({})["w2"]
        0.7
    """
    from qmpt.metrics.anomaly_settings import AnomalySettings
    from qmpt.metrics.evidence import settings_from

    return settings_from(AnomalySettings, given).model_dump(mode="json")


def one_thread() -> AbstractContextManager[Any]:
    """Linear algebra on one thread: for matrices of this size more threads only wait for each other."""
    from threadpoolctl import threadpool_limits

    context: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return context


def score_layer(layer: FeaturedLayer, given: Mapping[str, Any]) -> tuple[ScoredLayer, dict[str, str]]:
    """Score one layer.

    Args:
        layer: with its features.
        given: settings of the anomaly estimator.

    Returns:
        The scores, or the reason why there are none; and the versions for the patterns.

    Raises:
        ConfigError: a setting cannot be honoured.
    """
    from qmpt.metrics.anomaly import AnomalyEstimator
    from qmpt.metrics.anomaly_settings import AnomalySettings
    from qmpt.metrics.evidence import settings_from

    settings, estimator = settings_from(AnomalySettings, given), AnomalyEstimator(config=given)
    table = layer.table
    if table is None:
        return _without_scores(layer, layer.reason), {}
    with warnings.catch_warnings(record=True) as caught, one_thread():
        warnings.simplefilter("always")
        try:
            estimator.fit(
                table.rows,
                _given_impact(layer, settings),
                ids=table.ids,
                graph=_graph(layer, settings),
                feature_names=table.names,
            )
        except (DataError, InsufficientEvidence) as error:  # one layer without scores leaves the others theirs
            return _without_scores(layer, str(error)), {}
        intervals = estimator.intervals() if settings.bootstrap else None
        patterns = _scored_patterns(layer, table, estimator, intervals)
    versions = {"density_model_version": estimator.density_model_version}
    found = estimator.thresholds
    scored = ScoredLayer(
        layer_id=layer.layer_id,
        patterns=patterns,
        of=len(layer.patterns),
        thresholds=(found.theta_1, found.theta_2) if math.isfinite(found.theta_2) else None,
        cross_fitted=estimator.fitted.cross_fitted,
        features=len(table.names) - len(estimator.dropped),
        dropped=estimator.dropped,
        versions={**versions, "feature_spec_version": table.version},
        notes=[*dict.fromkeys(str(one.message) for one in caught), *_notes(layer, table, estimator)],
        people=layer.people,
    )
    return scored, versions


def explained(found: Explanation, terms: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Score, label, terms and features of an explanation, as a `ScoredPattern` holds them.

    Args:
        found: the explanation.
        terms: name of a topic -> its words, of which the first three are put to the name.
    """
    return {
        "score": found.score,
        "label": found.label,
        "terms": found.terms,
        "features": [
            FeatureReason(feature=_named(one.feature, terms), z=one.z, part=one.part)
            for one in found.top_features
            if one.part > 0.0
        ],
    }


def _named(feature: str, terms: Mapping[str, Sequence[str]]) -> str:
    return f"{feature} ({', '.join(terms[feature][:3])})" if feature in terms else feature


def _scored_patterns(
    layer: FeaturedLayer, table: FeatureTable, estimator: AnomalyEstimator, intervals: Intervals | None
) -> list[ScoredPattern]:
    counts = layer.counts()
    found = []
    for row, name in enumerate(table.ids):
        reasons = estimator.explain(row, top=TOP_FEATURES)
        spread: dict[str, Any] = {}
        if intervals is not None:
            spread = {
                "interval": (float(intervals.low[row]), float(intervals.high[row])),
                "ranks": (int(intervals.rank_low[row]), int(intervals.rank_high[row])),
                "flips": float(intervals.flips[row]),
            }
        marks = ["bot"] if layer.patterns[name].metadata.get("bot") is True else []
        found.append(
            ScoredPattern(
                pattern_id=name, **explained(reasons, table.terms), **spread, observations=counts.get(name), marks=marks
            )
        )
    return sorted(found, key=lambda one: (-one.score, one.pattern_id))


def _notes(layer: FeaturedLayer, table: FeatureTable, estimator: AnomalyEstimator) -> list[str]:
    notes, n = [], len(table.ids)
    if not estimator.fitted.cross_fitted and estimator.fitted.calibration is None:
        notes.append(f"the {n} patterns were scored by a model that saw them, which understates outliers")
    if n < FEW_FOR_LABELS:
        notes.append(
            f"labels are quantiles of the {n} scores, so that in every population about 5 % are rare, and the highest "
            "is an anomaly; read the scores and intervals"
        )
    if not math.isfinite(estimator.thresholds.theta_2):
        notes.append("the scores do not vary enough for a threshold above 0; no pattern is called rare")
    if estimator.fitted.population.impact_source == "none":
        notes.append("impact has no source and is not in the scores")
    if estimator.dropped:
        notes.append(f"{len(estimator.dropped)} features do not vary and are left out")
    if table.ignored:
        unread = ", ".join(f"{count} of {name}" for name, count in table.ignored.items())
        notes.append(f"observations that no feature reads: {unread}")
    missing = len(layer.patterns) - n
    if missing:
        notes.append(f"{missing} of {len(layer.patterns)} patterns have no features and no score")
    return notes


def _without_scores(layer: FeaturedLayer, reason: str) -> ScoredLayer:
    return ScoredLayer(layer_id=layer.layer_id, patterns=[], reason=reason, of=len(layer.patterns), people=layer.people)


def _given_impact(layer: FeaturedLayer, settings: AnomalySettings) -> Impact | None:
    """Impact from the metadata of the patterns, under the key ``impact``."""
    from qmpt.metrics.impact import metadata_impact

    if settings.impact == "counterfactual":
        raise ConfigError(
            "impact is 'counterfactual', which needs runs of a layer; qmpt score takes 'none', 'metadata' or "
            "'graph:pagerank', and qmpt.metrics.counterfactual gives the others in a program"
        )
    if settings.impact != "metadata":
        return None
    assert layer.table is not None
    return metadata_impact({name: layer.patterns[name].metadata for name in layer.table.ids}, "impact")


def _graph(layer: FeaturedLayer, settings: AnomalySettings) -> Any:
    """The graph of the observations of modality ``interaction``, where a setting asks for one."""
    if not settings.impact.startswith("graph:") and settings.distance_mode != "graph":
        return None
    from qmpt.metrics.impact import as_graph

    edges = []
    for one in layer.observations:
        if one.modality == "interaction":
            payload = one.payload if isinstance(one.payload, dict) else {}
            if not isinstance(payload.get("peer"), str):
                raise DataError(f"the observation {one.obs_id!r} is an interaction without a peer; name it")
            weight = payload.get("weight")
            edges.append((one.pattern_id, payload["peer"], 1.0 if weight is None else weight))
    if not edges:
        raise ConfigError(
            f"impact is {settings.impact!r} and distance_mode {settings.distance_mode!r}, but the layer "
            f"{layer.layer_id!r} has no observation of modality 'interaction'; set them to 'none' and another mode"
        )
    graph = as_graph(edges)
    graph.add_nodes_from(layer.patterns)
    return graph
