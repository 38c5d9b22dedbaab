# SPDX-License-Identifier: Apache-2.0
"""The docket: a session's trials, the records they left, and what the session's exit code says of them.

The one object that holds the state of a session. A worker of pytest-xdist has one that only writes; the controller's
gathers rows from the reports.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Callable, Generator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ophamin.core.environment import Redactor, git_facts
from ophamin.core.keys import KeyMaterialError
from ophamin.errors import ClaimError, OphaminError, RecordWriteError
from ophamin.measuring.conduct import as_system
from ophamin.measuring.scenarios.functions import ATTRIBUTE
from ophamin.measuring.trial import Concluded, Situation, Trial
from ophamin.plugin.attempts import Bookkeeping
from ophamin.plugin.folder import RecordFolder
from ophamin.plugin.progress import Progress
from ophamin.plugin.registration import GOALPOSTS, Registration
from ophamin.plugin.rows import Row, row_of
from ophamin.plugin.session_registry import SessionRegistry
from ophamin.plugin.signing import KEY, KEY_FILE, Sealing, choose_key
from ophamin.seeing.substrate.base import SUBSTRATES, SubstrateUnderTest, parse_spec

if TYPE_CHECKING:
    from ophamin.auditing.audit_record import AuditRecord
    from ophamin.measuring.attempts import Stored
    from ophamin.measuring.floor import Floor, Floors
    from ophamin.measuring.plan import Plan
    from ophamin.measuring.script import Script
    from ophamin.plugin.audits import Audits
    from ophamin.plugin.options import Options

__all__ = ["NAME", "ONLY_INCONCLUSIVE", "RECORD_PROBLEM", "TRIAL", "Docket", "docket_of"]

NAME = "ophamin-docket"
TRIAL = pytest.StashKey[Trial]()
ROWS = pytest.StashKey[list[Row]]()

ONLY_INCONCLUSIVE = 80
"""Exit code: the session failed, and only because claims were inconclusive."""
LOOKS = ("collectonly", "setuponly", "ophamin_plan", "ophamin_aa", "ophamin_register")
"""Options under which no claim is tried, so that the records of an earlier session stay."""
FLOORS = "proofs/aa"
"""Where noise floors lie, below the project's root: a project commits them."""
RUN = "ophamin_aa_run"
"""The parameter that numbers the runs of a scenario against itself."""
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
        written: SHA-256 of each record that this process wrote.
    """

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.options = options
        self.root: Path = config.rootpath
        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        self.parallel = worker is not None and int(worker["workercount"]) > 1
        self.rows: list[Row] = []
        self.unwritten: list[str] = []
        self.written: list[str] = []
        self.records = RecordFolder(options.folder)
        self.book = Bookkeeping(config.rootpath, options)
        self.registration = Registration(config, config.rootpath, insists=options.locked)
        self.floors_folder = config.rootpath / FLOORS
        self.progress = Progress(config)
        self._config = config
        self.redact = Redactor.from_process(config.rootpath).redact
        self._systems: dict[str, SubstrateUnderTest] = {}
        self._attempts: dict[str, int] = {}
        self._first_rows: dict[str, list[Row]] = {}
        self._registered: list[tuple[Any, str | None]] = []
        self._failed_inconclusive = 0
        self._refuted: set[str] = set()

    # -- session --------------------------------------------------------------------------------------------------

    def call_register_hooks(self) -> None:
        """Let the project's conftest files add plug-ins for this session alone."""
        self._config.hook.pytest_ophamin_register.call_historic(kwargs={"registry": SessionRegistry(self._registered)})

    def pytest_unconfigure(self) -> None:
        for plugins, name in self._registered:
            plugins.unregister(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Make room for the records: all is collected and nothing has run; where nothing will run, all is left."""
        looks = any(self._config.getoption(name, False) for name in LOOKS)
        broken = session.testsfailed and not self._config.option.continue_on_collection_errors
        if not (looks or broken):
            _ = self.sealing  # a key that cannot be used is said before anything runs
            os.environ.pop(KEY, None)  # no test needs it
        if not (self.is_worker or looks or broken):
            try:
                self.records.prepare()
            except OSError as error:
                raise pytest.UsageError(
                    f"records cannot be written to {self.shown_path(self.options.folder)}: {error.strerror or error}; "
                    "make it writable, or give another folder with --ophamin-dir"
                ) from error
            except OphaminError as error:  # the heads of earlier sessions
                raise pytest.UsageError(f"{self.shown_path(self.options.folder)}: {error}") from error

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["ophamin_lock"] = self.registration.for_controller()
        result = yield
        if self.is_worker or session.exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            return result
        excused = len(self.corrected() & self._refuted) + self._failed_inconclusive
        if self.unwritten:
            session.exitstatus = RECORD_PROBLEM
        elif self.options.tries and self.registration.blocks:
            session.exitstatus = GOALPOSTS
        elif session.testsfailed and session.testsfailed == excused:
            session.exitstatus = ONLY_INCONCLUSIVE if self._failed_inconclusive else pytest.ExitCode.OK
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        rows: list[Row] = getattr(report, "ophamin_rows", [])
        self.rows.extend(rows)
        self.written.extend(getattr(report, "ophamin_written", []))
        self.unwritten.extend(getattr(report, "ophamin_unwritten", []))
        if report.failed:
            self._failed_inconclusive += getattr(report, "ophamin_gated", False)
            if getattr(report, "ophamin_refuted", False):
                self._refuted.add(report.nodeid)

    def corrected(self) -> set[str]:
        """Tests that failed by refutations alone, none of which stands after the correction of its family."""
        if not any(row["family"] for row in self.rows):
            return set()
        from ophamin.plugin.families import fallen, family_reports

        return fallen(self.rows, family_reports(self.rows)[0])

    # -- trials ---------------------------------------------------------------------------------------------------

    def open(self, item: pytest.Item, script: Script) -> Trial:
        """Open the trial of an item; nothing of it has run before."""
        callspec = getattr(item, "callspec", None)
        run = None if callspec is None else callspec.params.get(RUN)
        attempt = self._attempts.get(item.nodeid, self.options.first_attempt - 1) + 1 if run is None else run + 1
        self._attempts[item.nodeid] = attempt
        trial = Trial(script, self.situation(self.command(item.nodeid, attempt), attempt, item.nodeid))
        trial.open()
        item.stash[TRIAL] = trial
        item.stash[ROWS] = []
        for preregistration in trial.preregistrations:
            item.ihook.pytest_ophamin_preregistered(item=item, preregistration=preregistration)
        return trial

    @staticmethod
    def trial_of(item: pytest.Item) -> Trial | None:
        """The trial of a scenario that was set up; None on an ordinary test."""
        return item.stash.get(TRIAL, None)

    def situation(self, command: str, attempt: int, nodeid: str = "") -> Situation:
        """Where and how a trial of this session runs."""
        return Situation(
            command=command,
            root=self.root,
            seed=self.options.seed,
            attempt=attempt,
            parallel=self.parallel,
            redact=self.redact,
            progress=self.progress,
            floor_of=self.floor_of,
            item=nodeid,
            level_of=partial(self.registration.level, nodeid),
            lock=self.registration.digest,
            substrate=self.registration.substrate(nodeid),
        )

    @cached_property
    def floors(self) -> Floors | None:
        """The noise floors of this project; None where it has none."""
        if not self.floors_folder.is_dir():
            return None
        from ophamin.measuring.floor import read_floors

        return read_floors(self.floors_folder)

    def floor_of(self, plan: Plan) -> Floor | None:
        """The latest floor of a claim's statistic, whatever else of the claim has changed since."""
        if self.floors is None:
            return None
        told = (plan.metadata.name, plan.statistic)
        found = [one for one in self.floors.by_claim.values() if (one.scenario, one.statistic) == told]
        return max(found, key=lambda one: one.created_at, default=None)

    @staticmethod
    def is_scenario(function: Any) -> bool:
        """Whether a test function carries a claim."""
        return hasattr(function, ATTRIBUTE)

    def conclude(self, item: pytest.Item, trial: Trial, broken: str = "") -> tuple[Concluded, ...]:
        """Conclude a trial, write its records and enter the attempt in the ledger.

        Raises:
            RecordWriteError: one could not be written; the others were.
        """
        self.progress.clear()
        given = item.ihook.pytest_ophamin_evidence(item=item, trial=trial)
        standing = self.book.standing()
        concluded = trial.conclude(broken, [row for rows in given for row in rows])
        self.book.note(trial, broken)
        problems = [
            self._give(item, standing[one.plan.digest])
            if one.plan.digest in standing
            else self._write(item, one, trial.situation.attempt)
            for one in concluded
        ]
        for problem in problems:
            if problem is not None:
                raise problem
        return concluded

    def give(self, item: pytest.Item, stored: Sequence[Stored]) -> None:
        """Write the records of claims that an earlier run of this commit concluded.

        Raises:
            RecordWriteError: one could not be written; the others were.
        """
        problems = [self._give(item, one) for one in stored]
        for problem in problems:
            if problem is not None:
                raise problem

    def _give(self, item: pytest.Item, one: Stored) -> RecordWriteError | None:
        return self._write(item, one.concluded, one.entry.number, stored=one.entry.concluded_at[:10], note=one.note)

    def _write(
        self, item: pytest.Item, one: Concluded, attempt: int, *, stored: str = "", note: str = ""
    ) -> RecordWriteError | None:
        one = self.sealing.sealed(one)
        try:
            path, sha256 = self.keep(one)
        except RecordWriteError as error:
            return error
        resume = "" if self.book.off else shlex.join(["pytest", "--ophamin", "--ophamin-resume", item.nodeid])
        row = row_of(
            one,
            item.nodeid,
            self.shown_path(path),
            attempt,
            sha256,
            stored=stored,
            resume=resume,
            exploratory=self.registration.is_exploratory(item),
        )
        if note:
            row["reason"] = f"{row['reason']}; {note}"
        item.stash[ROWS].append(row)
        item.ihook.pytest_ophamin_recorded(item=item, record=one.record, path=path)
        return None

    def keep(self, one: Concluded) -> tuple[Path, str]:
        """Sign and write one record; its file, and the SHA-256 of that.

        Raises:
            RecordWriteError: it could not be written.
        """
        text = one.record.dumps().encode("ascii")
        envelopes = self.sealing.envelopes(one, text, git_facts(self.root), self.registration.digest)
        path, sha256 = self.records.write(one, text, envelopes), hashlib.sha256(text).hexdigest()
        self.written.append(sha256)
        return path, sha256

    def keep_audit(self, audit: AuditRecord) -> Path:
        """Sign and write the record of an audit.

        Raises:
            RecordWriteError: it could not be written.
        """
        text = audit.dumps().encode("ascii")
        path = self.records.write_audit(audit, text, self.sealing.audit_envelopes(audit, text, git_facts(self.root)))
        self.written.append(hashlib.sha256(text).hexdigest())
        return path

    @cached_property
    def sealing(self) -> Sealing:
        """With which key records are signed.

        Raises:
            pytest.UsageError: the key that was given cannot be used, or one is required and there is none.
        """
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        try:
            sealing = choose_key(self.options, os.environ, in_ci=in_ci)
        except KeyMaterialError as error:
            raise pytest.UsageError(f"the signing key cannot be used: {error}") from error
        if sealing.signer is None and self.options.require_signature:
            raise pytest.UsageError(
                f"--ophamin-require-signature: the records would be {sealing.told}; give --ophamin-key-file, or set "
                f"{KEY_FILE} or {KEY}"
            )
        return sealing

    @cached_property
    def audits(self) -> Audits:
        """What the fixture ``audit`` gives."""
        from ophamin.plugin.audits import Audits

        return Audits(self)

    def cache_folder(self, name: str) -> Path | None:
        """A folder below pytest's own cache; None where that is switched off."""
        cache = getattr(self._config, "cache", None)
        return None if cache is None else Path(cache.mkdir(name))

    def take_doubts(self) -> str:
        """Why what an item has audited may not be whole; empty where nothing speaks against it."""
        return self.audits.take_doubts() if "audits" in vars(self) else ""

    def first_rows(self, item: pytest.Item) -> list[Row]:
        """The rows that count: those of the item's first attempt that came to a verdict, whatever a rerun finds."""
        return self._first_rows.setdefault(item.nodeid, item.stash[ROWS])

    def system(self, named: Any, fixture: Callable[[str], Any], *, arm: str = "") -> SubstrateUnderTest:
        """The system under test of that name; built once for the session, unless it is asked for fresh.

        Args:
            named: a spec such as ``mock:seed=3``, a fixture's name, or the object itself.
            fixture: gives the value of a project's own fixture.
            arm: of a comparison; each arm has a system of its own.

        Raises:
            ClaimError: options for a fixture, which takes none.
        """
        key = f"{arm}:{named if isinstance(named, str) else f'object {id(named)}'}"
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
            else f"…/{'/'.join(path.parts[1:][-3:])}"
        )

    def command(self, nodeid: str, attempt: int) -> str:
        """The command that gives the verdict of an attempt again."""
        substrates = [f"--substrate={spec}" for spec in self.options.substrates]
        seed = f"{self.options.seed}" if attempt == 1 else f"{self.options.seed}.{attempt}"
        return shlex.join(["python", "-m", "pytest", "--ophamin", nodeid, *substrates, f"--ophamin-seed={seed}"])


def declaration_on(item: pytest.Item) -> Any:
    """The declaration of a scenario; None on an ordinary test."""
    return getattr(getattr(item, "function", None), ATTRIBUTE, None)


def docket_of(config: pytest.Config) -> Docket:
    """The docket of a session."""
    found = config.pluginmanager.get_plugin(NAME)
    assert isinstance(found, Docket)
    return found
