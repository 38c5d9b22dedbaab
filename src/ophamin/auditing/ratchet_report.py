# SPDX-License-Identifier: Apache-2.0
"""What the ratchet says: which findings are new, and which tools could not be compared.

Plain values in one order, so that two runs over one tree say the same. Showing them is for others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ophamin.auditing.accepted import Acceptance, fingerprint_dict
from ophamin.auditing.findings import Finding
from ophamin.auditing.fingerprints import Fingerprint
from ophamin.auditing.ratchet_config import ConfigChange

__all__ = ["RatchetOutcome", "RatchetReport", "RatchetedFinding", "ToolRatchet", "ToolState", "worst_first"]


class RatchetOutcome(str, Enum):  # noqa: UP042 - like `FindingSeverity`; StrEnum changes str() of a member
    """What all tools together say; only the first passes.

    >>> [outcome.value for outcome in RatchetOutcome]
    ['passed', 'new findings', 're-baseline needed', 'undecided']
    """

    PASSED = "passed"
    """Every tool could be compared, and nothing is new."""
    NEW = "new findings"
    """Something is new, or an acceptance has expired."""
    REBASELINE = "re-baseline needed"
    """Nothing is known to be new, and a tool looked with something else than before."""
    UNDECIDED = "undecided"
    """Nothing is known to be new, and a tool did not see everything."""


class ToolState(str, Enum):  # noqa: UP042 - as above
    """Whether the findings of one tool could be compared.

    >>> ToolState("undecided") is ToolState.UNDECIDED
    True
    """

    COMPARED = "compared"
    REBASELINE = "re-baseline needed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class RatchetedFinding:
    """A finding that was made now, with what it is recognised by.

    Attributes:
        finding: the finding.
        fingerprint: its fingerprint now, which an acceptance takes.
        acceptance: who accepted it, why, and until when; None where nobody did.
    """

    finding: Finding
    fingerprint: Fingerprint
    acceptance: Acceptance | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "finding": self.finding.to_dict(),
            "fingerprint": fingerprint_dict(self.fingerprint),
            "acceptance": None if self.acceptance is None else self.acceptance.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class ToolRatchet:
    """One tool's findings against the baseline.

    Attributes:
        tool: name of the pillar.
        state: whether they could be compared.
        reason: why not, with the way out; empty where they could.
        new: what the baseline does not know. Where the tool did not see everything, what it found is told all the same.
        known: how many findings the baseline knows.
        accepted: findings under an acceptance that holds.
        expired: findings whose acceptance is over; they count as new.
        fixed: what the baseline knows and is gone; empty where the tool did not see everything.
    """

    tool: str
    state: ToolState
    reason: str = ""
    new: tuple[RatchetedFinding, ...] = ()
    known: int = 0
    accepted: tuple[RatchetedFinding, ...] = ()
    expired: tuple[RatchetedFinding, ...] = ()
    fixed: tuple[Fingerprint, ...] = ()

    @property
    def new_count(self) -> int:
        """How many findings count as new."""
        return len(self.new) + len(self.expired)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "tool": self.tool,
            "state": self.state.value,
            "reason": self.reason,
            "new": [one.to_dict() for one in self.new],
            "known": self.known,
            "accepted": [one.to_dict() for one in self.accepted],
            "expired": [one.to_dict() for one in self.expired],
            "fixed": [fingerprint_dict(one) for one in self.fixed],
        }


@dataclass(frozen=True, slots=True)
class RatchetReport:
    """An audit against a baseline.

    Attributes:
        tools: each tool of the audit and of the baseline, by name, and the suppressions among them.
        config_changes: what changed in the project's own configuration of tools. An audit runs without it, so that it
            changes no outcome.

    Example:
        >>> report = RatchetReport((ToolRatchet("ruff", ToolState.COMPARED, known=3),))
        >>> report.outcome.value, report.passed
        ('passed', True)
    """

    tools: tuple[ToolRatchet, ...]
    config_changes: tuple[ConfigChange, ...] = ()

    @property
    def outcome(self) -> RatchetOutcome:
        """What all tools together say, the gravest first: new findings, re-baseline needed, undecided, passed."""
        states = {one.state for one in self.tools}
        if any(one.new_count for one in self.tools):
            return RatchetOutcome.NEW
        if ToolState.REBASELINE in states:
            return RatchetOutcome.REBASELINE
        if ToolState.UNDECIDED in states or not states:
            return RatchetOutcome.UNDECIDED
        return RatchetOutcome.PASSED

    @property
    def passed(self) -> bool:
        """Whether every tool could be compared and nothing is new."""
        return self.outcome is RatchetOutcome.PASSED

    def new_findings(self) -> list[Finding]:
        """Everything that counts as new, worst first, then by place: new suppressions and expired ones included."""
        found = [one.finding for tool in self.tools for one in (*tool.new, *tool.expired)]
        return sorted(found, key=worst_first)

    def tool(self, name: str) -> ToolRatchet | None:
        """What is said of one tool, or None where nothing is."""
        return next((one for one in self.tools if one.tool == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, counts included."""
        return {
            "outcome": self.outcome.value,
            "new_count": sum(one.new_count for one in self.tools),
            "fixed_count": sum(len(one.fixed) for one in self.tools),
            "tools": [one.to_dict() for one in self.tools],
            "config_changes": [one.to_dict() for one in self.config_changes],
        }


def worst_first(finding: Finding) -> tuple[int, str, int, int, str, str, str, str]:
    """The order in which findings are shown, the same in every process.

    >>> one, other = Finding("x", "r", "low", "m", "a.py"), Finding("x", "r", "high", "m", "b.py")
    >>> [finding.path for finding in sorted([one, other], key=worst_first)]
    ['b.py', 'a.py']
    """
    place = finding.path, finding.line, finding.column
    said = finding.pillar_name, finding.rule_id, finding.message, json.dumps(finding.extra, sort_keys=True)
    return finding.severity.rank, *place, *said
