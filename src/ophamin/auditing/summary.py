# SPDX-License-Identifier: Apache-2.0
"""The findings of all pillars of one audit, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Any, Final, Self

from pydantic import Field

from ophamin.auditing.findings import FindingSeverity
from ophamin.auditing.results import PillarResult, pairs_from_wire
from ophamin.auditing.states import PillarStatus
from ophamin.auditing.tallies import TOP_FILES, most_common, severity_histogram
from ophamin.core.canonical import MAX_SAFE_INTEGER
from ophamin.core.records import Section, construct, exact_fields, record

__all__ = ["AuditSummary"]

_Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
_FIELDS: Final = (
    "total_findings",
    "severity_histogram",
    "findings_per_pillar",
    "top_files",
    "pillars_run",
    "pillars_unavailable",
    "pillars_errored",
)
_SEVERITIES: Final = frozenset(severity.value for severity in FindingSeverity)


@record
class AuditSummary(Section):
    """What the pillars found together.

    Attributes:
        total_findings: how many findings there are.
        severity_histogram: how many of each severity that occurs.
        findings_per_pillar: how many each pillar made; one that was unavailable is not in it.
        top_files: at most 20 files with the most findings.
        pillars_run: names of the pillars whose status is ok.
        pillars_unavailable: names of those whose tool was not there.
        pillars_errored: names of those that failed, whole or in part.

    Example:
        >>> AuditSummary.from_results([PillarResult("ruff", "ruff", "ruff 0.17.5", "ok", "src")]).pillars_run
        ['ruff']
    """

    total_findings: _Count = 0
    severity_histogram: dict[str, _Count] = field(default_factory=dict)
    findings_per_pillar: dict[str, _Count] = field(default_factory=dict)
    top_files: list[tuple[str, _Count]] = field(default_factory=list)
    pillars_run: list[str] = field(default_factory=list)
    pillars_unavailable: list[str] = field(default_factory=list)
    pillars_errored: list[str] = field(default_factory=list)

    @classmethod
    def from_results(cls, results: Sequence[PillarResult]) -> Self:
        """The summary that follows from the results of all pillars."""
        findings = [finding for result in results for finding in result.findings]
        return cls(
            total_findings=len(findings),
            severity_histogram=severity_histogram(findings),
            findings_per_pillar={one.pillar_name: len(one.findings) for one in results if one.status != "unavailable"},
            top_files=most_common((finding.path for finding in findings), TOP_FILES),
            pillars_run=_named(results, "ok"),
            pillars_unavailable=_named(results, "unavailable"),
            pillars_errored=_named(results, "error"),
        )

    @classmethod
    def from_dict(cls, data: Any, *, path: str = "$") -> Self:
        """Read it from the wire, where a pair of ``top_files`` is a list of two."""
        fields = exact_fields(data, _FIELDS, path)
        fields["top_files"] = pairs_from_wire(fields["top_files"])
        return construct(cls, fields, path)

    def wire(self) -> dict[str, Any]:
        """Every field under its own name; a pair is a list of two."""
        plain = {name: getattr(self, name) for name in _FIELDS}
        return {**plain, "top_files": [list(pair) for pair in self.top_files]}

    def metric(self, name: str) -> int | None:
        """The count that ``name`` stands for: ``total_findings``, a severity or a pillar; None for any other name.

        >>> AuditSummary(2, {"high": 2}, {"bandit": 2}).metric("high")
        2
        """
        if name == "total_findings":
            return self.total_findings
        if name in _SEVERITIES:
            return self.severity_histogram.get(name, 0)
        return self.findings_per_pillar.get(name)


def _named(results: Sequence[PillarResult], status: PillarStatus) -> list[str]:
    return [result.pillar_name for result in results if result.status == status]
