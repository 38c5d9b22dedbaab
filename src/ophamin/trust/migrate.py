# SPDX-License-Identifier: Apache-2.0
"""Wrap a record of the 1.0 wire, sealed by HMAC or not at all, as the subject of a signed statement.

The statement says that this very file was there when it was wrapped, and what could be told of its seal then. It says
nothing of what the file claims: nobody decided that again, and the old record is not signed anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ophamin.core.records import Sealed
from ophamin.core.signing import PUBLIC_KEYS, SECRET_BYTES
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.trust.statements import Statement, Subject, make_statement

__all__ = [
    "MIGRATION",
    "MigrationError",
    "OldRecord",
    "SealState",
    "check_migration",
    "migration_statement",
    "seal_state",
    "secret_id",
]

MIGRATION: Final = "urn:ophamin:attestation:migration:v1"

State = Literal["verified", "KEY_PUBLIC", "unverifiable", "unsigned"]


class MigrationError(OphaminError, ValueError):
    """A record cannot be wrapped, or a statement does not wrap this one."""


@dataclass(frozen=True, slots=True)
class OldRecord:
    """A record as it was read.

    Attributes:
        kind: ``proof`` or ``audit``.
        schema: version of its wire.
        record_id: its id, compared with its content.
        record: the record, which can check its seal.
        data: the bytes of its file.
    """

    kind: Literal["proof", "audit"]
    schema: str
    record_id: str
    record: Sealed
    data: bytes


@dataclass(frozen=True, slots=True)
class SealState:
    """What could be told of an HMAC seal.

    Attributes:
        state: ``verified`` under a secret; ``KEY_PUBLIC`` under a key that anybody has or can guess; ``unverifiable``
            where no secret was given; ``unsigned``.
        key: see `secret_id`; empty where none verified.
    """

    state: State
    key: str = ""


def secret_id(secret: bytes) -> str:
    """The id of an HMAC secret: SHA-256 in hex over a fixed word and the secret.

    It tells two secrets apart, and gives a secret of random bytes away to nobody.

    >>> secret_id(bytes(range(32)))[:12]
    'c914f7814ed3'
    """
    return hashlib.sha256(b"ophamin.hmac-key.v1\0" + secret).hexdigest()


def seal_state(record: Sealed, secrets: Sequence[bytes]) -> SealState:
    """Check the seal of a record.

    Args:
        record: as it was read.
        secrets: to try; none leaves a seal unchecked, unless a public key made it.

    Raises:
        MigrationError: secrets were given, and none of them made the seal.

    Example:
        >>> from ophamin import conduct, rate, scenario
        >>> @scenario("heads are not rare", rate("heads") >= 0.2)
        ... def test_coin(trial):
        ...     '''Is the coin usable?'''
        ...     for number in range(50):
        ...         trial.observe(heads=number % 7 != 0)
        >>> seal_state(conduct(test_coin).sign(b"ophamin-scenario-proof-key"), []).state
        'KEY_PUBLIC'
    """
    if not record.signature:
        return SealState("unsigned")
    known = next((key for key in sorted(PUBLIC_KEYS) if record.verify_signature(key)), None)
    if known is not None:
        return SealState("KEY_PUBLIC", secret_id(known))
    if not secrets:
        return SealState("unverifiable")
    fitting = next((secret for secret in secrets if record.verify_signature(secret)), None)
    if fitting is None:
        raise MigrationError("the seal fits none of the secrets; reject the file, or wrap it without --secret")
    if len(fitting) < SECRET_BYTES or len(set(fitting)) == 1:
        return SealState("KEY_PUBLIC")  # its id would help to guess it
    return SealState("verified", secret_id(fitting))


def migration_statement(name: str, old: OldRecord, seal: SealState, *, wrapped_at: str, wrapped_by: str) -> Statement:
    """The statement about an old record.

    Args:
        name: of its file; a label.
        old: the record.
        seal: see `seal_state`.
        wrapped_at: the time, ISO 8601 with an offset.
        wrapped_by: the program.

    Example:
        >>> record = Sealed()
        >>> old = OldRecord("proof", "1.0", "ab" * 32, record, b"{}")
        >>> made = migration_statement(
        ...     "a.json", old, SealState("unsigned"), wrapped_at="2026-11-23T09:30:00+00:00", wrapped_by="ophamin"
        ... )
        >>> check_migration(made, b"{}")["seal"]["state"]
        'unsigned'
    """
    predicate = {
        "format": f"ophamin.{old.kind}",
        "schema_version": old.schema,
        "id": old.record_id,
        "seal": {"algorithm": "hmac-sha256", "state": seal.state, "key": seal.key or None},
        "wrapped_at": wrapped_at,
        "wrapped_by": wrapped_by,
    }
    return make_statement(
        MIGRATION, [Subject(visible(name), {"sha256": hashlib.sha256(old.data).hexdigest()})], predicate
    )


def check_migration(statement: Statement, data: bytes) -> dict[str, Any]:
    """What a statement says of an old record, if it is this one.

    Args:
        statement: out of an envelope whose signature was verified.
        data: the bytes of the record's file.

    Raises:
        MigrationError: it is a statement of another kind, or about another file.
    """
    if statement.predicate_type != MIGRATION:
        raise MigrationError(f"a statement of the kind {visible(statement.predicate_type[:120])!r} wraps no old record")
    found = hashlib.sha256(data).hexdigest()
    if [one.digests.get("sha256") for one in statement.subjects] != [found]:
        raise MigrationError(f"the statement is about another file than the one with the digest {found}")
    return dict(statement.predicate)
