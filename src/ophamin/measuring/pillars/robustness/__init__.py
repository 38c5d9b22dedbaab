# SPDX-License-Identifier: Apache-2.0
"""N-fold robustness: does a relation hold on rows that did not make it? Names are handed on when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ophamin.measuring.pillars.robustness.cross_validation import CrossValidation, k_fold
    from ophamin.measuring.pillars.robustness.resampling import CVResult, bootstrap_cv, k_fold_cv, monte_carlo_cv

__all__ = ["CVResult", "CrossValidation", "bootstrap_cv", "k_fold", "k_fold_cv", "monte_carlo_cv"]

_IN_PILLAR = frozenset({"CrossValidation", "k_fold"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{'cross_validation' if name in _IN_PILLAR else 'resampling'}")
    return getattr(module, name)
