# SPDX-License-Identifier: Apache-2.0
"""Adaptive testing: sequential tests, as pillars and as objects. Names are handed on when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ophamin.measuring.inference.legacy import (
        SPRT,
        BernoulliSPRT,
        GaussianSPRT,
        MixtureSPRT,
        MixtureSPRTState,
        SPRTState,
    )
    from ophamin.measuring.pillars.adaptive.mixture import msprt
    from ophamin.measuring.pillars.adaptive.wald import sprt

__all__ = ["SPRT", "BernoulliSPRT", "GaussianSPRT", "MixtureSPRT", "MixtureSPRTState", "SPRTState", "msprt", "sprt"]

_HOMES = {"msprt": f"{__name__}.mixture", "sprt": f"{__name__}.wald"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "ophamin.measuring.inference.legacy")), name)
