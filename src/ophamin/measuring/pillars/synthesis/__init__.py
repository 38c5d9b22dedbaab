# SPDX-License-Identifier: Apache-2.0
"""Synthesis (pillar I): several studies pooled, one after the other, with what they differ by."""

from ophamin.measuring.pillars.synthesis.analysis import CumulativeMetaAnalysis
from ophamin.measuring.pillars.synthesis.cumulative import CumulativeSynthesis, cumulative
from ophamin.measuring.pillars.synthesis.forest import ForestRow, draw_forest
from ophamin.measuring.pillars.synthesis.pooling import Pooled, pool

__all__ = [
    "CumulativeMetaAnalysis",
    "CumulativeSynthesis",
    "ForestRow",
    "Pooled",
    "cumulative",
    "draw_forest",
    "pool",
]
