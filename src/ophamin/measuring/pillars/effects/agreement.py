# SPDX-License-Identifier: Apache-2.0
"""Whether two implementations of one statistic agree, said in the form that a row of evidence takes.

It compares finished numbers. What the two implementations are is up to its caller, who names the second one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["TOLERANCE", "cross_checked"]

TOLERANCE: Final = 1e-9
"""Two numbers agree when they differ by at most this share of the larger one, or of the scale given for them."""


def cross_checked(
    compared: Mapping[str, tuple[float, float]], second: str, scales: Mapping[str, float] | None = None
) -> tuple[str, dict[str, Any]]:
    """Compare pairs of numbers.

    Args:
        compared: name -> the number reported, and the one of the second implementation.
        second: what the second implementation is, for the record.
        scales: name -> a scale for a number that may be near 0, such as the standard error of an estimate.

    Returns:
        ``passed`` or ``failed``, and what was compared; where it failed, both numbers.

    Example:
        >>> cross_checked({"F": (4.107, 4.107)}, "cell sums")[0]
        'passed'
        >>> outcome, told = cross_checked({"F": (4.107, 4.2)}, "cell sums")
        >>> outcome, told["differ"]
        ('failed', {'F': [4.107, 4.2]})
    """
    scales = scales or {}
    differ = {
        name: [_plain(first), _plain(other)]
        for name, (first, other) in compared.items()
        if not _agree(first, other, scales.get(name, 0.0))
    }
    told: dict[str, Any] = {"second": second, "tolerance": TOLERANCE, "compared": list(compared)}
    return ("failed", {**told, "differ": differ}) if differ else ("passed", told)


def _agree(first: float, other: float, scale: float) -> bool:
    if not (math.isfinite(first) and math.isfinite(other)):
        return False
    return abs(first - other) <= TOLERANCE * max(abs(first), abs(other), scale)


def _plain(value: float) -> float | str:
    """A number as a record can hold it: one that is not finite becomes a text."""
    return float(value) if math.isfinite(value) else repr(float(value))
