# SPDX-License-Identifier: Apache-2.0
"""The right to write to a folder: it is free for the command, it can be written to, and nobody else is writing there.

All of this is found out before anything is computed. The lock is a file that the system frees when the process ends,
however it ends; a system or a disk without such locks leaves two runs at one time to the care of the user.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from qmpt.errors import DataError

__all__ = ["LOCK_NAME", "Claim", "claim_folder", "releasing_claims", "require_writable"]

LOCK_NAME: Final = ".qmpt-lock"
"""It begins as temporary files do, for it is no part of the result either."""

_HELD_ELSEWHERE: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


class Claim:
    """A folder that this process alone writes to, until it is released or the command ends.

    Args:
        folder: it is made where it is missing; if nothing was written to it, it goes again.

    Raises:
        DataError: the folder cannot be written to, or another run is writing there.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "out"
        >>> claim = Claim(folder)
        >>> claim.release()
        >>> folder.exists()
        False
    """

    def __init__(self, folder: Path) -> None:
        self._made = [path for path in (folder, *folder.parents) if not path.exists()]
        self._lock = folder / LOCK_NAME
        self._descriptor: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            self.release()
            raise DataError(f"{folder} cannot be written to: {error.strerror}; give another --out") from None
        if not _locked(self._descriptor) or not self._is_current():
            os.close(self._descriptor)
            self._descriptor = None
            raise DataError(f"another run is writing to {folder}; wait until it has ended, or give another --out")
        _HELD.add(self)

    def release(self) -> None:
        """Let others write there; a second time does nothing."""
        _HELD.discard(self)
        if self._descriptor is not None:
            with suppress(OSError):
                self._lock.unlink()
            os.close(self._descriptor)
            self._descriptor = None
        with suppress(OSError):  # what is not empty stays
            for path in self._made:
                path.rmdir()
        self._made = []

    def _is_current(self) -> bool:
        """Whether the lock file is still the one that was opened, and not one that its owner has just removed."""
        assert self._descriptor is not None
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), self._lock.stat())
        return False


_HELD: Final[set[Claim]] = set()


@contextmanager
def releasing_claims() -> Iterator[None]:
    """Release at the end what was claimed within; so a command that failed keeps nobody out.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "out"
        >>> with releasing_claims():
        ...     _ = Claim(folder)
        >>> folder.exists()
        False
    """
    before = set(_HELD)
    try:
        yield
    finally:
        for claim in _HELD - before:
            claim.release()


def claim_folder(out: Path, command: str) -> Claim:
    """Take a folder for a command, before anything is computed.

    Args:
        out: empty, missing, or what the same command wrote before. Files that a killed process left are no obstacle.
        command: its name.

    Raises:
        DataError: it is a file, holds what another command or somebody else wrote, or see `Claim`.

    Example:
        >>> claim_folder(Path(__file__), "score")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        qmpt.errors.DataError: ...claims.py is a file; give another --out
    """
    _refuse_foreign(out, command)
    claim = Claim(out)
    try:
        _refuse_foreign(out, command)  # another run may have ended in between
    except DataError:
        claim.release()
        raise
    return claim


def _refuse_foreign(out: Path, command: str) -> None:
    from qmpt.data.files import TEMPORARY_PREFIX
    from qmpt.runs import FILE_NAME, read_run

    if out.is_file():
        raise DataError(f"{out} is a file; give another --out")
    if out.is_dir() and any(not one.name.startswith(TEMPORARY_PREFIX) for one in out.iterdir()):
        words = read_run(out).get("command", []) if (out / FILE_NAME).is_file() else []
        if words[1:2] != [command]:
            told = f"what `{' '.join(words[:2])}` wrote" if words else f"files and no {FILE_NAME}"
            raise DataError(f"{out} holds {told}; give another --out")


def require_writable(folder: Path) -> None:
    """Find out whether a file can be written to a folder; nothing stays there.

    Raises:
        DataError: it cannot.

    Example:
        >>> import tempfile
        >>> require_writable(Path(tempfile.mkdtemp()) / "new")
    """
    from qmpt.data.files import TEMPORARY_PREFIX

    made = [path for path in (folder, *folder.parents) if not path.exists()]
    probe = folder / f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise DataError(f"{folder} cannot be written to: {error.strerror}; give another --out") from None
    finally:
        with suppress(OSError):
            for path in made:
                path.rmdir()


def _locked(descriptor: int) -> bool:
    """Whether the lock is ours now; also where the system or the disk has no locks."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _HELD_ELSEWHERE
    return True
