# SPDX-License-Identifier: Apache-2.0
"""One concluded claim as plain values, so that it crosses from a worker and can be shown anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ophamin.core.text import visible

if TYPE_CHECKING:
    from ophamin.measuring.trial import Concluded

__all__ = ["Row", "failure_block", "measured", "row_of", "saved", "walk_line", "worst"]

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
    cap: int | None
    sequential: bool
    walk: list[float]
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
    sha256: str
    attempt: int
    stored: str
    resume: str
    exploratory: bool
    floor: float | None
    family: str
    p_holds: float | None
    p_fails: float | None
    log_e_holds: float | None
    log_e_fails: float | None
    certain: bool


def row_of(
    one: Concluded,
    nodeid: str,
    path: str,
    attempt: int,
    sha256: str,
    *,
    stored: str = "",
    resume: str = "",
    exploratory: bool = False,
) -> Row:
    """The row of a concluded claim.

    Args:
        one: plan and record.
        nodeid: of the test.
        path: where the record lies, as people read it.
        attempt: from 1.
        sha256: of the record file.
        stored: the day on which an earlier run concluded it; empty for this one.
        exploratory: there is a lock, and the claim is not in it.
        resume: the command that goes on with it, should it be undecided; empty where none does.
    """
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
        cap=evidence.detail["cap"] if plan.sequential else None,
        sequential=plan.sequential,
        walk=[float(height) for height in evidence.detail.get("path", ())],
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
        sha256=sha256,
        attempt=attempt,
        stored=stored,
        exploratory=exploratory,
        floor=evidence.detail["noise_floor"],
        family=visible(plan.settings.multiplicity),
        p_holds=evidence.detail["p_claim_fails"],
        p_fails=evidence.detail["p_claim_holds"],
        log_e_holds=evidence.detail.get("log_e_low" if plan.bar.upward else "log_e_high"),
        log_e_fails=evidence.detail.get("log_e_high" if plan.bar.upward else "log_e_low"),
        certain=evidence.detail["guarantee"] == "deterministic" or plan.settings.census,
        resume=resume if _used_up(one) else "",
    )


def _used_up(one: Concluded) -> bool:
    """Whether a claim is undecided since its budget is used up, so that going on with it can help."""
    plan, detail = one.plan, one.record.evidence[0].detail
    cap, lasts = detail["cap"], plan.sequential and plan.settings.boundaries == "ville"
    return lasts and cap is not None and int(detail["n_units"]) + int(detail["errors"]) >= cap


def worst(rows: list[Row]) -> str:
    """The outcome of an item with several claims: REFUTED before INCONCLUSIVE before VALIDATED; empty for none."""
    found = {row["verdict"] for row in rows}
    return next((verdict for verdict in ORDER if verdict in found), "")


def measured(row: Row) -> str:
    """Statistic, estimate, interval, bound and number of units of the budget, on one line.

    >>> row = dict(statistic="rate(wrong)", observed=0.3, low=0.2, high=None, comparator="<=", bound=0.1, n=40, cap=600)
    >>> measured(row)
    'rate(wrong) 0.3 [0.2, inf] <= 0.1  n=40 of 600'
    """
    bound, n = f"{row['comparator']} {row['bound']:g}", f"n={row['n']}"
    if row["cap"] is not None:
        n += f" of {row['cap']}"
    if row["observed"] is None:
        return f"{row['statistic']} undefined, {bound}  {n}"
    interval = ""
    if row["low"] is not None or row["high"] is not None:
        low = "-inf" if row["low"] is None else f"{row['low']:.3g}"
        high = "inf" if row["high"] is None else f"{row['high']:.3g}"
        interval = f" [{low}, {high}]"
    return f"{row['statistic']} {row['observed']:.3g}{interval} {bound}  {n}"


def saved(row: Row) -> int:
    """Units of the budget that were not needed; 0 where the claim is undecided or has no budget."""
    if row["cap"] is None or row["verdict"] == "INCONCLUSIVE":
        return 0
    return max(0, row["cap"] - row["n"])


def walk_line(row: Row, bars: str = "▁▂▃▄▅▆▇█") -> str:
    """How the evidence went from the first unit on: the lowest bar is REFUTED, the highest VALIDATED.

    >>> walk_line(dict(walk=[0.0, 0.3, -0.2, 0.6, 1.0]), "_.-=+*%#")
    'REFUTED _ +*=%# # VALIDATED'
    """
    if not row["walk"]:
        return ""
    top = len(bars) - 1
    path = "".join(bars[round(0.5 * (height + 1.0) * top)] for height in row["walk"])
    return f"REFUTED {bars[0]} {path} {bars[-1]} VALIDATED"


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
        "go on with": row["resume"] if row["verdict"] == "INCONCLUSIVE" else "",
        "record": row["path"],
    }
    lines = [
        row["statement"],
        *(f"  {label:<11} {text}" for label, text in said.items() if text),
    ]
    return "\n".join(lines)
