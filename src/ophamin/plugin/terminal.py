# SPDX-License-Identifier: Apache-2.0
"""What a session prints: one header line, and the table of verdicts at the end."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from ophamin.core.environment import ophamin_version
from ophamin.measuring.plan import DEFAULT_ALPHA, DEFAULT_BETA
from ophamin.plugin.rows import ORDER, Row, measured

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from ophamin.plugin.docket import Docket

__all__ = ["Summary"]

COLOURS = {"VALIDATED": "green", "REFUTED": "red", "INCONCLUSIVE": "yellow"}
INDENT = " " * 14
MOST_VALIDATED = 25
"""More validated claims than this are counted, and shown with -v."""


class Summary:
    """Hooks of the terminal; without one, nothing is printed and nothing else changes."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket

    def pytest_report_header(self) -> list[str]:
        options = self._docket.options
        gate = ", ".join(sorted(options.gate)) or "nothing"
        where = self._docket.shown_path(options.folder)
        rates = f"alpha={DEFAULT_ALPHA:g}, beta={DEFAULT_BETA:g} unless declared"
        return [f"ophamin {ophamin_version()}: {rates}; fails on {gate}", f"records: {where} (unsigned)"]

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        for problem in self._docket.unwritten:
            terminalreporter.write_line(f"ophamin: {problem}", red=True)
        rows = self._docket.rows
        if not rows:
            return
        terminalreporter.write_sep("-", "verdicts")
        verbose = terminalreporter.config.option.verbose > 0
        ordered = sorted(rows, key=lambda row: ORDER.index(row["verdict"]))
        validated = [row for row in ordered if row["verdict"] == "VALIDATED"]
        hidden = 0 if verbose or len(validated) <= MOST_VALIDATED else len(validated)
        for row in ordered:
            if not (hidden and row["verdict"] == "VALIDATED"):
                _write_row(terminalreporter, row, verbose=verbose)
        if hidden:
            terminalreporter.write_line(f"{hidden} VALIDATED, shown with -v")
        for line in textwrap.wrap(self._count(rows), _width(terminalreporter), subsequent_indent=INDENT):
            terminalreporter.write_line(line)

    def _count(self, rows: list[Row]) -> str:
        counts = Counter(row["verdict"] for row in rows)
        told = ", ".join(f"{counts[verdict]} {verdict.lower()}" for verdict in reversed(ORDER) if counts[verdict])
        blocking = "inconclusive" in self._docket.options.gate
        note = "" if blocking or not counts["INCONCLUSIVE"] else f"; {counts['INCONCLUSIVE']} undecided, not blocking"
        return f"{told}{note}; records in {self._docket.shown_path(self._docket.options.folder)}"


def _write_row(terminal: TerminalReporter, row: Row, *, verbose: bool) -> None:
    """Verdict and numbers on one line; below it why it is undecided, the test, and how to find the record."""
    width = _width(terminal) - len(INDENT)
    attempt = f" (attempt {row['attempt']})" if row["attempt"] > 1 else ""
    told = textwrap.wrap(measured(row) + attempt, width)
    if row["verdict"] == "INCONCLUSIVE":
        more = f"; about {row['more']} more units would decide" if row["more"] else ""
        told += textwrap.wrap(f"{row['reason']}{more}", width)
    told += [row["nodeid"], row["path"]] if verbose else [_shortened(f"{row['id'][:12]} {row['nodeid']}", width)]
    terminal.write(f"{row['verdict']:<14}", **{COLOURS[row["verdict"]]: True, "bold": True})
    terminal.write_line(f"\n{INDENT}".join(told))


def _width(terminal: TerminalReporter) -> int:
    return max(60, terminal._tw.fullwidth)  # pytest has no public name for its width


def _shortened(text: str, width: int) -> str:
    """A line that fits; the beginning of the record's id and the end of the test's name are what tells them apart."""
    return text if len(text) <= width else f"{text[:13]}…{text[14 - width :]}"
