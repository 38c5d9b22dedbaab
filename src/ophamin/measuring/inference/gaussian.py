# SPDX-License-Identifier: Apache-2.0
"""Sequential tests of the mean of Gaussian units, with sigma unknown (t) or known.

Their levels hold where the units are Gaussian. Under skew they are off by as much as the fixed-sample t test's,
and nothing here looks at the shape of the data. Values within declared bounds are better served by betting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting_process import ESTIMATE_NOTE
from ophamin.measuring.inference.crossing import last_excluded
from ophamin.measuring.inference.decision import JSON, Decision, smallest_deciding
from ophamin.measuring.inference.process import Walk, decide_by_walk, ville
from ophamin.measuring.inference.values import finite_numbers, plain_mean, shown, spread

__all__ = ["GaussianKnownSigma", "ShiftRatio", "TRatio", "TSprt", "log_t_ratio"]

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def log_t_ratio(n: int, z: float, delta: float) -> float:
    """Log of the likelihood ratio of Student's t of ``n`` values: effect ``delta`` against effect 0.

    It equals the log ratio of the noncentral density, of noncentrality delta sqrt(n), to the central one, both
    with n - 1 degrees of freedom, to about 1e-11.

    Args:
        n: number of values, 2 or more.
        z: t / sqrt(t**2 + n - 1), from -1 to 1: the sum of the values over the root of n times their sum of squares.
        delta: mean over sigma under the alternative.

    Example:
        >>> round(log_t_ratio(10, 0.5, 0.3), 6)
        1.069242
    """
    # With u = root of the sum of squares over sigma, the ratio is the integral of u**(n-1) exp(-u**2/2 + rho u),
    # rho = delta z sqrt(n), over the one with rho = 0, times exp(-n delta**2 / 2). About its peak and in the log
    # of u the integrand is smooth and falls fast both ways, where the trapezoid rule converges geometrically.
    kappa = delta * z
    peak = math.asinh(0.5 * kappa)
    root = math.exp(peak)
    half = 0.5 * n
    stirling = math.lgamma(half) - ((half - 0.5) * math.log(half) - half + _HALF_LOG_TWO_PI)
    norm = 0.5 * math.log(math.pi / n) + stirling
    return n * (peak + 0.5 * kappa * root - 0.5 * delta * delta) + math.log(_about_peak(n, root)) - norm


class TRatio:
    """The t likelihood ratio as a process: effect ``delta`` against effect 0 of ``values - null``.

    It is 1 below two values and while all values are equal, where there is no t.
    """

    __slots__ = ("_delta", "_exponent", "_first", "_null", "_same", "_squares", "_sum", "log_e", "n")

    def __init__(self, null: float, delta: float) -> None:
        self._null, self._delta = null, delta
        self._first, self._same = 0.0, True
        self._exponent: int | None = None
        self._sum = self._squares = self.log_e = 0.0
        self.n = 0

    def update(self, value: float) -> None:
        """Take in one unit.

        Raises:
            ObservationError: where it is not a finite number, or too far out for its square to be formed.
        """
        distance = _distance(value, self._null)
        if self._exponent is None and distance:
            self._exponent = math.frexp(distance)[1]
        try:
            # in units of a power of two near the first value, so that squares neither overflow nor vanish
            scaled = math.ldexp(distance, -(self._exponent or 0))
        except OverflowError:
            scaled = math.inf
        squares = self._squares + scaled * scaled
        if not squares < math.inf:
            raise ObservationError(
                f"the observation is {value!r}, too far from the first ones; rescale or declare bounds"
            )
        if self.n == 0:
            self._first = value
        self._same = self._same and value == self._first
        self.n += 1
        self._sum, self._squares = self._sum + scaled, squares
        if not self._same:
            z = self._sum / math.sqrt(self.n * squares)
            self.log_e = log_t_ratio(self.n, min(1.0, max(-1.0, z)), self._delta)


class ShiftRatio:
    """The likelihood ratio of a mean of ``null + shift sigma`` to one of ``null``, for Gaussian units."""

    __slots__ = ("_null", "_shift", "_sigma", "_sum", "log_e", "n")

    def __init__(self, null: float, shift: float, sigma: float) -> None:
        self._null, self._shift, self._sigma = null, shift, sigma
        self._sum = self.log_e = 0.0
        self.n = 0

    def update(self, value: float) -> None:
        """Take in one unit.

        Raises:
            ObservationError: where it is not a finite number.
        """
        total = self._sum + _distance(value, self._null) / self._sigma
        log_e = self._shift * (total - 0.5 * self.n * self._shift - 0.5 * self._shift)
        if not math.isfinite(log_e):
            raise ObservationError(
                f"the observation is {value!r}, too many sigmas ({self._sigma!r}) from the bar; check both"
            )
        self._sum, self.log_e = total, log_e
        self.n += 1


@dataclass(frozen=True, slots=True)
class TSprt:
    """Sequential t test: the scale-invariant likelihood ratios of effects +delta and -delta against 0 at the bar.

    Each ratio falls when all values move towards its null's side, so that its level holds for every mean there
    and every sigma. It holds for stops that look at the history of t alone, as those at the boundary or at a cap
    do; a stop that looks at the raw scale of the values (their size, their variance) is not covered, because the
    ratio is a martingale for the history of t and not for that of the values. Zero variance decides nothing.

    Attributes:
        delta: distance from the bar at which a verdict is wanted soon, in sigmas; it never touches the levels.
        batch: a look is taken after every so many units.
        cap: units beyond this number are not looked at; None for no cap.

    Source: Rushton, Biometrika 37 (1950); Wang and Ramdas, "Anytime-valid t-tests and confidence sequences for
    Gaussian means with unknown variance" (2023).

    Raises:
        ClaimError: where delta is not a finite number above 0.

    Example:
        >>> decision = TSprt(0.5).decide([9.9, 10.9, 10.4, 11.2, 10.3] * 2, Bar(">", 10.0))
        >>> decision.outcome, round(decision.low, 2)
        (None, 9.95)
    """

    delta: float
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "t_sprt"
    guarantee: ClassVar[str] = "model"

    def __post_init__(self) -> None:
        _require_positive("delta", self.delta)

    @classmethod
    def in_units(cls, mde: float, sigma: float, batch: int = 1, cap: int | None = None) -> TSprt:
        """The test for an mde in the unit of the values, with a declared guess of sigma that only aims it.

        >>> TSprt.in_units(mde=3.0, sigma=10.0)
        TSprt(delta=0.3, batch=1, cap=None)
        """
        _require_positive("mde", mde)
        _require_positive("sigma", sigma)
        return cls(mde / sigma, batch, cap)

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where the comparator is ``==``.
        """
        bar.require_direction(self.name)
        accept, reject = ville(bar)
        return Walk(
            TRatio(bar.value, self.delta), TRatio(bar.value, -self.delta),
            accept=accept, reject=reject, every=self.batch, cap=self.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over the values in their order; the bounds invert the evidence up to the last value used.

        Raises:
            ObservationError: at the first value before the decision that is not a finite number.
            ClaimError: where the comparator is ``==``.
        """
        detail: dict[str, JSON] = {"delta": self.delta, "estimate_note": ESTIMATE_NOTE}
        return decide_by_walk(
            self, values, bar, estimate=plain_mean, detail=detail,
            low=lambda used: self._bound(used, bar.low_level, 1.0),
            high=lambda used: self._bound(used, bar.high_level, -1.0),
        )  # fmt: skip

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which values far off the bar with hardly any spread decide.

        >>> TSprt(0.5).smallest_n(Bar(">=", 10.0))
        (8, 8)
        """
        bar.require_direction(self.name)
        above, below = self._run(bar.low_level), self._run(bar.high_level)
        return (above, below) if bar.upward else (below, above)

    def _run(self, level: float) -> int | None:
        def decides(n: int) -> bool:
            return log_t_ratio(n, 1.0, self.delta) >= -math.log(level)

        return 2 if decides(2) else smallest_deciding(decides, 2)

    def _bound(self, used: Sequence[float], level: float, sign: float) -> float | None:
        """The mean at which the ratio stands at 1 / level; None where it stays below at every mean."""
        numbers, n = finite_numbers(used), len(used)
        if n < 2 or min(numbers) == max(numbers):
            return None

        def gap(z: float) -> float:
            return log_t_ratio(n, z, self.delta) + math.log(level)

        if gap(1.0) <= 0.0:
            return None
        z = last_excluded(gap, 1.0, 0.0)
        mean = plain_mean(numbers)
        if z >= 1.0:
            return None
        return mean - sign * spread(numbers, mean) * math.sqrt((n - 1) / n) * z / math.sqrt((1.0 - z) * (1.0 + z))


@dataclass(frozen=True, slots=True)
class GaussianKnownSigma:
    """Wald's test of a Gaussian mean at v + mde and at v - mde against the bar v, with sigma known.

    Attributes:
        sigma: standard deviation of a unit, declared before the data.
        mde: distance from the bar at which a verdict is wanted soon, in the unit of the values.
        batch: a look is taken after every so many units.
        cap: units beyond this number are not looked at; None for no cap.

    Raises:
        ClaimError: where sigma or mde is not a finite number above 0.

    Example:
        >>> decision = GaussianKnownSigma(sigma=1.0, mde=0.5).decide([9.0] * 20, Bar("<=", 10.0))
        >>> decision.outcome, decision.n, round(decision.high, 3)
        ('VALIDATED', 8, 9.999)
    """

    sigma: float
    mde: float
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "sprt"
    guarantee: ClassVar[str] = "model"

    def __post_init__(self) -> None:
        _require_positive("sigma", self.sigma)
        _require_positive("mde", self.mde)
        _require_positive("mde / sigma", self.mde / self.sigma)

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where the comparator is ``==``.
        """
        bar.require_direction(self.name)
        accept, reject = ville(bar)
        shift = self.mde / self.sigma
        return Walk(
            ShiftRatio(bar.value, shift, self.sigma), ShiftRatio(bar.value, -shift, self.sigma),
            accept=accept, reject=reject, every=self.batch, cap=self.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over the values in their order; the bounds invert the evidence up to the last value used.

        Raises:
            ObservationError: at the first value before the decision that is not a finite number.
            ClaimError: where the comparator is ``==``.
        """
        detail: dict[str, JSON] = {"sigma": self.sigma, "mde": self.mde, "estimate_note": ESTIMATE_NOTE}
        return decide_by_walk(
            self, values, bar, estimate=plain_mean, detail=detail,
            low=lambda used: plain_mean(used) - self._reach(len(used), bar.low_level),
            high=lambda used: plain_mean(used) + self._reach(len(used), bar.high_level),
        )  # fmt: skip

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """One, both ways: the model sets no limit to how far off a value may lie.

        >>> GaussianKnownSigma(sigma=1.0, mde=0.5).smallest_n(Bar("<=", 10.0))
        (1, 1)
        """
        bar.require_direction(self.name)
        return 1, 1

    def _reach(self, n: int, level: float) -> float:
        shift = self.mde / self.sigma
        return self.sigma * (0.5 * shift - math.log(level) / (n * shift))


def _about_peak(n: int, root: float) -> float:
    """Integral of exp(n (s - e - (root e)**2 / 2)), e = exp(s) - 1, over all s; to about 1e-11."""
    # few units make broad tails, which take a finer step
    fineness = 0.3 if n < 5 else 0.45 if n < 12 else 0.6 if n < 30 else 0.7
    width = fineness / math.sqrt(n * (1.0 + root * root))
    curve = 0.5 * root * root
    exp, expm1 = math.exp, math.expm1
    total = 1.0
    for step in (width, -width):
        s = step
        while True:
            e = expm1(s)
            term = exp(n * (s - e - curve * e * e))
            total += term
            if term < 1e-13:
                break
            s += step
    return total * width


def _distance(value: float, null: float) -> float:
    try:
        distance = value - null
        if math.isfinite(distance):
            return distance
    except (TypeError, ValueError, OverflowError):
        pass
    raise ObservationError(f"the observation is {shown(value)}; only finite numbers can be tested")


def _require_positive(name: str, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0.0 < number < math.inf:
        raise ClaimError(f"{name} is {shown(number)}; give a finite number above 0, declared before the data")
