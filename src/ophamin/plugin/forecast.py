# SPDX-License-Identifier: Apache-2.0
"""``--ophamin-plan``: prints what each claim would cost and promise. Nothing is tried, and no record is written."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from ophamin.comparing.multiplicity import chance_of_false_red
from ophamin.measuring.scenarios.planning import outlooks
from ophamin.plugin.collection import SCRIPT

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from ophamin.measuring.script import Script
    from ophamin.plugin.docket import Docket

__all__ = ["PILOT_UNITS", "Forecasts"]

PILOT_UNITS = 5
"""Units of each claim that a pilot runs, to time them."""


class Forecasts:
    """Hooks of a session that plans.

    Args:
        docket: of the session.
        pilot: run a few units of each claim, to time one.
    """

    def __init__(self, docket: Docket, *, pilot: bool) -> None:
        self._docket = docket
        self._pilot = pilot
        self._scripts: dict[str, Script] = {}
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the scenarios, and of those one for each name where nothing runs."""
        scenarios = [item for item in items if SCRIPT in item.stash]
        self._scripts = {item.nodeid: item.stash[SCRIPT] for item in scenarios}
        if len(items) > len(scenarios):
            config.hook.pytest_deselected(items=[item for item in items if SCRIPT not in item.stash])
        items[:] = scenarios

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object | None:
        return None if self._pilot or session.testsfailed else True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        trial = self._docket.trial_of(item)
        if trial is None:
            return (yield)
        trial.pilot = PILOT_UNITS
        started = time.perf_counter()
        result = yield
        if units := len(trial.ledger):
            self._seconds[item.nodeid] = (time.perf_counter() - started) / units
        return result

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        width = max(60, terminalreporter._tw.fullwidth)  # pytest has no public name for its width
        betas: dict[str, float] = {}
        for nodeid, script in self._scripts.items():
            terminalreporter.write_sep("-", nodeid)
            for outlook in outlooks(script, self._seconds.get(nodeid)):
                terminalreporter.write_line(outlook.to_text(width))
                terminalreporter.write_line("")
                if outlook.forecast.guarantee != "deterministic":
                    betas[outlook.plan.digest] = outlook.plan.settings.beta
        if betas:
            chance = chance_of_false_red(list(betas.values()))
            told = (
                f"{len(betas)} claims: where all hold, just at their bars, the chance that one is REFUTED is at most "
                f"{chance.at_most:.2g} ({chance.independent:.2g} if they are independent)"
            )
            for line in textwrap.wrap(told, width):
                terminalreporter.write_line(line)
        terminalreporter.write_line("planned only: no claim was tried, no record was written")
