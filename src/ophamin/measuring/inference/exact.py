# SPDX-License-Identifier: Apache-2.0
"""Rules without a test: a deterministic observation, a declared interval, a census.

They infer nothing from a sample. Each says so in its guarantee, and gives no p-value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ophamin.errors import ClaimError, ObservationError, nearest_name
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import JSON, Decision, undecided
from ophamin.measuring.inference.rate import count_successes
from ophamin.measuring.inference.values import exact_mean, finite_numbers, inverted_cdf, require_share, shown

__all__ = ["Census", "DeclaredInterval", "Deterministic", "Estimate"]

_SHOWN_VALUES = 5
NO_INTERVAL = (
    "no interval; observe estimate(value, low, high), or declare deterministic=True for a value that never varies"
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the interval that its user gives for it, in the unit of the claim.

    Raises:
        ObservationError: where a field is not finite or the value lies outside its interval.

    Example:
        >>> Estimate(0.82, 0.79, 0.86)
        Estimate(value=0.82, low=0.79, high=0.86)
    """

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        finite_numbers((self.value, self.low, self.high))
        if not self.low <= self.value <= self.high:
            raise ObservationError(
                f"the estimate {self.value!r} lies outside its interval {self.low!r} to {self.high!r}; "
                "give estimate(value, low, high) with low <= value <= high"
            )


@dataclass(frozen=True, slots=True)
class Deterministic:
    """Exact comparison of a value that every unit repeats; the only rule but the census that decides ``==``.

    Example:
        >>> Deterministic().decide([3, 3, 3], Bar("==", 3)).outcome
        'VALIDATED'
        >>> Deterministic().decide([3, 4], Bar("<=", 5)).reason
        'declared deterministic, but the observations differ: 3, 4'
    """

    name: ClassVar[str] = "deterministic"
    guarantee: ClassVar[str] = "deterministic"

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Compare; undecided where there is no value or the values differ.

        Raises:
            ObservationError: at the first value that is not a finite number.
        """
        numbers = finite_numbers(values)
        if not numbers:
            return undecided(self.name, self.guarantee, 0, "no observations")
        distinct = list(dict.fromkeys(values))
        if len(distinct) > 1:
            named = ", ".join(shown(value) for value in distinct[:_SHOWN_VALUES])
            rest = f" and {len(distinct) - _SHOWN_VALUES} others" if len(distinct) > _SHOWN_VALUES else ""
            reason = f"declared deterministic, but the observations differ: {named}{rest}"
            return undecided(self.name, self.guarantee, len(numbers), reason)
        # the value as it came: an integer beyond 2**53 must not be rounded before it is compared
        return _compared(self.name, self.guarantee, len(numbers), numbers[0], bar.holds(distinct[0]), {})

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """One observation decides."""
        return 1, 1


@dataclass(frozen=True, slots=True)
class DeclaredInterval:
    """Decides by one interval that the user computed; its error levels are the user's, not those of the bar.

    Example:
        >>> DeclaredInterval().decide([Estimate(0.82, 0.79, 0.86)], Bar(">=", 0.75)).outcome
        'VALIDATED'
        >>> DeclaredInterval().decide([0.82], Bar(">=", 0.75)).reason.partition(";")[0]
        'no interval'
    """

    name: ClassVar[str] = "declared_interval"
    guarantee: ClassVar[str] = "declared"

    def decide(self, values: Sequence[Estimate | float], bar: Bar) -> Decision:
        """Decide where the whole interval lies on one side of the bar.

        Raises:
            ObservationError: at the first value that is neither an `Estimate` nor a finite number.
            ClaimError: where the comparator is ``==``.
        """
        bar.require_direction(self.name)
        numbers = finite_numbers(value.value if isinstance(value, Estimate) else value for value in values)
        n = len(numbers)
        if n == 0:
            return undecided(self.name, self.guarantee, 0, "no observations")
        if n > 1:
            reason = f"{n} estimates; a declared interval is one estimate for the whole run"
            return undecided(self.name, self.guarantee, n, reason)
        given = values[0]
        if not isinstance(given, Estimate):
            return undecided(self.name, self.guarantee, n, NO_INTERVAL, numbers[0])
        low_holds, high_holds = bar.holds(given.low), bar.holds(given.high)
        outcome = None if low_holds is not high_holds else "VALIDATED" if low_holds else "REFUTED"
        reason = "" if outcome else f"the declared interval {given.low!r} to {given.high!r} holds both sides of {bar}"
        low, high = float(given.low), float(given.high)
        return Decision(self.name, self.guarantee, n, numbers[0], low, high, outcome, reason=reason)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """One estimate decides."""
        bar.require_direction(self.name)
        return 1, 1


@dataclass(frozen=True, slots=True)
class Census:
    """The exact value over a whole finite population, which the values must be, compared exactly.

    Attributes:
        kind: ``rate``, ``mean`` or ``quantile``.
        q: which quantile, 0 to 1, both excluded; None for the other kinds.

    Raises:
        ClaimError: where kind or q is not one of these.

    Example:
        >>> Census("rate").decide([1, 1, 0, 1], Bar(">=", 0.75)).outcome
        'VALIDATED'
    """

    kind: str
    q: float | None = None
    name: ClassVar[str] = "census"
    guarantee: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        kinds = ("mean", "quantile", "rate")
        if self.kind not in kinds:
            raise ClaimError(f"{self.kind!r} has no census; {nearest_name(str(self.kind), kinds)}")
        if self.kind != "quantile" and self.q is not None:
            raise ClaimError(f"q is {self.q!r}, but a {self.kind} takes none; leave it out")
        if self.kind == "quantile":
            require_share(self.q)

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Compare; undecided only where the population is empty.

        Raises:
            ObservationError: at the first value that cannot be used.
        """
        n = len(values)
        if n == 0:
            return undecided(self.name, self.guarantee, 0, "no observations")
        value = self._value(values)
        return _compared(self.name, self.guarantee, n, value, bar.holds(value), {"kind": self.kind, "q": self.q})

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """One record decides, where it is the whole population."""
        return 1, 1

    def _value(self, values: Sequence[float]) -> float:
        if self.kind == "rate":
            return count_successes(values) / len(values)
        numbers = finite_numbers(values)
        return exact_mean(numbers) if self.q is None else inverted_cdf(sorted(numbers), self.q)


def _compared(name: str, guarantee: str, n: int, value: float, holds: bool, detail: Mapping[str, JSON]) -> Decision:
    outcome = "VALIDATED" if holds else "REFUTED"
    return Decision(name, guarantee, n, value, value, value, outcome, detail=detail)
