# SPDX-License-Identifier: Apache-2.0
"""Sequential betting on the mean of values within declared bounds: the wealth of sixteen constant bets.

Two bettors stand against each bar: one gains where values exceed it, one where they fall short. The wealth
of each is an e-process for every distribution within the bounds whose conditional mean stays on the null's
side, so it may be read after every value. Streams of 0 and 1 are tested far sooner by a likelihood ratio; the
choice between the two is made before data and not here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import ClassVar, Final

from ophamin.errors import ClaimError, ObservationError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.betting import Tally
from ophamin.measuring.inference.crossing import last_excluded
from ophamin.measuring.inference.decision import JSON, Decision, smallest_deciding
from ophamin.measuring.inference.mean import BoundedMean
from ophamin.measuring.inference.process import EProcess, Walk, decide_by_walk, ville
from ophamin.measuring.inference.values import plain_mean, shown

__all__ = ["ESTIMATE_NOTE", "WEIGHTS", "BettingMean", "ConstantBets", "bets_above", "bets_below"]

ESTIMATE_NOTE: Final = "plain mean, biased after stopping"
"""What a reader must know of an estimate whose sample size depended on the values."""

WEIGHTS: Final = ("equal", "centred")
"""How wealth is divided over the bets at the start."""

_BETS: Final = 16
_LARGEST_SHARE: Final = 0.95
_SMALLEST_M: Final = 1e-290
_READINGS: Final = 64
_LARGEST_LOG: Final = 600.0
_NEGLIGIBLE: Final = 60.0


class ConstantBets:
    """Wealth of bettors who each stake a constant amount per unit of distance from the null.

    Attributes:
        log_e: log of their joint wealth, 0 at the start.

    Args:
        null: the mean that the bets are laid against.
        stakes: what each bettor wins per unit that a value exceeds the null; negative to win below it.
        weights: each bettor's part of the starting wealth; they sum to 1.
        low: lower bound of every value.
        high: upper bound of every value. No bettor may be ruined by a value within the bounds.
    """

    __slots__ = ("_high", "_left", "_log_scale", "_low", "_null", "_readings", "_stakes", "_wealths", "log_e")

    def __init__(self, null: float, stakes: Sequence[float], weights: Sequence[float], low: float, high: float) -> None:
        self._null, self._low, self._high = null, low, high
        joined: dict[float, float] = {}  # bettors of the same stake stay together for ever
        for stake, weight in zip(stakes, weights, strict=True):
            joined[stake] = joined.get(stake, 0.0) + weight
        self._stakes, self._wealths = tuple(joined), list(joined.values())
        gain = max(1.0 + stake * (end - null) for stake in stakes for end in (low, high))
        # wealths are kept as plain numbers and brought back to a sum of 1 before they can overflow
        self._readings = max(1, min(_READINGS, int(_LARGEST_LOG / math.log(max(gain, 2.0)))))
        self._left = self._readings
        self._log_scale = self.log_e = 0.0

    def update(self, value: float) -> None:
        """Take in one unit.

        Raises:
            ObservationError: where it is not a number within the bounds.
        """
        try:
            inside = self._low <= value <= self._high
        except (TypeError, ValueError):
            inside = False
        if not inside:
            raise _outside(value, self._low, self._high)
        distance = value - self._null
        # not strict: the two are made together, and this line is most of the cost of a unit
        self._wealths = wealths = [
            wealth * (1.0 + stake * distance)
            for wealth, stake in zip(self._wealths, self._stakes)  # noqa: B905 - see above
        ]
        total = sum(wealths)
        self.log_e = self._log_scale + math.log(total)
        self._left -= 1
        if not self._left:
            self._left, self._log_scale = self._readings, self.log_e
            self._wealths = [wealth / total for wealth in wealths]


class _AllIn:
    """Against "the mean is at an end of the range", which one value off that end disproves."""

    __slots__ = ("_end", "_high", "_low", "log_e")

    def __init__(self, end: float, low: float, high: float) -> None:
        self._end, self._low, self._high = end, low, high
        self.log_e = 0.0

    def update(self, value: float) -> None:
        try:
            inside = self._low <= value <= self._high
        except (TypeError, ValueError):
            inside = False
        if not inside:
            raise _outside(value, self._low, self._high)
        if value != self._end:
            self.log_e = math.inf


def bets_above(
    null: float, low: float, high: float, margin: float | None = None, weights: str = "equal", bets: int = _BETS
) -> EProcess:
    """Bets against "the mean is at most ``null``", for values within ``low`` and ``high``.

    Args:
        null: within the bounds.
        low: lower bound of every value.
        high: upper bound.
        margin: how far above the null the mean is expected, in the unit of the values. It aims the bets and
            does not touch their validity; None for a grid that fits no distance in particular.
        weights: ``equal``, or ``centred`` on the bet that is best for 0/1 values at this margin.
        bets: how many bets, each 1.41 times the one before.

    Example:
        >>> evidence = bets_above(0.5, 0.0, 1.0, margin=0.25)
        >>> for value in [0.8, 0.7, 0.9]:
        ...     evidence.update(value)
        >>> round(evidence.log_e, 4)
        1.2182
    """
    width = high - low
    m = (null - low) / width
    if m < _SMALLEST_M:
        return _AllIn(low, low, high)
    shares = _shares_at_stake(m, None if margin is None else margin / width, bets)
    return ConstantBets(null, [share / (m * width) for share in shares], _weights(weights, bets), low, high)


def bets_below(
    null: float, low: float, high: float, margin: float | None = None, weights: str = "equal", bets: int = _BETS
) -> EProcess:
    """Bets against "the mean is at least ``null``": those of `bets_above` on the mirrored values."""
    width = high - low
    m = (high - null) / width
    if m < _SMALLEST_M:
        return _AllIn(high, low, high)
    shares = _shares_at_stake(m, None if margin is None else margin / width, bets)
    return ConstantBets(null, [-share / (m * width) for share in shares], _weights(weights, bets), low, high)


@dataclass(frozen=True, slots=True)
class BettingMean:
    """Sequential betting for a mean of values that lie within ``low`` and ``high``, whatever their distribution.

    Attributes:
        low: lower bound of every value.
        high: upper bound.
        mde: distance from the bar at which a verdict is wanted soon, in the unit of the values; it aims the
            bets and never touches the error levels. None for bets that fit no distance in particular.
        weights: ``equal``; or ``centred``, for scores that are mostly 0 or 1 with some partial credit.
        batch: a look is taken after every so many units.
        cap: units beyond this number are not looked at; None for no cap.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (JRSS B 86,
    2024).

    Raises:
        ClaimError: where the bounds are not finite or not in order, or mde or weights is not one that fits.

    Example:
        >>> decision = BettingMean(0.0, 1.0, mde=0.1).decide([0.7, 0.8, 0.9, 0.75] * 5, Bar(">=", 0.5))
        >>> decision.outcome, decision.n, round(decision.low, 3)
        ('VALIDATED', 8, 0.502)
    """

    low: float
    high: float
    mde: float | None = None
    weights: str = "equal"
    batch: int = 1
    cap: int | None = None
    name: ClassVar[str] = "betting"
    guarantee: ClassVar[str] = "finite-sample"

    def __post_init__(self) -> None:
        checked = BoundedMean(self.low, self.high)  # the same bounds, the same refusals
        object.__setattr__(self, "low", checked.low)
        object.__setattr__(self, "high", checked.high)
        if self.weights not in WEIGHTS:
            raise ClaimError(f"weights are {shown(self.weights)}; give 'equal' or 'centred'")
        if self.mde is None:
            if self.weights == "centred":
                raise ClaimError("centred weights are centred on the mde, and there is none; give mde= or 'equal'")
        elif isinstance(self.mde, bool) or not isinstance(self.mde, (int, float)) or not self.mde > 0.0:
            raise ClaimError(f"the mde is {shown(self.mde)}; give a distance above 0, in the unit of the values")
        elif not self.mde < self.high - self.low:
            raise ClaimError(
                f"the mde is {self.mde!r}, but the bounds {self.low!r} and {self.high!r} leave no two means that far "
                "apart; give a smaller mde"
            )

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where the comparator is ``==`` or the bar lies outside the bounds.
        """
        bar.require_direction(self.name)
        bar.require_range(self.low, self.high, "a mean within the bounds")
        accept, reject = ville(bar)
        return Walk(
            bets_above(bar.value, self.low, self.high, self.mde, self.weights),
            bets_below(bar.value, self.low, self.high, self.mde, self.weights),
            accept=accept, reject=reject, every=self.batch, cap=self.cap,
        )  # fmt: skip

    def decide(self, values: Sequence[float], bar: Bar) -> Decision:
        """Walk over the values in their order; the bounds invert the evidence up to the last value used.

        Raises:
            ObservationError: at the first value before the decision that is not a number within the bounds.
            ClaimError: where the comparator is ``==`` or the bar lies outside the bounds.
        """
        width = self.high - self.low

        def low(used: Sequence[float]) -> float | None:
            bound = self.low + width * self._excluded(Tally.of((x - self.low) / width for x in used), bar.low_level)
            return None if bound == self.low == bar.value else bound

        def high(used: Sequence[float]) -> float | None:
            bound = self.high - width * self._excluded(Tally.of((self.high - x) / width for x in used), bar.high_level)
            return None if bound == self.high == bar.value else bound

        detail: dict[str, JSON] = {
            "bounds": [self.low, self.high], "mde": self.mde, "weights": self.weights, "estimate_note": ESTIMATE_NOTE,
        }  # fmt: skip
        return decide_by_walk(self, values, bar, estimate=plain_mean, low=low, high=high, detail=detail)

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The n at which all values on one bound decide.

        >>> BettingMean(0.0, 1.0, mde=0.05).smallest_n(Bar(">=", 0.5))
        (6, 6)
        """
        bar.require_direction(self.name)
        bar.require_range(self.low, self.high, "a mean within the bounds")
        m = (bar.value - self.low) / (self.high - self.low)
        above, below = self._run(m, bar.low_level), self._run(1.0 - m, bar.high_level)
        return (above, below) if bar.upward else (below, above)

    def _run(self, m: float, level: float) -> int | None:
        """Length of the run of values 1 that decides against "the mean is at most m"."""
        if m >= 1.0:
            return None
        ones, target = Tally.of([1.0]), -math.log(level)
        if m < _SMALLEST_M:
            return 1
        gains = [math.log1p(share * (1.0 - m) / m) for share in self._shares(m)]
        weights = _weights(self.weights, _BETS)

        def decides(n: int) -> bool:
            return _log_sum([n * gain for gain in gains], weights) >= target

        return ones.n if decides(1) else smallest_deciding(decides, 1)

    def _shares(self, m: float) -> list[float]:
        return _shares_at_stake(m, None if self.mde is None else self.mde / (self.high - self.low), _BETS)

    def _excluded(self, tally: Tally, level: float) -> float:
        """The largest m for which "the mean is at most m" is excluded; 0 where none is."""
        if tally.mean <= 0.0:
            return 0.0
        # sqrt(log wealth) is nearly straight against the distance from the mean
        shift = math.log(_BETS)
        goal = math.sqrt(shift - math.log(level))
        reach = min(0.9 * tally.mean, tally.deviation * goal * math.sqrt(2.0 / tally.n) + 0.5 * tally.mean / tally.n)
        weights = _weights(self.weights, _BETS)

        def gap(m: float) -> float:
            if m < _SMALLEST_M:
                return math.inf
            return math.sqrt(max(0.0, _log_wealth(tally, m, self._shares(m), weights) + shift)) - goal

        return last_excluded(gap, 0.0, tally.mean, tally.mean - reach)


def _outside(value: object, low: float, high: float) -> ObservationError:
    return ObservationError(
        f"the observation is {shown(value)}, not a number within the declared bounds {low!r} and {high!r}; "
        "declare bounds that no value can leave"
    )


def _shares_at_stake(m: float, margin: float | None, bets: int) -> list[float]:
    """Which share of its wealth each bettor loses where a value in [0, 1] is 0, against "the mean is at most m"."""
    if margin is None:
        return [_LARGEST_SHARE * 2.0 ** (-j / 2) for j in range(bets)]
    if m >= 1.0:
        return [_LARGEST_SHARE] * bets
    return [min(margin * 0.5 * 2.0 ** (j / 2) / (1.0 - m), _LARGEST_SHARE) for j in range(bets)]


def _weights(name: str, bets: int) -> list[float]:
    # bet 2 is margin / (m (1 - m)), which is best for 0/1 values whose mean is m + margin
    raw = [1.0] * bets if name == "equal" else [1.0 / (1 + abs(j - 2)) for j in range(bets)]
    total = math.fsum(raw)
    return [weight / total for weight in raw]


def _log_sum(logs: Sequence[float], weights: Sequence[float]) -> float:
    largest = max(logs)
    return largest + math.log(
        math.fsum(weight * math.exp(log - largest) for log, weight in zip(logs, weights, strict=True))
    )


def _log_wealth(tally: Tally, m: float, shares: Sequence[float], weights: Sequence[float]) -> float:
    """Log of the joint wealth after all values of a tally.

    The log is concave in the share and 0 at share 0, so once it falls steeply the larger shares are lost too.
    """
    logs: list[float] = []
    kept: list[float] = []
    share_before = log_before = 0.0
    largest, slope = -math.inf, math.inf
    for share, weight in sorted(zip(shares, weights, strict=True), key=itemgetter(0)):
        if log_before + slope * (share - share_before) < largest - _NEGLIGIBLE:
            break
        if share > share_before:
            # 1 + c (y / m - 1) = (1 - c) (1 + t y)
            log = tally.n * math.log1p(-share) + tally.log_product(share / (m * (1.0 - share)))
            slope = (log - log_before) / (share - share_before)
            share_before, log_before, largest = share, log, max(largest, log)
        logs.append(log_before)
        kept.append(weight)
    return _log_sum(logs, kept)
