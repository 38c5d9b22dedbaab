# SPDX-License-Identifier: Apache-2.0
"""The Markdown twin of a proof record: nine numbered sections for people.

Every text in a record may come from outside, so none of it is written unescaped: it can be read, and it can
be no heading, table cell, link, image or tag. The twin is not evidence; the JSON file is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ophamin.core.markdown import MarkdownTwin, fenced

if TYPE_CHECKING:
    from ophamin.core.evidence import PillarEvidence
    from ophamin.measuring.proof.sections import ProofContent

__all__ = ["render"]

_TWIN: Final = MarkdownTwin(longest=2000)
_SHOWN_ENTRIES: Final = 40
_STATED: Final = {
    "Scenario": "ophamin:name",
    "Tier": "ophamin:tier",
    "Family": "ophamin:family",
    "Goal": "ophamin:goal",
    "Explanation": "ophamin:explanation",
    "Method": "ophamin:method",
    "If refuted": "ophamin:if_refuted",
    "Registration": "ophamin:registration",
    "Attempt": "ophamin:attempt",
}


def render(record: ProofContent) -> str:
    """The record as Markdown, ending with what is wrong with it, if anything is."""
    sections = (
        _head(record),
        _identity(record),
        _claim(record),
        _preregistration(record),
        _data(record),
        _evidence(record),
        _verdict(record),
        _reproduction(record),
        _provenance(record),
        _signature(record),
        _TWIN.ending(record.validate(), "evidence"),
    )
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _head(record: ProofContent) -> list[str]:
    title = f"# {record.verdict.outcome}: {_TWIN.text(record.claim.statement)}"
    facts = _TWIN.facts(_scenario_facts(record.provenance))
    return [title, "", *facts] if facts else [title]


def _identity(record: ProofContent) -> list[str]:
    facts = {
        "Proof id": record.proof_id,
        "Schema version": record.schema_version,
        "Made by": f"ophamin {record.ophamin_version}",
        "Revision": record.ophamin_git_commit,
        "Created at": record.created_at,
    }
    return ["## 1. Identity", "", *_TWIN.facts(facts)]


def _claim(record: ProofContent) -> list[str]:
    claim = record.claim
    facts = {
        "Statement": claim.statement,
        "Operationalization": claim.operationalization,
        "Threshold": claim.threshold.describe(),
        "H0": claim.h0,
        "H1": claim.h1,
    }
    return ["## 2. Claim", "", *_TWIN.facts(facts)]


def _preregistration(record: ProofContent) -> list[str]:
    registered = record.preregistration
    facts = {
        "Registered at": registered.preregistered_at,
        "Config hash": registered.config_hash,
        "Data hash": registered.data_hash,
        "Analysis plan": registered.analysis_plan,
        "Parameters": registered.sweep_grid,
    }
    return ["## 3. Pre-registration", "", *_TWIN.facts(facts)]


def _data(record: ProofContent) -> list[str]:
    facts = {"System under test": record.substrate_name, "Revision": record.substrate_git_commit}
    rows = [(ref.name, ref.kind, ref.n_records, ref.content_hash, ref.source) for ref in record.datasets]
    table = _TWIN.table(("Data set", "Kind", "Records", "Content hash", "Source"), rows)
    return ["## 4. Data", "", *_TWIN.facts(facts), "", *(table or ["No data set."])]


def _evidence(record: ProofContent) -> list[str]:
    rows = [
        (
            piece.pillar,
            piece.statistic_name,
            "undefined" if piece.statistic_value is None else piece.statistic_value,
            _interval(piece),
            _or_dash(piece.p_value),
            _or_dash(piece.effect_size),
            piece.cross_check,
            f"{piece.library} {piece.library_version}",
        )
        for piece in record.evidence
    ]
    titles = ("Pillar", "Statistic", "Value", "Interval", "p", "Effect size", "Cross-check", "Library")
    details = [f"- {_TWIN.text(piece.pillar)}: {_TWIN.text(piece.detail)}" for piece in record.evidence if piece.detail]
    folded = _folded("Details", details) if details else []
    return ["## 5. Evidence", "", *(_TWIN.table(titles, rows) or ["No evidence."]), *folded]


def _verdict(record: ProofContent) -> list[str]:
    verdict = record.verdict
    facts = {
        "Outcome": verdict.outcome,
        "Observed": "undefined" if verdict.observed_value is None else verdict.observed_value,
        "Threshold": verdict.threshold.describe(),
        "Reasoning": verdict.reasoning,
    }
    return ["## 6. Verdict", "", *_TWIN.facts(facts)]


def _reproduction(record: ProofContent) -> list[str]:
    again = record.reproduction
    facts = {"Builds on": ", ".join(again.lineage_chain) or "no other record"}
    shown = tuple(islice(again.environment.items(), _SHOWN_ENTRIES))
    folded = _folded(f"Environment, {len(again.environment)} entries", _entries(shown, len(again.environment)))
    return ["## 7. Reproduction", "", *fenced(again.command), "", *_TWIN.facts(facts), *folded]


@lru_cache(maxsize=4)
def _entries(shown: tuple[tuple[str, str], ...], total: int) -> tuple[str, ...]:
    """The environment as lines; all records of a session share it."""
    lines = tuple(f"- {_TWIN.text(name)} {_TWIN.text(version)}" for name, version in shown)
    return (*lines, f"- and {total - len(shown)} more in the JSON file") if total > len(shown) else lines


def _provenance(record: ProofContent) -> list[str]:
    if not record.provenance:
        return ["## 8. Provenance", "", "No provenance graph."]
    kinds = {kind: record.provenance.get(kind) for kind in ("agent", "entity", "activity")}
    rows = [(kind, len(nodes), ", ".join(nodes)) for kind, nodes in kinds.items() if isinstance(nodes, Mapping)]
    table = _TWIN.table(("Kind", "Number", "Names"), rows)
    return ["## 8. Provenance", "", *(table or ["A graph without agents, entities or activities."])]


def _signature(record: ProofContent) -> list[str]:
    facts = {"HMAC-SHA256": record.signature or "unsigned"}
    if record.attestation:
        facts |= {
            "Attested by": record.attestation["author"],
            "Public key": f"{record.attestation['algorithm']} {record.attestation['public_key']}",
        }
    return ["## 9. Signature", "", *_TWIN.facts(facts), "", "Shown as stored; this text did not check it."]


def _scenario_facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What the scenario says of itself in the provenance graph; the graph may hold anything."""
    entities = provenance.get("entity")
    scenario = entities.get("ophamin:scenario") if isinstance(entities, Mapping) else None
    if not isinstance(scenario, Mapping):
        return {}
    found = {title: scenario.get(name) for title, name in _STATED.items()}
    return {title: _attribute(value) for title, value in found.items() if value not in (None, "")}


def _attribute(value: Any) -> Any:
    """The value of a PROV-JSON attribute, which writes typed values as ``{"$": value, "type": ...}``."""
    return value["$"] if isinstance(value, Mapping) and "$" in value else value


def _interval(piece: PillarEvidence) -> str:
    if piece.ci_low is None and piece.ci_high is None:
        return "-"
    return f"{_or_dash(piece.ci_low)} to {_or_dash(piece.ci_high)}"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else str(value)


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]
