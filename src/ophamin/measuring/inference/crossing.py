# SPDX-License-Identifier: Apache-2.0
"""Where evidence that falls towards the estimate crosses its boundary: the inversion of a test into a bound.

One function; it knows nothing of tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

__all__ = ["last_excluded"]

_TURNS: Final = 200
_TOLERANCE: Final = 1e-12


def last_excluded(gap: Callable[[float], float], outside: float, inside: float, guess: float | None = None) -> float:
    """The point nearest to ``inside`` that is still excluded, its gap at most 1e-12 or the distance rounded away.

    Args:
        gap: how far beyond its boundary the evidence against a point lies; positive where the point is excluded.
            It falls on the way from ``outside`` to ``inside`` and may be infinite.
        outside: an excluded point; given back where ``gap`` is not positive nearer by.
        inside: a point that is not excluded.
        guess: where to look first.

    Returns:
        A point with a positive gap, or ``outside``.

    Example:
        >>> round(last_excluded(lambda x: 2.0 - x * x, 0.0, 5.0), 9)
        1.414213562
    """
    far, near = outside, inside
    far_gap, near_gap = math.inf, -math.inf
    middle, side = 0.5 * (far + near) if guess is None else guess, 0
    for turn in range(_TURNS):
        if not min(far, near) < middle < max(far, near) or turn % 3 == 2:
            middle = 0.5 * (far + near)
        value = gap(middle)
        # regula falsi (Illinois): the end that stays is given half its weight
        if value > 0.0:
            far, far_gap, near_gap = middle, value, near_gap / 2.0 if side > 0 else near_gap
        else:
            near, near_gap, far_gap = middle, value, far_gap / 2.0 if side < 0 else far_gap
        side = 1 if value > 0.0 else -1
        if 0.0 < value <= _TOLERANCE or abs(far - near) <= 4e-16 * max(abs(far), abs(near)):
            break
        finite = math.isfinite(far_gap) and math.isfinite(near_gap)
        middle = far + (near - far) * far_gap / (far_gap - near_gap) if finite else 0.5 * (far + near)
    return far
