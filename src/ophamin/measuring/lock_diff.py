# SPDX-License-Identifier: Apache-2.0
"""What differs between two locks, and old and new side by side in words.

It compares what is written in locks alone: the one before a registration and the one after it, or the one at the merge
base and the one in the work tree. Nothing is collected here.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, Literal

from ophamin.core.jsontext import compact_sorted
from ophamin.core.text import visible
from ophamin.measuring.lock_claims import Amendment, Change, Lock, LockedClaim, changes_between

__all__ = ["Diff", "DiffKind", "Difference", "claim_block", "compare_locks", "difference_of"]

DiffKind = Literal["added", "restored", "amended", "extended", "body_changed", "reworded", "retired"]

_TITLES: Final[Mapping[DiffKind, str]] = {
    "added": "LOCKED",
    "restored": "LOCKED AGAIN",
    "amended": "GOALPOSTS MOVED",
    "extended": "MORE SYSTEMS",
    "body_changed": "BODY CHANGED",
    "reworded": "REWORDED",
    "retired": "RETIRED",
}
_LEAST_WIDTH: Final = 48
_LEAST_CELL: Final = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """One claim that is not the same in two locks.

    Attributes:
        kind: ``added`` and ``restored`` (from a tombstone) have no ``was``, ``retired`` no ``now``; ``amended`` has
            other terms or fewer systems, ``extended`` more systems, ``body_changed`` another test, ``reworded`` only
            another docstring, tier or family.
        was: in the older lock.
        now: in the newer one.
        changes: what of the terms, old and new.
        by_hand: the newer lock gives no reason where it had to.
    """

    kind: DiffKind
    was: LockedClaim | None
    now: LockedClaim | None
    changes: tuple[Change, ...] = ()
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two locks.

    Attributes:
        differences: one for each claim that is not the same, in the order of the lock.
        count: claims in the newer lock.
        lost_history: amendments and tombstones that the older lock has and the newer one dropped; nothing but an edit
            by hand does that.
    """

    differences: tuple[Difference, ...] = ()
    count: int = 0
    lost_history: int = 0

    def __bool__(self) -> bool:
        return bool(self.differences or self.lost_history)

    def of(self, kind: DiffKind) -> tuple[Difference, ...]:
        """The differences of one kind."""
        return tuple(one for one in self.differences if one.kind == kind)

    @property
    def by_hand(self) -> tuple[Difference, ...]:
        """Changes and removals for which the newer lock gives no reason."""
        return tuple(one for one in self.differences if one.by_hand)

    def to_text(self, width: int = 100) -> str:
        """What differs, old and new side by side; safe to print, and no line begins with foreign text.

        Args:
            width: of the terminal in columns; below 48 it is 48.

        Example:
            >>> Diff(count=3).to_text()
            'ophamin.lock: 3 claims, nothing changed'
        """
        counts = Counter(one.kind for one in self.differences)
        told = ", ".join(f"{counts[kind]} {title.lower()}" for kind, title in _TITLES.items() if counts[kind])
        lines = [f"ophamin.lock: {self.count} claim{'' if self.count == 1 else 's'}, {told or 'nothing changed'}"]
        for one in self.differences:
            claim = one.now or one.was
            assert claim is not None
            title = f"{_TITLES[one.kind]}{' BY HAND, without a reason' if one.by_hand else ''}"
            lines += claim_block(title, claim, one.changes, width)
        if self.lost_history:
            lines.append(f"HISTORY LOST: {self.lost_history} amendments or tombstones were removed by hand")
        return "\n".join(lines)


def compare_locks(old: Lock | None, new: Lock) -> Diff:
    """What differs between an older lock and a newer one.

    Args:
        old: None for none.
        new: the newer one.
    """
    if old is new:  # as the reader gives the same bytes
        return Diff(count=len(new.claims))
    old = old or Lock()
    history = Counter(map(repr, new.amendments))  # as text, since not all that an amendment holds can be hashed
    history.subtract(map(repr, old.amendments))
    fresh = [amendment for amendment in new.amendments if history[repr(amendment)] > 0]
    explained = {amendment.claim for amendment in fresh}
    found, followed = [], set()
    for was in old.claims:
        now = new.get(_followed(was.id, new, fresh))
        if now is None:
            found.append(Difference("retired", was, None, by_hand=was.id not in new.retired))
            continue
        followed.add(now.id)
        if (one := difference_of(was, now, explained)) is not None:
            found.append(one)
    for now in new.claims:
        if now.id not in followed:
            again = now.id in old.retired
            by_hand = again and now.id not in explained
            found.append(Difference("restored" if again else "added", None, now, by_hand=by_hand))
    lost = sum(-count for count in history.values() if count < 0)
    lost += sum(one not in new.retired and new.get(one) is None for one in old.retired)
    return Diff(tuple(sorted(found, key=_order)), len(new.claims), lost)


def _followed(claim_id: str, new: Lock, amendments: Sequence[Amendment]) -> str:
    """The id that a claim has by now: an amendment gives it another one where the bound changed sides."""
    for amendment in amendments:
        for change in amendment.changes:
            if new.get(claim_id) is None and change.field == "id" and change.old == claim_id:
                claim_id = amendment.claim
    return claim_id


def difference_of(was: LockedClaim, now: LockedClaim, explained: Iterable[str] = ()) -> Difference | None:
    """How one claim differs from itself; None where it does not.

    Args:
        was: the older one.
        now: the newer one; under another id where the bound changed sides.
        explained: ids for which a reason was given.
    """
    changes = list(changes_between(was, now))
    if was.id != now.id:
        changes.append(Change("id", was.id, now.id))
    if was.systems != now.systems:
        changes.append(Change("substrates", was.substrates, now.substrates))
    if [change for change in changes if change.field != "substrates"] or was.systems - now.systems:
        return Difference("amended", was, now, tuple(changes), by_hand=now.id not in explained)
    if changes:
        return Difference("extended", was, now, tuple(changes))
    if was.source_digest != now.source_digest:
        return Difference("body_changed", was, now)
    return Difference("reworded", was, now) if was.plan_digest != now.plan_digest else None


def claim_block(title: str, claim: LockedClaim, changes: Sequence[Change], width: int, note: str = "") -> list[str]:
    """Title and id of a claim, what it says, and each change as a row: name, old, new.

    Every line after the first begins with the name of a field or with a bar, so that no text of a project can be taken
    for a command of a CI system.
    """
    width = max(width, _LEAST_WIDTH)
    names = ["claim", *(visible(change.field) for change in changes)]
    column = max(map(len, names)) if changes else len("claim")
    column = min(column, width // 3)
    lines = [f"{title}  {claim.id}", *_rows("claim", [claim.label], column, width)]
    if note:
        lines += _rows("", [note], column, width)
    if changes:
        lines += _rows("", ["locked", "now"], column, width)
    for change in changes:
        lines += _rows(visible(change.field), [_shown(change.old), _shown(change.new)], column, width)
    return lines


def _rows(name: str, cells: Sequence[str], column: int, width: int) -> list[str]:
    """One row of a table, in as many lines as its longest cell needs."""
    room = max(_LEAST_CELL, (width - 2 - column - 3 * len(cells)) // len(cells))
    wrapped = [textwrap.wrap(cell, room, break_on_hyphens=False) or [""] for cell in cells]
    lines = []
    for number, parts in enumerate(zip_longest(*wrapped, fillvalue="")):
        first = name[:column] if number == 0 else ""
        lines.append(" | ".join([f"  {first:<{column}}", *(f"{part:<{room}}" for part in parts)]).rstrip())
    return lines


def _shown(value: Any) -> str:
    """A term in one line: numbers to the last digit, since the last one may be what was moved."""
    if value is None or value in ((), "", {}):
        return "(none)"
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(one) for one in value)
    return visible(value) if isinstance(value, str) else compact_sorted(value)


def _order(one: Difference) -> tuple[str, str, str, str]:
    claim = one.now or one.was
    assert claim is not None
    return claim.order
