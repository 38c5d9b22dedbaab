# SPDX-License-Identifier: Apache-2.0
"""The key ring: which public keys may sign what, and when.

The ring decides what a key id means; a signature only names one. It is read from text that the caller fetched, such as
the trust policy at the base commit. This module opens no file and asks no clock.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, NoReturn, Self, final

from ophamin.core.keys import KeyMaterialError, PublicKey, read_public_key
from ophamin.core.text import visible

__all__ = ["MAX_KEYS", "KeyRing", "KeyRingError", "KeyStatus", "RingKey"]

MAX_KEYS: Final = 64
MAX_RING_BYTES: Final = 2**20

KeyStatus = Literal["valid", "not_yet_valid", "expired", "revoked"]

_ID: Final = re.compile(r"[0-9a-f]{64}")
_ROLE: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_NEEDED: Final = ("id", "public", "roles")
_FIELDS: Final = (*_NEEDED, "valid_from", "valid_until", "revoked_at")


class KeyRingError(KeyMaterialError):
    """A key ring is not written as it has to be; the message says where."""


@dataclass(frozen=True, slots=True)
class RingKey:
    """One public key and what it may be used for.

    Attributes:
        public: the key.
        roles: what it may sign as, such as ``seal``; at least one.
        valid_from: its first moment, or None.
        valid_until: the moment from which it is expired, or None.
        revoked_at: the moment from which it is not to be trusted, or None.
    """

    public: PublicKey
    roles: frozenset[str]
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def key_id(self) -> str:
        """The id of the key."""
        return self.public.key_id

    def status(self, moment: datetime, *, witnessed: bool) -> KeyStatus:
        """Whether a signature of this key counts.

        Args:
            moment: when it was made, if somebody else attests that, or else the time of the check; with an offset.
            witnessed: whether somebody else attests it. Without that a revoked key never counts: its thief would
                write an early date.

        Raises:
            ValueError: the moment has no offset from UTC.
        """
        if moment.tzinfo is None:
            raise ValueError(f"the moment {moment.isoformat()} has no offset from UTC; give one")
        if self.revoked_at is not None and (not witnessed or moment >= self.revoked_at):
            return "revoked"
        if self.valid_from is not None and moment < self.valid_from:
            return "not_yet_valid"
        return "expired" if self.valid_until is not None and moment >= self.valid_until else "valid"


@final
@dataclass(frozen=True, slots=True)
class KeyRing:
    """Public keys by id.

    Attributes:
        keys: each id once, in the order of the file.
    """

    keys: tuple[RingKey, ...] = ()

    @classmethod
    def from_toml(cls, text: str, *, fetch: Callable[[str], str | bytes] | None = None) -> Self:
        """Read a ring from TOML: ``schema = 1`` and one table ``[[key]]`` for each key.

        Args:
            text: at most 1 MiB.
            fetch: see `from_tables`.

        Raises:
            KeyMaterialError: see `from_tables`; a `KeyRingError` also where the text is no such TOML.

        Example:
            >>> from ophamin.core.keys import generate_key
            >>> key = generate_key().public
            >>> ring = KeyRing.from_toml(f'''
            ... schema = 1
            ... [[key]]
            ... id = "{key.key_id}"
            ... public = \"\"\"{key.to_pem()}\"\"\"
            ... roles = ["seal"]
            ... valid_until = 2027-06-30
            ... ''')
            >>> ring.get(key.key_id).valid_until.isoformat(), ring.with_role("gate")
            ('2027-07-01T00:00:00+00:00', ())
        """
        if len(text) > MAX_RING_BYTES:
            _refuse("the key ring", f"{len(text)} characters; the limit is {MAX_RING_BYTES}")
        try:
            document = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise KeyRingError(f"the key ring is no TOML: {visible(str(error))}; mend it there") from error
        _check_fields(document, "the key ring", needed=("schema",), known=("schema", "key"))
        if type(document["schema"]) is not int or document["schema"] != 1:
            _refuse("schema", f"{document['schema']!r} is unknown; this reads 1")
        return cls.from_tables(document.get("key", []), fetch=fetch)

    @classmethod
    def from_tables(cls, tables: Any, *, fetch: Callable[[str], str | bytes] | None = None) -> Self:
        """Read a ring from parsed ``[[key]]`` tables, such as those of a trust policy.

        Each has ``id`` (64 hex digits), ``public`` (a PEM text, or a name for ``fetch``) and ``roles``, and may have
        ``valid_from``, ``valid_until`` and ``revoked_at``: a date, or a time with an offset, as TOML or as text. A key
        is valid from the start of its first day to the end of its last, and revoked from the start of a day, in UTC.

        Args:
            tables: the list of tables; at most `MAX_KEYS`.
            fetch: gives the PEM text of a name from the place that the ring came from; without it, names are refused.

        Raises:
            KeyRingError: a field is missing, unknown or of the wrong form, or an id stands twice or is not the key's.
            KeyMaterialError: a key cannot be used; a `KeyPublicError` where everybody can sign for it.
        """
        if not isinstance(tables, list):
            _refuse("key", f"a {type(tables).__name__} stands where tables belong; write [[key]]")
        if len(tables) > MAX_KEYS:
            _refuse("key", f"{len(tables)} keys; the limit is {MAX_KEYS}. Remove those that expired long ago")
        ring = cls(tuple(_ring_key(table, f"key[{index}]", fetch) for index, table in enumerate(tables)))
        ids = [key.key_id for key in ring]
        if twice := sorted({key_id for key_id in ids if ids.count(key_id) > 1}):
            _refuse("key", f"{twice[0]} stands twice; join its roles in one table")
        return ring

    def __iter__(self) -> Iterator[RingKey]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def get(self, key_id: str) -> RingKey | None:
        """The key with that full id, or None."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def with_role(self, role: str) -> tuple[RingKey, ...]:
        """The keys that may sign in a role, whatever the time."""
        return tuple(key for key in self.keys if role in key.roles)


def _ring_key(table: Any, path: str, fetch: Callable[[str], str | bytes] | None) -> RingKey:
    if not isinstance(table, Mapping):
        _refuse(path, f"a {type(table).__name__} stands where a table belongs")
    _check_fields(table, path, needed=_NEEDED, known=_FIELDS)
    public = _public(table["public"], f"{path}.public", fetch)
    stated = table["id"]
    if not isinstance(stated, str) or _ID.fullmatch(stated) is None:
        _refuse(f"{path}.id", f"this is no key id of 64 hex digits; the key has {public.key_id}")
    if stated != public.key_id:
        _refuse(f"{path}.id", f"{stated} is stated, but the key has {public.key_id}; correct the one or the other")
    first, last, revoked = (table.get(name) for name in ("valid_from", "valid_until", "revoked_at"))
    key = RingKey(
        public=public,
        roles=_roles(table["roles"], f"{path}.roles"),
        valid_from=_moment(first, f"{path}.valid_from"),
        valid_until=_moment(last, f"{path}.valid_until", end_of_day=True),
        revoked_at=_moment(revoked, f"{path}.revoked_at"),
    )
    if key.valid_from is not None and key.valid_until is not None and key.valid_from >= key.valid_until:
        _refuse(f"{path}.valid_until", f"{last} does not lie after valid_from ({first}); the key is never valid")
    return key


def _public(value: Any, path: str, fetch: Callable[[str], str | bytes] | None) -> PublicKey:
    if not isinstance(value, str):
        _refuse(path, f"a {type(value).__name__} stands where text belongs; give a PEM text or the name of its file")
    is_name = "\n" not in value and value.endswith(".pem")
    if is_name and fetch is None:
        _refuse(path, f"{visible(value[:60])!r} names a file, but this ring may hold no names; write the PEM text here")
    try:
        return read_public_key(fetch(value) if is_name and fetch is not None else value)
    except KeyMaterialError as error:
        raise type(error)(f"{path}: {error}") from error


def _roles(value: Any, path: str) -> frozenset[str]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        _refuse(path, "the roles are a list of at least one name; a key without a role signs nothing")
    for role in value:
        if not isinstance(role, str) or _ROLE.fullmatch(role) is None:
            _refuse(path, f"{visible(str(role)[:60])!r} is no role; use a-z, 0-9, - and _, at most 32 characters")
    return frozenset(value)


def _moment(value: Any, path: str, *, end_of_day: bool = False) -> datetime | None:
    """A moment with an offset; a date is its first moment in UTC, or the first one after it."""
    if value is None:
        return None
    given = value
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == len("2026-11-01") else datetime.fromisoformat(value)
        except ValueError:
            _refuse(path, f"{visible(given[:60])!r} is no ISO 8601 date or time; write 2026-11-01")
    if isinstance(value, datetime) and value.tzinfo is None:
        _refuse(path, f"{visible(str(given))!r} has no offset from UTC; write Z or +00:00 at its end")
    if not isinstance(value, date):
        _refuse(path, f"a {type(value).__name__} is no date; write 2026-11-01")
    try:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.combine(value + timedelta(days=end_of_day), time(), UTC)
    except OverflowError:
        _refuse(path, f"{visible(str(given))!r} lies outside the calendar; leave it out for a key without that end")


def _check_fields(table: Mapping[str, Any], path: str, *, needed: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in needed:
        if name not in table:
            _refuse(path, f"{name} is missing")
    for name in table:
        if name not in known:
            _refuse(path, f"{visible(name[:60])!r} is unknown; the fields are {', '.join(known)}")


def _refuse(path: str, problem: str) -> NoReturn:
    raise KeyRingError(f"{path}: {problem}")
