# SPDX-License-Identifier: Apache-2.0
"""Proof files: write, read, check, verify, list.

Reading is strict, and every failure is a `ProofCodecError` that says what is wrong with which file. `ingest` is the
door for files from others. A verified seal shows that the holder of a shared key made or passed the record; who that
was is for the envelope around it, which this module does not know.

Accepted are schema versions 1.0 and 1.1. All eleven fields of a piece of evidence are needed, null where there is
nothing to say, since a record with a field filled in would have another id than the one it came with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ophamin.core.files import write_atomic
from ophamin.core.strictjson import StrictJSONError
from ophamin.core.strictjson import load as _load_json
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.proof.record import (
    SCHEMA_VERSION,
    SCHEMA_VERSION_UNDEFINED,
    EmpiricalProofRecord,
)
from ophamin.measuring.proof.schema import schema_errors as _schema_errors

__all__ = [
    "ACCEPTED_VERSIONS",
    "ProofCodecError",
    "ProofDecodeError",
    "ProofListEntry",
    "ProofSchemaError",
    "ProofSchemaVersionMismatchError",
    "ProofSignatureError",
    "ProofValidationError",
    "ValidationReport",
    "dump",
    "ingest",
    "iter_proofs",
    "list_proofs",
    "load",
    "validate",
    "validate_schema",
    "verify_signature",
]

ACCEPTED_VERSIONS: Final = (SCHEMA_VERSION, SCHEMA_VERSION_UNDEFINED)

_SHOWN_PROBLEMS: Final = 5
_AUDIT_NAME: Final = re.compile(r"audit_[0-9a-f]{16}\.json")


class ProofCodecError(OphaminError, RuntimeError):
    """A proof file cannot be accepted."""


class ProofDecodeError(ProofCodecError):
    """A file cannot be read, is not strict JSON, or is not a record."""


class ProofSchemaError(ProofCodecError):
    """A file does not have the shape of a proof record.

    Attributes:
        path: the file.
        schema_errors: one ``a.b.c: message`` per error.
    """

    def __init__(self, path: Path, schema_errors: tuple[str, ...]) -> None:
        super().__init__(f"{visible(str(path))} does not have the shape of a proof: {_some(schema_errors)}")
        self.path = path
        self.schema_errors = schema_errors


class ProofValidationError(ProofCodecError):
    """The parts of a record do not agree.

    Attributes:
        path: the file.
        record_problems: one line per problem.
    """

    def __init__(self, path: Path, record_problems: tuple[str, ...]) -> None:
        super().__init__(f"{visible(str(path))} is no well-formed proof: {_some(record_problems)}")
        self.path = path
        self.record_problems = record_problems


class ProofSignatureError(ProofCodecError):
    """A seal is missing or wrong, or was asked for without a key to check it."""


class ProofSchemaVersionMismatchError(ProofCodecError):
    """A record has a schema version that the caller does not take."""


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What each layer of checks found in one file.

    Attributes:
        schema_ok: the shape is right.
        schema_errors: what is wrong with the shape.
        record_ok: the parts agree.
        record_problems: where they do not.
        signature_ok: whether the seal belongs to the record; None where it was not checked.
    """

    schema_ok: bool
    schema_errors: tuple[str, ...]
    record_ok: bool
    record_problems: tuple[str, ...]
    signature_ok: bool | None

    @property
    def all_ok(self) -> bool:
        """No layer found anything; an unchecked seal counts as nothing found."""
        return self.schema_ok and self.record_ok and self.signature_ok is not False


@dataclass(frozen=True, slots=True)
class ProofListEntry:
    """One file of a folder of proofs: what it says, or why it cannot be read.

    Attributes:
        path: the file.
        proof_id: the id, recomputed.
        verdict: the outcome.
        schema_version: 1.0 or 1.1.
        claim_statement: what was claimed.
        signature_ok: whether the seal verifies; None without a key.
        error: why the file cannot be read; everything else is then None.
    """

    path: Path
    proof_id: str | None = None
    verdict: str | None = None
    schema_version: str | None = None
    claim_statement: str | None = None
    signature_ok: bool | None = None
    error: str | None = None


def dump(record: EmpiricalProofRecord, path: str | Path, *, indent: int | None = 2) -> Path:
    """Write a record, whole or not at all, and return the path; folders are made.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(path)
    text = record.dumps() if indent == 2 else json.dumps(record.to_dict(), indent=indent)
    write_atomic(target, text.encode("ascii"))
    return target


def load(path: str | Path) -> EmpiricalProofRecord:
    """Read a record; its id is compared with its content, its parts are not judged.

    Raises:
        ProofDecodeError: with the error behind it as its cause.
    """
    return _decode(_read(Path(path)), Path(path))


def validate_schema(path: str | Path) -> tuple[bool, tuple[str, ...]]:
    """Whether a file has the shape of a proof, and one ``a.b.c: message`` for each place where it has not.

    Raises:
        ProofDecodeError: the file cannot be read or is not strict JSON.
    """
    errors = _schema_errors(_read(Path(path)))
    return not errors, errors


def verify_signature(path: str | Path, key: bytes) -> bool:
    """Whether the seal in a file belongs to its record under ``key``; False where there is none.

    Raises:
        ProofDecodeError: the file cannot be read.
        SealKeyError: the key is empty.
    """
    return load(path).verify_signature(key)


def validate(path: str | Path, *, key: bytes | None = None) -> ValidationReport:
    """Run every check on a file and report what each found.

    Where the shape is wrong, the record is not looked at; where the record cannot be made, the seal is not.

    Args:
        path: the file.
        key: the shared key of the seal; None leaves the seal unchecked.

    Raises:
        ProofDecodeError: the file cannot be read or is not strict JSON; nothing else raises.
        SealKeyError: the key is empty.
    """
    data = _read(Path(path))
    errors = _schema_errors(data)
    if errors:
        return ValidationReport(False, errors, False, ("skipped: the shape of the file is wrong",), None)
    try:
        record = EmpiricalProofRecord.from_dict(data)
    except ValueError as error:
        return ValidationReport(True, (), False, (str(error),), None)
    problems = tuple(record.validate())
    sealed = None if key is None else record.verify_signature(key)
    return ValidationReport(True, (), not problems, problems, sealed)


def ingest(
    path: str | Path,
    *,
    key: bytes | None = None,
    strict_signature: bool = False,
    require_schema_version: str | Collection[str] | None = ACCEPTED_VERSIONS,
) -> EmpiricalProofRecord:
    """Read a record from outside and take it only if every check passes.

    The checks run in the order shape, record, version, seal.

    Args:
        path: the file.
        key: the shared key; where it is given, a wrong or missing seal is an error, strict or not.
        strict_signature: also refuse to go without a key.
        require_schema_version: one version or several; None takes every known one.

    Returns:
        The record, well-formed and with its own id.

    Raises:
        ProofDecodeError: the file cannot be read or is not strict JSON.
        ProofSchemaError: it does not have the shape of a proof.
        ProofValidationError: its parts do not agree, or its id is not its own.
        ProofSchemaVersionMismatchError: another version is required.
        ProofSignatureError: the seal is wrong, missing, or cannot be checked although it has to be.
    """
    file = Path(path)
    data = _read(file)
    if errors := _schema_errors(data):
        raise ProofSchemaError(file, errors)
    try:
        record = EmpiricalProofRecord.from_dict(data)
    except ValueError as error:
        raise ProofValidationError(file, (str(error),)) from error
    if problems := record.validate():
        raise ProofValidationError(file, tuple(problems))
    _check_version(record, file, require_schema_version)
    _check_seal(record, file, key, strict=strict_signature)
    return record


def iter_proofs(directory: str | Path) -> Iterator[Path]:
    """Every file below a folder that may be a proof, in the order of the paths.

    Left out are other kinds of file by their names: audits, envelopes (``*.dsse.json``, ``*.intoto.json``),
    ``diagnosis.json`` and whatever lies in ``llm_calls``.

    Raises:
        ProofDecodeError: there is no such folder; an empty answer would look like a clean one.
    """
    root = Path(directory)
    if not root.is_dir():
        raise ProofDecodeError(f"{visible(str(directory))} is not a folder; give the folder of the proofs")
    for file in sorted(root.rglob("*.json")):
        if file.is_file() and not _is_other(file.relative_to(root)):
            yield file


def list_proofs(directory: str | Path, *, key: bytes | None = None) -> tuple[ProofListEntry, ...]:
    """One entry for each file of `iter_proofs`; a file that cannot be read is an entry with ``error`` set."""
    return tuple(_entry(file, key) for file in iter_proofs(directory))


def _read(path: Path) -> Any:
    try:
        return _load_json(path)
    except StrictJSONError as error:
        raise ProofDecodeError(str(error)) from error


def _decode(data: Any, path: Path) -> EmpiricalProofRecord:
    try:
        return EmpiricalProofRecord.from_dict(data)
    except ValueError as error:
        raise ProofDecodeError(f"{visible(str(path))} is not a proof: {visible(str(error))}") from error


def _check_version(record: EmpiricalProofRecord, path: Path, required: str | Collection[str] | None) -> None:
    accepted = ACCEPTED_VERSIONS if required is None else (required,) if isinstance(required, str) else required
    if record.schema_version not in accepted:
        raise ProofSchemaVersionMismatchError(
            f"{visible(str(path))} has schema_version {record.schema_version}, but {' or '.join(accepted)} is "
            "required; pass require_schema_version=None to take every known one"
        )


def _check_seal(record: EmpiricalProofRecord, path: Path, key: bytes | None, *, strict: bool) -> None:
    name = visible(str(path))
    if key is None:
        if strict:
            raise ProofSignatureError(f"{name}: strict_signature needs a key to check the seal; pass key=")
        return
    if not record.signature:
        raise ProofSignatureError(f"{name} is unsigned, and a key was given; pass no key to take it unsigned")
    if not record.verify_signature(key):
        raise ProofSignatureError(f"{name}: the seal does not belong to the record under this key; reject it")


def _is_other(file: Path) -> bool:
    name = file.name
    return (
        "llm_calls" in file.parts[:-1]
        or name in {"diagnosis.json", "audit.json", "head.json"}
        or _AUDIT_NAME.fullmatch(name) is not None
        or name.endswith((".dsse.json", ".intoto.json"))
    )


def _entry(file: Path, key: bytes | None) -> ProofListEntry:
    try:
        record = load(file)
    except ProofDecodeError as error:
        return ProofListEntry(file, error=str(error))
    return ProofListEntry(
        path=file,
        proof_id=record.proof_id,
        verdict=record.verdict.outcome,
        schema_version=record.schema_version,
        claim_statement=record.claim.statement,
        signature_ok=None if key is None else record.verify_signature(key),
    )


def _some(lines: tuple[str, ...]) -> str:
    more = len(lines) - _SHOWN_PROBLEMS
    shown = "; ".join(visible(line) for line in lines[:_SHOWN_PROBLEMS])
    return f"{shown}; and {more} more" if more > 0 else shown
