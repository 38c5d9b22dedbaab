# SPDX-License-Identifier: Apache-2.0
"""The configuration of `qmpt.metrics.self_operator.SelfOperatorEstimator`, checked."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qmpt.metrics.evidence import LEAST_COVERAGE

__all__ = ["SelfOperatorSettings"]

Weight = Annotated[float, Field(ge=0.0, le=1.0)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]

_ROUNDING = 1e-9


class SelfOperatorSettings(BaseModel):
    """How the four parts are weighed, and what persistence takes.

    Attributes:
        alpha_pop: weight of the knowledge of the population.
        alpha_self: weight of the knowledge of one's own place in it.
        alpha_meta: weight of the coherence of beliefs.
        alpha_R: weight of reflexivity. The four are at least 0 and sum to 1 within 1e-9.
        scale_self: error of the self-report at which its part is 1/e, in robust standard deviations of the
            anomaly scores; above 0.
        least_coverage: sum of the weights that must be present for a score, in [0, 1].
        least_feature_share: share of the features of the population that a report must speak of, in [0, 1].
        phi_self: self operator from which on a pattern may count as self-aware, in [0, 1].
        phi_self_min: the least it may sink to in the meantime, at most ``phi_self``.
        least_windows: consecutive windows that it must last, at least 1.
        least_observations: observations that a window must hold, at least 1.
        least_gap: gap from which on two windows are not consecutive, in lengths of the longer one, above 0.
        seed: of the resampling for intervals.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha_pop: Weight = 0.3
    alpha_self: Weight = 0.3
    alpha_meta: Weight = 0.2
    alpha_R: Weight = 0.2  # noqa: N815 - the name is public
    scale_self: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    least_coverage: Unit = LEAST_COVERAGE
    least_feature_share: Unit = 0.5
    phi_self: Unit = 0.85
    phi_self_min: Unit = 0.80
    least_windows: int = Field(default=5, ge=1)
    least_observations: int = Field(default=10, ge=1)
    least_gap: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        total = math.fsum((self.alpha_pop, self.alpha_self, self.alpha_meta, self.alpha_R))
        if abs(total - 1.0) > _ROUNDING:
            raise ValueError(
                f"alpha_pop, alpha_self, alpha_meta and alpha_R sum to {total!r}; they must sum to 1 within 1e-9"
            )
        if self.phi_self_min > self.phi_self:
            raise ValueError(f"phi_self_min is {self.phi_self_min}; give at most phi_self, which is {self.phi_self}")
        return self
