# SPDX-License-Identifier: Apache-2.0
"""Pillar O, observability: control charts, sample ratio mismatch, drift detectors.

The functions `srm` and `drift` are in the modules of the same names.
"""

from __future__ import annotations

from ophamin.measuring.pillars.observability.drift import DRIFT, DriftDetection, DriftMonitor, DriftReport
from ophamin.measuring.pillars.observability.spc import (
    SPC,
    CChart,
    ControlChart,
    ControlChartResult,
    CusumChart,
    EwmaChart,
    IndividualsChart,
    NotFittedError,
    PChart,
    Violation,
    XbarRChart,
    XbarSChart,
    control_chart,
)
from ophamin.measuring.pillars.observability.srm import SRM, SampleRatio, SequentialSRM, SRMDetector, SRMResult

__all__ = [
    "DRIFT",
    "SPC",
    "SRM",
    "CChart",
    "ControlChart",
    "ControlChartResult",
    "CusumChart",
    "DriftDetection",
    "DriftMonitor",
    "DriftReport",
    "EwmaChart",
    "IndividualsChart",
    "NotFittedError",
    "PChart",
    "SRMDetector",
    "SRMResult",
    "SampleRatio",
    "SequentialSRM",
    "Violation",
    "XbarRChart",
    "XbarSChart",
    "control_chart",
]
