# SPDX-License-Identifier: Apache-2.0
"""Under pytest-xdist: a worker that dies leaves a record, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ophamin.errors import RecordWriteError
from ophamin.measuring.abandoned import abandoned
from ophamin.plugin.rows import Row, row_of

if TYPE_CHECKING:
    from ophamin.plugin.docket import Docket

__all__ = ["Workers"]


class Workers:
    """Hooks of the controller: it keeps what each worker has open, and concludes it when the worker dies."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._open: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "ophamin_draft"):
            self._open[report.nodeid] = report.ophamin_draft
        elif getattr(report, "ophamin_rows", None):
            self._open.pop(report.nodeid, None)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        told = getattr(node, "workeroutput", {}).get("ophamin_lock")
        if told is not None:
            self._docket.registration.told_by_worker = told

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        if crashitem not in self._open:
            return
        draft = json.loads(self._open.pop(crashitem))
        situation = self._docket.situation(draft["command"], draft["attempt"])
        rows: list[Row] = []
        try:
            died = "the worker process died before the claim was concluded"
            for one in map(self._docket.sealing.sealed, abandoned(draft, situation, died)):
                path, sha256 = self._docket.keep(one)
                rows.append(row_of(one, crashitem, self._docket.shown_path(path), situation.attempt, sha256))
        except RecordWriteError as error:
            report.ophamin_unwritten = [str(error)]
        report.ophamin_rows = rows
