# SPDX-License-Identifier: Apache-2.0
"""An audit with what follows from it, in the forms in which it leaves the command: JSON, Markdown, SARIF, annotations.

Whether a tool passes is decided in `ophamin.auditing.outcomes`. The table for people is made elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Final

from ophamin.auditing.annotations import annotation_lines
from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.findings import Finding
from ophamin.auditing.outcomes import AuditOutcome, ToolOutcome, worst_outcome
from ophamin.auditing.ratchet_report import RatchetReport, worst_first
from ophamin.auditing.sarif import sarif_bytes
from ophamin.auditing.suppressions import SUPPRESSIONS
from ophamin.core.text import escape_markdown, visible
from ophamin.errors import OphaminError

__all__ = ["AUDIT_FORMAT", "EXIT_CODES", "AuditReport", "Form", "OutputFormError", "form_of", "rendered"]

AUDIT_FORMAT: Final = "ophamin.audit.v1"

EXIT_CODES: Final[Mapping[AuditOutcome, int]] = {
    AuditOutcome.PASSED: 0,
    AuditOutcome.FAILED: 1,
    AuditOutcome.UNDECIDED: 3,
}
"""How the command ends."""

_WRITE: Final = "give --write-baseline to record what there is now, and fail on new findings alone from then on"


class OutputFormError(OphaminError, ValueError):
    """The name of a file does not say in which form to write."""


class Form(StrEnum):
    """How an audit is shown or written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    GITHUB = "github"


_SUFFIXES: Final = {".json": Form.JSON, ".md": Form.MARKDOWN, ".sarif": Form.SARIF}


@dataclass(frozen=True)
class AuditReport:
    """An audit and what follows from it.

    Attributes:
        audit: the record.
        outcomes: of each tool; with a baseline, of the suppressions too.
        root: the audited folder, or that of the audited file.
        ratchet: the audit against its baseline; None without one.
        against: which baseline that is, in words.
    """

    audit: AuditRecord
    outcomes: tuple[ToolOutcome, ...]
    root: Path
    ratchet: RatchetReport | None = None
    against: str = ""

    @property
    def outcome(self) -> AuditOutcome:
        """What follows from all tools together."""
        return worst_outcome(self.outcomes)

    @property
    def exit_code(self) -> int:
        """See `EXIT_CODES`."""
        return EXIT_CODES[self.outcome]

    @cached_property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that tools fail on, worst first."""
        return tuple(sorted((one for outcome in self.outcomes for one in outcome.findings), key=worst_first))

    @property
    def summary(self) -> str:
        """What follows, in one line."""
        total = self.audit.summary.total_findings
        undecided = [one.tool for one in self.outcomes if one.outcome is AuditOutcome.UNDECIDED]
        left = f"; undecided: {', '.join(undecided)}" if undecided else ""
        if self.blocking:
            told = f"{_count(len(self.blocking), 'finding')} {'blocks' if len(self.blocking) == 1 else 'block'}"
        elif undecided:
            return visible(f"undecided: {', '.join(undecided)}; nothing that was found blocks")
        else:
            told = "nothing new" if self.ratchet else "nothing blocks"
        return visible(f"{self.outcome.value}: {told}, of {total} in all{left}")

    @property
    def ratchet_lines(self) -> list[str]:
        """The audit against its baseline in a few lines; none without one."""
        if self.ratchet is None:
            return []
        tools = self.ratchet.tools
        counts = {
            "new": sum(len(one.new) for one in tools),
            "expired": sum(len(one.expired) for one in tools),
            "fixed": sum(len(one.fixed) for one in tools),
            "accepted": sum(len(one.accepted) for one in tools),
            "known": sum(one.known for one in tools),
        }
        lines = [f"against {self.against}: {', '.join(f'{number} {name}' for name, number in counts.items())}"]
        hidden = self.ratchet.tool(SUPPRESSIONS)
        if hidden is not None and (hidden.new or hidden.fixed):
            lines.append(f"suppressions: {len(hidden.new)} new, {len(hidden.fixed)} gone, {hidden.known} known")
        lines += [
            f"configuration {one.how}: {one.place}; the audit runs without it" for one in self.ratchet.config_changes
        ]
        return [visible(line) for line in lines]

    @property
    def way_out(self) -> str:
        """What to do about it; empty where everything passed."""
        if self.outcome is AuditOutcome.FAILED:
            if self.ratchet is None:
                return f"mend what is listed, or {_WRITE}"
            return (
                "mend what is new; what may stay needs a line of its own in the baseline, with an owner, a reason and "
                "a last day"
            )
        if self.outcome is AuditOutcome.PASSED:
            return ""
        if self.ratchet is not None and any(one.state.value.startswith("re-baseline") for one in self.ratchet.tools):
            return "look at what is found now, and give --write-baseline --may-rise"
        return "a tool that did not see everything never passes; mend what it says, or leave it out with --tools"

    @cached_property
    def prefix(self) -> str:
        """Where the audited folder lies in its repository, or in the current folder; empty for the top."""
        folder = self.root.resolve()
        tops = [one for one in (folder, *folder.parents) if (one / ".git").exists()]
        top = tops[0] if tops else Path.cwd().resolve()
        inside = folder.relative_to(top).as_posix() if folder.is_relative_to(top) else ""
        return "" if inside == "." else inside

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, in the format ``ophamin.audit.v1``."""
        return {
            "format": AUDIT_FORMAT,
            "outcome": self.outcome.value,
            "exit_code": self.exit_code,
            "summary": self.summary,
            "tools": [
                {
                    "tool": one.tool,
                    "outcome": one.outcome.value,
                    "reason": one.reason,
                    "blocking": [finding.to_dict() for finding in one.findings],
                }
                for one in self.outcomes
            ],
            "baseline": self.against or None,
            "ratchet": None if self.ratchet is None else self.ratchet.to_dict(),
            "record": self.audit.to_dict(),
        }


def form_of(file: Path, otherwise: Form) -> Form:
    """In which form a file is written: as its name says, else as was asked for.

    Raises:
        OutputFormError: neither says it.

    Example:
        >>> form_of(Path("audit.sarif"), Form.TABLE).value, form_of(Path("results.txt"), Form.JSON).value
        ('sarif', 'json')
    """
    suffix = PurePath(file.name.removesuffix(".json")).suffix if file.name.endswith(".sarif.json") else file.suffix
    found = _SUFFIXES.get(suffix.lower(), otherwise)
    if found in {Form.TABLE, Form.GITHUB}:
        known = ", ".join(_SUFFIXES)
        raise OutputFormError(f"--output {file}: its name says no form; let it end with {known}, or give --format")
    return found


def rendered(report: AuditReport, form: Form) -> str:
    """The report in a form other than the table, with a line end.

    Raises:
        SarifError: there are more tools than SARIF takes.
        KeyError: the form is the table.
    """
    return _RENDERERS[form](report)


def _json(report: AuditReport) -> str:
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _sarif(report: AuditReport) -> str:
    return sarif_bytes(report.audit, root=report.root, prefix=report.prefix).decode("ascii")


def _markdown(report: AuditReport) -> str:
    """The twin of the record, with the outcome below its title."""
    title, _, rest = report.audit.to_markdown().partition("\n")
    rows = [
        f"| {one.outcome.value} | {escape_markdown(one.tool)} | {escape_markdown(one.reason)} |"
        for one in report.outcomes
    ]
    lines = [
        title,
        "",
        f"**{escape_markdown(report.summary)}**",
        "",
        "| Outcome | Tool | Reason |",
        "| --- | --- | --- |",
        *rows,
    ]
    if report.ratchet_lines:
        lines += ["", *(f"- {escape_markdown(line)}" for line in report.ratchet_lines)]
    return "\n".join(lines) + f"\n{rest}"


def _github(report: AuditReport) -> str:
    """New findings as annotations, or all where there is no baseline; and a warning for each tool that is undecided."""
    findings = [one for result in report.audit.pillars for one in result.findings]
    lines = annotation_lines(report.blocking if report.ratchet else findings, prefix=report.prefix)
    for one in report.outcomes:
        if one.outcome is AuditOutcome.UNDECIDED:
            title, told = (visible(text).replace("%", "%25") for text in (f"{one.tool} is undecided", one.reason))
            lines.append(f"::warning title={title.replace(':', '%3A').replace(',', '%2C')}::{told}")
    return "\n".join([*lines, report.summary]) + "\n"


_RENDERERS: Final[Mapping[Form, Callable[[AuditReport], str]]] = {
    Form.JSON: _json,
    Form.MARKDOWN: _markdown,
    Form.SARIF: _sarif,
    Form.GITHUB: _github,
}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
