# SPDX-License-Identifier: Apache-2.0
"""Effects (pillar M): mixed models, overlapping experiments, and effect sizes."""

from ophamin.measuring.pillars.effects.experiments import ArmDifference, MultiExperimentAnalysis
from ophamin.measuring.pillars.effects.formula import FormulaError
from ophamin.measuring.pillars.effects.interaction import FTest, Interaction
from ophamin.measuring.pillars.effects.mea import MultiExperiment, mea
from ophamin.measuring.pillars.effects.mixed import MixedEffects, mixed
from ophamin.measuring.pillars.effects.mixed_model import RandomInterceptModel, center_and_scale
from ophamin.measuring.pillars.effects.mixed_result import Coefficient, MixedEffectsResult
from ophamin.measuring.pillars.effects.risk import odds_ratio, risk_difference, risk_ratio
from ophamin.measuring.pillars.effects.size import EffectSize, cliff_delta, cohen_d, glass_delta, hedges_g

__all__ = [
    "ArmDifference",
    "Coefficient",
    "EffectSize",
    "FTest",
    "FormulaError",
    "Interaction",
    "MixedEffects",
    "MixedEffectsResult",
    "MultiExperiment",
    "MultiExperimentAnalysis",
    "RandomInterceptModel",
    "center_and_scale",
    "cliff_delta",
    "cohen_d",
    "glass_delta",
    "hedges_g",
    "mea",
    "mixed",
    "odds_ratio",
    "risk_difference",
    "risk_ratio",
]
