# SPDX-License-Identifier: Apache-2.0
"""The bar of a claim: what a statistic is compared with, and at which error levels.

It knows nothing of the statistic or of data; the rules of this room do.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ophamin.errors import ClaimError, nearest_name

__all__ = ["COMPARATORS", "Bar"]

COMPARATORS: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType(
    {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq}
)
"""The comparators of a claim; ``==`` can be decided only where the value is known exactly."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: ``statistic comparator value``, with the two error levels.

    Attributes:
        comparator: one of ``>=``, ``<=``, ``>``, ``<``, ``==``.
        value: what the statistic is compared with, in its unit; finite.
        alpha: highest probability of VALIDATED where the claim does not hold; above 0, at most 0.5.
        beta: highest probability of REFUTED where the claim holds; above 0, at most 0.5.

    Raises:
        ClaimError: where a field lies outside its range.

    Example:
        >>> bar = Bar("<=", 0.1)
        >>> str(bar), bar.upward, bar.holds(0.1)
        ('<= 0.1', False, True)
    """

    comparator: str
    value: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if self.comparator not in COMPARATORS:
            raise ClaimError(
                f"{self.comparator!r} is not a comparator; {nearest_name(str(self.comparator), COMPARATORS)}"
            )
        if not _is_finite_number(self.value):
            raise ClaimError(f"the bar is {self.value!r}; give a finite number")
        for name, level in (("alpha", self.alpha), ("beta", self.beta)):
            if not _is_finite_number(level) or not 0.0 < level <= 0.5:
                raise ClaimError(f"{name} is {level!r}; an error level lies above 0 and is at most 0.5, such as 0.05")

    def __str__(self) -> str:
        return f"{self.comparator} {self.value!r}"

    @property
    def upward(self) -> bool:
        """True where large values speak for the claim (``>=`` and ``>``)."""
        return self.comparator in {">=", ">"}

    @property
    def low_level(self) -> float:
        """Error level of the lower confidence bound: alpha for ``>=`` and ``>``, beta otherwise."""
        return self.alpha if self.upward else self.beta

    @property
    def high_level(self) -> float:
        """Error level of the upper confidence bound: the other one of alpha and beta."""
        return self.beta if self.upward else self.alpha

    def holds(self, x: float) -> bool:
        """Whether the claim would be true if the statistic were exactly ``x``."""
        return COMPARATORS[self.comparator](x, self.value)

    def require_direction(self, method: str) -> None:
        """Raise `ClaimError` where the comparator is ``==``, which no sample can show."""
        if self.comparator == "==":
            raise ClaimError(
                f"'{self}' cannot be shown by {method!r}: a sample never proves equality. "
                "Use a deterministic observation or a census, or two bounds with between(lo, hi)"
            )

    def require_range(self, low: float, high: float, statistic: str) -> None:
        """Raise `ClaimError` where the bar lies outside what the statistic can be."""
        if not low <= self.value <= high:
            raise ClaimError(
                f"the bar is {self.value!r}, but {statistic} lies within {low!r} and {high!r}; "
                "check the unit (a share, not a percentage) or the bounds"
            )


def _is_finite_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
