# SPDX-License-Identifier: Apache-2.0
"""Opens a trial before the fixtures, concludes it after the body, and turns the verdict into a test outcome.

The verdict is raised inside the call phase, so that ``-x``, ``--lf``, ``xfail``, JUnit, reruns and ``--pdb`` see an
ordinary failing or skipped test.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.outcomes import Failed, Skipped  # pytest.fail.Exception and pytest.skip.Exception, with their types

from ophamin.errors import Inconclusive, RecordWriteError, Refuted
from ophamin.plugin.collection import SCRIPT, compile_script
from ophamin.plugin.docket import ROWS, TRIAL, declaration_on
from ophamin.plugin.rows import Row, failure_block, measured, worst

if TYPE_CHECKING:
    from ophamin.measuring.trial import Trial
    from ophamin.plugin.docket import Docket

__all__ = ["Verdicts"]

STANDS = pytest.StashKey[bool]()
"""Set on an item whose claims an earlier run of this commit concluded: its body need not run."""

PROPERTY = "ophamin."
"""What the names of all properties begin with that this plugin gives to a test."""

Word = str | tuple[str, dict[str, bool]]

WORDS: dict[tuple[str, str], tuple[str, str, Word]] = {
    ("VALIDATED", "passed"): ("passed", "V", "VALIDATED"),
    ("REFUTED", "failed"): ("failed", "R", "REFUTED"),
    ("REFUTED", "passed"): ("refuted", "R", ("REFUTED", {"yellow": True})),
    ("INCONCLUSIVE", "skipped"): ("inconclusive", "?", "INCONCLUSIVE"),
    ("INCONCLUSIVE", "failed"): ("failed", "?", "INCONCLUSIVE"),
}
"""Category, letter and word for each natural pair of verdict and outcome; of any other pair pytest itself speaks.

A word without a colour has that of its outcome.
"""


class _Plain(Failed):
    """A failure shown by its message alone: the claim, not a traceback into the plugin."""

    def __init__(self, message: str) -> None:
        super().__init__(message, pytrace=False)


class RefutedOutcome(_Plain, Refuted):
    """`Refuted`, as pytest takes it."""


class InconclusiveFailure(_Plain, Inconclusive):
    """`Inconclusive` where the gate fails on it."""


class GoalpostsMoved(_Plain):
    """A registered claim is no longer what was registered."""


class InconclusiveSkip(Skipped, Inconclusive):
    """`Inconclusive` where it does not block; placed in the test's own file, not in this one."""

    def __init__(self, message: str) -> None:
        super().__init__(message, _use_item_location=True)


for _outcome, _shown in (
    (RefutedOutcome, "Refuted"),
    (InconclusiveFailure, "Inconclusive"),
    (InconclusiveSkip, "Inconclusive"),
):
    _outcome.__name__ = _outcome.__qualname__ = _shown
    _outcome.__module__ = "builtins"  # the summary line then says "Refuted: ...", without a path in front


class Verdicts:
    """Hooks round one item.

    Args:
        docket: of the session.
        tries: conclude and write; a session that only plans does not.
    """

    def __init__(self, docket: Docket, *, tries: bool = True) -> None:
        self._docket = docket
        self._tries = tries

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if TRIAL in item.stash:  # the trial of an earlier attempt
            del item.stash[TRIAL]
            item.user_properties[:] = [one for one in item.user_properties if not one[0].startswith(PROPERTY)]
            item.stash[STANDS] = False
        self._docket.take_doubts()  # of the item before
        if declaration_on(item) is not None:
            self._require_unmoved(item)
            script = item.stash.get(SCRIPT, None) or compile_script(item, self._docket)
            self._docket.open(item, script)

    def _require_unmoved(self, item: pytest.Item) -> None:
        """A claim whose goalposts were moved is not tried."""
        if moved := self._docket.registration.moved(item):
            told = "; ".join(f"{change.field}: {change.old} -> {change.new}" for one in moved for change in one.changes)
            raise GoalpostsMoved(
                f"GOALPOSTS MOVED: {told}\n  register the change and say why: "
                'pytest --ophamin --ophamin-register --ophamin-reason "..."'
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        trial = item.stash.get(TRIAL, None)
        if trial is None or not self._tries:
            return (yield)
        with ExitStack() as held:
            try:
                item.stash[STANDS] = self._standing(item, trial, held)
                result = yield
            except BaseException as error:
                self._docket.conclude(item, trial, broken=_broken(error))
                self._publish(item)
                raise
            if not item.stash[STANDS]:
                self._docket.conclude(item, trial, broken=self._docket.take_doubts())
        self._publish(item)
        for one in trial.concluded:
            if one.error is not None:
                raise one.error
        self._raise_verdict(self._docket.first_rows(item), trial.situation.attempt)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object | None:
        """Leave out the body of a claim that stands."""
        return True if pyfuncitem.stash.get(STANDS, False) else None

    def _standing(self, item: pytest.Item, trial: Trial, held: ExitStack) -> bool:
        """Whether an earlier run of this commit concluded all claims; their records are then given again."""
        stored = self._docket.book.open(trial, partial(self._docket.command, item.nodeid), held)
        self._docket.give(item, stored)
        return bool(stored)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if self._docket.is_worker:
            sent: Any = report
            sent.ophamin_written, self._docket.written = self._docket.written, []
        trial = item.stash.get(TRIAL, None)
        if trial is None or not self._tries:
            return report
        state: Any = report  # pytest sends every attribute of a report home from a worker
        if call.when == "setup" and call.excinfo is not None and not trial.concluded:
            try:
                self._docket.conclude(item, trial, broken=_broken(call.excinfo.value, "the setup"))
            except RecordWriteError as unwritten:
                state.ophamin_unwritten = [str(unwritten)]
            self._publish(item)
            state.ophamin_rows = item.stash[ROWS]
        elif call.when == "setup" and self._docket.is_worker:
            # should this process die, the controller concludes the trial; as text, since numbers may be numpy's
            state.ophamin_draft = json.dumps(trial.draft())
        elif call.when == "call":
            state.ophamin_rows = item.stash[ROWS]
            error = None if call.excinfo is None else call.excinfo.value
            state.ophamin_refuted = isinstance(error, RefutedOutcome)
            state.ophamin_gated = isinstance(error, InconclusiveFailure)
            state.ophamin_is_verdict = isinstance(error, (RefutedOutcome, InconclusiveFailure, InconclusiveSkip))
            state.ophamin_unwritten = [str(error)] if isinstance(error, RecordWriteError) else []
            if call.excinfo is not None and any(one.error is error for one in trial.concluded):
                report.longrepr = call.excinfo.getrepr(style="value")  # its traceback runs through the engine alone
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Word] | None:
        rows: list[Row] = getattr(report, "ophamin_rows", [])
        if not rows or report.when != "call" or hasattr(report, "wasxfail"):
            return None
        if report.outcome == "failed" and not getattr(report, "ophamin_is_verdict", False):
            return None
        return WORDS.get((worst(rows), report.outcome))

    def _raise_verdict(self, rows: list[Row], attempt: int) -> None:
        gate = self._docket.options.gate
        verdict = worst([row for row in rows if row["verdict"].lower() in gate]) or worst(rows)
        blocks = "\n".join(failure_block(row) for row in rows if row["verdict"] == verdict)
        if rows[0]["attempt"] != attempt and not rows[0]["stored"]:
            blocks += f"\n  attempt     {rows[0]['attempt']} counts, this is {attempt}: trying again betters nothing"
        if verdict == "REFUTED" and "refuted" in gate:
            raise RefutedOutcome(blocks)
        if verdict == "INCONCLUSIVE":
            if "inconclusive" in gate:
                raise InconclusiveFailure(blocks)
            raise InconclusiveSkip(
                next(f"{row['reason']} ({measured(row)})" for row in rows if row["verdict"] == verdict)
            )

    def _publish(self, item: pytest.Item) -> None:
        """Verdicts as properties of the test, for JUnit and every other report."""
        rows = item.stash[ROWS]
        item.user_properties.append((f"{PROPERTY}verdict", worst(rows)))
        for row in rows:
            name = f"{PROPERTY}{row['statistic']} {row['comparator']} {row['bound']:g}"
            item.user_properties.append((f"{name}.verdict", row["verdict"]))
            item.user_properties.append((f"{name}.observed", "" if row["observed"] is None else row["observed"]))
            item.user_properties.append((f"{name}.n", row["n"]))
            item.user_properties.append((f"{name}.record", row["path"]))


def _broken(error: BaseException, part: str = "the test body") -> str:
    """Why a test did not reach its end, on one line."""
    text = str(error).partition("\n")[0]
    kind = "skipped" if isinstance(error, Skipped) else f"{part} raised {type(error).__name__}"
    return f"{kind}: {text}" if text else kind
