# SPDX-License-Identifier: Apache-2.0
"""The runs rules of control charts: which points a chart calls out of control, and why.

A rule reads points, a centre, a sigma and the limits; where those come from is the charts' affair. All rules are
taken over whole arrays.

Sources: Western Electric, Statistical Quality Control Handbook (1956); Nelson, Journal of Quality Technology 16
(1984), the eight tests of special causes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ophamin.errors import ClaimError, nearest_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["RULE_SETS", "CountRule", "Frame", "Rule", "TrendRule", "Violation", "chosen_rules", "find_signals"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one point completes.

    Attributes:
        rule: number of the rule in its set.
        index: the point that completes the pattern, from 0.
        description: the rule in words.
        rule_set: one of `RULE_SETS`.
    """

    rule: int
    index: int
    description: str
    rule_set: str = "western_electric"


@dataclass(frozen=True, slots=True)
class Frame:
    """What points are judged against; a field is one number, or one per point.

    Attributes:
        center: the centre line.
        sigma: standard deviation of a point.
        ucl: upper control limit.
        lcl: lower control limit.
    """

    center: float | Floats
    sigma: float | Floats
    ucl: float | Floats
    lcl: float | Floats


@dataclass(frozen=True, slots=True)
class CountRule:
    """At least ``count`` of the last ``window`` points lie somewhere, the newest of them included.

    Attributes:
        rule_set: the set that the rule belongs to.
        number: of the rule in its set.
        count: how many points make the pattern.
        window: among how many.
        where: ``beyond`` on one side, ``outside`` on either side, or ``within``.
        sigmas: at how many sigmas from the centre; None for the control limits.
        description: the rule in words.
    """

    rule_set: str
    number: int
    count: int
    window: int
    where: str
    sigmas: float | None
    description: str

    def places(self, values: Floats, frame: Frame) -> list[Flags]:
        """For every pattern of the rule, which points lie where it counts them: the upper and lower side apart."""
        high, low = frame.ucl, frame.lcl
        if self.sigmas is not None:
            high, low = frame.center + self.sigmas * frame.sigma, frame.center - self.sigmas * frame.sigma
        above, below = values > high, values < low
        if self.where == "beyond":
            return [above, below]
        return [above | below] if self.where == "outside" else [~(above | below)]

    def signals(self, values: Floats, frame: Frame) -> Flags:
        """Which points complete the rule; points before the first are unknown and count for nothing."""
        import numpy as np

        found = np.zeros(len(values), dtype=bool)
        for place in self.places(values, frame):
            if self.window == 1:
                found |= place
                continue
            total = np.cumsum(place, dtype=np.int64)
            recent = total.copy()
            recent[self.window :] -= total[: -self.window]
            found |= place & (recent >= self.count)
        return found


@dataclass(frozen=True, slots=True)
class TrendRule:
    """A number of points in a row that only rise or only fall, or that alternate.

    Attributes:
        rule_set: the set that the rule belongs to.
        number: of the rule in its set.
        window: how many points make the pattern.
        alternating: up and down in turn, instead of one way.
        description: the rule in words.
    """

    rule_set: str
    number: int
    window: int
    alternating: bool
    description: str

    def signals(self, values: Floats, frame: Frame) -> Flags:
        """Which points complete the rule."""
        import numpy as np

        step = np.sign(np.diff(values))
        # an alternation turns at every inner point; a trend goes on at every one
        goes_on = step[1:] * step[:-1] == (-1.0 if self.alternating else 1.0)
        needed = self.window - 2
        found = np.zeros(len(values), dtype=bool)
        if len(goes_on) >= needed:
            total = np.concatenate([[0], np.cumsum(goes_on, dtype=np.int64)])
            found[self.window - 1 :] = total[needed:] - total[:-needed] == needed
        return found


Rule = CountRule | TrendRule

RULE_SETS: Final[Mapping[str, tuple[Rule, ...]]] = {
    "shewhart": (CountRule("shewhart", 1, 1, 1, "beyond", None, "one point beyond a control limit"),),
    "western_electric": (
        CountRule("western_electric", 1, 1, 1, "beyond", None, "one point beyond a control limit"),
        CountRule("western_electric", 2, 2, 3, "beyond", 2.0, "two of three points beyond 2 sigma on one side"),
        CountRule("western_electric", 3, 4, 5, "beyond", 1.0, "four of five points beyond 1 sigma on one side"),
        CountRule("western_electric", 4, 8, 8, "beyond", 0.0, "eight points in a row on one side of the centre"),
    ),
    "nelson": (
        CountRule("nelson", 1, 1, 1, "beyond", None, "one point beyond a control limit"),
        CountRule("nelson", 2, 9, 9, "beyond", 0.0, "nine points in a row on one side of the centre"),
        TrendRule("nelson", 3, 6, False, "six points in a row that only rise or only fall"),
        TrendRule("nelson", 4, 14, True, "fourteen points in a row that go up and down in turn"),
        CountRule("nelson", 5, 2, 3, "beyond", 2.0, "two of three points beyond 2 sigma on one side"),
        CountRule("nelson", 6, 4, 5, "beyond", 1.0, "four of five points beyond 1 sigma on one side"),
        CountRule("nelson", 7, 15, 15, "within", 1.0, "fifteen points in a row within 1 sigma"),
        CountRule("nelson", 8, 8, 8, "outside", 1.0, "eight points in a row outside 1 sigma"),
    ),
}
"""The sets of rules by name; ``shewhart`` is the control limits alone."""


def chosen_rules(names: str | Iterable[str]) -> tuple[Rule, ...]:
    """The rules of some sets.

    Args:
        names: a name of `RULE_SETS`, or several.

    Raises:
        ClaimError: there is no such set, or none is named.

    Example:
        >>> [rule.number for rule in chosen_rules("western_electric")]
        [1, 2, 3, 4]
    """
    told = (names,) if isinstance(names, str) else tuple(names)
    if not told:
        raise ClaimError(f"no rule is named; take one of {', '.join(RULE_SETS)}")
    for name in told:
        if name not in RULE_SETS:
            raise ClaimError(f"no set of rules is named {name!r}; {nearest_name(str(name), RULE_SETS)}")
    return tuple(rule for name in dict.fromkeys(told) for rule in RULE_SETS[name])


def find_signals(values: Floats, frame: Frame, rules: Iterable[Rule]) -> dict[Rule, npt.NDArray[Any]]:
    """The points that complete a rule, for each rule that some point completes.

    Args:
        values: the points in order, shape (n,).
        frame: what they are judged against.
        rules: as `chosen_rules` gives them.

    Returns:
        Rule -> indices from 0, rising.

    Example:
        >>> import numpy as np
        >>> found = find_signals(np.array([0.0, 4.0]), Frame(0.0, 1.0, 3.0, -3.0), chosen_rules("shewhart"))
        >>> [(rule.number, list(map(int, indices))) for rule, indices in found.items()]
        [(1, [1])]
    """
    import numpy as np

    found = {rule: np.flatnonzero(rule.signals(values, frame)) for rule in rules}
    return {rule: indices for rule, indices in found.items() if len(indices)}
