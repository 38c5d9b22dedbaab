# SPDX-License-Identifier: Apache-2.0
"""Audit files: write, read, check, verify, list; the twin of `ophamin.measuring.proof.codec`.

Reading is strict, and every failure is an `AuditCodecError` that says what is wrong with which file. `ingest` is the
door for files from others. A verified seal shows that the holder of a shared key made or passed the record; who that
was is for the envelope around it, which this module does not know. There is no schema file: the reader is the shape.

Accepted are audit/1.0 and audit/1.1, each with exactly its own fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ophamin.auditing.audit_record import ACCEPTED_VERSIONS, MAX_BYTES, AuditRecord
from ophamin.core.files import write_atomic
from ophamin.core.strictjson import BYTES_PER_VALUE, StrictJSONError
from ophamin.core.strictjson import load as _load_json
from ophamin.core.strictjson import loads as _loads_json
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = [
    "ACCEPTED_VERSIONS",
    "MAX_BYTES",
    "AuditCodecError",
    "AuditDecodeError",
    "AuditListEntry",
    "AuditSchemaVersionMismatchError",
    "AuditSignatureError",
    "AuditValidationReport",
    "dump",
    "ingest",
    "iter_audits",
    "list_audits",
    "load",
    "validate",
    "verify_signature",
]

_SHOWN_PROBLEMS: Final = 5
_OTHER_KINDS: Final = frozenset({"proof.json", "diagnosis.json", "head.json", "CAMPAIGN.json"})
_OTHER_ENDINGS: Final = re.compile(r".*\.(?:dsse|intoto|sarif)\.json")


class AuditCodecError(OphaminError, RuntimeError):
    """An audit file cannot be accepted; raised itself where the parts of a record do not agree."""


class AuditDecodeError(AuditCodecError):
    """A file cannot be read, is not strict JSON, or is not an audit."""


class AuditSignatureError(AuditCodecError):
    """A seal is missing or wrong, or was asked for without a key to check it."""


class AuditSchemaVersionMismatchError(AuditCodecError):
    """A record has a schema version that the caller does not take, or that is not known here."""


@dataclass(frozen=True, slots=True)
class AuditValidationReport:
    """What the checks found in one file.

    Attributes:
        record_ok: the file is an audit whose parts agree.
        record_problems: one line per problem.
        signature_ok: whether the seal belongs to the record; None where it was not checked.
    """

    record_ok: bool
    record_problems: tuple[str, ...]
    signature_ok: bool | None

    @property
    def all_ok(self) -> bool:
        """Nothing was found; an unchecked seal counts as nothing found."""
        return self.record_ok and self.signature_ok is not False


@dataclass(frozen=True, slots=True)
class AuditListEntry:
    """One file of a folder of audits: what it says, or why it cannot be read.

    Attributes:
        path: the file.
        audit_id: the id, recomputed.
        total_findings: how many findings the summary states.
        schema_version: audit/1.0 or audit/1.1.
        target_path: what was audited.
        signature_ok: whether the seal verifies; None without a key.
        error: why the file cannot be read; everything else is then None.
    """

    path: Path
    audit_id: str | None = None
    total_findings: int | None = None
    schema_version: str | None = None
    target_path: str | None = None
    signature_ok: bool | None = None
    error: str | None = None


def dump(record: AuditRecord, path: str | Path, *, indent: int | None = 2) -> Path:
    """Write a record, whole or not at all, and return the path; folders are made.

    Raises:
        AuditCodecError: the record is too large to be read again.
        OSError: the file cannot be written.
    """
    target = Path(path)
    text = record.dumps() if indent == 2 else json.dumps(record.to_dict(), indent=indent)
    data = text.encode("ascii")
    _check_readable(data, target, record)
    write_atomic(target, data)
    return target


def load(path: str | Path) -> AuditRecord:
    """Read a record; its id is compared with its content, its parts are not judged.

    Raises:
        AuditDecodeError: with the error behind it as its cause.
    """
    return _decode(_read(Path(path)), Path(path))


def verify_signature(path: str | Path, key: bytes) -> bool:
    """Whether the seal in a file belongs to its record under ``key``; False where there is none.

    Raises:
        AuditDecodeError: the file cannot be read.
        SealKeyError: the key is empty.
    """
    return load(path).verify_signature(key)


def validate(path: str | Path, *, key: bytes | None = None) -> AuditValidationReport:
    """Run every check on a file and report what each found; it never raises, whatever the file holds.

    Args:
        path: the file. One that cannot be read has that as its one problem.
        key: the shared key of the seal; None leaves the seal unchecked. Under an empty key nothing verifies.
    """
    try:
        record = load(path)
        problems = tuple(record.validate())
        sealed = None if key is None else bool(key) and record.verify_signature(key)
    except (OphaminError, ValueError, OSError) as error:
        return AuditValidationReport(False, (str(error),), None)
    return AuditValidationReport(not problems, problems, sealed)


def ingest(
    path: str | Path,
    *,
    key: bytes | None = None,
    strict_signature: bool = False,
    require_schema_version: str | None = None,
    allowed_schema_versions: Collection[str] | None = None,
) -> AuditRecord:
    """Read a record from outside and take it only if every check passes.

    The checks run in the order version, shape, record, seal.

    Args:
        path: the file.
        key: the shared key; where it is given, a wrong or missing seal is an error, strict or not.
        strict_signature: also refuse to go without a key.
        require_schema_version: the one version that is taken.
        allowed_schema_versions: the versions that are taken; without either, every known one.

    Returns:
        The record, well-formed and with its own id.

    Raises:
        AuditDecodeError: the file cannot be read, is not strict JSON or not an audit, or its id is not its own.
        AuditSchemaVersionMismatchError: another version is required, or this one is not known.
        AuditSignatureError: the seal is wrong, missing, or cannot be checked although it has to be.
        AuditCodecError: its parts do not agree.
    """
    file = Path(path)
    data = _read(file)
    _check_version(data, file, require_schema_version, allowed_schema_versions)
    record = _decode(data, file)
    if problems := record.validate():
        raise AuditCodecError(f"{visible(str(file))} is no well-formed audit: {_some(problems)}")
    _check_seal(record, file, key, strict=strict_signature)
    return record


def iter_audits(directory: str | Path) -> Iterator[Path]:
    """Every file below a folder that may be an audit, in the order of the paths.

    Left out are other kinds of file by their names: ``proof.json``, envelopes (``*.dsse.json``, ``*.intoto.json``),
    ``*.sarif.json``, ``CAMPAIGN.json``, ``diagnosis.json`` and whatever lies in ``llm_calls``.

    Raises:
        AuditDecodeError: there is no such folder; an empty answer would look like a clean one.
    """
    root = Path(directory)
    if not root.is_dir():
        raise AuditDecodeError(f"{visible(str(directory))} is not a folder; give the folder of the audits")
    for file in sorted(root.rglob("*.json")):
        if file.is_file() and not _is_other(file.relative_to(root)):
            yield file


def list_audits(directory: str | Path, *, key: bytes | None = None) -> tuple[AuditListEntry, ...]:
    """One entry for each file of `iter_audits`; a file that cannot be read is an entry with ``error`` set.

    Raises:
        AuditDecodeError: there is no such folder.
        SealKeyError: the key is empty.
    """
    return tuple(_entry(file, key) for file in iter_audits(directory))


def _check_readable(data: bytes, path: Path, record: AuditRecord) -> None:
    """Refuse what `load` would refuse; size and number of values are what a record itself does not limit."""
    most_values = sum(data.count(mark) for mark in (b",", b"[", b"{"))
    if len(data) <= MAX_BYTES and most_values <= MAX_BYTES // BYTES_PER_VALUE:
        return
    try:
        _loads_json(data, max_bytes=MAX_BYTES, what=str(path))
    except StrictJSONError as error:
        total = record.summary.total_findings
        raise AuditCodecError(
            f"an audit of {total} findings is too large ({error}); audit the tree in parts"
        ) from error


def _read(path: Path) -> Any:
    try:
        return _load_json(path, max_bytes=MAX_BYTES)
    except StrictJSONError as error:
        raise AuditDecodeError(str(error)) from error


def _decode(data: Any, path: Path) -> AuditRecord:
    try:
        return AuditRecord.from_dict(data)
    except ValueError as error:
        raise AuditDecodeError(f"{visible(str(path))} is not an audit: {visible(str(error))}") from error


def _check_version(data: Any, path: Path, required: str | None, allowed: Collection[str] | None) -> None:
    version = data.get("schema_version") if isinstance(data, Mapping) else None
    if not isinstance(version, str) or not version.startswith("audit/"):
        return  # another kind of file; the reader says what is wrong with it
    accepted = set(ACCEPTED_VERSIONS) if allowed is None else set(allowed) & set(ACCEPTED_VERSIONS)
    if required is not None:
        accepted &= {required}
    if version not in accepted:
        raise AuditSchemaVersionMismatchError(
            f"{visible(str(path))} has schema_version {visible(version[:60])!r}, but "
            f"{' or '.join(sorted(accepted)) or 'no known version'} is taken; known here are "
            f"{' and '.join(ACCEPTED_VERSIONS)}"
        )


def _check_seal(record: AuditRecord, path: Path, key: bytes | None, *, strict: bool) -> None:
    name = visible(str(path))
    if key is None:
        if strict:
            raise AuditSignatureError(f"{name}: strict_signature needs a key to check the seal; pass key=")
        return
    if not record.signature:
        raise AuditSignatureError(f"{name} is unsigned, and a key was given; pass no key to take it unsigned")
    if not record.verify_signature(key):
        raise AuditSignatureError(f"{name}: the seal does not belong to the record under this key; reject it")


def _is_other(file: Path) -> bool:
    name = file.name
    return "llm_calls" in file.parts[:-1] or name in _OTHER_KINDS or _OTHER_ENDINGS.fullmatch(name) is not None


def _entry(file: Path, key: bytes | None) -> AuditListEntry:
    try:
        record = load(file)
    except AuditDecodeError as error:
        return AuditListEntry(file, error=str(error))
    return AuditListEntry(
        path=file,
        audit_id=record.audit_id,
        total_findings=record.summary.total_findings,
        schema_version=record.schema_version,
        target_path=record.target_path,
        signature_ok=None if key is None else record.verify_signature(key),
    )


def _some(lines: list[str]) -> str:
    more = len(lines) - _SHOWN_PROBLEMS
    shown = "; ".join(visible(line) for line in lines[:_SHOWN_PROBLEMS])
    return f"{shown}; and {more} more" if more > 0 else shown
