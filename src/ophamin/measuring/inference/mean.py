# SPDX-License-Identifier: Apache-2.0
"""Two rules for a mean: betting within declared bounds, and Student's t under a Gaussian model.

There is no third: no test of the mean of an unbounded variable keeps its level for every distribution
(Bahadur and Savage, Annals of Mathematical Statistics 27, 1956).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting import (
    Tally,
    further_units,
    largest_excluded_mean,
    log_mixture,
    log_wealths,
)
from ophamin.measuring.inference.decision import Decision, agree, settle, smallest_deciding, undecided
from ophamin.measuring.inference.rate import BinomialRate
from ophamin.measuring.inference.special import student_t_ppf, student_t_sf
from ophamin.measuring.inference.values import finite_numbers, plain_mean, shown, spread

__all__ = ["BoundedMean", "GaussianMean"]


@dataclass(frozen=True, slots=True)
class BoundedMean:
    """Fixed-sample betting e-values for a mean of values that lie within ``low`` and ``high``.

    The levels hold for every distribution within the bounds. Values that all lie on the two bounds are 0/1
    data and are decided by the exact binomial rule; ``detail`` says so.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (JRSS B 86,
    2024).

    Raises:
        ClaimError: where the bounds are not finite or not in order.

    Example:
        >>> decision = BoundedMean(0.0, 1.0).decide([0.7, 0.8, 0.9, 0.75] * 5, Bar(">=", 0.5))
        >>> decision.outcome, round(decision.low, 4)
        ('VALIDATED', 0.5915)
    """

    low: float
    high: float
    name: ClassVar[str] = "betting"
    guarantee: ClassVar[str] = "finite-sample"

    def __post_init__(self) -> None:
        try:
            low, high = finite_numbers((self.low, self.high))
        except ObservationError:
            low = high = math.nan
        if not (low < high and math.isfinite(high - low)):
            raise ClaimError(
                f"the bounds are {shown(self.low)} and {shown(self.high)}; a mean needs two finite bounds, "
                "the lower one first, that no value can leave"
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Answer from one number within the bounds per unit; their order does not matter.

        Raises:
            ObservationError: at the first value that is not a finite number or lies outside the bounds.
            ClaimError: where the bar lies outside the bounds.
        """
        bar.require_direction(self.name)
        bar.require_range(self.low, self.high, "a mean within the bounds")
        numbers = finite_numbers(values)
        self._check_within(numbers)
        if not numbers:
            return undecided(self.name, self.guarantee, 0, "no observations")
        if all(number in {self.low, self.high} for number in numbers):
            return self._decide_two_point(numbers, bar)
        return self._decide_by_betting(numbers, bar)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which all values on one bound decide.

        >>> BoundedMean(0.0, 100.0).smallest_n(Bar(">=", 95.0))
        (59, 2)
        """
        bar.require_range(self.low, self.high, "a mean within the bounds")
        return BinomialRate().smallest_n(self._scaled(bar))

    def _check_within(self, numbers: Sequence[float]) -> None:
        for index, number in enumerate(numbers):
            if not self.low <= number <= self.high:
                raise ObservationError(
                    f"observation {index} is {number!r}, outside the declared bounds {self.low!r} and "
                    f"{self.high!r}; declare bounds that no value can leave"
                )

    def _scaled(self, bar: Bar) -> Bar:
        return replace(bar, value=(bar.value - self.low) / (self.high - self.low))

    def _decide_two_point(self, numbers: Sequence[float], bar: Bar) -> Decision:
        successes = sum(number == self.high for number in numbers)
        decision = BinomialRate().decide_counts(successes, len(numbers), self._scaled(bar))
        width = self.high - self.low
        low, high = (self.low + width * (bound or 0.0) for bound in (decision.low, decision.high))
        p_above, p_below = _above_below(decision, bar)
        low, high = agree(low, high, bar, p_above, p_below, self.low, self.high)
        base = Decision(
            decision.method, self.guarantee, decision.n, plain_mean(numbers), low, high,
            detail={"successes": successes, "rule": self.name, "why": "every value lies on a bound"},
        )  # fmt: skip
        return settle(base, bar, p_above, p_below, lambda: decision.more)

    def _decide_by_betting(self, numbers: Sequence[float], bar: Bar) -> Decision:
        width = self.high - self.low
        up = Tally.of((number - self.low) / width for number in numbers)
        down = Tally.of((self.high - number) / width for number in numbers)
        bar_up, bar_down = (bar.value - self.low) / width, (self.high - bar.value) / width
        logs_up, logs_down = log_wealths(up, bar_up), log_wealths(down, bar_down)
        p_above, p_below = (math.exp(min(0.0, -log_mixture(logs))) for logs in (logs_up, logs_down))
        low = self.low + width * largest_excluded_mean(up, bar.low_level)
        high = self.high - width * largest_excluded_mean(down, bar.high_level)
        low, high = agree(low, high, bar, p_above, p_below, self.low, self.high)
        detail = {
            "log_wealth_above": _finite(log_mixture(logs_up)),
            "log_wealth_below": _finite(log_mixture(logs_down)),
        }
        base = Decision(
            self.name, self.guarantee, len(numbers), plain_mean(numbers), low, high,
            detail={**detail, "bounds": [self.low, self.high]},
        )  # fmt: skip

        def more() -> int | None:
            above = up.mean > bar_up
            return further_units(
                logs_up if above else logs_down, len(numbers), bar.low_level if above else bar.high_level
            )

        return settle(base, bar, p_above, p_below, more)


@dataclass(frozen=True, slots=True)
class GaussianMean:
    """One-sided t tests; their levels hold where the units are Gaussian, and only roughly elsewhere.

    Source: Student, Biometrika 6 (1908).

    Example:
        >>> decision = GaussianMean().decide([9.9, 10.2, 10.4, 10.1, 10.3], Bar(">", 10.0))
        >>> decision.outcome, round(decision.p_holds, 4)
        (None, 0.0523)
    """

    name: ClassVar[str] = "t_test"
    guarantee: ClassVar[str] = "model"

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Answer from one finite number per unit.

        Raises:
            ObservationError: at the first value that is not a finite number.
            ClaimError: where the comparator is ``==``.
        """
        bar.require_direction(self.name)
        numbers = finite_numbers(values)
        n = len(numbers)
        if n == 0:
            return undecided(self.name, self.guarantee, 0, "no observations")
        mean = plain_mean(numbers)
        if n == 1:
            reason = "one observation has no spread; a t test needs two or more"
            return undecided(self.name, self.guarantee, n, reason, mean)
        deviation = 0.0 if min(numbers) == max(numbers) else spread(numbers, mean)
        error = deviation / math.sqrt(n)
        if not 0.0 < error < math.inf:
            reason = f"{n} values with standard deviation {deviation!r}; a t test needs a finite one above zero"
            return undecided(self.name, self.guarantee, n, reason, numbers[0] if deviation == 0.0 else mean)
        return self._test(n, mean, deviation, bar)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """Two, both ways: the model sets no floor to the spread.

        >>> GaussianMean().smallest_n(Bar("<=", 5.0))
        (2, 2)
        """
        bar.require_direction(self.name)
        return 2, 2

    def _test(self, n: int, mean: float, deviation: float, bar: Bar) -> Decision:
        error = deviation / math.sqrt(n)
        t = (mean - bar.value) / error
        p_above, p_below = student_t_sf(t, n - 1), student_t_sf(-t, n - 1)
        low = mean + error * student_t_ppf(bar.low_level, n - 1)
        high = mean - error * student_t_ppf(bar.high_level, n - 1)
        low, high = agree(low, high, bar, p_above, p_below, -math.inf, math.inf)
        detail = {"t": _finite(t), "df": n - 1, "standard_deviation": deviation}
        base = Decision(self.name, self.guarantee, n, mean, _finite(low), _finite(high), detail=detail)
        return settle(base, bar, p_above, p_below, lambda: _more_by_t(n, t, bar))


def _more_by_t(n: int, t: float, bar: Bar) -> int | None:
    """Further units that decide if every value were repeated equally often."""
    if t == 0.0:
        return None
    level = bar.low_level if t > 0.0 else bar.high_level
    effect = abs(t) / math.sqrt(n - 1)  # the mean's distance in standard deviations with divisor n stays

    def decides(size: int) -> bool:
        return student_t_sf(effect * math.sqrt(size - 1), size - 1) <= level

    enough = smallest_deciding(decides, n)
    return None if enough is None else enough - n


def _above_below(decision: Decision, bar: Bar) -> tuple[float, float]:
    holds = 1.0 if decision.p_holds is None else decision.p_holds
    fails = 1.0 if decision.p_fails is None else decision.p_fails
    return (holds, fails) if bar.upward else (fails, holds)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
