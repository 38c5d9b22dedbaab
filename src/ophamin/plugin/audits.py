# SPDX-License-Identifier: Apache-2.0
"""Audits in a session: the fixture ``audit``, and one item for each tool under ``--ophamin-audit``.

An audit is made once for a path and its tools. Its record lies beside the proofs. A scenario over an audit that did not
see everything is INCONCLUSIVE, however few findings there are.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.outcomes import Failed, Skipped  # pytest.fail.Exception and pytest.skip.Exception, with their types

from ophamin.auditing.audit_record import AuditRecord
from ophamin.auditing.base import AuditOptions, recorded_path
from ophamin.auditing.baseline_text import BASELINE_NAME, read_baseline
from ophamin.auditing.listing import ListingError, list_files
from ophamin.auditing.outcomes import AuditOutcome, ToolOutcome, judge_ratchet, judge_result
from ophamin.auditing.ratchet import compare_to_baseline
from ophamin.auditing.results import PillarResult
from ophamin.auditing.runner import DEFAULT_TOOLS, AuditRunner, tree_digest
from ophamin.core.text import visible
from ophamin.registry import AUDITORS

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from ophamin.plugin.docket import Docket

__all__ = ["AuditItem", "Auditing", "Audits"]

_WORDS = {AuditOutcome.PASSED: "PASSED", AuditOutcome.FAILED: "FAILED", AuditOutcome.UNDECIDED: "INCONCLUSIVE"}
_COLOURS = {AuditOutcome.PASSED: "green", AuditOutcome.FAILED: "red", AuditOutcome.UNDECIDED: "yellow"}
MOST_SHOWN = 20
"""Findings shown for an item that fails; the record has all."""


class Audits:
    """What the fixture ``audit`` gives: call it with a path, and with the tools if not all.

    Args:
        docket: of the session.
    """

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._made: dict[tuple[str, tuple[str, ...]], AuditRecord] = {}
        self._doubts: list[str] = []

    def __call__(self, target: str | Path, tools: Sequence[str] = DEFAULT_TOOLS) -> AuditRecord:
        """The record of an audit; made once in a session, and written beside the proofs.

        Args:
            target: a file or a folder; relative to the project's root.
            tools: names of auditors.

        Raises:
            ListingError: there is nothing at the path.
            UnknownPluginError: no auditor has one of the names.
        """
        path = self._docket.root / target
        key = (str(path), tuple(tools))
        if key not in self._made:
            record = self.runner(tools).run(path)
            self._docket.keep_audit(record)
            self._made[key] = record
        record = self._made[key]
        self._doubts += [f"the audit of {record.target_path} is not whole: {one}" for one in record.shortfalls()]
        return record

    def runner(self, tools: Sequence[str]) -> AuditRunner:
        """What runs these tools, with what the last session cached."""
        options = AuditOptions(cache_dir=self._docket.cache_folder("ophamin-audit"))
        return AuditRunner([AUDITORS.get(name) for name in dict.fromkeys(tools)], options=options)

    def take_doubts(self) -> str:
        """Why what was audited since the last call may not be whole; empty where all of it is."""
        doubts, self._doubts = list(dict.fromkeys(self._doubts)), []
        return "; ".join(doubts)


class UndecidedAudit(Failed):
    """A tool that did not see everything, where what is undecided blocks."""


class AuditItem(pytest.Item):
    """One tool over the path of ``--ophamin-audit``."""

    def __init__(self, *, auditing: Auditing, tool: str, **more: Any) -> None:
        super().__init__(**more)
        self.auditing = auditing
        self.tool = tool
        self.add_marker("audit")

    def runtest(self) -> None:
        """Judge what the tool found.

        Raises:
            Failed: there are findings that block.
            Skipped: the tool did not see everything, which blocks only where INCONCLUSIVE claims do.
        """
        result = self.auditing.result(self.tool)
        outcome = self.auditing.judged(result)
        self.user_properties += [("ophamin.audit", result.state.value), ("ophamin.findings", len(result.findings))]
        gate = self.auditing.docket.options.gate
        if outcome.outcome is AuditOutcome.FAILED and "refuted" in gate:
            raise Failed(_block(outcome), pytrace=False)
        if outcome.outcome is AuditOutcome.UNDECIDED:
            if "inconclusive" in gate:
                raise UndecidedAudit(f"INCONCLUSIVE: {outcome.reason}", pytrace=False)
            raise Skipped(f"INCONCLUSIVE: {outcome.reason}", _use_item_location=True)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the item is said to be: at what is audited."""
        return self.auditing.target, 0, f"{self.auditing.shown}: {self.tool}"


class Auditing:
    """Hooks of ``--ophamin-audit``.

    Args:
        docket: of the session.
        audits: of the session.
        target: what to audit.
    """

    def __init__(self, docket: Docket, audits: Audits, target: Path) -> None:
        self.docket = docket
        self.shown = recorded_path(target)
        self._audits = audits
        self.target = target
        self._tools = docket.options.audit_tools or DEFAULT_TOOLS
        self._selected: list[str] = []
        self._mine: dict[str, PillarResult] = {}
        self._reported: dict[str, PillarResult] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add an item for each tool, before anything is deselected."""
        made: list[pytest.Item | pytest.Collector] = [self._item(session, tool) for tool in self._tools]
        session.config.hook.pytest_collectreport(report=pytest.CollectReport(self.shown, "passed", None, made))
        items += [item for item in made if isinstance(item, AuditItem)]

    def _item(self, session: pytest.Session, tool: str) -> AuditItem:
        name = f"{self.shown}::audit[{tool}]"
        made: AuditItem = AuditItem.from_parent(session, name=name, nodeid=name, auditing=self, tool=tool)
        return made

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._selected = [item.tool for item in session.items if isinstance(item, AuditItem)]

    def result(self, tool: str) -> PillarResult:
        """What a tool found; on the first call all selected ones run at once, but under workers each by itself."""
        if tool not in self._mine:
            tools = [tool] if self.docket.parallel else [one for one in self._selected if one not in self._mine]
            record = self._audits.runner(tools).run(self.target)
            self._mine |= {result.pillar_name: result for result in record.pillars}
        return self._mine[tool]

    def judged(self, result: PillarResult) -> ToolOutcome:
        """What follows from what a tool found: by the project's baseline where there is one, else by severity.

        Raises:
            BaselineError: the baseline cannot be read.
        """
        path = self.docket.root / BASELINE_NAME
        if not path.exists():
            return judge_result(result)
        root = self.target if self.target.is_dir() else self.target.parent
        report = compare_to_baseline([result], read_baseline(path), today=datetime.now(UTC).date(), root=root)
        tool = report.tool(result.pillar_name)
        return judge_result(result) if tool is None else judge_ratchet(tool)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Send what the tool found with the report, as plain values."""
        report = yield
        if isinstance(item, AuditItem) and call.excinfo is not None:
            report.ophamin_gated = isinstance(call.excinfo.value, UndecidedAudit)
        if isinstance(item, AuditItem) and report.when == "call" and item.tool in self._mine:
            report.ophamin_audit = self._mine[item.tool].to_dict()
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "ophamin_audit"):
            result = PillarResult.from_dict(report.ophamin_audit)
            self._reported[result.pillar_name] = result

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """The controller writes one record of all tools that were run."""
        found = self._mine | self._reported  # a session that stops early has run more tools than it has reported
        if self.docket.is_worker or not found or not self.docket.records.is_prepared:
            return
        results = [found[tool] for tool in self._tools if tool in found]
        tools = ",".join(one.pillar_name for one in results)
        command = shlex.join(["ophamin", "audit", self.shown, f"--tools={tools}"])
        try:
            digest = tree_digest(list_files(self.target))
            self.docket.keep_audit(AuditRecord.from_results(self.shown, digest, results, command))
        except (ListingError, OSError) as error:
            self.docket.unwritten.append(f"the audit of {self.shown} was not written: {error}")

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """One line for each tool: a tool that is missing must not look like one that found nothing."""
        found = self._mine | self._reported
        if not found:
            return
        terminalreporter.write_sep("-", f"audit of {self.shown}")
        width = max(60, terminalreporter._tw.fullwidth)  # pytest has no public name for its width
        for result in found.values():
            one = self.judged(result)
            head = f"{_WORDS[one.outcome]:<14}"
            told = textwrap.wrap(f"{one.tool}: {visible(one.reason)}", width - len(head)) or [one.tool]
            terminalreporter.write(head, **{_COLOURS[one.outcome]: True, "bold": True})
            terminalreporter.write_line(f"\n{' ' * len(head)}".join(told))


def _block(outcome: ToolOutcome) -> str:
    """What a person needs to know of a tool that failed."""
    shown = [
        visible(f"  {one.severity.value:<8} {one.path}:{one.line}: {one.rule_id} {one.message}")
        for one in outcome.findings[:MOST_SHOWN]
    ]
    more = len(outcome.findings) - len(shown)
    return "\n".join([outcome.reason, *shown, *([f"  and {more} more, in the record"] if more > 0 else [])])
