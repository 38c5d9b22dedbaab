# SPDX-License-Identifier: Apache-2.0
"""What an audit does to a merge: the one place where it is decided whether a tool passes.

Without a baseline a tool fails on findings of some severity. With one it fails on findings that the baseline does not
know, whatever their severity. A tool that did not see everything passes in neither case; it fails if what it saw is
enough for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ophamin.auditing.findings import Finding, FindingSeverity
from ophamin.auditing.ratchet_report import RatchetReport, ToolRatchet, ToolState, worst_first
from ophamin.auditing.results import PillarResult

__all__ = ["AuditOutcome", "ToolOutcome", "judge", "judge_ratchet", "judge_result", "worst_outcome"]


class AuditOutcome(StrEnum):
    """What follows from the findings of a tool; the gravest first."""

    FAILED = "failed"
    UNDECIDED = "undecided"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """One tool, judged.

    Attributes:
        tool: name of the pillar.
        outcome: what follows.
        reason: in one sentence, with the way out where it did not pass.
        findings: those that it fails on, worst first.
    """

    tool: str
    outcome: AuditOutcome
    reason: str
    findings: tuple[Finding, ...] = ()


def judge_result(result: PillarResult, fail_on: FindingSeverity = FindingSeverity.HIGH) -> ToolOutcome:
    """Judge the result of one tool by the severity of its findings.

    Args:
        result: of the tool.
        fail_on: findings that are at least as bad fail it.

    Example:
        >>> found = Finding("ruff", "S602", "high", "shell", "run.py", 3)
        >>> judge_result(PillarResult("ruff", "ruff", "ruff 0.17.6", "ok", "src", (found,))).reason
        '1 finding of severity high or worse'
    """
    grave = tuple(sorted((one for one in result.findings if one.severity.rank <= fail_on.rank), key=worst_first))
    told = f"{_count(len(grave), 'finding')} of severity {fail_on.value} or worse"
    if grave:
        return ToolOutcome(result.pillar_name, AuditOutcome.FAILED, told, grave)
    if not result.may_pass:
        why = result.error_message or "it did not see everything"
        return ToolOutcome(result.pillar_name, AuditOutcome.UNDECIDED, f"{result.state.value}: {why}")
    milder = f"; {len(result.findings)} milder" if result.findings else ""
    return ToolOutcome(result.pillar_name, AuditOutcome.PASSED, f"{told}{milder}")


def judge(
    results: Sequence[PillarResult],
    *,
    fail_on: FindingSeverity = FindingSeverity.HIGH,
    ratchet: RatchetReport | None = None,
) -> tuple[ToolOutcome, ...]:
    """Judge all tools of an audit.

    Args:
        results: of the tools.
        fail_on: see `judge_result`; without effect where there is a baseline.
        ratchet: the audit against its baseline; None without one.
    """
    if ratchet is None:
        return tuple(judge_result(result, fail_on) for result in results)
    return tuple(judge_ratchet(one) for one in ratchet.tools)


def worst_outcome(outcomes: Sequence[ToolOutcome]) -> AuditOutcome:
    """FAILED before UNDECIDED before PASSED; UNDECIDED where nothing was judged."""
    found = {one.outcome for one in outcomes}
    return next((outcome for outcome in AuditOutcome if outcome in found), AuditOutcome.UNDECIDED)


def judge_ratchet(one: ToolRatchet) -> ToolOutcome:
    """Judge one tool by what the baseline does not hold."""
    if one.new_count:
        findings = sorted((each.finding for each in (*one.new, *one.expired)), key=worst_first)
        expired = f", {len(one.expired)} of them accepted until a day that is over" if one.expired else ""
        told = f"{_count(one.new_count, 'finding')} that the baseline does not hold{expired}"
        return ToolOutcome(one.tool, AuditOutcome.FAILED, told, tuple(findings))
    if one.state is not ToolState.COMPARED:
        return ToolOutcome(one.tool, AuditOutcome.UNDECIDED, f"{one.state.value}: {one.reason}")
    fixed = f"; {len(one.fixed)} of the baseline are gone" if one.fixed else ""
    return ToolOutcome(one.tool, AuditOutcome.PASSED, f"nothing new, {one.known} known{fixed}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
