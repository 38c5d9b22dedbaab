# SPDX-License-Identifier: Apache-2.0
"""Sequential likelihood-ratio tests of a rate: Wald's between two points or at one bar, and Lorden's 2-SPRT.

They take 0/1 units. Each side is the likelihood ratio of one alternative to one null. Its factor for one unit has
an expectation that is linear in the true rate and 1 at the null, so that it is an e-process for every rate on the
null's side. The distance to the alternative sets how soon a verdict comes, never how often it is wrong.

Sources: Wald, Sequential Analysis (1947); Lorden, Annals of Statistics 4 (1976); Ville (1939).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import Decision
from ophamin.measuring.inference.process import GUARD, Walk, ville
from ophamin.measuring.inference.rate_walk import (
    CountProcess,
    bisect_float,
    count_processes,
    decide_rate,
    earliest,
    is_positive,
    require_schedule,
)  # fmt: skip
from ophamin.measuring.inference.values import shown

__all__ = ["DESIGNS", "LikelihoodRatio", "Sprt", "TwoSprt"]

DESIGNS: Final = ("threshold", "acceptance")


class LikelihoodRatio(CountProcess):
    """The likelihood ratio of a rate of ``alternative`` to one of ``null``, both strictly between 0 and 1.

    Evidence against "at most null" where the alternative lies above it, against "at least null" where below.

    Example:
        >>> process = LikelihoodRatio(0.15, 0.10)
        >>> process.update(1)
        >>> round(process.log_e, 4)
        0.4055
    """

    __slots__ = ("down", "up")

    def __init__(self, alternative: float, null: float) -> None:
        super().__init__()
        self.up = math.log(alternative / null)
        self.down = math.log1p((null - alternative) / (1.0 - null))

    def at(self, successes: int, failures: int) -> float:
        """The log-likelihood ratio of these counts."""
        return successes * self.up + failures * self.down


@dataclass(frozen=True, slots=True)
class Sprt:
    """Wald's sequential probability ratio test.

    With design ``threshold`` both nulls meet at the bar v: the rate v + mde is tested against v, and v - mde
    against v, so that VALIDATED excludes "at most v" (for ``>=``) and REFUTED "at least v". With ``acceptance``
    one ratio between p0 = v - margin and p1 = v + margin is tested both ways: it ends almost surely, but between
    p0 and p1 both answers count as right.

    The bounds invert the test over all bars at the same distance. Boundaries that were calibrated by exact
    recursion hold at the printed plan alone, cap and batch included, so that they give no bounds; the p-values
    stay those of Ville's inequality and may lie above the level of a calibrated decision.

    Attributes:
        mde: distance from the bar at which a verdict is wanted almost surely; for ``threshold``.
        design: ``threshold`` or ``acceptance``.
        margin: distance of p0 and p1 from the bar, or the two distances; for ``acceptance``.
        boundaries: ``ville``, or the two log boundaries (accept, reject).
        batch: a look is taken after every so many units.
        cap: units beyond this number are not looked at; None for no cap.

    Raises:
        ClaimError: where a field lies outside its range, or belongs to the other design.

    Example:
        >>> decision = Sprt(mde=0.05).decide([1] * 60, Bar(">=", 0.9))
        >>> decision.outcome, decision.n, round(decision.low, 4)
        ('VALIDATED', 56, 0.9099)
    """

    mde: float | None = None
    design: str = "threshold"
    margin: float | tuple[float, float] | None = None
    boundaries: str | tuple[float, float] = "ville"
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "sprt"
    guarantee: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        if self.design not in DESIGNS:
            raise ClaimError(f"the design is {shown(self.design)}; it is 'threshold' or 'acceptance'")
        needed, other = ("mde", "margin") if self.design == "threshold" else ("margin", "mde")
        if getattr(self, other) is not None:
            raise ClaimError(f"{other} is {shown(getattr(self, other))}, but the design {self.design!r} takes {needed}")
        if self.design == "threshold":
            _require_positive("mde", self.mde)
        else:
            _margins(self.margin)
        require_schedule(self.boundaries, self.batch, self.cap)

    def nulls(self, bar: Bar) -> tuple[float, float]:
        """The bar twice, or p0 and p1.

        Raises:
            ClaimError: where a rate of the test does not lie between 0 and 1.
        """
        bar.require_direction(self.name)
        bar.require_range(0.0, 1.0, "a rate")
        if self.mde is None:
            below, above = _margins(self.margin)
            return _inside(bar.value, -below, "margin"), _inside(bar.value, above, "margin")
        _inside(bar.value, -self.mde, "mde")
        _inside(bar.value, self.mde, "mde")
        return bar.value, bar.value

    def alternatives(self, bar: Bar) -> tuple[float, float]:
        """The rates against which the two nulls are tested: above the low one, below the high one."""
        low, high = self.nulls(bar)
        return (high, low) if self.mde is None else (bar.value + self.mde, bar.value - self.mde)

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where a rate of the test does not lie between 0 and 1.
        """
        low, high = self.nulls(bar)
        above, below = self.alternatives(bar)
        accept, reject = _boundaries(self.boundaries, bar)
        return Walk(
            LikelihoodRatio(above, low), LikelihoodRatio(below, high),
            accept=accept, reject=reject, every=self.batch, cap=self.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over values that are 0, 1, False or True.

        Raises:
            ObservationError: at the first other value before the decision.
            ClaimError: where a rate of the test does not lie between 0 and 1.
        """
        low, high = self.nulls(bar)
        return decide_rate(self, values, bar, {"null_low": low, "null_high": high})

    def bounds(self, successes: int, n: int, bar: Bar) -> tuple[float | None, float | None]:
        """The bounds of the confidence sequence; None and None for calibrated boundaries."""
        if self.boundaries != "ville":
            return None, None
        (low, high), (above, below) = self.nulls(bar), self.alternatives(bar)
        return _ratio_bounds(successes, n, bar, above - low, high - below)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which an unbroken run of successes, or of failures, decides.

        >>> Sprt(mde=0.05).smallest_n(Bar(">=", 0.9))
        (56, 8)
        """
        return earliest(self.start(bar), bar)


@dataclass(frozen=True, slots=True)
class TwoSprt:
    """Lorden's 2-SPRT for an acceptance design: a third rate between p0 and p1 is tested against both.

    The third rate lies where both tests end at the same time. The two regions close, so that no walk is longer
    than `last_look`. The bounds invert each test over all nulls at its own distance from the third rate.

    Attributes:
        margin: distance of p0 and p1 from the bar, or the two distances.
        boundaries: ``ville``, or the two log boundaries (accept, reject).
        batch: a look is taken after every so many units.
        cap: units beyond this number are not looked at; None for no cap.

    Raises:
        ClaimError: where a field lies outside its range.

    Example:
        >>> rule, bar = TwoSprt(0.025), Bar(">", 0.125)
        >>> rule.smallest_n(bar), rule.last_look(bar), round(rule.third(bar), 4)
        ((15, 98), 1000, 0.1236)
    """

    margin: float | tuple[float, float]
    boundaries: str | tuple[float, float] = "ville"
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "two_sprt"
    guarantee: ClassVar[str] = "exact"

    def __post_init__(self) -> None:
        _margins(self.margin)
        require_schedule(self.boundaries, self.batch, self.cap)

    def nulls(self, bar: Bar) -> tuple[float, float]:
        """The rates p0 and p1.

        Raises:
            ClaimError: where one of them does not lie between 0 and 1.
        """
        return Sprt(design="acceptance", margin=self.margin).nulls(bar)

    def third(self, bar: Bar) -> float:
        """The rate between p0 and p1 at which both tests are expected to end together."""
        low, high = self.nulls(bar)
        accept, reject = ville(bar)
        return bisect_float(lambda p: reject * _divergence(p, low) < accept * _divergence(p, high), low, high)

    def last_look(self, bar: Bar) -> int:
        """The n by which every walk has ended, with a look after every unit and no cap."""
        walk = self.start(bar)
        low, high = count_processes(walk)
        assert isinstance(low, LikelihoodRatio)
        assert isinstance(high, LikelihoodRatio)
        # the undecided counts lie between two lines that meet; start where they are one count apart
        gap = walk.accept / (low.up - low.down) + walk.reject / (high.down - high.up)
        closing = low.down / (low.up - low.down) + high.down / (high.down - high.up)
        n = max(1, math.floor((gap - 1.0) / closing) - 1)
        while True:
            k = max(0, math.floor((walk.accept - n * low.down) / (low.up - low.down)) - 1)
            while low.at(k, n - k) < walk.accept + GUARD:
                k += 1
            if high.at(k - 1, n - k + 1) >= walk.reject + GUARD:
                return n
            n += 1

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where p0 or p1 does not lie between 0 and 1.
        """
        (low, high), third = self.nulls(bar), self.third(bar)
        accept, reject = _boundaries(self.boundaries, bar)
        return Walk(
            LikelihoodRatio(third, low), LikelihoodRatio(third, high),
            accept=accept, reject=reject, every=self.batch, cap=self.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over values that are 0, 1, False or True.

        Raises:
            ObservationError: at the first other value before the decision.
            ClaimError: where p0 or p1 does not lie between 0 and 1.
        """
        low, high = self.nulls(bar)
        return decide_rate(self, values, bar, {"null_low": low, "null_high": high, "third": self.third(bar)})

    def bounds(self, successes: int, n: int, bar: Bar) -> tuple[float | None, float | None]:
        """The bounds of the confidence sequence; None and None for calibrated boundaries."""
        if self.boundaries != "ville":
            return None, None
        (low, high), third = self.nulls(bar), self.third(bar)
        return _ratio_bounds(successes, n, bar, third - low, high - third)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which an unbroken run of successes, or of failures, decides."""
        return earliest(self.start(bar), bar)


def _require_positive(name: str, number: object) -> float:
    if not is_positive(number):
        raise ClaimError(
            f"{name} is {shown(number)}; it is a distance from the bar above 0, such as 0.05. "
            "Without one, use method='mixture'"
        )
    assert isinstance(number, (int, float))
    return number


def _margins(margin: object) -> tuple[float, float]:
    """The distances of p0 and p1 from the bar; one of two may be 0."""
    if not isinstance(margin, tuple):
        distance = _require_positive("margin", margin)
        return distance, distance
    if len(margin) != 2 or not any(map(is_positive, margin)) or not all(is_positive(m) or m == 0 for m in margin):
        raise ClaimError(f"margin is {shown(margin)}; give one distance above 0, or two of which one may be 0")
    return margin


def _inside(value: float, distance: float, name: str) -> float:
    rate = value + distance
    if not 0.0 < rate < 1.0:
        room = min(value, 1.0 - value) if name == "mde" else value if distance < 0.0 else 1.0 - value
        raise ClaimError(
            f"the bar {value!r} with {name} {abs(distance)!r} asks for a rate of {rate:.6g}, but a rate lies between "
            f"0 and 1; give {name} below {room:.6g}, or use method='mixture', which needs none"
        )
    return rate


def _boundaries(boundaries: str | tuple[float, float], bar: Bar) -> tuple[float, float]:
    return ville(bar) if isinstance(boundaries, str) else boundaries


def _divergence(p: float, other: float) -> float:
    """Kullback-Leibler divergence of a rate ``p`` from another."""
    return p * math.log(p / other) + (1.0 - p) * math.log((1.0 - p) / (1.0 - other))


def _ratio_bounds(successes: int, n: int, bar: Bar, above: float, below: float) -> tuple[float, float]:
    """Both bounds by inversion: the nulls that ratios at fixed distances above and below exclude."""
    accept, reject = ville(bar)
    failures = n - successes
    return _lower_bound(successes, failures, above, accept), 1.0 - _lower_bound(failures, successes, below, reject)


def _lower_bound(successes: int, failures: int, distance: float, boundary: float) -> float:
    """The largest null at which the ratio reaches its boundary; it falls as the null grows."""

    def excluded(null: float) -> bool:
        alternative = null + distance
        if alternative >= 1.0:
            return failures == 0 and -successes * math.log(null) >= boundary
        ratio = successes * math.log1p(distance / null) + failures * math.log1p(-distance / (1.0 - null))
        return ratio >= boundary

    return bisect_float(excluded, 0.0, 1.0)
