# SPDX-License-Identifier: Apache-2.0
"""From rows to a decision: what counts, what is left out, and what the evidence excludes.

A pure function of a plan and a table, so that anyone who holds a record and its observations can repeat it. It
decides nothing by itself: the outcome is `Verdict.decide`'s, told here whether the evidence is enough.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ophamin.errors import MetricMissingError, nearest_name
from ophamin.measuring.inference import Decision, LagOne, clearly_dependent, lag1
from ophamin.measuring.inference.dependence import SMALLEST_N
from ophamin.measuring.plan import Plan
from ophamin.measuring.units import UnitReader

if TYPE_CHECKING:
    from ophamin.measuring.ledger import Table

__all__ = ["Circumstances", "Judgement", "judge", "plain_estimate"]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else happened in a trial that a verdict must know.

    Attributes:
        broken: why the trial ended before its end; empty where it did not.
        parallel: other tests ran on the machine at the same time.
        exhausted: the stream gave no further record; how many it gave.
        timed_out: the stream ended by ``max_seconds``.
        corpus_count: records of the corpus, where a census must use them all.
        used: records taken from the stream.
        rounds: how many times the budget may be used: 1, and 1 more for each time a claim was continued.
        foreign: how the machine differs from the one on which the claim's noise floor was measured.
    """

    broken: str = ""
    parallel: bool = False
    exhausted: int | None = None
    timed_out: bool = False
    corpus_count: int | None = None
    used: int = 0
    rounds: int = 1
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rows say of one claim.

    Attributes:
        decision: the method's reading of the evidence units.
        inconclusive: why no verdict may be given, the weightiest reason first; empty where one may.
        n_rows: rows that carried the metric, or should have.
        n_units: evidence units that the method saw.
        errors: rows that could not be measured: left out, or counted as failures where the plan says so.
        missing: measured rows that lacked the metric.
        first_error: what the first error said.
        lag: how like successive units are; None where they are no numbers, or where nobody asked.
    """

    decision: Decision
    inconclusive: tuple[str, ...]
    n_rows: int
    n_units: int
    errors: int
    missing: int
    first_error: str = ""
    lag: LagOne | None = None


def judge(plan: Plan, table: Table, circumstances: Circumstances | None = None, *, diagnose: bool = True) -> Judgement:
    """Read a table as evidence on one claim.

    Args:
        plan: the claim and how it is tried.
        table: the rows of the trial.
        circumstances: what else happened; nothing by default.
        diagnose: give ``lag``; all else is the same without it, and mostly comes sooner.

    Raises:
        MetricMissingError: no row carried the metric, though there were rows that could be measured.
        ObservationError: values that the method cannot take, such as 0.7 for a rate.
    """
    around = circumstances or Circumstances()
    plan = plan.widened(around.rounds)
    rows = _rows_of(plan, table)
    values = table.column(plan.metric)
    measured, failed = rows, list[int]()
    if table.errors or None in values:
        measured = [row for row in rows if values[row] is not None and row not in table.errors]
        failed = [row for row in rows if row in table.errors]
    missing = len(rows) - len(measured) - len(failed)
    if not measured and len(failed) < len(rows):
        raise MetricMissingError(
            f"no cycle or observation carried {plan.metric!r}; {nearest_name(plan.metric, table.names)}"
        )
    counted = sorted([*measured, *failed]) if plan.counts_errors else measured
    reader = UnitReader(plan)
    units = reader.take(table, counted) + reader.rest()
    _require_pairs(plan, table, counted, units)
    seen = len(units)
    if plan.kind != "rank_correlation" or not plan.sequential:
        units = units[: plan.cap]  # what comes after the budget changes nothing
    decision = plan.rule.decide(units, plan.bar)
    n_rows, last = len(rows), _row_of_decision(plan, decision, reader)
    if last is not None:  # nor does what comes after the decision
        rows, counted, failed = ([row for row in each if row <= last] for each in (rows, counted, failed))
        missing = len(rows) - len([row for row in measured if row <= last]) - len(failed)
        units = units[: decision.n]
    first_error = table.errors[failed[0]] if failed else ""
    reasons = [
        *_circumstantial(plan, around, len(counted)),
        *_errors_over_budget(plan, failed, missing, len(rows), first_error),
        *_too_few(
            plan, max(len(units), seen if last is not None else 0), _lost(plan, table, rows, counted), around, decision
        ),
    ]
    lag, dependent = _neighbours(plan, units, diagnose=diagnose)
    reasons += [*dependent, *_undecided(plan, decision, around), *_elsewhere(plan, decision, around)]
    return Judgement(
        decision=decision,
        inconclusive=tuple(reasons),
        n_rows=n_rows,
        n_units=len(units),
        errors=len(failed),
        missing=missing,
        first_error=first_error,
        lag=lag,
    )


def plain_estimate(plan: Plan, table: Table) -> tuple[float | None, int]:
    """The statistic over all units of a table, up to the budget, and how many those are; no verdict.

    Raises:
        ObservationError: a value that the statistic cannot take.
    """
    values = table.column(plan.metric)
    rows = [row for row in range(table.n_rows) if values[row] is not None and row not in table.errors]
    reader = UnitReader(replace(plan, sequential=False))
    units = (reader.take(table, rows) + reader.rest())[: plan.cap]
    settings = replace(plan.settings, method="auto", unit=None, census=False)
    shares = plan.kind == "rate" and plan.settings.unit is not None
    fixed = replace(
        plan,
        sequential=False,
        settings=settings,
        kind="mean" if shares else plan.kind,
        options={"bounds": (0.0, 1.0)} if shares else plan.options,
    )
    return (fixed.rule.decide(units, plan.bar).estimate if units else None), len(units)


_NO_NUMBERS = ("observed", "rank_correlation")


def _rows_of(plan: Plan, table: Table) -> list[int]:
    """The rows that speak of the metric.

    Errors always do, and rows that carry it. A row without it is missing something only where its like carry it: a
    cycle where other cycles do, or any row where none does.
    """
    values = table.column(plan.metric)
    if not table.errors and None not in values:
        return [*range(len(values))]
    is_cycle = [flag >= 0 for flag in table.success]
    carried = [row for row, value in enumerate(values) if value is not None]
    by_cycles, by_none = any(is_cycle[row] for row in carried), not carried
    return [
        row
        for row, value in enumerate(values)
        if row in table.errors or value is not None or by_none or (by_cycles and is_cycle[row])
    ]


def _row_of_decision(plan: Plan, decision: Decision, reader: UnitReader) -> int | None:
    """The row at which a sequential plan was decided; None where it was not, or where units and rows differ."""
    if not plan.sequential or decision.outcome is None or plan.kind == "rank_correlation":
        return None
    return reader.completed_at[decision.n - 1] if decision.n <= len(reader.completed_at) else None


def _require_pairs(plan: Plan, table: Table, counted: Sequence[int], units: Sequence[Any]) -> None:
    """Rows of two arms that never met are a mistake in the names of the arms, and no small sample."""
    if plan.kind != "difference" or units or not counted:
        return
    arms = sorted({str(arm) for arm in table.column(plan.options["by"]) if arm is not None})
    first, second = plan.options["arms"]
    raise MetricMissingError(
        f"no pair of {first!r} and {second!r} is complete: the rows' {plan.options['by']!r} is {', '.join(arms)}"
    )


def _unit_keys(plan: Plan, table: Table) -> list[Hashable]:
    keys = table.column(str(plan.settings.unit))
    return [tuple(key) if isinstance(key, list) else key for key in keys]


def _lost(plan: Plan, table: Table, rows: Sequence[int], counted: Sequence[int]) -> int:
    """Units that the body gave and that are no evidence: they fill the declared number, and errors speak of them."""
    gone = set(rows).difference(counted)
    if plan.settings.unit is None or not gone:
        return len(gone)
    keys = _unit_keys(plan, table)
    return len({keys[row] for row in gone} - {keys[row] for row in counted} - {None})


def _circumstantial(plan: Plan, around: Circumstances, n_counted: int) -> list[str]:
    reasons = [around.broken] if around.broken else []
    if plan.metric == "wall_time_s" and around.parallel and plan.settings.load != "any":
        reasons.append(
            "parallel load: wall time was measured while other tests ran; run it alone, or declare load='any'"
        )
    if around.timed_out:
        reasons.append(f"stopped by max_seconds={plan.settings.max_seconds:g}")
    if plan.settings.census and around.corpus_count is not None:
        used = min(around.used, n_counted)  # a record that was taken and gave nothing was not counted
        if around.used != around.corpus_count or used < around.corpus_count:
            reasons.append(f"not a census: {used} of {around.corpus_count} records were used")
    return reasons


def _errors_over_budget(plan: Plan, failed: Sequence[int], missing: int, n_rows: int, first: str) -> list[str]:
    settings = plan.settings
    counted = 0 if plan.counts_errors else len(failed)
    reasons = []
    if counted > settings.error_budget:
        reasons.append(
            f"{counted} of {n_rows} cycles could not be measured (error_budget={settings.error_budget}); first: {first}"
        )
    if missing > settings.error_budget:
        reasons.append(
            f"{missing} of {n_rows} measured rows lacked {plan.metric!r} (error_budget={settings.error_budget})"
        )
    return reasons


def _too_few(plan: Plan, n_units: int, lost: int, around: Circumstances, decision: Decision) -> list[str]:
    settings, cap = plan.settings, plan.cap
    if around.broken or around.timed_out:
        return []
    open_still = decision.outcome is None or not plan.sequential
    if cap is not None and n_units + lost < cap and open_still:
        most = "at most " if plan.sequential else ""
        if around.exhausted is not None and around.exhausted < cap:
            return [f"exhausted: the corpus gave {around.exhausted} records, the plan declares {most}{cap} units"]
        how = "stopped by hand" if plan.sequential else "stopped early"
        return [f"{how}: {n_units} units of {'at most' if plan.sequential else 'the declared'} {cap}"]
    if 0 < n_units < settings.min_samples:  # of none at all the method speaks itself
        return [f"{n_units} units, fewer than min_samples={settings.min_samples}"]
    return []


def _neighbours(plan: Plan, units: Sequence[Any], *, diagnose: bool) -> tuple[LagOne | None, list[str]]:
    """How like successive units are, and the reason where they are too like.

    Units that hang together are no independent replicates, and every error level rests on those.

    Raises:
        ObservationError: a unit is no finite number.
    """
    if not units or plan.kind in _NO_NUMBERS:
        return None, []
    replicates = plan.settings.unit is None and not plan.settings.census
    if not diagnose and replicates and len(units) >= SMALLEST_N and not clearly_dependent(units):
        return None, []
    lag = lag1(units)
    if not (replicates and lag.is_clear):
        return lag, []
    how = f"lag-1 correlation {lag.r or 0.0:.2f}, p < 0.001"
    return lag, [f"dependent units: each tells of the next ({how}); declare with unit= what is independent"]


def _undecided(plan: Plan, decision: Decision, around: Circumstances) -> list[str]:
    """The method's own reason; also where estimate and outcome stand on two sides of the bar."""
    if decision.outcome is None:
        reason = decision.reason or "the evidence excludes neither the claim nor its opposite"
        if plan.cap is None and around.exhausted is not None:
            return [f"exhausted: the corpus gave {around.exhausted} records; {reason}"]
        return [reason]
    if decision.estimate is None:
        return ["the estimate is undefined"]
    if plan.bar.holds(decision.estimate) is not (decision.outcome == "VALIDATED"):
        return [f"the estimate {decision.estimate:.6g} lies on the other side of the bar than the interval"]
    return []


def _elsewhere(plan: Plan, decision: Decision, around: Circumstances) -> list[str]:
    """A claim about time that fails on another machine than its baseline's may only have met a slower one."""
    if decision.outcome != "REFUTED" or not around.foreign or not plan.is_machine_dependent:
        return []
    return [f"another machine than the one its noise floor was measured on: {'; '.join(around.foreign)}"]
