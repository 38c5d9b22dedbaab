# SPDX-License-Identifier: Apache-2.0
"""The sequential contract: one-sided e-processes, the walk of a pair of them, and its shared ending.

An e-process starts at 1 and has expectation at most 1 at every stopping time, wherever its null holds, so that
it ever reaches 1/level with probability at most level (Ville 1939). A walk holds one e-process against each side
of a bar and stops at the first that reaches its boundary. It does not know what the statistic is; the rules do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from ophamin.errors import ClaimError
from ophamin.measuring.inference.bar import Bar
from ophamin.measuring.inference.decision import JSON, Decision

__all__ = [
    "GUARD",
    "Answer",
    "EProcess",
    "SequentialRule",
    "Walk",
    "agree_with_walk",
    "decide_by_walk",
    "further_units",
    "outcome_of",
    "ville",
]

GUARD: Final = 1e-12
"""A boundary counts as reached only this far (in log) beyond it, so that rounding never decides."""

PATH_POINTS: Final = 40
"""About as many points of a walk are kept for people to look at."""

Answer: TypeAlias = "float | Callable[[Sequence[float]], float | None] | None"
"""A number, or a function of the values that were used (those up to the decision) that gives it."""


class EProcess(Protocol):
    """One-sided evidence against one null, fed one evidence unit at a time."""

    log_e: float
    """Logarithm of the current e-value; 0.0 before the first unit."""

    def update(self, value: float) -> None:
        """Take in one unit.

        Raises:
            ObservationError: where the value cannot be used.
        """


class Walk:
    """The pair of e-processes of one bar, read after every unit, or after every ``every`` units.

    The side that reaches its boundary first is kept: later values are counted in ``n`` and change nothing. Where
    both reach theirs at once, the one that lies further beyond wins; where they lie equally far, neither does.

    Attributes:
        low: against "the statistic is at or below its null" (the bar, or a point below it).
        high: against "the statistic is at or above its null".
        accept: log boundary at which ``low`` decides.
        reject: log boundary at which ``high`` decides.
        every: a look is taken at multiples of this number of units, and at the cap.
        cap: units beyond this number are not looked at; None for no cap.
        n: units seen, those after the decision included.
        log_low: log e-value of ``low``, as it was when the walk ended.
        log_high: log e-value of ``high``, likewise.
        looked: n at the last look; 0 before the first.
        sup_low: largest log e-value of ``low`` at any look, at least 0.
        sup_high: the same of ``high``.
        side: ``above`` once ``low`` decided, ``below`` once ``high`` did, None before.
        decided_at: n at the decision; None before.

    Raises:
        ClaimError: where ``every`` or ``cap`` is below 1.
    """

    __slots__ = (
        "_accept", "_reject", "accept", "cap", "decided_at", "every", "high", "log_high", "log_low", "looked",
        "low", "n", "reject", "side", "sup_high", "sup_low",
    )  # fmt: skip

    def __init__(
        self, low: EProcess, high: EProcess, *, accept: float, reject: float, every: int = 1, cap: int | None = None
    ) -> None:
        for name, number in (("batch", every), ("cap", 1 if cap is None else cap)):
            if number < 1:
                raise ClaimError(f"the {name} is {number!r}; give 1 unit or more")
        self.low, self.high = low, high
        self.accept, self.reject = accept, reject
        self._accept, self._reject = accept + GUARD, reject + GUARD
        self.every, self.cap = every, cap
        self.n = self.looked = 0
        self.log_low, self.log_high = low.log_e, high.log_e
        self.sup_low = self.sup_high = 0.0
        self.side: str | None = None
        self.decided_at: int | None = None

    @property
    def used(self) -> int:
        """Number of units that entered the evidence: up to the decision, or up to the cap."""
        if self.decided_at is not None:
            return self.decided_at
        return self.n if self.cap is None else min(self.n, self.cap)

    def update(self, value: float) -> bool:
        """Take in one unit; True once the walk is decided.

        Raises:
            ObservationError: where a process cannot use the value.
        """
        if self.side is not None:
            self.n += 1
            return True
        if self.cap is not None and self.n >= self.cap:
            self.n += 1
            return False
        self.low.update(value)
        self.high.update(value)
        self.n += 1
        self.log_low, self.log_high = self.low.log_e, self.high.log_e
        return self._look() if self.every == 1 or self.n % self.every == 0 or self.n == self.cap else False

    def p_above(self) -> float:
        """Anytime p-value against "at or below": how small a level ``low`` has ever reached."""
        return min(1.0, math.exp(-self.sup_low))

    def p_below(self) -> float:
        """Anytime p-value against "at or above"."""
        return min(1.0, math.exp(-self.sup_high))

    def _look(self) -> bool:
        self.looked = self.n
        if self.log_low > self.sup_low:
            self.sup_low = self.log_low
        if self.log_high > self.sup_high:
            self.sup_high = self.log_high
        over, under = self.log_low - self._accept, self.log_high - self._reject
        if over >= 0.0 and over > under:
            self.side = "above"
        elif under >= 0.0 and under > over:
            self.side = "below"
        else:
            return False
        self.decided_at = self.n
        return True


class SequentialRule(Protocol):
    """A `Rule` that can also be walked unit by unit; a caller recognises one by ``start``."""

    @property
    def name(self) -> str:
        """The method's name in records."""

    @property
    def guarantee(self) -> str:
        """What its error levels rest on; the words are those of `Decision`."""

    def start(self, bar: Bar) -> Walk:
        """Open the walk of one bar.

        Raises:
            ClaimError: where the bar does not fit the statistic.
        """

    def decide(self, values: Sequence[Any], bar: Bar) -> Decision:
        """Walk over the values in their order; undecided where no boundary was reached."""

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The smallest n at which VALIDATED, and at which REFUTED, can be reached; None for never."""


def ville(bar: Bar) -> tuple[float, float]:
    """Log boundaries of the two sides that Ville's inequality allows: (accept, reject) of a `Walk`.

    >>> [round(boundary, 3) for boundary in ville(Bar("<=", 0.1, alpha=0.01, beta=0.05))]
    [2.996, 4.605]
    """
    return -math.log(bar.low_level), -math.log(bar.high_level)


def outcome_of(side: str | None, bar: Bar) -> str | None:
    """The outcome that a decided side means for a bar, here and nowhere else.

    >>> outcome_of("below", Bar("<=", 0.1)), outcome_of("below", Bar(">", 0.1)), outcome_of(None, Bar(">", 0.1))
    ('VALIDATED', 'REFUTED', None)
    """
    if side is None:
        return None
    return "VALIDATED" if (side == "above") is bar.upward else "REFUTED"


def decide_by_walk(
    rule: SequentialRule,
    values: Sequence[float],
    bar: Bar,
    *,
    estimate: Answer,
    low: Answer,
    high: Answer,
    detail: Mapping[str, JSON] | Callable[[Sequence[float]], Mapping[str, JSON]],
    more: Callable[[Walk], int | None] | None = None,
    nulls: tuple[float | None, float | None] | None = None,
) -> Decision:
    """Walk a rule over values and say what came out: the ending that every sequential rule shares.

    Args:
        rule: whose walk it is.
        values: one per evidence unit, in the order of their arrival.
        bar: the claim's bar.
        estimate: the plain estimate, or a function of the values up to the decision; not called without values.
        low: the lower bound, or a function of the values up to the last look; moved to the walk's side of the bar
            where rounding put it elsewhere.
        high: the upper bound, likewise.
        detail: what else the rule can say, or a function of the values up to the decision, none included.
        more: further units until a decision from an undecided walk; `further_units` where it is left out.
        nulls: the values that ``low`` and ``high`` of the walk exclude, where they are not the bar; None for one
            that leaves its bound where it is.

    Returns:
        The decision; its ``n`` counts the units up to the decision. Undecided where no boundary was reached,
        or where the estimate lies on the wrong side of the outcome.
    """
    walk = rule.start(bar)
    path = _walked(walk, values, bar)
    used = values[: walk.used]
    said = _resolve(estimate, used)
    looked = values[: walk.looked]
    bounds = agree_with_walk(walk, _resolve(low, looked), _resolve(high, looked), *(nulls or (bar.value, bar.value)))
    told = {**(detail(used) if callable(detail) else detail), "path": path}
    return _ended(rule, walk, bar, said, bounds, told, more or further_units)


def _walked(walk: Walk, values: Sequence[float], bar: Bar) -> list[float]:
    """Walk over the values; where it stood at some evenly spaced units, from -1 (REFUTED) to 1 (VALIDATED)."""
    step, path = max(1, -(-len(values) // PATH_POINTS)), []
    for n, value in enumerate(values, 1):
        open_still = walk.side is None
        walk.update(value)
        if open_still and (n % step == 0 or walk.side is not None):
            above, below = walk.log_low / walk.accept, walk.log_high / walk.reject
            height = min(1.0, max(0.0, above)) if above >= below else -min(1.0, max(0.0, below))
            path.append(round(height if bar.upward else -height, 3))
    return path


def agree_with_walk(
    walk: Walk, low: float | None, high: float | None, null_low: float | None, null_high: float | None
) -> tuple[float | None, float | None]:
    """Move a bound that rounding put on the wrong side of its null: the interval shown is the decision.

    Args:
        walk: whose decision it is.
        low: lower bound; None where there is none, and then it stays.
        high: upper bound.
        null_low: the value that ``walk.low`` excludes; None leaves the bound where it is.
        null_high: the value that ``walk.high`` excludes.
    """
    if low is not None and null_low is not None:
        if walk.side == "above":
            low = max(low, null_low)
        elif low >= null_low:
            low = math.nextafter(null_low, -math.inf)
    if high is not None and null_high is not None:
        if walk.side == "below":
            high = min(high, null_high)
        elif high <= null_high:
            high = math.nextafter(null_high, math.inf)
    return low, high


def further_units(walk: Walk) -> int | None:
    """About how many further units decide if the evidence goes on growing as it did; None for never.

    >>> class Steady:
    ...     log_e = 0.0
    ...     def update(self, value: float) -> None:
    ...         self.log_e += value
    >>> walk = Walk(Steady(), Steady(), accept=3.0, reject=9.0)
    >>> _ = [walk.update(0.5) for _ in range(4)]
    >>> further_units(walk)
    2
    """
    candidates = [
        math.ceil(walk.used * (boundary - log_e) / log_e)
        for log_e, boundary in ((walk.log_low, walk.accept), (walk.log_high, walk.reject))
        if log_e > 0.0 and math.isfinite(log_e) and walk.used * (boundary - log_e) / log_e < 1e9
    ]
    return max(1, min(candidates)) if candidates else None


def _resolve(answer: Answer, used: Sequence[float]) -> float | None:
    if not callable(answer):
        return answer
    return answer(used) if len(used) else None


def _ended(
    rule: SequentialRule,
    walk: Walk,
    bar: Bar,
    estimate: float | None,
    bounds: tuple[float | None, float | None],
    detail: Mapping[str, JSON],
    more: Callable[[Walk], int | None],
) -> Decision:
    outcome, reason, further = outcome_of(walk.side, bar), "", None
    if walk.n == 0:
        reason = "no observations"
    elif outcome is None:
        reason = _spell_open(walk, bar)
        further = more(walk)
    elif estimate is not None and bar.holds(estimate) is not (outcome == "VALIDATED"):
        reason = f"the test says {outcome}, but the estimate {estimate!r} is on the other side of '{bar}'"
        outcome = None
    p_above, p_below = walk.p_above(), walk.p_below()
    p_holds, p_fails = (p_above, p_below) if bar.upward else (p_below, p_above)
    return Decision(
        rule.name, rule.guarantee, walk.used, estimate, *bounds, outcome, p_holds, p_fails, reason, further,
        {**detail, **_path(walk)},
    )  # fmt: skip


def _spell_open(walk: Walk, bar: Bar) -> str:
    capped = f", the cap of {walk.cap} units is reached" if walk.cap is not None and walk.n >= walk.cap else ""
    return (
        f"neither side of {bar.value!r} is excluded after {walk.used} units: log e {walk.log_low:.4g} of "
        f"{walk.accept:.4g} for above, {walk.log_high:.4g} of {walk.reject:.4g} for below{capped}"
    )


def _path(walk: Walk) -> dict[str, JSON]:
    """What a record keeps of a walk."""
    numbers = {
        "log_e_low": walk.log_low, "log_e_high": walk.log_high, "sup_log_e_low": walk.sup_low,
        "sup_log_e_high": walk.sup_high, "boundary_low": walk.accept, "boundary_high": walk.reject,
    }  # fmt: skip
    kept: dict[str, JSON] = {key: x if math.isfinite(x) else None for key, x in numbers.items()}
    return {**kept, "decided_at": walk.decided_at, "observed": walk.n}
