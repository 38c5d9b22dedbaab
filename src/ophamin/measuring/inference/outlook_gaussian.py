# SPDX-License-Identifier: Apache-2.0
"""The cost of Wald's test of a Gaussian mean with sigma known, by recursion over a lattice.

A Gaussian unit is replaced by one on the points of a lattice, with the same mean and nearly the same variance. What
that moves is below 0.001 in a probability and half a percent of an expected n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.gaussian import GaussianKnownSigma
from ophamin.measuring.inference.outlook_case import Case, UndefinedError, outlook_of
from ophamin.measuring.inference.planning import Outlook
from ophamin.measuring.inference.process import GUARD
from ophamin.measuring.inference.recursion_band import Characteristics, Law, Places, absorb, characteristics
from ophamin.measuring.inference.recursion_fixed import least_information, normal_quantile

__all__ = ["KnownSigmaCase", "known_sigma"]

_FINEST: Final = 2.0 + math.sqrt(5.0)  # irrational, so that where a boundary lies between points is as if at random
_COARSEST: Final = 0.25 * _FINEST
_COARSENED: Final = 0.2  # effects below this need fewer points per sigma
_DEVIATIONS: Final = 6.5
_FRACTION_BITS: Final = 34
_KEPT: Final = 46
_MOST_WORK: Final = 3e8  # products of two digits
_DIGIT: Final = 30


@dataclass(frozen=True, kw_only=True)
class KnownSigmaCase(Case):
    """Gaussian units of known sigma; the truth is their mean.

    Attributes:
        rule: the sequential rule.
    """

    rule: GaussianKnownSigma

    def basis(self, cap: int) -> str:
        """What the probabilities rest on."""
        return "recursion on a lattice, to about 0.001"

    def fixed_size(self, low: float, high: float) -> int:
        """By the z test."""
        root = (normal_quantile(self.bar.low_level) + normal_quantile(self.bar.high_level)) * self.rule.sigma
        return max(1, math.ceil((root / (high - low)) ** 2))

    def least_expected(self, low: float, high: float) -> tuple[float, float]:
        """Wald's bound for Gaussian units."""
        at_low, at_high = least_information(self.bar.low_level, self.bar.high_level)
        per_unit = 0.5 * ((high - low) / self.rule.sigma) ** 2
        return at_low / per_unit, at_high / per_unit

    def reach(self, n: int) -> float:
        """By the z test."""
        if n < 1:
            raise UndefinedError("a fixed sample of no unit tells nothing")
        both = normal_quantile(self.bar.low_level) + normal_quantile(self.bar.high_level)
        return -both * self.rule.sigma / math.sqrt(n)

    def outlooks(self, truths: Sequence[float], cap: int) -> tuple[Outlook, ...]:
        """By recursion over the sum of the units, counted from the bar in steps of the lattice."""
        walk, shift = replace(self.rule, cap=cap).start(self.bar), self.rule.mde / self.rule.sigma
        points = min(_FINEST, max(_COARSEST, _FINEST * shift / _COARSENED))
        law, zero = _law(points)
        effects = [(truth - self.bar.value) / self.rule.sigma for truth in truths]
        accept, reject = (points * (boundary + GUARD) / shift for boundary in (walk.accept, walk.reject))
        drift = 0.5 * points * shift

        def edges(n: int) -> tuple[int, int]:
            return math.ceil(accept + n * drift) + n * zero, math.floor(-reject - n * drift) + n * zero

        # the largest likelihood ratio of a truth to the bar before a boundary is reached
        farthest = max(map(abs, effects))
        ratio = farthest * (max(accept, reject) / points + _DEVIATIONS * math.sqrt(walk.every))
        kept = _KEPT + math.ceil(ratio / math.log(2.0))
        width = accept + reject + 2.0 * cap * drift
        digits = (kept + _FRACTION_BITS) // _DIGIT + 1
        work = 0.5 * cap * width * len(law.weights) * digits**2
        if work > _MOST_WORK:
            raise UndefinedError(
                f"the recursion would take {work:.0e} steps, and the limit is {_MOST_WORK:.0e}; "
                "give a larger mde or a smaller cap"
            )
        places = absorb(law, edges, kept=kept, every=walk.every, cap=cap)
        return tuple(
            outlook_of(self._at(truth, effect, places, points, zero), self.bar, truth)
            for truth, effect in zip(truths, effects, strict=True)
        )

    def _at(self, truth: float, effect: float, places: Places, points: float, zero: int) -> Characteristics:
        per_step = effect / points
        return characteristics(truth, places, places.tilted(per_step, -0.5 * effect * effect - per_step * zero))


def known_sigma(rule: GaussianKnownSigma, bar: Bar) -> KnownSigmaCase:
    """Wald's test of a Gaussian mean."""
    rule.smallest_n(bar)  # refuses what cannot be shown
    return KnownSigmaCase(
        bar=bar, rule=rule, sequential=True, unit="mean", distances=(rule.mde, rule.mde),
        assumption=f"independent Gaussian units, sigma {rule.sigma:g}",
    )  # fmt: skip


def _law(points: float) -> tuple[Law, int]:
    """A Gaussian unit on a lattice of so many points per sigma, and the place of 0 in it."""
    zero = math.ceil(_DEVIATIONS * points)
    chances = [math.exp(-0.5 * ((j - zero) / points) ** 2) for j in range(2 * zero + 1)]
    whole = (1.0 - 1e-15) * math.ldexp(1.0, _FRACTION_BITS) / math.fsum(chances)
    return Law(tuple(int(chance * whole) for chance in chances), _FRACTION_BITS), zero
