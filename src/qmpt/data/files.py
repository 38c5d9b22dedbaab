# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there, and regular files to read from. What is in them is not known here."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from qmpt.errors import DataError

__all__ = ["TEMPORARY_PREFIX", "digest", "open_regular", "replacing", "require_regular", "write_atomic"]

TEMPORARY_PREFIX: Final = ".qmpt-"
"""How temporary files begin; one is left behind only by a process that was killed."""

_BLOCK: Final = 2**20
_WAYS_OUT: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of the quota",
    errno.EACCES: "make the folder writable",
    errno.EPERM: "make the folder writable",
    errno.EROFS: "choose a folder on a writable disk",
    errno.ENAMETOOLONG: "shorten the name",
    errno.ENOTDIR: "remove the file that stands in the place of the folder",
    errno.EISDIR: "remove the folder that stands in the place of the file",
}


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Write a file so that at every moment the old one or the new one is there, whole.

    What is written goes to a temporary file in the same folder, which takes the place of ``path`` when the block ends
    well. The folder is made where it is missing; a link at ``path`` is replaced and its target left alone.

    Args:
        path: the file.

    Yields:
        The temporary file, open for bytes.

    Raises:
        DataError: the system refused; no temporary file is left.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "new" / "rows.jsonl"
        >>> with replacing(target) as handle:
        ...     handle.write(b"{}")
        2
        >>> target.read_bytes()
        b'{}'
    """
    target = Path(path)
    temporary = target.parent / f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}"
    try:
        if not target.name or target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as handle:
            yield handle
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            way_out = _WAYS_OUT.get(error.errno or 0, "mend that, or choose another folder")
            raise DataError(f"{target} was not written: {error.strerror or error}; {way_out}") from error
        raise


def write_atomic(path: str | Path, data: bytes) -> None:
    """Write all bytes of a file at once; see `replacing`.

    Raises:
        DataError: the system refused; no temporary file is left.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "run.json"
        >>> write_atomic(target, b"{}")
        >>> target.read_bytes()
        b'{}'
    """
    with replacing(path) as handle:
        handle.write(data)


def require_regular(path: str | Path) -> Path:
    """The path, if it leads to a regular file; so nobody waits for a pipe.

    Raises:
        DataError: it is missing, a folder, a pipe or a device.

    Example:
        >>> require_regular("/")
        Traceback (most recent call last):
        ...
        qmpt.errors.DataError: / is no regular file; give a file
    """
    given = Path(path)
    try:
        mode = given.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        problem = getattr(error, "strerror", None) or error
        raise DataError(f"{given} cannot be read: {problem}; give a file that can be read") from None
    if not stat.S_ISREG(mode):
        raise DataError(f"{given} is no regular file; give a file")
    return given


def open_regular(path: str | Path) -> IO[bytes]:
    """Open a regular file for reading bytes.

    Raises:
        DataError: see `require_regular`, or the system refused.

    Example:
        >>> with open_regular(__file__) as handle:
        ...     handle.read(3)
        b'# S'
    """
    given = require_regular(path)
    try:
        return given.open("rb")
    except OSError as error:
        raise DataError(f"{given} cannot be read: {error.strerror}; give a file that can be read") from None


def digest(path: str | Path) -> str:
    """The SHA-256 of a file, as ``sha256:`` and 64 hexadecimal digits.

    Raises:
        DataError: it cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> path.touch()
        >>> digest(path)[:20]
        'sha256:e3b0c44298fc1'
    """
    hashed = hashlib.sha256()
    with open_regular(path) as handle:
        while block := handle.read(_BLOCK):
            hashed.update(block)
    return f"sha256:{hashed.hexdigest()}"
