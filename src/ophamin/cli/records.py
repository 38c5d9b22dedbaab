# SPDX-License-Identifier: Apache-2.0
"""Proof records among files: those of a folder, the one that is meant, and whether a seal stands up.

Links inside a folder are not followed: what lies outside is not what the folder was asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ophamin.cli.output import note, shown_path
from ophamin.errors import OphaminError

if TYPE_CHECKING:
    from ophamin.measuring.proof.record import EmpiricalProofRecord

__all__ = ["Listed", "RecordLookupError", "judge", "locate", "proof_files", "read_folder", "read_keys"]

SHORTEST_PREFIX: Final = 4
SHORT_ID: Final = 12
MOST_CANDIDATES: Final = 10
MAX_KEY_BYTES: Final = 4096
PROOF: Final = "proof.json"


class RecordLookupError(OphaminError, LookupError):
    """A path, an id or a key does not lead to what was asked for."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a folder of records: the record, or why there is none."""

    path: Path
    record: EmpiricalProofRecord | None
    error: str = ""


def proof_files(path: Path) -> Iterator[Path]:
    """The file itself, or those of a folder that may be proofs; a link in a folder is named on stderr and left out.

    Raises:
        RecordLookupError: there is nothing at that path.
    """
    from ophamin.measuring.proof.codec import iter_proofs

    if not path.exists():
        raise RecordLookupError(f"{path}: no such file or folder; name a proof.json or a folder of records")
    if not path.is_dir():
        yield path
        return
    for file in iter_proofs(path):
        if file.is_symlink():
            note(f"skipped: {shown_path(file)} is a link; name it on the command line to read it")
        else:
            yield file


def read_folder(folder: Path) -> Iterator[Listed]:
    """Every record of a folder, in the order of the paths.

    Raises:
        RecordLookupError: there is no such folder.
    """
    from ophamin.measuring.proof.codec import ProofCodecError, load

    for file in proof_files(folder):
        try:
            listed = Listed(file, load(file))
        except ProofCodecError as error:
            listed = Listed(file, None, str(error))
        yield listed


def locate(given: str, folder: Path) -> Path:
    """The file that a path, the folder of a record, or the beginning of an id means.

    Args:
        given: what the user wrote; a path that exists goes first.
        folder: where ids are looked up.

    Raises:
        RecordLookupError: nothing or more than one record is meant; the message names the candidates.
    """
    path = Path(given)
    if path.is_dir():
        if (path / PROOF).is_file():
            return path / PROOF
        raise RecordLookupError(f"{path} holds no {PROOF}; see its records with: ophamin proof list {path}")
    if path.exists():
        return path
    if re.fullmatch(r"[0-9a-fA-F]{1,64}", given) is None:
        raise RecordLookupError(f"{given}: no such file, and no id either; give a path, or the first digits of an id")
    if len(given) < SHORTEST_PREFIX:
        raise RecordLookupError(f"{given!r} has {len(given)} digits of an id; give at least {SHORTEST_PREFIX}")
    return _of_prefix(given.lower(), folder)


def read_keys(file: Path) -> tuple[bytes, ...]:
    """The key in a file: its bytes, and the same without the line end that an editor leaves behind.

    Raises:
        RecordLookupError: the file is empty, too large, or no file; the message never shows its content.
    """
    if not file.is_file():
        raise RecordLookupError(f"{file}: no such file; name the file that holds the sealing key")
    with file.open("rb") as handle:
        raw = handle.read(MAX_KEY_BYTES + 1)
    stripped = raw.rstrip(b"\r\n")
    if not stripped or len(raw) > MAX_KEY_BYTES:
        size = "more than that" if stripped else "none"
        raise RecordLookupError(f"{file}: a key has 1 to {MAX_KEY_BYTES} bytes, this file has {size}; name another")
    return tuple(dict.fromkeys((raw, stripped)))


def judge(file: Path, keys: Sequence[bytes]) -> tuple[list[str], str]:
    """What is wrong with a proof file, and in a word how its seal stands.

    Args:
        file: the file.
        keys: forms of the key to check the seal with; none leaves the seal unchecked.

    Returns:
        One line per problem, and the word for a record without one.

    Raises:
        ProofDecodeError: the file cannot be read or is not strict JSON.
    """
    from ophamin.measuring.proof import codec

    report = codec.validate(file)
    problems = [f"shape: {error}" for error in report.schema_errors]
    if report.schema_ok:
        problems += [f"record: {problem}" for problem in report.record_problems]
    seal_problem, seal = "", "unchecked"
    if report.schema_ok:
        try:
            seal_problem, seal = _judge_seal(codec.load(file), keys)
        except codec.ProofDecodeError:
            seal_problem = "seal: not checked, since the record does not have its own id" if keys else ""
    return [*problems, *filter(None, [seal_problem])], seal


def _judge_seal(record: EmpiricalProofRecord, keys: Sequence[bytes]) -> tuple[str, str]:
    """What is wrong with the seal, if anything is, and how it stands."""
    from ophamin.core.signing import PUBLIC_KEYS, is_public_key

    if not record.signature:
        problem = "seal: unsigned, and a key was given; seal the record, or check without --key-file"
        return (problem if keys else ""), "unsigned"
    fitting = any(record.verify_signature(key) for key in keys)
    if any(is_public_key(key) for key in keys):
        fits = "fits, but anyone can seal with it" if fitting else "does not fit"
        return f"seal: KEY_PUBLIC, the key stands in public source and {fits}; use a key of your own", ""
    if fitting:
        return "", "seal fits the key"
    if any(record.verify_signature(key) for key in PUBLIC_KEYS):
        problem = "seal: KEY_PUBLIC, sealed with a key that stands in public source, not with yours; seal it anew"
        return (problem if keys else ""), "sealed with a public key, KEY_PUBLIC"
    if keys:
        return "seal: BAD_SIGNATURE, it does not belong to this record under this key; reject it, or try its key", ""
    return "", "seal not checked"


def _of_prefix(prefix: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise RecordLookupError(f"ids are looked up in {folder}, no folder yet; run pytest --ophamin or give a path")
    known = {one.record.proof_id: one for one in read_folder(folder) if one.record is not None}
    found = sorted(proof_id for proof_id in known if proof_id.startswith(prefix))
    if len(found) == 1:
        return known[found[0]].path
    shown = found or sorted(known)
    digits = SHORT_ID
    while len({one[:digits] for one in shown}) < len(shown):
        digits += 4
    named = ", ".join(one[:digits] for one in shown[:MOST_CANDIDATES])
    more = f" and {len(shown) - MOST_CANDIDATES} more" if len(shown) > MOST_CANDIDATES else ""
    if found:
        raise RecordLookupError(f"{prefix!r} begins {len(found)} ids: {named}{more}; give more digits")
    there = f"there are {named}{more}" if known else "there are none, run pytest --ophamin first"
    raise RecordLookupError(f"no record below {shown_path(folder)} has an id that begins with {prefix!r}; {there}")
