# SPDX-License-Identifier: Apache-2.0
"""``--ophamin-aa``: each scenario against itself, to learn how far two runs of the same system differ by noise alone.

Every scenario becomes `RUNS` items, each with seeds of its own; no verdict is given and no record is written. At the
end the noise floor of each claim is stored, with the machine it was measured on.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

from ophamin.measuring.judgement import plain_estimate
from ophamin.plugin.docket import RUN

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from ophamin.measuring.trial import Trial
    from ophamin.plugin.docket import Docket

__all__ = ["RUNS", "SelfRuns"]

PAIRS: Final = 20
RUNS: Final = 2 * PAIRS


class SelfRuns:
    """Hooks of an A/A session; on workers they measure, in the controller they gather."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._runs: dict[str, dict[str, Any]] = {}

    @pytest.fixture(name=RUN)
    def run_number(self, request: pytest.FixtureRequest) -> int:
        """Number of this run of the scenario, from 0."""
        return int(request.param)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if self._docket.is_scenario(metafunc.function):
            metafunc.fixturenames.append(RUN)
            metafunc.parametrize(RUN, range(RUNS), indirect=True, ids=[f"aa{number}" for number in range(RUNS)])

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        others = [item for item in items if not self._docket.is_scenario(getattr(item, "function", None))]
        if others:
            config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if item not in set(others)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        trial = self._docket.trial_of(item)
        if trial is not None:
            trial.looks = False  # every run takes the planned number of units
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        trial = self._docket.trial_of(item)
        if trial is not None and call.when == "call" and call.excinfo is None:
            state: Any = report  # pytest sends every attribute of a report home from a worker
            state.ophamin_aa = _measured(trial)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for one in getattr(report, "ophamin_aa", ()):
            kept = self._runs.setdefault(one["digest"], {**one, "runs": {}})
            if one["estimate"] is not None:
                kept["runs"][one["run"]] = one["estimate"]

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        if self._docket.is_worker:
            return
        terminalreporter.write_sep("-", "noise floors")
        for kept in self._runs.values():
            terminalreporter.write_line(self._stored(kept))
        if not self._runs:
            terminalreporter.write_line("no run of a scenario came to its end, so that no floor is known")

    def _stored(self, kept: dict[str, Any]) -> str:
        """Write the floor of one claim; what to say of it."""
        from ophamin.core.machine import machine_fingerprint
        from ophamin.core.records import utc_now
        from ophamin.measuring.floor import Floor, write_floor

        runs: dict[int, float] = kept["runs"]
        if kept["is_difference"]:  # of one system with itself: the estimate is the distance already
            pairs = [(estimate, 0.0) for _, estimate in sorted(runs.items())]
        else:
            whole = [first for first in range(0, RUNS, 2) if first in runs and first + 1 in runs]
            pairs = [(runs[first], runs[first + 1]) for first in whole]
        name = f"{kept['scenario']} {kept['statistic']}"
        floor = Floor(
            claim_digest=kept["digest"],
            scenario=kept["scenario"],
            statistic=kept["statistic"],
            level=0.95,
            n_units=max(1, kept["n_units"]),
            estimates=tuple(pairs),
            machine=dict(machine_fingerprint()),
            created_at=utc_now(),
        )
        if floor.floor is None:
            return f"{name}: {floor.noise.reason}"
        path = write_floor(self._docket.floors_folder, floor)
        return (
            f"{name}: {floor.floor:.3g} ({floor.n_pairs} pairs of runs of {floor.n_units} units each) in "
            f"{self._docket.shown_path(path)}"
        )


def _measured(trial: Trial) -> list[dict[str, Any]]:
    """What one run says of each claim, as plain values."""
    table = trial.ledger.table()
    found = []
    for plan in trial.script.plans:
        estimate, n_units = plain_estimate(plan, table)
        found.append(
            {
                "digest": plan.digest,
                "scenario": plan.metadata.name,
                "statistic": plan.statistic,
                "is_difference": plan.kind == "difference",
                "estimate": estimate,
                "n_units": n_units,
                "run": trial.situation.attempt - 1,
            }
        )
    return found
