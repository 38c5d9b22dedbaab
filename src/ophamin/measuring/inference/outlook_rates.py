# SPDX-License-Identifier: Apache-2.0
"""The cost of rules that count 0/1 units, exactly: by the binomial law, or by recursion.

Rates, quantiles and rank correlations count such units by their nature. Bounded means are foreseen for values that
lie on the two bounds alone, where each mean has its widest spread; other values are decided sooner, as a rule.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting_process import BettingMean, ConstantBets
from ophamin.measuring.inference.difference import FixedPairedDifference, PairedDifference
from ophamin.measuring.inference.mean import BoundedMean
from ophamin.measuring.inference.mixture import BetaMixture
from ophamin.measuring.inference.outlook_case import Case, UndefinedError, outlook_of, shares
from ophamin.measuring.inference.planning import LARGEST_EXACT, Outlook, reach_of_sample
from ophamin.measuring.inference.process import EProcess, Walk
from ophamin.measuring.inference.rate import BinomialRate, runs_needed
from ophamin.measuring.inference.rate_walk import CountProcess
from ophamin.measuring.inference.recursion import counts_to_follow, fixed_plan, follow, wald_bound
from ophamin.measuring.inference.special import binomial_cdf, binomial_sf
from ophamin.measuring.inference.sprt import Sprt, TwoSprt

__all__ = ["RateCase", "TwoPointBets", "betting", "binomial", "bounded", "difference", "mixture", "ratio"]

_ZERO_ONE: Final = "independent 0/1 units"
_COUNTS_PER_LOOK: Final = {"ratio": 100, "mixture": 8000, "betting": 1200}
"""Finding the edges of one look takes as long as this many counts of the recursion."""


@dataclass(frozen=True, kw_only=True)
class RateCase(Case):
    """A rule whose units are 0 or 1, or lie on two bounds; the truth is ``offset + scale * rate``.

    Attributes:
        offset: the truth at a rate of 0.
        scale: how far the truth moves from a rate of 0 to a rate of 1.
        start: opens the walk of 0/1 units for a cap; None for a fixed sample.
        effort: what one look costs, in counts of the recursion.
    """

    offset: float = 0.0
    scale: float = 1.0
    start: Callable[[int], Walk] | None = None
    effort: int = 0

    def rate(self, truth: float) -> float:
        """The rate at a truth."""
        return (truth - self.offset) / self.scale

    def fixed_size(self, low: float, high: float) -> int:
        """By the exact binomial test; at a rate of 0 or 1 by the run that no such rate makes."""
        p0, p1 = self.rate(low), self.rate(high)
        if 0.0 < p0 < p1 < 1.0:
            try:
                return fixed_plan(p0, p1, self.bar.low_level, self.bar.high_level).n
            except ClaimError as error:
                raise UndefinedError(str(error)) from None
        if p0 > 0.0:
            n = runs_needed(p0, self.bar.low_level)
        else:
            n = runs_needed(min(p1, 1.0), self.bar.high_level, failures=True)
        if n is None:
            raise UndefinedError(f"no sample tells {low!r} from {high!r}")
        return n

    def least_expected(self, low: float, high: float) -> tuple[float, float]:
        """Wald's bound for 0/1 units."""
        p0, p1 = self.rate(low), self.rate(high)
        if not 0.0 < p0 < p1 < 1.0:
            raise UndefinedError(f"one unit can tell {low!r} from {high!r} for certain, so that no bound is known")
        return wald_bound(p0, p1, self.bar.low_level, self.bar.high_level)

    def reach(self, n: int) -> float:
        """By inverting both tails of the exact binomial test."""
        distance = reach_of_sample(self._rate_bar(), n)
        if distance is None:
            raise UndefinedError(f"a fixed sample of {n} units cannot say VALIDATED at any truth")
        return distance * self.scale

    def outlooks(self, truths: Sequence[float], cap: int) -> tuple[Outlook, ...]:
        """Exact: by the recursion over the counts, or by the binomial law."""
        rates = [min(max(self.rate(truth), 0.0), 1.0) for truth in truths]
        if self.start is None:
            return tuple(self._of_sample(truth, rate, cap) for truth, rate in zip(truths, rates, strict=True))
        walk, bar = self.start(cap), self._rate_bar()
        counts = counts_to_follow(walk) + self.effort * cap
        if counts > LARGEST_EXACT:
            raise UndefinedError(
                f"exact probabilities would take {counts:.0e} steps, and the limit is {LARGEST_EXACT:.0e}; "
                "give a larger mde or a smaller cap"
            )
        # walks are long at the bar; at an end of the range there is no chance to follow
        reference = bar.value if 0.0 < bar.value < 1.0 else 0.5 * (rates[0] + rates[-1])
        ends = follow(walk, reference, truths=(rates[0], rates[-1]))
        return tuple(outlook_of(ends.at(rate), bar, truth) for truth, rate in zip(truths, rates, strict=True))

    def _rate_bar(self) -> Bar:
        return replace(self.bar, value=min(max(self.rate(self.bar.value), 0.0), 1.0))

    def _of_sample(self, truth: float, rate: float, n: int) -> Outlook:
        bar = self._rate_bar()
        counts = range(n + 1)
        top = bisect_left(counts, True, key=lambda k: binomial_sf(k, n, bar.value) <= bar.low_level)
        bottom = bisect_left(counts, True, key=lambda k: binomial_cdf(k, n, bar.value) > bar.high_level) - 1
        return shares(self.bar, truth, binomial_sf(top, n, rate), binomial_cdf(bottom, n, rate), n)


class TwoPointBets(CountProcess):
    """The evidence of a betting process after values that lie on its two bounds, as a function of the two counts.

    Example:
        >>> bets = BettingMean(0.0, 1.0, mde=0.1).start(Bar(">=", 0.5)).low
        >>> counted = TwoPointBets(bets, 0.0, 1.0, above=True)
        >>> for value in (1, 1, 0, 1):
        ...     bets.update(value)
        >>> math.isclose(counted.at(3, 1), bets.log_e)
        True
    """

    __slots__ = ("_above", "_bettors")

    def __init__(self, process: EProcess, low: float, high: float, *, above: bool) -> None:
        super().__init__()
        self._above = above
        # without bettors the null is an end of the range, which one value off that end disproves
        self._bettors: list[tuple[float, float, float]] = []
        if isinstance(process, ConstantBets):
            self._bettors = [
                (
                    math.log(wealth),
                    math.log1p(stake * (high - process._null)),
                    math.log1p(stake * (low - process._null)),
                )
                for stake, wealth in zip(process._stakes, process._wealths, strict=True)
            ]

    def at(self, successes: int, failures: int) -> float:
        """The log of the joint wealth."""
        if not self._bettors:
            return math.inf if (successes if self._above else failures) else 0.0
        logs = [wealth + successes * gain + failures * loss for wealth, gain, loss in self._bettors]
        largest = max(logs)
        return largest + math.log(sum([math.exp(log - largest) for log in logs]))


def binomial(rule: BinomialRate, bar: Bar) -> RateCase:
    """The exact binomial rule."""
    rule.smallest_n(bar)  # refuses a bar that is no rate
    return RateCase(bar=bar, sequential=False, unit="rate", assumption=_ZERO_ONE, floor=0.0, ceiling=1.0)


def ratio(rule: Sprt | TwoSprt, bar: Bar) -> RateCase:
    """A likelihood-ratio test of a rate."""
    low, high = rule.nulls(bar)
    acceptance = low < high
    mde = 0.0 if isinstance(rule, TwoSprt) or rule.mde is None else rule.mde
    return RateCase(
        bar=bar, sequential=True, unit="rate", assumption=_ZERO_ONE, floor=0.0, ceiling=1.0, acceptance=acceptance,
        distances=(bar.value - low, high - bar.value) if acceptance else (mde, mde),
        start=lambda cap: replace(rule, cap=cap).start(bar), effort=_COUNTS_PER_LOOK["ratio"],
    )  # fmt: skip


def mixture(rule: BetaMixture, bar: Bar) -> RateCase:
    """A mixture of likelihood ratios."""
    rule.nulls(bar)
    return RateCase(
        bar=bar, sequential=True, unit="rate", assumption=_ZERO_ONE, floor=0.0, ceiling=1.0,
        start=lambda cap: replace(rule, cap=cap).start(bar), effort=_COUNTS_PER_LOOK["mixture"],
    )  # fmt: skip


def bounded(rule: BoundedMean, bar: Bar) -> RateCase:
    """The fixed-sample mean within bounds."""
    rule.smallest_n(bar)
    return _between(rule.low, rule.high, bar, "mean", "values")


def betting(rule: BettingMean, bar: Bar) -> RateCase:
    """Sequential betting on a mean within bounds."""
    rule.start(bar)

    def start(cap: int) -> Walk:
        walk = replace(rule, cap=cap).start(bar)
        return Walk(
            TwoPointBets(walk.low, rule.low, rule.high, above=True),
            TwoPointBets(walk.high, rule.low, rule.high, above=False),
            accept=walk.accept, reject=walk.reject, every=walk.every, cap=cap,
        )  # fmt: skip

    aims = None if rule.mde is None else (rule.mde, rule.mde)
    case = _between(rule.low, rule.high, bar, "mean", "values")
    return replace(case, sequential=True, distances=aims, start=start, effort=_COUNTS_PER_LOOK["betting"])


def difference(rule: PairedDifference | FixedPairedDifference, bar: Bar) -> RateCase:
    """The difference of two arms, as a mean of differences."""
    width = rule.high - rule.low
    if isinstance(rule, FixedPairedDifference):
        case = bounded(BoundedMean(-width, width), bar)
    else:
        case = betting(BettingMean(-width, width, rule.mde, batch=rule.batch, cap=rule.cap), bar)
    assumption = _widest("differences of a pair")
    return replace(case, unit="mean difference", assumption=assumption)


def _between(low: float, high: float, bar: Bar, unit: str, values: str) -> RateCase:
    return RateCase(
        bar=bar, sequential=False, unit=unit, assumption=_widest(values), floor=low, ceiling=high,
        offset=low, scale=high - low,
    )  # fmt: skip


def _widest(values: str) -> str:
    return f"independent {values} at the two bounds alone, the widest spread that a mean can have"
