# SPDX-License-Identifier: Apache-2.0
"""From a judgement to the record of one claim: verdict, evidence rows, data, provenance."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ophamin.core.environment import GitFacts, environment_digest, environment_lock, ophamin_commit, ophamin_version
from ophamin.core.evidence import PillarEvidence
from ophamin.measuring.inference import Decision, Deterministic, Estimate, Rule, choose
from ophamin.measuring.judgement import Circumstances, Judgement, judge
from ophamin.measuring.ledger import Cycles, Table, plain_value, spoken
from ophamin.measuring.plan import Plan, unit_text
from ophamin.measuring.proof.provenance import provenance_graph
from ophamin.measuring.proof.record import (
    DatasetRef,
    EmpiricalProofRecord,
    PreRegistration,
    Reproduction,
    Verdict,
    schema_version_for,
)
from ophamin.measuring.script import ScenarioScore, Script
from ophamin.protocols import Pillar

__all__ = ["Facts", "build_record"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a record says of its trial beside the evidence.

    Attributes:
        created_at: when the record was made.
        command: gives the verdict again.
        system_name: the system under test, or the test function.
        system_commit: its revision.
        system_metadata: what the system says of itself.
        state_before: digest of the system's state before the first cycle.
        state_after: the same after the last.
        project: commit and cleanness of the project's tree.
        observations_digest: SHA-256 of the observations' text.
        corpus: the corpus as it was registered; None where there is none, or it is empty.
        used: records taken from the stream.
        used_digest: SHA-256 over the records used.
        seed: of the attempt, as text.
        order_seed: of the stream's order, as text.
        attempt: from 1.
        lineage: ids of the records that this one goes on from.
        registration: level of the claim's registration: none, declared, base or witnessed.
        distinct_inputs: how many different stimuli the rows have; fewer than rows where input was fed again, or an
            answer replayed. None where no row has one.
        noise_floor: how far two runs of the same system differ by noise; None where it was not measured.
    """

    created_at: str
    command: str
    system_name: str
    system_commit: str
    system_metadata: Mapping[str, str]
    state_before: str
    state_after: str
    project: GitFacts
    observations_digest: str
    corpus: DatasetRef | None
    used: int
    used_digest: str
    seed: str
    order_seed: str
    attempt: int
    lineage: tuple[str, ...] = ()
    noise_floor: float | None = None
    distinct_inputs: int | None = None
    registration: str = "none"
    lock: str = ""
    substrate: str = ""


def build_record(
    script: Script,
    plan: Plan,
    preregistration: PreRegistration,
    table: Table,
    around: Circumstances,
    facts: Facts,
    cycles: Sequence[Any] | None,
    records: Sequence[Any],
    redact: Callable[[str], str] = str,
    more: Sequence[PillarEvidence] = (),
) -> tuple[EmpiricalProofRecord, str, Exception | None]:
    """Decide one claim on the rows of a trial and build its record.

    Returns:
        The unsigned record, the reason where it is INCONCLUSIVE, and the error that the evidence itself was, such as
        a metric that nothing carried, or what a class's own score raised.
    """
    judgement, rows, error = _judged(script, plan, table, around, cycles, records)
    datasets = _datasets(script, plan, table, facts)
    seen = Cycles(table) if cycles is None else cycles
    conditions = _pillar_rows(script.conditions, seen, records, redact)
    judgement = _under_conditions(judgement, script.conditions, conditions)
    judgement = _for_the_record(judgement, datasets, redact)
    decision = judgement.decision
    verdict = Verdict.decide(
        decision.estimate,
        plan.threshold(),
        inconclusive=bool(judgement.inconclusive),
        reasoning=_reasoning(plan, judgement),
    )
    rows += [*conditions, *_pillar_rows(script.pillars, seen, records, redact), *more]
    if not judgement.inconclusive:
        rows = [_definite(row) for row in rows]
    evidence = [_evidence_row(plan, judgement, facts, around.rounds), *rows]
    record = EmpiricalProofRecord(
        claim=plan.claim(),
        preregistration=preregistration,
        datasets=datasets,
        substrate_name=facts.system_name,
        substrate_git_commit=facts.system_commit,
        evidence=evidence,
        verdict=verdict,
        reproduction=Reproduction(
            command=facts.command, environment=dict(environment_lock()), lineage_chain=list(facts.lineage)
        ),
        provenance=provenance_graph(
            _experiment(plan, facts),
            datasets,
            facts.system_name,
            claim=plan.digest,
            lock=facts.lock,
            environment=environment_digest(),
        ),
        ophamin_version=ophamin_version(),
        ophamin_git_commit=ophamin_commit(),
        created_at=facts.created_at,
        schema_version=schema_version_for(decision.estimate, evidence, datasets),
    )
    return record, judgement.inconclusive[0] if judgement.inconclusive else "", error


def _judged(
    script: Script,
    plan: Plan,
    table: Table,
    around: Circumstances,
    cycles: Sequence[Any] | None,
    records: Sequence[Any],
) -> tuple[Judgement, list[PillarEvidence], Exception | None]:
    """The judgement; an error in the evidence becomes its first reason, so that a record is left in any case."""
    try:
        if script.score is None:
            return judge(plan, table, around), [], None
        score = script.score(cycles or [], records) if not around.broken else ScenarioScore(None, inconclusive=True)
        for row in score.evidence:
            if not isinstance(row, PillarEvidence):
                raise TypeError(f"the score's evidence holds a {type(row).__name__}; give PillarEvidence")
        return _judge_score(plan, table, around, score), list(score.evidence), None
    except Exception as error:  # noqa: BLE001 - a class's own score may raise anything; it is raised after the record
        reason = around.broken or f"{type(error).__name__}: {error}"
        return _nothing(plan, table, reason), [], None if around.broken else error


def _under_conditions(judgement: Judgement, pillars: Sequence[Any], rows: Sequence[PillarEvidence]) -> Judgement:
    """One reason more for each condition that fails or cannot be told; a condition never gives a verdict."""
    reasons = []
    for pillar, row in zip(pillars, rows, strict=True):
        holds = None if row.cross_check == "skipped" else pillar.condition(row)
        if holds is not True:
            told = row.detail.get("reason") or f"{row.statistic_name} = {row.statistic_value}"
            reasons.append(f"the condition {row.pillar} {'fails' if holds is False else 'cannot be told'}: {told}")
    return replace(judgement, inconclusive=(*judgement.inconclusive, *reasons)) if reasons else judgement


def _for_the_record(judgement: Judgement, datasets: Sequence[DatasetRef], redact: Callable[[str], str]) -> Judgement:
    """Reasons as a record may hold them, and one more where the record would rest on no data at all."""
    reasons = tuple(spoken(reason, redact) for reason in judgement.inconclusive)
    if not datasets and not reasons:
        reasons = ("no data: nothing was observed and no corpus is named",)
    return replace(judgement, inconclusive=reasons, first_error=spoken(judgement.first_error, redact))


def _nothing(plan: Plan, table: Table, reason: str) -> Judgement:
    decision = Decision(
        method=plan.rule.name,
        guarantee=plan.rule.guarantee,
        n=0,
        estimate=None,
        low=None,
        high=None,
        outcome=None,
        p_holds=None,
        p_fails=None,
        reason=reason,
        more=None,
        detail={},
    )
    first_error = next(iter(table.errors.values()), "")
    return Judgement(decision, (reason,), table.n_rows, 0, len(table.errors), missing=0, first_error=first_error)


def _judge_score(plan: Plan, table: Table, around: Circumstances, score: ScenarioScore) -> Judgement:
    """A class's own score, decided like everything else: by an interval, or exactly where it is deterministic."""
    value = score.observed_value
    if value is None or not math.isfinite(value):
        return _nothing(plan, table, around.broken or score.reasoning or f"the scenario's score is undefined ({value})")
    value = plain_value("the score", value)
    rule: Rule = Deterministic() if score.deterministic else choose("observed")
    decision = rule.decide([value if score.deterministic else _with_interval(score, value)], plan.bar)
    n_rows, errors = table.n_rows, len(table.errors)
    first_error = next(iter(table.errors.values()), "")
    unmeasured = f"{errors} of {n_rows} cycles could not be measured; first: {first_error}"
    reasons = [
        *([around.broken] if around.broken else []),
        *([score.reasoning or "the scenario's own score says so"] if score.inconclusive else []),
        *([unmeasured] if errors > plan.settings.error_budget else []),
        *([decision.reason] if decision.outcome is None else []),
    ]
    return Judgement(decision, tuple(reasons), n_rows, n_rows, errors, missing=0, first_error=first_error)


def _with_interval(score: ScenarioScore, value: float) -> Any:
    """The score's own interval, else the widest that its evidence gives for that value; the bare value without any."""
    if score.low is not None and score.high is not None:
        return Estimate(value, score.low, score.high)
    ends = [
        (row.ci_low, row.ci_high)
        for row in score.evidence
        if row.statistic_value == value and row.ci_low is not None and row.ci_high is not None
    ]
    return Estimate(value, min(low for low, _ in ends), max(high for _, high in ends)) if ends else value


def _reasoning(plan: Plan, judgement: Judgement) -> str:
    """One sentence: the statistic with its interval, the bound, the number of units, and why nothing is decided."""
    decision = judgement.decision
    if decision.estimate is None:
        return f"{plan.statistic} is undefined: {'; '.join(judgement.inconclusive)}"
    interval = f" {interval_text(decision)}" if decision.low is not None or decision.high is not None else ""
    bound = f"{plan.comparator} {plan.value:g}"
    told = f"{plan.statistic} = {decision.estimate:.6g}{interval} against {bound}, n = {judgement.n_units}"
    if not judgement.inconclusive:
        return f"{told}; decided by {decision.method}"
    more = f"; about {decision.more} more units would decide" if decision.more else ""
    return f"{told}; undecided: {'; '.join(judgement.inconclusive)}{more}"


def interval_text(decision: Decision) -> str:
    """The interval as people read it; an open end is infinite.

    >>> from ophamin.measuring.inference import Bar, BinomialRate
    >>> interval_text(BinomialRate().decide([0] * 40, Bar("<=", 0.1)))
    '[0, 0.0721575]'
    """
    low = "-inf" if decision.low is None else f"{decision.low:.6g}"
    high = "inf" if decision.high is None else f"{decision.high:.6g}"
    return f"[{low}, {high}]"


def _evidence_row(plan: Plan, judgement: Judgement, facts: Facts, rounds: int) -> PillarEvidence:
    """The row that the verdict rests on."""
    decision = judgement.decision
    settings = plan.settings
    detail: dict[str, Any] = {
        "alpha": settings.alpha,
        "beta": settings.beta,
        "errors": judgement.errors,
        "first_error": judgement.first_error,
        "guarantee": decision.guarantee,
        "inconclusive": list(judgement.inconclusive),
        "method": decision.method,
        "missing": judgement.missing,
        "more_units_would_decide": decision.more,
        "n_rows": judgement.n_rows,
        "n_units": judgement.n_units,
        "observations_sha256": facts.observations_digest,
        "cap": plan.widened(rounds).cap,
        "distinct_inputs": facts.distinct_inputs,
        **_dependence(judgement),
        "noise_floor": facts.noise_floor,
        "p_claim_fails": decision.p_holds,
        "p_claim_holds": decision.p_fails,
        "unit": unit_text(settings.unit),
        **decision.detail,
    }
    return PillarEvidence(
        pillar=f"claim.{decision.method}",
        statistic_name=plan.statistic,
        statistic_value=decision.estimate,
        library="ophamin",
        library_version=ophamin_version(),
        ci_low=decision.low,
        ci_high=decision.high,
        p_value=decision.p_holds,
        detail=detail,
    )


def _dependence(judgement: Judgement) -> dict[str, Any]:
    """How like successive units are, and how much that inflates the variance of their mean (first-order model)."""
    lag = judgement.lag
    if lag is None or lag.r is None:
        return {"lag1": None, "lag1_p": None, "design_effect": None}
    effect = (1.0 + lag.r) / (1.0 - lag.r) if abs(lag.r) < 1.0 else None
    return {"lag1": lag.r, "lag1_p": lag.p_value, "design_effect": effect}


def _pillar_rows(
    pillars: Sequence[Pillar], cycles: Sequence[Any], records: Sequence[Any], redact: Callable[[str], str]
) -> list[PillarEvidence]:
    """What the plan's pillars add; a pillar that fails is a skipped row with its reason, never a lost test."""
    rows = []
    for pillar in pillars:
        try:
            row = pillar.compute(cycles, records)
            if not isinstance(row, PillarEvidence):
                raise TypeError(f"compute() gave a {type(row).__name__}, not a PillarEvidence")
        except Exception as error:  # noqa: BLE001 - a third party's pillar may raise anything, and it only informs
            row = PillarEvidence(
                pillar=str(pillar.pillar_name),
                statistic_name="not computed",
                statistic_value=None,
                library=str(pillar.library),
                library_version=str(pillar.library_version),
                cross_check="skipped",
                detail={"reason": spoken(f"{type(error).__name__}: {error}", redact)},
            )
        rows.append(row)
    return rows


def _definite(row: PillarEvidence) -> PillarEvidence:
    """A row that a decided record can hold: of an undefined statistic it says that nothing, 0 statistics, was computed.

    Only an INCONCLUSIVE record has a place for an undefined number, and a pillar may not take the verdict away.
    """
    if row.statistic_value is not None:
        return row
    detail = {**row.detail, "undefined_statistic": row.statistic_name}
    return replace(row, statistic_name="statistics computed", statistic_value=0, cross_check="skipped", detail=detail)


def _datasets(script: Script, plan: Plan, table: Table, facts: Facts) -> list[DatasetRef]:
    """The corpus as a whole, the records used of it, and the rows that were observed."""
    datasets: list[DatasetRef] = []
    if facts.corpus is not None:
        datasets.append(facts.corpus)
        if facts.used:
            order = "in file order" if plan.settings.order == "file" else f"random order, seed {facts.order_seed}"
            how = order if script.score is None else "as the scenario selects them"
            name = f"{facts.corpus.name}:used"
            datasets.append(DatasetRef(name, facts.used_digest, facts.used, how, "records-used"))
    if table.n_rows:
        datasets.append(
            DatasetRef(
                "observations",
                facts.observations_digest,
                table.n_rows,
                "observations.json.gz beside this record",
                "observations",
            )
        )
    return datasets


def _experiment(plan: Plan, facts: Facts) -> dict[str, Any]:
    """The attributes that the wire has no field for."""
    metadata = plan.metadata
    return {
        "name": metadata.name,
        "tier": metadata.tier,
        "family": metadata.family,
        "goal": metadata.goal,
        "explanation": metadata.explanation,
        "method": metadata.method or plan.analysis_plan(),
        "if_refuted": metadata.if_refuted or f"the opposite is to be assumed: {plan.h0}",
        "registration": facts.registration,
        **({"substrate": facts.substrate} if facts.substrate else {}),
        "config": plan.config_text,
        "seed": facts.seed,
        "attempt": facts.attempt,
        "project_commit": facts.project.commit,
        "project_dirty": "unknown" if facts.project.dirty is None else str(facts.project.dirty).lower(),
        "state_before": facts.state_before,
        "state_after": facts.state_after,
        **{f"system_{key}": value for key, value in facts.system_metadata.items()},
    }
