# SPDX-License-Identifier: Apache-2.0
"""The gate's question about claims: has each locked claim exactly one decided record that counts, and what does it say.

What counts is a record that passed every step of its verification against the lock at the base, and came to the same
verdict again. Everything else is as if it were not there, and is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from ophamin.measuring.lock_claims import Lock, LockedClaim
from ophamin.trust.gate_decision import DECIDED_NEGATIVE, PASS, UNDECIDED, UNTRUSTED, Checked, GateRow
from ophamin.trust.policy import TrustPolicy
from ophamin.trust.redecide import Redecided
from ophamin.trust.verification import Code, Verification

__all__ = ["check_claims", "exit_of"]

DECIDED: Final = frozenset({"VALIDATED", "REFUTED", "INCONCLUSIVE"})


def check_claims(lock: Lock, answers: Iterable[Verification], policy: TrustPolicy) -> Checked:
    """One row for each locked claim and system under test.

    Several records of one claim are its attempts, each with another number and none above ``policy.max_attempts``. A
    REFUTED one stands, whatever came later; otherwise the last one counts.

    Args:
        lock: at the base.
        answers: about all records, each verified against that lock.
        policy: as it holds for this event.

    Example:
        >>> check_claims(Lock(), [], TrustPolicy()).properties
        ('OPHAMIN_CLAIMS_COMPLETE', 'OPHAMIN_REDECIDED', 'OPHAMIN_NO_REFUTED', 'OPHAMIN_NO_UNDECIDED')
    """
    by_claim: dict[str, list[Verification]] = defaultdict(list)
    for one in answers:
        by_claim[one.claim_id].append(one)
    rows = tuple(
        _row(claim, system, by_claim[claim.id], policy) for claim in lock.claims for system in sorted(claim.systems)
    )
    return Checked("claims", rows, tuple(_shown({row.state for row in rows})))


def exit_of(code: Code) -> int:
    """How a gate ends on a record with that code; one that is not registered is told, and counts as absent.

    >>> exit_of(Code.CONTRADICTION), exit_of(Code.INCOMPLETE), exit_of(Code.UNREGISTERED)
    (4, 3, 0)
    """
    return {Code.OK: PASS, Code.UNREGISTERED: PASS, Code.INCOMPLETE: UNDECIDED}.get(code, UNTRUSTED)


def _shown(states: set[str]) -> Iterator[str]:
    if states <= DECIDED:
        yield "OPHAMIN_CLAIMS_COMPLETE"
        yield "OPHAMIN_REDECIDED"
        if "REFUTED" not in states:
            yield "OPHAMIN_NO_REFUTED"
        if "INCONCLUSIVE" not in states:
            yield "OPHAMIN_NO_UNDECIDED"


def _row(claim: LockedClaim, system: str, mine: Sequence[Verification], policy: TrustPolicy) -> GateRow:
    name = f"{claim.id} on {system}" if system else claim.id
    facts: dict[str, Any] = {"claim": claim.id, "system": system or None, "label": claim.label}
    counted = [one for one in mine if one.code is Code.OK and one.system == system]
    if not counted:
        return _absent(name, facts, [one for one in mine if one.code is not Code.OK], policy)
    if problem := _problem(counted, policy):
        return GateRow(problem[0], name, problem[1], UNDECIDED, facts)
    last = max(counted, key=lambda one: one.attempt or 0)
    one = next((one for one in counted if one.outcome == "REFUTED"), last)
    facts |= {"record": one.path, "proof_id": one.proof_id, "level": one.level, "attempt": one.attempt}
    exits = {"VALIDATED": PASS, "REFUTED": DECIDED_NEGATIVE}
    exit_code = exits.get(one.outcome, UNDECIDED if policy.inconclusive == "fail" else PASS)
    return GateRow(one.outcome, name, _words(one, exit_code), exit_code, facts)


def _words(one: Verification, exit_code: int) -> str:
    assert one.redecision is not None
    taken = "; the policy lets it pass" if one.outcome == "INCONCLUSIVE" and exit_code == PASS else ""
    return f"{one.redecision.words} ({one.level}){taken}"


def _absent(name: str, facts: dict[str, Any], others: Sequence[Verification], policy: TrustPolicy) -> GateRow:
    """The row of a claim without a record that counts; it says what became of a record that is there."""
    worst = max(others, key=lambda one: exit_of(one.code), default=None)
    if worst is not None and exit_of(worst.code) == UNTRUSTED:
        return GateRow(worst.code.value, name, worst.words, UNTRUSTED, facts)
    told = "no record of it is here" if worst is None else f"its record does not count: {worst.words}"
    exit_code = UNDECIDED if policy.require_complete else PASS
    return GateRow("MISSING", name, told if exit_code else f"{told}; the policy lets it pass", exit_code, facts)


def _problem(counted: Sequence[Verification], policy: TrustPolicy) -> tuple[str, str] | None:
    """Why records that are sound one by one still decide nothing: a state and words; None where they do."""
    for one in counted:
        if one.redecision is None or one.redecision.result is not Redecided.SAME:
            reason = "" if one.redecision is None else f": {one.redecision.words}"
            return "NOT_REDECIDED", f"its verdict cannot be computed from its observations{reason}"
    numbers = [one.attempt or 0 for one in counted]
    if min(numbers) < 1:
        return "ATTEMPTS", "its record does not say which attempt it is; run it with a version that does"
    if (most := max(numbers)) > policy.max_attempts:
        return "ATTEMPTS", f"attempt {most} at this commit; the policy takes {policy.max_attempts}, the first ones"
    if len(set(numbers)) < len(numbers):
        return "DUPLICATE", f"{len(numbers)} different records, and not each of another attempt; give those of one run"
    return None
