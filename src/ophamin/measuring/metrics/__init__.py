# SPDX-License-Identifier: Apache-2.0
"""Metrics of a cycle, and the estimators that claims are made of. Names are handed on when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ophamin.core.shapes import MetricBundle, Tier1Metrics, Tier2Metrics, Tier3Metrics

__all__ = ["MetricBundle", "Tier1Metrics", "Tier2Metrics", "Tier3Metrics"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ophamin.core import shapes

        return getattr(shapes, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
