# SPDX-License-Identifier: Apache-2.0
"""The pillars that are registered under their usual names, each as it is without configuration.

Loaded when asked for: nothing of a pillar is imported before that.
"""

from __future__ import annotations

from ophamin.measuring.pillars.base import PILLARS
from ophamin.protocols import Pillar

__all__ = ["ADAPTERS", "adapter"]

ADAPTERS = (
    "A.msprt",
    "A.sprt",
    "F.provenance",
    "I.cma",
    "M.mea",
    "M.mixed_effects",
    "N.cross_validation",
    "O.drift",
    "O.spc",
    "O.srm",
    "diagnostics.anticipatory",
    "diagnostics.assumptions",
    "diagnostics.inertia",
    "diagnostics.kernel_coupling",
)
"""Names of the pillars of this distribution."""


def adapter(name: str) -> Pillar:
    """The registered pillar of that name.

    Raises:
        UnknownPluginError: there is none; the nearest name is suggested.

    Example:
        >>> adapter("O.spc").library
        'numpy'
    """
    return PILLARS.get(name)
