# SPDX-License-Identifier: Apache-2.0
"""Diagnostics: is the run fit for what other pillars say of it? Names are handed on when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ophamin.measuring.pillars.diagnostics.anticipation import anticipatory
    from ophamin.measuring.pillars.diagnostics.conformal import AnticipatoryReport, ConformalPredictor, FailureLimit
    from ophamin.measuring.pillars.diagnostics.coupling import CouplingReport, OracleKernelCouplingDiagnostic
    from ophamin.measuring.pillars.diagnostics.coupling_pillar import kernel_coupling
    from ophamin.measuring.pillars.diagnostics.entitlement import assumptions
    from ophamin.measuring.pillars.diagnostics.responsiveness import CognitiveInertiaMeter, InertiaReport, inertia

__all__ = [
    "AnticipatoryReport",
    "CognitiveInertiaMeter",
    "ConformalPredictor",
    "CouplingReport",
    "FailureLimit",
    "InertiaReport",
    "OracleKernelCouplingDiagnostic",
    "anticipatory",
    "assumptions",
    "inertia",
    "kernel_coupling",
]

_HOMES = {
    "AnticipatoryReport": "conformal",
    "CognitiveInertiaMeter": "responsiveness",
    "ConformalPredictor": "conformal",
    "CouplingReport": "coupling",
    "FailureLimit": "conformal",
    "InertiaReport": "responsiveness",
    "OracleKernelCouplingDiagnostic": "coupling",
    "anticipatory": "anticipation",
    "assumptions": "entitlement",
    "inertia": "responsiveness",
    "kernel_coupling": "coupling_pillar",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
