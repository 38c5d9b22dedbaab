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
from ophamin.core.canonical import content_hash
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
        note: why it was not continued, where that was asked for.
    """

    concluded: Concluded
    entry: AttemptEntry
    note: str = ""


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
        data = trial.preregistrations[0].data_hash
        with ExitStack() as stack:
            cases = {}
            for plan in trial.script.plans:
                # an item tries its own system on its own parameters, which a plan may name alike
                claim = content_hash([plan.digest, data, trial.situation.item])
                cases[plan.digest] = stack.enter_context(
                    self.history.open(CaseKey(claim, version, self.environment_class))
                )
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
        plans = self._trial.script.plans
        if self._mode == "fresh" or not all(self._stands(plan) for plan in plans):
            return ()
        return tuple(self._read(plan) for plan in plans)

    def begin(self) -> bool:
        """Make the trial go on from the last attempt, where there is something to go on from.

        Returns:
            Whether the attempt draws seeds of its own. One that begins again where a fixed-sample body broke does not,
            so that breaking off never buys another sample.

        Raises:
            HistoryError: a stored file is missing or was changed.
        """
        lasts = [case.last for case in self._cases.values()]
        if self._mode == "fresh" or any(last is None for last in lasts):
            return self._mode == "fresh"
        if self._lasting:
            return False
        case = max(
            (case for case in self._cases.values() if case.last is not None and case.last.kind != "verdict"),
            key=lambda one: one.last.n_rows if one.last is not None else 0,
        )
        chain = _chain(case)
        table, _ = unpack(case.observations(chain[-1].number))
        records = [_record_of(case, entry) for entry in chain]
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
        return True

    def standing(self) -> dict[str, Stored]:
        """Verdicts that stand while another claim of the trial goes on, by the digest of their plan."""
        if self._mode == "fresh":
            return {}
        plans = [plan for plan in self._trial.script.plans if self._has_verdict(plan)]
        return {plan.digest: self._read(plan) for plan in plans}

    def note(self, concluded: Sequence[Concluded], broken: str) -> None:
        """Enter a finished attempt, for each claim that has no verdict yet or was tried afresh.

        Where a claim's own evidence was an error nothing is entered: the test fails again until its code changes.

        Raises:
            HistoryError: the ledger could not be written.
        """
        number = self.number
        for one in () if any(one.error for one in concluded) else concluded:
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
                kind="verdict" if outcome != "INCONCLUSIVE" else "broken" if broken else "undecided",
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

    @property
    def _lasting(self) -> str:
        """Why the claims of this trial cannot be continued; empty where they can."""
        plans = self._trial.script.plans
        if not all(plan.sequential for plan in plans):
            return "a fixed-sample plan cannot be continued: further data after a look would spoil its error rates"
        if any(plan.settings.boundaries == "calibrated" for plan in plans):
            return "boundaries calibrated for a budget cannot be continued beyond it"
        return ""

    def _has_verdict(self, plan: Plan) -> bool:
        last = self._cases[plan.digest].last
        return last is not None and last.kind == "verdict"

    def _stands(self, plan: Plan) -> bool:
        """Whether the last attempt at a claim stands: a verdict, or undecided where nobody asked to go on, or can."""
        last = self._cases[plan.digest].last
        if last is None or last.kind == "broken":
            return False
        return last.kind == "verdict" or self._mode == "continue" or bool(self._lasting)

    def _read(self, plan: Plan) -> Stored:
        case = self._cases[plan.digest]
        entry = case.last
        assert entry is not None
        record = _record_of(case, entry)
        concluded = Concluded(plan, record, entry.proof_id, case.observations(entry.number), entry.reason)
        asked = self._mode == "resume" and entry.kind == "undecided"
        return Stored(concluded, entry, f"cannot be resumed: {self._lasting}; --ophamin-fresh" if asked else "")


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
