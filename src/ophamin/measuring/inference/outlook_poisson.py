# SPDX-License-Identifier: Apache-2.0
"""The cost of tests of an event rate, exactly under the Poisson law: by its tails, or by recursion over the events.

The recursion cuts bits, which moves a probability by less than 1e-7.

Source: Wilson and Hilferty, PNAS 17 (1931), for the first guess of a mean from a tail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.outlook_case import Case, UndefinedError, outlook_of, shares
from ophamin.measuring.inference.planning import Outlook
from ophamin.measuring.inference.poisson import ExactPoisson, PoissonRate, poisson_cdf, poisson_sf
from ophamin.measuring.inference.process import GUARD, Walk
from ophamin.measuring.inference.recursion_band import Law, absorb, characteristics
from ophamin.measuring.inference.recursion_fixed import LARGEST_PLAN, last_true, least_information, normal_quantile

__all__ = ["PoissonCase", "poisson"]

_FRACTION_BITS: Final = 44
_ERROR_BITS: Final = 56  # 1e-9, cut some 6e7 times
_DEVIATIONS: Final = 9.0
_MOST_WORK: Final = 5e8  # products of two digits
_WORK_PER_LOOK: Final = 5000
_DIGIT: Final = 30
_NEARLY_ZERO: Final = 1e-300


@dataclass(frozen=True, kw_only=True)
class PoissonCase(Case):
    """Counts of events per evidence unit; the truth is a rate per 1 of exposure.

    Attributes:
        exposure: what one unit is exposed to.
        rule: the sequential rule; None for a fixed sample.
    """

    exposure: float
    rule: PoissonRate | None = None

    def aims(self, mde: float) -> tuple[float, float]:
        """An mde as a sequential rule takes it: the lower rate stays above 0."""
        above, below = PoissonRate(mde).alternatives(self.bar.value)
        return self.bar.value - below, above - self.bar.value

    def fixed_size(self, low: float, high: float) -> int:
        """The smallest number of units for which a critical count of events keeps both errors."""
        alpha, beta = self.bar.low_level, self.bar.high_level
        z_alpha, z_beta = -normal_quantile(alpha), -normal_quantile(beta)
        root = (z_alpha * math.sqrt(low) + z_beta * math.sqrt(high)) / (high - low)
        if root * root > LARGEST_PLAN * self.exposure:
            raise UndefinedError(
                f"to tell {low!r} from {high!r} takes some {root * root / self.exposure:.1e} units, and the limit is "
                f"{LARGEST_PLAN:.0e}; give a larger mde"
            )

        def least(c: int) -> float:
            return _mean_at(c, beta, reached=False) / (high * self.exposure)

        def most(c: int) -> float:
            return _mean_at(c, alpha, reached=True) / (low * self.exposure) if low > 0.0 else math.inf

        # the interval of sizes that suit a critical count grows with it; one too short may hold no whole number
        guess = low * root * root + z_alpha * math.sqrt(low) * abs(root)
        critical = last_true(lambda c: least(c) > most(c), 0, guess) + 1
        while (n := max(1, math.ceil(least(critical)))) > most(critical):
            critical = self._first_rare(n * low * self.exposure, alpha)
        return n

    def least_expected(self, low: float, high: float) -> tuple[float, float]:
        """Wald's bound for Poisson units."""
        if low <= 0.0:
            raise UndefinedError("one event tells any rate from 0 for certain, so that no bound is known")
        at_low, at_high = least_information(self.bar.low_level, self.bar.high_level)
        logarithm = math.log(high / low)
        return (
            at_low / (self.exposure * (high - low - low * logarithm)),
            at_high / (self.exposure * (high * logarithm - high + low)),
        )

    def reach(self, n: int) -> float:
        """By inverting both tails of the exact test."""
        if n < 1:
            raise UndefinedError("a fixed sample of no unit tells nothing")
        exposure, bar = n * self.exposure, self.bar
        mean = bar.value * exposure
        if bar.upward:
            critical = self._first_rare(mean, bar.low_level)
            return _mean_at(critical, bar.high_level, reached=False) / exposure - bar.value
        critical = self._last_rare(mean, bar.high_level)
        if critical < 0:
            raise UndefinedError(f"a fixed sample of {n} units cannot say VALIDATED at any rate")
        return bar.value - _mean_at(critical + 1, bar.low_level, reached=True) / exposure

    def outlooks(self, truths: Sequence[float], cap: int) -> tuple[Outlook, ...]:
        """Exact: by the Poisson law of the sum, or by the recursion over the events."""
        if self.rule is not None:
            return self._followed(replace(self.rule, cap=cap), truths)
        exposure = cap * self.exposure
        top = self._first_rare(self.bar.value * exposure, self.bar.low_level)
        bottom = self._last_rare(self.bar.value * exposure, self.bar.high_level)
        return tuple(
            shares(self.bar, truth, poisson_sf(top, truth * exposure), poisson_cdf(bottom, truth * exposure), cap)
            for truth in truths
        )

    def _first_rare(self, mean: float, level: float) -> int:
        """The smallest count that this mean reaches with at most this probability."""
        return last_true(lambda c: poisson_sf(c, mean) > level, 0, mean) + 1

    def _last_rare(self, mean: float, level: float) -> int:
        """The largest count that this mean stays at or below with at most this probability; -1 for none."""
        return last_true(lambda c: poisson_cdf(c, mean) <= level, -1, mean)

    def _followed(self, rule: PoissonRate, truths: Sequence[float]) -> tuple[Outlook, ...]:
        walk, reference = rule.start(self.bar), self.bar.value or 0.5 * truths[-1]
        law, skipped = _law(reference * self.exposure)
        edges = _edges(rule, self.bar, walk)
        kept = _ERROR_BITS + self._reach_bits(rule, edges, reference, truths)
        cap = rule.cap or 1
        top, bottom = edges(cap)
        digits = (kept + _FRACTION_BITS) // _DIGIT + 1
        work = 0.5 * cap * max(1, top - bottom) * len(law.weights) * digits**2 + _WORK_PER_LOOK * cap
        if work > _MOST_WORK:
            raise UndefinedError(
                f"exact probabilities would take {work:.0e} steps, and the limit is {_MOST_WORK:.0e}; "
                "give a larger mde or a smaller cap"
            )

        def shifted(n: int) -> tuple[int, int]:
            top, bottom = edges(n)
            return top - n * skipped, bottom - n * skipped

        places = absorb(law, shifted, kept=kept, every=rule.batch, cap=cap)
        outlooks = []
        for truth in truths:
            per_event = math.log(max(truth, _NEARLY_ZERO) / reference)
            per_unit = per_event * skipped - (truth - reference) * self.exposure
            there = characteristics(truth, places, places.tilted(per_event, per_unit))
            outlooks.append(outlook_of(there, self.bar, truth))
        return tuple(outlooks)

    def _reach_bits(
        self, rule: PoissonRate, edges: Callable[[int], tuple[int, int]], reference: float, truths: Sequence[float]
    ) -> int:
        """Bits of the largest likelihood ratio to the reference that an open count can have at one of the truths."""
        between = rule.batch * reference * self.exposure
        beyond = between + _DEVIATIONS * math.sqrt(between) + _DEVIATIONS
        largest = 0.0
        for n in (rule.batch, rule.cap or 1):
            exposure = n * self.exposure
            top, bottom = edges(n)
            for events in (max(0.0, bottom - beyond), top + beyond):
                truth = min(max(events / exposure, truths[0], _NEARLY_ZERO), truths[-1])
                largest = max(largest, events * math.log(truth / reference) - (truth - reference) * exposure)
        return math.ceil(largest / math.log(2.0))


def poisson(rule: PoissonRate | ExactPoisson, bar: Bar) -> PoissonCase:
    """A test of an event rate."""
    rule.smallest_n(bar)  # refuses a bar that is no rate
    case = PoissonCase(
        bar=bar, sequential=False, unit="events per 1 of exposure", floor=0.0, exposure=rule.exposure,
        assumption=f"independent Poisson counts, exposure {rule.exposure:g} per unit",
    )  # fmt: skip
    if isinstance(rule, ExactPoisson):
        return case
    above, below = rule.alternatives(bar.value)
    return replace(case, sequential=True, rule=rule, distances=(bar.value - below, above - bar.value))


def _mean_at(count: int, level: float, *, reached: bool) -> float:
    """The Poisson mean at which this count, 1 or more, is reached, or is not, with a probability of ``level``."""
    z = normal_quantile(level if reached else 1.0 - level)
    # Wilson and Hilferty's cube, then Newton's steps on the logarithm of the tail
    mean = count * max(0.01, 1.0 - 1.0 / (9.0 * count) + z / (3.0 * math.sqrt(count))) ** 3
    for _ in range(100):
        tail = poisson_sf(count, mean) if reached else poisson_cdf(count - 1, mean)
        density = math.exp((count - 1) * math.log(mean) - mean - math.lgamma(count))
        step = math.log(tail / level) * tail / density * (1.0 if reached else -1.0)
        mean = max(0.5 * mean, mean - step)
        if abs(step) <= 1e-13 * mean:
            break
    return mean


def _law(mean: float) -> tuple[Law, int]:
    """The Poisson law of one unit, and how many events every unit has at the least but for one part in 1e18."""
    spread = _DEVIATIONS * math.sqrt(mean)
    first = max(0, math.floor(mean - spread))
    # the upper tail falls more slowly, as exp(-x**2 / (2 mean + 2 x / 3)) at a distance of x
    counts = range(first, math.ceil(mean + spread + _DEVIATIONS * _DEVIATIONS) + 1)
    chances = [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1.0)) for k in counts]
    whole = (1.0 - 1e-15) * math.ldexp(1.0, _FRACTION_BITS) / math.fsum(chances)
    weights = [int(chance * whole) for chance in chances]
    while not weights[-1]:
        weights.pop()
    return Law(tuple(weights), _FRACTION_BITS), first


def _edges(rule: PoissonRate, bar: Bar, walk: Walk) -> Callable[[int], tuple[int, int]]:
    """Counts of events at which a look at n ends the walk, by the arithmetic of the likelihood ratio itself."""
    above, below = (_line(rate, bar.value, rule.exposure) for rate in rule.alternatives(bar.value))
    accept, reject = walk.accept + GUARD, walk.reject + GUARD

    def edges(n: int) -> tuple[int, int]:
        top, bottom = 1, -1
        if math.isfinite(above[0]):
            top = max(0, math.floor((accept + n * above[1]) / above[0]) - 1)
            while top * above[0] - n * above[1] < accept:
                top += 1
        if below[0] < 0.0:
            bottom = math.ceil((reject + n * below[1]) / below[0]) + 1
            while bottom >= 0 and bottom * below[0] - n * below[1] < reject:
                bottom -= 1
        return top, max(bottom, -1)

    return edges


def _line(alternative: float, null: float, exposure: float) -> tuple[float, float]:
    """What an event adds to the log-likelihood ratio, and what a unit takes away."""
    gain = math.log(alternative / null) if null > 0.0 else math.inf if alternative > 0.0 else 0.0
    return gain, (alternative - null) * exposure
