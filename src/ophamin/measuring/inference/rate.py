# SPDX-License-Identifier: Apache-2.0
"""The exact binomial rule for a rate of successes among independent 0/1 units.

It is not for counts without a fixed number of trials, nor for scores between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ophamin.errors import ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import Decision, agree, settle, smallest_deciding, undecided
from ophamin.measuring.inference.special import betaincinv, binomial_cdf, binomial_sf
from ophamin.measuring.inference.values import shown

__all__ = ["BinomialRate", "count_successes", "runs_needed"]


@dataclass(frozen=True, slots=True)
class BinomialRate:
    """One-sided exact binomial tests with the Clopper-Pearson bounds that they invert.

    For a rate at 0 or 1 the bound on that side is the end of the range, where it excludes nothing.

    Source: Clopper and Pearson, Biometrika 26 (1934).

    Example:
        >>> decision = BinomialRate().decide_counts(59, 59, Bar(">=", 0.95))
        >>> decision.outcome, round(decision.low, 4), round(decision.p_holds, 4)
        ('VALIDATED', 0.9505, 0.0485)
    """

    name: ClassVar[str] = "exact_binomial"
    guarantee: ClassVar[str] = "exact"

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Answer from values that are 0, 1, False or True.

        Raises:
            ObservationError: at the first other value.
            ClaimError: where the bar lies outside 0 to 1.
        """
        return self.decide_counts(count_successes(values), len(values), bar)

    def decide_counts(self, k: int, n: int, bar: Bar) -> Decision:
        """Answer from ``k`` successes in ``n`` units.

        Raises:
            ObservationError: where k lies outside 0 to n.
            ClaimError: where the bar lies outside 0 to 1.
        """
        bar.require_direction(self.name)
        bar.require_range(0.0, 1.0, "a rate")
        if not 0 <= k <= n:
            raise ObservationError(f"{k} successes in {n} units; the count must lie within 0 and the number of units")
        if n == 0:
            return undecided(self.name, self.guarantee, 0, "no observations")
        p_above, p_below = binomial_sf(k, n, bar.value), binomial_cdf(k, n, bar.value)
        low = 0.0 if k == 0 else betaincinv(k, n - k + 1, bar.low_level)
        high = 1.0 if k == n else betaincinv(k + 1, n - k, bar.high_level, upper=True)
        low, high = agree(low, high, bar, p_above, p_below, 0.0, 1.0)
        base = Decision(self.name, self.guarantee, n, k / n, low, high, detail={"successes": k})
        return settle(base, bar, p_above, p_below, lambda: _more(k, n, bar))

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which an unbroken run of successes, or of failures, decides.

        >>> BinomialRate().smallest_n(Bar(">=", 0.95))
        (59, 2)
        """
        bar.require_direction(self.name)
        bar.require_range(0.0, 1.0, "a rate")
        above, below = (
            runs_needed(bar.value, bar.low_level),
            runs_needed(bar.value, bar.high_level, failures=True),
        )
        return (above, below) if bar.upward else (below, above)


def count_successes(values: Iterable[float]) -> int:
    """How many of the values are 1.

    Raises:
        ObservationError: at the first value that is neither 0 nor 1 (nor False nor True).

    Example:
        >>> count_successes([True, False, 1, 0.0])
        2
    """
    successes = 0
    for index, value in enumerate(values):
        if value == 1:
            successes += 1
        elif not value == 0:  # noqa: SIM201 - an odd type may answer == and != alike
            raise ObservationError(
                f"observation {index} is {shown(value)}; a rate needs 0 or 1 (or a truth value) from every "
                "unit. Use a mean with bounds for scores"
            )
    return successes


def runs_needed(share: float, level: float, *, failures: bool = False) -> int | None:
    """Length of a run of successes (or failures) that a rate of ``share`` makes as rare as ``level``.

    >>> runs_needed(0.95, 0.05), runs_needed(0.05, 0.05, failures=True), runs_needed(1.0, 0.05)
    (59, 59, None)
    """
    if share == (0.0 if failures else 1.0):
        return None
    if share == (1.0 if failures else 0.0):
        return 1
    ratio = math.log(level) / (math.log1p(-share) if failures else math.log(share))
    if ratio > 2.0**53:
        return None

    def rare(n: int) -> bool:
        return (binomial_cdf(0, n, share) if failures else binomial_sf(n, n, share)) <= level

    n = max(1, math.ceil(ratio))
    while n > 1 and rare(n - 1):
        n -= 1
    while not rare(n):
        n += 1
    return n


def _more(k: int, n: int, bar: Bar) -> int | None:
    """Further units that decide if the share stays k / n, counts rounded against the decision."""
    share = k / n
    if share == bar.value:
        return None

    def decides(size: int) -> bool:
        if share > bar.value:
            return binomial_sf(k * size // n, size, bar.value) <= bar.low_level
        return binomial_cdf(-(-k * size // n), size, bar.value) <= bar.high_level

    enough = smallest_deciding(decides, n)
    return None if enough is None else enough - n
