# SPDX-License-Identifier: Apache-2.0
"""The tables of a lock, read strictly: what has no place, no value or no sense in them is named with its line.

It takes what ``tomllib`` gave and makes claims of it. Opening the file is for `ophamin.measuring.lockfile`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, Final, NoReturn, TypeVar

from ophamin.core.canonical import NotCanonicalError, check_canonical
from ophamin.core.text import visible
from ophamin.errors import nearest_name
from ophamin.measuring.lock_claims import SIDES, Amendment, Change, Lock, LockedClaim, Tombstone
from ophamin.measuring.lock_fields import REQUIRED, TERMS, absent_terms, read_term, unpacked
from ophamin.measuring.lock_text import SCHEMA, TABLES, LockError, Reason, line_of, parse_toml

__all__ = ["lock_of"]

Read = TypeVar("Read")

_CLAIM: Final = frozenset({"id", *TERMS, "substrates", "source_digest", "plan_digest"})
_AMENDMENT: Final = frozenset({"claim", "date", "reason", "old", "new"})
_TOMBSTONE: Final = frozenset({"claim", "label", "date", "reason"})
_ID: Final = re.compile(r"[a-z0-9_-]{1,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class _Fault(Exception):  # noqa: N818 - never leaves this module
    """What is wrong in one table, before it is known in which line the table stands."""

    def __init__(self, reason: Reason, problem: str, key: str) -> None:
        super().__init__(problem)
        self.reason: Reason = reason
        self.key = key


@lru_cache(maxsize=2)
def lock_of(data: bytes) -> Lock:
    r"""The lock that a file holds; the last two are kept, since work tree and merge base mostly hold the same bytes.

    Raises:
        LockError: the bytes say what no lock says; the message names line, claim and way out.

    Example:
        >>> lock_of(b"schema = 1\n# end of ophamin.lock\n").claims
        ()
    """
    text, document = parse_toml(data)
    if type(document.get("schema")) is not int or document["schema"] != SCHEMA:
        _refuse("schema", f"no key 'schema = {SCHEMA}' stands at the top; take the file from git again")
    if unknown := sorted(set(document) - {"schema", *TABLES}):
        _refuse("unknown_field", f"{_shown(unknown[0])} is no table of a lock; {nearest_name(unknown[0], TABLES)}")
    claims = _each(text, document, "claim", _claim)
    amendments = _each(text, document, "amendment", _amendment)
    tombstones = _each(text, document, "tombstone", _tombstone)
    _check_ids(text, [("claim", claim.id) for claim in claims] + [("tombstone", one.claim) for one in tombstones])
    return Lock(tuple(claims), tuple(amendments), tuple(tombstones))


def _each(text: str, document: dict[str, Any], name: str, read: Callable[[dict[str, Any]], Read]) -> list[Read]:
    """All tables of one name, read one by one; a fault gets its line and its claim."""
    tables = document.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        _refuse("wrong_value", f"{name!r} is no list of tables; write [[{name}]]")
    found = []
    for index, table in enumerate(tables):
        try:
            found.append(read(table))
        except _Fault as fault:
            whose = _shown(table.get("id", table.get("claim", f"number {index + 1}")))
            _refuse(fault.reason, f"{name} {whose}: {fault}", line_of(text, name, index, fault.key))
    return found


def _claim(table: dict[str, Any]) -> LockedClaim:
    _check_keys(table, _CLAIM)
    terms = absent_terms()
    for name in terms.keys() & table.keys():
        terms[name] = _value(table, name, partial(read_term, name))
    if lacking := [name for name, value in terms.items() if value is REQUIRED]:
        raise _missing(lacking[0])
    if terms["comparator"] not in SIDES:
        problem = f"comparator {_shown(terms['comparator'])} is none of {' '.join(SIDES)}"
        raise _Fault("wrong_value", f"{problem}; take the file from git again", "comparator")
    source = _value(table, "source_digest", _sha256) if "source_digest" in table else ""
    systems = _value(table, "substrates", _names) if "substrates" in table else ()
    claim = LockedClaim(terms, systems, source, _value(table, "plan_digest", _sha256))
    if _value(table, "id", _id) != claim.id:
        problem = f"what it names has the id {claim.id!r}, so that one of the two was edited"
        raise _Fault("wrong_value", f"{problem}; take the file from git again", "id")
    return claim


def _amendment(table: dict[str, Any]) -> Amendment:
    _check_keys(table, _AMENDMENT)
    old, new = (_value(table, key, _changed) if key in table else {} for key in ("old", "new"))
    return Amendment(
        _value(table, "claim", _id),
        tuple(Change(name, old.get(name), new.get(name)) for name in {**old, **new}),
        _value(table, "reason", _words),
        _value(table, "date", _day),
    )


def _tombstone(table: dict[str, Any]) -> Tombstone:
    _check_keys(table, _TOMBSTONE)
    return Tombstone(
        _value(table, "claim", _id),
        _value(table, "label", _words),
        _value(table, "reason", _words),
        _value(table, "date", _day),
    )


def _check_keys(table: dict[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(table.keys() - known):
        problem = f"the key {_shown(unknown[0])} is unknown; {nearest_name(unknown[0], known)}"
        raise _Fault("unknown_field", problem, unknown[0])


def _value(table: dict[str, Any], key: str, read: Callable[[Any], Read]) -> Read:
    if key not in table:
        raise _missing(key)
    try:
        return read(table[key])
    except ValueError as error:
        problem = f"{key}: {visible(str(error))}; take the file from git again, or register again"
        raise _Fault("wrong_value", problem, key) from error


def _missing(key: str) -> _Fault:
    return _Fault("missing_field", f"the key {key!r} is missing; take the file from git again", "")


def _check_ids(text: str, ids: list[tuple[str, str]]) -> None:
    """Refuse an id that stands twice, with both lines."""
    first: dict[str, int] = {}
    for place, (name, one) in enumerate(ids):
        if first.setdefault(one, place) != place:
            lines = []
            for at in (first[one], place):
                kind = ids[at][0]
                lines.append(line_of(text, kind, sum(other == kind for other, _ in ids[:at])))
            problem = f"{name} {one!r} stands in line {lines[0]} too; keep one of the two tables, and register again"
            _refuse("duplicate", problem, lines[1])


def _id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError(f"{_shown(value)} is no id of a claim")
    return value


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f"{_shown(value)} is no SHA-256, which has 64 hex digits")
    return value


def _words(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{_shown(value)} is no text that says something")
    return value


def _day(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(f"{_shown(value)} is no day, such as 2026-03-01")
    return value


def _names(value: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = read_term("pillars", value)  # a list of texts too
    if "" in names or len(set(names)) < len(names):
        raise ValueError("a name is empty or stands twice")
    return names


def _changed(value: Any) -> dict[str, Any]:
    """What an amendment remembers; its keys are not checked, since a later schema may have given up a term."""
    if not isinstance(value, dict):
        raise ValueError(f"{_shown(value)} is no table")
    found = {key: unpacked(one) for key, one in value.items()}
    try:
        check_canonical(found)
    except NotCanonicalError as error:
        raise ValueError(str(error)) from error
    return {key: tuple(one) if isinstance(one, list) else one for key, one in found.items()}


def _shown(value: Any) -> str:
    return repr(visible(value[:60])) if isinstance(value, str) else f"a value of the type {type(value).__name__}"


def _refuse(reason: Reason, problem: str, line: int | None = None) -> NoReturn:
    where = "" if line is None else f"line {line}: "
    raise LockError(reason, f"{where}{problem}", line)
