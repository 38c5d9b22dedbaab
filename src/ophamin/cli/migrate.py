# SPDX-License-Identifier: Apache-2.0
"""``ophamin migrate``: wrap records of the earlier, HMAC-sealed kind as subjects of signed statements."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ophamin.cli.output import fail, note, say_fields, shown_path
from ophamin.cli.seal import take_signing_key
from ophamin.errors import OphaminError

if TYPE_CHECKING:
    from ophamin.trust.migrate import OldRecord, SealState

__all__ = ["migrate"]

EXIT_UNTRUSTED: Final = 4
SHORT_ID: Final = 12
ENVELOPES: Final = ".dsse.json"


def migrate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Old records: proofs or audits.")],
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="The private key that signs.", show_default=False),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret", metavar="FILE", help="The HMAC key of the old seals.", show_default=False),
    ] = None,
) -> None:
    """Wrap old records, sealed by HMAC or unsigned, so that any later change of them is seen.

    Beside each NAME.json a signed statement NAME.migration.dsse.json is written. It says which file was there and when,
    and how its seal stood: verified and under which key, KEY_PUBLIC, unverifiable, or unsigned. The record stays as it
    is; nothing in it is signed anew or decided again, and it never counts for a gate. The key comes from where
    `ophamin seal` takes it. All files are read before anything is written, and no file is overwritten.

    Prints state, id and the new file between tabs. Ends with 0, 2 when a file or a key cannot be used, 4 when a seal
    fits none of the secrets.

    \b
    Example:
      ophamin migrate archive/*.json --key-file archive.pem --secret hmac.key
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.cli.records import read_keys
    from ophamin.core.dsse import IN_TOTO_TYPE, sign
    from ophamin.core.environment import ophamin_version
    from ophamin.core.files import write_atomic
    from ophamin.core.records import utc_now
    from ophamin.trust.migrate import migration_statement

    signer = take_signing_key(key_file, os.environ)
    if signer is None:
        fail("no key to sign with; give --key-file or OPHAMIN_SIGNING_KEY")
    secrets = () if secret_file is None else read_keys(secret_file)
    targets: dict[Path, tuple[Path, OldRecord, SealState]] = {}
    for file in dict.fromkeys(files):
        if file.name.endswith(ENVELOPES):
            note(f"left out: {shown_path(file)} is an envelope")
            continue
        target = file.with_name(f"{file.stem}.migration{ENVELOPES}")
        if target in targets:
            fail(
                f"{shown_path(file)} and {shown_path(targets[target][0])} would both be {target.name}; wrap them apart"
            )
        if os.path.lexists(target):
            fail(f"{shown_path(target)} is there already and was left as it is; remove it to wrap the record anew")
        targets[target] = (file, old := _read(file), _state(file, old, secrets))
    made_by, now = f"ophamin {ophamin_version()}", utc_now()
    for target, (file, old, seal) in targets.items():
        statement = migration_statement(file.name, old, seal, wrapped_at=now, wrapped_by=made_by)
        write_atomic(target, sign(statement.data, IN_TOTO_TYPE, [signer]).to_bytes())
        say_fields((seal.state, old.record_id[:SHORT_ID], shown_path(target)))
    note(f"{len(targets)} wrapped, signed by {signer.public.key_id[:SHORT_ID]}")


def _state(file: Path, old: OldRecord, secrets: tuple[bytes, ...]) -> SealState:
    from ophamin.trust.migrate import MigrationError, seal_state

    try:
        return seal_state(old.record, secrets)
    except MigrationError as error:
        fail(f"{shown_path(file)}: {error}", code=EXIT_UNTRUSTED)


def _read(file: Path) -> OldRecord:
    """A proof or an audit, read strictly, its id compared with its content."""
    from ophamin.auditing.audit_record import MAX_BYTES, AuditRecord
    from ophamin.core import strictjson
    from ophamin.measuring.proof.record import EmpiricalProofRecord
    from ophamin.trust.migrate import OldRecord
    from ophamin.trust.verify_files import read_bounded

    try:
        data = read_bounded(file, MAX_BYTES)
        if data is None:
            fail(f"{shown_path(file)}: no such file; name an old record")
        wire = strictjson.loads(data, max_bytes=MAX_BYTES, what=file.name)
        if isinstance(wire, dict) and "audit_id" in wire:
            audit = AuditRecord.from_dict(wire)
            return OldRecord("audit", audit.schema_version, audit.audit_id, audit, data)
        proof = EmpiricalProofRecord.from_dict(wire)
        return OldRecord("proof", proof.schema_version, proof.proof_id, proof, data)
    except (OphaminError, ValueError) as error:
        fail(f"{shown_path(file)}: {error}; a migration takes proofs and audits, each with its own id")
