# SPDX-License-Identifier: Apache-2.0
"""What a lock is made of: claims, amendments and tombstones, as frozen values.

Nothing here opens a file or compares with what was collected; see `ophamin.measuring.lockfile` and
`ophamin.measuring.registration`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ophamin.core.canonical import content_hash
from ophamin.core.files import slug
from ophamin.core.jsontext import compact_sorted
from ophamin.core.text import visible
from ophamin.measuring.lock_fields import TERMS, is_same, packed, terms_of
from ophamin.measuring.lock_text import SCHEMA, LockError

if TYPE_CHECKING:
    from ophamin.measuring.plan import Plan

__all__ = ["Amendment", "Change", "Lock", "LockedClaim", "Tombstone", "changes_between", "merged"]

ID_DIGITS: Final = 10
SIDES: Final[Mapping[str, str]] = {">=": "at least", ">": "at least", "<=": "at most", "<": "at most", "==": "equal"}


@dataclass(frozen=True, slots=True)
class Change:
    """One term that is not what it was; None stands for what is not there."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True)
class LockedClaim:
    """A claim as it stands in the lock, or as it would.

    Attributes:
        terms: everything that decides, by the keys of `ophamin.measuring.lock_fields.TERMS`; ``corpus_digest`` is
            None where nobody looked at the corpus.
        substrates: names of the systems under test, sorted; empty for a test that needs none.
        source_digest: digest of the test's source; empty where it could not be read.
        plan_digest: digest of the whole plan, which a record carries.
    """

    terms: Mapping[str, Any]
    substrates: tuple[str, ...] = ()
    source_digest: str = ""
    plan_digest: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", MappingProxyType(dict(self.terms)))

    @classmethod
    def of_plan(cls, plan: Plan, *, substrate: str = "", corpus_digest: str | None = None) -> LockedClaim:
        """A plan as a lock would hold it.

        Args:
            plan: how the claim will be tried.
            substrate: name of the system under test; empty for none.
            corpus_digest: digest of a pinned corpus, empty for a living one or none; None where it was not looked at.

        Raises:
            LockError: a part of the plan is of a kind that no lock holds.
        """
        try:
            terms = terms_of(plan.config) | {"corpus_digest": corpus_digest}
        except ValueError as error:
            name = visible(str(plan.metadata.name))  # of a plan out of a record it may be anything
            raise LockError("wrong_value", f"{name}: a part of the plan cannot be locked: {error}") from error
        return cls(terms, (substrate,) if substrate else (), plan.source_digest, plan.digest)

    @cached_property
    def id(self) -> str:
        """The end of the scenario's name and ten hex digits over name, parameters, statistic and side of the bound.

        What is claimed about the statistic is not in it, so that a claim whose bound was moved is still this claim.
        """
        terms = self.terms
        named = [terms["scenario"], terms["parameters"], terms["statistic"], SIDES.get(terms["comparator"], "")]
        digest = hashlib.sha256(compact_sorted(named).encode("ascii")).hexdigest()
        last = terms["scenario"].rpartition(".")[2] or terms["scenario"]
        return f"{slug(last, limit=32)}-{digest[:ID_DIGITS]}"

    @cached_property
    def item(self) -> tuple[str, str]:
        """The test and its parameters: all claims of one item are collected together."""
        return self.terms["scenario"], compact_sorted(self.terms["parameters"])

    @property
    def label(self) -> str:
        """The claim in one line, for people; safe to print."""
        terms = self.terms
        given = ", ".join(f"{key}={compact_sorted(value)}" for key, value in sorted(terms["parameters"].items()))
        where = f"{terms['scenario']}[{given}]" if given else terms["scenario"]
        return visible(f"{where}: {terms['statistic']} {terms['comparator']} {terms['threshold']:.12g}")

    @property
    def systems(self) -> frozenset[str]:
        """Names of the systems under test; the empty name for a test that needs none."""
        return frozenset(self.substrates or ("",))

    @property
    def order(self) -> tuple[str, str, str, str]:
        """What claims are sorted by."""
        return self.terms["scenario"], self.terms["statistic"], self.item[1], self.id

    def to_table(self) -> dict[str, Any]:
        """The claim as a table of the lock: what has its absent value is left out."""
        held = {name: value for name, value in self.terms.items() if value is not None and value != TERMS[name].absent}
        tables = {
            name: {key: packed(one) for key, one in sorted(value.items())}
            for name, value in held.items()
            if TERMS[name].form == "table"
        }
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in held.items()}
        ends = {"substrates": list(self.substrates), "source_digest": self.source_digest}
        return {
            "id": self.id,
            **{name: value for name, value in plain.items() if name not in tables},
            **{name: value for name, value in ends.items() if value},
            "plan_digest": self.plan_digest,
            **tables,
        }


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change that was registered, with its reason.

    Attributes:
        claim: id of the claim after the change.
        changes: what changed, sorted by field; values in the forms of the lock.
        reason: why, in the author's words.
        date: the day it was registered, which nothing proves.
    """

    claim: str
    changes: tuple[Change, ...]
    reason: str
    date: date

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", tuple(sorted(self.changes, key=lambda change: change.field)))

    def to_table(self) -> dict[str, Any]:
        """The amendment as a table of the lock."""
        old = {change.field: packed(change.old) for change in self.changes if change.old is not None}
        new = {change.field: packed(change.new) for change in self.changes if change.new is not None}
        table = {"claim": self.claim, "date": self.date, "reason": self.reason, "old": old, "new": new}
        return {key: value for key, value in table.items() if value != {}}


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A claim that was withdrawn, with its reason.

    Attributes:
        claim: its id.
        label: what it said, in one line.
        reason: why it was withdrawn, in the author's words.
        date: the day of that, which nothing proves.
    """

    claim: str
    label: str
    reason: str
    date: date

    def to_table(self) -> dict[str, Any]:
        """The tombstone as a table of the lock."""
        return {"claim": self.claim, "label": self.label, "date": self.date, "reason": self.reason}


@dataclass(frozen=True)
class Lock:
    """A project's registered claims; the order in which they are given does not matter.

    Attributes:
        claims: each id once.
        amendments: what was changed since, oldest first.
        tombstones: what was withdrawn; no id that is among the claims.

    Raises:
        LockError: an id stands twice.
    """

    claims: tuple[LockedClaim, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    _by_id: Mapping[str, LockedClaim] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "claims", tuple(sorted(self.claims, key=lambda claim: claim.order)))
        object.__setattr__(self, "amendments", tuple(sorted(self.amendments, key=lambda one: (one.date, one.claim))))
        object.__setattr__(self, "tombstones", tuple(sorted(self.tombstones, key=lambda one: one.claim)))
        object.__setattr__(self, "_by_id", {claim.id: claim for claim in self.claims})
        ids = [claim.id for claim in self.claims] + [one.claim for one in self.tombstones]
        if len(set(ids)) < len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise LockError("duplicate", f"the id {twice!r} stands twice, as claim or tombstone; keep one of them")

    def get(self, claim_id: str) -> LockedClaim | None:
        """The claim with that id, or None."""
        return self._by_id.get(claim_id)

    @cached_property
    def retired(self) -> Mapping[str, Tombstone]:
        """Tombstones by the ids of their claims."""
        return {one.claim: one for one in self.tombstones}

    @property
    def expected_count(self) -> int:
        """How many decided records a whole run leaves: one for each claim and system under test."""
        return sum(len(claim.systems) for claim in self.claims)

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hex over what the lock says; comments, order and layout of the file are not in it."""
        return content_hash(_dated(self.to_document()))

    def to_document(self) -> dict[str, Any]:
        """The lock as the tables of its file."""
        tables: dict[str, tuple[Any, ...]] = {
            "claim": self.claims,
            "amendment": self.amendments,
            "tombstone": self.tombstones,
        }
        return {"schema": SCHEMA} | {name: [one.to_table() for one in some] for name, some in tables.items() if some}


def changes_between(was: LockedClaim, now: LockedClaim) -> tuple[Change, ...]:
    """The terms in which two claims differ, in the order of the lock.

    A corpus that nobody looked at now is not compared. Systems under test and the source of the test are no terms.
    """
    old, new = was.terms, now.terms
    return tuple(
        Change(name, old[name], new[name])
        for name in TERMS
        if not is_same(name, old[name], new[name]) and not (name == "corpus_digest" and new[name] is None)
    )


def merged(claims: Iterable[LockedClaim]) -> dict[str, LockedClaim]:
    """Claims by id, where one claim on several systems came once for each.

    Raises:
        LockError: two different claims have one id.
    """
    found: dict[str, LockedClaim] = {}
    for claim in claims:
        first = found.setdefault(claim.id, claim)
        if first is claim:
            continue
        if first.plan_digest != claim.plan_digest or first.terms != claim.terms:
            raise LockError(
                "ambiguous",
                f"two claims cannot be told apart: {first.label!r} and {claim.label!r}; bound a statistic once from "
                "each side, and give parameters that differ as text",
            )
        found[claim.id] = replace(first, substrates=tuple(sorted({*first.substrates, *claim.substrates})))
    return found


def _dated(value: Any) -> Any:
    """Dates as text, which has a canonical form."""
    if isinstance(value, dict):
        return {key: _dated(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_dated(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value
