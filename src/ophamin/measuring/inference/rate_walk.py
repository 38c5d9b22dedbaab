# SPDX-License-Identifier: Apache-2.0
"""What the sequential rules for 0/1 units share: count processes, their schedule, their ending.

No test is defined here; those are in `sprt` and `mixture`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import JSON, LARGEST_SEARCH, Decision
from ophamin.measuring.inference.process import GUARD, SequentialRule, Walk, decide_by_walk
from ophamin.measuring.inference.values import shown

__all__ = [
    "CountProcess", "RateRule", "bisect_float", "count_processes", "decide_rate", "earliest", "is_positive",
    "require_schedule",
]  # fmt: skip


class CountProcess:
    """An e-process of 0/1 units whose e-value depends on the two counts alone.

    A subclass gives `at`, which must not fall when a success, or must not fall when a failure, is added.

    Attributes:
        successes: units that were 1 or True.
        failures: units that were 0 or False.
        log_e: logarithm of the current e-value.
    """

    __slots__ = ("failures", "log_e", "successes")

    def __init__(self) -> None:
        self.successes = 0
        self.failures = 0
        self.log_e = 0.0

    def at(self, successes: int, failures: int) -> float:
        """The log e-value after these counts, in whichever order they came."""
        raise NotImplementedError

    def update(self, value: float) -> None:
        """Take in one unit that is 0, 1, False or True.

        Raises:
            ObservationError: at another value.
        """
        self.count(value)
        self.log_e = self.at(self.successes, self.failures)

    def count(self, value: float) -> None:
        """Count one unit and leave the e-value as it is.

        Raises:
            ObservationError: where the value is neither 0 nor 1 (nor False nor True).
        """
        if value == 1:
            self.successes += 1
        elif value == 0:
            self.failures += 1
        else:
            raise ObservationError(
                f"observation {self.successes + self.failures} is {shown(value)}; a rate needs 0 or 1 (or a truth "
                "value) from every unit. Use a mean with bounds for scores"
            )


class RateRule(SequentialRule, Protocol):
    """A sequential rule for 0/1 units, whose processes are `CountProcess`."""

    def nulls(self, bar: Bar) -> tuple[float, float]:
        """The rates that the low and the high process exclude."""

    def bounds(self, successes: int, n: int, bar: Bar) -> tuple[float | None, float | None]:
        """The bounds of the confidence sequence at these counts; None where there is none."""


def count_processes(walk: Walk) -> tuple[CountProcess, CountProcess]:
    """The two processes of a walk over 0/1 units.

    Raises:
        ClaimError: where the walk is of another kind.
    """
    low, high = walk.low, walk.high
    if not isinstance(low, CountProcess) or not isinstance(high, CountProcess):
        raise ClaimError(
            f"{type(low).__name__} and {type(high).__name__} are not both processes of 0/1 units; "
            "only a rate or a quantile can be planned by counts"
        )
    return low, high


def decide_rate(rule: RateRule, values: Sequence[float], bar: Bar, detail: Mapping[str, JSON]) -> Decision:
    """The ending that every sequential rule for 0/1 units shares."""

    def bound(side: int) -> Callable[[Sequence[float]], float | None]:
        return lambda used: rule.bounds(_count(used), len(used), bar)[side]

    return decide_by_walk(
        rule, values, bar,
        estimate=lambda used: _count(used) / len(used), low=bound(0), high=bound(1),
        detail=lambda used: {"successes": _count(used), **detail}, nulls=rule.nulls(bar),
    )  # fmt: skip


def earliest(walk: Walk, bar: Bar) -> tuple[int | None, int | None]:
    """The n at which a fresh walk over 0/1 units can first say VALIDATED, and REFUTED; None for never."""
    low, high = count_processes(walk)
    above = _earliest_look(lambda n: low.at(n, 0) >= walk.accept + GUARD, walk)
    below = _earliest_look(lambda n: high.at(0, n) >= walk.reject + GUARD, walk)
    return (above, below) if bar.upward else (below, above)


def require_schedule(boundaries: object, batch: object, cap: object) -> None:
    """Raise `ClaimError` where boundaries, batch or cap cannot be followed."""
    if boundaries != "ville":
        pair = boundaries if isinstance(boundaries, tuple) and len(boundaries) == 2 else (None, None)
        if not all(is_positive(boundary) for boundary in pair):
            raise ClaimError(f"the boundaries are {shown(boundaries)}; give 'ville' or two log boundaries above 0")
    for name, number in (("batch", batch), ("cap", 1 if cap is None else cap)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ClaimError(f"the {name} is {shown(number)}; give a whole number of units, 1 or more")


def is_positive(number: object) -> bool:
    """Whether this is a finite number above 0.

    >>> is_positive(0.05), is_positive(True)
    (True, False)
    """
    return isinstance(number, (int, float)) and not isinstance(number, bool) and 0.0 < number < math.inf


def bisect_float(below: Callable[[float], bool], low: float, high: float) -> float:
    """The last float at which ``below`` holds, true from ``low`` up to one point before ``high``.

    >>> bisect_float(lambda x: x * x <= 2.0, 0.0, 2.0)
    1.414213562373095
    """
    while low < (middle := 0.5 * (low + high)) < high:
        low, high = (middle, high) if below(middle) else (low, middle)
    return low


def _count(values: Sequence[float]) -> int:
    return int(sum(values))


def _earliest_look(crossed: Callable[[int], bool], walk: Walk) -> int | None:
    limit = LARGEST_SEARCH if walk.cap is None else walk.cap
    n = 1
    while not crossed(n):
        if n >= limit:
            return None
        n = min(2 * n, limit)
    n = _first_true(crossed, n // 2, n)
    look = -(-n // walk.every) * walk.every
    return look if walk.cap is None else min(look, walk.cap)


def _first_true(test: Callable[[int], bool], low: int, high: int) -> int:
    """Smallest n above ``low`` at which a test that stays true is true; true at ``high``."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if test(middle) else (middle, high)
    return high
