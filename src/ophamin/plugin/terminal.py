# SPDX-License-Identifier: Apache-2.0
"""What a session prints: one header line, and the table of verdicts at the end."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from ophamin.core.environment import ophamin_version
from ophamin.measuring.settings import DEFAULT_ALPHA, DEFAULT_BETA
from ophamin.plugin.rows import ORDER, Row, measured, saved, walk_line

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from ophamin.plugin.docket import Docket

__all__ = ["Summary"]

COLOURS = {"VALIDATED": "green", "REFUTED": "red", "INCONCLUSIVE": "yellow"}
INDENT = " " * 14
UNICODE_BARS, PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-=+*%#"
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
        lines = [
            f"ophamin {ophamin_version()}: {rates}; fails on {gate}",
            f"records: {where}, {self._docket.sealing.told}",
        ]
        lines.append(self._docket.registration.header())
        if self._docket.floors is not None:
            lines += [f"noise floors: {problem}" for problem in self._docket.floors.problems]
        if self._docket.book.off:
            return [*lines, f"ledger: off, {self._docket.book.off.partition(':')[0]}"]
        return [*lines, f"ledger: {self._docket.shown_path(options.ledger)} (verdicts of this commit stand)"]

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        for problem in self._docket.unwritten:
            terminalreporter.write_line(f"ophamin: {problem}", red=True)
        self._docket.registration.summary(terminalreporter)
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
        self._write_families(terminalreporter, rows)
        for line in textwrap.wrap(self._count(rows), _width(terminalreporter), subsequent_indent=INDENT):
            terminalreporter.write_line(line)

    def _write_families(self, terminal: TerminalReporter, rows: list[Row]) -> None:
        if not any(row["family"] for row in rows):
            return
        from ophamin.plugin.families import family_reports

        reports, problems = family_reports(rows)
        for name, problem in problems.items():
            for line in textwrap.wrap(f"family {name} is not corrected: {problem}", _width(terminal)):
                terminal.write_line(line, red=True)
        for name, report in reports.items():
            terminal.write_line(f"family {name}: {report.count} claims corrected together")
            told = [
                f"{one.outcome} {'stands' if one.stands else 'falls'}: {one.name}: {one.words}"
                for one in report.members
            ]
            for text in [*told, *report.notes]:
                for line in textwrap.wrap(text, _width(terminal), initial_indent="  ", subsequent_indent="    "):
                    terminal.write_line(line)
        if corrected := self._docket.corrected():
            terminal.write_line(f"not blocking, since no refutation stands after correction: {len(corrected)}")

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
    spared = f", {saved(row)} saved" if saved(row) and not row["stored"] else ""
    stored = f" (stored {row['stored']})" if row["stored"] else ""
    told = textwrap.wrap(measured(row) + spared + attempt + stored, width)
    if row["verdict"] == "INCONCLUSIVE":
        more = f"; about {row['more']} more units would decide" if row["more"] else ""
        told += textwrap.wrap(f"{row['reason']}{more}", width)
        if row["resume"]:
            told += [f"go on: {row['resume']}"]
    if verbose and row["floor"] is not None:
        told.append(f"noise floor {row['floor']:.3g}: two runs of the same system differ by up to that (A/A)")
    if verbose and (walked := walk_line(row, _bars(terminal))):
        told.append(walked)
    if row["exploratory"]:
        told.append("exploratory: not in the lock, and satisfies no gate")
    told += [row["nodeid"], row["path"]] if verbose else [_shortened(f"{row['id'][:12]} {row['nodeid']}", width)]
    terminal.write(f"{row['verdict']:<14}", **{COLOURS[row["verdict"]]: True, "bold": True})
    terminal.write_line(f"\n{INDENT}".join(told))


def _bars(terminal: TerminalReporter) -> str:
    """Eight heights; plain characters where the terminal's encoding has no others."""
    try:
        UNICODE_BARS.encode(getattr(terminal._tw._file, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return PLAIN_BARS
    return UNICODE_BARS


def _width(terminal: TerminalReporter) -> int:
    return max(60, terminal._tw.fullwidth)  # pytest has no public name for its width


def _shortened(text: str, width: int) -> str:
    """A line that fits; the beginning of the record's id and the end of the test's name are what tells them apart."""
    return text if len(text) <= width else f"{text[:13]}…{text[14 - width :]}"
