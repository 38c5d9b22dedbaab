# SPDX-License-Identifier: Apache-2.0
"""Verdicts read together: which of a family stand, and what a gate over all of them may promise.

It changes no record and no verdict. Which claims make a family is fixed before the run; a claim that was dropped
after it had seen data stays in the count.

Source for the gate: Berger, Technometrics 24 (1982), the intersection-union test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ophamin.comparing.multiplicity import benjamini_hochberg, e_bh, holm, require_level, require_within
from ophamin.errors import ClaimError, nearest_name
from ophamin.measuring.inference.values import shown

__all__ = ["PROCEDURES", "AllNeeded", "Family", "FamilyReport", "Member", "MemberReport", "intersection_union"]

PROCEDURES: Final = ("holm", "bh", "e-bh")
"""The corrections of a family by name; ``holm`` where nothing speaks for another."""

_VERDICTS: Final = {"VALIDATED": "alpha", "REFUTED": "beta"}
_OUTCOMES: Final = (*_VERDICTS, "INCONCLUSIVE")
_PROMISES: Final = {
    "holm": "Holm over {m} claims: the chance of any false {outcome} is at most {level:g}, however they depend",
    "bh": "Benjamini-Hochberg over {m} claims: on average a share of at most {level:g} of the {outcome} is false, "
    "where they are independent or positively dependent",
    "e-bh": "e-BH over {m} claims: on average a share of at most {level:g} of the {outcome} is false, "
    "however they depend",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One claim of a family and what came of it.

    Attributes:
        name: the claim's name, its own within the family.
        outcome: ``VALIDATED``, ``REFUTED`` or ``INCONCLUSIVE``; the last also where the claim was dropped after data.
        p_holds: p-value against "the claim does not hold"; for a sequential method the anytime p-value. None where
            nothing was tested.
        p_fails: p-value against "the claim holds", likewise.
        log_e_holds: natural logarithm of the e-value against "the claim does not hold" at the moment when the claim's
            walk ended, never of its largest value. None where there is none.
        log_e_fails: the same against "the claim holds".
        single_look: the method looked once, at a sample whose size was fixed.
        alpha: the rate at which the claim alone is VALIDATED although it does not hold.
        beta: the rate at which it alone is REFUTED although it holds.
        certain: the method compares exact values (a deterministic observation, a census) and cannot err by chance;
            the claim is then outside the count. A matter of the method, never of the data.

    Raises:
        ClaimError: a field lies outside its range.

    Example:
        >>> Member("few are blocked", "VALIDATED", p_holds=0.003, single_look=True).alpha
        0.05
    """

    name: str
    outcome: str
    p_holds: float | None = None
    p_fails: float | None = None
    log_e_holds: float | None = None
    log_e_fails: float | None = None
    single_look: bool = False
    alpha: float = 0.05
    beta: float = 0.05
    certain: bool = False

    def __post_init__(self) -> None:
        if self.outcome not in _OUTCOMES:
            raise ClaimError(f"{shown(self.outcome)} is no outcome; {nearest_name(str(self.outcome), _OUTCOMES)}")
        for names, low, high in (
            (("p_holds", "p_fails"), 0.0, 1.0),
            (("log_e_holds", "log_e_fails"), -math.inf, math.inf),
        ):
            for name in names:
                value = getattr(self, name)
                if value is not None:
                    require_within(value, name, low, high)
        for name in ("alpha", "beta"):
            require_level(name, getattr(self, name))

    def evidence(self, outcome: str, procedure: str) -> float | None:
        """What speaks for ``outcome``, as the procedure takes it; None for another outcome than the claim's own.

        So what is rejected is what is reported: evidence for a verdict that was not given, for whatever reason, may
        not lower the bar for the others.
        """
        if self.outcome != outcome:
            return None
        if procedure == "e-bh":
            return self.log_e_holds if outcome == "VALIDATED" else self.log_e_fails
        return self.p_holds if outcome == "VALIDATED" else self.p_fails


@dataclass(frozen=True, slots=True)
class MemberReport:
    """How one claim fares in its family.

    Attributes:
        name: the claim's name.
        outcome: what the claim came to alone.
        stands: whether that is a verdict, VALIDATED or REFUTED, and stands among the others too.
        adjusted: the smallest level at which it stands; None where there is no such number.
        words: the same in one line, for a report.
    """

    name: str
    outcome: str
    stands: bool
    adjusted: float | None
    words: str


@dataclass(frozen=True, slots=True)
class FamilyReport:
    """Which verdicts of a family stand.

    Attributes:
        procedure: one of `PROCEDURES`.
        alpha: the level over all VALIDATED.
        beta: the level over all REFUTED.
        count: number of claims corrected for.
        members: one report for each claim, in the order of the family.
        notes: what the levels promise and how they came about, one line each.
    """

    procedure: str
    alpha: float
    beta: float
    count: int
    members: tuple[MemberReport, ...]
    notes: tuple[str, ...]

    @property
    def validated(self) -> tuple[str, ...]:
        """Names of the VALIDATED claims that stand."""
        return tuple(row.name for row in self.members if row.stands and row.outcome == "VALIDATED")

    @property
    def refuted(self) -> tuple[str, ...]:
        """Names of the REFUTED claims that stand."""
        return tuple(row.name for row in self.members if row.stands and row.outcome == "REFUTED")


@dataclass(frozen=True, slots=True)
class Family:
    """Claims that are read together, and the correction that was declared for them.

    Attributes:
        members: all claims that were declared, the undecided and the dropped included.
        procedure: ``holm`` (chance of any false verdict), ``bh`` or ``e-bh`` (share of false ones on average).

    Raises:
        ClaimError: no member, a name that stands twice, an unknown procedure, or ``bh`` with a sequential member.

    Example:
        >>> family = Family((Member("a", "VALIDATED", p_holds=0.001), Member("b", "VALIDATED", p_holds=0.04),
        ...     Member("c", "INCONCLUSIVE", p_holds=0.3)))
        >>> report = family.report()
        >>> report.validated
        ('a',)
        >>> report.members[1].words
        'VALIDATED alone, not in its family: adjusted 0.08 > 0.05; planned with alpha=0.05/3 it would stand'
    """

    members: tuple[Member, ...]
    procedure: str = "holm"

    def __post_init__(self) -> None:
        if self.procedure not in PROCEDURES:
            raise ClaimError(
                f"{shown(self.procedure)} is no correction; {nearest_name(str(self.procedure), PROCEDURES)}"
            )
        if not self.members:
            raise ClaimError("the family has no claims; give it at least 1")
        seen: set[str] = set()
        for name in (member.name for member in self.members):
            if name in seen:
                raise ClaimError(f"the claim {shown(name)} stands twice in its family; give each claim once")
            seen.add(name)
        walked = [member.name for member in self.members if not (member.single_look or member.certain)]
        if self.procedure == "bh" and walked:
            raise ClaimError(
                f"the correction is bh, but {len(walked)} of {len(self.members)} claims are looked at more than once, "
                f"{shown(walked[0])} first; where the moment can be chosen, bh does not hold its level. "
                "Use holm, or e-bh for methods that have e-values"
            )

    def report(self) -> FamilyReport:
        """Correct every VALIDATED at the family's alpha and every REFUTED at its beta.

        Where members were declared at different levels, the smallest is used. A claim alone in its family keeps its
        verdict as it is, and so does a certain one.
        """
        counted = [member for member in self.members if not member.certain]
        m = len(counted)
        levels: dict[str, float] = {}
        adjusted: dict[str, float] = {}
        for outcome, name in _VERDICTS.items():
            levels[outcome] = min(getattr(member, name) for member in counted or self.members)
            adjusted |= self._adjusted(counted, outcome, levels[outcome])
        rows = tuple(
            _row(member, adjusted.get(member.name), levels.get(member.outcome, math.nan), m) for member in self.members
        )
        notes = tuple(self._notes(counted, levels))
        return FamilyReport(self.procedure, levels["VALIDATED"], levels["REFUTED"], m, rows, notes)

    def _adjusted(self, counted: Sequence[Member], outcome: str, level: float) -> dict[str, float]:
        """The adjusted values of the claims with this outcome, where they have one."""
        evidence = [member.evidence(outcome, self.procedure) for member in counted]
        if self.procedure == "e-bh":
            values = e_bh(evidence, level, logs=True).adjusted
        else:
            values = (holm if self.procedure == "holm" else benjamini_hochberg)(evidence, level).adjusted
        return {member.name: value for member, value in zip(counted, values, strict=True) if value is not None}

    def _notes(self, counted: Sequence[Member], levels: dict[str, float]) -> list[str]:
        notes = []
        for outcome, name in _VERDICTS.items():
            smallest = levels[outcome]
            if len(counted) > 1:
                notes.append(_PROMISES[self.procedure].format(m=len(counted), outcome=outcome, level=smallest))
            largest = max(getattr(member, name) for member in counted or self.members)
            if largest > smallest:
                notes.append(f"the claims declare {name} from {smallest:g} to {largest:g}; the smallest is used")
        if len(counted) < len(self.members):
            exact = len(self.members) - len(counted)
            notes.append(f"outside the count: {exact} of {len(self.members)} claims, which compare exact values")
        return notes


@dataclass(frozen=True, slots=True)
class AllNeeded:
    """What a gate says that opens only where every claim is VALIDATED.

    Attributes:
        passed: whether every claim is VALIDATED.
        level: highest chance that it opens although some claim does not hold: the largest alpha, uncorrected.
        words: the same in one line.
    """

    passed: bool
    level: float
    words: str


def intersection_union(members: Sequence[Member]) -> AllNeeded:
    """Judge a gate that needs all claims VALIDATED; it needs no correction for that (intersection-union test).

    It opens wrongly only where a claim that does not hold is VALIDATED, together with all others, and that is no
    likelier than this one error. Blocking on any REFUTED is another matter: see
    `ophamin.comparing.multiplicity.chance_of_false_red`.

    Raises:
        ClaimError: there is no claim; such a gate would open whatever is true.

    Example:
        >>> gate = intersection_union([Member("a", "VALIDATED", alpha=0.01), Member("b", "VALIDATED", alpha=0.05)])
        >>> gate.passed, gate.level
        (True, 0.05)
    """
    if not members:
        raise ClaimError("the gate has no claims and would open whatever is true; give it at least 1")
    level = max((member.alpha for member in members if not member.certain), default=0.0)
    missing = [member.name for member in members if member.outcome != "VALIDATED"]
    found = f"all {len(members)} claims are VALIDATED"
    if missing:
        found = f"{len(missing)} of {len(members)} claims are not VALIDATED, {shown(missing[0])} first"
    promise = f"where all are needed no correction is: a false pass has a chance of at most {level:g}"
    return AllNeeded(not missing, level, f"{found}; {promise}")


def _row(member: Member, adjusted: float | None, level: float, count: int) -> MemberReport:
    stands, outcome = False, member.outcome
    if outcome == "INCONCLUSIVE":
        words = "INCONCLUSIVE: there is no verdict to correct"
        words += "" if member.certain else f"; it counts among the {count}"
    elif member.certain:
        stands, words = True, f"{outcome}: exact values were compared, which cannot be wrong by chance"
    elif count == 1:
        stands, words = True, f"{outcome}: there is no other claim to correct for"
    elif adjusted is None:
        words = (
            f"{outcome} alone, not in its family: its method gave no value that can be corrected; use another method"
        )
    elif adjusted <= level:
        stands, words = True, f"{outcome}, and it stands in its family: adjusted {adjusted:.6g} <= {level:g}"
    else:
        way_out = f"planned with {_VERDICTS[outcome]}={level:g}/{count} it would stand"
        words = f"{outcome} alone, not in its family: adjusted {adjusted:.6g} > {level:g}; {way_out}"
    return MemberReport(member.name, outcome, stands, None if count == 1 else adjusted, words)
