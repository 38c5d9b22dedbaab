# SPDX-License-Identifier: Apache-2.0
"""qmpt as a plug-in of ophamin: a simulated layer under test, patterns as a corpus, and estimators as pillars.

This is the only part of qmpt that imports ophamin; everything else works without it. Installed, the parts are known to
ophamin by name: the substrate ``qmpt-layer``, the corpus ``qmpt-patterns``, and the pillars ``qmpt.anomaly_share``,
``qmpt.losses`` and ``qmpt.reflexivity_coverage``.
"""

from __future__ import annotations

from qmpt.bridge.anomaly_share import AnomalyShare, anomaly_share
from qmpt.bridge.layer import LayerSubstrate
from qmpt.bridge.losses import Losses, losses
from qmpt.bridge.patterns import PatternCorpus, observations_in, pattern_in
from qmpt.bridge.reflexivity_coverage import ReflexivityCoverage, reflexivity_coverage

__all__ = [
    "AnomalyShare",
    "LayerSubstrate",
    "Losses",
    "PatternCorpus",
    "ReflexivityCoverage",
    "anomaly_share",
    "losses",
    "observations_in",
    "pattern_in",
    "reflexivity_coverage",
]
