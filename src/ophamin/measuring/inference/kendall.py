# SPDX-License-Identifier: Apache-2.0
"""Kendall's tau by disjoint pairs: a rank correlation as a rate of concordant pairs, for any rule of 0/1 units.

Two observations (x, y) are concordant where the one with the larger x has the larger y. Pairs that share no
observation are independent, and each is concordant with probability (1 + tau) / 2, whatever the distribution.
The full-sample tau uses all n (n - 1) / 2 pairs and needs fewer observations; its pairs are dependent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import Decision, Rule
from ophamin.measuring.inference.process import Walk
from ophamin.measuring.inference.values import shown

__all__ = ["DisjointPairs", "KendallTau", "concordances", "rate_bar"]


class DisjointPairs:
    """Takes observations (x, y) in their order and pairs each second one with the one before.

    Attributes:
        observations: how many were taken.
        tied: pairs that were left out because their x or their y are equal.

    Example:
        >>> pairs = DisjointPairs()
        >>> [pairs.add(1.0, 10.0), pairs.add(2.0, 11.0), pairs.add(5.0, 3.0), pairs.add(4.0, 9.0)]
        [None, 1, None, 0]
    """

    def __init__(self) -> None:
        self.observations = 0
        self.tied = 0
        self._waiting: tuple[float, float] | None = None

    @property
    def left_over(self) -> int:
        """1 where the last observation has no partner yet, otherwise 0."""
        return 0 if self._waiting is None else 1

    def add(self, x: float, y: float) -> int | None:
        """Take one observation; 1 or 0 where it completes a pair that is concordant or not, otherwise None.

        Raises:
            ObservationError: where x or y is not a number (it may be infinite: only its rank counts).
        """
        for name, value in (("x", x), ("y", y)):
            if not isinstance(value, (int, float)) or math.isnan(value):
                raise ObservationError(f"{name} of observation {self.observations} is {shown(value)}; give a number")
        self.observations += 1
        if self._waiting is None:
            self._waiting = (x, y)
            return None
        before_x, before_y = self._waiting
        self._waiting = None
        if x == before_x or y == before_y:
            self.tied += 1
            return None
        return int((x > before_x) is (y > before_y))


@dataclass(frozen=True, slots=True)
class KendallTau:
    """A claim on tau, decided by a rule for the rate of concordant pairs.

    Tied pairs say nothing and are left out, so that with ties the claim is about the tau of untied pairs
    (Goodman and Kruskal's gamma). ``detail`` counts them, and names the rule.

    Attributes:
        rule: decides a rate from 0/1 units; a sequential one gives a sequential test. An mde of tau is half
            that mde of the rate.

    Source: Kendall, Biometrika 30 (1938); Goodman and Kruskal, JASA 49 (1954).

    Example:
        >>> from ophamin.measuring.inference.rate import BinomialRate
        >>> observations = [(1, 1), (2, 3), (4, 2), (5, 6), (3, 3), (9, 7), (2, 5), (7, 8), (0, 1), (1, 4)]
        >>> decision = KendallTau(BinomialRate()).decide(observations, Bar(">", 0.0))
        >>> decision.outcome, decision.n, decision.estimate, round(decision.low, 4)
        ('VALIDATED', 5, 1.0, 0.0986)
    """

    rule: Rule

    @property
    def name(self) -> str:
        """The name of the rule for the rate."""
        return self.rule.name

    @property
    def guarantee(self) -> str:
        """What its error levels rest on: that of the rule for the rate."""
        return self.rule.guarantee

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar on tau; its units are those that `DisjointPairs` gives.

        Raises:
            ClaimError: where the rule for the rate is fixed-sample, or the bar does not fit.
        """
        begin = getattr(self.rule, "start", None)
        if begin is None:
            raise ClaimError(f"the rule {self.rule.name!r} is fixed-sample and has no walk; use a sequential rule")
        walk = begin(rate_bar(bar))
        assert isinstance(walk, Walk)
        return walk

    def decide(self, values: Sequence[tuple[float, float]], bar: Bar) -> Decision:
        """Answer from observations (x, y) in their order; ``n`` counts untied pairs.

        Raises:
            ObservationError: at the first observation that is not two numbers.
            ClaimError: where the comparator is ``==`` or the bar lies outside -1 to 1.
        """
        units, pairs = concordances(values)
        decision = self.rule.decide(units, rate_bar(bar))
        reason = decision.reason and f"on the rate of concordant pairs, at {rate_bar(bar).value!r}: {decision.reason}"
        return replace(
            decision,
            estimate=_tau(decision.estimate), low=_tau(decision.low), high=_tau(decision.high), reason=reason,
            detail={
                **decision.detail, "rate_bar": rate_bar(bar).value, "observations": pairs.observations,
                "untied_pairs": len(units), "tied_pairs": pairs.tied, "left_over": pairs.left_over,
            },
        )  # fmt: skip

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The number of untied pairs at which an unbroken run decides; the observations are twice as many.

        Raises:
            ClaimError: where the comparator is ``==`` or the bar lies outside -1 to 1.
        """
        return self.rule.smallest_n(rate_bar(bar))


def rate_bar(bar: Bar) -> Bar:
    """The bar on the rate of concordant pairs that says the same as a bar on tau.

    Raises:
        ClaimError: where the bar lies outside -1 to 1.

    Example:
        >>> rate_bar(Bar(">=", 0.5)).value
        0.75
    """
    bar.require_range(-1.0, 1.0, "tau")
    return replace(bar, value=0.5 * (1.0 + bar.value))


def concordances(values: Iterable[tuple[float, float]]) -> tuple[list[int], DisjointPairs]:
    """1 or 0 for each untied disjoint pair, in order, with the counts of what was left out.

    Raises:
        ObservationError: at the first observation that is not two numbers.
    """
    pairs = DisjointPairs()
    units: list[int] = []
    for value in values:
        try:
            x, y = value
        except (TypeError, ValueError):
            raise ObservationError(
                f"observation {pairs.observations} is {shown(value)}; a rank correlation needs two numbers (x, y)"
            ) from None
        unit = pairs.add(x, y)
        if unit is not None:
            units.append(unit)
    return units, pairs


def _tau(rate: float | None) -> float | None:
    return None if rate is None else 2.0 * rate - 1.0
