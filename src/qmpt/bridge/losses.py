# SPDX-License-Identifier: Apache-2.0
"""Pillar ``qmpt.losses``: in how many groups is one column beaten by another?

A mean over many data sets hides those on which a method loses. This says which they are, with the mean of every column
in every group. It tests nothing: a loss may be chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar, Final

from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.pillars.base import NotComputableError, PillarBase, complete_rows, numbers

__all__ = ["PILLAR", "Losses", "losses"]

_MOST_GROUPS: Final = 100


@dataclass(frozen=True)
class Losses(PillarBase):
    """Groups in which a column is beaten; the fields are the arguments of `losses`."""

    ours: str = ""
    others: tuple[str, ...] = ()
    by: str = ""

    pillar_name: ClassVar[str] = "qmpt.losses"
    library: ClassVar[str] = "pytest-ophamin"

    @property
    def columns(self) -> tuple[str, ...]:
        """The group and all columns that are compared."""
        return (self.by, self.ours, *self.others) if self.ours else ()

    def measure(self, cycles: Sequence[CycleResult], records: Sequence[CorpusRecord]) -> PillarEvidence:
        """How many groups are lost; the detail has them by name, and all means.

        Raises:
            NotComputableError: no column is named, a value is no number, or there are too many groups.
        """
        if not self.ours:
            raise NotComputableError("no column is named; write pillars=[losses('ours', 'other', by='set')]")
        columns, left_out = complete_rows(cycles, self.columns)
        compared = {name: numbers(columns[name], name) for name in (self.ours, *self.others)}
        rows: dict[str, list[int]] = {}
        for row, group in enumerate(columns[self.by]):
            rows.setdefault(str(group)[:100], []).append(row)
        if not 1 <= len(rows) <= _MOST_GROUPS:
            raise NotComputableError(f"{self.by!r} names {len(rows)} groups; 1 to {_MOST_GROUPS} can be told")
        means = {
            group: {name: fmean(values[row] for row in places) for name, values in compared.items()}
            for group, places in rows.items()
        }
        lost = [group for group, mean in means.items() if max(mean.values()) > mean[self.ours]]
        detail = {"groups": len(means), "lost": lost, "means": means, "rows_left_out": left_out}
        return self.evidence(f"groups in which {self.ours} is beaten", len(lost), detail=detail)


def losses(ours: str, *others: str, by: str) -> Losses:
    """A pillar that lists the groups in which the mean of a column is below that of another.

    Args:
        ours: the column.
        others: those it is compared with, at least one.
        by: column that names the group of a row.

    Raises:
        ClaimError: a column is missing or named twice.

    Example:
        >>> rows = [CycleResult(i, True, {"set": "ab"[i % 2], "x": 0.5, "y": 0.4 + 0.2 * (i % 2)}) for i in range(4)]
        >>> row = losses("x", "y", by="set").compute(rows, [])
        >>> row.statistic_value, row.detail["lost"]
        (1, ['b'])
    """
    names = (ours, *others, by)
    if not others or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise ClaimError(f"the columns are {names!r}; name each once, such as losses('ours', 'other', by='set')")
    return Losses(ours, others, by)


PILLAR: Final = Losses()
"""The form under which the pillar is registered; it names no column and says how to."""
