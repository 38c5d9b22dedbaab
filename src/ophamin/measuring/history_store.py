# SPDX-License-Identifier: Apache-2.0
"""The files under the ledger of attempts: a lock, reads that trust nothing, and lines that are whole or not there.

Nothing here knows what an attempt is or says; `ophamin.measuring.history` does.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ophamin.core.files import TEMPORARY_PREFIX, write_atomic
from ophamin.core.text import visible
from ophamin.errors import OphaminError, RecordWriteError

__all__ = ["MAX_LINE_BYTES", "CaseBusyError", "CaseFiles", "End", "HistoryError", "HistoryWriteError"]

LOCK: Final = "lock"
MAX_LINE_BYTES: Final = 2**16
MAX_LINES_BYTES: Final = 8 * 2**20
"""All lines of one case; about 13 000 attempts."""

_HAS_FLOCK: Final = find_spec("fcntl") is not None
_TRIES: Final = 100
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class HistoryError(OphaminError):
    """The ledger of attempts is damaged, or was asked for what it does not hold."""


class HistoryWriteError(HistoryError, RecordWriteError):
    """The ledger could not be written; it says what it said before. ``errno`` is that of the system's error."""


class CaseBusyError(HistoryError):
    """Another handle has the case open.

    Attributes:
        pid: the process that holds it; None where the lock file does not say.
    """

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


@dataclass(frozen=True, slots=True)
class End:
    """Where a file of lines ends.

    Attributes:
        size: bytes of the lines that end in a newline, with it.
        torn: bytes after the last newline; a writer was killed there.
    """

    size: int = 0
    torn: int = 0


class CaseFiles:
    """The folder of one case, ``<root>/<id[:2]>/<id>``.

    Args:
        root: the folder of the ledger.
        case_id: 64 hex digits.
    """

    def __init__(self, root: Path, case_id: str) -> None:
        self.root = root
        self.case_id = case_id
        self.path = root / case_id[:2] / case_id
        self._lock = self.path / LOCK

    def damaged(self, name: str, problem: str) -> HistoryError:
        """The error that names a file of the case, what is wrong with it, and the way out."""
        return HistoryError(
            f"{self._spelled(name)}: {problem}. Restore it, or delete the folder {self._spelled('')} of the ledger "
            "to begin its attempts anew; --ophamin-fresh does not repair it"
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the case alone.

        The lock is a file in the case's folder, so the folder is made where it is missing; the file goes at the end,
        and with it the folders that are then empty. Where the system has ``flock`` the lock ends with its process,
        however that ends. Elsewhere the file itself is the lock and a killed process leaves it behind.

        Raises:
            CaseBusyError: another handle holds it, in this process or another.
            HistoryError: a link stands in the place of a folder or of the lock.
            HistoryWriteError: the folder or the lock file cannot be made.
        """
        folders = (self.path, *self.path.parents)
        made = [folder for folder in folders if not os.path.exists(folder)]  # noqa: PTH110 - it raises nothing
        try:
            descriptor = self._acquire()
            try:
                yield
            finally:
                self._release(descriptor)
        finally:
            with suppress(OSError):  # the first one that is not empty ends it
                for folder in dict.fromkeys((self.path, self.path.parent, *made)):
                    folder.rmdir()

    def names(self) -> list[str]:
        """The names in the folder, sorted; none where there is no folder.

        Raises:
            HistoryError: a link or a file stands in its place, or it cannot be read.
        """
        self._refuse_links()
        try:
            return sorted(os.listdir(self.path))  # noqa: PTH208 - names are all that is wanted
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self.damaged("", f"the folder cannot be read ({error.strerror})") from error

    def read(self, name: str, limit: int) -> bytes | None:
        """All bytes of a regular file of the case, or None where there is none.

        Raises:
            HistoryError: a link, a folder or a pipe stands there, it cannot be read, or it is larger than ``limit``.
        """
        path = self.path / name
        self._refuse_links()
        if path.is_symlink():
            raise self.damaged(name, "a link stands in the place of the file")
        try:
            return self._read_regular(path, limit)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.damaged(name, f"it cannot be read ({error.strerror})") from error

    def lines(self, name: str) -> tuple[list[bytes], End]:
        """The whole lines of a file, without newlines, and where it ends; none where there is no file.

        Raises:
            HistoryError: as `read`; the file is larger than 8 MiB, or its last, unfinished line than 64 KiB.
        """
        data = self.read(name, MAX_LINES_BYTES)
        if not data:
            return [], End()
        *whole, last = data.split(b"\n")
        if len(last) > MAX_LINE_BYTES:
            raise self.damaged(name, f"it ends in a line of {len(last)} bytes; the limit is {MAX_LINE_BYTES}")
        return whole, End(len(data) - len(last), len(last))

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file of the case and wait until the disk has it.

        Raises:
            HistoryWriteError: it was not written; what was there before is there still.
        """
        try:
            write_atomic(self.path / name, data, durable=True)
        except RecordWriteError as cause:
            raise self._unwritten(name, cause) from cause

    def ignore_by_git(self) -> None:
        """Keep git from taking the ledger in, unless the user has decided on that: a ``.gitignore`` is left alone.

        Raises:
            HistoryWriteError: the file was not written.
        """
        if os.path.lexists(self.root / ".gitignore"):
            return
        try:
            write_atomic(self.root.resolve() / ".gitignore", b"*\n")
        except RecordWriteError as cause:
            raise self._unwritten("../../.gitignore", cause) from cause

    def sweep(self) -> None:
        """Remove the temporary files that a killed writer left."""
        for name in self.names():
            if name.startswith(TEMPORARY_PREFIX):
                with suppress(OSError):
                    (self.path / name).unlink()

    def append_line(self, name: str, line: bytes, end: End) -> End:
        """Add a line to a file and wait until the disk has it; a torn end is cut off first.

        Args:
            name: the file.
            line: without newline.
            end: where the file ended when it was read or last written under this lock.

        Returns:
            Where it ends now.

        Raises:
            HistoryError: the file is no longer as it was found, or is full.
            HistoryWriteError: the line was not written, and nothing of it is left.
        """
        size = end.size + len(line) + 1
        if len(line) > MAX_LINE_BYTES or size > MAX_LINES_BYTES:
            raise HistoryError(
                f"{self._spelled(name)}: a line of {len(line)} bytes would make it {size} bytes; the limits are "
                f"{MAX_LINE_BYTES} and {MAX_LINES_BYTES}. Commit a change to begin another case"
            )
        try:
            self._append(name, line + b"\n", end)
        except OSError as cause:
            raise self._unwritten(name, cause) from cause
        return End(size)

    def _append(self, name: str, data: bytes, end: End) -> None:
        # Only where none was found a file is made: one that vanished meanwhile must not come back empty.
        create = 0 if end.size + end.torn else os.O_CREAT
        descriptor = os.open(self.path / name, os.O_WRONLY | create | _PLAIN, 0o644)
        try:
            facts = os.fstat(descriptor)
            # Without its torn end it is the file that an append which failed left.
            if not stat.S_ISREG(facts.st_mode) or facts.st_size not in {end.size, end.size + end.torn}:
                raise HistoryError(
                    f"{self._spelled(name)}: changed by others while the case was locked; not written, so run again"
                )
            if not end.size:
                self._sync_folders()
            _write_at(descriptor, data, end.size)
        finally:
            os.close(descriptor)

    def _acquire(self) -> int:
        for _ in range(_TRIES):
            self._refuse_links()
            if self._lock.is_symlink():
                raise self.damaged(LOCK, "a link stands in the place of the file")
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                descriptor = self._take() if _HAS_FLOCK else self._take_by_existence()
            except FileNotFoundError:
                continue  # a holder that left removed the folder between the two steps
            except OSError as cause:
                raise self._unwritten(LOCK, cause) from cause
            if descriptor is not None:
                with suppress(OSError):  # on a full disk the lock holds all the same
                    os.write(descriptor, b"%d\n" % os.getpid())
                return descriptor
        raise HistoryError(f"{self._spelled(LOCK)}: vanished {_TRIES} times while it was taken; run again")

    def _take(self) -> int | None:
        """A descriptor under an exclusive ``flock``; None where the file was removed before it was ours."""
        import fcntl

        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | _PLAIN, 0o644)
        ours = False
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise self.damaged(LOCK, "this is no regular file")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = self._is_current(descriptor)
            if ours:
                os.ftruncate(descriptor, 0)
        except BlockingIOError:
            raise self._busy(_pid_in(descriptor), "wait for that to end, or end it") from None
        finally:
            if not ours:
                os.close(descriptor)
        return descriptor if ours else None

    def _take_by_existence(self) -> int:
        try:
            return os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN, 0o644)
        except FileExistsError:
            descriptor = os.open(self._lock, os.O_RDONLY | _PLAIN)
            try:
                pid = _pid_in(descriptor)
            finally:
                os.close(descriptor)
            way_out = (
                "wait for that to end. This system has no lock that ends with its process: where that process is gone, "
                f"delete {self._spelled(LOCK)}"
            )
            raise self._busy(pid, way_out) from None

    def _release(self, descriptor: int) -> None:
        if not _HAS_FLOCK:
            os.close(descriptor)  # Windows removes no open file
            self._lock.unlink(missing_ok=True)
            return
        # Not all is done by closing: a forked child that lives on has the descriptor too.
        with suppress(OSError):
            if self._is_current(descriptor):
                self._lock.unlink()
        os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        """Whether the lock file is still the one that was opened."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._lock.lstat())
        except FileNotFoundError:
            return False

    def _busy(self, pid: int | None, way_out: str) -> CaseBusyError:
        if pid == os.getpid():
            holder, way_out = f"this process ({pid})", "close that handle first"
        else:
            holder = "another process" if pid is None else f"process {pid}"
        return CaseBusyError(f"{self._spelled('')}: {holder} has this case of the ledger open; {way_out}", pid)

    def _refuse_links(self) -> None:
        for folder in (self.path.parent, self.path):
            if folder.is_symlink():
                raise self.damaged("", f"a link stands in the place of the folder {folder.name}")

    def _read_regular(self, path: Path, limit: int) -> bytes:
        descriptor = os.open(path, os.O_RDONLY | _PLAIN)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise self.damaged(path.name, "this is no regular file")
            if facts.st_size > limit:
                raise self.damaged(path.name, f"{facts.st_size} bytes; the limit is {limit}")
            with open(descriptor, "rb", closefd=False) as handle:
                return handle.read(limit)
        finally:
            os.close(descriptor)

    def _unwritten(self, name: str, cause: OSError) -> HistoryWriteError:
        number = cause.errno or errno.EIO
        error = HistoryWriteError(
            f"{self._spelled(name)} was not written: {os.strerror(number)}; the ledger says what it said before. "
            f"See that {visible(str(self.root))} is a folder that is writable and has room, then run again"
        )
        error.errno = number
        return error

    def _sync_folders(self) -> None:
        if hasattr(os, "O_DIRECTORY"):
            for folder in (self.path, self.path.parent, self.root):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def _spelled(self, name: str) -> str:
        """A file of the case, or its folder, relative to the ledger."""
        return os.path.normpath(f"{self.case_id[:2]}/{self.case_id}/{name}").replace(os.sep, "/")


def _write_at(descriptor: int, data: bytes, size: int) -> None:
    """Write ``data`` at ``size`` and nothing beyond it; where that fails, the file ends at ``size``."""
    os.ftruncate(descriptor, size)
    os.lseek(descriptor, size, os.SEEK_SET)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _pid_in(descriptor: int) -> int | None:
    """The pid in a lock file of another holder."""
    text = os.read(descriptor, 32).strip()
    return int(text) if text.isdigit() else None
