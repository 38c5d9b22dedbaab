# SPDX-License-Identifier: Apache-2.0
"""Decide a record again: from its own plan and its observations alone, does the same verdict come out?

It shows that a verdict follows from the numbers beside it. It does not show that anybody measured those numbers. What
lies outside of the observations, such as a test body that broke, can only make a verdict INCONCLUSIVE, so a record may
say that of itself; it can never say more than its observations do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Literal, NoReturn

from ophamin.core import strictjson
from ophamin.core.evidence import PillarEvidence
from ophamin.core.jsontext import compact_sorted
from ophamin.core.text import visible
from ophamin.errors import ClaimError
from ophamin.measuring.judgement import Circumstances, judge
from ophamin.measuring.observations import MAX_UNPACKED_BYTES, ObservationsError, Table, unpack
from ophamin.measuring.plan import Plan
from ophamin.measuring.proof.provenance import SCENARIO_ENTITY
from ophamin.measuring.proof.record import EmpiricalProofRecord, Verdict

__all__ = [
    "MAX_PACKED_BYTES",
    "TOLERANCE",
    "Redecided",
    "Redecision",
    "named_observations",
    "recorded_plan",
    "redecide",
    "redecide_rows",
    "unpack_bounded",
    "verdict_contradiction",
]

MAX_PACKED_BYTES: Final = 64 * 2**20
"""Most bytes of an observations file as it lies on disk."""

TOLERANCE: Final = 1e-12
"""Largest relative difference of two numbers that count as the same."""

MAX_CALIBRATED: Final = 10_000
"""Largest budget for which calibrated boundaries are computed again: the time, some seconds, grows with its square."""

_SMALL: Final = 32 * 2**20
_RATIO: Final = 100
_SHOWN: Final = 200

Cause = Literal["", "foreign", "score", "plan", "observations"]


class Redecided(StrEnum):
    """What came out of deciding again."""

    SAME = "same"
    CONTRADICTION = "CONTRADICTION"
    NOT_RECOMPUTABLE = "NOT_RECOMPUTABLE"


@dataclass(frozen=True, slots=True)
class Redecision:
    """The answer, with its reason.

    Attributes:
        result: one of `Redecided`.
        words: why, in one line; safe to print.
        cause: why nothing could be computed: the record is of another tool (``foreign``), its scenario has a score of
            its own (``score``), its plan is of another version (``plan``), or the rows are not here or cannot be read
            (``observations``). Only the first two are no fault of the record.
    """

    result: Redecided
    words: str
    cause: Cause = ""


class _Stop(Exception):  # noqa: N818 - carries an answer, and never leaves this module
    def __init__(self, result: Redecided, words: str, cause: Cause = "") -> None:
        self.answer = Redecision(result, visible(words), cause)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the observations say, by the names under which a record says it."""

    numbers: dict[str, float | None]
    counts: dict[str, Any]
    reasons: tuple[str, ...]


def redecide(record: EmpiricalProofRecord, observations: bytes | None) -> Redecision:
    """Compute estimate, interval and verdict of a record again, and compare.

    Args:
        record: as it was read.
        observations: the gzipped file beside it; None where there is none.

    Returns:
        The answer; nothing in a record or a file raises.

    Example:
        >>> from ophamin import conduct, rate, scenario
        >>> @scenario("heads are not rare", rate("heads") >= 0.2)
        ... def test_coin(trial):
        ...     '''Is the coin usable?'''
        ...     for number in range(50):
        ...         trial.observe(heads=number % 7 != 0)
        >>> redecide(conduct(test_coin), None).words
        'the observations are not here; put observations.json.gz beside the record'
    """
    try:
        if (named := named_observations(record)) is None or observations is None:
            return redecide_rows(record, None, "")
        try:
            table, digest = unpack_bounded(observations)
        except ObservationsError as error:
            _not_computable("observations", str(error))
        if digest != named:
            _contradict(f"the observations are others than the record's: their digest is {digest}, not {named}")
        return redecide_rows(record, table, digest)
    except _Stop as stop:
        return stop.answer


def redecide_rows(record: EmpiricalProofRecord, table: Table | None, digest: str) -> Redecision:
    """Like `redecide`, for observations that are unpacked already.

    Args:
        record: as it was read.
        table: the rows; None where there are none.
        digest: SHA-256 over the text of the rows.
    """
    try:
        return _redecide(record, table, digest)
    except _Stop as stop:
        return stop.answer


def unpack_bounded(data: bytes) -> tuple[Table, str]:
    """Unpack observations of any origin: to 32 MiB, or to 100 times what they take, and never beyond 256 MiB.

    Rows of a trial pack 2 to 20 times; what packs further is small, or made to fill a memory.

    Raises:
        ObservationsError: larger than that, or not in the format.
    """
    if len(data) > MAX_PACKED_BYTES:
        raise ObservationsError(f"the observations have {len(data)} bytes; the limit is {MAX_PACKED_BYTES}")
    return unpack(data, limit=min(MAX_UNPACKED_BYTES, max(_SMALL, _RATIO * len(data))))


def named_observations(record: EmpiricalProofRecord) -> str | None:
    """The digest under which a record names its observations; None where it names none."""
    named = record.evidence[0].detail.get("observations_sha256") if record.evidence else None
    return named if isinstance(named, str) else None


def recorded_plan(record: EmpiricalProofRecord) -> Plan | None:
    """The plan that a record keeps in its provenance; None where it keeps none.

    Raises:
        ClaimError: what is there is no plan of this version.
    """
    text = _config_text(record)
    return None if text is None else _plan_of(text)


@lru_cache(maxsize=64)  # the records of one claim have one plan, and stand side by side
def _plan_of(text: str) -> Plan:
    try:
        plan = Plan.from_config(strictjson.loads(text.encode("utf-8", "surrogatepass"), what="the plan of the record"))
        # What makes the same text as was read strictly is canonical; else its own way says what is wrong with it.
        if compact_sorted(dict(plan.config)) == text or plan.config_text == text:
            return plan
    except ClaimError:
        raise
    except Exception as error:  # a plan of any content may fail anywhere while it is made
        raise ClaimError(f"the plan of the record cannot be read: {type(error).__name__}: {error}") from error
    raise ClaimError("the plan of the record has parts that this version does not know; use the one that wrote it")


def verdict_contradiction(record: EmpiricalProofRecord) -> str:
    """How the verdict of a record contradicts the record itself; empty where it does not."""
    verdict = record.verdict
    if verdict.threshold != record.claim.threshold:
        return (
            f"decided against {visible(verdict.threshold.describe())}, "
            f"but {visible(record.claim.threshold.describe())} is claimed"
        )
    if verdict.outcome == "INCONCLUSIVE":
        return ""
    found = Verdict.decide(verdict.observed_value, verdict.threshold).outcome
    told = f"{verdict.observed_value!r} against {visible(verdict.threshold.describe())}"
    return "" if found == verdict.outcome else f"the record says {verdict.outcome}, but {told} is {found}"


def _redecide(record: EmpiricalProofRecord, table: Table | None, digest: str) -> Redecision:
    if problem := verdict_contradiction(record):
        _contradict(problem)
    plan = _plan(record)
    if table is None:
        _not_computable("observations", "the observations are not here; put observations.json.gz beside the record")
    row = _claim_row(record, plan)
    if row.detail.get("observations_sha256") != digest:
        _contradict("the observations are others than those that the record names")
    try:
        around = _circumstances(plan, record, row.detail.get("cap"))
        _require_affordable(plan)
        found = _found(plan, table, around)
    except _Stop:
        raise
    except Exception as error:  # noqa: BLE001 - hostile plans fail anywhere; a record of ours never comes here
        _contradict(f"no trial can have followed this plan: {type(error).__name__}: {error}")
    for name, value in _stated_counts(row).items():
        if value != found.counts[name] or type(value) is not type(found.counts[name]):
            _contradict(f"{name} is {value!r} in the record, and {found.counts[name]!r} in the observations")
    for name, stated in _stated_numbers(record, row):
        if not _is_close(stated, found.numbers[name]):
            _contradict(f"{name} is {stated!r} in the record, and {found.numbers[name]!r} by the observations")
    return _compare_outcomes(record, row, found)


def _compare_outcomes(record: EmpiricalProofRecord, row: PillarEvidence, found: _Found) -> Redecision:
    stated, told = record.verdict.outcome, row.detail.get("inconclusive")
    if not isinstance(told, list) or bool(told) is not (stated == "INCONCLUSIVE"):
        _contradict(f"the record says {stated} and gives the reasons {told!r} against a verdict")
    again = Verdict.decide(found.numbers["estimate"], record.claim.threshold, inconclusive=bool(found.reasons)).outcome
    if stated == again:
        return Redecision(Redecided.SAME, f"{stated} again, from {row.detail['n_units']} units")
    if stated != "INCONCLUSIVE":
        because = f": {found.reasons[0]}" if found.reasons else ""
        _contradict(f"the record says {stated}, but the observations give {again}{because}")
    return Redecision(Redecided.SAME, visible(f"INCONCLUSIVE for what no observation shows: {str(told[0])[:_SHOWN]}"))


def _plan(record: EmpiricalProofRecord) -> Plan:
    text = _config_text(record)
    if text is None:
        _not_computable("foreign", "the record holds no plan, as those of other tools; its verdict is a statement")
    if hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != record.preregistration.config_hash:
        _contradict("the plan in the provenance is not the one that was registered: config_hash is another")
    try:
        plan = recorded_plan(record)
    except ClaimError as error:
        _not_computable("plan", str(error))
    assert plan is not None
    try:
        claim = plan.claim()
    except ValueError as error:
        _contradict(f"the plan makes no claim: {error}")
    if claim != record.claim:
        _contradict("the claim of the record is not the one of its plan")
    if plan.kind == "observed" and plan.analysis:
        _not_computable("score", "the scenario's class has a score of its own, which only its code can compute")
    return plan


def _config_text(record: EmpiricalProofRecord) -> str | None:
    entities = record.provenance.get("entity")
    told = entities.get(SCENARIO_ENTITY) if isinstance(entities, dict) else None
    text = told.get("ophamin:config") if isinstance(told, dict) else None
    return text if isinstance(text, str) else None


def _claim_row(record: EmpiricalProofRecord, plan: Plan) -> PillarEvidence:
    """The evidence row that the verdict rests on: the first."""
    if not record.evidence or record.evidence[0].statistic_name != plan.statistic:
        _contradict(f"the first row of evidence is not the statistic of the plan, {plan.statistic}")
    return record.evidence[0]


def _circumstances(plan: Plan, record: EmpiricalProofRecord, stated_cap: Any) -> Circumstances:
    """What the record says of its trial, as far as it can bear on a verdict.

    That the body broke, that time ran out, or that the machine was shared, only ever adds a reason for INCONCLUSIVE.
    """
    count = {one.kind: one.n_records for one in record.datasets}
    corpora = [one.n_records for one in record.datasets if one.kind not in {"records-used", "observations"}]
    if plan.settings.census and not corpora and record.verdict.outcome != "INCONCLUSIVE":
        _contradict("the claim is about all records of a corpus, and the record names no corpus")
    return Circumstances(
        corpus_count=corpora[0] if corpora else None,
        used=count.get("records-used", 0),
        rounds=_rounds(plan, stated_cap, len(record.reproduction.lineage_chain)),
    )


def _require_affordable(plan: Plan) -> None:
    if plan.settings.boundaries == "calibrated" and (plan.cap or 0) > MAX_CALIBRATED:
        told = f"boundaries calibrated for {plan.cap} units take too long to compute again"
        _not_computable("plan", f"{told}; the limit is {MAX_CALIBRATED}. Declare boundaries='ville'")


def _rounds(plan: Plan, stated: Any, earlier: int) -> int:
    """How many times the budget was used: once, and at most once more for each record that this one goes on from."""
    cap = plan.cap
    if stated == cap:
        return 1
    if cap is None or not plan.sequential or type(stated) is not int or not 1 < stated / cap <= 1 + earlier:
        _contradict(f"the record says {stated!r} units at most; its plan has {cap}, and it goes on from {earlier} runs")
    if stated % cap:
        _contradict(f"the record says {stated} units at most, no multiple of the {cap} of its plan")
    return stated // cap


def _found(plan: Plan, table: Table, around: Circumstances) -> _Found:
    try:
        judged = judge(plan, table, around, diagnose=False)
    except Exception as error:  # noqa: BLE001 - in a trial any of them makes a record of an undefined statistic
        return _Found(
            dict.fromkeys(("estimate", "lower bound", "upper bound", "p-value")),
            _counts(plan.rule.name, table.n_rows, 0, len(table.errors), 0),
            (f"{type(error).__name__}: {error}",),
        )
    decision = judged.decision
    return _Found(
        {
            "estimate": decision.estimate,
            "lower bound": decision.low,
            "upper bound": decision.high,
            "p-value": decision.p_holds,
        },
        _counts(decision.method, judged.n_rows, judged.n_units, judged.errors, judged.missing),
        judged.inconclusive,
    )


def _counts(method: Any, n_rows: Any, n_units: Any, errors: Any, missing: Any) -> dict[str, Any]:
    return {"method": method, "n_rows": n_rows, "n_units": n_units, "errors": errors, "missing": missing}


def _stated_counts(row: PillarEvidence) -> dict[str, Any]:
    return _counts(**{name: row.detail.get(name) for name in ("method", "n_rows", "n_units", "errors", "missing")})


def _stated_numbers(record: EmpiricalProofRecord, row: PillarEvidence) -> Iterator[tuple[str, float | None]]:
    yield "estimate", record.verdict.observed_value
    yield "estimate", row.statistic_value
    yield "lower bound", row.ci_low
    yield "upper bound", row.ci_high
    yield "p-value", row.p_value


def _is_close(stated: float | None, found: float | None) -> bool:
    if stated is None or found is None:
        return stated is found
    return math.isclose(stated, found, rel_tol=TOLERANCE, abs_tol=0.0)


def _contradict(words: str) -> NoReturn:
    raise _Stop(Redecided.CONTRADICTION, words)


def _not_computable(cause: Cause, words: str) -> NoReturn:
    raise _Stop(Redecided.NOT_RECOMPUTABLE, words, cause)
