# SPDX-License-Identifier: Apache-2.0
"""What a rule answers, and the contract of a rule.

A rule turns numbers and a `Bar` into one `Decision`. It does not look at systems, cycles or records, and it
does not know the word INCONCLUSIVE: an undecided `Decision` has ``outcome`` None and a reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from ophamin.measuring.inference.bar import Bar

__all__ = ["JSON", "LARGEST_SEARCH", "Decision", "Rule", "agree", "settle", "smallest_deciding", "undecided"]

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

LARGEST_SEARCH: Final = 10**9
"""Beyond this many units a search for a sufficient sample size gives up."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of one rule to one claim.

    Attributes:
        method: name of the test that gave the numbers.
        guarantee: ``exact``, ``finite-sample`` (holds for every distribution within declared bounds),
            ``model`` (holds under the named model), ``declared`` (rests on an interval the user gave) or
            ``deterministic``.
        n: number of evidence units.
        estimate: plain estimate of the statistic; None where there is none.
        low: lower confidence bound, at alpha for ``>=`` and ``>``, at beta otherwise; None where there is
            none.
        high: upper confidence bound, at the other level; None where there is none.
        outcome: ``VALIDATED``, ``REFUTED``, or None for undecided.
        p_holds: p-value against "the claim does not hold"; None where nothing was tested.
        p_fails: p-value against "the claim holds"; None where nothing was tested.
        reason: why the claim is undecided; empty where it is decided.
        more: about how many further units would decide if the estimate stayed as it is; None where no number
            below 1e9 would, or where it is not known.
        detail: what else the test can say, as plain JSON values.
    """

    method: str
    guarantee: str
    n: int
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    outcome: str | None = None
    p_holds: float | None = None
    p_fails: float | None = None
    reason: str = ""
    more: int | None = None
    detail: Mapping[str, JSON] = field(default_factory=dict)


class Rule(Protocol):
    """Decides one claim from all observations at once.

    VALIDATED means that the evidence excludes "the claim does not hold" at level alpha, REFUTED that it
    excludes "the claim holds" at level beta. Rules here are fixed-sample: their levels hold for one look at a
    sample whose size did not depend on the values. A sequential rule fits the same contract: it adds a method
    that opens a process for one bar, whose ``update(value)`` may be called after every unit, and its
    ``decide`` runs that process over the values in their order. Callers that hold all values need ``decide``
    alone; callers that can stop early ask whether the rule opens a process. A rule is a value: it keeps
    nothing between calls.
    """

    @property
    def name(self) -> str:
        """The method's name in records."""

    @property
    def guarantee(self) -> str:
        """What its error levels rest on; the words are those of `Decision`."""

    def decide(self, values: Sequence[Any], bar: Bar) -> Decision:
        """Answer from one value per evidence unit.

        Raises:
            ObservationError: where a value cannot be used.
            ClaimError: where the bar does not fit the statistic.
        """

    def smallest_n(self, bar: Bar) -> tuple[int | None, int | None]:
        """The smallest n at which VALIDATED, and at which REFUTED, can be reached; None for never."""


def settle(
    base: Decision,
    bar: Bar,
    p_above: float,
    p_below: float,
    more: Callable[[], int | None],
) -> Decision:
    """Complete a decision from the two one-sided p-values.

    Args:
        base: method, guarantee, n, estimate, bounds and detail; the other fields are set here.
        bar: the claim's bar.
        p_above: p-value against "the statistic is at or below the bar".
        p_below: p-value against "the statistic is at or above the bar".
        more: called when undecided; gives the number of further units, or None.

    Returns:
        The decision. Where the estimate lies on the wrong side of the outcome it is undecided.
    """
    p_holds, p_fails = (p_above, p_below) if bar.upward else (p_below, p_above)
    outcome = "VALIDATED" if p_holds <= bar.alpha else "REFUTED" if p_fails <= bar.beta else None
    reason, further = "", None
    if outcome is None:
        reason = f"neither side of {bar.value!r} is excluded: {_spell_bounds(base)}"
        further = more()
    elif base.estimate is not None and bar.holds(base.estimate) is not (outcome == "VALIDATED"):
        reason = f"the test says {outcome}, but the estimate {base.estimate!r} is on the other side of '{bar}'"
        outcome = None
    return Decision(
        base.method, base.guarantee, base.n, base.estimate, base.low, base.high,
        outcome, p_holds, p_fails, reason, further, base.detail,
    )  # fmt: skip


def undecided(method: str, guarantee: str, n: int, reason: str, estimate: float | None = None) -> Decision:
    """A decision without bounds: nothing could be tested."""
    return Decision(method, guarantee, n, estimate, reason=reason)


def agree(
    low: float, high: float, bar: Bar, p_above: float, p_below: float, floor: float, ceiling: float
) -> tuple[float, float]:
    """Move a bound that rounding put on the wrong side of the bar: the interval shown is the decision.

    A lower bound reaches the bar exactly when "at or below the bar" is excluded; an upper bound likewise.
    ``floor`` and ``ceiling`` are the ends of the statistic's range; a bound that lies there excludes nothing
    and stays.
    """
    value = float(bar.value)
    if p_above <= bar.low_level:
        low = max(low, value)
    elif low >= value and low > floor:
        low = math.nextafter(value, -math.inf)
    if p_below <= bar.high_level:
        high = min(high, value)
    elif high <= value and high < ceiling:
        high = math.nextafter(value, math.inf)
    return low, high


def smallest_deciding(decides: Callable[[int], bool], start: int) -> int | None:
    """A size above ``start`` at which ``decides`` is true, found by doubling and halving.

    Args:
        decides: true from some size on, up to small ripples.
        start: a size at which it is false; at least 1.

    Returns:
        The smallest such size within about one part in 4000; None where none up to 1e9 decides.

    Example:
        >>> smallest_deciding(lambda n: n * n >= 5000, 10)
        71
    """
    low, high = start, min(2 * start, LARGEST_SEARCH)
    while not decides(high):
        if high >= LARGEST_SEARCH:
            return None
        low, high = high, min(2 * high, LARGEST_SEARCH)
    while high - low > max(1, high >> 12):
        middle = (low + high) // 2
        if decides(middle):
            high = middle
        else:
            low = middle
    return high


def _spell_bounds(decision: Decision) -> str:
    low = "none" if decision.low is None else f"{decision.low:.6g}"
    high = "none" if decision.high is None else f"{decision.high:.6g}"
    estimate = "none" if decision.estimate is None else f"{decision.estimate:.6g}"
    return f"estimate {estimate}, lower bound {low}, upper bound {high}"
