# SPDX-License-Identifier: Apache-2.0
"""Run one claim again from its record, at its commit, and compare what comes out.

It is the one check that does not take anybody's numbers: they are made anew. It runs the project's code of that commit
with the rights of whoever asks, as pytest does. What steers the run out of the record is the commit, the node id and
the options of the trial; keys that sign are not passed on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ophamin.core.environment import git_facts, untracked_files
from ophamin.errors import OphaminError
from ophamin.measuring.proof.codec import ProofCodecError, load
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.seeing.substrate.checkout import Checkout
from ophamin.trust.redecide import named_observations
from ophamin.trust.replay_command import PytestCommand, read_command
from ophamin.trust.verify_files import own_record_paths
from ophamin.trust.verify_registration import told

__all__ = ["Comparison", "Outcome", "Place", "ReplayError", "Row", "compare", "place_of", "replay_record"]

SECRETS: Final = ("OPHAMIN_SIGNING_KEY", "OPHAMIN_SIGNING_KEY_FILE", "OPHAMIN_HMAC_KEY_FILE")
"""Variables that lead to keys, which no test has to see."""


class ReplayError(OphaminError, RuntimeError):
    """A claim could not be run again."""


class Outcome(StrEnum):
    """What a replay shows."""

    SAME = "SAME"
    SAME_VERDICT = "SAME VERDICT"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was compared.

    Attributes:
        name: what it is.
        recorded: as the record says it.
        replayed: as it came out.
    """

    name: str
    recorded: Any
    replayed: Any

    @property
    def is_same(self) -> bool:
        """Whether both are equal, numbers to the last bit."""
        return type(self.recorded) is type(self.replayed) and bool(self.recorded == self.replayed)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A record beside its replay.

    Attributes:
        outcome: SAME where every row is; SAME_VERDICT where at least the first one, the verdict, is.
        rows: verdict, observed value, units, and the digest of the observations.
        environment: how many entries of the two environments differ, by name.
    """

    outcome: Outcome
    rows: tuple[Row, ...]
    environment: tuple[str, ...]


def compare(recorded: EmpiricalProofRecord, replayed: EmpiricalProofRecord) -> Comparison:
    """Hold a replay against its record.

    Example:
        >>> from ophamin import conduct, rate, scenario
        >>> @scenario("heads are not rare", rate("heads") >= 0.2)
        ... def test_coin(trial):
        ...     '''Is the coin usable?'''
        ...     for number in range(50):
        ...         trial.observe(heads=number % 7 != 0)
        >>> compare(conduct(test_coin), conduct(test_coin)).outcome.value
        'SAME'
    """
    rows = (
        Row("verdict", recorded.verdict.outcome, replayed.verdict.outcome),
        Row("observed", recorded.verdict.observed_value, replayed.verdict.observed_value),
        Row("units", _units(recorded), _units(replayed)),
        Row("observations", named_observations(recorded), named_observations(replayed)),
    )
    outcome = Outcome.SAME_VERDICT if rows[0].is_same else Outcome.DIFFERENT
    if all(row.is_same for row in rows):
        outcome = Outcome.SAME
    before, after = recorded.reproduction.environment, replayed.reproduction.environment
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return Comparison(outcome, rows, tuple(changed))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claim is run again.

    Attributes:
        folder: the project's.
        is_apart: whether it is a work tree made for this, so that modules have to come from it.
    """

    folder: Path
    is_apart: bool


@contextmanager
def place_of(record: EmpiricalProofRecord, root: Path) -> Iterator[Place]:
    """The project as it was when the record was made: its own work tree where that is clean and there, else a new one.

    Args:
        record: names the commit.
        root: the project's folder.

    Raises:
        ReplayError: the record names no commit.
        WorktreeError: the repository does not have it, or it cannot be checked out.
    """
    commit = told(record, "project_commit")
    if not isinstance(commit, str) or not commit:
        raise ReplayError("the record names no commit, so nothing says what to run; make records in a git repository")
    facts = git_facts(root)
    if facts.commit == commit and facts.dirty is False and untracked_files(root) == ():
        yield Place(root, is_apart=False)
        return
    checkout = Checkout(commit, root)
    if checkout.commit != commit:
        raise ReplayError(f"the record names {commit[:20]!r}, which is no full id of a commit; it is not checked out")
    try:
        yield Place(checkout.open(), is_apart=True)
    finally:
        checkout.close()


def replay_record(
    record: EmpiricalProofRecord, place: Place, folder: Path, *, seconds: float, environ: Mapping[str, str]
) -> EmpiricalProofRecord:
    """Run the claim of a record in a session of pytest of its own, and give the record that it leaves.

    What the session prints goes to this process's standard error.

    Args:
        record: what is replayed.
        place: the project at the commit; see `place_of`.
        folder: an empty one, for the new records.
        seconds: time limit; the session and all that it started are killed then.
        environ: variables for the session; those that lead to keys are left out.

    Raises:
        ForeignCommandError: the command in the record is not of our form.
        ReplayError: no interpreter, no answer in time, or no record of that claim.
    """
    command = read_command(record.reproduction.command)
    status = _run(_arguments(command, folder), place.folder, _environment(environ, place), seconds)
    config, found = record.preregistration.config_hash, []
    for path in own_record_paths(folder):
        with suppress(ProofCodecError):
            found.append(load(path))
    made = [one for one in found if one.preregistration.config_hash == config]
    if len(made) == 1:
        return made[0]
    if found:
        raise ReplayError(f"{command.item} gave {len(found)} records, and {len(made)} of this plan; see its output")
    raise ReplayError(f"{command.item} ended with status {status} and left no record; see its output")


def _units(record: EmpiricalProofRecord) -> Any:
    return record.evidence[0].detail.get("n_units") if record.evidence else None


def _arguments(command: PytestCommand, folder: Path) -> list[str]:
    """The session: records and ledger lie in the folder, so that nothing stored is given back; no key of a project."""
    own = (f"--ophamin-dir={folder}", "-o", f"ophamin_ledger={folder / 'ledger'}")
    keyless = ("-o", "ophamin_key_file=", "-o", "ophamin_require_signature=false")
    return [sys.executable, "-m", "pytest", *command.arguments, *own, *keyless]


def _environment(environ: Mapping[str, str], place: Place) -> dict[str, str]:
    """Variables of the session; a tree of its own goes before the work tree that the project may be installed from."""
    passed = {name: value for name, value in environ.items() if name not in {*SECRETS, "PYTEST_ADDOPTS"}}
    if not place.is_apart:
        return passed
    folders = [str(folder) for folder in (place.folder / "src", place.folder) if folder.is_dir()]
    return passed | {"PYTHONPATH": os.pathsep.join([*folders, *filter(None, [environ.get("PYTHONPATH")])])}


def _run(command: Sequence[str], place: Path, environment: Mapping[str, str], seconds: float) -> int:
    """The exit status of a session, which does not outlive this call."""
    sys.stderr.flush()
    try:
        # A session of its own, so that what the tests start can be killed with it.
        process = subprocess.Popen(
            command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True
        )
    except OSError as error:
        raise ReplayError(f"{command[0]} does not start: {error.strerror or error}; mend the environment") from error
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise ReplayError(f"no end within {seconds:g} s, and it was killed; give a longer --timeout") from None
    finally:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
