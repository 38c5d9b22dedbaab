# SPDX-License-Identifier: Apache-2.0
"""What a person sees of an audit: which tools still run, then one row for each tool and the findings that block.

Into a pipe go fields between tabs that nothing was cut from, and no progress.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ophamin.auditing.findings import Finding, FindingSeverity
from ophamin.auditing.outcomes import AuditOutcome
from ophamin.auditing.results import PillarResult
from ophamin.cli.output import note, on_terminal, say, say_fields, terminal
from ophamin.core.text import visible

if TYPE_CHECKING:
    from ophamin.cli.audit_report import AuditReport

__all__ = ["MOST_SHOWN", "print_report", "progress"]

MOST_SHOWN: Final = 20
"""Findings that block and are shown on a terminal."""

_COLOURS: Final = {AuditOutcome.PASSED: "green", AuditOutcome.FAILED: "red", AuditOutcome.UNDECIDED: "yellow"}
_SEVERITY_COLOURS: Final = {FindingSeverity.CRITICAL: "bold red", FindingSeverity.HIGH: "red"}
_TITLES: Final = ("", "TOOL", "STATE", "CRIT", "HIGH", "MED", "LOW", "INFO", "SECONDS")
_WIDTHS: Final = (9, 12, 14, 5, 5, 5, 5, 5, 8)
_ABSENT: Final = "-"


@contextmanager
def progress(names: Sequence[str]) -> Iterator[Callable[[PillarResult], None]]:
    """Say on a terminal which tools still run; what it gives is to be told each result.

    Args:
        names: of all tools.
    """
    if not sys.stderr.isatty():
        yield lambda _result: None
        return
    from rich.console import Console

    left = list(map(visible, names))

    def told(result: PillarResult) -> None:
        left.remove(visible(result.pillar_name))
        status.update(_waiting(left))

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    with console.status(_waiting(left)) as status:
        yield told


def _waiting(left: Sequence[str]) -> str:
    return f"audit: {', '.join(left)}"


def print_report(report: AuditReport) -> None:
    """The table, or its fields where nobody reads along."""
    if on_terminal():
        _print_table(report)
    else:
        _print_fields(report)


def _print_fields(report: AuditReport) -> None:
    results = {result.pillar_name: result for result in report.audit.pillars}
    for one in report.outcomes:
        state, *numbers = _numbers(results.get(one.tool))
        say_fields((one.outcome.value.upper(), one.tool, state, *numbers, one.reason))
    for finding in report.blocking:
        said = finding.pillar_name, finding.rule_id, finding.message
        say_fields((finding.severity.value, _place(finding), *said))
    for line in (*report.ratchet_lines, report.summary, report.way_out):
        if line:
            note(line)


def _numbers(result: PillarResult | None) -> list[str]:
    """State, findings of each severity, and seconds; a dash for a count of what never ran."""
    if result is None:
        return [_ABSENT] * (len(_TITLES) - 2)
    counted = result.status != "unavailable"
    histogram = result.severity_histogram
    counts = [str(histogram.get(severity.value, 0)) if counted else _ABSENT for severity in FindingSeverity]
    return [result.state.value, *counts, f"{result.wall_time_s:.2f}"]


def _print_table(report: AuditReport) -> None:
    from rich.text import Text

    console = terminal()
    width = min(console.width, 120)
    results = {result.pillar_name: result for result in report.audit.pillars}
    console.print(Text(_row(_TITLES), style="bold"), soft_wrap=True)
    for one in report.outcomes:
        row = _row((one.outcome.value.upper(), visible(one.tool), *_numbers(results.get(one.tool))))
        line = Text(row)
        line.stylize(_COLOURS[one.outcome], 0, _WIDTHS[0])
        console.print(line, soft_wrap=True)
    for one in report.outcomes:
        if one.outcome is AuditOutcome.UNDECIDED:
            _wrapped(f"{visible(one.tool)}: {visible(one.reason)}", width, "yellow")
    _print_findings(report, width)
    for text in report.ratchet_lines:
        _wrapped(text, width)
    say()
    _wrapped(report.summary, width, f"bold {_COLOURS[report.outcome]}")
    if report.way_out:
        _wrapped(report.way_out, width)


def _row(cells: Sequence[str]) -> str:
    """Cells in columns of fixed width, numbers to the right; a name that is too long pushes and is not cut."""
    texts = [f"{cell:<{wide}}" for cell, wide in zip(cells[:3], _WIDTHS[:3], strict=True)]
    numbers = [f"{cell:>{wide}}" for cell, wide in zip(cells[3:], _WIDTHS[3:], strict=True)]
    return " ".join([*texts, "".join(numbers)])


def _print_findings(report: AuditReport, width: int) -> None:
    from rich.text import Text

    console = terminal()
    shown = report.blocking[:MOST_SHOWN]
    if shown:
        say()
    for finding in shown:
        head = f"{finding.severity.value:<8} {_place(finding)}  {finding.pillar_name} {finding.rule_id}"
        line = Text(visible(head))
        line.stylize(_SEVERITY_COLOURS.get(finding.severity, "yellow"), 0, len(finding.severity.value))
        console.print(line, soft_wrap=True)
        _wrapped(visible(finding.message), width, indent=" " * 9)
    if more := len(report.blocking) - len(shown):
        say(f"and {more} more; --format json has all")
    if shown and report.ratchet_lines:
        say()


def _wrapped(text: str, width: int, style: str = "", indent: str = "") -> None:
    from rich.text import Text

    for line in textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent):
        terminal().print(Text(line, style=style), soft_wrap=True)


def _place(finding: Finding) -> str:
    return ":".join([finding.path, *(str(number) for number in (finding.line, finding.column) if number > 0)])
