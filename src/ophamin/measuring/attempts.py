# SPDX-License-Identifier: Apache-2.0
"""What becomes of a trial that was tried before: its stored verdict, its continuation, or a counted new attempt.

A verdict belongs to the claim, the version of the system and the class of the environment. On a clean tree that case
is looked up before the body runs. This room joins trials with the ledger in `history`; it decides no claim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from ophamin.core import strictjson
from ophamin.errors import ClaimError
from ophamin.measuring.history import AttemptEntry, Case, CaseKey, History
from ophamin.measuring.observations import unpack
from ophamin.measuring.plan import Plan
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.measuring.trial import Before, Concluded, Trial

__all__ = ["Attempts", "Mode", "Opened", "Stored"]

Mode = Literal["continue", "resume", "fresh"]
"""``continue`` gives stored verdicts and goes on where a body broke; ``resume`` goes on where a claim was undecided at
its budget, too; ``fresh`` begins a counted new attempt."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A claim that was concluded in an earlier run.

    Attributes:
        concluded: its plan, record and observations, as they were written then.
        entry: what the ledger says of the attempt.
    """

    concluded: Concluded
    entry: AttemptEntry


@dataclass(frozen=True, slots=True)
class Attempts:
    """The ledger as a session uses it.

    Attributes:
        history: the ledger on disk.
        environment_class: digest of what makes results comparable.
        project: commit of the project's tree.
        mode: what to do with what is stored.
    """

    history: History
    environment_class: str
    project: str
    mode: Mode = "continue"

    @contextmanager
    def open(self, trial: Trial) -> Iterator[Opened]:
        """Hold the cases of all claims of a trial, whose system is attached, until the block ends.

        Raises:
            CaseBusyError: another process is trying one of them.
            HistoryError: the ledger is damaged, or cannot be written.
        """
        version = f"{self.project} {trial.system_label}".strip()
        with ExitStack() as stack:
            cases = {
                plan.digest: stack.enter_context(
                    self.history.open(CaseKey(plan.digest, version, self.environment_class))
                )
                for plan in trial.script.plans
            }
            yield Opened(trial, cases, self.mode)


class Opened:
    """The cases of one trial, held alone.

    Args:
        trial: not yet run.
        cases: plan digest -> case.
        mode: of the session.
    """

    def __init__(self, trial: Trial, cases: Mapping[str, Case], mode: Mode) -> None:
        self._trial = trial
        self._cases = cases
        self._mode = mode
        self._started_at = trial.situation.now()
        self._goes_on = False

    @property
    def number(self) -> int:
        """Number of the attempt that would be made now; the same for all claims of the trial."""
        return 1 + max(len(case.attempts) for case in self._cases.values())

    def stored(self) -> tuple[Stored, ...]:
        """What earlier runs concluded, one for each claim; empty where the body has to run.

        Raises:
            HistoryError: a stored file is missing or was changed.
        """
        if self._mode == "fresh" or not all(self._stands(plan) for plan in self._trial.script.plans):
            return ()
        return tuple(self._read(plan) for plan in self._trial.script.plans)

    def begin(self) -> None:
        """Make the trial go on from the last attempt, where there is something to go on from.

        Raises:
            ClaimError: going on was asked for, and the plan or the corpus does not allow it.
            HistoryError: a stored file is missing or was changed.
        """
        plans, lasts = self._trial.script.plans, [case.last for case in self._cases.values()]
        if self._mode == "fresh" or any(last is None or last.kind == "verdict" for last in lasts):
            return
        if not all(plan.sequential for plan in plans):
            if self._mode == "resume":
                raise ClaimError(
                    f"{self._trial.script.metadata.name} has a fixed-sample plan, which cannot be continued: further "
                    "data after a look would spoil its error rates; declare mde= or budget=, or use --ophamin-fresh"
                )
            return
        if any(plan.settings.boundaries == "calibrated" for plan in plans):
            raise ClaimError(
                f"{self._trial.script.metadata.name} has boundaries calibrated for its budget alone, so it cannot be "
                "continued; declare boundaries='ville', or use --ophamin-fresh"
            )
        case = self._cases[plans[0].digest]
        chain = _chain(case)
        table, _ = unpack(case.observations(chain[-1].number))
        records = [_record_of(case, entry) for entry in chain]
        self._require_same_corpus(records[-1])
        self._trial.resume(
            Before(
                rows=table,
                order_seed=int(chain[0].seed),
                used=sum(one.n_records for record in records for one in record.datasets if one.kind == "records-used"),
                rounds=1 + sum(entry.kind == "undecided" for entry in chain),
                lineage=tuple(entry.proof_id for entry in chain),
            )
        )
        self._goes_on = True

    def note(self, concluded: Sequence[Concluded], broken: str) -> None:
        """Enter a finished attempt, for each claim that has no verdict yet or was tried afresh.

        Raises:
            HistoryError: the ledger could not be written.
        """
        number = self.number
        for one in concluded:
            case = self._cases[one.plan.digest]
            if self._mode != "fresh" and case.last is not None and case.last.kind == "verdict":
                continue
            outcome = one.record.verdict.outcome
            # of its own case: a process that was killed between two claims left them with unequal numbers
            before = case.last.number if self._goes_on and case.last is not None else None
            proof = one.record.dumps().encode("ascii")
            entry = AttemptEntry(
                number=len(case.attempts) + 1,
                started_at=self._started_at,
                concluded_at=self._trial.situation.now(),
                outcome=outcome,
                kind="verdict" if outcome != "INCONCLUSIVE" else "broken" if broken or one.error else "undecided",
                reason=one.reason,
                n_units=int(one.record.evidence[0].detail["n_units"]),
                n_rows=int(one.record.evidence[0].detail["n_rows"]),
                seed=str(self._trial.seed),
                fresh=before is None and len(case.attempts) > 0,
                resumed_from=before,
                proof_id=one.proof_id,
                proof_sha256=hashlib.sha256(proof).hexdigest(),
                observations_sha256=hashlib.sha256(one.observations).hexdigest(),
                next_seed_counter=number + 1,
            )
            case.append(entry, proof, one.observations)

    def _stands(self, plan: Plan) -> bool:
        """Whether the last attempt at a claim stands: a verdict, or undecided where nobody asked to go on."""
        last = self._cases[plan.digest].last
        return last is not None and (last.kind == "verdict" or (last.kind == "undecided" and self._mode == "continue"))

    def _read(self, plan: Plan) -> Stored:
        case = self._cases[plan.digest]
        entry = case.last
        assert entry is not None
        record = _record_of(case, entry)
        return Stored(Concluded(plan, record, entry.proof_id, case.observations(entry.number), entry.reason), entry)

    def _require_same_corpus(self, record: EmpiricalProofRecord) -> None:
        now = self._trial.preregistrations[0].data_hash
        if record.preregistration.data_hash != now:
            raise ClaimError(
                f"the corpus of {self._trial.script.metadata.name} has changed since its last attempt, so that its "
                "unused records are not known; use --ophamin-fresh"
            )


def _chain(case: Case) -> list[AttemptEntry]:
    """The last attempt and those it went on from, the oldest first."""
    chain: list[AttemptEntry] = []
    entry = case.last
    while entry is not None:
        chain.append(entry)
        entry = None if entry.resumed_from is None else case.attempts[entry.resumed_from - 1]
    return chain[::-1]


def _record_of(case: Case, entry: AttemptEntry) -> EmpiricalProofRecord:
    data = strictjson.loads(case.proof(entry.number), what=f"the record of attempt {entry.number}")
    return EmpiricalProofRecord.from_dict(data)
