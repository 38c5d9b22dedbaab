# SPDX-License-Identifier: Apache-2.0
"""A proof record in words and numbers for a terminal. It is a view; the JSON file is the record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ophamin.core.text import visible

if TYPE_CHECKING:
    from ophamin.measuring.proof.record import EmpiricalProofRecord

__all__ = ["COLOURS", "Fact", "facts_of", "measured"]

Fact = tuple[str, str]
"""A label and what is said under it, on one line each; safe to print."""

COLOURS: Final = {"VALIDATED": "green", "REFUTED": "red", "INCONCLUSIVE": "yellow"}
LONGEST: Final = 2000
SHORT_HASH: Final = 12
_STATED: Final = ("name", "tier", "family", "goal", "if_refuted", "registration", "attempt")


def measured(record: EmpiricalProofRecord) -> str:
    """Metric, estimate, interval and bar of the verdict, on one line.

    The interval is that of the first evidence, shown where that is about the number that was tested.
    """
    verdict, bar = record.verdict, record.verdict.threshold
    bound = f"{bar.comparator} {bar.value:.6g} {bar.units}".rstrip()
    if verdict.observed_value is None:
        return visible(f"{bar.metric} undefined, {bound}")
    first = record.evidence[0] if record.evidence else None
    interval = ""
    if first is not None and first.statistic_value == verdict.observed_value:
        interval = _interval(first.ci_low, first.ci_high)
    return visible(f"{bar.metric} {verdict.observed_value:.4g}{interval} {bound}")


def facts_of(record: EmpiricalProofRecord) -> list[list[Fact]]:
    """The record as paragraphs of facts: verdict, claim, registration, data, evidence, reproduction, identity."""
    paragraphs = (
        _verdict(record),
        _claim(record),
        _registration(record),
        _data(record),
        _evidence(record),
        _reproduction(record),
        _identity(record),
        (("problem", problem) for problem in record.validate()),
    )
    shown = ([(label, _line(value)) for label, value in facts] for facts in paragraphs)
    return [facts for facts in shown if facts]


def _verdict(record: EmpiricalProofRecord) -> Iterator[tuple[str, Any]]:
    stated = _scenario(record.provenance)
    yield "measured", measured(record)
    yield "why", record.verdict.reasoning
    if record.verdict.outcome == "REFUTED" and stated.get("if_refuted"):
        yield "consequence", stated["if_refuted"]


def _claim(record: EmpiricalProofRecord) -> Iterator[tuple[str, Any]]:
    stated = _scenario(record.provenance)
    if stated.get("name"):
        yield "scenario", stated["name"]
    kind = ", ".join(str(stated[name]) for name in ("tier", "family") if stated.get(name))
    if kind:
        yield "kind", kind
    if stated.get("goal"):
        yield "goal", stated["goal"]
    yield "measured as", record.claim.operationalization
    yield "bar", record.claim.threshold.describe()
    yield "h0", record.claim.h0
    yield "h1", record.claim.h1


def _registration(record: EmpiricalProofRecord) -> Iterator[tuple[str, Any]]:
    registered, stated = record.preregistration, _scenario(record.provenance)
    level = f" ({stated['registration']})" if stated.get("registration") else ""
    yield "registered", f"{registered.preregistered_at}{level}"
    if stated.get("attempt") not in {None, 1, "1"}:
        yield "attempt", stated["attempt"]
    yield "plan", registered.analysis_plan
    if registered.sweep_grid:
        yield "parameters", registered.sweep_grid
    yield "config hash", registered.config_hash
    yield "data hash", registered.data_hash


def _data(record: EmpiricalProofRecord) -> Iterator[tuple[str, Any]]:
    revision = f" at {record.substrate_git_commit}" if record.substrate_git_commit else ""
    yield "system", f"{record.substrate_name}{revision}"
    for one in record.datasets:
        digest = one.content_hash[:SHORT_HASH]
        yield "data", f"{one.name} ({one.kind}), {one.n_records} records, hash {digest}, from {one.source}"
    if not record.datasets:
        yield "data", "none"


def _evidence(record: EmpiricalProofRecord) -> Iterator[tuple[str, Any]]:
    for piece in record.evidence:
        value = "undefined" if piece.statistic_value is None else f"{piece.statistic_value:.6g}"
        more = "" if piece.p_value is None else f", p {piece.p_value:.3g}"
        more += "" if piece.effect_size is None else f", effect size {piece.effect_size:.3g}"
        more += "" if piece.cross_check == "n/a" else f", cross-check {piece.cross_check}"
        number = f"{piece.statistic_name} {value}{_interval(piece.ci_low, piece.ci_high)}{more}"
        yield "evidence", f"{piece.pillar}: {number} ({piece.library} {piece.library_version})"
        if piece.detail:
            yield "  detail", piece.detail


def _reproduction(record: EmpiricalProofRecord) -> Iterator[tuple[str, Any]]:
    again = record.reproduction
    yield "run again", again.command
    yield "environment", f"{len(again.environment)} entries; --json has them"
    if again.lineage_chain:
        yield "builds on", ", ".join(again.lineage_chain)


def _identity(record: EmpiricalProofRecord) -> Iterator[tuple[str, Any]]:
    revision = f" at {record.ophamin_git_commit}" if record.ophamin_git_commit else ""
    yield "record", record.proof_id
    yield "made", f"{record.created_at} by ophamin {record.ophamin_version}{revision}, schema {record.schema_version}"
    yield "seal", f"{record.signature} (not checked here)" if record.signature else "unsigned"
    if record.attestation:
        yield "attested by", f"{record.attestation['author']} (not checked here)"


def _scenario(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What the scenario says of itself in the provenance graph, which may hold anything."""
    entities = provenance.get("entity")
    entity = entities.get("ophamin:scenario") if isinstance(entities, Mapping) else None
    if not isinstance(entity, Mapping):
        return {}
    found = {name: entity.get(f"ophamin:{name}") for name in _STATED}
    plain = {name: value.get("$") if isinstance(value, Mapping) else value for name, value in found.items()}
    return {name: value for name, value in plain.items() if isinstance(value, str | int)}


def _interval(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f" [{'-inf' if low is None else f'{low:.3g}'}, {'inf' if high is None else f'{high:.3g}'}]"


def _line(value: Any) -> str:
    """One line that shows a value and does nothing else."""
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(plain) > LONGEST:
        plain = plain[:LONGEST] + " ... (cut; --json has all)"
    return visible(plain) if plain.strip() else "(empty)"
