# SPDX-License-Identifier: Apache-2.0
"""A trial: one execution of a script against one system under test.

The order is the point: the plan is stamped before the first cycle, cycles and observations go to the ledger, and
``conclude`` reads them, decides and builds the records, one for each claim, from the same rows.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ophamin.core.canonical import content_hash
from ophamin.core.environment import git_facts
from ophamin.core.records import utc_now
from ophamin.errors import ClaimError
from ophamin.measuring.evidence import Facts, build_record
from ophamin.measuring.judgement import Circumstances
from ophamin.measuring.ledger import Ledger, pack, spoken
from ophamin.measuring.plan import Plan, Script
from ophamin.measuring.proof.record import DatasetRef, EmpiricalProofRecord, PreRegistration
from ophamin.measuring.stream import Stream
from ophamin.seeing.contract import check_contract
from ophamin.seeing.substrate.base import CycleResult, SubstrateUnderTest
from ophamin.seeing.substrate.recording import RecordingSubstrate

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Concluded", "Situation", "Trial", "abandoned", "utc_now"]


@dataclass(frozen=True, slots=True)
class Situation:
    """Where and how a trial runs; all of it comes from a door (plugin, conduct), none from the process.

    Attributes:
        command: gives the verdict again when pasted at the same commit.
        root: the project's folder, whose commit is named where there is no system under test.
        seed: the session's seed.
        attempt: how often this item was tried in the session, from 1.
        parallel: other tests run at the same time.
        redact: removes from a text what must not enter a record.
        now: the time, as text.
        clock: seconds that never run back.
    """

    command: str
    root: Path
    seed: int = 0
    attempt: int = 1
    parallel: bool = False
    redact: Callable[[str], str] = str
    now: Callable[[], str] = utc_now
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Concluded:
    """One claim, concluded.

    Attributes:
        plan: the claim.
        record: its record, unsigned.
        proof_id: the record's id, computed once for all who name the record.
        observations: the observations file, gzipped.
        reason: why it is INCONCLUSIVE; empty where it is not.
        error: what was wrong with the claim's own evidence or score, to be raised once all records are written.
    """

    plan: Plan
    record: EmpiricalProofRecord
    proof_id: str
    observations: bytes
    reason: str = ""
    error: Exception | None = None


@dataclass
class Trial:
    """One execution of a script.

    Args:
        script: the claims and what feeds them.
        situation: where it runs.

    Attributes:
        system: the system under test; None where the test observes values itself.
        concluded: the claims' records, once there are any.
    """

    script: Script
    situation: Situation
    system: SubstrateUnderTest | None = field(default=None, init=False)
    concluded: tuple[Concluded, ...] = field(default=(), init=False)
    _preregistered_at: str = field(default="", init=False)
    _system: _SystemFacts | None = field(default=None, init=False)
    _contract_is_due: bool = field(default=True, init=False)
    _streamed: Stream | None = field(default=None, init=False)

    # -- before the body ------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Stamp the plans. Nothing of the trial ran before this."""
        self._preregistered_at = self.situation.now()
        _ = self.preregistrations, self.data

    def attach(self, system: SubstrateUnderTest) -> None:
        """Name the system under test, and put it back to its start."""
        redact = self.situation.redact
        self.system = system
        self._system = _SystemFacts(system.name, system.git_commit(), _plain_metadata(system.metadata(), redact))
        system.reset()
        self._system = replace(self._system, state=_state_of(system))

    @cached_property
    def data(self) -> DatasetRef | None:
        """The corpus as it is when the trial is opened; None where there is none, or it holds nothing."""
        corpus = self.script.corpus
        if corpus is None or not (count := corpus.count()):
            return None
        redact = self.situation.redact
        return DatasetRef(redact(corpus.name), corpus.content_hash(), count, redact(corpus.source), corpus.kind)

    @cached_property
    def preregistrations(self) -> tuple[PreRegistration, ...]:
        """What was fixed, one for each claim, and when."""
        corpus = self.script.corpus
        data_hash = content_hash({"corpus": None}) if corpus is None else corpus.content_hash()
        return tuple(
            PreRegistration(
                config_hash=plan.digest,
                data_hash=data_hash,
                analysis_plan=plan.analysis_plan(),
                sweep_grid=dict(plan.parameters),
                preregistered_at=self._preregistered_at,
            )
            for plan in self.script.plans
        )

    # -- during the body ------------------------------------------------------------------------------------------

    @cached_property
    def ledger(self) -> Ledger:
        """The rows of this trial."""
        metrics = [plan.metric for plan in self.script.plans]
        unit = self.script.settings.unit
        keep = self.script.score is not None
        return Ledger([*metrics, *([unit] if unit else [])], keep_raw=keep, redact=self.situation.redact)

    @cached_property
    def substrate(self) -> RecordingSubstrate:
        """The system under test; what goes through it is recorded.

        Raises:
            ClaimError: the scenario declares none.
        """
        if self.system is None:
            raise ClaimError(
                f"{self.script.metadata.name} has no system under test; declare substrate=, or pass --substrate NAME"
            )
        return RecordingSubstrate(self.system, self._admit)

    @property
    def stream(self) -> Stream:
        """The records of the corpus, in the declared order.

        Raises:
            ClaimError: the scenario declares no corpus.
        """
        if self._streamed is None:
            if self.script.corpus is None:
                raise ClaimError(
                    f"{self.script.metadata.name} asks for a stream and declares no corpus; "
                    "write corpus='sentences', corpus='jsonl:data/prompts.jsonl', or give a Corpus"
                )
            self._streamed = Stream(
                self.script.corpus, self.script.settings, seed=self.seed, clock=self.situation.clock
            )
            self._streamed.kept = [] if self.script.score or self.script.pillars else None
        return self._streamed

    @property
    def decided(self) -> bool:
        """Whether the verdict is decided already; a fixed-sample plan cannot know before its end.

        Raises:
            ClaimError: always, for a fixed-sample plan: looking early would spoil its error rates.
        """
        raise ClaimError(
            f"{self.script.metadata.name} is a fixed-sample plan ({self.script.plans[0].rule.name}): its verdict is "
            "known only at the end, since each earlier look would add to its error rate; loop over a declared budget="
        )

    def observe(self, **values: Any) -> None:
        """Record one observation: finite numbers, truth values, texts, or ``estimate(value, low, high)``.

        Raises:
            ObservationError: any other value, named.
            ClaimError: the trial is concluded already, or nothing was given.
        """
        if self.concluded:
            raise ClaimError("the trial is concluded; an observation after it could not count")
        if not values:
            raise ClaimError("observe() takes at least one named value, such as observe(blocked=True)")
        stream = self._streamed
        self.ledger.observe(values, None if stream is None or stream.current is None else stream.current.text)

    @cached_property
    def seed(self) -> int:
        """Seed of this attempt: from the claim's digest, the session's seed and the number of the attempt."""
        text = f"{self.script.digest}:{self.situation.seed}:{self.situation.attempt}"
        return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:6], "big")

    @cached_property
    def rng(self) -> np.random.Generator:
        """A generator seeded for this attempt, so that the command of the record draws the same again."""
        import numpy as np

        return np.random.default_rng(self.seed)

    # -- after the body -------------------------------------------------------------------------------------------

    def conclude(self, broken: str = "") -> tuple[Concluded, ...]:
        """Read the ledger, decide each claim and build its record.

        Args:
            broken: why the body did not reach its end; every claim is then INCONCLUSIVE.

        Raises:
            ClaimError: the trial was concluded before.
        """
        if self.concluded:
            raise ClaimError("a trial is concluded once")
        table = self.ledger.table()
        observations, digest = pack(table)
        facts = self._facts(digest)
        around = self._circumstances(broken)
        rows = (table, around, facts, self.ledger.kept, self._kept_records(), self.situation.redact)
        results = []
        for plan, preregistration in zip(self.script.plans, self.preregistrations, strict=True):
            record, reason, error = build_record(self.script, plan, preregistration, *rows)
            results.append(Concluded(plan, record, record.proof_id, observations, reason, error))
        self.concluded = tuple(results)
        return self.concluded

    def draft(self) -> dict[str, Any]:
        """What another process needs to conclude this trial, should this one die; plain JSON values."""
        return {
            "configs": [dict(plan.config) for plan in self.script.plans],
            "preregistrations": [one.to_dict() for one in self.preregistrations],
            "system": None if self._system is None else [self._system.name, self._system.commit],
            "command": self.situation.command,
            "attempt": self.situation.attempt,
            "seed": self.situation.seed,
        }

    def _facts(self, observations_digest: str) -> Facts:
        project = git_facts(self.situation.root)
        redact, stream = self.situation.redact, self._streamed
        system = self._system or _SystemFacts(self.script.metadata.name, project.commit, {})
        return Facts(
            created_at=self.situation.now(),
            command=redact(self.situation.command),
            system_name=spoken(system.name, redact),
            system_commit=spoken(system.commit, redact) or "unversioned",
            system_metadata=system.metadata,
            state_before=system.state,
            state_after="" if self.system is None else _state_of(self.system),
            project=project,
            observations_digest=observations_digest,
            corpus=self.data,
            used=0 if stream is None else stream.used,
            used_digest="" if stream is None or not stream.used else stream.used_digest(),
            seed=str(self.seed),
            attempt=self.situation.attempt,
        )

    def _circumstances(self, broken: str) -> Circumstances:
        stream = self._streamed
        return Circumstances(
            broken=broken,
            parallel=self.situation.parallel,
            exhausted=stream.used if stream is not None and stream.ended else None,
            timed_out=stream is not None and stream.timed_out,
            corpus_count=None if self.data is None else self.data.n_records,
            used=0 if stream is None else stream.used,
        )

    def _kept_records(self) -> list[Any]:
        return [] if self._streamed is None or self._streamed.kept is None else self._streamed.kept

    def _admit(self, stimulus: Any, params: Mapping[str, Any] | None, result: CycleResult, seconds: float) -> None:
        self.ledger.admit(stimulus, params, result, seconds)
        if self._contract_is_due and not result.failed_to_measure:
            self._contract_is_due = False  # the first cycle that ran tells what the others look like
            if self.script.contract is not None:
                check_contract(self.script.contract, result.raw)


def abandoned(draft: Mapping[str, Any], situation: Situation, broken: str) -> tuple[Concluded, ...]:
    """Conclude a trial whose process died: every claim is INCONCLUSIVE, with nothing observed.

    Args:
        draft: what `Trial.draft` gave after the set-up.
        situation: of the process that concludes.
        broken: what happened.
    """
    script = Script(tuple(Plan.from_config(config) for config in draft["configs"]))
    trial = Trial(script, replace(situation, seed=draft["seed"], attempt=draft["attempt"]))
    trial.preregistrations = tuple(PreRegistration(**one) for one in draft["preregistrations"])
    if draft["system"] is not None:
        name, commit = draft["system"]
        trial._system = _SystemFacts(name, commit, {})  # all that is left of it
    return trial.conclude(broken)


@dataclass(frozen=True, slots=True)
class _SystemFacts:
    """What a record says of the system under test; asked before the first cycle, while it is sure to answer."""

    name: str
    commit: str
    metadata: Mapping[str, str]
    state: str = ""


def _state_of(system: SubstrateUnderTest) -> str:
    """Digest of the system's state; empty where it shows none, none with a canonical form, or cannot answer."""
    try:
        state = system.capture_state()
        return content_hash(state) if state else ""
    except Exception:  # noqa: BLE001 - a system that broke in the trial must not take its record with it
        return ""


def _plain_metadata(metadata: Mapping[str, Any], redact: Callable[[str], str]) -> dict[str, str]:
    """What a system says of itself, as text that may enter a record."""
    return {
        str(key): spoken(str(value), redact) for key, value in metadata.items() if key not in {"name", "git_commit"}
    }
