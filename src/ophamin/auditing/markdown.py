# SPDX-License-Identifier: Apache-2.0
"""The Markdown twin of an audit record, for people.

Messages, paths and rule names come from tools that read foreign source, so none of them is written unescaped: a
message can be read, and it can be no heading, table cell, link, image or tag. Findings stand worst first and are cut
after 200; the twin says how many are not shown. It is not evidence; the JSON file is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ophamin.core.markdown import MarkdownTwin, fenced

if TYPE_CHECKING:
    from ophamin.auditing.audit_record import AuditRecord
    from ophamin.auditing.findings import Finding
    from ophamin.auditing.results import PillarResult

__all__ = ["render"]

_TWIN: Final = MarkdownTwin(longest=500)
_SHOWN_FINDINGS: Final = 200


def render(record: AuditRecord) -> str:
    """The record as Markdown, ending with what is wrong with it, if anything is."""
    sections = (
        _head(record),
        _identity(record),
        _tools(record),
        _summary(record),
        _findings(record),
        _claim(record),
        _reproduction(record),
        _signature(record),
        _TWIN.ending(record.validate(), "record"),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _head(record: AuditRecord) -> list[str]:
    total = record.summary.total_findings
    number = "no findings" if total == 0 else "1 finding" if total == 1 else f"{total} findings"
    lines = [f"# Audit of {_TWIN.text(record.target_path)}: {number}"]
    if lacking := record.shortfalls():
        lines += ["", f"**Not everything was looked at ({_TWIN.text('; '.join(lacking))}).**"]
    return lines


def _identity(record: AuditRecord) -> list[str]:
    facts = {
        "Audit id": record.audit_id,
        "Schema version": record.schema_version,
        "Made by": f"ophamin {record.ophamin_version}",
        "Revision": record.ophamin_git_commit,
        "Captured at": record.captured_at,
        "Target": record.target_path,
        "Content hash": record.target_content_hash,
    }
    return ["## Identity and target", "", *_TWIN.facts(facts)]


def _tools(record: AuditRecord) -> list[str]:
    titles = ("Pillar", "Version", "State", "Findings", "Seen", "Seconds", "Message")
    rows = [
        (
            result.pillar_name,
            result.tool_version,
            result.state.value,
            result.finding_count,
            _seen(result),
            f"{result.wall_time_s:.2f}",
            result.error_message or "-",
        )
        for result in record.pillars
    ]
    return ["## Tools", "", *(_TWIN.table(titles, rows) or ["No tool ran."])]


def _seen(result: PillarResult) -> str:
    coverage = result.coverage
    return "-" if coverage is None else f"{coverage.seen} of {coverage.listed}"


def _summary(record: AuditRecord) -> list[str]:
    summary = record.summary
    counts = _TWIN.table(("Severity", "Findings"), summary.severity_histogram.items())
    files = _TWIN.table(("File", "Findings"), summary.top_files)
    lines = ["## Summary", "", *(counts or ["No findings."])]
    return [*lines, "", *files] if files else lines


def _findings(record: AuditRecord) -> list[str]:
    findings = [finding for result in record.pillars for finding in result.findings]
    if not findings:
        return []
    findings.sort(key=_worst_first)
    shown = findings[:_SHOWN_FINDINGS]
    rows = [(item.severity.value, _place(item), item.pillar_name, item.rule_id or "-", item.message) for item in shown]
    table = _TWIN.table(("Severity", "Place", "Pillar", "Rule", "Message"), rows)
    rest = len(findings) - len(shown)
    return ["## Findings", "", *table, *(["", f"And {rest} more in the JSON file."] if rest else [])]


def _worst_first(finding: Finding) -> tuple[int, str, int, int]:
    return finding.severity.rank, finding.path, finding.line, finding.column


def _place(finding: Finding) -> str:
    return ":".join([finding.path, *(str(number) for number in (finding.line, finding.column) if number > 0)])


def _claim(record: AuditRecord) -> list[str]:
    if record.verdict is None or record.preregistration is None:
        return []
    verdict, claim = record.verdict, record.claim
    facts: dict[str, Any] = {"Statement": claim.statement} if claim else {}
    facts |= {
        "Metric": record.pre_registered_metric or "",
        "Outcome": verdict.outcome,
        "Observed": "undefined" if verdict.observed_value is None else verdict.observed_value,
        "Threshold": verdict.threshold.describe(),
        "Reasoning": verdict.reasoning,
        "Registered at": record.preregistration.preregistered_at,
        "Config hash": record.preregistration.config_hash,
        "Analysis plan": record.preregistration.analysis_plan,
    }
    return ["## Claim and verdict", "", *_TWIN.facts(facts)]


def _reproduction(record: AuditRecord) -> list[str]:
    return ["## Reproduction", "", *fenced(record.reproduction_command)]


def _signature(record: AuditRecord) -> list[str]:
    facts = {"HMAC-SHA256": record.signature or "unsigned"}
    return ["## Signature", "", *_TWIN.facts(facts), "", "Shown as stored; this text did not check it."]
