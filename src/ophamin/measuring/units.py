# SPDX-License-Identifier: Apache-2.0
"""From rows to evidence units: one value for each independent replicate, in the order in which they complete.

Read in one go by the judgement, and piece by piece while a sequential plan is looked at; both give the same units.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from ophamin.errors import ClaimError, MetricMissingError, ObservationError, nearest_name
from ophamin.measuring.inference import Estimate
from ophamin.measuring.inference.rate import count_successes
from ophamin.measuring.inference.values import finite_numbers, inverted_cdf, plain_mean
from ophamin.measuring.observations import Table
from ophamin.measuring.plan import Plan

__all__ = ["UnitReader", "aggregate"]


class UnitReader:
    """Reads the rows of a plan, of one table or of consecutive pieces of it.

    A unit of several rows is complete when a row of another unit comes. In a sequential plan it must not come back
    after that, since a look has seen it; a fixed plan brings the rows of a unit together wherever they stand.

    Args:
        plan: says which keys are read and what makes a unit.

    Attributes:
        completed_at: for each unit that `take` gave, the row that completed it.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pairs = _Pairs(plan) if plan.kind == "difference" else None
        self._groups: dict[Hashable, list[Any]] = {}
        self._seen: set[Hashable] = set()
        self.completed_at: list[int] = []

    def take(self, table: Table, rows: Iterable[int]) -> list[Any]:
        """The units that these rows complete.

        Args:
            table: where the rows are.
            rows: those that count, in their order.

        Raises:
            MetricMissingError: a row lacks its unit, or the arm or second metric that the claim reads.
            ObservationError: a unit came back, or a pair has one arm twice.
        """
        plan, done, started = self._plan, [], len(self.completed_at)
        columns = {key: table.column(key) for key in plan.keys}
        unit = plan.settings.unit
        for row in rows:
            failed = row in table.errors
            value = plan.worst_value if failed else self._value(columns, row, table)
            if self._pairs is not None:
                value = self._pairs.add(columns, row, value, table)
                if value is None:
                    continue
            if unit is None:
                done.append(value)
                self.completed_at.append(row)
                continue
            key = columns[unit][row]
            if key is None and not failed:
                raise _missing(plan.metric, f"its unit {unit!r}", unit, table)
            if key is None:  # a failure that cannot be told to belong to any unit is one of its own
                done.append(aggregate(plan, [value]))
            else:
                done.extend(self._grouped(tuple(key) if isinstance(key, list) else key, value))
            self.completed_at.extend([row] * (len(done) + started - len(self.completed_at)))
        return done

    def rest(self) -> list[Any]:
        """The units that are still open, once there are no further rows."""
        groups, self._groups = self._groups, {}
        return [aggregate(self._plan, group) for group in groups.values()]

    def _value(self, columns: dict[str, Sequence[Any]], row: int, table: Table) -> Any:
        value = columns[self._plan.metric][row]
        other = self._plan.options.get("other")
        if other:
            if columns[other][row] is None:
                raise _missing(self._plan.metric, repr(other), other, table)
            return value, columns[other][row]
        return Estimate(*value) if isinstance(value, list) else value

    def _grouped(self, key: Hashable, value: Any) -> list[Any]:
        groups, done = self._groups, []
        if self._plan.sequential and key not in groups:
            if key in self._seen:
                raise ObservationError(
                    f"the unit {key!r} came back after it was counted; a sequential plan takes the rows of one unit "
                    "together: group the input by it and declare order='file', or method='exact' with budget="
                )
            done = self.rest()
            self._seen.add(key)
        groups = self._groups
        groups.setdefault(key, []).append(value)
        return done


class _Pairs:
    """Brings the two arms of a difference together: by pair number where rows have one, else in order of arrival."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._arms: tuple[str, str] = plan.options["arms"]
        self._by: str = plan.options["by"]
        self._open: dict[Any, dict[str, Any]] = {}
        self._waiting: dict[str, deque[Any]] = {arm: deque() for arm in self._arms}

    def add(self, columns: dict[str, Sequence[Any]], row: int, value: Any, table: Table) -> float | None:
        """The difference that this row completes; None where its partner is missing, or it is of another arm."""
        arm, pair = columns[self._by][row], columns["pair"][row]
        if arm is None:
            raise _missing(self._plan.metric, f"its arm {self._by!r}", self._by, table)
        if arm not in self._arms:
            return None
        if pair is None:
            self._waiting[arm].append(value)
            if not all(self._waiting.values()):
                return None
            both = {one: self._waiting[one].popleft() for one in self._arms}
        else:
            both = self._open.setdefault(pair, {})
            if arm in both:
                raise ObservationError(f"pair {pair!r} has the arm {arm!r} twice; run each arm once on each record")
            both[arm] = value
            if len(both) < len(self._arms):
                return None
            del self._open[pair]
        first, second = finite_numbers([both[arm] for arm in self._arms])
        low, high = self._plan.options["bounds"]
        for number in (first, second):
            if not low <= number <= high:
                raise ObservationError(
                    f"{self._plan.metric} is {number!r}, outside the declared bounds {low!r} and {high!r}; "
                    "declare bounds that no value of either arm can leave"
                )
        return first - second


def aggregate(plan: Plan, group: Sequence[Any]) -> float:
    """The estimator inside one unit; a rate becomes the unit's own share.

    Raises:
        ClaimError: the statistic has no meaning inside a unit.
    """
    if plan.kind == "rate":
        return count_successes(group) / len(group)
    if plan.kind in {"mean", "difference", "effect_size"}:
        return plain_mean(finite_numbers(group))
    if plan.kind == "quantile":
        return inverted_cdf(sorted(finite_numbers(group)), plan.options["q"])
    raise ClaimError(f"{plan.statistic} has no meaning inside a unit; leave out unit={plan.settings.unit!r}")


def _missing(metric: str, what: str, name: str, table: Table) -> MetricMissingError:
    return MetricMissingError(f"a row carried {metric!r} but not {what}; {nearest_name(name, table.names)}")
