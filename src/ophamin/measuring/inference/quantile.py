# SPDX-License-Identifier: Apache-2.0
"""The order-statistics rule for a quantile of any distribution.

The quantile is Q = the smallest x with P(X <= x) >= q, in the population and in the sample. A claim about Q
is a claim about the share of values up to the bar, which is decided by an exact binomial test. No density is
estimated and nothing is interpolated.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import Decision, settle, smallest_deciding, undecided
from ophamin.measuring.inference.rate import runs_needed
from ophamin.measuring.inference.special import binomial_cdf, binomial_sf
from ophamin.measuring.inference.values import finite_numbers, inverted_cdf, require_share

__all__ = ["Quantile"]


@dataclass(frozen=True, slots=True)
class Quantile:
    """Exact tests of the quantile ``q`` (0 to 1, both excluded), ties and jumps included.

    ``Q <= v`` and ``Q > v`` are tested by the number of values at or below v; ``Q >= v`` and ``Q < v`` by the
    number below v. The bounds are values of the sample, and the claim is VALIDATED or REFUTED exactly when
    its bound lies on the deciding side of the bar; None where the sample is too small to give one.

    Source: Wilks, Annals of Mathematical Statistics 12 (1941); David and Nagaraja, Order Statistics (2003),
    7.1.

    Example:
        >>> decision = Quantile(0.5).decide([3.0, 1.0, 4.0, 1.5, 5.0, 2.0], Bar("<=", 6.0))
        >>> decision.outcome, decision.estimate, decision.low, decision.high
        ('VALIDATED', 2.0, 1.0, 5.0)
    """

    q: float
    name: ClassVar[str] = "order_statistics"
    guarantee: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        require_share(self.q)

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Answer from one finite number per unit.

        Raises:
            ObservationError: at the first value that is not a finite number.
            ClaimError: where the comparator is ``==``.
        """
        bar.require_direction(self.name)
        ordered = sorted(finite_numbers(values))
        n = len(ordered)
        if n == 0:
            return undecided(self.name, self.guarantee, 0, "no observations")
        inclusive = bar.comparator in {"<=", ">"}
        count = (bisect_right if inclusive else bisect_left)(ordered, bar.value)
        counted = "at_or_below_bar" if inclusive else "below_bar"
        # many values up to the bar speak for a quantile below it
        p_above, p_below = binomial_cdf(count, n, self.q), binomial_sf(count, n, self.q)
        lower, upper = self._ranks(n, bar)
        base = Decision(
            self.name, self.guarantee, n, inverted_cdf(ordered, self.q),
            None if lower is None else ordered[lower - 1], None if upper is None else ordered[upper - 1],
            detail={"q": self.q, counted: count, "ranks": [lower, upper]},
        )  # fmt: skip
        return settle(base, bar, p_above, p_below, lambda: self._more(count, n, bar))

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which all values on one side of the bar decide.

        >>> Quantile(0.95).smallest_n(Bar("<=", 200.0))
        (59, 2)
        """
        bar.require_direction(self.name)
        below = runs_needed(self.q, bar.high_level)
        above = runs_needed(self.q, bar.low_level, failures=True)
        return (above, below) if bar.upward else (below, above)

    def _ranks(self, n: int, bar: Bar) -> tuple[int | None, int | None]:
        """Ranks (from 1) of the order statistics that are the lower and the upper bound."""
        lower = _first(n, lambda count: binomial_cdf(count, n, self.q) > bar.low_level)
        upper = _first(n, lambda count: binomial_sf(count, n, self.q) <= bar.high_level)
        return lower or None, None if upper > n else upper

    def _more(self, count: int, n: int, bar: Bar) -> int | None:
        """Further units that decide if the share up to the bar stays, counts rounded against the decision."""
        if count == n * self.q:
            return None
        above = count < n * self.q

        def decides(size: int) -> bool:
            if above:
                return binomial_cdf(-(-count * size // n), size, self.q) <= bar.low_level
            return binomial_sf(count * size // n, size, self.q) <= bar.high_level

        enough = smallest_deciding(decides, n)
        return None if enough is None else enough - n


def _first(n: int, test: Callable[[int], bool]) -> int:
    """Smallest count from 0 to n for which a test that stays true is true; n + 1 where there is none."""
    return bisect_left(range(n + 1), True, key=test)
