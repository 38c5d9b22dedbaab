# SPDX-License-Identifier: Apache-2.0
"""What bandit prints, read file by file, and what of it may be kept.

Bandit ends with 0 over a file that it could not parse, and over one in which a rule of its own failed, so its errors
and its messages are read too. Excerpts of the source are dropped, and the message of the three rules
about passwords, which quotes the password, is cut before it. This module starts nothing and reads no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from ophamin.auditing.findings import Finding
from ophamin.auditing.pillars.output_fields import as_text, as_whole
from ophamin.auditing.severities import SeverityTable
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = ["BanditOutputError", "FileReport", "Issue", "read_output"]

_QUOTING_RULES: Final = frozenset({"B105", "B106", "B107"})
"""Rules whose message ends with the hard-coded password itself (bandit 1.7.9 to 1.9.4)."""

_LONGEST_MESSAGE: Final = 500
_INTERNAL_ERROR: Final = "Bandit internal error running"


class BanditOutputError(OphaminError, ValueError):
    """What bandit printed is not what it prints in a version that is known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One finding of bandit, before it has a severity of ours.

    Attributes:
        rule: such as B602.
        name: the rule's name in words.
        severity: bandit's own, LOW, MEDIUM, HIGH or UNDEFINED.
        confidence: on the same scale.
        message: without what it may quote of a password.
        line: 1-based.
        column: 1-based.
        cwe: number of the weakness (CWE), 0 for none.
    """

    rule: str
    name: str
    severity: str
    confidence: str
    message: str
    line: int
    column: int
    cwe: int = 0

    @classmethod
    def from_output(cls, data: Mapping[str, Any]) -> Self:
        """Read one of the ``results``.

        Raises:
            KeyError, TypeError, ValueError: it has another form.
        """
        rule, message = as_text(data["test_id"]), as_text(data["issue_text"])
        if rule in _QUOTING_RULES:
            message = message.partition(":")[0]
        return cls(
            rule=rule,
            name=as_text(data["test_name"]),
            severity=as_text(data["issue_severity"]),
            confidence=as_text(data["issue_confidence"]),
            message=_shown(" ".join(message.split())),
            line=_count(data["line_number"]),
            column=max(as_whole(data.get("col_offset", -1)), -1) + 1,
            cwe=_count((data.get("issue_cwe") or {}).get("id", 0)),
        )

    def finding(self, path: str, severities: SeverityTable) -> Finding:
        """The finding, with its severity out of the table."""
        extra = {"name": self.name, "severity": self.severity, "confidence": self.confidence}
        return Finding(
            pillar_name="bandit",
            rule_id=self.rule,
            severity=severities.bandit(self.rule, self.severity, self.confidence),
            message=self.message,
            path=path,
            line=self.line,
            column=self.column,
            extra=extra | ({"cwe": self.cwe} if self.cwe else {}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What bandit says of one file.

    Attributes:
        issues: in the order of bandit.
        suppressed: how many findings ``# nosec`` comments have hidden.
        problem: why the file was not looked at whole, or empty.
    """

    issues: tuple[Issue, ...] = ()
    suppressed: int = 0
    problem: str = ""


def read_output(stdout: bytes, stderr: bytes) -> dict[str, FileReport]:
    """Read one run.

    Args:
        stdout: the JSON that it printed.
        stderr: its messages, which alone tell of a rule that failed inside.

    Returns:
        File to report, files named as on the command line. A file that bandit does not name is not there.

    Raises:
        BanditOutputError: it is no JSON, or not of the form of ``bandit -f json``.

    Example:
        >>> nothing = b'{"errors": [], "results": [], "metrics": {"/a.py": {"nosec": 1, "skipped_tests": 0}}}'
        >>> read_output(nothing, b"")
        {'/a.py': FileReport(issues=(), suppressed=1, problem='')}
    """
    try:
        data = json.loads(stdout)
        issues = _issues(data["results"])
        problems = {as_text(error["filename"]): _shown(error["reason"]) for error in data["errors"]}
        suppressed = {
            name: _count(counts["nosec"]) + _count(counts["skipped_tests"])
            for name, counts in data["metrics"].items()
            if name != "_totals"
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        what = visible(f"{type(error).__name__}: {error}"[:200])
        raise BanditOutputError(
            f"bandit printed what is not known here ({what}); use a version from 1.7.9 to 1.9"
        ) from error
    complaints = stderr.decode("utf-8", "surrogateescape")
    if _INTERNAL_ERROR in complaints:
        failed = (name for name in suppressed if f" on file {name} at line " in complaints)
        problems = dict.fromkeys(failed, "a rule of bandit failed inside") | problems
    return {
        name: FileReport(
            issues=tuple(issues.get(name, ())), suppressed=suppressed.get(name, 0), problem=problems.get(name, "")
        )
        for name in {**suppressed, **problems, **issues}
    }


def _issues(results: Any) -> dict[str, list[Issue]]:
    issues: dict[str, list[Issue]] = {}
    for result in results:
        issues.setdefault(as_text(result["filename"]), []).append(Issue.from_output(result))
    return issues


def _shown(reason: Any) -> str:
    return visible(as_text(reason))[:_LONGEST_MESSAGE] or "no reason given"


def _count(value: Any) -> int:
    if as_whole(value) < 0:
        raise ValueError(f"{value} where a count belongs")
    return as_whole(value)
