# SPDX-License-Identifier: Apache-2.0
"""Step 8 of a verification: which locked claim a record is of, and whether it was tried as it was locked.

A record that is of no locked claim, or of one that was tried otherwise, is exploratory: it is shown, and counts for
nothing. The lock is the caller's; where it comes from decides what it is worth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ophamin.errors import ClaimError
from ophamin.measuring.lock_claims import Lock, LockedClaim, changes_between
from ophamin.measuring.lock_text import LockError
from ophamin.measuring.proof.provenance import SCENARIO_ENTITY
from ophamin.measuring.proof.record import EmpiricalProofRecord
from ophamin.measuring.registration import level_of
from ophamin.trust.redecide import recorded_plan
from ophamin.trust.verification import Code
from ophamin.trust.verify_signatures import Refusal

__all__ = ["Registered", "attempt_of", "check_registered", "claimed_id", "told"]


_SEED: Final = re.compile(r"(?:^|\s)--ophamin-seed=([0-9]{1,15})(?:\.[0-9]{1,5})?(?:\s|$)")
"""As the plugin writes it into the command of a record."""


@dataclass(frozen=True, slots=True)
class Registered:
    """Which locked claim a record is of.

    Attributes:
        claim_id: its id in the lock.
        system: the system under test, by its name in the lock; empty for none.
    """

    claim_id: str
    system: str


def check_registered(record: EmpiricalProofRecord, lock: Lock, *, seed: int | None = None) -> Registered:
    """Find the claim of a record in the lock, and compare the plan that the record followed with what is locked.

    Args:
        record: what was measured.
        lock: what was agreed on.
        seed: of the session; None takes any. With a free choice among seeds almost every claim can be validated.

    Raises:
        Refusal: UNREGISTERED: not locked, withdrawn, goalposts moved, another test body, another system, another seed.

    Example:
        >>> from ophamin import conduct, rate, scenario
        >>> @scenario("heads are not rare", rate("heads") >= 0.2)
        ... def test_coin(trial):
        ...     '''Is the coin usable?'''
        ...     for number in range(50):
        ...         trial.observe(heads=number % 7 != 0)
        >>> try:
        ...     check_registered(conduct(test_coin), Lock())
        ... except Refusal as refusal:
        ...     refusal.code.value
        'UNREGISTERED'
    """
    claim = _claim_of(record)
    if claim.id in lock.retired:
        _unregistered(f"exploratory: the claim was withdrawn: {lock.retired[claim.id].reason}")
    locked = lock.get(claim.id)
    if locked is None:
        _unregistered("exploratory: the claim is not in the lock; register it before it is tried")
    if not locked.terms["corpus_digest"]:  # none, or a living corpus, which is locked by its selection rule
        claim = LockedClaim({**claim.terms, "corpus_digest": None}, (), claim.source_digest, claim.plan_digest)
    if changes := changes_between(locked, claim):
        shown = ", ".join(f"{one.field} {one.old!r} -> {one.new!r}" for one in changes)[:300]
        _unregistered(f"goalposts moved: {claim.id} is locked otherwise: {shown}")
    system = _system_of(record, locked)
    if level_of(claim, lock, lock, substrate=system) != "base":
        _unregistered(f"body changed: the test of {claim.id} is another than the locked one; merge its lock first")
    used = _SEED.search(record.reproduction.command)
    if seed is not None and used is not None and int(used[1]) != seed:
        _unregistered(f"tried with the seed {used[1]}, and {seed} is agreed on; measure with that one")
    return Registered(claim.id, system)


def claimed_id(record: EmpiricalProofRecord, lock: Lock) -> str:
    """The locked claim that a record says it is of, whatever else is wrong with it; empty where it is of none."""
    try:
        found = lock.get(_claim_of(record).id)
    except Refusal:
        return ""
    return "" if found is None else found.id


def told(record: EmpiricalProofRecord, name: str) -> Any:
    """What the record says of its trial in the provenance; None where it says nothing."""
    entities = record.provenance.get("entity")
    found = entities.get(SCENARIO_ENTITY) if isinstance(entities, dict) else None
    value = found.get(f"ophamin:{name}") if isinstance(found, dict) else None
    return value.get("$") if isinstance(value, dict) else value


def attempt_of(record: EmpiricalProofRecord) -> int | None:
    """Number of the attempt that a record states; None where it states none."""
    number = told(record, "attempt")
    return number if type(number) is int else None


def _claim_of(record: EmpiricalProofRecord) -> LockedClaim:
    try:
        plan = recorded_plan(record)
        if plan is not None:
            return LockedClaim.of_plan(plan, corpus_digest=record.preregistration.data_hash)
    except (ClaimError, LockError) as error:
        raise Refusal(Code.UNREGISTERED, f"exploratory: {error}") from error
    raise Refusal(Code.UNREGISTERED, "exploratory: the record holds no plan, so it is of no locked claim")


def _system_of(record: EmpiricalProofRecord, locked: LockedClaim) -> str:
    """The system under test by its name in the lock: as the record states it, else by the system's own name."""
    if locked.systems == {""}:
        return ""
    stated, own = told(record, "substrate"), record.substrate_name
    if isinstance(stated, str):
        fitting = [name for name in locked.systems if name == stated]
    else:  # a record of an earlier version knows the system's own name alone
        fitting = [name for name in locked.systems if own in {name, name.partition(":")[0]}]
    if len(fitting) != 1:
        names, tried = ", ".join(sorted(locked.systems)), stated if isinstance(stated, str) else own
        _unregistered(f"exploratory: tried on {tried!r}, and {locked.id} is locked for {names}; try it on those")
    return fitting[0]


def _unregistered(words: str) -> NoReturn:
    raise Refusal(Code.UNREGISTERED, words)
