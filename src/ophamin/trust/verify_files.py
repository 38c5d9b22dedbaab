# SPDX-License-Identifier: Apache-2.0
"""The files of records that are to be verified: found, and read without following a link or waiting for a pipe."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ophamin.core.dsse import MAX_ENVELOPE_BYTES
from ophamin.core.strictjson import MAX_BYTES
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.proof.codec import iter_proofs
from ophamin.trust.heads import HEAD_NAME

__all__ = [
    "RecordFiles",
    "RecordPathError",
    "UnreadableError",
    "files_of",
    "own_record_paths",
    "read_bounded",
    "record_paths",
]

PROOF: Final = "proof.json"
ENVELOPE: Final = "proof.dsse.json"
OBSERVATIONS: Final = "observations.json.gz"

_READ: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


class RecordPathError(OphaminError, LookupError):
    """Nothing is at a path that was to be verified."""


class UnreadableError(OphaminError, ValueError):
    """A file of a record cannot be read: a link, no regular file, too large."""


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """Where the files of one record are.

    Attributes:
        proof_path: the record.
        is_ours: whether it lies in a folder of its own, as our records do, with its observations beside it.
    """

    proof_path: Path
    is_ours: bool

    @property
    def label(self) -> str:
        """The path of the record, safe to print."""
        return visible(str(self.proof_path))

    @property
    def proof_name(self) -> str:
        """The name of the record's file, safe to print."""
        return visible(self.proof_path.name)

    def proof(self) -> bytes | None:
        """The record; None where there is none.

        Raises:
            UnreadableError: it is there and cannot be read.
        """
        return read_bounded(self.proof_path, MAX_BYTES)

    def envelope(self) -> bytes | None:
        """The envelope; None where there is none.

        Raises:
            UnreadableError: it is there and cannot be read.
        """
        return read_bounded(self.proof_path.with_name(f"{self.proof_path.stem}.dsse.json"), MAX_ENVELOPE_BYTES)

    def observations(self, most: int) -> bytes | None:
        """The packed observations; None where there are none.

        Raises:
            UnreadableError: they are there and cannot be read, or have more than ``most`` bytes.
        """
        return read_bounded(self.proof_path.with_name(OBSERVATIONS), most) if self.is_ours else None


def files_of(path: Path) -> RecordFiles:
    """The files of a record that is named by its folder, its file or its envelope.

    >>> files_of(Path("latest/scientific/a/80d5b9f33fba/proof.json")).is_ours, files_of(Path("other.json")).is_ours
    (True, False)
    """
    if path.name == ENVELOPE:
        path = path.with_name(PROOF)
    elif path.is_dir() and not path.is_symlink():
        path /= PROOF
    return RecordFiles(path, path.name == PROOF)


def record_paths(path: Path, *, only_own: bool = False) -> Iterator[Path]:
    """The records at a path: the file itself, or all of a folder in the order of their paths.

    An envelope whose record is gone counts as a record, so that a removed file is seen. Links are named too, and
    refused when they are read.

    Args:
        path: a file, which is taken for a record whatever its name, or a folder.
        only_own: of a folder, take the records that have a folder of their own, and leave other JSON files alone.

    Raises:
        RecordPathError: nothing is there.
    """
    if not os.path.lexists(path):
        raise RecordPathError(f"{visible(str(path))}: no such file or folder; name a record or a folder of records")
    if not path.is_dir():
        yield path
        return
    found = set() if only_own else {one for one in iter_proofs(path) if one.name != HEAD_NAME}
    yield from sorted(found | set(own_record_paths(path)))


def own_record_paths(folder: Path) -> list[Path]:
    """The records of ours below a folder, each in a folder of its own, in the order of their paths.

    An envelope whose record is gone counts as a record; other files are left alone, whatever is in them.
    """
    return sorted({one.with_name(PROOF) for name in (PROOF, ENVELOPE) for one in folder.rglob(name)})


def read_bounded(path: Path, most: int) -> bytes | None:
    """The bytes of a regular file, no link followed and no pipe waited for; None where nothing is there.

    Raises:
        UnreadableError: it is there and cannot be read, or has more than ``most`` bytes.
    """
    name = visible(path.name)
    try:
        descriptor = os.open(path, _READ)
        with open(descriptor, "rb") as handle:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableError(f"{name} is no regular file; give the record's own files")
            data = handle.read(most + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        if isinstance(error, OSError) and error.errno in {errno.ELOOP, errno.EMLINK}:
            raise UnreadableError(f"{name} is a link; give the file that it points to") from error
        problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UnreadableError(f"{name}: {visible(problem)}; give a file that can be read") from error
    if len(data) > most:
        raise UnreadableError(f"{name} has more than {most} bytes; no record needs that much")
    return data
