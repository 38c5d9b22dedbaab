# SPDX-License-Identifier: Apache-2.0
"""One concluded claim as plain values, so that it crosses from a worker and can be shown anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ophamin.core.text import visible

if TYPE_CHECKING:
    from ophamin.measuring.trial import Concluded

__all__ = ["Row", "failure_block", "measured", "row_of", "worst"]

ORDER = ("REFUTED", "INCONCLUSIVE", "VALIDATED")


class Row(TypedDict):
    """A concluded claim; text, whole numbers and floats only."""

    verdict: str
    statement: str
    statistic: str
    comparator: str
    bound: float
    units: str
    observed: float | None
    low: float | None
    high: float | None
    n: int
    more: int | None
    method: str
    alpha: float
    beta: float
    if_refuted: str
    reason: str
    nodeid: str
    name: str
    path: str
    id: str
    attempt: int


def row_of(one: Concluded, nodeid: str, path: str, attempt: int) -> Row:
    """The row of a concluded claim."""
    plan, record = one.plan, one.record
    evidence = record.evidence[0]
    return Row(
        verdict=record.verdict.outcome,
        statement=visible(plan.statement),
        statistic=visible(plan.statistic),
        comparator=plan.comparator,
        bound=plan.value,
        units=visible(plan.units),
        observed=record.verdict.observed_value,
        low=evidence.ci_low,
        high=evidence.ci_high,
        n=int(evidence.detail["n_units"]),
        more=evidence.detail["more_units_would_decide"],
        method=f"{evidence.detail['method']} ({evidence.detail['guarantee']})",
        alpha=float(plan.settings.alpha),
        beta=float(plan.settings.beta),
        if_refuted=visible(plan.metadata.if_refuted),
        reason=visible(one.reason),
        nodeid=visible(nodeid),
        name=visible(plan.metadata.name),
        path=visible(path),
        id=one.proof_id,
        attempt=attempt,
    )


def worst(rows: list[Row]) -> str:
    """The outcome of an item with several claims: REFUTED before INCONCLUSIVE before VALIDATED; empty for none."""
    found = {row["verdict"] for row in rows}
    return next((verdict for verdict in ORDER if verdict in found), "")


def measured(row: Row) -> str:
    """Statistic, estimate, interval, bound and number of units, on one line.

    >>> row = dict(statistic="rate(wrong)", observed=0.3, low=0.2, high=None, comparator="<=", bound=0.1, n=40)
    >>> measured(row)
    'rate(wrong) 0.3 [0.2, inf] <= 0.1  n=40'
    """
    bound = f"{row['comparator']} {row['bound']:g}"
    if row["observed"] is None:
        return f"{row['statistic']} undefined, {bound}  n={row['n']}"
    interval = ""
    if row["low"] is not None or row["high"] is not None:
        low = "-inf" if row["low"] is None else f"{row['low']:.3g}"
        high = "inf" if row["high"] is None else f"{row['high']:.3g}"
        interval = f" [{low}, {high}]"
    return f"{row['statistic']} {row['observed']:.3g}{interval} {bound}  n={row['n']}"


def failure_block(row: Row) -> str:
    """What a person needs to know of a claim that failed the session."""
    said = {
        "verdict": row["verdict"],
        "claim": f"{row['statistic']} {row['comparator']} {row['bound']:g} {row['units']}".rstrip(),
        "measured": measured(row),
        "decided by": f"{row['method']}; alpha={row['alpha']:g}, beta={row['beta']:g}",
        "why": row["reason"],
        "if refuted": row["if_refuted"] if row["verdict"] == "REFUTED" else "",
        "more": f"about {row['more']} more units would decide"
        if row["more"] and row["verdict"] == "INCONCLUSIVE"
        else "",
        "record": row["path"],
    }
    lines = [
        row["statement"],
        *(f"  {label:<11} {text}" for label, text in said.items() if text),
    ]
    return "\n".join(lines)
