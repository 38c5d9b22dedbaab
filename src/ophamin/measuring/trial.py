# SPDX-License-Identifier: Apache-2.0
"""A trial: one execution of a script against one system under test.

The order is the point: the plan is stamped before the first cycle, cycles and observations go to the ledger, and
``conclude`` reads them, decides and builds the records, one for each claim, from the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ophamin.core.canonical import content_hash
from ophamin.core.environment import git_facts
from ophamin.core.records import utc_now
from ophamin.errors import ClaimError
from ophamin.measuring.evidence import Facts, build_record
from ophamin.measuring.judgement import Circumstances
from ophamin.measuring.ledger import Cycles, Ledger, Table, pack, spoken
from ophamin.measuring.plan import Plan
from ophamin.measuring.proof.record import DatasetRef, PreRegistration
from ophamin.measuring.script import Script
from ophamin.measuring.situation import Before, Concluded, Situation, SystemFacts, plain_metadata, state_of
from ophamin.measuring.stream import MAX_SHUFFLED, Stream
from ophamin.measuring.watch import Watch
from ophamin.seeing.contract import check_contract
from ophamin.seeing.substrate.arms import Arms
from ophamin.seeing.substrate.base import CycleResult, SubstrateUnderTest
from ophamin.seeing.substrate.recording import RecordingSubstrate

if TYPE_CHECKING:
    import numpy as np

    from ophamin.core.evidence import PillarEvidence
    from ophamin.measuring.floor import Floor

__all__ = ["Before", "Concluded", "Situation", "Trial", "utc_now"]


@dataclass
class Trial:
    """One execution of a script.

    Args:
        script: the claims and what feeds them.
        situation: where it runs.

    Attributes:
        system: the system under test; None where the test observes values itself.
        arms: the systems that are compared; None where there is one, or none.
        pilot: end after so many rows, to time one; None for a trial that is meant.
        looks: end when decided; False takes every unit of the budget.
        concluded: the claims' records, once there are any.
    """

    script: Script
    situation: Situation
    system: SubstrateUnderTest | None = field(default=None, init=False)
    arms: Arms | None = field(default=None, init=False)
    pilot: int | None = field(default=None, init=False)
    looks: bool = field(default=True, init=False)
    concluded: tuple[Concluded, ...] = field(default=(), init=False)
    _preregistered_at: str = field(default="", init=False)
    _system: SystemFacts | None = field(default=None, init=False)
    _contract_is_due: bool = field(default=True, init=False)
    _streamed: Stream | None = field(default=None, init=False)
    _looked: int = field(default=0, init=False)
    _before: Before | None = field(default=None, init=False)

    # -- before the body ------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Stamp the plans. Nothing of the trial ran before this."""
        self._preregistered_at = self.situation.now()
        _ = self.preregistrations, self.data

    def attach(self, system: SubstrateUnderTest) -> None:
        """Name the system under test, and put it back to its start."""
        redact = self.situation.redact
        self.system = system
        self._system = SystemFacts(system.name, system.git_commit(), plain_metadata(system.metadata(), redact))
        system.reset()
        self._system = replace(self._system, state=state_of(system))

    def name_system(self, name: str, commit: str) -> None:
        """Name a system under test of which nothing but its name is left."""
        self._system = SystemFacts(name, commit, {})

    def attach_arms(self, systems: Mapping[str, SubstrateUnderTest], *, self_comparison: bool = False) -> None:
        """Name the systems that are compared on the same records, and put each back to its start.

        Args:
            systems: name of the arm -> system.
            self_comparison: the arms may be one system, whose own noise is measured.
        """
        redact = self.situation.redact
        self.arms = Arms(systems, self._admit, self.seed, self_comparison=self_comparison)
        told = {
            f"{name}_{key}": value
            for name, system in systems.items()
            for key, value in plain_metadata(system.metadata(), redact).items()
        }
        names = ", ".join(f"{name}={system.name}" for name, system in systems.items())
        commits = ", ".join(f"{name}={system.git_commit() or 'unversioned'}" for name, system in systems.items())
        self._system = SystemFacts(names, commits, told)
        self.arms.reset()

    def number(self, attempt: int, command: str) -> None:
        """Make this attempt the one of that number, with seeds of its own; before the body runs."""
        self.situation = replace(self.situation, attempt=attempt, command=command)
        handed_out = self.__dict__.get("rng")
        self.__dict__.pop("seed", None)
        if handed_out is not None:  # a fixture holds the generator already
            import numpy as np

            handed_out.bit_generator.state = np.random.default_rng(self.seed).bit_generator.state
        if self.arms is not None:
            self.arms.reseed(self.seed)
        self._place_stream()

    def resume(self, before: Before) -> None:
        """Go on from an earlier attempt: its observations count, and what it used is not used again."""
        self._before = before
        self.__dict__.pop("watches", None)
        self.ledger.restore(before.rows)
        self._place_stream()

    def _place_stream(self) -> None:
        if self._streamed is not None:
            self._streamed.place(seed=self.order_seed, limit=self._limit(), skip=self._skip)

    @property
    def _skip(self) -> int:
        return self._before.used if self._before else 0

    @property
    def system_label(self) -> str:
        """The system under test with its revision; empty where there is none."""
        return "" if self._system is None else f"{self._system.name}@{self._system.commit}"

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
        keys = [key for plan in self.script.plans for key in plan.keys]
        pillars = [*self.script.pillars, *self.script.conditions]
        read = [key for pillar in pillars for key in getattr(pillar, "columns", ())]
        keep = self.script.score is not None or any(getattr(pillar, "keep_raw", False) for pillar in pillars)
        return Ledger(dict.fromkeys([*keys, *read]), keep_raw=keep, redact=self.situation.redact)

    @property
    def cycles(self) -> Sequence[CycleResult]:
        """The rows so far as cycles, for pillars to read."""
        return Cycles(self.ledger.table())

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
                self.script.corpus,
                self.script.settings,
                seed=self.order_seed,
                decided=self._between,
                clock=self.situation.clock,
            )
            self._place_stream()
            reads = self.script.score or self.script.pillars or self.script.conditions
            self._streamed.kept = [] if reads else None
        return self._streamed

    @property
    def decided(self) -> bool:
        """Whether every claim of the scenario is decided, or at its budget; a fixed-sample plan cannot know.

        Raises:
            ClaimError: always, for a fixed-sample plan: looking early would spoil its error rates.
        """
        fixed = [plan for plan in self.script.plans if not plan.sequential]
        if fixed:
            raise ClaimError(
                f"'{fixed[0].statistic}' of {self.script.metadata.name} has a fixed-sample plan "
                f"({fixed[0].rule.name}): its verdict is known only at the end, since each earlier look would add to "
                "its error rate. Declare mde=, or budget=, to have it decided as soon as it can be"
            )
        return self._between()

    @cached_property
    def watches(self) -> tuple[Watch, ...]:
        """The walks of the sequential plans, as of the last look."""
        return tuple(Watch(plan.widened(self.rounds)) for plan in self.script.plans if plan.sequential)

    @property
    def rounds(self) -> int:
        """How many times the budget may be used: once, and once more for each continuation."""
        return 1 if self._before is None else self._before.rounds

    def _between(self) -> bool:
        """Take a look, say how far it is, and tell whether nothing is left to decide."""
        if self.pilot is not None:
            return len(self.ledger) >= self.pilot
        if self.watches:
            rows = self.ledger.rows_from(self._looked)
            self._looked += rows.n_rows
            for watch in self.watches:
                watch.look(rows)
        self.situation.progress(self)
        if len(self.watches) < len(self.script.plans):
            return False
        return all(watch.done if self.looks else watch.full for watch in self.watches)

    def _limit(self) -> int | None:
        """Most records that the stream gives: the largest budget, where a record is a unit."""
        caps = [plan.widened(self.rounds).cap for plan in self.script.plans]
        if self.script.settings.unit is not None or any(cap is None for cap in caps):
            return None
        corpus, looks = self.script.corpus, all(plan.sequential for plan in self.script.plans)
        if looks and corpus is not None and corpus.count() <= MAX_SHUFFLED:
            return None  # a record may give no unit, and the stream ends by itself once the budget is used up
        return max(cap for cap in caps if cap is not None)

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

    @property
    def order_seed(self) -> int:
        """Seed of the stream's order: of this attempt, or of the one it goes on from."""
        return self.seed if self._before is None else self._before.order_seed

    @cached_property
    def rng(self) -> np.random.Generator:
        """A generator seeded for this attempt, so that the command of the record draws the same again."""
        import numpy as np

        return np.random.default_rng(self.seed)

    # -- after the body -------------------------------------------------------------------------------------------

    def conclude(self, broken: str = "", evidence: Sequence[PillarEvidence] = ()) -> tuple[Concluded, ...]:
        """Read the ledger, decide each claim and build its record.

        Args:
            broken: why the body did not reach its end; every claim is then INCONCLUSIVE.
            evidence: further rows for the record; they inform and decide nothing.

        Raises:
            ClaimError: the trial was concluded before.
        """
        if self.concluded:
            raise ClaimError("a trial is concluded once")
        table = self.ledger.table()
        observations, digest = pack(table)
        facts = self._facts(digest, table)
        rows = (self.ledger.kept, self._kept_records(), self.situation.redact, evidence)
        results = []
        for plan, preregistration in zip(self.script.plans, self.preregistrations, strict=True):
            floor = self.situation.floor_of(plan)
            here = replace(self._circumstances(broken), foreign=_foreign(plan, floor))
            level = self.situation.level_of(plan)
            told = replace(facts, noise_floor=None if floor is None else floor.floor, registration=level)
            record, reason, error = build_record(self.script, plan, preregistration, table, here, told, *rows)
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

    def _facts(self, observations_digest: str, table: Table) -> Facts:
        project, redact, stream = git_facts(self.situation.root), self.situation.redact, self._streamed
        system = self._system or SystemFacts(self.script.metadata.name, project.commit, {})
        return Facts(
            created_at=self.situation.now(),
            command=redact(self.situation.command),
            system_name=spoken(system.name, redact),
            system_commit=spoken(system.commit, redact) or "unversioned",
            system_metadata=system.metadata,
            state_before=system.state,
            state_after="" if self.system is None else state_of(self.system),
            project=project,
            observations_digest=observations_digest,
            corpus=self.data,
            used=0 if stream is None else stream.used,
            used_digest="" if stream is None or not stream.used else stream.used_digest(),
            seed=str(self.seed),
            order_seed=str(self.order_seed),
            attempt=self.situation.attempt,
            lineage=self._before.lineage if self._before else (),
            distinct_inputs=len({one for one in table.stimuli if one}) or None,
            lock=self.situation.lock,
            substrate=redact(self.situation.substrate),
        )

    def _circumstances(self, broken: str) -> Circumstances:
        stream = self._streamed
        return Circumstances(
            broken=broken,
            parallel=self.situation.parallel,
            exhausted=stream.skip + stream.used if stream is not None and stream.ended else None,
            timed_out=stream is not None and stream.timed_out,
            corpus_count=None if self.data is None else self.data.n_records,
            used=0 if stream is None else stream.used,
            rounds=self.rounds,
        )

    def _kept_records(self) -> list[Any]:
        return [] if self._streamed is None or self._streamed.kept is None else self._streamed.kept

    def _admit(self, stimulus: Any, params: Mapping[str, Any] | None, result: CycleResult, seconds: float) -> None:
        self.ledger.admit(stimulus, params, result, seconds)
        if self._contract_is_due and not result.failed_to_measure:
            self._contract_is_due = False  # the first cycle that ran tells what the others look like
            if self.script.contract is not None:
                check_contract(self.script.contract, result.raw)


def _foreign(plan: Plan, floor: Floor | None) -> tuple[str, ...]:
    """How this machine differs from that of the floor, where it matters to the claim."""
    if floor is None or not plan.is_machine_dependent:
        return ()
    from ophamin.core.machine import machine_fingerprint
    from ophamin.measuring.floor import foreign

    return foreign(floor, machine_fingerprint())
