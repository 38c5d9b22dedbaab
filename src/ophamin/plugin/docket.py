# SPDX-License-Identifier: Apache-2.0
"""The docket: a session's trials, the records they left, and what the session's exit code says of them.

The one object that holds the state of a session. A worker of pytest-xdist has one that only writes; the controller's
gathers rows from the reports.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ophamin import registry
from ophamin.core.environment import Redactor
from ophamin.core.plugins import RegistryError
from ophamin.errors import ClaimError, RecordWriteError
from ophamin.measuring.conduct import as_system
from ophamin.measuring.trial import Concluded, Situation, Trial
from ophamin.plugin.folder import RecordFolder
from ophamin.plugin.rows import Row, row_of
from ophamin.seeing.substrate.base import SUBSTRATES, SubstrateUnderTest, parse_spec

if TYPE_CHECKING:
    from ophamin.measuring.plan import Script
    from ophamin.plugin.options import Options

__all__ = ["NAME", "ONLY_INCONCLUSIVE", "RECORD_PROBLEM", "TRIAL", "Docket", "docket_of"]

NAME = "ophamin-docket"
TRIAL = pytest.StashKey[Trial]()
ROWS = pytest.StashKey[list[Row]]()

ONLY_INCONCLUSIVE = 80
"""Exit code: the session failed, and only because claims were inconclusive."""
RECORD_PROBLEM = 82
"""Exit code: a record could not be written."""


class Docket:
    """State and duties of one session.

    Attributes:
        options: what the session was told.
        root: the project's root folder.
        is_worker: this process is a worker of pytest-xdist.
        redact: removes from a text what must not enter a record.
        rows: one for each concluded claim, in the order of the reports.
        unwritten: why a record could not be written, for each one.
    """

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.options = options
        self.root: Path = config.rootpath
        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        self.parallel = worker is not None and int(worker["workercount"]) > 1
        self.rows: list[Row] = []
        self.unwritten: list[str] = []
        self.records = RecordFolder(options.folder)
        self._config = config
        self.redact = Redactor.from_process(config.rootpath).redact
        self._systems: dict[str, SubstrateUnderTest] = {}
        self._attempts: dict[str, int] = {}
        self._first_rows: dict[str, list[Row]] = {}
        self._registered: list[tuple[Any, str | None]] = []
        self._failed_inconclusive = 0

    # -- session --------------------------------------------------------------------------------------------------

    def call_register_hooks(self) -> None:
        """Let the project's conftest files add plug-ins for this session alone."""
        self._config.hook.pytest_ophamin_register.call_historic(kwargs={"registry": _SessionRegistry(self._registered)})

    def pytest_unconfigure(self) -> None:
        for plugins, name in self._registered:
            plugins.unregister(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Make room for the records: all is collected and nothing has run; where nothing will run, all is left."""
        looks = any(self._config.getoption(name, False) for name in ("collectonly", "setuponly"))
        broken = session.testsfailed and not self._config.option.continue_on_collection_errors
        if not (self.is_worker or looks or broken):
            try:
                self.records.prepare()
            except OSError as error:
                raise pytest.UsageError(
                    f"records cannot be written to {self.shown_path(self.options.folder)}: {error.strerror or error}; "
                    "make it writable, or give another folder with --ophamin-dir"
                ) from error

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        result = yield
        if self.is_worker or session.exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            return result
        if self.unwritten:
            session.exitstatus = RECORD_PROBLEM
        elif session.testsfailed and session.testsfailed == self._failed_inconclusive:
            session.exitstatus = ONLY_INCONCLUSIVE
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        rows: list[Row] = getattr(report, "ophamin_rows", [])
        self.rows.extend(rows)
        self.unwritten.extend(getattr(report, "ophamin_unwritten", []))
        if report.failed:
            self._failed_inconclusive += getattr(report, "ophamin_gated", False)

    # -- trials ---------------------------------------------------------------------------------------------------

    def open(self, item: pytest.Item, script: Script) -> Trial:
        """Open the trial of an item; nothing of it has run before."""
        attempt = self._attempts.get(item.nodeid, self.options.first_attempt - 1) + 1
        self._attempts[item.nodeid] = attempt
        trial = Trial(script, self.situation(self._command(item.nodeid, attempt), attempt))
        trial.open()
        item.stash[TRIAL] = trial
        item.stash[ROWS] = []
        for preregistration in trial.preregistrations:
            item.ihook.pytest_ophamin_preregistered(item=item, preregistration=preregistration)
        return trial

    def situation(self, command: str, attempt: int) -> Situation:
        """Where and how a trial of this session runs."""
        return Situation(
            command=command,
            root=self.root,
            seed=self.options.seed,
            attempt=attempt,
            parallel=self.parallel,
            redact=self.redact,
        )

    def conclude(self, item: pytest.Item, trial: Trial, broken: str = "") -> tuple[Concluded, ...]:
        """Conclude a trial and write its records.

        Raises:
            RecordWriteError: one could not be written; the others were.
        """
        concluded = trial.conclude(broken)
        unwritten: RecordWriteError | None = None
        for one in concluded:
            try:
                path = self.records.write(one)
            except RecordWriteError as error:
                unwritten = unwritten or error
                continue
            item.stash[ROWS].append(row_of(one, item.nodeid, self.shown_path(path), trial.situation.attempt))
            item.ihook.pytest_ophamin_recorded(item=item, record=one.record, path=path)
        if unwritten is not None:
            raise unwritten
        return concluded

    def first_rows(self, item: pytest.Item) -> list[Row]:
        """The rows that count: those of the item's first attempt that came to a verdict, whatever a rerun finds."""
        return self._first_rows.setdefault(item.nodeid, item.stash[ROWS])

    def system(self, named: Any, fixture: Callable[[str], Any]) -> SubstrateUnderTest:
        """The system under test of that name; built once for the session, unless it is asked for fresh.

        Args:
            named: a spec such as ``mock:seed=3``, a fixture's name, or the object itself.
            fixture: gives the value of a project's own fixture.

        Raises:
            ClaimError: options for a fixture, which takes none.
        """
        key = named if isinstance(named, str) else f"object {id(named)}"
        if isinstance(named, str):
            spec = parse_spec(named)
            if spec.name not in SUBSTRATES:
                value = fixture(spec.name)
                if named != spec.name:
                    raise ClaimError(f"{named!r}: {spec.name!r} is a fixture and takes no options; leave them out")
                return as_system(value)
            if spec.fresh:
                return as_system(named)
        if key not in self._systems:
            self._systems[key] = as_system(named)
        return self._systems[key]

    def shown_path(self, path: Path) -> str:
        """A path as people read it: from the root where it lies below, else its last parts."""
        return (
            path.relative_to(self.root).as_posix()
            if path.is_relative_to(self.root)
            else f"…/{'/'.join(path.parts[-3:])}"
        )

    def _command(self, nodeid: str, attempt: int) -> str:
        substrates = [f"--substrate={spec}" for spec in self.options.substrates]
        seed = f"{self.options.seed}" if attempt == 1 else f"{self.options.seed}.{attempt}"
        return shlex.join(["python", "-m", "pytest", "--ophamin", nodeid, *substrates, f"--ophamin-seed={seed}"])


class _SessionRegistry:
    """What ``pytest_ophamin_register`` is given: the registries, remembering what to take back at the end."""

    def __init__(self, registered: list[tuple[Any, str | None]]) -> None:
        self._registered = registered

    def register_substrate(self, substrate: Any, name: str | None = None) -> Any:
        """Add a system under test."""
        return self._add(registry.SUBSTRATES, substrate, name or getattr(substrate, "name", None))

    def register_corpus(self, corpus: Any, name: str | None = None) -> Any:
        """Add a corpus."""
        return self._add(registry.CORPORA, corpus, name or getattr(corpus, "name", None))

    def register_pillar(self, pillar: Any) -> Any:
        """Add a pillar."""
        return self._add(registry.PILLARS, pillar, getattr(pillar, "pillar_name", None))

    def _add(self, plugins: Any, plugin: Any, name: str | None) -> Any:
        try:
            plugins.register(plugin, name)
        except RegistryError as error:
            raise pytest.UsageError(f"pytest_ophamin_register: {error}") from error
        if (plugins, name) not in self._registered:
            self._registered.append((plugins, name))
        return plugin


def docket_of(config: pytest.Config) -> Docket:
    """The docket of a session."""
    found = config.pluginmanager.get_plugin(NAME)
    assert isinstance(found, Docket)
    return found
