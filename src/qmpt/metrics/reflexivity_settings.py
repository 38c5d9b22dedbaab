# SPDX-License-Identifier: Apache-2.0
"""The configuration of `qmpt.metrics.reflexivity.ReflexivityEstimator`, checked."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qmpt.metrics.evidence import LEAST_COVERAGE

__all__ = ["ReflexivitySettings"]

Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class ReflexivitySettings(BaseModel):
    """How the parts of reflexivity are computed and weighed.

    Attributes:
        beta_text: weight of what the texts say, at least 0.
        beta_dyn: weight of what the trajectory shows, at least 0; one of the two is above 0.
        least_coverage: share of the weight that must be present for a score, in [0, 1].
        text_model: the text score; the version of its word lists.
        revision_steps: decisions within which a change counts as an answer to a failure, at least 1.
        goals_per_window: goal statements per window of the consistency, at least 1.
        permutations: for the p-value of the mutual information, at least 19.
        seed: of permutations and resampling.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    beta_text: Weight = 0.6
    beta_dyn: Weight = 0.4
    least_coverage: float = Field(default=LEAST_COVERAGE, ge=0.0, le=1.0)
    text_model: Literal["lexical_v1"] = "lexical_v1"
    revision_steps: int = Field(default=3, ge=1)
    goals_per_window: int = Field(default=3, ge=1)
    permutations: int = Field(default=199, ge=19)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.beta_text + self.beta_dyn == 0.0:
            raise ValueError("beta_text and beta_dyn are both 0; give one of them a weight above 0")
        return self
