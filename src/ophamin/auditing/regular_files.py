# SPDX-License-Identifier: Apache-2.0
"""Small regular files, read without following a link at the end and without waiting for a pipe."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path, PurePosixPath
from typing import Final

__all__ = ["read_regular", "read_within"]

_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_regular(file: Path, max_bytes: int, *, private: bool = False) -> bytes:
    """All bytes of a regular file.

    Args:
        file: no link.
        max_bytes: the greatest size.
        private: on POSIX, also refuse a file that is another user's, or that others may use.

    Raises:
        OSError: it is missing, too large, no regular file, or not private.

    Example:
        >>> read_regular(Path("/"), 100)
        Traceback (most recent call last):
        ...
        OSError: [Errno 22] this is no regular file of at most 100 bytes
    """
    descriptor = os.open(file, _READ)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > max_bytes:
            raise OSError(errno.EINVAL, f"this is no regular file of at most {max_bytes} bytes")
        if private and os.name == "posix" and (facts.st_uid != os.geteuid() or facts.st_mode & 0o077):
            raise OSError(errno.EPERM, "others than this user may use it")
        with open(descriptor, "rb", closefd=False) as handle:
            data = handle.read(max_bytes + 1)
        if len(data) > max_bytes:  # it has grown since
            raise OSError(errno.EFBIG, f"this has more than {max_bytes} bytes")
        return data
    finally:
        os.close(descriptor)


def read_within(root: Path, path: str, max_bytes: int) -> bytes:
    """All bytes of a regular file inside a folder.

    Args:
        root: the folder.
        path: relative to it, with forward slashes.
        max_bytes: the greatest size.

    Raises:
        OSError: as `read_regular`; also where the path, or a folder on it that is a link, leads out.
    """
    parts = PurePosixPath(path)
    file = root / parts
    if parts.is_absolute() or ".." in parts.parts or not file.parent.resolve().is_relative_to(root.resolve()):
        raise OSError(errno.EPERM, "this lies outside the audited tree")
    return read_regular(file, max_bytes)
