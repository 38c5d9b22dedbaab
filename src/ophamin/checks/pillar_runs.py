# SPDX-License-Identifier: Apache-2.0
"""The runs that a pillar is tried on, ordinary and hostile, and what it did with each.

All are made of one table of columns. Nothing is judged here; `ophamin.checks.pillar` does that.
"""

from __future__ import annotations

import copy
import math
import random
import warnings
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import Any, Final, TypeAlias

from ophamin.checks.report import raised
from ophamin.core.evidence import PillarEvidence
from ophamin.core.shapes import CorpusRecord, CycleResult
from ophamin.errors import ClaimError
from ophamin.measuring.observations import Cycles, Table

__all__ = ["HOSTILE", "ORDINARY", "Attempt", "PillarRuns", "attempt", "default_columns", "view_of"]

Columns: TypeAlias = Mapping[str, Sequence[Any]]

ORDINARY: Final = "ordinary run"
MAX_ROWS: Final = 2000
"""Rows of an ordinary run at most, so that a suite stays a matter of seconds."""

_DEFAULT_ROWS: Final = 60
_HUGE: Final = 1e307


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a pillar did with one run.

    Attributes:
        run: the name of the run.
        evidence: what it gave; None where that was something else, or nothing.
        problem: why there is no evidence; empty where there is.
        printed: what it wrote to the standard output and the standard error.
        warned: the warnings that it let escape.
        changed: which of its arguments are not what they were; empty where all are.
    """

    run: str
    evidence: PillarEvidence | None
    problem: str
    printed: str
    warned: tuple[str, ...]
    changed: str


class PillarRuns:
    """A pillar and the runs it is tried on; each attempt is made once, when it is first looked at.

    Args:
        pillar: what is tried.
        columns: of the ordinary run, all of one length; without them numbers are made up for the columns that the
            pillar says it reads.

    Raises:
        ClaimError: the columns differ in length, or have no row or too many.
    """

    def __init__(self, pillar: Any, columns: Columns | None = None) -> None:
        self.pillar = pillar
        self._given = columns
        self._attempts: dict[str, Attempt] = {}
        lengths = {len(values) for values in columns.values()} if columns is not None else {1}
        if len(lengths) != 1 or not 1 <= min(lengths) <= MAX_ROWS:
            raise ClaimError(
                f"the columns have {sorted(lengths)} rows; give every column the same number, from 1 to {MAX_ROWS}"
            )

    @property
    def were_given(self) -> bool:
        """Whether the columns are the author's."""
        return self._given is not None

    @cached_property
    def columns(self) -> Columns:
        """Of the ordinary run."""
        return default_columns(self.pillar) if self._given is None else self._given

    def attempt(self, run: str) -> Attempt:
        """What the pillar does with the run of that name: `ORDINARY`, one of `HOSTILE`, or ``without 'column'``."""
        if run not in self._attempts:
            self._attempts[run] = attempt(self.pillar, run, self.rows(run))
        return self._attempts[run]

    def attempts(self) -> Iterator[Attempt]:
        """Every run, the ordinary one first."""
        return map(self.attempt, [ORDINARY, *HOSTILE, *self.without])

    def evidence(self) -> Iterator[tuple[str, PillarEvidence]]:
        """The runs of which there is evidence."""
        return ((one.run, one.evidence) for one in self.attempts() if one.evidence is not None)

    @property
    def without(self) -> list[str]:
        """Names of the runs in which one column is missing; a table of many columns loses the first eight in turn."""
        return [f"without {name!r}" for name in list(self.columns)[:8]]

    def rows(self, run: str) -> list[CycleResult]:
        """The rows of a run, made anew."""
        if run == ORDINARY:
            return _rows(self.columns)
        if run in HOSTILE:
            return HOSTILE[run](self.columns)
        return _rows({name: values for name, values in self.columns.items() if run != f"without {name!r}"})


def default_columns(pillar: Any) -> Columns:
    """Numbers for the columns that a pillar says it reads, else for one column ``value``; always the same ones.

    >>> list(default_columns(None)), len(default_columns(None)["value"])
    (['value'], 60)
    """
    named = getattr(pillar, "columns", ())
    names = [name for name in named if isinstance(name, str)] if isinstance(named, (tuple, list)) else []
    draw = random.Random(0)  # noqa: S311 - ordinary numbers, no secret
    return {name: [round(draw.gauss(0.5, 0.1), 4) for _ in range(_DEFAULT_ROWS)] for name in names or ["value"]}


def attempt(pillar: Any, run: str, rows: Sequence[CycleResult]) -> Attempt:
    """Let a pillar read rows, and note whatever else it does."""
    records = [CorpusRecord(f"s{number}", f"stimulus {number}") for number in range(len(rows))]
    kept = copy.deepcopy((list(rows), records))
    evidence, problem, printed = None, "", StringIO()
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(printed), redirect_stderr(printed):
        warnings.simplefilter("always")
        try:
            given = pillar.compute(rows, records)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign pillar may raise anything
            problem = raised(error)
        else:
            if type(given) is PillarEvidence:
                evidence = given
            else:
                problem = f"it gave a {type(given).__name__}"
    parts = zip(("cycle_results", "records"), (list(rows), records), kept, strict=True)
    changed = " and ".join(name for name, now, before in parts if now != before)
    return Attempt(run, evidence, problem, printed.getvalue(), tuple(str(one.message) for one in caught), changed)


def view_of(rows: Sequence[CycleResult]) -> Cycles:
    """The same rows as a trial hands them to its pillars: a read-only view of columns."""
    names = list(dict.fromkeys(name for row in rows for name in row.raw))
    return Cycles(
        Table(
            n_rows=len(rows),
            columns={name: [row.raw.get(name) for row in rows] for name in names},
            errors={number: row.error for number, row in enumerate(rows) if row.error is not None},
            seconds=array("d", [math.nan] * len(rows)),
            success=array("b", [int(row.success) for row in rows]),
            stimuli=[row.stimulus_id or "" for row in rows],
        )
    )


def _rows(columns: Columns, n_rows: int | None = None, error: str | None = None) -> list[CycleResult]:
    """Rows of a table; a value of None is left out."""
    count = len(next(iter(columns.values()), ())) if n_rows is None else n_rows
    raws = [{name: values[row] for name, values in columns.items() if values[row] is not None} for row in range(count)]
    return [CycleResult(row, error is None, raw, stimulus_id=f"s{row}", error=error) for row, raw in enumerate(raws)]


def _each(columns: Columns, change: Callable[[int, Any], Any]) -> Columns:
    return {name: [change(row, value) for row, value in enumerate(values)] for name, values in columns.items()}


def _first(columns: Columns, n_rows: int) -> list[CycleResult]:
    return _rows({name: values[:n_rows] for name, values in columns.items()})


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _constant(columns: Columns, *, numbers_alone: bool) -> list[CycleResult]:
    constant = {
        name: values if numbers_alone and not _is_number(values[0]) else [values[0]] * len(values)
        for name, values in columns.items()
    }
    return _rows(constant)


def _not_finite(row: int, value: Any) -> Any:
    odd = (math.nan, math.inf, -math.inf)[row // 3 % 3]
    return odd if row % 3 == 0 and _is_number(value) else value


def _huge(row: int, value: Any) -> Any:
    return math.copysign(_HUGE * (1 + row % 7), -1.0 if row % 2 else 1.0) if _is_number(value) else value


HOSTILE: Final[Mapping[str, Callable[[Columns], list[CycleResult]]]] = {
    "empty run": lambda columns: [],
    "one row": lambda columns: _first(columns, 1),
    "two rows": lambda columns: _first(columns, 2),
    "constant columns": lambda columns: _constant(columns, numbers_alone=False),
    "constant numbers": lambda columns: _constant(columns, numbers_alone=True),
    "gaps": lambda columns: _rows(_each(columns, lambda row, value: None if row % 3 == 0 else value)),
    "numbers not finite": lambda columns: _rows(_each(columns, _not_finite)),
    "huge numbers": lambda columns: _rows(_each(columns, _huge)),
    "integers beyond any float": lambda columns: _rows(
        _each(columns, lambda row, value: 10**400 + row if _is_number(value) else value)
    ),
    "texts for numbers": lambda columns: _rows(
        _each(columns, lambda row, value: f"n.a. {row % 2}" if _is_number(value) else value)
    ),
    "lists for values": lambda columns: _rows(_each(columns, lambda row, value: [value])),
    "rows without a column": lambda columns: _rows({}, len(next(iter(columns.values())))),
    "cycles that failed": lambda columns: _rows({}, len(next(iter(columns.values()))), "TimeoutError: no answer"),
}
"""The runs beside the ordinary one, each made of its columns."""
