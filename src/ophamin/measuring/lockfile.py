# SPDX-License-Identifier: Apache-2.0
"""The file ``ophamin.lock``: the claims of a project, registered before they are tried.

TOML at the root of the repository, committed and reviewed like code. It is written from claims, byte for byte the same
each time, and read strictly. Whether a claim still is what was registered is for `ophamin.measuring.registration`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, Final

from ophamin.core.files import write_atomic
from ophamin.core.text import visible
from ophamin.errors import RecordWriteError
from ophamin.measuring.lock_claims import Amendment, Change, Lock, LockedClaim, Tombstone
from ophamin.measuring.lock_reader import lock_of
from ophamin.measuring.lock_text import END, MAX_LOCK_BYTES, TABLES, LockError, check_size

__all__ = [
    "LOCK_NAME",
    "Amendment",
    "Change",
    "Lock",
    "LockError",
    "LockedClaim",
    "Tombstone",
    "lock_bytes",
    "parse_lock",
    "read_lock",
    "write_lock",
]

LOCK_NAME: Final = "ophamin.lock"

_HEADER: Final = """\
# The claims of this project, registered before they are tried. Review it like code.
# Written by pytest --ophamin --ophamin-register [--ophamin-reason "..."]; do not edit it by hand.
"""


def lock_bytes(lock: Lock) -> bytes:
    """The lock as its file: the same bytes for the same lock.

    Raises:
        LockError: it would be larger than a reader takes, or holds half of a surrogate pair.

    Example:
        >>> print(lock_bytes(Lock()).decode(), end="")
        # The claims of this project, registered before they are tried. Review it like code.
        # Written by pytest --ophamin --ophamin-register [--ophamin-reason "..."]; do not edit it by hand.
        schema = 1
        <BLANKLINE>
        # end of ophamin.lock
    """
    document = lock.to_document()
    tables = [_table_text(name, table) for name in TABLES for table in document.get(name, ())]
    text = "\n".join([f"{_HEADER}schema = {document['schema']}\n", *tables, f"{END}\n"])
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        around = visible(text[max(0, error.start - 30) : error.end])
        problem = f"{LOCK_NAME}: {around!r} holds half of a surrogate pair; write the character whole"
        raise LockError("wrong_value", problem) from error
    check_size(data)
    return data


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock, whole or not at all.

    Raises:
        LockError: it cannot be written; what was there before still is.
    """
    data = lock_bytes(lock)
    try:
        write_atomic(path, data)
    except RecordWriteError as error:
        problem = os.strerror(error.errno) if error.errno else str(error)
        raise LockError("unwritable", f"{visible(str(path))} was not written: {problem}; mend that") from error


def read_lock(path: Path) -> Lock:
    """Read a lock from a regular file of at most `MAX_LOCK_BYTES`; links are not followed.

    Raises:
        LockError: it cannot be read, or says what no lock says; the message names line, claim and way out.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as handle:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise LockError("unreadable", f"{visible(str(path))} is no regular file; remove it and register again")
            data = handle.read(MAX_LOCK_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, LockError):
            raise
        problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise LockError("unreadable", f"{visible(str(path))}: {problem}; give a file that can be read") from error
    return parse_lock(data, what=path.name)


def parse_lock(data: bytes, *, what: str = LOCK_NAME) -> Lock:
    """Read a lock from its bytes.

    Args:
        data: the whole file.
        what: its name, for messages.

    Raises:
        LockError: it says what no lock says; the message names line, claim and way out.

    Example:
        >>> parse_lock(lock_bytes(Lock())) == Lock()
        True
        >>> parse_lock(b"schema = 2")
        Traceback (most recent call last):
        ...
        ophamin.measuring.lock_text.LockError: ophamin.lock: line 1: schema 2 is not known here, where 1 is read; ...
    """
    try:
        return lock_of(data)
    except LockError as error:
        raise LockError(error.reason, f"{visible(what)}: {error}", error.line) from None


def _table_text(name: str, table: dict[str, Any]) -> str:
    """One table under its own header: the writer alone would put a short one into a single line."""
    import tomli_w

    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    text = f"[[{name}]]\n{tomli_w.dumps({key: value for key, value in table.items() if key not in inner})}"
    return "".join([text, *(f"\n[{name}.{key}]\n{tomli_w.dumps(value)}" for key, value in inner.items())])
