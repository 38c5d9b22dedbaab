# SPDX-License-Identifier: Apache-2.0
"""The configuration of `qmpt.metrics.anomaly.AnomalyEstimator`, checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["AnomalySettings", "DistanceMode", "ImpactSource", "Normalisation"]

DistanceMode = Literal["mahalanobis_robust", "mahalanobis", "euclidean", "knn_typical", "graph"]
Normalisation = Literal["robust_z", "z", "tail", "none"]
ImpactSource = Literal[
    "none", "metadata", "counterfactual", "graph:pagerank", "graph:betweenness", "graph:katz", "graph:eigenvector"
]
Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Threshold = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class AnomalySettings(BaseModel):
    """How the three terms of ``A = w1 R + w2 D + w3 I`` are computed, and what is called unusual.

    Attributes:
        density_model: a registered name or ``pyod:<Class>``; see `qmpt.metrics.density`.
        density_options: arguments of that model.
        distance_mode: see `qmpt.metrics.distance`.
        normalise: see `qmpt.metrics.scaling`.
        impact: where impact comes from. A graph measure needs ``fit(graph=)``; ``metadata`` and ``counterfactual`` need
            ``fit(impact=)``.
        w1: weight of rarity, at least 0.
        w2: weight of the distance, at least 0.
        w3: weight of impact, at least 0; not all three are 0.
        cross_fit: folds, so that no pattern is scored by a model that saw it; 0 for none, else at least 2.
        cross_fit_from: fewer patterns than this are scored by the model that saw them.
        calibration: which patterns p-values and thresholds are read from: ``cross`` all of them by their cross-fitted
            scores; ``split`` a part that no model sees, which makes the p-values exact. Who is in it is drawn by
            ids; give ``fit`` some that last, for row numbers change with the order of rows.
        calibration_share: of the patterns, held out by ``split``; in (0, 1).
        typical_quantile: the typical set is what lies at or above this quantile of density, in [0, 1).
        neighbours: for the distance ``knn_typical``, at least 1.
        rare_quantile: theta_1 is this quantile of the scores, in (0, 1).
        anomaly_quantile: theta_2 is this one, above ``rare_quantile``.
        theta_1: score from which a pattern is rare, in place of the quantile; above 0.
        theta_2: score from which it is an anomaly, above ``theta_1``; both or neither.
        rare_fdr: false discovery rate of the label ``rare`` by p-values, in (0, 1).
        anomaly_fdr: that of ``anomaly``, at most ``rare_fdr``.
        bootstrap: resamples for intervals, 0 or at least 20; with 0, intervals must be asked for with a number.
        seed: of folds, models and resamples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    density_model: Annotated[str, Field(min_length=1)] = "hist_v1"
    density_options: dict[str, Any] = Field(default_factory=dict)
    distance_mode: DistanceMode = "mahalanobis_robust"
    normalise: Normalisation = "robust_z"
    impact: ImpactSource = "none"
    w1: Weight = 1.0
    w2: Weight = 0.7
    w3: Weight = 0.5
    cross_fit: Annotated[int, Field(ge=0)] = 5
    cross_fit_from: Annotated[int, Field(ge=5)] = 50
    calibration: Literal["cross", "split"] = "cross"
    calibration_share: Share = 0.3
    typical_quantile: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    neighbours: Annotated[int, Field(ge=1)] = 5
    rare_quantile: Share = 0.95
    anomaly_quantile: Share = 0.99
    theta_1: Threshold | None = None
    theta_2: Threshold | None = None
    rare_fdr: Share = 0.10
    anomaly_fdr: Share = 0.05
    bootstrap: Annotated[int, Field(ge=0)] = 200
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.w1 == self.w2 == self.w3 == 0.0:
            raise ValueError("w1, w2 and w3 are all 0; give one of them a weight above 0")
        if self.cross_fit == 1:
            raise ValueError("cross_fit is 1; give at least 2 folds, or 0 for none")
        if 0 < self.bootstrap < 20:
            raise ValueError(f"bootstrap is {self.bootstrap}; give at least 20 resamples, or 0 for none")
        if self.anomaly_fdr > self.rare_fdr:
            raise ValueError(f"anomaly_fdr is {self.anomaly_fdr}; give at most rare_fdr, which is {self.rare_fdr}")
        if self.anomaly_quantile <= self.rare_quantile:
            raise ValueError(f"anomaly_quantile is {self.anomaly_quantile}; give more than {self.rare_quantile}")
        if (self.theta_1 is None) is not (self.theta_2 is None):
            raise ValueError("one of theta_1 and theta_2 is given; give both, or neither for quantiles")
        if self.theta_1 is not None and self.theta_2 is not None and self.theta_2 <= self.theta_1:
            raise ValueError(f"theta_2 is {self.theta_2}; it must be above theta_1, which is {self.theta_1}")
        return self

    @property
    def weights(self) -> tuple[float, float, float]:
        """Weights of rarity, distance and impact."""
        return self.w1, self.w2, self.w3
