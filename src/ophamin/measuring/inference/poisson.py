# SPDX-License-Identifier: Apache-2.0
"""Rates of events per unit of exposure, from one count per evidence unit: sequential and fixed-sample.

Their levels are exact where counts are Poisson. Events that come in clusters make counts vary more, and the
levels are overspent: a variance of twice the mean turns 0.05 into about 0.11. A rate of successes among trials is
another statistic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting_process import ESTIMATE_NOTE
from ophamin.measuring.inference.crossing import last_excluded
from ophamin.measuring.inference.decision import JSON, Decision, agree, settle, smallest_deciding, undecided
from ophamin.measuring.inference.process import Walk, decide_by_walk, ville
from ophamin.measuring.inference.special import deviance, stirling_error
from ophamin.measuring.inference.values import shown

__all__ = ["ExactPoisson", "PoissonRate", "PoissonRatio", "count_events", "poisson_cdf", "poisson_sf"]

_SMALLEST_SHARE = 0.1


class PoissonRatio:
    """The likelihood ratio of one event rate to another, for a count per unit of ``exposure``.

    Evidence against "at most null" where the alternative lies above it, against "at least null" where below.

    Example:
        >>> process = PoissonRatio(1.5, 1.0)
        >>> process.update(3)
        >>> round(process.log_e, 4)
        0.7164
    """

    __slots__ = ("_drift", "_gain", "events", "log_e", "n")

    def __init__(self, alternative: float, null: float, exposure: float = 1.0) -> None:
        self._gain = math.log(alternative / null) if null > 0.0 else math.inf if alternative > 0.0 else 0.0
        self._drift = (alternative - null) * exposure
        self.events, self.n, self.log_e = 0, 0, 0.0

    def update(self, value: float) -> None:
        """Take in the count of one unit.

        Raises:
            ObservationError: where it is not a whole number of 0 or more.
        """
        self.events += _count(value, self.n)
        self.n += 1
        gained = self.events * self._gain if self.events else 0.0
        self.log_e = gained - self.n * self._drift


@dataclass(frozen=True, slots=True)
class PoissonRate:
    """Sequential likelihood-ratio test of an event rate: a rate above the bar and one below it against the bar.

    Attributes:
        mde: distance of the two rates from the bar, in events per unit of exposure; the lower one is at least a
            tenth of the bar. Or
        ratio: the two rates are bar * ratio and bar / ratio; above 1. One of the two is given.
        exposure: what one evidence unit is exposed to (hours, requests); the rate is per 1 of it.
        batch: a look is taken after every so many units.
        cap: units beyond this number are not looked at; None for no cap.

    Source: Dvoretzky, Kiefer and Wolfowitz, Annals of Mathematical Statistics 24 (1953).

    Raises:
        ClaimError: where not exactly one of mde and ratio is given, or a field lies outside its range.

    Example:
        >>> decision = PoissonRate(mde=0.5).decide([2, 1, 3, 2, 2, 1, 3, 2, 4], Bar(">", 1.0))
        >>> decision.outcome, decision.n, round(decision.low, 4)
        ('VALIDATED', 9, 1.0997)
    """

    mde: float | None = None
    ratio: float | None = None
    exposure: float = 1.0
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "sprt"
    guarantee: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        if (self.mde is None) is (self.ratio is None):
            raise ClaimError(f"mde is {shown(self.mde)} and ratio {shown(self.ratio)}; give exactly one of them")
        _require_above("exposure", self.exposure, 0.0)
        if self.mde is not None:
            _require_above("mde", self.mde, 0.0)
        else:
            _require_above("ratio", self.ratio, 1.0)

    def alternatives(self, rate: float) -> tuple[float, float]:
        """The rates above and below a bar at ``rate``."""
        if self.ratio is not None:
            return rate * self.ratio, rate / self.ratio
        assert self.mde is not None
        return rate + self.mde, max(rate - self.mde, _SMALLEST_SHARE * rate)

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where the comparator is ``==``, or the bar lies below 0, or is 0 and a ratio was given.
        """
        _require_rate(bar, self.name)
        if bar.value == 0.0 and self.mde is None:
            raise ClaimError(f"the bar is {bar.value!r} and any ratio of it is 0 too; give an mde instead of the ratio")
        above, below = self.alternatives(bar.value)
        accept, reject = ville(bar)
        return Walk(
            PoissonRatio(above, bar.value, self.exposure), PoissonRatio(below, bar.value, self.exposure),
            accept=accept, reject=reject, every=self.batch, cap=self.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over one count per unit; the bounds invert the evidence up to the last value used.

        Raises:
            ObservationError: at the first value before the decision that is not a whole number of 0 or more.
            ClaimError: where the bar does not fit.
        """
        _require_rate(bar, self.name)

        def detail(used: Sequence[float]) -> dict[str, JSON]:
            above, below = self.alternatives(bar.value)
            return {
                "events": count_events(used), "exposure": len(used) * self.exposure, "alternatives": [above, below],
                "estimate_note": ESTIMATE_NOTE,
            }  # fmt: skip

        return decide_by_walk(
            self, values, bar, detail=detail,
            estimate=lambda used: count_events(used) / (len(used) * self.exposure),
            low=lambda used: self._low(count_events(used), len(used) * self.exposure, bar),
            high=lambda used: self._high(count_events(used), len(used) * self.exposure, bar),
        )  # fmt: skip

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """One unit full of events, and the n at which units without any decide.

        >>> PoissonRate(mde=0.5).smallest_n(Bar("<=", 1.0))
        (6, 1)
        """
        walk = self.start(bar)
        per_unit = (bar.value - self.alternatives(bar.value)[1]) * self.exposure
        below = None if per_unit <= 0.0 else max(1, math.ceil(walk.reject / per_unit))
        return (1, below) if bar.upward else (below, 1)

    def _low(self, events: int, exposure: float, bar: Bar) -> float | None:
        """The largest rate that is excluded from below; None where none is."""
        if events == 0:
            return None
        target = -math.log(bar.low_level)
        if self.ratio is not None:
            bound = (events * math.log(self.ratio) - target) / (exposure * (self.ratio - 1.0))
            return bound if bound > 0.0 else None

        step = self._step()

        def gap(rate: float) -> float:
            return events * math.log1p(step / rate) - exposure * step - target

        tiny = events / exposure * 1e-300
        return last_excluded(gap, tiny, events / exposure) if tiny > 0.0 else None

    def _high(self, events: int, exposure: float, bar: Bar) -> float | None:
        """The smallest rate that is excluded from above; None where none is."""
        target = -math.log(bar.high_level)
        if self.ratio is not None:
            return (target + events * math.log(self.ratio)) / (exposure * (1.0 - 1.0 / self.ratio))
        step = self._step()
        slack = exposure * step - target  # what the evidence against ever larger rates tends to
        if slack <= 0.0:
            return None

        def gap(rate: float) -> float:
            drop = min(step, (1.0 - _SMALLEST_SHARE) * rate)
            return events * math.log1p(-drop / rate) + exposure * drop - target

        return last_excluded(gap, 2.0 * (events * step / slack + 2.0 * step), events / exposure)

    def _step(self) -> float:
        assert self.mde is not None
        return self.mde


@dataclass(frozen=True, slots=True)
class ExactPoisson:
    """Fixed-sample exact tests of an event rate, with Garwood's bounds that they invert.

    Attributes:
        exposure: what one evidence unit is exposed to; the rate is per 1 of it.

    Source: Garwood, Biometrika 28 (1936).

    Raises:
        ClaimError: where exposure is not a finite number above 0.

    Example:
        >>> decision = ExactPoisson().decide([10], Bar("<=", 20.0, alpha=0.025, beta=0.025))
        >>> decision.outcome, round(decision.low, 4), round(decision.high, 4)
        ('VALIDATED', 4.7954, 18.3904)
    """

    exposure: float = 1.0
    name: ClassVar[str] = "exact_poisson"
    guarantee: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        _require_above("exposure", self.exposure, 0.0)

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Answer from one count per unit; their order does not matter.

        Raises:
            ObservationError: at the first value that is not a whole number of 0 or more.
            ClaimError: where the comparator is ``==`` or the bar lies below 0.
        """
        _require_rate(bar, self.name)
        events, n = count_events(values), len(values)
        if n == 0:
            return undecided(self.name, self.guarantee, 0, "no observations")
        exposure = n * self.exposure
        mean = bar.value * exposure
        p_above, p_below = poisson_sf(events, mean), poisson_cdf(events, mean)
        low, high = (bound / exposure for bound in _garwood(events, bar.low_level, bar.high_level))
        low, high = agree(low, high, bar, p_above, p_below, 0.0, math.inf)
        base = Decision(
            self.name, self.guarantee, n, events / exposure, low, high,
            detail={"events": events, "exposure": exposure},
        )  # fmt: skip
        return settle(base, bar, p_above, p_below, lambda: self._more(events, n, bar))

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """One unit full of events, and the n at which units without any decide.

        >>> ExactPoisson().smallest_n(Bar("<=", 0.1))
        (30, 1)
        """
        _require_rate(bar, self.name)
        mean = bar.value * self.exposure
        below = None if mean == 0.0 else max(1, math.ceil(-math.log(bar.high_level) / mean))
        return (1, below) if bar.upward else (below, 1)

    def _more(self, events: int, n: int, bar: Bar) -> int | None:
        """Further units that decide if the rate stays, counts rounded against the decision."""
        mean = bar.value * self.exposure
        if events == mean * n:
            return None

        def decides(size: int) -> bool:
            if events > mean * n:
                return poisson_sf(events * size // n, mean * size) <= bar.low_level
            return poisson_cdf(-(-events * size // n), mean * size) <= bar.high_level

        enough = smallest_deciding(decides, n)
        return None if enough is None else enough - n


def count_events(values: Iterable[float]) -> int:
    """Sum of counts.

    Raises:
        ObservationError: at the first value that is not a whole number of 0 or more.

    Example:
        >>> count_events([0, 2, 1.0])
        3
    """
    return sum(_count(value, index) for index, value in enumerate(values))


def poisson_cdf(k: int, mean: float) -> float:
    """P(X <= k) for a Poisson count of this mean.

    >>> poisson_cdf(0, 0.0), round(poisson_cdf(10, 18.3904), 5)
    (1.0, 0.025)
    """
    if k < 0:
        return 0.0
    if k < mean:
        return _point(k, mean) * _downward(k, mean)
    return 1.0 - poisson_sf(k + 1, mean)


def poisson_sf(k: int, mean: float) -> float:
    """P(X >= k), k included, for a Poisson count of this mean.

    >>> poisson_sf(0, 5.0), round(poisson_sf(10, 4.7954), 5)
    (1.0, 0.025)
    """
    if k <= 0:
        return 1.0
    if k > mean:
        return _point(k, mean) * _upward(k, mean)
    return 1.0 - poisson_cdf(k - 1, mean)


def _point(k: int, mean: float) -> float:
    """P(X = k), by the saddle-point form that keeps its digits for large counts."""
    if mean == 0.0:
        return 1.0 if k == 0 else 0.0
    if k == 0:
        return math.exp(-mean)
    return math.exp(-stirling_error(k) - deviance(k, mean)) / math.sqrt(2.0 * math.pi * k)


def _upward(k: int, mean: float) -> float:
    """Sum of the probabilities of k, k + 1, ... over that of k, for k above the mean."""
    total = term = 1.0
    while term > 1e-17 * total:
        k += 1
        term *= mean / k
        total += term
    return total


def _downward(k: int, mean: float) -> float:
    """Sum of the probabilities of k, k - 1, ..., 0 over that of k, for k below the mean."""
    total = term = 1.0
    while k > 0 and term > 1e-17 * total:
        term *= k / mean
        k -= 1
        total += term
    return total


def _garwood(events: int, low_level: float, high_level: float) -> tuple[float, float]:
    """Means at which this many events, or more, or fewer, are as rare as the levels."""
    # both quantiles lie within this many deviations of the count, generously
    reach = 4.0 + 4.0 * math.sqrt(-math.log(min(low_level, high_level)) * (events + 1.0)) - 2.0 * math.log(high_level)

    def rare_above(mean: float) -> float:
        tail = poisson_sf(events, mean)
        return math.log(low_level / tail) if tail > 0.0 else math.inf

    def rare_below(mean: float) -> float:
        tail = poisson_cdf(events, mean)
        return math.log(high_level / tail) if tail > 0.0 else math.inf

    low = 0.0 if events == 0 else last_excluded(rare_above, 0.0, float(events + 1))
    return low, last_excluded(rare_below, events + reach, float(events) * 0.5)


def _count(value: float, index: int) -> int:
    try:
        count = int(value)
        if count == value and count >= 0:
            return count
    except (TypeError, ValueError, OverflowError):
        pass
    raise ObservationError(
        f"observation {index} is {shown(value)}; a rate of events needs a whole count of 0 or more from every unit"
    )


def _require_rate(bar: Bar, method: str) -> None:
    bar.require_direction(method)
    bar.require_range(0.0, math.inf, "a rate of events")


def _require_above(name: str, number: object, floor: float) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not floor < number < math.inf:
        raise ClaimError(f"{name} is {shown(number)}; give a finite number above {floor:g}")
