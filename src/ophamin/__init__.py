# SPDX-License-Identifier: Apache-2.0
"""Falsifiable claims about stochastic systems, as pytest tests.

A claim is declared before it is tried, tried on real input until its verdict is decided at stated error rates, and
kept as a record that anyone can verify. Everything here is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ophamin.errors import Inconclusive, Refuted
    from ophamin.measuring.conduct import conduct
    from ophamin.measuring.scenarios.base import as_test
    from ophamin.measuring.scenarios.expectations import (
        count_rate,
        difference,
        effect_size,
        estimate,
        mean,
        median,
        observed,
        quantile,
        rank_correlation,
        rate,
    )
    from ophamin.measuring.scenarios.functions import claim, scenario
    from ophamin.measuring.scenarios.planning import plan

__version__ = "0.1.0"

__all__ = [
    "Inconclusive",
    "Refuted",
    "as_test",
    "claim",
    "conduct",
    "count_rate",
    "difference",
    "effect_size",
    "estimate",
    "mean",
    "median",
    "observed",
    "plan",
    "quantile",
    "rank_correlation",
    "rate",
    "scenario",
]

_ROOMS = {
    "Inconclusive": "ophamin.errors",
    "Refuted": "ophamin.errors",
    "as_test": "ophamin.measuring.scenarios.base",
    "claim": "ophamin.measuring.scenarios.functions",
    "conduct": "ophamin.measuring.conduct",
    "count_rate": "ophamin.measuring.scenarios.expectations",
    "difference": "ophamin.measuring.scenarios.expectations",
    "effect_size": "ophamin.measuring.scenarios.expectations",
    "estimate": "ophamin.measuring.scenarios.expectations",
    "mean": "ophamin.measuring.scenarios.expectations",
    "median": "ophamin.measuring.scenarios.expectations",
    "observed": "ophamin.measuring.scenarios.expectations",
    "plan": "ophamin.measuring.scenarios.planning",
    "quantile": "ophamin.measuring.scenarios.expectations",
    "rank_correlation": "ophamin.measuring.scenarios.expectations",
    "rate": "ophamin.measuring.scenarios.expectations",
    "scenario": "ophamin.measuring.scenarios.functions",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_ROOMS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
