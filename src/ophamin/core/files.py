# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there, and file names that are safe on every system.

Nothing here knows what a record is. Reading is the matter of the strict readers.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ophamin.core.text import visible
from ophamin.errors import RecordWriteError

__all__ = ["TEMPORARY_PREFIX", "slug", "write_atomic", "write_folder"]

TEMPORARY_PREFIX: Final = ".ophamin-"
"""How the temporary files of `write_atomic` begin; one is left behind only by a process that was killed."""

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_HAS_FOLDER_DESCRIPTORS = {os.open, os.rename, os.unlink, os.mkdir, os.rmdir} <= os.supports_dir_fd
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
_WAYS_OUT = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of the quota",
    errno.EACCES: "make the folder writable",
    errno.EPERM: "make the folder writable",
    errno.EROFS: "mount the disk writable",
    errno.ENAMETOOLONG: "shorten the name",
    errno.ELOOP: "replace the link by a folder",
    errno.ENOTDIR: "remove the file or link that stands in the place of the folder",
    errno.EISDIR: "remove the folder that stands in the place of the file",
}


def write_atomic(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole.

    The folder is made where it is missing. A link at ``path`` is replaced and its target left alone; a link as the last
    folder of ``path`` is refused. The mode is 0644 less the umask.

    Args:
        path: the file.
        data: all of its bytes.
        durable: also wait until the disk has it, so that it outlives a loss of power.

    Raises:
        RecordWriteError: with the ``errno`` of the system's error; no temporary file is left.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "proofs" / "proof.json"
        >>> write_atomic(target, b"{}")
        >>> target.read_bytes()
        b'{}'
    """
    try:
        with _folder(path.parent) as folder:
            _replace(path, data, folder, durable=durable)
    except (OSError, ValueError) as error:
        raise _write_error(path, error) from error


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder that is there whole or not at all.

    It is filled under a temporary name and then renamed. A folder that is there already is left as it is, which is
    right where its name is the id of its content. Links are not followed; modes are 0755 and 0644 less the umask.

    Args:
        path: the folder.
        files: plain names to bytes.

    Raises:
        RecordWriteError: with the ``errno`` of the system's error; no temporary folder is left.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "5f4f8f1e3c0d"
        >>> write_folder(target, {"proof.json": b"{}", "PROOF.md": b"#"})
        >>> sorted(file.name for file in target.iterdir())
        ['PROOF.md', 'proof.json']
    """
    try:
        with _folder(path.parent) as parent:
            _fill(path, files, parent)
    except (OSError, ValueError) as error:
        raise _write_error(path, error) from error


def slug(text: str, *, limit: int = 48) -> str:
    """A file name for ``text``: lower-case ASCII letters, digits, underscores and single inner dashes.

    Two texts may have one slug; where that matters, an id goes beside it.

    Args:
        text: any text.
        limit: the greatest length, at least 1.

    Returns:
        1 to ``limit`` characters; never a name that Windows keeps for a device.

    Raises:
        ValueError: the limit is below 1.

    Example:
        >>> slug("Crème brûlée [x-../../y]"), slug("../.."), slug("CON")
        ('creme-brulee-x-y', 'x', 'con-x')
    """
    if limit < 1:
        raise ValueError(f"the limit of a slug is {limit}; give at least 1")
    folded = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    name = re.sub(r"[^a-z0-9_]+", "-", folded.lower()).strip("-")[:limit].rstrip("-") or "x"
    return f"{name[: limit - 2]}-x" if name in _RESERVED else name


@contextmanager
def _folder(folder: Path) -> Iterator[int | None]:
    """A descriptor of the folder, so that nobody can put a link in its place between two steps."""
    if not _HAS_FOLDER_DESCRIPTORS:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "the folder is a link", str(folder))
        yield None
        return
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        descriptor = os.open(folder, flags)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _fill(path: Path, files: Mapping[str, bytes], parent: int | None) -> None:
    for file in files:
        if not file or Path(file).name != file:
            raise ValueError(f"{file!r} is no plain file name")
    name = f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}"
    temporary, target = (name, path.name) if parent is not None else (str(path.parent / name), str(path))
    os.mkdir(temporary, dir_fd=parent)
    try:
        for file, data in files.items():
            inside = os.path.join(temporary, file)  # noqa: PTH118 - relative to a descriptor
            descriptor = os.open(inside, _NEW_FILE, 0o644, dir_fd=parent)
            with open(descriptor, "wb") as handle:  # noqa: PTH123 - a descriptor, not a path
                handle.write(data)
        os.rename(temporary, target, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException as error:
        for file in files:
            with suppress(OSError):
                os.unlink(os.path.join(temporary, file), dir_fd=parent)  # noqa: PTH118 - relative to a descriptor
        with suppress(OSError):
            os.rmdir(temporary, dir_fd=parent)
        if not (isinstance(error, OSError) and error.errno in {errno.ENOTEMPTY, errno.EEXIST}):
            raise


def _replace(path: Path, data: bytes, folder: int | None, *, durable: bool) -> None:
    if not path.name:
        raise OSError(errno.EISDIR, "the path names no file")
    name = f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}"
    temporary, target = (name, path.name) if folder is not None else (str(path.parent / name), str(path))
    descriptor = os.open(temporary, _NEW_FILE, 0o644, dir_fd=folder)
    try:
        with open(descriptor, "wb") as handle:  # noqa: PTH123 - a descriptor, not a path
            handle.write(data)
            if durable:
                handle.flush()
                os.fsync(descriptor)
        os.replace(temporary, target, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    if durable and folder is not None:
        os.fsync(folder)


def _write_error(path: Path, cause: OSError | ValueError) -> RecordWriteError:
    number = cause.errno if isinstance(cause, OSError) else errno.EINVAL
    reason = (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
    way_out = _WAYS_OUT.get(number or 0, "mend that")
    error = RecordWriteError(
        f"{visible(str(path))} was not written: {reason}; {way_out}, or choose another folder (--ophamin-dir)"
    )
    error.errno = number
    return error
