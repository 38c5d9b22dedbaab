# SPDX-License-Identifier: Apache-2.0
"""A sequential test of a rate that needs no distance from the bar: one-sided mixtures of likelihood ratios.

It takes 0/1 units and wastes samples where a distance is known; then the likelihood ratio of `sprt` is shorter.

Sources: Robbins, Annals of Mathematical Statistics 41 (1970), for mixtures; Ville (1939).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import Decision
from ophamin.measuring.inference.process import Walk, ville
from ophamin.measuring.inference.rate_walk import (
    CountProcess,
    bisect_float,
    decide_rate,
    earliest,
    is_positive,
    require_schedule,
)
from ophamin.measuring.inference.special import continued_fraction, deviance, stirling_error
from ophamin.measuring.inference.values import shown

__all__ = ["BetaMixture", "BetaTail"]

_AFRESH: Final = 64
_CANCELS: Final = 32.0
_HALF_LOG_TWO_PI: Final = 0.5 * math.log(2.0 * math.pi)
_LARGE: Final = 1e200


class BetaTail(CountProcess):
    """Likelihood ratios to ``null``, mixed by the part of a Beta density that lies on one side of it.

    Proof that it is an e-process for the whole side: for every rate at or below the null the likelihood ratio of
    each mixed rate above it is a nonnegative supermartingale from 1, and so is their average; likewise below.

    Args:
        null: the rate that is tested, between 0 and 1, both excluded.
        a: first shape of the density, above 0.
        b: second shape, above 0.
        above: True for evidence against "at most null", False against "at least null".

    Example:
        >>> process = BetaTail(0.5, 1.0, 1.0, above=True)
        >>> process.update(1)  # the average of p / 0.5 over 0.5 to 1
        >>> round(math.exp(process.log_e), 12)
        1.5
    """

    __slots__ = ("_above", "_complement", "_null", "_offset", "_ratio", "_shapes")

    def __init__(self, null: float, a: float, b: float, *, above: bool) -> None:
        super().__init__()
        self._above = above
        self._null, self._complement = (null, 1.0 - null) if above else (1.0 - null, null)
        self._shapes = (a, b) if above else (b, a)
        log_ratio = _log_tail_ratio(*self._shapes, self._null, self._complement)
        self._offset, self._ratio = -log_ratio, math.exp(log_ratio)

    def at(self, successes: int, failures: int) -> float:
        """The log e-value after these counts."""
        hits, misses = (successes, failures) if self._above else (failures, successes)
        a, b = self._shapes[0] + hits, self._shapes[1] + misses
        return self._offset + _log_tail_ratio(a, b, self._null, self._complement)

    def update(self, value: float) -> None:
        """Take in one unit that is 0, 1, False or True.

        The integral is carried on by its recurrence where that loses no digits, and computed afresh otherwise and
        after every 64 units; `at` gives the same number to 1e-12.

        Raises:
            ObservationError: at another value.
        """
        before = self.successes
        self.count(value)
        hit = (self.successes > before) is self._above
        hits, misses = (self.successes, self.failures) if self._above else (self.failures, self.successes)
        a, b = self._shapes[0] + hits - hit, self._shapes[1] + misses - (not hit)
        fresh = (hits + misses) % _AFRESH == 0 or self._ratio > _LARGE
        if fresh or not (hit or b * self._ratio > _CANCELS):
            self.log_e = self.at(self.successes, self.failures)
            self._ratio = math.exp(min(self.log_e - self._offset, 700.0))
            return
        if hit:
            self._ratio = (a * self._ratio + 1.0) / ((a + b) * self._null)
        else:
            self._ratio = (b * self._ratio - 1.0) / ((a + b) * self._complement)
        self.log_e = self._offset + math.log(self._ratio)


@dataclass(frozen=True, slots=True)
class BetaMixture:
    """Mixtures over the rates above the bar, and over those below it, as the two processes.

    The bounds invert the mixture over all bars, so that the interval shown is the decision.

    Attributes:
        a: first shape of the mixing Beta density; 1/2 and 1/2 favour no rate.
        b: second shape.
        batch: a look is taken after every so many units.
        cap: units beyond this number are not looked at; None for no cap.

    Raises:
        ClaimError: where a field lies outside its range.

    Example:
        >>> decision = BetaMixture().decide([1] * 100, Bar(">=", 0.9))
        >>> decision.outcome, decision.n, round(decision.low, 4)
        ('VALIDATED', 36, 0.9003)
    """

    a: float = 0.5
    b: float = 0.5
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "mixture"
    guarantee: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        if not is_positive(self.a) or not is_positive(self.b):
            raise ClaimError(f"the shapes are {shown(self.a)} and {shown(self.b)}; both must be above 0, such as 0.5")
        require_schedule("ville", self.batch, self.cap)

    def nulls(self, bar: Bar) -> tuple[float, float]:
        """The bar, twice.

        Raises:
            ClaimError: where it does not lie between 0 and 1.
        """
        bar.require_direction(self.name)
        bar.require_range(0.0, 1.0, "a rate")
        if not 0.0 < bar.value < 1.0:
            raise ClaimError(
                f"the bar is {bar.value!r}, but a sequential test needs one between 0 and 1, both excluded; "
                "move the bar, or use method='exact', which is not sequential"
            )
        return bar.value, bar.value

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where the bar does not lie between 0 and 1.
        """
        low, high = self.nulls(bar)
        accept, reject = ville(bar)
        return Walk(
            BetaTail(low, self.a, self.b, above=True), BetaTail(high, self.a, self.b, above=False),
            accept=accept, reject=reject, every=self.batch, cap=self.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over values that are 0, 1, False or True.

        Raises:
            ObservationError: at the first other value before the decision.
            ClaimError: where the bar does not lie between 0 and 1.
        """
        return decide_rate(self, values, bar, {"shapes": [self.a, self.b]})

    def bounds(self, successes: int, n: int, bar: Bar) -> tuple[float, float]:
        """The bounds of the confidence sequence at these counts."""
        accept, reject = ville(bar)
        a, b, failures = self.a, self.b, n - successes
        return _lower_bound(successes, failures, a, b, accept), 1.0 - _lower_bound(failures, successes, b, a, reject)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which an unbroken run of successes, or of failures, decides.

        >>> BetaMixture().smallest_n(Bar(">=", 0.9))
        (36, 2)
        """
        return earliest(self.start(bar), bar)


def _lower_bound(successes: int, failures: int, a: float, b: float, boundary: float) -> float:
    """The null below the share of successes at which the mixture reaches its boundary."""
    if successes == 0:
        return 0.0
    share = successes / (successes + failures)
    return bisect_float(lambda null: BetaTail(null, a, b, above=True).at(successes, failures) >= boundary, 0.0, share)


def _log_tail_ratio(a: float, b: float, x: float, y: float) -> float:
    """Log of the integral of p**(a-1) (1-p)**(b-1) from x to 1, over x**a y**b, with y = 1 - x.

    Where the mean lies below x the complete integral cancels; elsewhere both tails have digits to spare.
    """
    if b * x > a * y:
        return -math.log(continued_fraction(b, a, y, x))
    total = a + b
    log_factor = (
        0.5 * (math.log(a) + math.log(b / total))
        + stirling_error(total) - stirling_error(a) - stirling_error(b)
        - deviance(a, total * x) - deviance(b, total * y) - _HALF_LOG_TWO_PI
    )  # fmt: skip
    return math.log1p(-math.exp(log_factor) / continued_fraction(a, b, x, y)) - log_factor
