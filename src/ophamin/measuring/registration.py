# SPDX-License-Identifier: Apache-2.0
"""Registration: claims that were collected, held against the lock.

`register` writes down what is claimed, `check` finds what is no longer what was written down, and `level_of` says how
much a registration is worth. None of them runs a test, opens a file or asks git: the lock is read by
`ophamin.measuring.lockfile`, the one at the merge base by `ophamin.measuring.lock_base`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from ophamin.measuring.lock_claims import Amendment, Change, Lock, LockedClaim, Tombstone, changes_between, merged
from ophamin.measuring.lock_diff import Diff, claim_block, compare_locks, difference_of
from ophamin.measuring.lock_text import LockError

if TYPE_CHECKING:
    from ophamin.measuring.plan import Plan

__all__ = ["LEVELS", "Collected", "Finding", "FindingKind", "Findings", "Level", "check", "level_of", "register"]

Level = Literal["none", "declared", "base", "witnessed"]
LEVELS: Final[tuple[Level, ...]] = ("none", "declared", "base", "witnessed")
"""From worthless to best."""

FindingKind = Literal["same", "reworded", "body_changed", "goalposts_moved", "missing", "exploratory", "retired"]

_TITLES: Final[Mapping[FindingKind, str]] = {
    "goalposts_moved": "GOALPOSTS MOVED",
    "missing": "MISSING",
    "body_changed": "BODY CHANGED",
    "retired": "RETIRED, BUT HERE",
    "exploratory": "EXPLORATORY",
    "reworded": "REWORDED",
    "same": "same",
}
_NOTES: Final[Mapping[FindingKind, str]] = {
    "goalposts_moved": "put it back, or register the change with a reason (--ophamin-register --ophamin-reason)",
    "missing": "locked, and no test claims it; put it back, or register its withdrawal with a reason",
    "body_changed": "the test's own code is not what was locked; the claim is declared anew until that is merged",
    "retired": "withdrawn, so that it is tried as exploratory; register it again with a reason",
    "exploratory": "not in the lock; it is tried, and satisfies no gate",
    "reworded": "nothing that decides was changed; register again to keep the plan's digest up to date",
}


@dataclass(frozen=True, slots=True)
class Collected:
    """A claim as one test item is going to try it.

    Attributes:
        plan: how it will be tried.
        substrate: name of the system under test; empty for none. A claim on several systems comes once for each.
        corpus_digest: content digest of a pinned corpus, empty for a living one or none; None where nobody looked,
            which compares no digest.
    """

    plan: Plan
    substrate: str = ""
    corpus_digest: str | None = None

    @property
    def claim(self) -> LockedClaim:
        """The claim as a lock would hold it.

        Raises:
            LockError: a part of the plan is of a kind that no lock holds.
        """
        return LockedClaim.of_plan(self.plan, substrate=self.substrate, corpus_digest=self.corpus_digest)


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one claim.

    Attributes:
        kind: ``goalposts_moved`` (something that decides is not what was locked), ``body_changed`` (only the test's
            source), ``reworded`` (only what decides nothing), ``missing`` (locked, not collected), ``exploratory``
            (collected, not locked), ``retired`` (collected, withdrawn), or ``same``.
        was: as it is locked; None where it is not.
        now: as it was collected; None where it was not.
        substrates: the systems under test that this finding is about; the empty name for none.
        changes: what of the terms moved, old and new.
    """

    kind: FindingKind
    was: LockedClaim | None
    now: LockedClaim | None
    substrates: frozenset[str]
    changes: tuple[Change, ...] = ()

    @property
    def claim(self) -> LockedClaim:
        """The claim as it was collected, or else as it is locked."""
        claim = self.now or self.was
        assert claim is not None
        return claim


@dataclass(frozen=True)
class Findings:
    """What became of all claims, sorted.

    Attributes:
        entries: one for each claim, and further ones where its systems under test fare differently.
        whole: whether missing claims were looked for in all the lock.
    """

    entries: tuple[Finding, ...]
    whole: bool

    def of(self, kind: FindingKind) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(one for one in self.entries if one.kind == kind)

    def finding_of(self, collected: Collected) -> Finding:
        """What became of a claim that was among those checked.

        Raises:
            KeyError: it was not.
        """
        return self._by_claim[collected.claim.id, collected.substrate]

    @property
    def blocks(self) -> bool:
        """Whether goalposts were moved or a locked claim is missing: exit code 81."""
        return any(one.kind in {"goalposts_moved", "missing"} for one in self.entries)

    def to_text(self, width: int = 100) -> str:
        """What is not as it was locked, old and new side by side; empty where all is. Safe to print.

        Args:
            width: of the terminal in columns; below 48 it is 48.
        """
        lines: list[str] = []
        for kind, title in _TITLES.items():
            for one in self.of(kind) if kind != "same" else ():
                note = _NOTES.get(kind, "")
                names = sorted(one.substrates - {""})
                on = f" on {', '.join(names)}" if names and one.substrates != one.claim.systems else ""
                lines += claim_block(f"{title}{on}", one.claim, one.changes, width, note)
        return "\n".join(lines)

    @cached_property
    def _by_claim(self) -> dict[tuple[str, str], Finding]:
        return {(one.now.id, name): one for one in self.entries if one.now is not None for name in one.substrates}


def check(lock: Lock, collected: Iterable[Collected], *, whole: bool) -> Findings:
    """Hold what was collected against the lock; the order of what was collected does not matter.

    A claim whose bound moved is still found by its scenario, statistic, parameters and side. Where a test that was
    collected no longer makes one of its claims and makes another one instead, that is GOALPOSTS MOVED too, and where it
    makes none instead, the claim is missing, also if the suite was not collected whole.

    Args:
        lock: what was registered.
        collected: one for each claim, item and system.
        whole: the whole suite was collected and nothing deselected, so that what is not there is missing.

    Raises:
        LockError: two collected claims cannot be told apart.
    """
    here = merged(one.claim for one in collected)
    items = {claim.item for claim in here.values()}
    entries: list[Finding] = []
    for was, now in _pairs(lock, here):
        if now is None:
            assert was is not None
            if whole or was.item in items:
                entries.append(Finding("missing", was, None, was.systems))
        elif was is None:
            kind: FindingKind = "retired" if now.id in lock.retired else "exploratory"
            entries.append(Finding(kind, None, now, now.systems))
        else:
            entries += _held_against(was, now, whole=whole)
    return Findings(tuple(sorted(entries, key=lambda one: (one.claim.order, one.kind, sorted(one.substrates)))), whole)


def register(
    lock: Lock | None, collected: Iterable[Collected], *, today: date, reason: str = "", whole: bool
) -> tuple[Lock, Diff]:
    """Write down what was collected.

    New claims, further systems and changed bodies need no reason; they count once they stand at the merge base. What
    was locked and is changed, withdrawn or brought back needs one, and leaves an amendment or a tombstone.

    Args:
        lock: what is registered so far; None for nothing.
        collected: one for each claim, item and system.
        today: the day for amendments and tombstones.
        reason: why, in the author's words.
        whole: the whole suite was collected and nothing deselected, so that what is not there is withdrawn; otherwise
            it is kept.

    Returns:
        The new lock, and what differs from the old one.

    Raises:
        LockError: a reason is needed and missing, or two collected claims cannot be told apart.

    Example:
        >>> register(None, [], today=date(2026, 3, 1), whole=True)[1].to_text()
        'ophamin.lock: 0 claims, nothing changed'
    """
    old = lock or Lock()
    reason = " ".join(reason.split())
    claims: list[LockedClaim] = []
    amendments, stones = list(old.amendments), dict(old.retired)
    needing: list[str] = []
    for was, now in _pairs(old, merged(one.claim for one in collected)):
        if now is not None:
            kept = _settled(was, now, whole=whole)
            claims.append(kept)
            if changes := _changes_to_explain(was, kept, stones.pop(kept.id, None)):
                amendments.append(Amendment(kept.id, changes, reason, today))
                needing.append(f"{'changed' if was else 'brought back'}: {kept.label}")
        elif was is not None and whole:
            stones[was.id] = Tombstone(was.id, was.label, reason, today)
            needing.append(f"withdrawn: {was.label}")
        elif was is not None:
            claims.append(was)
    if needing and not reason:
        more = f" and {len(needing) - 1} more" if len(needing) > 1 else ""
        raise LockError("reason_needed", f'{needing[0]}{more}; say why with --ophamin-reason "..."')
    new = Lock(tuple(claims), tuple(amendments), tuple(stones.values()))
    return new, compare_locks(old, new)


def level_of(
    claim: LockedClaim, here: Lock | None, base: Lock | None, *, substrate: str = "", witnessed: Collection[str] = ()
) -> Level:
    """How much the registration of a claim is worth.

    Args:
        claim: as it was collected or recorded.
        here: the lock in the work tree; None for none.
        base: the lock at the merge base; None where there is none, or nobody can tell.
        substrate: the system under test; empty for none.
        witnessed: digests of locks that somebody outside attests to have existed before the run; the caller checked.

    Returns:
        ``none``: not locked as it is tried. ``declared``: locked here, perhaps in the very commit that is tried.
        ``base``: it stood so, body included, at the merge base. ``witnessed``: and somebody outside saw that lock.

    Example:
        >>> LEVELS.index("declared") < LEVELS.index("base")
        True
    """
    if here is None or not _binds(here.get(claim.id), claim, substrate):
        return "none"
    before = None if base is None else base.get(claim.id)
    if base is None or before is None or not _binds(before, claim, substrate):
        return "declared"
    if not claim.source_digest or before.source_digest != claim.source_digest:
        return "declared"
    return "witnessed" if witnessed and base.digest in witnessed else "base"


def _binds(locked: LockedClaim | None, claim: LockedClaim, substrate: str) -> bool:
    return locked is not None and substrate in locked.systems and not changes_between(locked, claim)


def _pairs(lock: Lock, here: Mapping[str, LockedClaim]) -> Iterator[tuple[LockedClaim | None, LockedClaim | None]]:
    """Each locked claim with what it is now, and each new one with None; sorted, so that order never matters."""
    new: list[LockedClaim] = []
    for now in sorted(here.values(), key=lambda claim: claim.order):
        was = lock.get(now.id)
        if was is not None or now.id in lock.retired:
            yield was, now
        else:
            new.append(now)
    gone: dict[tuple[str, str], list[LockedClaim]] = {}
    for was in lock.claims:
        if was.id not in here:
            gone.setdefault(was.item, []).append(was)
    # The same statistic first: a bound that changed sides. Then whatever its own test claims instead.
    for is_alike in (lambda was, now: was.terms["statistic"] == now.terms["statistic"], lambda was, now: True):
        for now in list(new):
            left = gone.get(now.item, [])
            if (was := next((one for one in left if is_alike(one, now)), None)) is not None:
                left.remove(was)
                new.remove(now)
                yield was, now
    yield from ((None, now) for now in new)
    yield from ((was, None) for left in gone.values() for was in left)


def _held_against(was: LockedClaim, now: LockedClaim, *, whole: bool) -> Iterator[Finding]:
    """One claim on the systems that are locked and here, on those that are new, and on those that are gone."""
    both = was.systems & now.systems
    changes = changes_between(was, now)
    kind: FindingKind = "same"
    if changes:
        kind = "goalposts_moved"
    elif was.source_digest != now.source_digest:
        kind = "body_changed"
    elif was.plan_digest != now.plan_digest:
        kind = "reworded"
    if both or changes:
        yield Finding(kind, was, now, now.systems if changes else both, changes)
    if not changes and (new := now.systems - was.systems):
        yield Finding("exploratory", None, now, new)
    if whole and (gone := was.systems - now.systems):
        yield Finding("missing", was, None, gone)


def _settled(was: LockedClaim | None, now: LockedClaim, *, whole: bool) -> LockedClaim:
    """What goes into the lock: with the systems that were not collected, and the digest that nobody looked at."""
    kept = () if was is None or whole else was.substrates
    digest = now.terms["corpus_digest"]
    if digest is None:
        digest = "" if was is None else was.terms["corpus_digest"]
    systems = tuple(sorted({*kept, *now.substrates}))
    return replace(now, terms={**now.terms, "corpus_digest": digest}, substrates=systems)


def _changes_to_explain(was: LockedClaim | None, now: LockedClaim, stone: Tombstone | None) -> tuple[Change, ...]:
    """What an amendment has to give a reason for; empty where none is needed."""
    if was is None:
        return () if stone is None else (Change("retired", f"{stone.date.isoformat()}: {stone.reason}", None),)
    difference = difference_of(was, now)
    return difference.changes if difference is not None and difference.kind == "amended" else ()
