# SPDX-License-Identifier: Apache-2.0
"""One sequential plan, looked at while its rows come. It stops sampling; the verdict is the judgement's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ophamin.errors import OphaminError
from ophamin.measuring.inference.kendall import DisjointPairs
from ophamin.measuring.units import UnitReader

if TYPE_CHECKING:
    from ophamin.measuring.inference.process import Walk
    from ophamin.measuring.observations import Table
    from ophamin.measuring.plan import Plan

__all__ = ["Watch"]


class Watch:
    """The walk of one plan over the units that are complete.

    Args:
        plan: a sequential one.

    Attributes:
        walk: the pair of e-processes.
        n_units: units seen.
        broken: a value could not be used; sampling may end, and the judgement says why.
    """

    def __init__(self, plan: Plan) -> None:
        rule: Any = plan.rule  # a sequential one, which has a walk
        self.plan = plan
        self.walk: Walk = rule.start(plan.bar)
        self.n_units = 0
        self.broken = False
        self._reader = UnitReader(plan)
        self._pairs = DisjointPairs() if plan.kind == "rank_correlation" else None

    @property
    def done(self) -> bool:
        """Whether a further unit cannot change the verdict."""
        cap = self.walk.cap
        if self.broken:
            return True
        decided = self.walk.side is not None or (cap is not None and self.walk.n >= cap)
        return decided and self.n_units >= self.plan.settings.min_samples

    @property
    def full(self) -> bool:
        """Whether the budget is used up; where there is none, whether it is decided."""
        cap = self.walk.cap
        return self.broken or (self.walk.side is not None if cap is None else self.walk.n >= cap)

    def look(self, table: Table) -> None:
        """Take in the rows that came since the last look."""
        if self.broken or not table.n_rows:
            return
        plan, values = self.plan, table.column(self.plan.metric)
        rows = [
            row
            for row in range(table.n_rows)
            if (plan.counts_errors if row in table.errors else values[row] is not None)
        ]
        try:
            for unit in self._reader.take(table, rows):
                self._feed(unit)
        except OphaminError:
            self.broken = True

    def _feed(self, unit: Any) -> None:
        self.n_units += 1
        if self._pairs is not None:
            unit = self._pairs.add(*unit)
            if unit is None:
                return
        self.walk.update(unit)
