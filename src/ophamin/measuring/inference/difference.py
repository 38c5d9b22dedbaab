# SPDX-License-Identifier: Apache-2.0
"""The difference of two arms with declared bounds, from pairs: sequential betting on the differences.

A pair is one evidence unit: the same input seen by both arms, or the k-th unit of either arm in order of arrival.
Nothing is assumed of the distribution within an arm, nor of the dependence within a pair; pairs are independent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting_process import BettingMean
from ophamin.measuring.inference.decision import Decision
from ophamin.measuring.inference.mean import BoundedMean
from ophamin.measuring.inference.process import Walk
from ophamin.measuring.inference.values import shown

__all__ = ["ArrivalPairs", "FixedPairedDifference", "PairedDifference"]


class ArrivalPairs:
    """Pairs two arms in order of arrival: the k-th unit of ``a`` with the k-th of ``b``.

    Which units meet does not depend on their values, so that the differences of independent units are
    independent. What has no partner yet is left over, and counted.

    Args:
        low: lower bound of every value of both arms.
        high: upper bound.

    Raises:
        ClaimError: where the bounds are not finite or not in order.

    Example:
        >>> pairs = ArrivalPairs(0.0, 1.0)
        >>> [pairs.add("a", 0.75), pairs.add("a", 1.0), pairs.add("b", 0.5)]
        [None, None, 0.25]
        >>> pairs.left_over
        (1, 0)
    """

    def __init__(self, low: float, high: float) -> None:
        self._bounds = BoundedMean(low, high)
        self._waiting: dict[str, deque[float]] = {"a": deque(), "b": deque()}

    @property
    def left_over(self) -> tuple[int, int]:
        """How many units of ``a``, and of ``b``, have no partner."""
        return len(self._waiting["a"]), len(self._waiting["b"])

    def add(self, arm: str, value: float) -> float | None:
        """Take in one unit of an arm; the difference a - b where it completes a pair.

        Raises:
            ClaimError: where the arm is neither ``a`` nor ``b``.
            ObservationError: where the value is not a number within the bounds.
        """
        if arm not in self._waiting:
            raise ClaimError(f"the arm is {shown(arm)}; a difference has the arms 'a' and 'b'")
        value = _within(value, self._bounds)
        other = self._waiting["b" if arm == "a" else "a"]
        if not other:
            self._waiting[arm].append(value)
            return None
        return value - other.popleft() if arm == "a" else other.popleft() - value


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Sequential betting on the mean of a - b, for arms whose values lie within ``low`` and ``high``.

    Attributes:
        low: lower bound of every value of both arms; a difference lies within low - high and high - low.
        high: upper bound.
        mde: distance from the bar at which a verdict is wanted soon, in the unit of the values; it aims the bets
            and never touches the levels. None for bets that fit no distance in particular.
        batch: a look is taken after every so many pairs.
        cap: pairs beyond this number are not looked at; None for no cap.

    Raises:
        ClaimError: where the bounds are not finite or not in order, or the mde does not fit them.

    Example:
        >>> rule = PairedDifference(0.0, 1.0, mde=0.2)
        >>> decision = rule.decide_arms([0.9, 0.8, 0.95] * 9, [0.5, 0.45, 0.6] * 8, Bar(">", 0.0))
        >>> decision.outcome, decision.n, decision.detail["left_over"]
        ('VALIDATED', 12, [3, 0])
    """

    low: float
    high: float
    mde: float | None = None
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "betting"
    guarantee: ClassVar[str] = "finite-sample"

    def __post_init__(self) -> None:
        checked = BoundedMean(self.low, self.high)
        object.__setattr__(self, "low", checked.low)
        object.__setattr__(self, "high", checked.high)
        self._betting()

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar; its units are the differences a - b.

        Raises:
            ClaimError: where the comparator is ``==`` or no difference can lie at the bar.
        """
        return self._betting().start(bar)

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over the differences a - b in their order.

        Raises:
            ObservationError: at the first one before the decision that no two values within the bounds can give.
            ClaimError: where the comparator is ``==`` or no difference can lie at the bar.
        """
        return self._betting().decide(values, bar)

    def decide_arms(self, a: Iterable[float], b: Iterable[float], bar: Bar) -> Decision:
        """Pair two arms in order of arrival and decide; the units without a partner are counted in ``detail``.

        Raises:
            ObservationError: at the first value that is not a number within the bounds.
            ClaimError: where the comparator is ``==`` or no difference can lie at the bar.
        """
        return _decide_arms(self, a, b, bar)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The number of pairs at which the largest difference, each time, decides.

        >>> PairedDifference(0.0, 1.0, mde=0.1).smallest_n(Bar(">", 0.0))
        (6, 6)
        """
        return self._betting().smallest_n(bar)

    def _betting(self) -> BettingMean:
        width = self.high - self.low
        return BettingMean(-width, width, self.mde, batch=self.batch, cap=self.cap)


@dataclass(frozen=True, slots=True)
class FixedPairedDifference:
    """Fixed-sample betting on the mean of a - b: one look at a number of pairs that did not depend on the values.

    Attributes:
        low: lower bound of every value of both arms.
        high: upper bound.

    Raises:
        ClaimError: where the bounds are not finite or not in order.

    Example:
        >>> rule = FixedPairedDifference(0.0, 1.0)
        >>> rule.decide_arms([0.9, 0.8, 0.95] * 9, [0.5, 0.45, 0.6] * 8, Bar(">", 0.0)).outcome
        'VALIDATED'
    """

    low: float
    high: float
    name: ClassVar[str] = "betting"
    guarantee: ClassVar[str] = "finite-sample"

    def __post_init__(self) -> None:
        self._betting()

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Answer from the differences a - b; their order does not matter.

        Raises:
            ObservationError: at the first one that no two values within the bounds can give.
            ClaimError: where the comparator is ``==`` or no difference can lie at the bar.
        """
        return self._betting().decide(values, bar)

    def decide_arms(self, a: Iterable[float], b: Iterable[float], bar: Bar) -> Decision:
        """Pair two arms in order of arrival and decide; the units without a partner are counted in ``detail``.

        Raises:
            ObservationError: at the first value that is not a number within the bounds.
            ClaimError: where the comparator is ``==`` or no difference can lie at the bar.
        """
        return _decide_arms(self, a, b, bar)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The number of pairs at which the largest difference, each time, decides."""
        return self._betting().smallest_n(bar)

    def _betting(self) -> BoundedMean:
        checked = BoundedMean(self.low, self.high)
        width = checked.high - checked.low
        return BoundedMean(-width, width)


def _decide_arms(
    rule: PairedDifference | FixedPairedDifference, a: Iterable[float], b: Iterable[float], bar: Bar
) -> Decision:
    differences, left_over = _paired(a, b, rule.low, rule.high)
    decision = rule.decide(differences, bar)
    return replace(decision, detail={**decision.detail, "left_over": left_over})


def _paired(a: Iterable[float], b: Iterable[float], low: float, high: float) -> tuple[list[float], list[int]]:
    bounds = BoundedMean(low, high)
    firsts, seconds = ([_within(value, bounds) for value in arm] for arm in (a, b))
    differences = [x - y for x, y in zip(firsts, seconds, strict=False)]
    return differences, [len(firsts) - len(differences), len(seconds) - len(differences)]


def _within(value: float, bounds: BoundedMean) -> float:
    try:
        if bounds.low <= value <= bounds.high:
            return value
    except (TypeError, ValueError):
        pass
    raise ObservationError(
        f"the observation is {shown(value)}, not a number within the declared bounds {bounds.low!r} and "
        f"{bounds.high!r}; declare bounds that no value of either arm can leave"
    )
